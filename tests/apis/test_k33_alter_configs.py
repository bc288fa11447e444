"""AlterConfigs (API key 33): all of a resource's configs replaced."""

from typing import Any

import pytest

from pybroker.protocol.messages import k33_alter_configs as k33
from tests.apis.test_k44_incremental_alter_configs import DEFAULT, DYNAMIC_TOPIC, value
from tests.support import kafka
from tests.support.kafka import TOPIC_RESOURCE, Client, new_name
from tests.support.wire import versions


def replace(client: Client, kind: int, name: str, configs: dict[str, str | None], *, version: int = 2, validate_only: bool = False) -> Any:
    resource = k33.AlterConfigsResource(resource_type=kind, resource_name=name, configs=[k33.AlterableConfig(name=key, value=new) for key, new in configs.items()])
    [row] = client.call(k33.AlterConfigsRequest(resources=[resource], validate_only=validate_only), version).responses
    assert (row.resource_type, row.resource_name) == (kind, name)
    return row


@pytest.mark.parametrize("version", versions(33))
def test_alter_configs_replaces_all(client: Client, version: int) -> None:
    topic = client.create_topic(configs={"retention.ms": "5", "segment.bytes": "2000000"})
    assert replace(client, TOPIC_RESOURCE, topic, {"retention.ms": "6", "flush.ms": "7"}, version=version).error_code == kafka.NONE
    client.wait_config(topic, "retention.ms", "6")
    assert value(client, topic, "flush.ms") == ("7", DYNAMIC_TOPIC)
    assert value(client, topic, "segment.bytes") == ("1073741824", DEFAULT)


@pytest.mark.parametrize("version", versions(33))
def test_alter_configs_refuses_and_leaves_everything(client: Client, version: int) -> None:
    topic = client.create_topic(configs={"retention.ms": "5"})
    for configs in ({"flush.ms": "soon"}, {"no.such.key": "1"}):
        assert replace(client, TOPIC_RESOURCE, topic, configs, version=version).error_code == kafka.INVALID_CONFIG
    assert replace(client, TOPIC_RESOURCE, topic, {"flush.ms": "1"}, version=version, validate_only=True).error_code == kafka.NONE
    assert value(client, topic, "retention.ms") == ("5", DYNAMIC_TOPIC)
    assert replace(client, TOPIC_RESOURCE, new_name("missing"), {"flush.ms": "1"}, version=version).error_code == kafka.UNKNOWN_TOPIC_OR_PARTITION


def test_alter_configs_with_a_null_value(client: Client) -> None:
    topic = client.create_topic(configs={"retention.ms": "5"})
    assert replace(client, TOPIC_RESOURCE, topic, {"retention.ms": None}).error_code == kafka.INVALID_REQUEST
    assert value(client, topic, "retention.ms") == ("5", DYNAMIC_TOPIC)
