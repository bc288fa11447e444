"""CreatePartitions (API key 37)."""

from typing import Any

import pytest

from pybroker.protocol.messages import k37_create_partitions as k37
from tests.support import kafka
from tests.support.batches import batch
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client, new_name
from tests.support.wire import versions


def grow(client: Client, *topics: tuple[str, int, list[list[int]] | None], version: int = 3, validate_only: bool = False) -> dict[str, Any]:
    wanted = [
        k37.CreatePartitionsTopic(name=name, count=count, assignments=None if ids is None else [k37.CreatePartitionsAssignment(broker_ids=one) for one in ids]) for name, count, ids in topics
    ]
    answer = client.call(k37.CreatePartitionsRequest(topics=wanted, timeout_ms=10_000, validate_only=validate_only), version)
    return {row.name: row for row in answer.results}


def partitions(client: Client, topic: str) -> int:
    return len(client.metadata([topic]).topics[0].partitions)


@pytest.mark.parametrize("version", versions(37))
def test_partitions_are_added_at_every_version(client: Client, version: int) -> None:
    topic = client.create_topic()
    client.produced(topic, batch())
    row = grow(client, (topic, 4, None), version=version)[topic]
    assert (row.error_code, row.error_message) == (kafka.NONE, None)
    client.wait_served(topic, 4)
    assert [client.produced(topic, batch(), partition=index) for index in range(4)] == [1, 0, 0, 0]


@pytest.mark.parametrize("count", [3, 2, 1, 0, -1])
def test_partitions_never_become_fewer_or_stay(client: Client, count: int) -> None:
    topic = client.create_topic(3)
    row = grow(client, (topic, count, None))[topic]
    assert row.error_code == kafka.INVALID_PARTITIONS and row.error_message and partitions(client, topic) == 3


def test_validation_only_changes_nothing(client: Client) -> None:
    topic = client.create_topic()
    assert grow(client, (topic, 3, None), validate_only=True)[topic].error_code == kafka.NONE
    assert grow(client, (topic, 1, None), validate_only=True)[topic].error_code == kafka.INVALID_PARTITIONS
    assert partitions(client, topic) == 1


def test_each_topic_has_its_own_answer(client: Client) -> None:
    good, bad, missing = client.create_topic(), client.create_topic(2), new_name("missing")
    rows = grow(client, (good, 2, None), (bad, 1, None), (missing, 3, None))
    assert {name: row.error_code for name, row in rows.items()} == {good: kafka.NONE, bad: kafka.INVALID_PARTITIONS, missing: kafka.UNKNOWN_TOPIC_OR_PARTITION}


def test_same_topic_twice(client: Client) -> None:
    topic = client.create_topic()
    assert grow(client, (topic, 2, None), (topic, 3, None))[topic].error_code == kafka.INVALID_REQUEST
    assert partitions(client, topic) == 1


def test_assignment_by_hand(client: Client) -> None:
    node = client.metadata([]).brokers[0].node_id
    topic = client.create_topic()
    assert grow(client, (topic, 3, [[node], [node]]))[topic].error_code == kafka.NONE
    client.wait_served(topic, 3)


@pytest.mark.parametrize("ids", [[[0]], [[0], [0], [0]], [[0], []], [[0], [99]], [[0, 0], [0]], []], ids=str)
def test_assignment_that_cannot_be(client: Client, ids: list[list[int]]) -> None:
    """Two partitions are added; 0 stands for the broker's own id."""
    node = client.metadata([]).brokers[0].node_id
    topic = client.create_topic()
    row = grow(client, (topic, 3, [[node if one == 0 else node + one for one in row] for row in ids]))[topic]
    assert row.error_code == kafka.INVALID_REPLICA_ASSIGNMENT and row.error_message and partitions(client, topic) == 1


def test_no_topics(client: Client) -> None:
    assert grow(client) == {}


def test_added_partitions_survive_a_crash(start_broker: StartBroker) -> None:
    broker = start_broker()
    client = Client(broker)
    topic = client.create_topic()
    grow(client, (topic, 5, None))
    client.produced(topic, batch(), partition=4)
    broker.kill()
    broker.start()
    client = Client(broker)
    assert partitions(client, topic) == 5 and client.end_offset(topic, 4) == 1
