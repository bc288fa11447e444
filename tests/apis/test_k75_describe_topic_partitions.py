"""DescribeTopicPartitions (API key 75): pages with a cursor."""

from typing import Any

import pytest

from pybroker.protocol.messages import k75_describe_topic_partitions as k75
from tests.support import kafka
from tests.support.kafka import Client, new_name

NO_OPERATIONS = -(2**31)


def describe(client: Client, names: list[str], *, limit: int = 2000, cursor: tuple[str, int] | None = None) -> Any:
    request = k75.DescribeTopicPartitionsRequest(
        topics=[k75.TopicRequest(name=name) for name in names],
        response_partition_limit=limit,
        cursor=None if cursor is None else k75.DescribeTopicPartitionsRequestCursor(topic_name=cursor[0], partition_index=cursor[1]),
    )
    return client.call(request, 0)


def pages(answer: Any) -> list[tuple[str, list[int]]]:
    return [(topic.name, [p.partition_index for p in topic.partitions]) for topic in answer.topics]


def every_page(client: Client, names: list[str], *, limit: int = 2000, cursor: tuple[str, int] | None = None) -> list[tuple[str, int]]:
    """(topic, partition) of all pages, in order."""
    seen: list[tuple[str, int]] = []
    while True:
        answer = describe(client, names, limit=limit, cursor=cursor)
        page = [(name, index) for name, indexes in pages(answer) for index in indexes]
        assert 1 <= len(page) <= limit
        seen += page
        if answer.next_cursor is None:
            return seen
        cursor = (answer.next_cursor.topic_name, answer.next_cursor.partition_index)


def test_everything_about_a_topic(client: Client) -> None:
    topic = client.create_topic(2)
    node = client.metadata([]).brokers[0].node_id
    answer = describe(client, [topic])
    [row] = answer.topics
    assert (row.error_code, row.name, row.topic_id, row.is_internal) == (kafka.NONE, topic, client.ids[topic], False)
    assert row.topic_authorized_operations != NO_OPERATIONS and answer.next_cursor is None
    for index, partition in enumerate(row.partitions):
        assert (partition.error_code, partition.partition_index, partition.leader_id, partition.leader_epoch) == (kafka.NONE, index, node, 0)
        assert partition.replica_nodes == partition.isr_nodes == [node]
        assert partition.offline_replicas == [] and not partition.eligible_leader_replicas and not partition.last_known_elr


def test_topics_come_in_the_order_of_their_names(client: Client) -> None:
    names = [new_name(letter) for letter in "cab"]
    for name in names:
        client.create_topic(name=name)
    assert [name for name, _ in pages(describe(client, names))] == sorted(names)


def test_no_names_is_every_topic(client: Client) -> None:
    topics = {client.create_topic() for _ in range(2)}
    assert topics <= {name for name, _ in every_page(client, [])}


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7])
def test_cursor_leads_through_all_partitions(client: Client, limit: int) -> None:
    names = [client.create_topic(count, name=new_name(f"{letter}{limit}")) for letter, count in (("a", 3), ("b", 1), ("c", 4))]
    assert every_page(client, names, limit=limit) == [(name, index) for name, count in zip(names, (3, 1, 4), strict=True) for index in range(count)]


def test_cursor_names_the_next_partition(client: Client) -> None:
    topic = client.create_topic(3)
    answer = describe(client, [topic], limit=2)
    assert pages(answer) == [(topic, [0, 1])]
    assert (answer.next_cursor.topic_name, answer.next_cursor.partition_index) == (topic, 2)
    answer = describe(client, [topic], limit=2, cursor=(topic, 2))
    assert pages(answer) == [(topic, [2])] and answer.next_cursor is None


@pytest.mark.parametrize("name", ["missing", "a/b"])
def test_unknown_topics(client: Client, name: str) -> None:
    name = new_name(name) if name == "missing" else name
    known = client.create_topic()
    answer = describe(client, [name, known])
    rows = {row.name: row for row in answer.topics}
    assert rows[known].error_code == kafka.NONE
    assert rows[name].error_code in (kafka.UNKNOWN_TOPIC_OR_PARTITION, kafka.INVALID_TOPIC) and rows[name].partitions == []


def test_cursor_on_a_topic_that_is_gone_goes_on_behind_it(client: Client) -> None:
    first, last = client.create_topic(name=new_name("a")), client.create_topic(name=new_name("z"))
    client.delete_topic(first)
    client.wait_gone(first)
    assert (last, [0]) in pages(describe(client, [first, last], cursor=(first, 1)))
    rest = every_page(client, [], cursor=(first, 1))
    assert (last, 0) in rest and all(name > first for name, _ in rest) and rest == sorted(rest)


def test_cursor_must_be_among_the_names(client: Client) -> None:
    topic = client.create_topic()
    assert [row.error_code for row in describe(client, [topic], cursor=(new_name("a"), 0)).topics] == [kafka.INVALID_REQUEST]


@pytest.mark.parametrize("limit", [0, -1, 2**31 - 1])
def test_limits_that_are_none_are_clamped(client: Client, limit: int) -> None:
    topic = client.create_topic(3)
    seen: list[int] = []
    cursor = None
    for _ in range(4):
        answer = describe(client, [topic], limit=limit, cursor=cursor)
        seen += [index for _, indexes in pages(answer) for index in indexes]
        if answer.next_cursor is None:
            break
        cursor = (answer.next_cursor.topic_name, answer.next_cursor.partition_index)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("index", [-1, -(2**31)])
def test_cursor_with_a_partition_that_is_none(client: Client, index: int) -> None:
    topic = client.create_topic(2)
    [row] = describe(client, [topic], cursor=(topic, index)).topics
    assert (row.error_code, row.partitions) == (kafka.INVALID_REQUEST, [])
