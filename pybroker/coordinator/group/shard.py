"""The groups of one partition of __consumer_offsets: a request finds its group, a record its reader.

One group id is either a classic group or a consumer group (KIP-848), or has offsets alone. What is both kinds' stands here: commits, fetches, deletions, expiry, lists.

Thread  control
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pybroker.coordinator.effects import Turn
from pybroker.coordinator.group import classic_records, offsets
from pybroker.coordinator.group.classic import ClassicGroups
from pybroker.coordinator.group.classic_state import ClassicGroup, State
from pybroker.coordinator.group.offsets import Offset, Offsets
from pybroker.coordinator.group.subscribed import topics_of
from pybroker.protocol import errors

CLASSIC, CONSUMER = "classic", "consumer"


class Listed(NamedTuple):
    """A group in a list."""

    group_id: str
    protocol_type: str
    state: str
    group_type: str


class Commit(NamedTuple):
    """One offset that somebody wants kept."""

    topic: str
    partition: int
    offset: int
    leader_epoch: int
    metadata: str


class Shard:
    """State of one partition of the offsets topic."""

    def __init__(self, classic: ClassicGroups, consumer: Any, retention_ms: Callable[[], int]) -> None:
        """``consumer``: the ConsumerGroups of KIP-848."""
        self.classic = classic
        self.consumer = consumer
        self.offsets = Offsets()
        self.skipped = 0                                    # records of the log that could not be read
        self._retention_ms = retention_ms

    # ---- log

    def replay(self, key: bytes | None, value: bytes | None) -> None:
        """One record. What cannot be read is counted and left out."""
        try:
            if key is None:
                raise ValueError("no key")
            kind = int.from_bytes(key[:2], "big", signed=True)
            if kind in offsets.TYPES:
                self.offsets.replay(key[2:], value)
            elif kind == classic_records.GROUP:
                self.classic.replay(key[2:], value)
            elif kind in self.consumer.TYPES:
                self.consumer.replay(kind, key[2:], None if value is None else value[2:])
            else:
                raise ValueError(f"type {kind}")
        except ValueError:                                  # ProtocolError is one
            self.skipped += 1

    def loaded(self, now_ms: int, wall_ms: int) -> None:
        """All records were replayed."""
        self.classic.loaded(now_ms, wall_ms)
        self.consumer.loaded(now_ms)

    def next_deadline_ms(self) -> int | None:
        found = [at for at in (self.classic.next_deadline_ms(), self.consumer.next_deadline_ms()) if at is not None]
        return min(found, default=None)

    def expire(self, turn: Turn) -> None:
        self.classic.expire(turn)
        self.consumer.expire(turn)

    # ---- offsets

    def commit(self, group_id: str, member_id: str, instance_id: str | None, generation: int, version: int, commits: Sequence[Commit], turn: Turn) -> None:
        """API key 8. Raises what fences the member; each offset has been checked."""
        if group_id in self.consumer.groups:
            self.consumer.check_commit(group_id, member_id, instance_id, generation, version, turn)
        else:
            group = self.classic.groups.get(group_id)
            if group is None:
                if generation >= 0:
                    raise errors.IllegalGeneration()
                if group_id not in self.offsets.groups and member_id:
                    raise errors.UnknownMemberId()
            else:
                self.classic.check_commit(group, member_id, instance_id, generation, turn)
        for one in commits:
            self.offsets.put(group_id, one.topic, one.partition, Offset(one.offset, one.leader_epoch, one.metadata, turn.wall_ms), turn)

    def check_fetch(self, group_id: str, member_id: str | None, member_epoch: int) -> None:
        """API key 9: a member of the consumer protocol says who it is. Raises UnknownMemberId, StaleMemberEpoch."""
        if member_id is not None and member_epoch >= 0 and group_id in self.consumer.groups:
            self.consumer.check_fetch(group_id, member_id, member_epoch)

    def delete_offsets(self, group_id: str, wanted: Sequence[tuple[str, int]], turn: Turn) -> list[int]:
        """API key 47: an error code for each. Raises GroupIdNotFound, NonEmptyGroup."""
        if not self._exists(group_id):
            raise errors.GroupIdNotFound()
        subscribed = self._subscribed(group_id)
        if subscribed is None:
            raise errors.NonEmptyGroup()
        codes = []
        for topic, partition in wanted:
            if topic in subscribed:
                codes.append(errors.GroupSubscribedToTopic.code)
            else:
                self.offsets.remove(group_id, topic, partition, turn)
                codes.append(0)
        return codes

    def _subscribed(self, group_id: str) -> frozenset[str] | None:
        """Topics that members read; None: there are members, and that cannot be told."""
        if group_id in self.consumer.groups:
            found: frozenset[str] = self.consumer.topics_of(group_id)
            return found
        group = self.classic.groups.get(group_id)
        if group is None or not group.members:
            return frozenset()
        return topics_of(group)

    def _exists(self, group_id: str) -> bool:
        return group_id in self.classic.groups or group_id in self.consumer.groups or group_id in self.offsets.groups

    def expire_offsets(self, turn: Turn) -> None:
        """Forget offsets that nobody has used for offsets.retention.minutes, and empty groups that have none."""
        retention_ms = self._retention_ms()
        for group_id in {*self.offsets.groups, *self.classic.groups}:
            if group_id in self.consumer.groups:
                self.offsets.expire(group_id, since_ms=None, subscribed=self.consumer.topics_of(group_id), retention_ms=retention_ms, turn=turn)
                continue
            group = self.classic.groups.get(group_id)
            if group is None or group.is_simple:
                gone = self.offsets.expire(group_id, since_ms=None, subscribed=frozenset(), retention_ms=retention_ms, turn=turn)
            elif group.state is State.EMPTY:
                gone = self.offsets.expire(group_id, since_ms=group.state_since_wall_ms, subscribed=frozenset(), retention_ms=retention_ms, turn=turn)
            else:
                subscribed = topics_of(group)
                if subscribed is not None:
                    self.offsets.expire(group_id, since_ms=None, subscribed=subscribed, retention_ms=retention_ms, turn=turn)
                continue
            if gone and group is not None and group.state is State.EMPTY and not group.pending and group.state_since_wall_ms + retention_ms <= turn.wall_ms:
                self.classic.delete(group_id, turn)

    # ---- groups

    def delete(self, group_id: str, turn: Turn) -> None:
        """API key 42. Raises GroupIdNotFound, NonEmptyGroup."""
        if not self._exists(group_id):
            raise errors.GroupIdNotFound()
        if group_id in self.consumer.groups:
            self.consumer.delete(group_id, turn)
        elif group_id in self.classic.groups:
            self.classic.delete(group_id, turn)
        self.offsets.remove_group(group_id, turn)

    def list(self) -> Iterator[Listed]:
        """API key 16."""
        for group in self.classic.groups.values():
            yield Listed(group.id, group.protocol_type or "", group.state.value, CLASSIC)
        for group_id, state in self.consumer.states():
            yield Listed(group_id, CONSUMER, state, CONSUMER)
        for group_id in self.offsets.groups.keys() - self.classic.groups.keys() - self.consumer.groups.keys():
            yield Listed(group_id, "", State.EMPTY.value, CLASSIC)

    def classic_or_simple(self, group_id: str) -> ClassicGroup | None:
        """For a description: a group that has offsets alone is an empty one."""
        group = self.classic.groups.get(group_id)
        if group is None and group_id in self.offsets.groups and group_id not in self.consumer.groups:
            group = ClassicGroup(group_id, 0)
        return group

    @property
    def group_count(self) -> int:
        return len(self.classic.groups) + len(self.consumer.groups) + len(self.offsets.groups.keys() - self.classic.groups.keys() - self.consumer.groups.keys())
