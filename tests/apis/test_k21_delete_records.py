"""DeleteRecords (API key 21): where a log begins, as every other request sees it, at once and after a crash."""

from typing import Any

import pytest

from pybroker.protocol.messages import k21_delete_records as k21
from tests.apis.test_k23_offset_for_leader_epoch import ask as end_of_epoch
from tests.support import kafka
from tests.support.broker import ours_only
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client, new_name
from tests.support.wire import versions

EARLIEST, LATEST = -2, -1


def delete(client: Client, wishes: dict[str, dict[int, int]], *, version: int = 2) -> dict[tuple[str, int], tuple[int, int]]:
    """(error, low watermark) by (topic, partition)."""
    topics = [
        k21.DeleteRecordsTopic(name=name, partitions=[k21.DeleteRecordsPartition(partition_index=index, offset=offset) for index, offset in parts.items()])
        for name, parts in wishes.items()
    ]
    answer: Any = client.call(k21.DeleteRecordsRequest(topics=topics, timeout_ms=10_000), version)
    return {(topic.name, part.partition_index): (part.error_code, part.low_watermark) for topic in answer.topics for part in topic.partitions}


def delete_one(client: Client, topic: str, offset: int, *, version: int = 2) -> tuple[int, int]:
    return delete(client, {topic: {0: offset}}, version=version)[topic, 0]


def assert_begins(client: Client, topic: str, start: int, end: int) -> None:
    """Every request that knows a log start says the same."""
    assert client.offsets(topic, [(0, EARLIEST)])[0].offset == start
    assert client.offsets(topic, [(0, LATEST)])[0].offset == end
    found = client.fetch(topic, start)
    assert (found.error_code, found.log_start_offset, found.high_watermark) == (kafka.NONE, start, end)
    if start > 0:
        assert client.fetch(topic, start - 1).error_code == kafka.OFFSET_OUT_OF_RANGE
    assert end_of_epoch(client, topic, 0)[2] == end


@pytest.mark.parametrize("version", versions(21))
def test_the_log_begins_where_it_is_told(client: Client, version: int) -> None:
    topic = client.create_topic()
    client.fill(topic, 10, 1)
    assert delete_one(client, topic, 4, version=version) == (kafka.NONE, 4)
    assert_begins(client, topic, 4, 10)


def test_minus_one_is_the_high_watermark(client: Client) -> None:
    topic = client.create_topic()
    client.fill(topic, 3, 2)
    assert delete_one(client, topic, -1) == (kafka.NONE, 6)
    assert_begins(client, topic, 6, 6)
    client.fill(topic, 1, 1)
    assert_begins(client, topic, 6, 7)


def test_an_offset_inside_of_a_batch(client: Client) -> None:
    topic = client.create_topic()
    client.fill(topic, 1, 10)
    assert delete_one(client, topic, 5) == (kafka.NONE, 5)
    assert_begins(client, topic, 5, 10)


def test_a_start_that_is_behind_already_stays(client: Client) -> None:
    topic = client.create_topic()
    client.fill(topic, 10, 1)
    assert delete_one(client, topic, 7) == (kafka.NONE, 7)
    assert delete_one(client, topic, 3) == (kafka.NONE, 7)
    assert delete_one(client, topic, 7) == (kafka.NONE, 7)
    assert_begins(client, topic, 7, 10)


@pytest.mark.parametrize("offset", [11, 2**63 - 1, -2, -(2**63)])
def test_an_offset_out_of_range_changes_nothing(client: Client, offset: int) -> None:
    topic = client.create_topic()
    client.fill(topic, 10, 1)
    assert delete_one(client, topic, offset) == (kafka.OFFSET_OUT_OF_RANGE, -1)
    assert_begins(client, topic, 0, 10)


def test_an_empty_partition(client: Client) -> None:
    topic = client.create_topic()
    assert delete_one(client, topic, -1) == (kafka.NONE, 0)
    assert delete_one(client, topic, 0) == (kafka.NONE, 0)
    assert delete_one(client, topic, 1) == (kafka.OFFSET_OUT_OF_RANGE, -1)


def test_compacted_topics_refuse_by_policy(client: Client) -> None:
    compacted = client.create_topic(configs={"cleanup.policy": "compact"})
    both = client.create_topic(configs={"cleanup.policy": "compact,delete"})
    assert delete_one(client, compacted, 0) == (kafka.POLICY_VIOLATION, -1)
    assert delete_one(client, both, 0) == (kafka.NONE, 0)


def test_unknown_topics_and_partitions(client: Client) -> None:
    topic, missing = client.create_topic(), new_name("missing")
    client.fill(topic, 2, 1)
    assert delete(client, {missing: {0: 0}, topic: {0: 1, 9: 0}}) == {
        (missing, 0): (kafka.UNKNOWN_TOPIC_OR_PARTITION, -1),
        (topic, 0): (kafka.NONE, 1),
        (topic, 9): (kafka.UNKNOWN_TOPIC_OR_PARTITION, -1),
    }


@pytest.mark.parametrize("version", versions(21))
def test_nothing_asked_for(client: Client, version: int) -> None:
    assert delete(client, {}, version=version) == {}


def test_more_partitions_than_one_call_takes(client: Client) -> None:
    topic = client.create_topic(300)
    assert delete(client, {topic: dict.fromkeys(range(300), 0)}) == {(topic, index): (kafka.NONE, 0) for index in range(300)}


@ours_only("the topic is made here for the test's sake")
def test_internal_topics_are_refused(client: Client) -> None:
    assert delete_one(client, "__consumer_offsets", 0) == (kafka.INVALID_TOPIC, -1)


def test_starts_survive_a_kill(start_broker: StartBroker) -> None:
    broker = start_broker()
    client = Client(broker)
    some, all_of_it = client.create_topic(), client.create_topic()
    for topic in (some, all_of_it):
        client.fill(topic, 10, 1)
    assert delete(client, {some: {0: 4}, all_of_it: {0: -1}}) == {(some, 0): (kafka.NONE, 4), (all_of_it, 0): (kafka.NONE, 10)}
    broker.kill()
    client.close()
    broker.start()
    client = Client(broker)
    assert_begins(client, some, 4, 10)
    assert_begins(client, all_of_it, 10, 10)
    client.close()
