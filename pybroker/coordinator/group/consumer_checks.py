"""What a heartbeat may not say, and who may say it: refusals that come before anything is changed.

Source  KIP-848; texts and codes as a Kafka 4.4 broker gives them
"""

from collections.abc import Collection

from pybroker.coordinator.group import subscription
from pybroker.coordinator.group.consumer_reconcile import Claimed
from pybroker.coordinator.group.consumer_state import LEAVE_EPOCH, LEAVE_STATIC_EPOCH, ConsumerGroup, Current, Facts, Member, State
from pybroker.protocol import errors
from pybroker.protocol.messages.k68_consumer_group_heartbeat import ConsumerGroupHeartbeatRequest

SUBSCRIPTION_CHARACTERS_MAX = 512 << 10
"""Characters of all topic names in one subscription: it is one record, which must fit into a batch of the default size."""


def check_heartbeat(request: ConsumerGroupHeartbeatRequest, version: int, assignors: Collection[str]) -> None:
    """Raises InvalidRequest, UnsupportedAssignor, InvalidRegularExpression."""
    epoch = request.member_epoch
    if not request.member_id.strip() and (version >= 1 or epoch > 0 or epoch == LEAVE_EPOCH):
        raise errors.InvalidRequest("MemberId can't be empty.")
    for name, value in (("GroupId", request.group_id), ("InstanceId", request.instance_id), ("RackId", request.rack_id)):
        if value is not None and not value.strip():
            raise errors.InvalidRequest(f"{name} can't be empty.")
    if epoch == 0:
        _check_join(request)
    elif epoch == LEAVE_STATIC_EPOCH and request.instance_id is None:
        raise errors.InvalidRequest("InstanceId can't be null.")
    elif epoch < LEAVE_STATIC_EPOCH:
        raise errors.InvalidRequest("MemberEpoch is invalid.")
    if request.server_assignor is not None and request.server_assignor not in assignors:
        raise errors.UnsupportedAssignor(f"ServerAssignor {request.server_assignor} is not supported. Supported assignors: {', '.join(assignors)}.")
    if request.subscribed_topic_regex:
        subscription.check(request.subscribed_topic_regex)
    if request.subscribed_topic_names is not None:
        check_subscription(request.subscribed_topic_names)


def _check_join(request: ConsumerGroupHeartbeatRequest) -> None:
    if request.rebalance_timeout_ms == -1:
        raise errors.InvalidRequest("RebalanceTimeoutMs must be provided in first request.")
    if request.topic_partitions is None or request.topic_partitions:
        raise errors.InvalidRequest("TopicPartitions must be empty when (re-)joining.")
    if request.subscribed_topic_names is None and request.subscribed_topic_regex is None:
        raise errors.InvalidRequest("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")


def check_subscription(names: Collection[str]) -> None:
    """Raises InvalidRequest."""
    if sum(map(len, names)) > SUBSCRIPTION_CHARACTERS_MAX:
        raise errors.InvalidRequest(f"The subscribed topic names are longer than {SUBSCRIPTION_CHARACTERS_MAX} characters together.")


def check_epoch(current: Current, epoch: int, claimed: Claimed | None) -> None:
    """Whether the member is at the epoch that it says. Raises FencedMemberEpoch.

    The epoch before is accepted from a member that owns nothing but what it was given: the answer with its new epoch got lost.
    """
    if epoch > current.epoch:
        raise errors.FencedMemberEpoch(
            f"The consumer group member has a greater member epoch ({epoch}) than the one known by the group coordinator ({current.epoch}). "
            "The member must abandon all its partitions and rejoin."
        )
    if epoch < current.epoch and (epoch != current.previous_epoch or claimed is None or not _is_within(claimed, current)):
        raise errors.FencedMemberEpoch(
            f"The consumer group member has a smaller member epoch ({epoch}) than the one known by the group coordinator ({current.epoch}). "
            "The member must abandon all its partitions and rejoin."
        )
    if current.state is State.UNKNOWN and claimed is None:
        raise errors.FencedMemberEpoch("The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.")


def _is_within(claimed: Claimed, current: Current) -> bool:
    return all(partitions <= current.assigned.get(topic_id, {}).keys() for topic_id, partitions in claimed.items())


def known(group: ConsumerGroup, member_id: str) -> Member:
    """Raises UnknownMemberId."""
    member = group.members.get(member_id)
    if member is None:
        raise errors.UnknownMemberId(f"Member {member_id} is not a member of group {group.id}.")
    return member


def known_static(group: ConsumerGroup, instance_id: str, member_id: str) -> Member:
    """The member under the instance id, if it is this one. Raises UnknownMemberId, FencedInstanceId."""
    member = group.static(instance_id)
    if member is None:
        raise errors.UnknownMemberId(f"Instance id {instance_id} is unknown.")
    if member.id != member_id:
        raise errors.FencedInstanceId(f"Static member {member_id} with instance id {instance_id} was fenced by member {member.id}.")
    return member


def joining_static(group: ConsumerGroup, instance_id: str, member_id: str) -> Member | None:
    """The member whose place a joining one takes: it left for a while, or it speaks the classic protocol and is started again with the new one.

    None when nobody has the instance id, or the member itself. Raises UnreleasedInstanceId.
    """
    member = group.static(instance_id)
    if member is None or member.id == member_id:
        return None
    if member.current.epoch != LEAVE_STATIC_EPOCH and not member.is_classic:
        raise errors.UnreleasedInstanceId(f"Static member {member_id} with instance id {instance_id} cannot join the group because the instance id is owned by {member.id} member.")
    return member


def check_size(group: ConsumerGroup, member_id: str, members_max: int) -> None:
    """Raises GroupMaxSizeReached."""
    if len(group.members) >= members_max and member_id not in group.members:
        raise errors.GroupMaxSizeReached(f"The consumer group has reached its maximum capacity of {members_max} members.")


def facts_of(request: ConsumerGroupHeartbeatRequest, old: Facts, client_id: str, client_host: str) -> Facts:
    """What the member says now; what it leaves out has not changed. ``old`` itself when nothing did."""
    names = request.subscribed_topic_names
    new = Facts(
        instance_id=old.instance_id if request.instance_id is None else request.instance_id,
        rack_id=old.rack_id if request.rack_id is None else request.rack_id,
        client_id=client_id,
        client_host=client_host,
        topics=old.topics if names is None else tuple(sorted(set(names))),
        regex=old.regex if request.subscribed_topic_regex is None else request.subscribed_topic_regex,
        rebalance_timeout_ms=old.rebalance_timeout_ms if request.rebalance_timeout_ms == -1 else request.rebalance_timeout_ms,
        assignor=old.assignor if request.server_assignor is None else request.server_assignor,
    )
    return old if new == old else new


def claimed_of(request: ConsumerGroupHeartbeatRequest) -> Claimed | None:
    """What the member says it owns."""
    if request.topic_partitions is None:
        return None
    claimed: dict[bytes, set[int]] = {}
    for topic in request.topic_partitions:
        claimed.setdefault(topic.topic_id, set()).update(topic.partitions)
    return claimed
