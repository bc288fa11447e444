"""OffsetForLeaderEpoch (API key 23): where an epoch ends."""

from typing import Any

import pytest

from pybroker.protocol.messages import k23_offset_for_leader_epoch as k23
from tests.support import kafka
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client, new_name
from tests.support.wire import versions


def ask(client: Client, topic: str, epoch: int, *, version: int = 4, partition: int = 0, current: int = -1) -> tuple[int, int, int]:
    """(error, epoch, end offset)"""
    row = k23.OffsetForLeaderPartition(partition=partition, current_leader_epoch=current, leader_epoch=epoch)
    request = k23.OffsetForLeaderEpochRequest(replica_id=-1 if version >= 3 else -2, topics=[k23.OffsetForLeaderTopic(topic=topic, partitions=[row])])
    answer: Any = client.call(request, version)
    [found] = answer.topics
    [result] = found.partitions
    assert (found.topic, result.partition) == (topic, partition)
    return result.error_code, result.leader_epoch, result.end_offset


@pytest.mark.parametrize("version", versions(23))
def test_current_epoch_ends_at_the_log_end(client: Client, version: int) -> None:
    topic = client.create_topic()
    assert ask(client, topic, 0, version=version)[0] == kafka.NONE
    client.fill(topic, 2, 3)
    assert ask(client, topic, 0, version=version) == (kafka.NONE, 0, 6)


@pytest.mark.parametrize("epoch", [1, 100, 2**31 - 1])
def test_epoch_that_was_not_yet(client: Client, epoch: int) -> None:
    topic = client.create_topic()
    client.fill(topic, 1)
    assert ask(client, topic, epoch) == (kafka.NONE, -1, -1)


def test_undefined_epoch(client: Client) -> None:
    topic = client.create_topic()
    client.fill(topic, 1)
    assert ask(client, topic, -1) == (kafka.NONE, -1, -1)


@pytest.mark.parametrize("version", versions(23))
def test_current_leader_epoch_is_checked(client: Client, version: int) -> None:
    topic = client.create_topic()
    client.fill(topic, 1)
    assert ask(client, topic, 0, version=version, current=0) == (kafka.NONE, 0, 1)
    assert ask(client, topic, 0, version=version, current=5) == (kafka.UNKNOWN_LEADER_EPOCH, -1, -1)


@pytest.mark.parametrize("version", versions(23))
def test_unknown_topic_and_partition(client: Client, version: int) -> None:
    topic = client.create_topic()
    assert ask(client, topic, 0, version=version, partition=3) == (kafka.UNKNOWN_TOPIC_OR_PARTITION, -1, -1)
    assert ask(client, new_name("missing"), 0, version=version) == (kafka.UNKNOWN_TOPIC_OR_PARTITION, -1, -1)


def test_epoch_before_a_crash_ends_where_the_next_began(start_broker: StartBroker) -> None:
    broker = start_broker()
    client = Client(broker)
    topic = client.create_topic()
    client.fill(topic, 3)
    broker.kill()
    broker.start()
    client = Client(broker)
    epoch = client.metadata([topic]).topics[0].partitions[0].leader_epoch
    client.fill(topic, 2)
    assert ask(client, topic, epoch) == (kafka.NONE, epoch, 5)
    assert ask(client, topic, 0) == (kafka.NONE, 0, 3)
    assert ask(client, topic, 0, current=0)[0] == kafka.FENCED_LEADER_EPOCH
