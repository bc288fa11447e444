"""Consumer groups of one shard (KIP-848): heartbeats in, records and answers out.

Pure: whatever happens, happens in a ``Turn`` that says when it is and takes the records. A request is either refused by an exception before anything was
changed, or its changes stand, in memory and in ``turn.records``, and its answer may leave when those are durable. When they cannot be written, the shard's
state is thrown away and read again.

Thread  control
"""

from collections.abc import Callable, Iterable

from pybroker.coordinator.group import consumer_records as records
from pybroker.coordinator.group.consumer_advance import advance, notice, settle
from pybroker.coordinator.group.consumer_change import Change, Settings, Topics, Turn
from pybroker.coordinator.group.consumer_checks import (
    check_epoch,
    check_heartbeat,
    check_size,
    claimed_of,
    facts_of,
    joining_static,
    known,
    known_static,
)
from pybroker.coordinator.group.consumer_deadlines import Deadlines
from pybroker.coordinator.group.consumer_members import may_become_classic, park_static, remove, replace_static
from pybroker.coordinator.group.consumer_state import LEAVE_STATIC_EPOCH, UNTOLD, ConsumerGroup, Member, Owned, State
from pybroker.coordinator.group.upgrade import downgrade
from pybroker.protocol import errors
from pybroker.protocol.messages.k68_consumer_group_heartbeat import (
    Assignment as AssignmentMessage,
)
from pybroker.protocol.messages.k68_consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    ConsumerGroupHeartbeatResponseTopicPartitions,
)


def _never(group_id: str, member_id: str) -> None:
    """Nobody answers heartbeats but us."""


class ConsumerGroups:
    """All consumer groups of a shard. ``topics`` is set anew whenever the metadata has a new picture: groups notice at their next heartbeat."""

    def __init__(self, topics: Topics, settings: Callable[[str], Settings], new_id: Callable[[], str], heard_ms: Callable[[str, str], int | None] = _never) -> None:
        """``settings`` of a group by its id, cheap to ask; ``new_id`` makes member ids that nobody else has.

        ``heard_ms``: when loops last answered a heartbeat of a steady member by themselves (monotonic), None for others.
        """
        self.topics = topics
        self.settings = settings
        self.groups: dict[str, ConsumerGroup] = {}
        self.deadlines = Deadlines()
        self._new_id = new_id
        self._heard_ms = heard_ms

    def get(self, group_id: str, text: str = "Group {} not found.") -> ConsumerGroup:
        """Raises GroupIdNotFound."""
        group = self.groups.get(group_id)
        if group is None:
            raise errors.GroupIdNotFound(text.format(group_id))
        return group

    # ---- heartbeat

    def check(self, request: ConsumerGroupHeartbeatRequest, version: int) -> None:
        """Whether the request makes sense, whoever sends it. Raises InvalidRequest, UnsupportedAssignor, InvalidRegularExpression."""
        check_heartbeat(request, version, self.settings(request.group_id).assignors)

    def heartbeat(self, request: ConsumerGroupHeartbeatRequest, version: int, client_id: str, client_host: str, turn: Turn) -> ConsumerGroupHeartbeatResponse:
        """API key 68. ``client_host`` as it is described: with a slash before the address. Raises KafkaError, and then nothing has changed."""
        settings = self.settings(request.group_id)
        check_heartbeat(request, version, settings.assignors)
        if request.member_epoch < 0:
            return self._leave(request, settings, turn)
        joining = request.member_epoch == 0
        group = self.groups.get(request.group_id)
        if group is None:
            if not joining:
                raise errors.GroupIdNotFound(f"Consumer group {request.group_id} not found.")
            group = ConsumerGroup(request.group_id)
        member_id = request.member_id or self._new_id()
        claimed = claimed_of(request)
        old, replaced = self._find(group, request, member_id, settings)
        if not joining and old is not None:
            check_epoch(old.current, request.member_epoch, claimed)
        # From here on nothing is refused.
        self.groups[group.id] = group
        change = Change(group, turn)
        before = old.facts if old is not None else replaced.facts if replaced is not None else UNTOLD
        facts = facts_of(request, before._replace(classic=None), client_id, client_host)
        if replaced is not None:
            replace_static(change, replaced, member_id)
        assigned = old.current.assigned if old is not None else None
        advance(change, member_id, facts, claimed, self.topics, settings)
        member = group.members[member_id]
        self.begin_session(group.id, member, turn.now_ms, settings)
        settle(group, member, settings, turn)
        full = joining or (request.rebalance_timeout_ms != -1 and claimed is not None and (request.subscribed_topic_names is not None or request.subscribed_topic_regex is not None))
        return ConsumerGroupHeartbeatResponse(
            member_id=member_id,
            member_epoch=member.current.epoch,
            heartbeat_interval_ms=settings.heartbeat_interval_ms,
            assignment=_assignment(member.current.assigned) if full or member.current.assigned is not assigned else None,
        )

    @staticmethod
    def _find(group: ConsumerGroup, request: ConsumerGroupHeartbeatRequest, member_id: str, settings: Settings) -> tuple[Member | None, Member | None]:
        """The member, and the one whose place it takes; neither for a new one. Raises KafkaError."""
        instance_id = request.instance_id
        if request.member_epoch > 0:
            return (known(group, member_id) if instance_id is None else known_static(group, instance_id, member_id)), None
        replaced = None if instance_id is None else joining_static(group, instance_id, member_id)
        if replaced is None:
            check_size(group, member_id, settings.members_max)
        return group.members.get(member_id), replaced

    def begin_session(self, group_id: str, member: Member, now_ms: int, settings: Settings) -> None:
        """The member was heard of. Call also after another deadline of it was set."""
        classic = member.facts.classic
        member.session_by_ms = now_ms + (settings.session_timeout_ms if classic is None else classic.session_timeout_ms)
        self.deadlines.watch(group_id, member)

    # ---- going

    def _leave(self, request: ConsumerGroupHeartbeatRequest, settings: Settings, turn: Turn) -> ConsumerGroupHeartbeatResponse:
        group = self.get(request.group_id)
        if request.instance_id is None:
            member = known(group, request.member_id)
        else:
            member = known_static(group, request.instance_id, request.member_id)
        if request.member_epoch == LEAVE_STATIC_EPOCH:
            park_static(Change(group, turn), member)
        else:
            self.remove(group, [member.id], turn)
        return ConsumerGroupHeartbeatResponse(member_id=request.member_id, member_epoch=request.member_epoch)

    def remove(self, group: ConsumerGroup, member_ids: list[str], turn: Turn) -> None:
        """Members leave or are fenced. When only classic ones stay and policy allows, the group becomes classic."""
        settings = self.settings(group.id)
        change = Change(group, turn)
        if may_become_classic(change, member_ids, settings):
            del self.groups[group.id]
            downgrade(group, member_ids, turn, self.topics)
        else:
            remove(change, member_ids, self.topics)

    def delete(self, group_id: str, turn: Turn) -> None:
        """API key 42. Raises GroupIdNotFound, NonEmptyGroup."""
        group = self.get(group_id)
        if group.members:
            raise errors.NonEmptyGroup()
        turn.records += records.tombstones(group)
        del self.groups[group_id]

    # ---- time

    def next_deadline_ms(self) -> int | None:
        """When ``expire`` wants to be called; None: not until something happens."""
        return self.deadlines.next_ms()

    def expire(self, turn: Turn) -> None:
        """Fence members whose session, or time to give up partitions, has passed."""
        late: dict[str, list[str]] = {}
        for at_ms, group_id, member_id in self.deadlines.pop_due(turn.now_ms):
            group = self.groups.get(group_id)
            member = None if group is None else group.members.get(member_id)
            if member is None or member.queued_ms != at_ms:
                continue
            member.queued_ms = None
            self._hear(group_id, member)
            if member.deadline_ms is not None and member.deadline_ms <= turn.now_ms:
                late.setdefault(group_id, []).append(member_id)
            else:
                self.deadlines.watch(group_id, member)
        for group_id, member_ids in late.items():
            self.remove(self.groups[group_id], member_ids, turn)

    def _hear(self, group_id: str, member: Member) -> None:
        """Heartbeats that the loops answered count for the session."""
        heard_ms = self._heard_ms(group_id, member.id)
        if heard_ms is not None and member.session_by_ms is not None:
            classic = member.facts.classic
            timeout_ms = self.settings(group_id).session_timeout_ms if classic is None else classic.session_timeout_ms
            member.session_by_ms = max(member.session_by_ms, heard_ms + timeout_ms)

    # ---- news

    def topics_changed(self, topics: Topics, turn: Turn) -> None:
        """Topics were made, grew or went. Groups that this concerns have a new epoch, and their members are steady no more: somebody has to come by for an assignment.

        Groups that have not looked yet since they were read from the log have no steady members: they look when the first one comes by.
        """
        self.topics = topics
        for group in self.groups.values():
            if group.members and group.topics_seen is not None:
                notice(Change(group, turn), topics)

    def settings_changed(self, turn: Turn, group_id: str | None = None) -> None:
        """Config that members are told of is another one, the broker's or one group's own: their next heartbeat comes to us."""
        groups = self.groups.values() if group_id is None else [self.groups[group_id]] if group_id in self.groups else []
        turn.moved += [(group.id, member_id) for group in groups for member_id in group.members]

    # ---- replay

    def replay(self, kind: int, key: bytes, value: bytes | None) -> None:
        """One record of a type in ``consumer_records.TYPES``; key and value without the int16 they begin with. Raises ProtocolError."""
        group_id = records.group_id(kind, key)
        group = self.groups.get(group_id)
        if group is None:
            if value is None:
                return
            group = self.groups[group_id] = ConsumerGroup(group_id)
        if not records.replay(group, kind, key, value):
            del self.groups[group_id]

    def loaded(self, now_ms: int) -> None:
        """The replay is over: every member has a whole session from now on."""
        for group in self.groups.values():
            for member_id in [member.id for member in group.members.values() if member.facts is UNTOLD]:
                group.apply_member(member_id, None)
            settings = self.settings(group.id)
            for member in group.members.values():
                if member.current.state is State.UNREVOKED:
                    member.revoke_by_ms = now_ms + max(member.facts.rebalance_timeout_ms, 0)
                self.begin_session(group.id, member, now_ms, settings)

    def adopt(self, groups: Iterable[ConsumerGroup], turn: Turn) -> None:
        """Groups that were classic ones; their records are written."""
        for group in groups:
            self.groups[group.id] = group
            settings = self.settings(group.id)
            for member in group.members.values():
                self.begin_session(group.id, member, turn.now_ms, settings)


def _assignment(assigned: Owned) -> AssignmentMessage:
    topics = [ConsumerGroupHeartbeatResponseTopicPartitions(topic_id=topic_id, partitions=sorted(partitions)) for topic_id, partitions in assigned.items()]
    return AssignmentMessage(topic_partitions=topics)


