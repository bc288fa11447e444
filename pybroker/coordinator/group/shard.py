"""The groups of one partition of __consumer_offsets: a request finds its group, a record its reader.

One group id is either a classic group or a consumer group (KIP-848), or has offsets alone. What is both kinds' stands here: commits, fetches, deletions, expiry, lists.

Thread  control
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pybroker.coordinator.effects import Turn
from pybroker.coordinator.group import classic_records, consumer_classic, consumer_offsets, consumer_records, offsets, upgrade
from pybroker.coordinator.group.classic import ClassicGroups
from pybroker.coordinator.group.classic_state import ClassicGroup, State
from pybroker.coordinator.group.consumer import ConsumerGroups
from pybroker.coordinator.group.consumer_state import ConsumerGroup
from pybroker.coordinator.group.embedded import PROTOCOL_TYPE, read_subscription
from pybroker.coordinator.group.offsets import Offset, Offsets
from pybroker.protocol import errors
from pybroker.protocol.messages.k11_join_group import JoinGroupRequest, JoinGroupResponse
from pybroker.protocol.messages.k12_heartbeat import HeartbeatRequest, HeartbeatResponse
from pybroker.protocol.messages.k13_leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberIdentity
from pybroker.protocol.messages.k14_sync_group import SyncGroupRequest, SyncGroupResponse
from pybroker.protocol.messages.k68_consumer_group_heartbeat import ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse
from pybroker.protocol.primitives import ProtocolError

CLASSIC, CONSUMER = "classic", "consumer"
LEAVE_SEVERAL_FROM = 3


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

    def __init__(self, classic: ClassicGroups, consumer: ConsumerGroups, *, retention_ms: Callable[[], int], new_id: Callable[[], str], groups_max: Callable[[], int]) -> None:
        """``retention_ms``: offsets.retention.minutes. ``groups_max``: how many groups this shard may yet have."""
        self.classic = classic
        self.consumer = consumer
        self._new_id = new_id
        self._groups_max = groups_max
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
            elif kind in consumer_records.TYPES:
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
        self._take_back(turn)

    def _take_back(self, turn: Turn) -> None:
        """Groups that lost their last member of the consumer protocol."""
        for facts in turn.downgraded:
            self.classic.adopt(facts, turn)
        turn.downgraded.clear()

    def _check_room(self, group_id: str) -> None:
        """Raises CoordinatorNotAvailable: one more group than this broker may have."""
        if not self._exists(group_id) and self._groups_max() <= 0:
            raise errors.CoordinatorNotAvailable("This broker has as many groups as pybroker.groups.max allows.")

    # ---- members

    def join(self, request: JoinGroupRequest, version: int, client_id: str, client_host: str, token: Any, turn: Turn) -> JoinGroupResponse | None:
        """API key 11."""
        self._check_room(request.group_id)
        group = self.consumer.groups.get(request.group_id)
        if group is not None and not group.members and not request.member_id:
            self.consumer.delete(group.id, turn)            # nobody is in it: it may change its type
            group = None
        if group is not None:
            answer = consumer_classic.join(self.consumer, group, request, version, client_id, client_host, turn, self._new_id)
            self._take_back(turn)
            if answer is not None:
                return answer
        return self.classic.join(request, version, client_id, client_host, token, turn)

    def sync(self, request: SyncGroupRequest, version: int, token: Any, turn: Turn) -> SyncGroupResponse | None:
        """API key 14."""
        group = self.consumer.groups.get(request.group_id)
        if group is not None:
            return consumer_classic.sync(self.consumer, group, request, version, turn)
        return self.classic.sync(request, token, turn)

    def heartbeat(self, request: HeartbeatRequest, turn: Turn) -> HeartbeatResponse:
        """API key 12."""
        group = self.consumer.groups.get(request.group_id)
        if group is not None:
            return consumer_classic.heartbeat(self.consumer, group, request, turn)
        return self.classic.heartbeat(request, turn)

    def leave(self, request: LeaveGroupRequest, version: int, turn: Turn) -> LeaveGroupResponse:
        """API key 13."""
        group = self.consumer.groups.get(request.group_id)
        if group is not None:
            answer = consumer_classic.leave(self.consumer, group, request, version, turn)
            self._take_back(turn)
            return answer
        if version >= LEAVE_SEVERAL_FROM:
            return LeaveGroupResponse(members=self.classic.leave(request.group_id, request.members, turn))
        [row] = self.classic.leave(request.group_id, [MemberIdentity(member_id=request.member_id)], turn)
        return LeaveGroupResponse(error_code=row.error_code)

    def consumer_heartbeat(self, request: ConsumerGroupHeartbeatRequest, version: int, client_id: str, client_host: str, turn: Turn) -> ConsumerGroupHeartbeatResponse:
        """API key 68."""
        if request.member_epoch == 0:
            self._check_room(request.group_id)
            classic = self.classic.groups.get(request.group_id)
            if classic is not None:
                self.consumer.check(request, version)       # a request that is refused moves nothing
                self._upgrade(classic, turn)
        elif request.group_id not in self.consumer.groups and self._exists(request.group_id):
            self.consumer.check(request, version)
            raise errors.GroupIdNotFound(f"Group {request.group_id} is not a consumer group.")
        answer = self.consumer.heartbeat(request, version, client_id, client_host, turn)
        self._take_back(turn)
        return answer

    def _upgrade(self, classic: ClassicGroup, turn: Turn) -> None:
        """The first member of the consumer protocol comes to a classic group. Raises GroupIdNotFound when the group may not change."""
        if not classic.members:
            self.classic.hand_over(classic, turn)
            return
        facts = classic.facts()
        upgrade.check_upgrade(facts, classic.protocol_type, self.consumer.settings(classic.id))
        self.classic.hand_over(classic, turn)
        self.consumer.adopt([upgrade.upgrade(facts, turn, self.consumer.topics)], turn)

    # ---- offsets

    def commit(self, group_id: str, member_id: str, instance_id: str | None, generation: int, version: int, commits: Sequence[Commit], turn: Turn) -> None:
        """API key 8. Raises what fences the member; each offset has been checked."""
        self._check_room(group_id)
        consumer = self.consumer.groups.get(group_id)
        if consumer is not None:
            consumer_offsets.check_commit(consumer, member_id, generation, version)
        else:
            group = self.classic.groups.get(group_id)
            if group is None:
                if generation >= 0:
                    raise errors.UnknownMemberId() if group_id in self.offsets.groups else errors.GroupIdNotFound()
            else:
                self.classic.check_commit(group, member_id, instance_id, generation, turn)
        for one in commits:
            self.offsets.put(group_id, one.topic, one.partition, Offset(one.offset, one.leader_epoch, one.metadata, turn.wall_ms), turn)

    def check_fetch(self, group_id: str, member_id: str | None, member_epoch: int) -> None:
        """API key 9: a member of the consumer protocol says who it is. Raises UnknownMemberId, StaleMemberEpoch."""
        group = self.consumer.groups.get(group_id)
        if group is not None:
            consumer_offsets.check_fetch(group, member_id, member_epoch)

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
        consumer = self.consumer.groups.get(group_id)
        if consumer is not None:
            return _names(consumer)
        group = self.classic.groups.get(group_id)
        if group is None or not group.members:
            return frozenset()
        return topics_of(group)

    def _exists(self, group_id: str) -> bool:
        return group_id in self.classic.groups or group_id in self.consumer.groups or group_id in self.offsets.groups

    def expire_offsets(self, turn: Turn) -> None:
        """Forget offsets that nobody has used for offsets.retention.minutes, and empty groups that have none."""
        retention_ms = self._retention_ms()
        for group_id in {*self.offsets.groups, *self.classic.groups, *self.consumer.groups}:
            consumer = self.consumer.groups.get(group_id)
            if consumer is not None:
                gone = self.offsets.expire(group_id, since_ms=None, subscribed=_names(consumer), retention_ms=retention_ms, turn=turn)
                if gone and not consumer.members:
                    self.consumer.delete(group_id, turn)
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
        for consumer in self.consumer.groups.values():
            yield Listed(consumer.id, PROTOCOL_TYPE, consumer.state, CONSUMER)
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


def _names(group: ConsumerGroup) -> frozenset[str]:
    return frozenset(group.subscribed_names()) if group.members else frozenset()


def topics_of(group: ClassicGroup) -> frozenset[str] | None:
    """Topics that members of a classic group read; None when that cannot be told: no group of consumers, or bytes that are no subscription."""
    if group.protocol_type != PROTOCOL_TYPE:
        return None
    names: set[str] = set()
    for member in group.members.values():
        try:
            names.update(read_subscription(member.metadata_for(group.protocol) or member.protocols[0][1]).topics)
        except (ProtocolError, IndexError):
            return None
    return frozenset(names)
