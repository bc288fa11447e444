"""OffsetDelete (API key 47): offsets that nobody reads from are forgotten (KIP-496)."""

from collections.abc import Sequence

from pybroker.protocol.messages import k47_offset_delete as k47
from tests.support import kafka
from tests.support.groups import GROUP_ID_NOT_FOUND, GROUP_SUBSCRIBED_TO_TOPIC, INVALID_GROUP_ID, NON_EMPTY_GROUP, Groups, served, subscription
from tests.support.kafka import new_name

pytestmark = served(8, 9, 10, 11, 12, 13, 14, 15, 47)


def forget(groups: Groups, group: str, rows: Sequence[tuple[str, Sequence[int]]]) -> tuple[int, dict[tuple[str, int], int]]:
    """(the group's error code, the partitions')"""
    topics = [k47.OffsetDeleteRequestTopic(name=name, partitions=[k47.OffsetDeleteRequestPartition(partition_index=index) for index in indexes]) for name, indexes in rows]
    answer = groups.call(k47.OffsetDeleteRequest(group_id=group, topics=topics), 0)
    return answer.error_code, {(topic.name, row.partition_index): row.error_code for topic in answer.topics for row in topic.partitions}


def test_offsets_of_an_empty_group_go(groups: Groups) -> None:
    one, two, name = groups.topic(2), groups.topic(), new_name("g")
    groups.commit(name, [(one, 0, 1), (one, 1, 2), (two, 0, 3)])
    assert forget(groups, name, [(one, [0]), (two, [0])]) == (kafka.NONE, {(one, 0): kafka.NONE, (two, 0): kafka.NONE})
    assert {key: row[0] for key, row in groups.committed(name, None).items()} == {(one, 1): 2}


def test_offset_that_there_is_not_is_gone_already(groups: Groups) -> None:
    topic, name = groups.topic(2), new_name("g")
    groups.commit(name, [(topic, 0, 1)])
    assert forget(groups, name, [(topic, [1])]) == (kafka.NONE, {(topic, 1): kafka.NONE})


def test_group_is_gone_with_its_last_offset(groups: Groups) -> None:
    """Kafka keeps the empty shell of a simple group until its next sweep; what it holds is gone for both."""
    topic, name = groups.topic(), new_name("g")
    groups.commit(name, [(topic, 0, 1)])
    assert forget(groups, name, [(topic, [0])])[0] == kafka.NONE
    assert groups.committed(name, None) == {}


def test_topic_that_there_is_not(groups: Groups) -> None:
    topic, name, missing = groups.topic(), new_name("g"), new_name("missing")
    groups.commit(name, [(topic, 0, 1)])
    assert forget(groups, name, [(missing, [0]), (topic, [7])]) == (
        kafka.NONE,
        {(missing, 0): kafka.UNKNOWN_TOPIC_OR_PARTITION, (topic, 7): kafka.UNKNOWN_TOPIC_OR_PARTITION},
    )


def test_group_that_there_is_not(groups: Groups) -> None:
    topic = groups.topic()
    assert forget(groups, new_name("no-group"), [(topic, [0])]) == (GROUP_ID_NOT_FOUND, {})
    assert forget(groups, "", [(topic, [0])]) == (INVALID_GROUP_ID, {})


def test_topic_that_a_member_subscribes_to_stays(groups: Groups) -> None:
    """A group of consumers tells by its metadata what it reads; other topics' offsets may go."""
    read, other = groups.topic(), groups.topic()
    [member] = groups.stable(protocols=[("range", subscription(read))])
    assert (member.commit(read, 5), member.commit(other, 6)) == (kafka.NONE, kafka.NONE)
    assert forget(groups, member.group, [(read, [0]), (other, [0])]) == (kafka.NONE, {(read, 0): GROUP_SUBSCRIBED_TO_TOPIC, (other, 0): kafka.NONE})
    assert {key: row[0] for key, row in groups.committed(member.group, None).items()} == {(read, 0): 5}


def test_metadata_that_is_not_a_subscription_protects_everything(groups: Groups) -> None:
    """What a member reads cannot be told: Kafka then takes it that it reads nothing known, and lets offsets go only where no consumer protocol is spoken."""
    topic = groups.topic()
    [member] = groups.stable(protocol_type="connect", protocols=[("default", b"\0\1")])
    assert member.commit(topic, 5) == kafka.NONE
    assert forget(groups, member.group, [(topic, [0])])[0] == NON_EMPTY_GROUP
    assert groups.committed(member.group, [(topic, [0])])[topic, 0][0] == 5


def test_nothing_asked(groups: Groups) -> None:
    topic, name = groups.topic(), new_name("g")
    groups.commit(name, [(topic, 0, 1)])
    assert forget(groups, name, []) == (kafka.NONE, {})
