"""ConsumerGroupDescribe (API key 69), and what the older keys say of groups of the consumer protocol."""

import pytest

from pybroker.protocol.messages import k69_consumer_group_describe as k69
from tests.support import kafka
from tests.support.consumer_groups import ConsumerGroups
from tests.support.groups import GROUP_ID_NOT_FOUND, GROUP_SUBSCRIBED_TO_TOPIC, INVALID_GROUP_ID, NON_EMPTY_GROUP, UNKNOWN_MEMBER_ID, served
from tests.support.kafka import new_name
from tests.support.wire import versions

pytestmark = served(10, 15, 16, 42, 68, 69)
CONSUMER_MEMBER, CLASSIC_MEMBER, UNKNOWN = 1, 0, -1
NO_OPERATIONS = -(2**31)


def partitions(found: k69.Assignment) -> dict[str, list[int]]:
    return {row.topic_name: sorted(row.partitions) for row in found.topic_partitions}


@pytest.mark.parametrize("version", versions(69))
def test_stable_group_at_every_version(consumer_groups: ConsumerGroups, version: int) -> None:
    topic = consumer_groups.topic(4)
    members = consumer_groups.consumers(2, [topic], assignor="range")
    found = consumer_groups.consumer_group(members[0].group, version)
    assert (found.error_code, found.error_message, found.group_id, found.group_state, found.assignor_name) == (kafka.NONE, None, members[0].group, "Stable", "range")
    assert found.group_epoch == found.assignment_epoch == members[0].epoch
    assert found.authorized_operations == NO_OPERATIONS
    rows = {row.member_id: row for row in found.members}
    for member in members:
        row = rows[member.member_id]
        assert (row.member_epoch, row.client_id, row.client_host, row.instance_id, row.rack_id) == (member.epoch, "raw", "/127.0.0.1", None, None)
        assert (row.subscribed_topic_names, row.subscribed_topic_regex or None) == ([topic], None)
        assert partitions(row.assignment) == partitions(row.target_assignment) == member.owned
        assert {tuple(one.topic_id) for one in row.assignment.topic_partitions} == {tuple(consumer_groups.client.ids[topic])}
        assert row.member_type == (CONSUMER_MEMBER if version >= 1 else UNKNOWN)


@pytest.mark.parametrize("version", versions(69))
def test_group_that_there_is_not(consumer_groups: ConsumerGroups, version: int) -> None:
    name = new_name("no-group")
    found = consumer_groups.consumer_group(name, version)
    assert (found.error_code, found.group_id, found.members) == (GROUP_ID_NOT_FOUND, name, []) and found.error_message
    assert consumer_groups.consumer_group("", version).error_code == INVALID_GROUP_ID


@pytest.mark.parametrize("version", versions(69))
def test_classic_group_is_not_one(consumer_groups: ConsumerGroups, version: int) -> None:
    [member] = consumer_groups.stable()
    found = consumer_groups.consumer_group(member.group, version)
    assert (found.error_code, found.members) == (GROUP_ID_NOT_FOUND, []) and found.error_message


def test_many_groups_each_with_an_answer(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic()
    [one], [two] = consumer_groups.consumers(1, [topic]), consumer_groups.consumers(1, [topic])
    missing = new_name("no-group")
    answer = consumer_groups.call(k69.ConsumerGroupDescribeRequest(group_ids=[one.group, missing, two.group]), 1)
    assert {row.group_id: row.error_code for row in answer.groups} == {one.group: kafka.NONE, missing: GROUP_ID_NOT_FOUND, two.group: kafka.NONE}
    assert consumer_groups.call(k69.ConsumerGroupDescribeRequest(group_ids=[]), 1).groups == []


def test_states_of_a_life(consumer_groups: ConsumerGroups) -> None:
    """Reconciling while a member has still to do what it was told; Stable; Empty; gone."""
    topic = consumer_groups.topic(2)
    first = consumer_groups.consumer(topics=[topic])
    first.join()
    first.take()
    assert consumer_groups.consumer_group(first.group).group_state == "Stable"
    second = consumer_groups.consumer(first.group, [topic])
    second.join()
    found = consumer_groups.consumer_group(first.group)
    assert (found.group_state, found.group_epoch) == ("Reconciling", second.epoch)
    rows = {row.member_id: row for row in found.members}
    assert partitions(rows[first.member_id].assignment) == {topic: [0, 1]}
    assert len(partitions(rows[first.member_id].target_assignment)[topic]) == len(partitions(rows[second.member_id].target_assignment)[topic]) == 1
    consumer_groups.settle(first, second)
    assert consumer_groups.listed()[first.group].group_state == "Stable"
    assert (first.leave().error_code, second.leave().error_code) == (kafka.NONE, kafka.NONE)
    found = consumer_groups.consumer_group(first.group)
    assert (found.group_state, found.members) == ("Empty", [])
    assert consumer_groups.delete(first.group) == {first.group: kafka.NONE}
    assert consumer_groups.consumer_group(first.group).error_code == GROUP_ID_NOT_FOUND
    assert second.send().error_code == GROUP_ID_NOT_FOUND


def test_all_that_a_member_says_is_shown(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic()
    member = consumer_groups.consumer(topics=[topic], instance="one", regex="never.*")
    member.join(rack_id="shelf")
    [row] = consumer_groups.consumer_group(member.group).members
    assert (row.instance_id, row.rack_id, row.subscribed_topic_names, row.subscribed_topic_regex) == ("one", "shelf", [topic], "never.*")


def test_operations_are_told_when_asked(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic])
    [found] = consumer_groups.call(k69.ConsumerGroupDescribeRequest(group_ids=[member.group], include_authorized_operations=True), 1).groups
    assert found.authorized_operations & (1 << 3 | 1 << 6 | 1 << 8) == (1 << 3 | 1 << 6 | 1 << 8)


# ---- the older keys


def test_listed_with_its_type(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic])
    row = consumer_groups.listed()[member.group]
    assert (row.protocol_type, row.group_state, row.group_type) == ("consumer", "Stable", "consumer")
    assert member.group in consumer_groups.listed(types=["Consumer"])
    assert member.group not in consumer_groups.listed(types=["classic"])
    assert member.group in consumer_groups.listed(["stable"], ["consumer"])
    assert member.group in consumer_groups.listed(version=0)


@pytest.mark.parametrize("version", versions(15))
def test_describe_groups_does_not_know_it(consumer_groups: ConsumerGroups, version: int) -> None:
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic])
    found = consumer_groups.describe(member.group, version)
    assert (found.error_code, found.group_state, found.members) == (GROUP_ID_NOT_FOUND if version >= 6 else kafka.NONE, "Dead", [])


def test_delete_groups(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic])
    assert member.commit(topic, 5) == kafka.NONE
    assert consumer_groups.delete(member.group) == {member.group: NON_EMPTY_GROUP}
    assert member.leave().error_code == kafka.NONE
    assert consumer_groups.delete(member.group) == {member.group: kafka.NONE}
    assert consumer_groups.committed(member.group, None) == {}


def test_offsets_of_a_topic_that_is_read_stay(consumer_groups: ConsumerGroups) -> None:
    from pybroker.protocol.messages import k47_offset_delete as k47

    read, other = consumer_groups.topic(), consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [read])
    assert (member.commit(read, 5), member.commit(other, 6)) == (kafka.NONE, kafka.NONE)
    topics = [k47.OffsetDeleteRequestTopic(name=name, partitions=[k47.OffsetDeleteRequestPartition(partition_index=0)]) for name in (read, other)]
    answer = consumer_groups.call(k47.OffsetDeleteRequest(group_id=member.group, topics=topics), 0)
    assert {topic.name: topic.partitions[0].error_code for topic in answer.topics} == {read: GROUP_SUBSCRIBED_TO_TOPIC, other: kafka.NONE}


def test_classic_heartbeat_of_a_consumer_member(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic])
    classic = consumer_groups.member(member.group, member_id=member.member_id)
    assert classic.heartbeat(generation_id=member.epoch) == UNKNOWN_MEMBER_ID
    assert classic.try_sync({}).error_code == UNKNOWN_MEMBER_ID
    assert member.is_content()


def test_leave_group_puts_a_consumer_member_out(consumer_groups: ConsumerGroups) -> None:
    """As an administrator's client does it (KIP-345): also for groups of the new protocol."""
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic])
    assert consumer_groups.member(member.group, member_id=member.member_id).leave() == kafka.NONE
    assert member.send().error_code == UNKNOWN_MEMBER_ID
