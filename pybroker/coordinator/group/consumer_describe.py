"""Consumer groups as ConsumerGroupDescribe (key 69) and ListGroups (key 16) tell of them."""

from pybroker.coordinator.group.consumer import ConsumerGroups
from pybroker.coordinator.group.consumer_advance import assignor_of
from pybroker.coordinator.group.consumer_change import Topics
from pybroker.coordinator.group.consumer_state import Assignment, ConsumerGroup, without_epochs
from pybroker.coordinator.group.consumer_state import Member as MemberState
from pybroker.coordinator.group.embedded import PROTOCOL_TYPE
from pybroker.protocol.messages.k16_list_groups import ListedGroup
from pybroker.protocol.messages.k69_consumer_group_describe import Assignment as AssignmentMessage
from pybroker.protocol.messages.k69_consumer_group_describe import DescribedGroup, Member, TopicPartitions

GROUP_TYPE = "consumer"
CLASSIC_MEMBER, CONSUMER_MEMBER = 0, 1


def describe(groups: ConsumerGroups, group: ConsumerGroup) -> DescribedGroup:
    """Everything about one group but who may do what with it."""
    return DescribedGroup(
        group_id=group.id,
        group_state=group.state,
        group_epoch=group.epoch,
        assignment_epoch=group.target_epoch,
        assignor_name=assignor_of(group, groups.settings(group.id)).name,
        members=[_member(group, member, groups.topics) for member in group.members.values()],
    )


def _member(group: ConsumerGroup, member: MemberState, topics: Topics) -> Member:
    facts = member.facts
    return Member(
        member_id=member.id,
        instance_id=facts.instance_id,
        rack_id=facts.rack_id,
        member_epoch=member.current.epoch,
        client_id=facts.client_id,
        client_host=facts.client_host,
        subscribed_topic_names=list(facts.topics),
        subscribed_topic_regex=facts.regex or "",
        assignment=_assignment(without_epochs(member.current.assigned), topics),
        target_assignment=_assignment(group.target.get(member.id, {}), topics),
        member_type=CLASSIC_MEMBER if member.is_classic else CONSUMER_MEMBER,
    )


def _assignment(assignment: Assignment, topics: Topics) -> AssignmentMessage:
    """Topics that are gone have no name and are left out."""
    told = [
        TopicPartitions(topic_id=topic_id, topic_name=topics.by_id[topic_id].name, partitions=list(partitions))
        for topic_id, partitions in assignment.items()
        if topic_id in topics.by_id
    ]
    return AssignmentMessage(topic_partitions=told)


def listed(group: ConsumerGroup) -> ListedGroup:
    """The group's line in ListGroups; filters are the caller's, by ``group_state`` and ``group_type``."""
    return ListedGroup(group_id=group.id, protocol_type=PROTOCOL_TYPE, group_state=group.state, group_type=GROUP_TYPE)
