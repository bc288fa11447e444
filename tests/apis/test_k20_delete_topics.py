"""DeleteTopics (API key 20): by name, by id, errors; what is left of it."""

from pathlib import Path
from typing import Any

import pytest

from pybroker.protocol.messages import k20_delete_topics as k20
from tests.support import kafka
from tests.support.batches import batch
from tests.support.broker import Broker
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client, new_name
from tests.support.wire import versions

TOPIC_DELETION_DISABLED = 73
NO_ID = bytes(16)


def delete(client: Client, *topics: str | bytes, version: int = 6) -> list[Any]:
    """By name, or by id where it is bytes."""
    if version >= 6:
        states = [k20.DeleteTopicState(topic_id=one) if isinstance(one, bytes) else k20.DeleteTopicState(name=one) for one in topics]
        return list(client.call(k20.DeleteTopicsRequest(topics=states, timeout_ms=10_000), version).responses)
    return list(client.call(k20.DeleteTopicsRequest(topic_names=list(topics), timeout_ms=10_000), version).responses)


@pytest.mark.parametrize("version", versions(20))
def test_topic_is_deleted_at_every_version(client: Client, version: int) -> None:
    topic, kept = client.create_topic(2), client.create_topic()
    [row] = delete(client, topic, version=version)
    assert (row.name, row.error_code, row.error_message) == (topic, kafka.NONE, None)
    assert row.topic_id == (client.ids[topic] if version >= 6 else NO_ID)
    client.wait_gone(topic)
    assert client.metadata([kept]).topics[0].error_code == kafka.NONE
    assert client.produce(topic, batch()).error_code == kafka.UNKNOWN_TOPIC_OR_PARTITION


def test_topic_is_deleted_by_id(client: Client) -> None:
    topic = client.create_topic()
    [row] = delete(client, client.ids[topic])
    assert (row.name, row.topic_id, row.error_code) == (topic, client.ids[topic], kafka.NONE)
    client.wait_gone(topic)
    [row] = delete(client, client.ids[topic])
    assert (row.name, row.topic_id, row.error_code) == (None, client.ids[topic], kafka.UNKNOWN_TOPIC_ID)


@pytest.mark.parametrize("version", versions(20))
def test_unknown_topic(client: Client, version: int) -> None:
    name = new_name("missing")
    [row] = delete(client, name, version=version)
    assert (row.name, row.error_code, row.topic_id) == (name, kafka.UNKNOWN_TOPIC_OR_PARTITION, NO_ID)
    assert bool(row.error_message) == (version >= 5)


def test_each_topic_has_its_own_answer(client: Client) -> None:
    one, two, missing = client.create_topic(), client.create_topic(), new_name("missing")
    rows = delete(client, one, missing, client.ids[two], bytes(range(16)))
    assert sorted((row.name or "", row.error_code) for row in rows) == sorted(
        [(one, kafka.NONE), (two, kafka.NONE), (missing, kafka.UNKNOWN_TOPIC_OR_PARTITION), ("", kafka.UNKNOWN_TOPIC_ID)]
    )


def test_name_and_id_together_are_refused(client: Client) -> None:
    topic = client.create_topic()
    request = k20.DeleteTopicsRequest(topics=[k20.DeleteTopicState(name=topic, topic_id=client.ids[topic])], timeout_ms=1000)
    [row] = client.call(request, 6).responses
    assert row.error_code == kafka.INVALID_REQUEST
    [row] = client.call(k20.DeleteTopicsRequest(topics=[k20.DeleteTopicState()], timeout_ms=1000), 6).responses
    assert row.error_code == kafka.INVALID_REQUEST
    assert client.metadata([topic]).topics[0].error_code == kafka.NONE


@pytest.mark.parametrize("version", [5, 6])
def test_same_topic_twice(client: Client, version: int) -> None:
    topic = client.create_topic()
    assert [row.error_code for row in delete(client, topic, topic, version=version)] == [kafka.INVALID_REQUEST]
    assert client.metadata([topic]).topics[0].error_code == kafka.NONE


def test_same_topic_by_name_and_by_id(client: Client) -> None:
    topic = client.create_topic()
    rows = delete(client, topic, client.ids[topic])
    assert {row.error_code for row in rows} == {kafka.INVALID_REQUEST}
    assert client.metadata([topic]).topics[0].error_code == kafka.NONE


def test_no_topics(client: Client) -> None:
    assert delete(client) == []
    assert delete(client, version=1) == []


def test_deletion_can_be_off(start_broker: StartBroker) -> None:
    client = Client(start_broker({"delete.topic.enable": "false"}))
    topic = client.create_topic()
    for version, code in ((1, kafka.INVALID_REQUEST), (3, TOPIC_DELETION_DISABLED), (6, TOPIC_DELETION_DISABLED)):
        answer = delete(client, topic, version=version)
        assert [row.error_code for row in answer] == [code]
    assert client.produced(topic, batch()) == 0


def folders(broker: Broker) -> list[str]:
    return sorted(entry.name for entry in Path(broker.data_dir).iterdir() if entry.is_dir())


def test_files_go_away_and_do_not_come_back(start_broker: StartBroker) -> None:
    broker = start_broker({"log.segment.delete.delay.ms": "0"})
    client = Client(broker)
    topic, kept = client.create_topic(3), client.create_topic()
    for index in range(3):
        client.produced(topic, batch(), partition=index)
    client.produced(kept, batch())
    client.delete_topic(topic)
    assert not [name for name in folders(broker) if name.startswith(f"{topic}-") and not name.endswith("-delete")]
    broker.kill()
    broker.start()
    assert [name for name in folders(broker) if topic in name] == []
    client = Client(broker)
    assert client.metadata([topic]).topics[0].error_code == kafka.UNKNOWN_TOPIC_OR_PARTITION
    assert client.end_offset(kept) == 1


def test_recreated_topic_is_empty(client: Client) -> None:
    topic = client.create_topic()
    client.fill(topic, 3)
    for _ in range(3):
        client.delete_topic(topic)
        client.wait_gone(topic)
        client.create_topic(name=topic)
        assert client.end_offset(topic) == 0
        assert client.produced(topic, batch()) == 0
