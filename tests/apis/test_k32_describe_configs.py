"""DescribeConfigs (API key 32): every key Kafka knows, with default, source, synonyms, type; topics, the broker, errors."""

from typing import Any

import pytest

from pybroker.protocol.messages import k32_describe_configs as k32
from tests.support import kafka
from tests.support.broker import FOREIGN, ours_only
from tests.support.fixtures import StartBroker
from tests.support.kafka import BROKER_RESOURCE, TOPIC_RESOURCE, Client, new_name
from tests.support.shared import SHARED, needs_shared
from tests.support.wire import versions

DYNAMIC_TOPIC, DYNAMIC_BROKER, DYNAMIC_DEFAULT_BROKER, STATIC_BROKER, DEFAULT = range(1, 6)
TYPES = {"BOOLEAN": 1, "STRING": 2, "INT": 3, "SHORT": 4, "LONG": 5, "DOUBLE": 6, "LIST": 7, "CLASS": 8, "PASSWORD": 9}


def describe(client: Client, *resources: Any, version: int = 4, synonyms: bool = False, documentation: bool = False) -> list[Any]:
    request = k32.DescribeConfigsRequest(resources=list(resources), include_synonyms=synonyms, include_documentation=documentation)
    return list(client.call(request, version).results)


def resource(kind: int, name: str, keys: list[str] | None = None) -> Any:
    return k32.DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=keys)


def node(client: Client) -> str:
    return str(client.metadata([]).brokers[0].node_id)


@pytest.mark.parametrize("version", versions(32))
def test_topic_at_every_version(client: Client, version: int) -> None:
    topic = client.create_topic(configs={"retention.ms": "1000"})
    configs = client.configs(topic, version=version, synonyms=True, documentation=version >= 3)
    retention, policy = configs["retention.ms"], configs["cleanup.policy"]
    assert (retention.value, retention.config_source, retention.read_only, retention.is_sensitive) == ("1000", DYNAMIC_TOPIC, False, False)
    assert (policy.value, policy.config_source) == ("delete", DEFAULT)
    assert next((s.name, s.value, s.source) for s in retention.synonyms) == ("retention.ms", "1000", DYNAMIC_TOPIC)
    assert [(s.name, s.value, s.source) for s in policy.synonyms] == [("log.cleanup.policy", "delete", DEFAULT)]
    assert (retention.config_type, policy.config_type) == ((TYPES["LONG"], TYPES["LIST"]) if version >= 3 else (0, 0))
    assert bool(retention.documentation) == (version >= 3)


def test_synonyms_and_documentation_only_on_request(client: Client) -> None:
    topic = client.create_topic()
    assert all(config.synonyms == [] and config.documentation is None for config in client.configs(topic).values())


@pytest.mark.parametrize("version", versions(32))
def test_only_the_keys_asked_for(client: Client, version: int) -> None:
    topic = client.create_topic()
    assert set(client.configs(topic, ["segment.bytes", "no.such.key", "retention.ms"], version=version)) == {"segment.bytes", "retention.ms"}
    assert len(client.configs(topic, [], version=version)) == len(client.configs(topic)), "an empty list is every key, as null is"


def kafka_rows(kind: str) -> list[tuple[str, str, str]]:
    """(name, type, default) of a kind."""
    lines = (SHARED / "kafka-configs.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines if line.startswith(f"{kind}\t")]
    assert len(rows) > 30
    return [(row[1], row[2], row[3]) for row in rows]


OTHER_DEFAULTS = {"max.decompressed.message.bytes": str(64 << 20)}
"""Where this broker deliberately has another default than Kafka: 2 GiB of output would keep a loop busy for seconds."""


@needs_shared
def test_every_topic_config_kafka_knows_with_type_and_default(client: Client) -> None:
    configs = client.configs(client.create_topic())
    rows = kafka_rows("topic")
    assert {name for name, _, _ in rows} <= set(configs)
    for name, kind, default in rows:
        if FOREIGN and name in ("file.delete.delay.ms", "min.insync.replicas"):
            continue  # set where it runs
        found = configs[name]
        if not FOREIGN:
            default = OTHER_DEFAULTS.get(name, default)
        assert (found.config_type, found.config_source, found.value or "") == (TYPES[kind.upper()], DEFAULT, default.strip('"')), name


@needs_shared
def test_every_broker_config_kafka_knows(client: Client) -> None:
    configs = client.configs(node(client), resource_type=BROKER_RESOURCE)
    rows = kafka_rows("broker")
    assert {name for name, _, _ in rows} <= set(configs)
    for name, kind, _ in rows:
        assert configs[name].config_type == TYPES[kind.upper()], name


def test_topic_falls_back_to_the_broker(start_broker: StartBroker) -> None:
    client = Client(start_broker({"log.retention.ms": "4444", "log.segment.bytes": "2000000", "compression.type": "lz4"}))
    topic = client.create_topic(configs={"segment.bytes": "3000000"})
    configs = client.configs(topic, synonyms=True)
    assert (configs["retention.ms"].value, configs["retention.ms"].config_source) == ("4444", STATIC_BROKER)
    assert (configs["compression.type"].value, configs["compression.type"].config_source) == ("lz4", STATIC_BROKER)
    assert [(s.name, s.value, s.source) for s in configs["segment.bytes"].synonyms] == [
        ("segment.bytes", "3000000", DYNAMIC_TOPIC),
        ("log.segment.bytes", "2000000", STATIC_BROKER),
        ("log.segment.bytes", "1073741824", DEFAULT),
    ]
    assert ("log.retention.ms", "4444", STATIC_BROKER) in [(s.name, s.value, s.source) for s in configs["retention.ms"].synonyms]


def test_broker_configs_tell_their_source(start_broker: StartBroker) -> None:
    client = Client(start_broker({"num.partitions": "3"}))
    configs = client.configs(node(client), ["num.partitions", "log.dirs", "log.retention.hours", "compression.type"], resource_type=BROKER_RESOURCE, synonyms=True)
    assert (configs["num.partitions"].value, configs["num.partitions"].config_source, configs["num.partitions"].read_only) == ("3", STATIC_BROKER, True)
    assert configs["log.dirs"].config_source == STATIC_BROKER
    assert (configs["log.retention.hours"].value, configs["log.retention.hours"].config_source) == ("168", DEFAULT)
    assert configs["compression.type"].read_only is False


@ours_only("its texts")
def test_a_key_that_is_not_acted_on_says_so(client: Client) -> None:
    configs = client.configs(node(client), ["auto.leader.rebalance.enable", "num.partitions"], resource_type=BROKER_RESOURCE, documentation=True)
    assert "not" in configs["auto.leader.rebalance.enable"].documentation.lower()
    assert all(config.documentation for config in configs.values())


def test_passwords_are_never_told(client: Client) -> None:
    configs = client.configs(node(client), resource_type=BROKER_RESOURCE)
    secret = [config for config in configs.values() if config.config_type == TYPES["PASSWORD"]]
    assert secret and all(config.is_sensitive and config.value is None for config in secret)


def test_cluster_wide_broker_defaults_are_the_empty_name(client: Client) -> None:
    [result] = describe(client, resource(BROKER_RESOURCE, ""))
    assert result.error_code == kafka.NONE


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        (TOPIC_RESOURCE, "missing", kafka.UNKNOWN_TOPIC_OR_PARTITION),
        (TOPIC_RESOURCE, "a/b", kafka.INVALID_TOPIC),
        (TOPIC_RESOURCE, "", kafka.INVALID_TOPIC),
        (BROKER_RESOURCE, "4711", kafka.INVALID_REQUEST),
        (BROKER_RESOURCE, "one", kafka.INVALID_REQUEST),
        (3, "x", kafka.INVALID_REQUEST),
        (77, "x", kafka.INVALID_REQUEST),
    ],
)
@pytest.mark.parametrize("version", [1, 4])
def test_resource_that_is_none(client: Client, kind: int, name: str, code: int, version: int) -> None:
    name = new_name("missing") if name == "missing" else name
    [result] = describe(client, resource(kind, name), version=version)
    assert (result.error_code, result.resource_name, result.configs) == (code, name, [])
    assert result.error_message or code == kafka.UNKNOWN_TOPIC_OR_PARTITION


def test_each_resource_has_its_own_answer(client: Client) -> None:
    one, two = client.create_topic(), client.create_topic()
    results = describe(client, resource(TOPIC_RESOURCE, one, ["retention.ms"]), resource(TOPIC_RESOURCE, "a/b"), resource(TOPIC_RESOURCE, two), resource(BROKER_RESOURCE, node(client)))
    by_name = {result.resource_name: (result.error_code, len(result.configs)) for result in results}
    assert by_name[one] == (kafka.NONE, 1) and by_name["a/b"] == (kafka.INVALID_TOPIC, 0)
    assert by_name[two][0] == kafka.NONE and by_name[two][1] >= 30 and by_name[node(client)][1] >= 200


def test_no_resources(client: Client) -> None:
    assert describe(client) == []
