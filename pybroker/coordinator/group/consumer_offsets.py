"""Who may commit and fetch offsets of a consumer group, and what of it may be deleted. Each check passes or raises the error that the answer carries."""

from pybroker.coordinator.group.consumer_state import ConsumerGroup
from pybroker.protocol import errors

MEMBER_EPOCH_FROM = 9
"""First version of OffsetCommit and OffsetFetch with a member epoch: members of the consumer protocol must not use older ones."""


def check_commit(group: ConsumerGroup, member_id: str, epoch: int, version: int) -> None:
    """OffsetCommit, key 8. A group without members takes commits from outside (epoch -1).

    Raises UnknownMemberId, StaleMemberEpoch, UnsupportedVersion; IllegalGeneration for a member of the classic protocol.
    """
    if epoch < 0 and not group.members:
        return
    member = group.members.get(member_id)
    if member is None:
        raise errors.UnknownMemberId()
    if member.is_classic:
        if epoch != member.current.epoch:
            raise errors.IllegalGeneration()
    elif version < MEMBER_EPOCH_FROM:
        raise errors.UnsupportedVersion("OffsetCommit version 9 or above must be used by members using the modern group protocol.")
    elif epoch != member.current.epoch:
        raise errors.StaleMemberEpoch()


def check_fetch(group: ConsumerGroup, member_id: str | None, epoch: int) -> None:
    """OffsetFetch, key 9. Who names no member may read. Raises UnknownMemberId, StaleMemberEpoch; IllegalGeneration for a member of the classic protocol."""
    if member_id is None and epoch < 0:
        return
    member = group.members.get(member_id or "")
    if member is None:
        raise errors.UnknownMemberId()
    if epoch != member.current.epoch:
        raise errors.IllegalGeneration() if member.is_classic else errors.StaleMemberEpoch()


def check_offset_delete(group: ConsumerGroup, topic: str) -> None:
    """OffsetDelete, key 47. Raises GroupSubscribedToTopic."""
    if topic in group.subscribed_names():
        raise errors.GroupSubscribedToTopic()


def may_expire(group: ConsumerGroup, topic: str) -> bool:
    """Whether offsets of the topic age: nobody subscribes to it."""
    return not group.members or topic not in group.subscribed_names()
