"""A shard of consumer groups with a clock, topics and clients made by hand; every record it writes is kept, so that a second one can be made of them."""

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

from pybroker.coordinator.effects import Record, Steady
from pybroker.coordinator.group.assignors import BUILT_IN
from pybroker.coordinator.group.consumer import ConsumerGroups
from pybroker.coordinator.group.consumer_change import ClassicGroupFacts, Settings, Turn
from pybroker.coordinator.group.consumer_records import TYPES
from pybroker.coordinator.group.consumer_state import ConsumerGroup
from pybroker.protocol.errors import KafkaError
from pybroker.protocol.messages.k68_consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatRequestTopicPartitions,
    ConsumerGroupHeartbeatResponse,
)

SETTINGS = Settings(
    heartbeat_interval_ms=5000,
    session_timeout_ms=45_000,
    assignment_interval_ms=0,
    members_max=100,
    classic_members_max=100,
    classic_session_min_ms=6000,
    classic_session_max_ms=1_800_000,
    assignors=BUILT_IN,
    may_upgrade=True,
    may_downgrade=True,
)


class Topic(NamedTuple):
    id: bytes
    name: str
    partitions: tuple[int, ...]


class FakeTopics:
    """An image of topics; ``put`` and ``remove`` make the dicts anew, as the real one does."""

    def __init__(self) -> None:
        self.version = 0
        self.by_name: Mapping[str, Topic] = {}
        self.by_id: Mapping[bytes, Topic] = {}
        self._ids = itertools.count(1)

    def put(self, name: str, partitions: int) -> bytes:
        old = self.by_name.get(name)
        topic = Topic(old.id if old else next(self._ids).to_bytes(16, "big"), name, tuple(range(partitions)))
        self._set({**self.by_name, name: topic})
        return topic.id

    def remove(self, name: str) -> None:
        self._set({key: topic for key, topic in self.by_name.items() if key != name})

    def _set(self, by_name: Mapping[str, Topic]) -> None:
        self.version += 1
        self.by_name = by_name
        self.by_id = {topic.id: topic for topic in by_name.values()}


class World:
    """One shard, its log, and what happened to it."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.settings = settings
        self.topics = FakeTopics()
        self.now_ms = 1_000_000
        self.log: list[Record] = []
        self.downgraded: list[ClassicGroupFacts] = []
        self.steady: dict[tuple[str, str], Steady] = {}     # what the loops know
        self.heard: dict[tuple[str, str], int] = {}
        self._ids = itertools.count(1)
        self.groups = self.new_groups()
        self._shadow = self.new_groups()
        self._shadowed = 0

    def new_groups(self) -> ConsumerGroups:
        return ConsumerGroups(self.topics, lambda group_id: self.settings, self.new_id, lambda group_id, member_id: self.heard.get((group_id, member_id)))

    def new_id(self) -> str:
        return f"id-{next(self._ids)}"

    def turn(self) -> Turn:
        return Turn(self.now_ms, self.now_ms + 1_700_000_000_000)

    def keep(self, turn: Turn) -> None:
        self.log += turn.records
        for name in turn.moved:
            self.steady.pop(name, None)
            self.heard.pop(name, None)
        for member in turn.steady:
            self.steady[member.group_id, member.member_id] = member
            self.heard[member.group_id, member.member_id] = self.now_ms
        self.downgraded += turn.downgraded

    def loop_answers(self, member: str, epoch: int, *, consumer: bool = True) -> bool:
        """Whether a heartbeat that says nothing is answered without the coordinator."""
        known = self.steady.get(("g", member))
        if known is None or (known.generation, known.consumer) != (epoch, consumer):
            return False
        self.heard["g", member] = self.now_ms
        return True

    def topics_changed(self) -> None:
        turn = self.turn()
        self.groups.topics_changed(self.topics, turn)
        self.keep(turn)

    def restart(self) -> None:
        """The broker is killed and comes back."""
        self.steady.clear()
        self.heard.clear()
        self.groups = self.replayed()

    def beat(self, member: str, epoch: int, *, group: str = "g", version: int = 1, owns: Mapping[bytes, list[int]] | None = None, **fields: Any) -> ConsumerGroupHeartbeatResponse:
        """One heartbeat, encoded and decoded as on the wire."""
        if owns is not None:
            fields["topic_partitions"] = [ConsumerGroupHeartbeatRequestTopicPartitions(topic_id=topic_id, partitions=list(partitions)) for topic_id, partitions in owns.items()]
        request = ConsumerGroupHeartbeatRequest(group_id=group, member_id=member, member_epoch=epoch, **fields)
        request, _end = ConsumerGroupHeartbeatRequest.decode(bytes(request.encode(version)), version)
        turn = self.turn()
        try:
            answer = self.groups.heartbeat(request, version, "client", "/127.0.0.1", turn)
        except KafkaError:
            assert not turn.records, "a request that is refused changes nothing"
            raise
        self.keep(turn)
        answer.encode(version)
        return answer

    def join(self, member: str, *topics: str, **fields: Any) -> ConsumerGroupHeartbeatResponse:
        """First heartbeat of a member."""
        names = None if "subscribed_topic_regex" in fields and not topics else list(topics)
        return self.beat(member, 0, owns={}, rebalance_timeout_ms=fields.pop("rebalance_timeout_ms", 60_000), subscribed_topic_names=names, **fields)

    def pass_time(self, ms: int) -> None:
        """Move the clock on; what is due happens at its time."""
        end_ms = self.now_ms + ms
        while (at_ms := self.groups.next_deadline_ms()) is not None and at_ms <= end_ms:
            self.now_ms = max(at_ms, self.now_ms)
            turn = self.turn()
            self.groups.expire(turn)
            self.keep(turn)
        self.now_ms = end_ms

    def replayed(self) -> ConsumerGroups:
        """What a restart makes of the log."""
        groups = self.new_groups()
        _replay(groups, self.log)
        groups.loaded(self.now_ms)
        return groups

    def shadow(self) -> ConsumerGroups:
        """The same, carried on from call to call."""
        _replay(self._shadow, self.log[self._shadowed :])
        self._shadowed = len(self.log)
        return self._shadow


def _replay(groups: ConsumerGroups, log: list[Record]) -> None:
    for record in log:
        kind = int.from_bytes(record.key[:2], "big")
        assert kind in TYPES
        groups.replay(kind, record.key[2:], None if record.value is None else record.value[2:])


def given(answer: ConsumerGroupHeartbeatResponse) -> dict[bytes, list[int]] | None:
    """The assignment in an answer, None when it has none."""
    return None if answer.assignment is None else {topic.topic_id: topic.partitions for topic in answer.assignment.topic_partitions}


def picture(groups: ConsumerGroups) -> dict[str, Any]:
    """All that records must be able to tell of the groups."""
    return {group_id: _picture(group) for group_id, group in groups.groups.items()}


def _picture(group: ConsumerGroup) -> dict[str, Any]:
    return {
        "epochs": (group.epoch, group.target_epoch, group.target_at_ms, group.metadata_hash),
        "members": {member.id: (member.facts, member.current) for member in group.members.values()},
        "target": group.target,
        "regexes": group.regexes,
        "owners": group.owners,
        "statics": group.statics,
    }
