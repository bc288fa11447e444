"""IncrementalAlterConfigs (API key 44) and AlterConfigs (33): SET, DELETE, APPEND, SUBTRACT, validation only, refusals that change nothing."""

from typing import Any

import pytest

from pybroker.protocol.messages import k44_incremental_alter_configs as k44
from tests.support import kafka
from tests.support.broker import FOREIGN, ours_only
from tests.support.fixtures import StartBroker
from tests.support.kafka import APPEND, BROKER_RESOURCE, DELETE, SET, SUBTRACT, TOPIC_RESOURCE, Client, new_name
from tests.support.wire import versions

DYNAMIC_TOPIC, DYNAMIC_BROKER, DYNAMIC_DEFAULT_BROKER, STATIC_BROKER, DEFAULT = range(1, 6)


UNKNOWN_OPERATION = -1 if FOREIGN else kafka.INVALID_REQUEST
"""Kafka falls over an operation that there is not (UNKNOWN_SERVER_ERROR, nothing changed)."""
READ_ONLY = kafka.INVALID_REQUEST if FOREIGN else kafka.INVALID_CONFIG
"""A key that cannot change while the broker runs: Kafka says that the request is wrong, this broker that the config is."""


def value(client: Client, topic: str, key: str) -> tuple[str, int]:
    config = client.configs(topic, [key])[key]
    return config.value, config.config_source


@pytest.mark.parametrize("version", versions(44))
def test_set_and_delete_at_every_version(client: Client, version: int) -> None:
    topic = client.create_topic()
    answer = client.alter(topic, [("retention.ms", SET, "1234"), ("segment.bytes", SET, "2000000")], version=version)
    assert (answer.error_code, answer.error_message or "", answer.resource_type, answer.resource_name) == (kafka.NONE, "", TOPIC_RESOURCE, topic)
    client.wait_config(topic, "retention.ms", "1234")
    assert value(client, topic, "retention.ms") == ("1234", DYNAMIC_TOPIC)
    assert client.alter(topic, [("retention.ms", DELETE, None)], version=version).error_code == kafka.NONE
    client.wait_config(topic, "retention.ms", "604800000")
    assert value(client, topic, "retention.ms") == ("604800000", DEFAULT)
    assert value(client, topic, "segment.bytes") == ("2000000", DYNAMIC_TOPIC), "what is not named stays"


def test_append_and_subtract_on_lists(client: Client) -> None:
    topic = client.create_topic()
    steps: list[tuple[int, str, str]] = [
        (APPEND, "compact", "delete,compact"),
        (APPEND, "compact", "delete,compact"),
        (SUBTRACT, "delete", "compact"),
        (SUBTRACT, "delete", "compact"),
        (APPEND, "delete", "compact,delete"),
        (SET, "delete", "delete"),
    ]
    for operation, word, expected in steps:
        answer = client.alter(topic, [("cleanup.policy", operation, word)])
        assert answer.error_code == kafka.NONE, answer
        client.wait_config(topic, "cleanup.policy", expected)


@pytest.mark.parametrize("operation", [APPEND, SUBTRACT])
def test_append_and_subtract_only_on_lists(client: Client, operation: int) -> None:
    topic = client.create_topic()
    answer = client.alter(topic, [("retention.ms", operation, "5")])
    assert answer.error_code == kafka.INVALID_CONFIG and answer.error_message
    assert value(client, topic, "retention.ms") == ("604800000", DEFAULT)


def test_subtract_of_everything_is_checked(client: Client) -> None:
    """An empty cleanup.policy keeps everything (KIP-1161)."""
    topic = client.create_topic()
    answer = client.alter(topic, [("cleanup.policy", SUBTRACT, "delete")])
    assert answer.error_code == kafka.NONE
    client.wait_config(topic, "cleanup.policy", "")


@pytest.mark.parametrize(
    ("key", "operation", "new", "code"),
    [
        ("retention.ms", SET, "soon", kafka.INVALID_CONFIG),
        ("retention.ms", SET, None, kafka.INVALID_REQUEST),
        ("retention.ms", SET, "", kafka.INVALID_CONFIG),
        ("retention.ms", SET, "1e9", kafka.INVALID_CONFIG),
        ("retention.ms", SET, "9223372036854775808", kafka.INVALID_CONFIG),
        ("max.message.bytes", SET, "-1", kafka.INVALID_CONFIG),
        ("min.insync.replicas", SET, "0", kafka.INVALID_CONFIG),
        ("cleanup.policy", SET, "shred", kafka.INVALID_CONFIG),
        ("cleanup.policy", APPEND, "shred", kafka.INVALID_CONFIG),
        ("no.such.key", SET, "1", kafka.INVALID_CONFIG),
        ("segment.bytes", SET, "10 MB", kafka.INVALID_CONFIG),
        ("segment.bytes", SET, "NaN", kafka.INVALID_CONFIG),
        ("preallocate", SET, "perhaps", kafka.INVALID_CONFIG),
        ("retention.ms", 4, "5", UNKNOWN_OPERATION),
        ("retention.ms", -1, "5", UNKNOWN_OPERATION),
    ],
)
def test_change_that_cannot_be_leaves_everything(client: Client, key: str, operation: int, new: str | None, code: int) -> None:
    topic = client.create_topic(configs={"flush.ms": "77"})
    before = {name: (config.value, config.config_source) for name, config in client.configs(topic).items()}
    answer = client.alter(topic, [("flush.ms", SET, "88"), (key, operation, new)])
    assert (answer.error_code, answer.resource_name) == (code, topic) and (answer.error_message or code == -1)
    assert {name: (config.value, config.config_source) for name, config in client.configs(topic).items()} == before


def test_deleting_what_is_not_set(client: Client) -> None:
    topic = client.create_topic()
    assert client.alter(topic, [("retention.ms", DELETE, None)]).error_code == kafka.NONE


def test_same_key_twice(client: Client) -> None:
    topic = client.create_topic()
    answer = client.alter(topic, [("retention.ms", SET, "5"), ("retention.ms", DELETE, None)])
    assert answer.error_code == kafka.INVALID_REQUEST and value(client, topic, "retention.ms")[1] == DEFAULT


def test_validation_only_changes_nothing(client: Client) -> None:
    topic = client.create_topic()
    assert client.alter(topic, [("retention.ms", SET, "5")], validate_only=True).error_code == kafka.NONE
    assert client.alter(topic, [("retention.ms", SET, "soon")], validate_only=True).error_code == kafka.INVALID_CONFIG
    assert value(client, topic, "retention.ms") == ("604800000", DEFAULT)


def change(kind: int, name: str, *entries: tuple[str, int, str | None]) -> Any:
    return k44.AlterConfigsResource(resource_type=kind, resource_name=name, configs=[k44.AlterableConfig(name=key, config_operation=operation, value=new) for key, operation, new in entries])


def test_each_resource_has_its_own_answer(client: Client) -> None:
    good, bad, missing = client.create_topic(), client.create_topic(), new_name("missing")
    resources = [
        change(TOPIC_RESOURCE, good, ("retention.ms", SET, "5")),
        change(TOPIC_RESOURCE, bad, ("retention.ms", SET, "x")),
        change(TOPIC_RESOURCE, missing, ("retention.ms", SET, "5")),
        change(99, "x", ("retention.ms", SET, "5")),
    ]
    answer = client.call(k44.IncrementalAlterConfigsRequest(resources=resources), 1)
    assert {row.resource_name: row.error_code for row in answer.responses} == {
        good: kafka.NONE,
        bad: kafka.INVALID_CONFIG,
        missing: kafka.UNKNOWN_TOPIC_OR_PARTITION,
        "x": kafka.INVALID_REQUEST,
    }
    client.wait_config(good, "retention.ms", "5")


def test_same_resource_twice(client: Client) -> None:
    topic = client.create_topic()
    resources = [change(TOPIC_RESOURCE, topic, ("retention.ms", SET, "5")), change(TOPIC_RESOURCE, topic, ("segment.bytes", SET, "2000000"))]
    answer = client.call(k44.IncrementalAlterConfigsRequest(resources=resources), 1)
    assert {row.error_code for row in answer.responses} == {kafka.INVALID_REQUEST}
    assert value(client, topic, "retention.ms")[1] == DEFAULT


def test_no_resources(client: Client) -> None:
    assert client.call(k44.IncrementalAlterConfigsRequest(resources=[]), 1).responses == []


# ---- the broker's own configs


@pytest.mark.parametrize("per_broker", [False, True])
def test_broker_configs_change_while_it_runs(start_broker: StartBroker, per_broker: bool) -> None:
    broker = start_broker()
    client = Client(broker)
    node = str(client.metadata([]).brokers[0].node_id)
    name = node if per_broker else ""
    topic = client.create_topic()
    assert client.alter(name, [("log.retention.ms", SET, "98765")], resource_type=BROKER_RESOURCE).error_code == kafka.NONE
    source = DYNAMIC_BROKER if per_broker else DYNAMIC_DEFAULT_BROKER
    found = client.configs(node, ["log.retention.ms"], resource_type=BROKER_RESOURCE)["log.retention.ms"]
    assert (found.value, found.config_source) == ("98765", source)
    assert value(client, topic, "retention.ms") == ("98765", source)
    broker.kill()
    broker.start()
    client = Client(broker)
    assert value(client, topic, "retention.ms") == ("98765", source), "changes survive"
    assert client.alter(name, [("log.retention.ms", DELETE, None)], resource_type=BROKER_RESOURCE).error_code == kafka.NONE
    assert value(client, topic, "retention.ms") == ("604800000", DEFAULT)


@pytest.mark.parametrize("key", ["num.partitions", "log.dirs", "node.id", "delete.topic.enable"])
def test_read_only_broker_configs_cannot_be_changed(client: Client, key: str) -> None:
    node = str(client.metadata([]).brokers[0].node_id)
    for name in (node, ""):
        answer = client.alter(name, [(key, SET, "5")], resource_type=BROKER_RESOURCE)
        assert answer.error_code == READ_ONLY and answer.error_message


def test_brokers_that_there_are_not(client: Client) -> None:
    for name in ("4711", "one"):
        assert client.alter(name, [("log.retention.ms", SET, "5")], resource_type=BROKER_RESOURCE).error_code != kafka.NONE


def test_max_message_bytes_of_the_broker_holds_at_once(start_broker: StartBroker) -> None:
    from tests.support.batches import batch_of_size

    client = Client(start_broker())
    topic, own = client.create_topic(), client.create_topic(configs={"max.message.bytes": "9000"})
    assert client.alter("", [("message.max.bytes", SET, "5000")], resource_type=BROKER_RESOURCE).error_code == kafka.NONE
    assert client.produce(topic, batch_of_size(5001)).error_code == kafka.MESSAGE_TOO_LARGE
    assert client.produced(topic, batch_of_size(5000)) == 0
    assert client.produced(own, batch_of_size(9000)) == 0


@ours_only("writes many changes")
def test_a_thousand_changes_leave_the_last(client: Client) -> None:
    topic = client.create_topic()
    request = [k44.IncrementalAlterConfigsRequest(resources=[change(TOPIC_RESOURCE, topic, ("retention.ms", SET, str(number)))]) for number in range(1000)]
    sent = [client.connection.send(one, 1) for one in request]
    assert {client.connection.receive(one, 1, number).responses[0].error_code for one, number in zip(request, sent, strict=True)} == {kafka.NONE}
    assert value(client, topic, "retention.ms") == ("999", DYNAMIC_TOPIC)


# ---- AlterConfigs: the whole set at once


def test_changes_survive_a_crash(start_broker: StartBroker) -> None:
    broker = start_broker()
    client = Client(broker)
    topic = client.create_topic()
    assert client.alter(topic, [("retention.ms", SET, "1234")]).error_code == kafka.NONE
    broker.kill()
    broker.start()
    assert value(Client(broker), topic, "retention.ms") == ("1234", DYNAMIC_TOPIC)
