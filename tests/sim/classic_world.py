"""A classic group in virtual time: consumers that join, leave, freeze, commit, and a coordinator whose log may lose its tail.

Everything follows from the seed. The coordinator is the real one, without runtime, sockets or clock: requests are calls, answers come when the records that were made before
them are in the log, and a crash throws away what was not.

Checked at every step
    S1  in one generation no partition is given to two members
    S2  no partition is without an owner for longer than session and rebalance time-out and 5 s, while somebody is there who could own it
    S3  no committed offset goes back
    S4  the log, replayed, tells the same as the coordinator's memory
"""

import random
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from pybroker.coordinator.effects import Record, Turn
from pybroker.coordinator.group.classic import ClassicGroups
from pybroker.coordinator.group.classic_rebalance import Settings
from pybroker.coordinator.group.consumer import ConsumerGroups
from pybroker.coordinator.group.shard import Commit, Shard
from pybroker.metadata.image import Image
from pybroker.protocol import errors
from pybroker.protocol.messages.k11_join_group import JoinGroupRequest, JoinGroupRequestProtocol
from pybroker.protocol.messages.k12_heartbeat import HeartbeatRequest
from pybroker.protocol.messages.k13_leave_group import LeaveGroupRequest, MemberIdentity
from pybroker.protocol.messages.k14_sync_group import SyncGroupRequest, SyncGroupRequestAssignment

GROUP, TOPIC, PARTITIONS = "group", "topic", 6
SESSION_MS, REBALANCE_MS, HEARTBEAT_MS = 10_000, 6_000, 1_000
UNOWNED_MS_MAX = SESSION_MS + REBALANCE_MS + 5_000
SETTINGS = Settings(session_ms_min=1000, session_ms_max=60_000, members_max=100, initial_delay_ms=0, metadata_bytes_max=1 << 20)
RETRIABLE = frozenset({errors.CoordinatorLoadInProgress.code, errors.CoordinatorNotAvailable.code, errors.NotCoordinator.code})


class Broken(AssertionError):
    """An invariant does not hold."""


@dataclass(eq=False)
class Consumer:
    """A client as the real ones behave."""

    number: int
    instance: str | None
    member_id: str = ""
    generation: int = -1
    owned: frozenset[int] = frozenset()
    frozen_until: int = 0
    waits: object = None                                    # token of the request that is out
    life: int = 0                                           # counted up by everything that makes events of before void
    gone: bool = False
    positions: dict[int, int] = field(default_factory=dict)
    active_since: int = 0


class World:
    """One run."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 0
        self.events: list[tuple[int, int, Any]] = []
        self.order = 0
        self.log: list[Record] = []
        self.undurable: list[tuple[list[Record], list[tuple[Any, Any]]]] = []
        self.consumers: list[Consumer] = []
        self.waiting: dict[int, tuple[object, Consumer, str]] = {}
        self.next_id = 0
        self.given: dict[int, dict[int, str]] = {}          # generation -> partition -> member
        self.committed: dict[int, int] = {}
        self.owned_since_ms = [0] * PARTITIONS
        self.rebalances = 0
        self.shard = self.new_shard()

    # ---- the coordinator

    def new_shard(self) -> Shard:
        def new_id() -> str:
            self.next_id += 1
            return f"id{self.next_id}"

        classic = ClassicGroups(lambda: SETTINGS, new_id, lambda group, member: None)
        consumer = ConsumerGroups(Image(version=0), lambda group: None, new_id)  # type: ignore[arg-type, return-value]
        return Shard(classic, consumer, retention_ms=lambda: 1 << 60, new_id=new_id, groups_max=lambda: 1000)

    def wall(self) -> int:
        return 1_700_000_000_000 + self.now

    def ask(self, consumer: Consumer, what: str, work: Any) -> None:
        """A request; its answer comes by ``told``."""
        turn, token = Turn(self.now, self.wall()), object()
        consumer.waits = token
        self.waiting[id(token)] = (token, consumer, what)
        try:
            answer = work(self.shard, turn, token)
        except errors.KafkaError as error:
            answer = error
        if answer is not None:
            turn.answers.append((token, answer))
        self.finish(turn)

    def finish(self, turn: Turn) -> None:
        if turn.records:
            self.undurable.append((list(turn.records), list(turn.answers)))
            self.later(self.random.choice((0, 1, 5, 50)), self.sync)
        elif self.undurable:
            self.undurable[-1][1].extend(turn.answers)
        else:
            self.deliver(turn.answers)
        self.arm()

    def arm(self) -> None:
        due = self.shard.next_deadline_ms()
        if due is not None:
            self.at(max(due, self.now), self.tick)

    def tick(self) -> None:
        if (due := self.shard.next_deadline_ms()) is not None and due <= self.now:
            turn = Turn(self.now, self.wall())
            self.shard.expire(turn)
            self.finish(turn)

    def sync(self) -> None:
        """All that was written is durable."""
        done, self.undurable = self.undurable, []
        for records, answers in done:
            self.log += records
            self.deliver(answers)
        self.check_replay()

    def crash(self) -> None:
        """The tail that was not durable is lost; who waits is told to come again."""
        self.undurable.clear()
        self.shard = self.replayed()
        self.shard.loaded(self.now, self.wall())
        self.arm()
        for token, _consumer, _what in list(self.waiting.values()):
            self.deliver([(token, errors.CoordinatorNotAvailable())])

    def replayed(self) -> Shard:
        shard = self.new_shard()
        for record in self.log:
            shard.replay(record.key, record.value)
        if shard.skipped:
            raise Broken(f"{shard.skipped} records of our own cannot be read")
        return shard

    def deliver(self, answers: list[tuple[Any, Any]]) -> None:
        for token, answer in answers:
            found = self.waiting.pop(id(token), None)
            if found is not None:
                _, consumer, what = found
                self.later(self.random.choice((0, 1, 3)), lambda consumer=consumer, what=what, answer=answer, token=token, life=consumer.life: self.told(consumer, what, answer, token, life))

    # ---- events

    def at(self, when: int, action: Any) -> None:
        self.order += 1
        heappush(self.events, (when, self.order, action))

    def later(self, ms: int, action: Any) -> None:
        self.at(self.now + ms, action)

    def run(self, steps: int) -> None:
        self.later(0, self.chance)
        for _ in range(steps):
            if not self.events:
                break
            when, _, action = heappop(self.events)
            self.now = max(self.now, when)
            action()
            self.check_owners()

    def chance(self) -> None:
        """Something happens to the application."""
        alive = [one for one in self.consumers if not one.gone]
        pick = self.random.random()
        if pick < 0.35 and len(alive) < 5:
            self.arrive()
        elif pick < 0.5 and alive:
            self.leave(self.random.choice(alive))
        elif pick < 0.6 and alive:
            self.die(self.random.choice(alive))
        elif pick < 0.75 and alive:
            self.random.choice(alive).frozen_until = self.now + self.random.choice((500, 5_000, 25_000))
        elif pick < 0.85:
            self.crash()
        self.later(self.random.choice((10, 100, 1_000, 8_000, 30_000)), self.chance)

    # ---- consumers

    def arrive(self) -> None:
        number = len(self.consumers)
        names = {one.instance for one in self.consumers if not one.gone}
        instance = next((name for name in (f"static{self.random.randrange(3)}",) if name not in names), None) if self.random.random() < 0.3 else None
        consumer = Consumer(number, instance, active_since=self.now)
        self.consumers.append(consumer)
        self.join(consumer)

    def acts(self, consumer: Consumer, life: int, again: Any) -> bool:
        """Whether it is there to act; a frozen one does it later."""
        if consumer.gone or consumer.life != life:
            return False
        if consumer.frozen_until > self.now:
            self.at(consumer.frozen_until, again)
            return False
        return True

    def join(self, consumer: Consumer) -> None:
        consumer.life += 1
        consumer.owned = frozenset()
        request = JoinGroupRequest(group_id=GROUP, session_timeout_ms=SESSION_MS, rebalance_timeout_ms=REBALANCE_MS, member_id=consumer.member_id, group_instance_id=consumer.instance,
                                   protocol_type="consumer", protocols=[JoinGroupRequestProtocol(name="range", metadata=b"x")])  # fmt: skip
        self.ask(consumer, "join", lambda shard, turn, token: shard.join(request, 9, "client", "/host", token, turn))

    def told(self, consumer: Consumer, what: str, answer: Any, token: object, life: int) -> None:
        if not self.acts(consumer, life, lambda: self.told(consumer, what, answer, token, life)):
            return
        if consumer.waits is token:
            consumer.waits = None
        code = answer.code if isinstance(answer, errors.KafkaError) else getattr(answer, "error_code", 0)
        {"join": self.on_join, "sync": self.on_sync, "heartbeat": self.on_heartbeat, "commit": self.on_commit}[what](consumer, code, answer)

    def retry(self, consumer: Consumer, code: int) -> None:
        if code == errors.FencedInstanceId.code:
            consumer.gone = True
            return
        if code == errors.UnknownMemberId.code:
            consumer.member_id = ""
        life = consumer.life
        self.later(100 if code in RETRIABLE else 10, lambda: self.acts(consumer, life, lambda: self.retry(consumer, 0)) and self.join(consumer))

    def on_join(self, consumer: Consumer, code: int, answer: Any) -> None:
        if code == errors.MemberIdRequired.code:
            consumer.member_id = answer.member_id
            self.join(consumer)
            return
        if code:
            self.retry(consumer, code)
            return
        consumer.member_id, consumer.generation = answer.member_id, answer.generation_id
        parts: list[SyncGroupRequestAssignment] = []
        if answer.leader == consumer.member_id and not answer.skip_assignment:
            names = sorted(member.member_id for member in answer.members)
            parts = [SyncGroupRequestAssignment(member_id=name, assignment=bytes(range(place, PARTITIONS, len(names)))) for place, name in enumerate(names)]
        request = SyncGroupRequest(group_id=GROUP, generation_id=consumer.generation, member_id=consumer.member_id, group_instance_id=consumer.instance, protocol_type="consumer",
                                   protocol_name="range", assignments=parts)  # fmt: skip
        self.ask(consumer, "sync", lambda shard, turn, token: shard.sync(request, 5, token, turn))

    def on_sync(self, consumer: Consumer, code: int, answer: Any) -> None:
        if code:
            self.retry(consumer, code)
            return
        consumer.owned = frozenset(answer.assignment)
        consumer.positions = {partition: self.committed.get(partition, 0) for partition in consumer.owned}
        given = self.given.setdefault(consumer.generation, {})
        for partition in consumer.owned:
            other = given.setdefault(partition, consumer.member_id)
            if other != consumer.member_id and not self.is_replaced(other):
                raise Broken(f"partition {partition} of generation {consumer.generation} belongs to {other} and {consumer.member_id}")
            given[partition] = consumer.member_id
        self.beat(consumer, consumer.life)

    def is_replaced(self, member_id: str) -> bool:
        """A static member that came back under a new id: the old id is no member any more."""
        group = self.shard.classic.groups.get(GROUP)
        return group is None or member_id not in group.members

    def beat(self, consumer: Consumer, life: int) -> None:
        if not self.acts(consumer, life, lambda: self.beat(consumer, life)):
            return
        if consumer.owned and self.random.random() < 0.5:
            self.commit(consumer)
        request = HeartbeatRequest(group_id=GROUP, generation_id=consumer.generation, member_id=consumer.member_id, group_instance_id=consumer.instance)
        self.ask(consumer, "heartbeat", lambda shard, turn, token: shard.heartbeat(request, turn))

    def on_heartbeat(self, consumer: Consumer, code: int, answer: Any) -> None:
        life = consumer.life
        if code == 0 or code in RETRIABLE:
            self.later(HEARTBEAT_MS, lambda: self.beat(consumer, life))
        else:
            self.retry(consumer, code)

    def commit(self, consumer: Consumer) -> None:
        partition = self.random.choice(sorted(consumer.owned))
        consumer.positions[partition] += self.random.randrange(1, 10)
        wish = Commit(TOPIC, partition, consumer.positions[partition], 0, "")

        def work(shard: Shard, turn: Turn, token: Any) -> Any:
            shard.commit(GROUP, consumer.member_id, consumer.instance, consumer.generation, 8, [wish], turn)
            if wish.offset < self.committed.get(partition, 0):
                raise Broken(f"offset of partition {partition} goes back from {self.committed[partition]} to {wish.offset} (generation {consumer.generation})")
            self.committed[partition] = wish.offset
            return 0

        before = consumer.waits
        self.ask(consumer, "commit", work)
        consumer.waits = before

    def on_commit(self, consumer: Consumer, code: int, answer: Any) -> None:
        if code:
            stored = self.shard.offsets.of_group(GROUP).get(TOPIC, {})
            self.committed = {partition: one.offset for partition, one in stored.items()}

    def leave(self, consumer: Consumer) -> None:
        consumer.gone = True
        if consumer.member_id and consumer.instance is None:
            request = LeaveGroupRequest(group_id=GROUP, members=[MemberIdentity(member_id=consumer.member_id)])
            self.ask(consumer, "leave", lambda shard, turn, token: shard.leave(request, 5, turn))

    def die(self, consumer: Consumer) -> None:
        """The process is gone. The broker learns of it where a request was parked."""
        consumer.gone = True
        token = consumer.waits
        if token is not None and id(token) in self.waiting and self.random.random() < 0.7:
            turn = Turn(self.now, self.wall())
            self.shard.classic.disconnected(GROUP, token, turn)
            self.finish(turn)

    # ---- invariants

    def check_owners(self) -> None:
        acting = [one for one in self.consumers if not one.gone and one.frozen_until <= self.now]
        steady = [one for one in acting if one.active_since <= self.now - UNOWNED_MS_MAX]
        owned = {partition for one in acting for partition in one.owned}
        disturbed = not steady or any(not one.gone and one.frozen_until > self.now - UNOWNED_MS_MAX for one in self.consumers)
        for partition in range(PARTITIONS):
            if partition in owned or disturbed:
                self.owned_since_ms[partition] = self.now
            elif self.now - self.owned_since_ms[partition] > 2 * UNOWNED_MS_MAX:
                group = self.shard.classic.groups.get(GROUP)
                raise Broken(f"partition {partition} has had no owner since {self.owned_since_ms[partition]}, it is {self.now}; the group is {group and group.state}")

    def check_replay(self) -> None:
        told, kept = picture(self.replayed()), picture(self.shard)
        if told["offsets"] != kept["offsets"]:
            raise Broken(f"offsets: the log tells {told['offsets']}, memory {kept['offsets']}")
        group = self.shard.classic.groups.get(GROUP)
        if group is not None and group.state.value in ("Stable", "Empty") and not group.pending and group.generation > 0 and told["group"] != kept["group"]:
            raise Broken(f"the log tells {told['group']}, memory {kept['group']}")


def picture(shard: Shard) -> dict[str, Any]:
    group = shard.classic.groups.get(GROUP)
    return {
        "offsets": {partition: one.offset for partition, one in shard.offsets.of_group(GROUP).get(TOPIC, {}).items()},
        "group": None if group is None else (group.generation, group.protocol, group.leader, sorted((one.id, one.instance_id, one.assignment) for one in group.members.values())),
    }
