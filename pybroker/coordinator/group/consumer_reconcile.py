"""From what a member owns towards its target, one step per heartbeat.

A partition goes to its new owner only after the old one gave it up: first a member loses what its target no longer has (and stays at its epoch until it
says that it owns none of that), then it comes up to the target epoch, then it gets what nobody else owns, bit by bit as it becomes free.

Source  KIP-848, "Reconciliation of the group"
"""

from collections.abc import Callable, Mapping, Set

from pybroker.coordinator.group.consumer_state import OWNS_NOTHING, Assignment, Current, Owned, State
from pybroker.protocol import errors

Claimed = Mapping[bytes, Set[int]]
"""The partitions that a member says it owns."""


def reconcile(current: Current, target_epoch: int, target: Assignment, claimed: Claimed | None, is_free: Callable[[bytes, int], bool]) -> Current:
    """The member's next state; ``current`` itself when nothing changes.

    ``claimed`` is None when the member did not say; ``is_free`` tells whether nobody owns a partition. Raises FencedMemberEpoch for a member in a
    state that this broker does not know and that does not say what it owns.
    """
    if current.state is State.STABLE and current.epoch == target_epoch:
        return current
    if current.state is State.UNREVOKED and (claimed is None or _meet(current.revoking, claimed)):
        return current
    if current.state is State.UNKNOWN and claimed is None:
        raise errors.FencedMemberEpoch("The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.")
    kept, lost = _split(current.assigned, target)
    if lost and (claimed is None or _meet(lost, claimed)):
        return Current(current.epoch, current.epoch, State.UNREVOKED, kept, lost)
    gained, all_free = _gain(current.assigned, target, target_epoch, is_free)
    state = State.STABLE if all_free else State.UNRELEASED
    if not gained and kept is current.assigned and (current.epoch, current.state) == (target_epoch, state):
        return current                                      # it still waits for all that it waited for
    return Current(target_epoch, current.epoch, state, _join(kept, gained) if gained else kept)


def _meet(owned: Owned, claimed: Claimed) -> bool:
    return any(not partitions.keys().isdisjoint(claimed.get(topic_id, ())) for topic_id, partitions in owned.items())


def _split(assigned: Owned, target: Assignment) -> tuple[Owned, Owned]:
    """What of ``assigned`` is in the target, and what is not. The first is ``assigned`` itself when it is all of it."""
    kept: dict[bytes, Mapping[int, int]] = {}
    lost: dict[bytes, Mapping[int, int]] = {}
    for topic_id, partitions in assigned.items():
        wanted = frozenset(target.get(topic_id, ()))
        stay = {partition: epoch for partition, epoch in partitions.items() if partition in wanted}
        if len(stay) == len(partitions):
            kept[topic_id] = partitions
            continue
        if stay:
            kept[topic_id] = stay
        lost[topic_id] = {partition: epoch for partition, epoch in partitions.items() if partition not in wanted}
    return (kept, lost) if lost else (assigned, OWNS_NOTHING)


def _gain(assigned: Owned, target: Assignment, epoch: int, is_free: Callable[[bytes, int], bool]) -> tuple[dict[bytes, dict[int, int]], bool]:
    """Partitions of the target that can be had now, and whether those are all that were missing."""
    gained: dict[bytes, dict[int, int]] = {}
    all_free = True
    for topic_id, wanted in target.items():
        has = assigned.get(topic_id, {})
        if len(has) == len(wanted) and all(partition in has for partition in wanted):
            continue
        missing = [partition for partition in wanted if partition not in has]
        free = {partition: epoch for partition in missing if is_free(topic_id, partition)}
        all_free = all_free and len(free) == len(missing)
        if free:
            gained[topic_id] = free
    return gained, all_free


def _join(kept: Owned, gained: Mapping[bytes, Mapping[int, int]]) -> Owned:
    out = dict(kept)
    for topic_id, partitions in gained.items():
        out[topic_id] = {**out.get(topic_id, {}), **partitions}
    return out
