"""One change of a consumer group, as its record and in memory at once: the only way in which requests and timers change a group.

A request that is refused must be refused before its first change: what stands here is as good as written.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from pybroker.coordinator.effects import Turn
from pybroker.coordinator.group import consumer_records as records
from pybroker.coordinator.group.assignors import Assignor
from pybroker.coordinator.group.classic_state import ClassicGroupFacts, ClassicMember
from pybroker.coordinator.group.consumer_state import Assignment, ConsumerGroup, Current, Facts, Resolved

__all__ = ["Change", "ClassicGroupFacts", "ClassicMember", "Settings", "TopicFacts", "Topics", "Turn"]


class TopicFacts(Protocol):
    """What a group needs to know of a topic."""

    @property
    def id(self) -> bytes: ...
    @property
    def name(self) -> str: ...
    @property
    def partitions(self) -> tuple[object, ...]: ...


class Topics(Protocol):
    """The picture of topics: ``metadata.image.Image`` is one. ``by_name`` is another object after every change of topics, and the same one otherwise."""

    @property
    def version(self) -> int: ...
    @property
    def by_name(self) -> Mapping[str, TopicFacts]: ...
    @property
    def by_id(self) -> Mapping[bytes, TopicFacts]: ...


class Settings(NamedTuple):
    """What the config says for one group. ``assignors``: the first is the default."""

    heartbeat_interval_ms: int
    session_timeout_ms: int
    assignment_interval_ms: int
    members_max: int
    classic_members_max: int
    classic_session_min_ms: int
    classic_session_max_ms: int
    assignors: Mapping[str, Assignor]
    may_upgrade: bool
    may_downgrade: bool


class Change:
    """Writes to one group."""

    __slots__ = ("group", "turn")

    def __init__(self, group: ConsumerGroup, turn: Turn) -> None:
        self.group, self.turn = group, turn

    def epoch(self, number: int, metadata_hash: int) -> None:
        """Every member has something to hear from now on."""
        self.turn.moved += [(self.group.id, member_id) for member_id in self.group.members]
        self.turn.records.append(records.epoch(self.group.id, number, metadata_hash))
        self.group.apply_epoch(number, metadata_hash)

    def target_epoch(self, number: int) -> None:
        self.turn.records.append(records.target_epoch(self.group.id, number, self.turn.wall_ms))
        self.group.apply_target_epoch(number, self.turn.wall_ms)

    def member(self, member_id: str, facts: Facts | None) -> None:
        self.turn.records.append(records.member(self.group.id, member_id, facts))
        self.group.apply_member(member_id, facts)

    def target(self, member_id: str, assignment: Assignment | None) -> None:
        self.turn.records.append(records.target(self.group.id, member_id, assignment))
        self.group.apply_target(member_id, assignment)

    def current(self, member_id: str, current: Current | None) -> None:
        self.turn.records.append(records.current(self.group.id, member_id, current))
        self.group.apply_current(member_id, current)

    def regex(self, pattern: str, resolved: Resolved | None) -> None:
        self.turn.records.append(records.regex(self.group.id, pattern, resolved))
        self.group.apply_regex(pattern, resolved)

    def remove_member(self, member_id: str) -> None:
        """All its records."""
        self.turn.moved.append((self.group.id, member_id))
        self.current(member_id, None)
        self.target(member_id, None)
        self.member(member_id, None)
