"""Groups under kill -9: raw members and committers that never stop, each held against what all of them were told. What is wrong is said at the moment it is seen.

Committers  one alone on a place, so that the place is a register: what is committed is the last that was acknowledged, or one that was sent after it and never answered
Team        three classic members of a group over six partitions. A generation has one owner for each partition; a commit that is sent when a later generation is known to stand is
            refused; who takes a partition over finds at least what was acknowledged to those before
Crew        three members of the consumer protocol over six partitions. What a member was given and has not given up, no other one is given

Only what was answered counts: a generation counts from its first answered SyncGroup on, for that is when it must be durable.
Thread      each member has its own; ``Ledger`` has a lock
"""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from tests.support.broker import AnyBroker
from tests.support.consumer_groups import ConsumerGroups, ConsumerMember
from tests.support.groups import (
    COORDINATOR_LOAD_IN_PROGRESS,
    COORDINATOR_NOT_AVAILABLE,
    FENCED_MEMBER_EPOCH,
    ILLEGAL_GENERATION,
    MEMBER_ID_REQUIRED,
    NOT_COORDINATOR,
    REBALANCE_IN_PROGRESS,
    UNKNOWN_MEMBER_ID,
    Member,
    assignment,
    commit,
    fetch,
    subscription,
)
from tests.support.kafka import NONE
from tests.support.wire import Closed, Connection

PARTITIONS: Final = 6
MEMBERS: Final = 3
CONNECT_S_MAX: Final = 30.0
STEPS_MAX: Final = 12
"""Heartbeats and commits of a member in one generation before it may do something else."""
BROKEN: Final = (Closed, ConnectionError, BrokenPipeError, TimeoutError)
PASSING: Final = (COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, REBALANCE_IN_PROGRESS, ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID)
"""What a member may be told at any time, and begins again after."""


class Ledger:
    """What everybody was told. ``news`` is told of each acknowledgement; ``broken`` is the first thing that was wrong."""

    def __init__(self) -> None:
        self.news = threading.Condition()
        self.stopping = threading.Event()
        self.acked = 0
        self.generations = 0
        self.broken: BaseException | None = None
        self._owners: dict[tuple[str, int, int], str] = {}
        self._stands: dict[str, int] = defaultdict(int)
        self._places: dict[tuple[str, int], int] = defaultdict(int)
        self._tried: dict[tuple[str, int], int] = defaultdict(int)
        self._held: dict[tuple[str, int], str] = {}

    def give_up(self, error: BaseException) -> None:
        with self.news:
            self.broken = self.broken or error
            self.stopping.set()
            self.news.notify_all()

    def note_ack(self) -> None:
        with self.news:
            self.acked += 1
            self.news.notify_all()

    def wait_acks(self, more: int, within_s: float) -> None:
        with self.news:
            goal = self.acked + more
            assert self.news.wait_for(lambda: self.acked >= goal or self.broken is not None, within_s), f"fewer than {more} acknowledgements within {within_s} s"

    # ---- teams

    def stands(self, group: str) -> int:
        """The latest generation that is known to have had an answered sync."""
        with self.news:
            return self._stands[group]

    def note_generation(self, group: str, generation: int, known: int, member: str, owned: list[int]) -> None:
        """``known``: what stood when the sync was sent."""
        with self.news:
            assert generation >= known, f"{group}: generation {generation} was synced after {known}"
            self.generations += generation > self._stands[group]
            self._stands[group] = max(self._stands[group], generation)
            for partition in owned:
                other = self._owners.setdefault((group, generation, partition), member)
                assert other == member, f"{group}: {partition} belongs to {other} and to {member} in generation {generation}"

    def try_place(self, group: str, partition: int, offset: int) -> None:
        with self.news:
            self._tried[group, partition] = max(self._tried[group, partition], offset)

    def note_place(self, group: str, partition: int, offset: int, generation: int, known: int) -> None:
        with self.news:
            assert generation >= known, f"{group}: a commit of generation {generation} was taken though {known} stood before it was sent"
            self._places[group, partition] = max(self._places[group, partition], offset)
        self.note_ack()

    def place(self, group: str, partition: int) -> int:
        with self.news:
            return self._places[group, partition]

    def check_place(self, group: str, partition: int, found: int, least: int) -> None:
        with self.news:
            most = self._tried[group, partition]
            assert least <= found <= most, f"{group}: {found} is committed for {partition}; {least} was acknowledged before, {most} is the most that was sent"

    # ---- crews

    def note_given(self, group: str, member: str, owned: list[int]) -> None:
        with self.news:
            for partition in owned:
                other = self._held.setdefault((group, partition), member)
                assert other == member, f"{group}: {partition} was given to {member} while {other} has it"

    def note_given_up(self, group: str, member: str, kept: list[int]) -> None:
        with self.news:
            for place in [place for place, one in self._held.items() if one == member and place[0] == group and place[1] not in kept]:
                del self._held[place]


class Worker:
    """A thread that goes on until the ledger says stop, through any number of broken connections. What it finds wrong ends the run."""

    def __init__(self, name: str, ledger: Ledger, broker: AnyBroker, seed: str) -> None:
        self.name, self.ledger, self.broker = name, ledger, broker
        self.random = random.Random(f"{seed}/{name}")
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def connect(self) -> Connection:
        """Waits for the broker."""
        deadline = time.monotonic() + CONNECT_S_MAX
        while True:
            try:
                return Connection(self.broker.address)
            except OSError:
                assert time.monotonic() < deadline, "the broker is away for too long"
                self.ledger.stopping.wait(0.01)

    def _run(self) -> None:
        try:
            while not self.ledger.stopping.is_set():
                try:
                    self.live()
                except BROKEN:
                    continue
        except BaseException as error:
            error.add_note(self.name)
            self.ledger.give_up(error)

    def live(self) -> None:
        """Until the connection breaks or the ledger says stop."""
        raise NotImplementedError

    def pause(self) -> None:
        self.ledger.stopping.wait(0.002)


class Committer(Worker):
    """Alone on one place."""

    def __init__(self, name: str, ledger: Ledger, broker: AnyBroker, seed: str, topic: str) -> None:
        self.topic, self.sure, self.sent = topic, -1, -1
        super().__init__(name, ledger, broker, seed)

    def live(self) -> None:
        with self.connect() as connection:
            row = self._answered(lambda: fetch(connection, self.name, [(self.topic, [0])])[self.topic, 0])
            assert row[3] == NONE and self.sure <= row[0] <= self.sent, f"{self.name}: {row} is committed; {self.sure} was acknowledged, {self.sent} was the last sent"
            self.sure = row[0]
            while not self.ledger.stopping.is_set():
                self.sent += 1
                code = commit(connection, self.name, [(self.topic, 0, self.sent)], metadata=f"{self.sent}")[0][2]
                if code == NONE:
                    self.sure = self.sent
                    self.ledger.note_ack()
                else:
                    assert code in PASSING[:3], code
                    self.pause()

    def _answered(self, ask: Callable[[], Any]) -> Any:
        """A group that is being loaded says so in the group's error, which ``fetch`` asserts: asked again."""
        deadline = time.monotonic() + CONNECT_S_MAX
        while True:
            try:
                return ask()
            except AssertionError as error:
                if isinstance(error, Closed) or time.monotonic() > deadline:
                    raise
                self.pause()


class TeamMember(Worker):
    """One classic member; who leads deals the partitions round."""

    def __init__(self, name: str, ledger: Ledger, broker: AnyBroker, seed: str, topic: str, group: str) -> None:
        self.topic, self.group, self.member_id = topic, group, ""
        super().__init__(name, ledger, broker, seed)

    def live(self) -> None:
        member = Member.__new__(Member)
        member.connection = self.connect()
        member.group, member.instance, member.protocol_type = self.group, None, "consumer"
        member.protocols, member.session_ms, member.rebalance_ms = [("range", subscription(self.topic))], 1000, 200
        member.member_id, member.generation, member.leader = self.member_id, -1, ""
        member._joins, member._syncs = [], []
        try:
            while not self.ledger.stopping.is_set():
                self._generation(member)
        finally:
            self.member_id = member.member_id
            member.close()

    def _generation(self, member: Member) -> None:
        answer = member.try_join()
        if answer.error_code != NONE:
            assert answer.error_code in (*PASSING, MEMBER_ID_REQUIRED), answer
            if answer.error_code == UNKNOWN_MEMBER_ID:
                member.member_id = ""
            return self.pause()
        known = self.ledger.stands(self.group)
        dealt: dict[str, bytes] = {}
        if answer.members:
            ids = sorted(row.member_id for row in answer.members)
            dealt = {one: assignment({self.topic: list(range(number, PARTITIONS, len(ids)))}) for number, one in enumerate(ids)}
        synced = member.try_sync(dealt)
        if synced.error_code != NONE:
            assert synced.error_code in PASSING, synced
            return self.pause()
        owned = _dealt(synced.assignment)
        self.ledger.note_generation(self.group, member.generation, known, member.member_id, owned)
        return self._work(member, owned)

    def _work(self, member: Member, owned: list[int]) -> None:
        least = {partition: self.ledger.place(self.group, partition) for partition in owned}
        found = fetch(member.connection, self.group, [(self.topic, owned)])
        places = {partition: max(0, found[self.topic, partition][0]) for partition in owned}
        if member.heartbeat() == NONE:                                      # still the owner after the read: then what was read is what counts
            for partition, place in places.items():
                self.ledger.check_place(self.group, partition, place, least[partition])
        for _ in range(self.random.randint(1, STEPS_MAX)):
            if self.ledger.stopping.is_set():
                return
            code = self._commit_one(member, places)
            if code != NONE:
                assert code in PASSING, code
                return
        if self.random.random() < 0.1:
            member.leave()
            member.member_id = ""

    def _commit_one(self, member: Member, places: dict[int, int]) -> int:
        if not places:
            self.pause()
            return member.heartbeat()
        partition = self.random.choice(list(places))
        known = self.ledger.stands(self.group)
        self.ledger.try_place(self.group, partition, places[partition] + 1)
        code = member.commit(self.topic, places[partition] + 1, partition=partition)
        if code == NONE:
            places[partition] += 1
            self.ledger.note_place(self.group, partition, places[partition], member.generation, known)
        return code or member.heartbeat()


def _dealt(data: bytes) -> list[int]:
    from pybroker.protocol.messages.consumer_protocol import ConsumerProtocolAssignment

    if not data:
        return []
    found, _ = ConsumerProtocolAssignment.decode(data, int.from_bytes(data[:2], "big"), 2)
    return [index for row in found.assigned_partitions for index in row.partitions]


class CrewMember(Worker):
    """One member of the consumer protocol."""

    def __init__(self, name: str, ledger: Ledger, groups: ConsumerGroups, seed: str, topic: str, group: str) -> None:
        self.topic = topic
        self.member = ConsumerMember(groups, group, [topic])
        self.member.close()
        super().__init__(name, ledger, groups.broker, seed)

    def live(self) -> None:
        member = self.member
        member.connection = self.connect()
        try:
            while not self.ledger.stopping.is_set():
                self._step(member)
        finally:
            member.close()

    def _step(self, member: ConsumerMember) -> None:
        fields: dict[str, Any] = member.join_fields() if member.epoch == 0 else {}
        if member.epoch > 0 and (self.random.random() < 0.5 or member.owned != member.assigned):
            member.owned = dict(member.assigned)
            self.ledger.note_given_up(member.group, member.member_id, member.owned.get(self.topic, []))
            fields = {"topic_partitions": member.rows(member.owned), "subscribed_topic_names": [self.topic], "rebalance_timeout_ms": member.rebalance_ms}
        answer = member.send(**fields)
        if answer.error_code in (FENCED_MEMBER_EPOCH, UNKNOWN_MEMBER_ID):
            self._begin_again(member)
        elif answer.error_code == NONE:
            self._take(member, answer)
            if self.random.random() < 0.01:
                self._begin_again(member)
                member.leave()
        else:
            assert answer.error_code in PASSING, answer
        self.pause()

    def _begin_again(self, member: ConsumerMember) -> None:
        member.epoch, member.owned, member.assigned = 0, {}, {}
        self.ledger.note_given_up(member.group, member.member_id, [])

    def _take(self, member: ConsumerMember, answer: Any) -> None:
        assert answer.member_epoch >= member.epoch, f"{member.group}: epoch {answer.member_epoch} after {member.epoch}"
        member.epoch = answer.member_epoch
        if answer.assignment is not None:
            given = sorted(index for row in answer.assignment.topic_partitions for index in row.partitions)
            member.assigned = {self.topic: given} if given else {}
            self.ledger.note_given(member.group, member.member_id, given)
        self.ledger.note_ack()


def run(broker: AnyBroker, seed: str, cycles: int, fault: Callable[[], None], *, committers: int = 4, teams: int = 2, crews: int = 2) -> Ledger:
    """``cycles`` faults, each after some acknowledgements that the seed decides. Raises what was found wrong."""
    groups = ConsumerGroups(broker)
    topic = groups.topic(PARTITIONS)
    ledger, chance = Ledger(), random.Random(seed)
    workers: list[Worker] = [Committer(f"{topic}-committer-{number}", ledger, broker, seed, topic) for number in range(committers)]
    for number in range(teams):
        workers += [TeamMember(f"team-{number}-{one}", ledger, broker, seed, topic, f"{topic}-team-{number}") for one in range(MEMBERS)]
    for number in range(crews):
        workers += [CrewMember(f"crew-{number}-{one}", ledger, groups, seed, topic, f"{topic}-crew-{number}") for one in range(MEMBERS)]
    try:
        for _ in range(cycles):
            ledger.wait_acks(chance.randint(1, 4000), 60)
            if ledger.broken is not None:
                break
            fault()
        ledger.wait_acks(500, 60)
    finally:
        ledger.stopping.set()
        for worker in workers:
            worker.thread.join(60)
        groups.close()
    if ledger.broken is not None:
        raise ledger.broken
    assert not any(worker.thread.is_alive() for worker in workers)
    return ledger
