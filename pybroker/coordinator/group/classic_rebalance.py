"""How a classic group gets from one generation to the next: who is waited for, who is out, what members are told.

The first rebalance of an empty group does not wait: a lone consumer has its partitions at once. Those that come while the group is young are waited for a little, as long as
more keep coming, so that consumers that are started together share in at most two rebalances: one of the first, one of all.
"""

from typing import NamedTuple

from pybroker.coordinator.effects import Steady, Turn
from pybroker.coordinator.group import classic_records
from pybroker.coordinator.group.classic_state import ClassicGroup, Member, State
from pybroker.coordinator.group.timers import Timers
from pybroker.protocol import errors
from pybroker.protocol.messages.k11_join_group import JoinGroupResponse, JoinGroupResponseMember
from pybroker.protocol.messages.k14_sync_group import SyncGroupResponse

YOUNG_MS = 10_000
"""A group that was empty so long ago gets more members: those of an application that starts."""
ARRIVAL_GAP_MS, ARRIVALS_MS_MAX = 200, 2000
"""While a group is young a rebalance is held open for this long after the last newcomer, and this long in all."""
NEW_MEMBER_MS_MAX = 5 * 60_000
"""How long a newcomer is kept whose join is not answered: it has no session yet."""


class Settings(NamedTuple):
    """What the config says of classic groups."""

    session_ms_min: int
    session_ms_max: int
    members_max: int
    initial_delay_ms: int
    metadata_bytes_max: int


def prepare(group: ClassicGroup, turn: Turn, timers: Timers, settings: Settings) -> None:
    """Begin a rebalance: whoever waits for an assignment is told to join anew."""
    for member in group.members.values():
        turn.moved.append((group.id, member.id))
        if member.sync is not None:
            turn.answers.append((member.sync, SyncGroupResponse(error_code=errors.RebalanceInProgress.code)))
            member.sync = None
            keep_session(group, member, turn, timers)
    group.unsynced.clear()
    group.sync_by_ms = None
    first = group.state is State.EMPTY
    group.move(State.PREPARING, turn.wall_ms)
    group.joining_since_ms = turn.now_ms
    group.join_by_ms = turn.now_ms + group.rebalance_timeout_ms()
    group.hold_until_ms = None
    if first:
        group.arrived_ms = turn.now_ms
        if settings.initial_delay_ms > 0:
            group.hold_until_ms = turn.now_ms + min(settings.initial_delay_ms, group.rebalance_timeout_ms())
    timers.watch_at(group, group.join_by_ms)


def hold_for_more(group: ClassicGroup, turn: Turn, timers: Timers, settings: Settings) -> None:
    """A newcomer has joined while a rebalance is open: maybe not the last one."""
    gap_ms, longest_ms = ARRIVAL_GAP_MS, ARRIVALS_MS_MAX
    if group.generation == 0 and settings.initial_delay_ms > 0:
        gap_ms, longest_ms = settings.initial_delay_ms, group.rebalance_timeout_ms()
    elif len(group.members) == 1 or group.arrived_ms is None or turn.now_ms - group.arrived_ms > YOUNG_MS:
        return
    group.hold_until_ms = min(turn.now_ms + gap_ms, group.joining_since_ms + longest_ms)
    timers.watch_at(group, group.hold_until_ms)


def try_complete(group: ClassicGroup, turn: Turn, timers: Timers) -> None:
    """End the rebalance when everybody who is expected has joined, or the time is up."""
    if group.state is not State.PREPARING:
        return
    late = group.join_by_ms is not None and turn.now_ms >= group.join_by_ms
    held = group.hold_until_ms is not None and turn.now_ms < group.hold_until_ms
    if late or (group.all_joined and not held):
        _complete(group, turn, timers)


def _complete(group: ClassicGroup, turn: Turn, timers: Timers) -> None:
    for member in [member for member in group.members.values() if member.join is None and member.instance_id is None]:
        turn.moved.append((group.id, member.id))
        group.remove(member)
    group.pending.clear()
    if group.members and not group.joined:                  # static members alone are left, and none has come back: they have until their sessions end
        group.join_by_ms = turn.now_ms + group.rebalance_timeout_ms()
        timers.watch_at(group, group.join_by_ms)
        return
    group.join_by_ms = group.hold_until_ms = None
    group.generation += 1
    if not group.members:
        empty(group, turn)
        return
    if group.members[group.leader or ""].join is None:      # a static leader that is away
        group.leader = group.joined[0].id
    group.protocol = group.choose_protocol()
    group.move(State.COMPLETING, turn.wall_ms)
    group.unsynced = set(group.members)
    group.sync_by_ms = turn.now_ms + group.rebalance_timeout_ms()
    timers.watch_at(group, group.sync_by_ms)
    for member in group.members.values():
        if member.join is not None:
            turn.answers.append((member.join, joined(group, member)))
            member.join = None
            member.is_new = False
        keep_session(group, member, turn, timers)


def empty(group: ClassicGroup, turn: Turn) -> None:
    """Nobody is left; generation, type and offsets stay."""
    group.protocol = None
    group.leader = None
    group.arrived_ms = None
    if group.state is not State.EMPTY:
        if group.state is not State.PREPARING:
            group.move(State.PREPARING, turn.wall_ms)
        group.move(State.EMPTY, turn.wall_ms)
    turn.records.append(classic_records.group(group))


def joined(group: ClassicGroup, member: Member, *, skip_assignment: bool = False) -> JoinGroupResponse:
    """The answer to a join: the leader learns who there is."""
    members = []
    if member.id == group.leader:
        members = [JoinGroupResponseMember(member_id=one.id, group_instance_id=one.instance_id, metadata=one.metadata_for(group.protocol)) for one in group.members.values()]
    return JoinGroupResponse(
        generation_id=group.generation,
        protocol_type=group.protocol_type,
        protocol_name=group.protocol,
        leader=group.leader or "",
        skip_assignment=skip_assignment,
        member_id=member.id,
        members=members,
    )


def synced(group: ClassicGroup, member: Member) -> SyncGroupResponse:
    return SyncGroupResponse(protocol_type=group.protocol_type, protocol_name=group.protocol, assignment=member.assignment)


def settle(group: ClassicGroup, turn: Turn) -> None:
    """The leader's assignment is in: everybody who waits gets its part, and heartbeats change nothing from now on."""
    group.move(State.STABLE, turn.wall_ms)
    turn.records.append(classic_records.group(group))
    for member in group.members.values():
        if member.sync is not None:
            turn.answers.append((member.sync, synced(group, member)))
            member.sync = None
        turn.steady.append(steady(group, member))


def steady(group: ClassicGroup, member: Member) -> Steady:
    return Steady(group.id, member.id, member.instance_id, group.generation, 0, False)


def keep_session(group: ClassicGroup, member: Member, turn: Turn, timers: Timers) -> None:
    """It was heard of."""
    member.session_by_ms = turn.now_ms + (NEW_MEMBER_MS_MAX if member.is_new else member.session_timeout_ms)
    timers.watch_member(group, member)
