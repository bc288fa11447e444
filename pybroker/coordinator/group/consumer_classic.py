"""Members of the classic protocol inside of a consumer group: JoinGroup, SyncGroup, Heartbeat and LeaveGroup, answered from the consumer group's state.

The coordinator assigns, so no such member is ever the leader: it joins and is answered at once with its epoch as generation; its sync fetches what it owns;
a heartbeat tells it to join again when the target has moved on, when it must give something up, or when something it waits for has become free. Giving up is
seen in the next join: there a cooperative member says what it still owns, an eager one owns nothing.

Source  KIP-848, "Supporting Online Consumer Group Upgrade"
"""

from collections.abc import Callable

from pybroker.coordinator.group.classic import NO_PROTOCOL_FROM
from pybroker.coordinator.group.consumer import ConsumerGroups
from pybroker.coordinator.group.consumer_advance import advance, refresh, settle
from pybroker.coordinator.group.consumer_change import Change, Settings, Turn
from pybroker.coordinator.group.consumer_checks import check_size, check_subscription
from pybroker.coordinator.group.consumer_members import may_become_classic, replace_static
from pybroker.coordinator.group.consumer_reconcile import Claimed
from pybroker.coordinator.group.consumer_state import LEAVE_STATIC_EPOCH, ClassicFacts, ConsumerGroup, Facts, Member, State
from pybroker.coordinator.group.embedded import PROTOCOL_TYPE, Subscription, read_subscription
from pybroker.coordinator.group.upgrade import classic_assignment, downgrade
from pybroker.protocol import errors
from pybroker.protocol.messages.k11_join_group import JoinGroupRequest, JoinGroupResponse
from pybroker.protocol.messages.k12_heartbeat import HeartbeatRequest, HeartbeatResponse
from pybroker.protocol.messages.k13_leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse
from pybroker.protocol.messages.k14_sync_group import SyncGroupRequest, SyncGroupResponse
from pybroker.protocol.primitives import ProtocolError

MEMBER_ID_REQUIRED_FROM = 4
"""JoinGroup from this version on is sent twice by a new dynamic member: the first one gets the id (KIP-394)."""

UNKNOWN_MEMBER_ID = ""


def join(
    groups: ConsumerGroups, group: ConsumerGroup, request: JoinGroupRequest, version: int, client_id: str, client_host: str, turn: Turn, new_id: Callable[[], str]
) -> JoinGroupResponse | None:
    """API key 11. None: the group has just become classic (``turn.downgraded``), the request is for that one.

    Raises InvalidSessionTimeout, InconsistentGroupProtocol, UnknownMemberId, FencedInstanceId, UnreleasedInstanceId, GroupMaxSizeReached.
    """
    settings = groups.settings(group.id)
    subscription = _check_join(group, request, settings)
    if request.member_id == UNKNOWN_MEMBER_ID and request.group_instance_id is None and version >= MEMBER_ID_REQUIRED_FROM:
        check_size(group, UNKNOWN_MEMBER_ID, settings.members_max)
        return JoinGroupResponse(error_code=errors.MemberIdRequired.code, member_id=new_id(), protocol_name=None if version >= NO_PROTOCOL_FROM else "")
    replaced = _find(group, request, settings)
    change = Change(group, turn)
    if replaced is not None and not replaced.is_classic and may_become_classic(change, [replaced.id], settings):
        del groups.groups[group.id]
        downgrade(group, [replaced.id], turn, groups.topics)
        return None
    member_id = request.member_id or new_id()
    if replaced is not None:
        replace_static(change, replaced, member_id)
    facts = Facts(
        instance_id=request.group_instance_id,
        rack_id=subscription.rack_id,
        client_id=client_id,
        client_host=client_host,
        topics=subscription.topics,
        rebalance_timeout_ms=request.rebalance_timeout_ms if request.rebalance_timeout_ms >= 0 else request.session_timeout_ms,
        classic=ClassicFacts(request.session_timeout_ms, tuple((protocol.name, bytes(protocol.metadata)) for protocol in request.protocols)),
    )
    advance(change, member_id, facts, _claimed(groups, subscription), groups.topics, settings)
    member = group.members[member_id]
    member.join_by_ms = turn.now_ms + facts.rebalance_timeout_ms
    groups.begin_session(group.id, member, turn.now_ms, settings)
    return JoinGroupResponse(
        generation_id=member.current.epoch, protocol_type=PROTOCOL_TYPE if version >= NO_PROTOCOL_FROM else None, protocol_name=request.protocols[0].name, leader="", member_id=member_id
    )


def _check_join(group: ConsumerGroup, request: JoinGroupRequest, settings: Settings) -> Subscription:
    if not settings.classic_session_min_ms <= request.session_timeout_ms <= settings.classic_session_max_ms:
        raise errors.InvalidSessionTimeout()
    names = {protocol.name for protocol in request.protocols}
    for member in group.members.values():
        if member.facts.classic is not None and member.id != request.member_id:
            names &= {name for name, _ in member.facts.classic.protocols}
    if request.protocol_type != PROTOCOL_TYPE or not names:
        raise errors.InconsistentGroupProtocol()
    try:
        subscription = read_subscription(bytes(request.protocols[0].metadata))
        check_subscription(subscription.topics)
    except (ProtocolError, errors.InvalidRequest) as error:
        raise errors.InconsistentGroupProtocol() from error
    return subscription


def _find(group: ConsumerGroup, request: JoinGroupRequest, settings: Settings) -> Member | None:
    """Whose place the member takes, if it is static and starts again. Raises KafkaError."""
    known = group.members.get(request.member_id)
    if request.group_instance_id is not None:
        static = group.static(request.group_instance_id)
        if static is not None and static.id != request.member_id:
            if request.member_id != UNKNOWN_MEMBER_ID:
                raise errors.FencedInstanceId()
            if not static.is_classic and static.current.epoch != LEAVE_STATIC_EPOCH:
                raise errors.UnreleasedInstanceId()
            return static
        if static is None and request.member_id != UNKNOWN_MEMBER_ID and known is None:
            raise errors.UnknownMemberId()
    check_size(group, request.member_id, settings.members_max)
    return None


def _claimed(groups: ConsumerGroups, subscription: Subscription) -> Claimed:
    by_name = groups.topics.by_name
    return {by_name[name].id: partitions for name, partitions in subscription.owned.items() if name in by_name}


def _member(group: ConsumerGroup, member_id: str, instance_id: str | None, generation: int) -> Member:
    """Raises UnknownMemberId, FencedInstanceId, IllegalGeneration."""
    if instance_id is not None:
        static = group.static(instance_id)
        if static is None:
            raise errors.UnknownMemberId()
        if static.id != member_id:
            raise errors.FencedInstanceId()
    member = group.members.get(member_id)
    if member is None or not member.is_classic:
        raise errors.UnknownMemberId()
    if generation != member.current.epoch:
        raise errors.IllegalGeneration()
    return member


def sync(groups: ConsumerGroups, group: ConsumerGroup, request: SyncGroupRequest, version: int, turn: Turn) -> SyncGroupResponse:
    """API key 14: what the member owns. Raises UnknownMemberId, FencedInstanceId, IllegalGeneration, InconsistentGroupProtocol, RebalanceInProgress."""
    member = _member(group, request.member_id, request.group_instance_id, request.generation_id)
    classic = member.facts.classic
    assert classic is not None
    known = any(request.protocol_name == name for name, _ in classic.protocols)
    if (request.protocol_type not in (None, PROTOCOL_TYPE)) or not (request.protocol_name is None or known):
        raise errors.InconsistentGroupProtocol()
    if member.current.epoch < group.target_epoch and member.current.state is not State.UNREVOKED:
        raise errors.RebalanceInProgress()
    member.join_by_ms = None
    settings = groups.settings(group.id)
    groups.begin_session(group.id, member, turn.now_ms, settings)
    settle(group, member, settings, turn)
    typed = version >= 5
    return SyncGroupResponse(
        protocol_type=PROTOCOL_TYPE if typed else None,
        protocol_name=(request.protocol_name or classic.protocols[0][0]) if typed else None,
        assignment=classic_assignment(member, groups.topics),
    )


def heartbeat(groups: ConsumerGroups, group: ConsumerGroup, request: HeartbeatRequest, turn: Turn) -> HeartbeatResponse:
    """API key 12. The answer carries RebalanceInProgress when the member shall join again; from then on it has its rebalance time-out for that.

    Raises UnknownMemberId, FencedInstanceId, IllegalGeneration.
    """
    member = _member(group, request.member_id, request.group_instance_id, request.generation_id)
    settings = groups.settings(group.id)
    refresh(Change(group, turn), groups.topics, settings)
    rejoin = must_rejoin(group, member)
    if rejoin and member.join_by_ms is None:
        member.join_by_ms = turn.now_ms + member.facts.rebalance_timeout_ms
    groups.begin_session(group.id, member, turn.now_ms, settings)
    settle(group, member, settings, turn)
    return HeartbeatResponse(error_code=errors.RebalanceInProgress.code if rejoin else 0)


def must_rejoin(group: ConsumerGroup, member: Member) -> bool:
    """Whether a join would bring the member further."""
    current = member.current
    if current.epoch < group.target_epoch or current.state is State.UNREVOKED:
        return True
    if current.state is not State.UNRELEASED:
        return False
    target = group.target.get(member.id, {})
    return any(group.owner(topic_id, partition) is None for topic_id, partitions in target.items() for partition in partitions)


def leave(groups: ConsumerGroups, group: ConsumerGroup, request: LeaveGroupRequest, version: int, turn: Turn) -> LeaveGroupResponse:
    """API key 13. Before version 3 the one member's error is the answer's."""
    wishes = request.members if version >= 3 else [MemberIdentity(member_id=request.member_id)]
    going: dict[str, None] = {}
    answers = []
    for wish in wishes:
        try:
            going[_leaving(group, wish).id] = None
            code = 0
        except errors.KafkaError as error:
            code = error.code
        answers.append(MemberResponse(member_id=wish.member_id, group_instance_id=wish.group_instance_id, error_code=code))
    if going:
        groups.remove(group, list(going), turn)
    return LeaveGroupResponse(members=answers) if version >= 3 else LeaveGroupResponse(error_code=answers[0].error_code)


def _leaving(group: ConsumerGroup, wish: MemberIdentity) -> Member:
    """An administrator names a static member by its instance id alone. Raises UnknownMemberId, FencedInstanceId."""
    if wish.group_instance_id is not None:
        static = group.static(wish.group_instance_id)
        if static is None:
            raise errors.UnknownMemberId()
        if wish.member_id not in (UNKNOWN_MEMBER_ID, static.id):
            raise errors.FencedInstanceId()
        return static
    member = group.members.get(wish.member_id)
    if member is None:
        raise errors.UnknownMemberId()
    return member
