"""Members that go, and members that take the place of another."""

from collections.abc import Sequence

from pybroker.coordinator.group.consumer_advance import bump
from pybroker.coordinator.group.consumer_change import Change, Settings, Topics
from pybroker.coordinator.group.consumer_state import LEAVE_STATIC_EPOCH, NOTHING, OWNS_NOTHING, Current, Facts, Member, State


def remove(change: Change, member_ids: Sequence[str], topics: Topics) -> None:
    """They are out: what they owned is free, the rest share it at the next assignment."""
    for member_id in member_ids:
        change.remove_member(member_id)
    bump(change, topics)


def park_static(change: Change, member: Member) -> None:
    """A static member is away for a while: it keeps its partitions until its session ends, and whoever joins under its instance id gets them."""
    current = member.current
    if current.epoch == LEAVE_STATIC_EPOCH:
        return
    member.revoke_by_ms = None
    change.turn.moved.append((change.group.id, member.id))
    change.current(member.id, Current(LEAVE_STATIC_EPOCH, current.epoch, State.STABLE, current.assigned, OWNS_NOTHING))


def replace_static(change: Change, old: Member, member_id: str) -> Facts:
    """Hand everything of ``old`` to a new member id; its facts, with which the new one begins. No new epoch: nothing moves."""
    group = change.group
    facts, assigned, target = old.facts, old.current.assigned, group.target.get(old.id, NOTHING)
    change.remove_member(old.id)
    change.member(member_id, facts)
    change.target(member_id, target)
    change.current(member_id, Current(0, 0, State.STABLE, assigned, OWNS_NOTHING))
    return facts


def may_become_classic(change: Change, leaving: Sequence[str], settings: Settings) -> bool:
    """Whether only members of the classic protocol stay when these go, and policy and size let them be a classic group."""
    group = change.group
    staying = [member for member_id, member in group.members.items() if member_id not in leaving]
    return settings.may_downgrade and 0 < len(staying) <= settings.classic_members_max and all(member.is_classic for member in staying)
