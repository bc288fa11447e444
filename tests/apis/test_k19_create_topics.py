"""CreateTopics (API key 19): defaults, assignments, configs, validation only, every error row."""

import struct
from typing import Any

import pytest

from pybroker.protocol.messages import k19_create_topics as k19
from tests.support import kafka
from tests.support.batches import batch
from tests.support.broker import ours_only
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client, new_name
from tests.support.wire import framed, string, versions

THROTTLING_QUOTA_EXCEEDED = 89
NO_ID = bytes(16)


def topic(name: str, partitions: int = 1, replicas: int = 1, *, assignment: dict[int, list[int]] | None = None, configs: dict[str, str | None] | None = None) -> Any:
    return k19.CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=replicas,
        assignments=[k19.CreatableReplicaAssignment(partition_index=index, broker_ids=ids) for index, ids in (assignment or {}).items()],
        configs=[k19.CreatableTopicConfig(name=key, value=value) for key, value in (configs or {}).items()],
    )


def create(client: Client, *topics: Any, version: int = 7, validate_only: bool = False) -> list[Any]:
    return list(client.call(k19.CreateTopicsRequest(topics=list(topics), timeout_ms=10_000, validate_only=validate_only), version).topics)


def exists(client: Client, name: str) -> bool:
    return bool(client.metadata([name]).topics[0].error_code == kafka.NONE)


@pytest.mark.parametrize("version", versions(19))
def test_topic_is_created_at_every_version(client: Client, version: int) -> None:
    name = new_name()
    [row] = create(client, topic(name, 3, configs={"retention.ms": "12345"}), version=version)
    assert (row.name, row.error_code, row.error_message) == (name, kafka.NONE, None)
    if version >= 5:
        assert (row.num_partitions, row.replication_factor, row.topic_config_error_code) == (3, 1, kafka.NONE)
        assert {config.name: (config.value, config.config_source) for config in row.configs}["retention.ms"] == ("12345", 1)
    assert (row.topic_id != NO_ID) == (version >= 7)
    client.wait_served(name, 3)
    assert client.configs(name, ["retention.ms"])["retention.ms"].value == "12345"
    assert [client.produced(name, batch(), partition=index) for index in range(3)] == [0, 0, 0]


def test_answer_lists_every_config_with_its_source(client: Client) -> None:
    name = new_name()
    [row] = create(client, topic(name, configs={"cleanup.policy": "compact"}))
    configs = {config.name: config for config in row.configs}
    described = client.configs(name)
    assert set(configs) == set(described)
    assert {key: (one.value, one.config_source, one.read_only, one.is_sensitive) for key, one in configs.items()} == {
        key: (one.value, one.config_source, one.read_only, one.is_sensitive) for key, one in described.items()
    }


@pytest.mark.parametrize("version", versions(19))
def test_topic_that_is_there(client: Client, version: int) -> None:
    name = client.create_topic(2)
    [row] = create(client, topic(name, 5), version=version)
    assert row.error_code == kafka.TOPIC_ALREADY_EXISTS and name in row.error_message
    assert len(client.metadata([name]).topics[0].partitions) == 2


def test_each_topic_has_its_own_answer(client: Client) -> None:
    good, there, bad, none = new_name(), client.create_topic(), new_name(), "a/b"
    rows = {row.name: row for row in create(client, topic(good), topic(there), topic(bad, 0), topic(none))}
    assert {name: row.error_code for name, row in rows.items()} == {
        good: kafka.NONE,
        there: kafka.TOPIC_ALREADY_EXISTS,
        bad: kafka.INVALID_PARTITIONS,
        none: kafka.INVALID_TOPIC,
    }
    assert exists(client, good) and not exists(client, bad)
    assert rows[good].topic_id != NO_ID and all(rows[name].topic_id == NO_ID for name in (bad, none))


def test_same_name_twice_in_one_request(client: Client) -> None:
    twice, once = new_name(), new_name()
    rows = create(client, topic(twice), topic(once), topic(twice, 2))
    assert {(row.name, row.error_code) for row in rows} == {(twice, kafka.INVALID_REQUEST), (once, kafka.NONE)}
    assert not exists(client, twice) and exists(client, once)


@pytest.mark.parametrize("version", range(2, 8))
def test_validation_only_creates_nothing(client: Client, version: int) -> None:
    name, there = new_name(), client.create_topic()
    rows = {row.name: row for row in create(client, topic(name, 3), topic(there), version=version, validate_only=True)}
    assert (rows[name].error_code, rows[there].error_code) == (kafka.NONE, kafka.TOPIC_ALREADY_EXISTS)
    if version >= 5:
        assert (rows[name].num_partitions, rows[name].replication_factor) == (3, 1)
    assert not exists(client, name)


@pytest.mark.parametrize("version", versions(19))
def test_minus_1_is_the_brokers_default(client: Client, version: int) -> None:
    name = new_name()
    [row] = create(client, topic(name, -1, -1), version=version)
    assert row.error_code == kafka.NONE
    client.wait_served(name, 1)


@pytest.mark.parametrize("partitions", [0, -2, -5, -(2**31)])
def test_partitions_that_are_none(client: Client, partitions: int) -> None:
    name = new_name()
    [row] = create(client, topic(name, partitions))
    assert row.error_code == kafka.INVALID_PARTITIONS and row.error_message and not exists(client, name)


@pytest.mark.parametrize("replicas", [0, -2, 2, 32767])
def test_replication_that_cannot_be(client: Client, replicas: int) -> None:
    name = new_name()
    [row] = create(client, topic(name, 1, replicas))
    assert row.error_code == kafka.INVALID_REPLICATION_FACTOR and row.error_message and not exists(client, name)


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "../../etc/passwd", "ä", "x" * 250, "a\0b", "a\n", "a:b", "a,b"])
def test_name_that_is_none(client: Client, name: str) -> None:
    [row] = create(client, topic(name))
    assert (row.name, row.error_code) == (name, kafka.INVALID_TOPIC) and row.error_message


def test_names_that_collide_in_metrics(client: Client) -> None:
    """As Kafka: a name that differs from another only in '.' and '_' is refused."""
    name = new_name("a.b_c")
    assert create(client, topic(name))[0].error_code == kafka.NONE
    [row] = create(client, topic(name.replace("a.b_c", "a_b.c")))
    assert row.error_code == kafka.INVALID_TOPIC


@pytest.mark.parametrize(
    "configs",
    [
        {"retention.ms": "soon"},
        {"retention.ms": None},
        {"no.such.config": "1"},
        {"cleanup.policy": "shred"},
        {"max.message.bytes": "-1"},
        {"compression.type": "rar"},
        {"min.insync.replicas": "0"},
        {"segment.bytes": "9223372036854775808"},
        {"message.timestamp.type": "Never"},
        {"min.cleanable.dirty.ratio": "1.5"},
        {"preallocate": "perhaps"},
    ],
    ids=lambda configs: "=".join(str(word) for pair in configs.items() for word in pair),
)
def test_config_that_is_none(client: Client, configs: dict[str, str | None]) -> None:
    name = new_name()
    [row] = create(client, topic(name, configs=configs))
    assert row.error_code == (kafka.INVALID_CONFIG) and row.error_message and not exists(client, name)


# ---- assignments by hand


def broker_id(client: Client) -> int:
    return int(client.metadata([]).brokers[0].node_id)


@pytest.mark.parametrize("version", versions(19))
def test_assignment_by_hand(client: Client, version: int) -> None:
    name, node = new_name(), broker_id(client)
    [row] = create(client, topic(name, -1, -1, assignment={0: [node], 1: [node], 2: [node]}), version=version)
    assert (row.error_code, row.error_message) == (kafka.NONE, None)
    client.wait_served(name, 3)


@pytest.mark.parametrize(
    ("partitions", "replicas", "assignment", "code"),
    [
        (3, -1, {0: [0]}, kafka.INVALID_REQUEST),
        (-1, 1, {0: [0]}, kafka.INVALID_REQUEST),
        (1, 1, {0: [0]}, kafka.INVALID_REQUEST),
        (-1, -1, {1: [0]}, kafka.INVALID_REPLICA_ASSIGNMENT),
        (-1, -1, {0: [0], 2: [0]}, kafka.INVALID_REPLICA_ASSIGNMENT),
        (-1, -1, {0: [0, 0]}, kafka.INVALID_REPLICA_ASSIGNMENT),
        (-1, -1, {0: []}, kafka.INVALID_REPLICA_ASSIGNMENT),
        (-1, -1, {0: [99]}, kafka.INVALID_REPLICA_ASSIGNMENT),
    ],
)
def test_assignment_that_cannot_be(client: Client, partitions: int, replicas: int, assignment: dict[int, list[int]], code: int) -> None:
    """0 in the table stands for the broker's own id."""
    name, node = new_name(), broker_id(client)
    real = {index: [node if one == 0 else node + one for one in ids] for index, ids in assignment.items()}
    [row] = create(client, topic(name, partitions, replicas, assignment=real))
    assert row.error_code == code and row.error_message and not exists(client, name)


# ---- odds


def test_no_topics(client: Client) -> None:
    assert create(client) == []


def test_golden_bytes_of_version_2(client: Client) -> None:
    name = new_name()
    body = struct.pack(">i", 1) + string(name) + struct.pack(">ihii", 1, 1, 0, 0) + struct.pack(">ib", 5000, 0)
    client.connection.send_bytes(framed(struct.pack(">hhi", 19, 2, 8) + string("golden") + body))
    assert client.connection.read_frame() == struct.pack(">iii", 8, 0, 1) + string(name) + struct.pack(">h", 0) + string(None)


@ours_only("a broker of its own with other defaults")
def test_brokers_defaults_are_used(start_broker: StartBroker) -> None:
    client = Client(start_broker({"num.partitions": "7", "default.replication.factor": "1", "log.retention.ms": "777"}))
    [row] = create(client, topic("d", -1, -1))
    assert (row.error_code, row.num_partitions, row.replication_factor) == (kafka.NONE, 7, 1)
    found = {config.name: config for config in row.configs}["retention.ms"]
    assert (found.value, found.config_source) == ("777", 4)


def test_many_topics_in_one_request(client: Client) -> None:
    names = [new_name() for _ in range(100)]
    rows = create(client, *(topic(name, 2) for name in names))
    assert {row.name: row.error_code for row in rows} == dict.fromkeys(names, kafka.NONE)
    assert len({row.topic_id for row in rows}) == 100
    for name in names:
        client.wait_served(name, 2)
