"""A group changes its type while its members go on (KIP-848, "Supporting Online Consumer Group Upgrade").

::

    classic ──first member of the consumer protocol joins──▶ consumer, its classic members served by ``consumer_classic``
    classic ◀──last member of the consumer protocol goes──── consumer

The generation becomes the group epoch and back. Nothing moves by the change itself: everybody keeps what it owns, and is asked for it in the usual ways.
"""

from collections.abc import Sequence

from pybroker.coordinator.group import consumer_records as records
from pybroker.coordinator.group.consumer_advance import hash_of
from pybroker.coordinator.group.consumer_change import ClassicGroupFacts, ClassicMember, Settings, Topics, Turn
from pybroker.coordinator.group.consumer_state import ClassicFacts, ConsumerGroup, Current, Facts, Member, Owned, State, without_epochs
from pybroker.coordinator.group.embedded import PROTOCOL_TYPE, read_assignment, read_subscription, write_assignment
from pybroker.protocol import errors
from pybroker.protocol.primitives import ProtocolError


def check_upgrade(classic: ClassicGroupFacts, protocol_type: str | None, settings: Settings) -> None:
    """Whether policy and members let a classic group with members become a consumer group. Raises GroupIdNotFound."""
    reason = None
    if not settings.may_upgrade:
        reason = "online upgrade is disabled"
    elif protocol_type != PROTOCOL_TYPE:
        reason = "the group does not use the consumer embedded protocol"
    elif len(classic.members) > settings.members_max:
        reason = "the group is larger than a consumer group may be"
    else:
        try:
            for member in classic.members:
                read_subscription(member.protocols[0][1])
                read_assignment(member.assignment)
        except (ProtocolError, IndexError):
            reason = "a member's subscription or assignment cannot be read"
    if reason is not None:
        raise errors.GroupIdNotFound(f"Cannot upgrade classic group {classic.group_id} to consumer group because {reason}.")


def upgrade(classic: ClassicGroupFacts, turn: Turn, topics: Topics) -> ConsumerGroup:
    """The consumer group that a checked classic group becomes. Its records stand in ``turn``; those that take the classic group away are the caller's, before these."""
    group = ConsumerGroup(classic.group_id)
    group.apply_target_epoch(classic.generation, turn.wall_ms)
    for member in classic.members:
        subscription = read_subscription(member.protocols[0][1])
        facts = Facts(
            instance_id=member.instance_id,
            rack_id=subscription.rack_id,
            client_id=member.client_id,
            client_host=member.client_host,
            topics=subscription.topics,
            rebalance_timeout_ms=member.rebalance_timeout_ms,
            classic=ClassicFacts(member.session_timeout_ms, member.protocols),
        )
        assigned = _owned(group, read_assignment(member.assignment), classic.generation, topics)
        group.apply_member(member.member_id, facts)
        group.apply_current(member.member_id, Current(classic.generation, classic.generation, State.STABLE, assigned))
        group.apply_target(member.member_id, without_epochs(assigned))
    group.apply_epoch(classic.generation, hash_of(group, topics))
    turn.records += records.everything(group)
    return group


def _owned(group: ConsumerGroup, assignment: dict[str, tuple[int, ...]], epoch: int, topics: Topics) -> Owned:
    """By topic id, without what does not exist, and without what another member has: the clients' assignor is not ours to trust."""
    out: dict[bytes, dict[int, int]] = {}
    for name, partitions in assignment.items():
        topic = topics.by_name.get(name)
        if topic is None:
            continue
        mine = {partition: epoch for partition in partitions if 0 <= partition < len(topic.partitions) and group.owner(topic.id, partition) is None}
        if mine:
            out[topic.id] = mine
    return out


def downgrade(group: ConsumerGroup, leaving: Sequence[str], turn: Turn, topics: Topics) -> None:
    """Take the consumer group out of the log; what a classic group goes on with is in ``turn.downgraded``. All who stay speak the classic protocol."""
    staying = [member for member_id, member in group.members.items() if member_id not in leaving]
    turn.records += records.tombstones(group)
    turn.moved += [(group.id, member_id) for member_id in group.members]
    members = tuple(_classic(member, topics) for member in staying)
    turn.downgraded.append(ClassicGroupFacts(group.id, group.epoch, common_protocol(staying), members[0].member_id, members))


def _classic(member: Member, topics: Topics) -> ClassicMember:
    facts = member.facts
    assert facts.classic is not None, "only members of the classic protocol stay in a classic group"
    return ClassicMember(
        member.id,
        facts.instance_id,
        facts.client_id,
        facts.client_host,
        facts.rebalance_timeout_ms,
        facts.classic.session_timeout_ms,
        facts.classic.protocols,
        classic_assignment(member, topics),
    )


def classic_assignment(member: Member, topics: Topics) -> bytes:
    """What the member owns, as a classic client reads it. Topics that are gone are left out."""
    assert member.facts.classic is not None, "read by clients of the classic protocol only"
    owned = {topics.by_id[topic_id].name: partitions for topic_id, partitions in without_epochs(member.current.assigned).items() if topic_id in topics.by_id}
    return write_assignment(owned, read_subscription(member.facts.classic.protocols[0][1]).version)


def common_protocol(members: Sequence[Member]) -> str:
    """The first protocol of the first member that all know."""
    names = [[name for name, _ in member.facts.classic.protocols] for member in members if member.facts.classic is not None]
    return next((name for name in names[0] if all(name in others for others in names)), names[0][0])
