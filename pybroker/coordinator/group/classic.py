"""Classic groups of one shard: joins, syncs, heartbeats, leaves, time.

Pure: whatever happens, happens in a ``Turn`` that says when it is and takes records and answers. A request is either refused by an exception before anything was
changed, or its changes stand, in memory and in the turn. ``None`` for a response: the request waits, and its answer will be in a later turn under the token it came with.

Thread  control
Source  API keys 11-14; KIP-62, 345, 394, 559, 814; codes as a Kafka 4.4 broker gives them
"""

from collections.abc import Callable, Sequence
from typing import Any

from pybroker.coordinator.effects import Turn
from pybroker.coordinator.group import classic_records
from pybroker.coordinator.group.classic_rebalance import Settings, hold_for_more, joined, keep_session, prepare, settle, steady, synced, try_complete
from pybroker.coordinator.group.classic_state import ClassicGroup, ClassicGroupFacts, Member, Protocols, State
from pybroker.coordinator.group.timers import GROUP, Timers
from pybroker.protocol import errors
from pybroker.protocol.messages.k11_join_group import JoinGroupRequest, JoinGroupResponse
from pybroker.protocol.messages.k12_heartbeat import HeartbeatRequest, HeartbeatResponse
from pybroker.protocol.messages.k13_leave_group import MemberIdentity, MemberResponse
from pybroker.protocol.messages.k14_sync_group import SyncGroupRequest, SyncGroupResponse

CONSUMER = "consumer"
SKIP_ASSIGNMENT_FROM = 9
"""First version of JoinGroup in which a leader can be told that nothing is to be assigned (KIP-814)."""
NO_PROTOCOL_FROM = 7
"""First version of JoinGroup whose answer may have no protocol name."""
CLIENT_ID_CHARS_MAX = 200
"""Of a client id that becomes part of a member id."""


class ClassicGroups:
    """All classic groups of a shard."""

    def __init__(self, settings: Callable[[], Settings], new_id: Callable[[], str], heard_ms: Callable[[str, str], int | None]) -> None:
        """``new_id`` makes ids that nobody else has. ``heard_ms``: when loops last answered a heartbeat of a steady member by themselves, None for others."""
        self.settings = settings
        self.groups: dict[str, ClassicGroup] = {}
        self.timers = Timers()
        self._new_id = new_id
        self._heard_ms = heard_ms

    # ---- join

    def join(self, request: JoinGroupRequest, version: int, client_id: str, client_host: str, token: Any, turn: Turn) -> JoinGroupResponse | None:
        """API key 11."""
        settings = self.settings()
        if not settings.session_ms_min <= request.session_timeout_ms <= settings.session_ms_max:
            raise errors.InvalidSessionTimeout()
        protocols: Protocols = tuple((one.name, bytes(one.metadata)) for one in request.protocols)
        group = self.groups.get(request.group_id)
        if group is None:
            if request.member_id:
                raise errors.UnknownMemberId()
            group = ClassicGroup(request.group_id, turn.wall_ms)
        if not group.supports(request.protocol_type, protocols):
            raise errors.InconsistentGroupProtocol()
        _check_room(group, request.member_id, protocols, settings)
        newcomer = Member(
            request.member_id,
            request.group_instance_id,
            client_id,
            client_host,
            rebalance_timeout_ms=request.rebalance_timeout_ms if request.rebalance_timeout_ms >= 0 else request.session_timeout_ms,
            session_timeout_ms=request.session_timeout_ms,
            protocols=protocols,
        )
        if not request.member_id:
            return self._join_unknown(group, newcomer, request, version, token, turn)
        return self._join_known(group, newcomer, request.protocol_type, token, turn)

    def _join_unknown(self, group: ClassicGroup, newcomer: Member, request: JoinGroupRequest, version: int, token: Any, turn: Turn) -> JoinGroupResponse | None:
        newcomer.id = f"{newcomer.instance_id or newcomer.client_id[:CLIENT_ID_CHARS_MAX]}-{self._new_id()}"
        if newcomer.instance_id is not None and newcomer.instance_id in group.statics:
            return self._replace_static(group, newcomer, request, version, token, turn)
        self.groups[group.id] = group
        if newcomer.instance_id is None and version >= 4:   # it shows that it has heard its id before it may take part
            until_ms = turn.now_ms + newcomer.session_timeout_ms
            group.pending[newcomer.id] = until_ms
            self.timers.watch_at(group, until_ms, newcomer.id)
            name = None if version >= NO_PROTOCOL_FROM else ""
            return JoinGroupResponse(error_code=errors.MemberIdRequired.code, member_id=newcomer.id, protocol_name=name)
        self._add(group, newcomer, request.protocol_type, token, turn)
        return None

    def _join_known(self, group: ClassicGroup, newcomer: Member, protocol_type: str, token: Any, turn: Turn) -> JoinGroupResponse | None:
        if newcomer.id in group.pending and newcomer.instance_id is None:
            self._add(group, newcomer, protocol_type, token, turn)
            return None
        member = _known(group, newcomer.id, newcomer.instance_id)
        same = member.protocols == newcomer.protocols
        if (group.is_in(State.COMPLETING) and same) or (group.is_in(State.STABLE) and same and member.id != group.leader):
            self._update(group, member, newcomer, turn)
            return joined(group, member)                    # its answer got lost, or it has nothing new to say
        self._update(group, member, newcomer, turn)
        self._park_join(group, member, token, turn)
        if group.is_in(State.STABLE, State.COMPLETING):
            prepare(group, turn, self.timers, self.settings())
        try_complete(group, turn, self.timers)
        return None

    def _add(self, group: ClassicGroup, member: Member, protocol_type: str | None, token: Any, turn: Turn) -> None:
        settings = self.settings()
        if group.protocol_type is None or group.state is State.EMPTY:
            group.protocol_type = protocol_type or group.protocol_type
        group.add(member)
        self._park_join(group, member, token, turn)
        if not group.is_in(State.PREPARING):
            prepare(group, turn, self.timers, settings)
        hold_for_more(group, turn, self.timers, settings)
        try_complete(group, turn, self.timers)

    def _park_join(self, group: ClassicGroup, member: Member, token: Any, turn: Turn) -> None:
        if member.join is not None:                         # a second one of the same member: the first has nobody who reads it
            turn.answers.append((member.join, JoinGroupResponse(error_code=errors.RebalanceInProgress.code, member_id=member.id)))
        member.join = token
        keep_session(group, member, turn, self.timers)

    def _update(self, group: ClassicGroup, member: Member, newcomer: Member, turn: Turn) -> None:
        member.protocols = newcomer.protocols
        member.client_id, member.client_host = newcomer.client_id, newcomer.client_host
        member.rebalance_timeout_ms, member.session_timeout_ms = newcomer.rebalance_timeout_ms, newcomer.session_timeout_ms
        keep_session(group, member, turn, self.timers)

    def _replace_static(self, group: ClassicGroup, newcomer: Member, request: JoinGroupRequest, version: int, token: Any, turn: Turn) -> JoinGroupResponse | None:
        """A static member comes back with no memory of its id: it gets a new one, and whoever has the old one is fenced."""
        assert newcomer.instance_id is not None
        member = group.members[group.statics[newcomer.instance_id]]
        turn.moved.append((group.id, member.id))
        fenced = errors.FencedInstanceId.code
        if member.join is not None:
            turn.answers.append((member.join, JoinGroupResponse(error_code=fenced, member_id=member.id)))
            member.join = None
        if member.sync is not None:
            turn.answers.append((member.sync, SyncGroupResponse(error_code=fenced)))
            member.sync = None
        was_leader, old_id = group.leader == member.id, member.id
        before, chosen = member.protocols, group.protocol
        member = group.replace_static(member, newcomer.id)
        member.queued_ms = None
        self._update(group, member, newcomer, turn)
        if group.is_in(State.STABLE) and _wants_the_same(group, member, before, chosen):
            # Nothing moves: it goes on with what it had. The leader too, which older clients would take as a call to assign anew: they are told of a leader that is not there.
            turn.records.append(classic_records.group(group))
            response = joined(group, member, skip_assignment=was_leader and version >= SKIP_ASSIGNMENT_FROM)
            if was_leader and version < SKIP_ASSIGNMENT_FROM:
                response.leader, response.members = old_id, []
            member.is_new = False
            turn.steady.append(steady(group, member))
            return response
        self._park_join(group, member, token, turn)
        if group.is_in(State.STABLE, State.COMPLETING, State.EMPTY):
            prepare(group, turn, self.timers, self.settings())
        try_complete(group, turn, self.timers)
        return None

    # ---- sync

    def sync(self, request: SyncGroupRequest, token: Any, turn: Turn) -> SyncGroupResponse | None:
        """API key 14."""
        group = self._group(request.group_id)
        member = _known(group, request.member_id, request.group_instance_id)
        _check_generation(group, request.generation_id)
        if (request.protocol_type is not None and request.protocol_type != group.protocol_type) or (request.protocol_name is not None and request.protocol_name != group.protocol):
            raise errors.InconsistentGroupProtocol()
        if group.is_in(State.EMPTY):
            raise errors.UnknownMemberId()
        if group.is_in(State.PREPARING):
            raise errors.RebalanceInProgress()
        keep_session(group, member, turn, self.timers)
        group.unsynced.discard(member.id)
        if group.is_in(State.STABLE):
            return synced(group, member)
        if member.sync is not None:
            turn.answers.append((member.sync, SyncGroupResponse(error_code=errors.RebalanceInProgress.code)))
        member.sync = token
        if member.id == group.leader:
            parts = {one.member_id: bytes(one.assignment) for one in request.assignments}
            for one in group.members.values():
                one.assignment = parts.get(one.id, b"")
            settle(group, turn)
        return None

    # ---- heartbeat, leave

    def heartbeat(self, request: HeartbeatRequest, turn: Turn) -> HeartbeatResponse:
        """API key 12."""
        group = self._group(request.group_id)
        member = _known(group, request.member_id, request.group_instance_id)
        _check_generation(group, request.generation_id)
        if group.is_in(State.EMPTY):
            raise errors.UnknownMemberId()
        keep_session(group, member, turn, self.timers)
        if group.is_in(State.PREPARING):
            raise errors.RebalanceInProgress()
        if group.is_in(State.STABLE):
            turn.steady.append(steady(group, member))
        return HeartbeatResponse()

    def leave(self, group_id: str, identities: Sequence[MemberIdentity], turn: Turn) -> list[MemberResponse]:
        """API key 13: what became of each."""
        group = self.groups.get(group_id)
        rows = []
        left = False
        for one in identities:
            code = 0
            try:
                left = self._leave(group, one, turn) or left
            except errors.KafkaError as error:
                code = error.code
            rows.append(MemberResponse(member_id=one.member_id, group_instance_id=one.group_instance_id, error_code=code))
        if group is not None and left:
            self._members_left(group, turn)
        return rows

    def _leave(self, group: ClassicGroup | None, one: MemberIdentity, turn: Turn) -> bool:
        if group is None:
            raise errors.UnknownMemberId()
        if one.group_instance_id is None and group.pending.pop(one.member_id, None) is not None:
            return True                                     # the group gathers, as Kafka's does, though it was never in it
        if one.group_instance_id is not None and not one.member_id:
            member_id = group.statics.get(one.group_instance_id)
            if member_id is None:
                raise errors.UnknownMemberId()
            member = group.members[member_id]
        else:
            member = _known(group, one.member_id, one.group_instance_id)
        self._drop(group, member, turn)
        return True

    def _drop(self, group: ClassicGroup, member: Member, turn: Turn) -> None:
        """It is out. A request of its own that waits is told so."""
        code = errors.UnknownMemberId.code
        if member.join is not None:
            turn.answers.append((member.join, JoinGroupResponse(error_code=code, member_id=member.id)))
        if member.sync is not None:
            turn.answers.append((member.sync, SyncGroupResponse(error_code=code)))
        turn.moved.append((group.id, member.id))
        group.remove(member)

    def _members_left(self, group: ClassicGroup, turn: Turn) -> None:
        if group.is_in(State.STABLE, State.COMPLETING):
            prepare(group, turn, self.timers, self.settings())
        try_complete(group, turn, self.timers)

    def disconnected(self, group_id: str, token: Any, turn: Turn) -> None:
        """The client of a parked request has gone. A join of a dynamic member is forgotten at once: nobody will ever hear its answer."""
        group = self.groups.get(group_id)
        if group is None:
            return
        member = next((one for one in group.members.values() if one.join is token or one.sync is token), None)
        if member is None:
            return
        if member.sync is token:
            member.sync = None
            return
        member.join = None
        if member.instance_id is None:
            self._drop(group, member, turn)
            self._members_left(group, turn)

    # ---- time

    def next_deadline_ms(self) -> int | None:
        """When ``expire`` wants to be called; None: not until something happens."""
        return self.timers.next_ms()

    def expire(self, turn: Turn) -> None:
        """End sessions, rebalances and waits whose time is over."""
        for at_ms, group_id, who in self.timers.pop_due(turn.now_ms):
            group = self.groups.get(group_id)
            if group is None:
                continue
            if who == GROUP:
                self._group_due(group, turn)
            elif group.pending.get(who) == at_ms:
                del group.pending[who]
                try_complete(group, turn, self.timers)
                self._forget_unused(group)
            elif (member := group.members.get(who)) is not None and member.queued_ms == at_ms:
                member.queued_ms = None
                self._member_due(group, member, turn)

    def _group_due(self, group: ClassicGroup, turn: Turn) -> None:
        if group.is_in(State.PREPARING):
            try_complete(group, turn, self.timers)
        elif group.is_in(State.COMPLETING, State.STABLE) and group.unsynced and group.sync_by_ms is not None and turn.now_ms >= group.sync_by_ms:
            for member_id in [one for one in group.unsynced if one in group.members]:
                self._drop(group, group.members[member_id], turn)
            self._members_left(group, turn)

    def _member_due(self, group: ClassicGroup, member: Member, turn: Turn) -> None:
        heard_ms = self._heard_ms(group.id, member.id)
        if heard_ms is not None and member.session_by_ms is not None:
            member.session_by_ms = max(member.session_by_ms, heard_ms + member.session_timeout_ms)
        waits = (member.join is not None and not member.is_new) or member.sync is not None   # it waits for us, not we for it
        if waits:
            keep_session(group, member, turn, self.timers)
        elif member.session_by_ms is not None and member.session_by_ms <= turn.now_ms:
            self._drop(group, member, turn)
            self._members_left(group, turn)
        else:
            self.timers.watch_member(group, member)

    def _forget_unused(self, group: ClassicGroup) -> None:
        """A group that nobody ever came to after all, and that has nothing in the log."""
        if group.is_simple and group.generation == 0 and not group.members and not group.pending:
            del self.groups[group.id]

    # ---- for others

    def _group(self, group_id: str) -> ClassicGroup:
        group = self.groups.get(group_id)
        if group is None:
            raise errors.UnknownMemberId()
        return group

    def delete(self, group_id: str, turn: Turn) -> None:
        """Take the group out; offsets are the caller's. Raises NonEmptyGroup."""
        group = self.groups[group_id]
        if group.state is not State.EMPTY or group.pending:
            raise errors.NonEmptyGroup()
        turn.records.append(classic_records.tombstone(group_id))
        del self.groups[group_id]

    def check_commit(self, group: ClassicGroup, member_id: str, instance_id: str | None, generation: int, turn: Turn, *, transactional: bool = False) -> None:
        """Whether offsets may be committed so. Raises UnknownMemberId, IllegalGeneration, FencedInstanceId, RebalanceInProgress."""
        if generation < 0 and group.state is State.EMPTY:
            return                                          # from outside of the group
        if generation >= 0 or member_id or instance_id is not None:
            member = _known(group, member_id, instance_id)
            _check_generation(group, generation)
            keep_session(group, member, turn, self.timers)
        elif not transactional:
            raise errors.UnknownMemberId()
        if group.state is State.COMPLETING and not transactional:
            raise errors.RebalanceInProgress()

    def replay(self, key: bytes, value: bytes | None) -> None:
        """A record of type 2; both without their first int16. Raises ProtocolError."""
        group_id = classic_records.group_id(key)
        if value is None:
            self.groups.pop(group_id, None)
        else:
            self.groups[group_id] = classic_records.read(group_id, int.from_bytes(value[:2], "big", signed=True), value[2:])

    def loaded(self, now_ms: int, wall_ms: int) -> None:
        """The replay is over: every member has a whole session from now on."""
        turn = Turn(now_ms, wall_ms)
        for group in self.groups.values():
            for member in group.members.values():
                keep_session(group, member, turn, self.timers)

    def waiting(self) -> list[Any]:
        """Tokens of all requests that are parked."""
        return [token for group in self.groups.values() for member in group.members.values() for token in (member.join, member.sync) if token is not None]

    def adopt(self, facts: ClassicGroupFacts, turn: Turn) -> ClassicGroup:
        """A group that was one of the consumer protocol goes on with its classic members, and is assigned anew."""
        group = ClassicGroup(facts.group_id, turn.wall_ms)
        group.protocol_type, group.protocol, group.generation = CONSUMER, facts.protocol, facts.generation
        for one in facts.members:
            member = Member(one.member_id, one.instance_id, one.client_id, one.client_host, rebalance_timeout_ms=one.rebalance_timeout_ms, session_timeout_ms=one.session_timeout_ms,
                            protocols=one.protocols)  # fmt: skip
            member.assignment, member.is_new = one.assignment, False
            group.add(member)
            keep_session(group, member, turn, self.timers)
        group.leader = facts.leader if facts.leader in group.members else group.leader
        group.state = State.STABLE
        self.groups[group.id] = group
        turn.records.append(classic_records.group(group))
        prepare(group, turn, self.timers, self.settings())
        return group

    def hand_over(self, group: ClassicGroup, turn: Turn) -> None:
        """The group becomes one of the consumer protocol: it is no longer ours. Who waits is told to join again."""
        for member in group.members.values():
            if member.join is not None:
                turn.answers.append((member.join, JoinGroupResponse(error_code=errors.RebalanceInProgress.code, member_id=member.id)))
            if member.sync is not None:
                turn.answers.append((member.sync, SyncGroupResponse(error_code=errors.RebalanceInProgress.code)))
            turn.moved.append((group.id, member.id))
        turn.records.append(classic_records.tombstone(group.id))
        del self.groups[group.id]


def _known(group: ClassicGroup, member_id: str, instance_id: str | None) -> Member:
    """Raises UnknownMemberId, FencedInstanceId."""
    if instance_id is not None:
        current = group.statics.get(instance_id)
        if current is None:
            raise errors.UnknownMemberId()
        if current != member_id:
            raise errors.FencedInstanceId()
    member = group.members.get(member_id)
    if member is None:
        raise errors.UnknownMemberId()
    return member


def _check_generation(group: ClassicGroup, generation: int) -> None:
    if generation != group.generation:
        raise errors.IllegalGeneration()


def _check_room(group: ClassicGroup, member_id: str, protocols: Protocols, settings: Settings) -> None:
    """Raises GroupMaxSizeReached."""
    known = member_id in group.members
    if not known and len(group.members) + (0 if member_id in group.pending else len(group.pending)) >= settings.members_max:
        raise errors.GroupMaxSizeReached()
    size = sum(len(name) + len(metadata) for name, metadata in protocols)
    others = sum(len(metadata) for member in group.members.values() if member.id != member_id for _, metadata in member.protocols)
    if size + others > settings.metadata_bytes_max:
        raise errors.GroupMaxSizeReached(f"The metadata of the group's members would be more than {settings.metadata_bytes_max} bytes together.")


def _wants_the_same(group: ClassicGroup, member: Member, before: Protocols, chosen: str | None) -> bool:
    """Whether the member that came back would change nothing: the group would choose as it did, and it says the same to the one chosen."""
    if group.choose_protocol() != chosen:
        return False
    said = next((metadata for name, metadata in before if name == chosen), None)
    return said is not None and said == member.metadata_for(chosen)
