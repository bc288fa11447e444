"""DescribeConfigs, AlterConfigs, IncrementalAlterConfigs over their own bytes."""

from collections.abc import Callable

import pytest

from pybroker.broker.config import keys
from pybroker.metadata.controller import NewTopic
from pybroker.protocol.messages import k33_alter_configs as k33
from pybroker.protocol.messages import k44_incremental_alter_configs as k44
from pybroker.protocol.messages.k32_describe_configs import DescribeConfigsRequest, DescribeConfigsResource

from .conftest import Broker, by_name

TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32


def describe(kind: int, name: str, wanted: list[str] | None = None, **options: bool) -> DescribeConfigsRequest:
    return DescribeConfigsRequest(
        resources=[DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=wanted)],
        include_synonyms=options.get("synonyms", False),
        include_documentation=options.get("documentation", False),
    )


def change(kind: int, name: str, *changes: tuple[str, int, str | None], validate_only: bool = False) -> k44.IncrementalAlterConfigsRequest:
    configs = [k44.AlterableConfig(name=key, config_operation=operation, value=value) for key, operation, value in changes]
    return k44.IncrementalAlterConfigsRequest(
        resources=[k44.AlterConfigsResource(resource_type=kind, resource_name=name, configs=configs)], validate_only=validate_only
    )


@pytest.mark.parametrize("version", range(1, 5))
def test_every_topic_key_at_every_version(broker: Broker, version: int) -> None:
    broker.create(NewTopic("a", 1, 1, (), {"retention.ms": "5"}))
    request = describe(TOPIC, "a", synonyms=True)
    (result,) = broker.ask(request, version).results
    found = by_name(result.configs)
    assert (result.error_code, sorted(found)) == (0, sorted(keys("topic")))
    assert (found["retention.ms"].value, found["retention.ms"].config_source) == ("5", 1)
    assert (found["segment.bytes"].value, found["segment.bytes"].config_source) == ("1073741824", 5)
    assert [(one.name, one.value, one.source) for one in found["segment.bytes"].synonyms] == [("log.segment.bytes", "1073741824", 5)]
    if version >= 3:
        assert (found["retention.ms"].config_type, found["cleanup.policy"].config_type, found["preallocate"].config_type) == (5, 7, 1)


def test_every_broker_key_with_source_and_text(make: Callable[..., Broker]) -> None:
    broker = make("num.partitions=4", "ssl.key.password=hunter2")
    (result,) = broker.ask(describe(BROKER, "1", documentation=True), 4).results
    found = by_name(result.configs)
    assert sorted(found) == sorted(keys("broker"))
    assert (found["num.partitions"].value, found["num.partitions"].config_source, found["num.partitions"].read_only) == ("4", 4, True)
    assert (found["ssl.key.password"].value, found["ssl.key.password"].is_sensitive, found["ssl.key.password"].config_type) == (None, True, 9)
    assert "does not act on it" in found["num.io.threads"].documentation and "does not act on it" not in found["num.partitions"].documentation
    assert all(one.synonyms == [] for one in found.values())
    (plain,) = broker.ask(describe(BROKER, "1"), 4).results
    assert all(one.documentation is None for one in plain.configs)


@pytest.mark.parametrize("wanted", [["retention.ms", "no.such.key"], ["retention.ms"]])
def test_named_keys_only(broker: Broker, wanted: list[str]) -> None:
    broker.create(NewTopic("a"))
    (result,) = broker.ask(describe(TOPIC, "a", wanted), 4).results
    assert [one.name for one in result.configs] == ["retention.ms"]


def test_an_empty_list_of_keys_is_all(broker: Broker) -> None:
    broker.create(NewTopic("a"))
    assert len(broker.ask(describe(TOPIC, "a", []), 4).results[0].configs) == len(keys("topic"))


@pytest.mark.parametrize(
    ("kind", "name", "code"), [(TOPIC, "none", 3), (TOPIC, "a/b", 17), (BROKER, "2", 42), (BROKER, "x", 42), (LOGGER, "", 42), (GROUP, "", 42), (77, "x", 42)]
)
def test_resources_that_are_not(broker: Broker, kind: int, name: str, code: int) -> None:
    (result,) = broker.ask(describe(kind, name), 4).results
    assert (result.error_code, result.resource_type, result.resource_name, result.configs) == (code, kind, name, [])


def test_groups_and_client_metrics_have_keys(broker: Broker) -> None:
    assert sorted(by_name(broker.ask(describe(GROUP, "g"), 4).results[0].configs)) == sorted(keys("group"))
    assert sorted(by_name(broker.ask(describe(METRICS, "m"), 4).results[0].configs)) == sorted(keys("client-metrics"))


@pytest.mark.parametrize("version", [0, 1])
def test_single_values_change_and_show(broker: Broker, version: int) -> None:
    broker.create(NewTopic("a"))
    response = broker.ask(change(TOPIC, "a", ("retention.ms", 0, "5"), ("cleanup.policy", 2, "compact")), version)
    assert [(one.error_code, one.resource_type, one.resource_name) for one in response.responses] == [(0, TOPIC, "a")]
    found = by_name(broker.ask(describe(TOPIC, "a", synonyms=True), 4).results[0].configs)
    assert (found["retention.ms"].value, found["cleanup.policy"].value) == ("5", "delete,compact")
    assert [(one.name, one.source) for one in found["cleanup.policy"].synonyms] == [("cleanup.policy", 1), ("log.cleanup.policy", 5)]
    broker.ask(change(TOPIC, "a", ("retention.ms", 1, None), ("cleanup.policy", 3, "delete")), version)
    found = by_name(broker.ask(describe(TOPIC, "a"), 4).results[0].configs)
    assert (found["retention.ms"].config_source, found["cleanup.policy"].value) == (5, "compact")


def test_dynamic_broker_values_have_two_levels(broker: Broker) -> None:
    for name, value in (("", "2000"), ("1", "3000")):
        assert [one.error_code for one in broker.ask(change(BROKER, name, ("message.max.bytes", 0, value)), 1).responses] == [0]
    found = by_name(broker.ask(describe(BROKER, "1", synonyms=True), 4).results[0].configs)
    assert (found["message.max.bytes"].value, found["message.max.bytes"].config_source) == ("3000", 2)
    assert [(one.value, one.source) for one in found["message.max.bytes"].synonyms] == [("3000", 2), ("2000", 3), ("1048588", 5)]
    defaults = broker.ask(describe(BROKER, ""), 4).results[0].configs
    assert [(one.name, one.value, one.config_source) for one in defaults] == [("message.max.bytes", "2000", 3)]


def test_one_bad_value_refuses_its_resource_and_no_other(broker: Broker) -> None:
    broker.create(NewTopic("a"), NewTopic("b"))
    request = change(TOPIC, "a", ("retention.ms", 0, "5"), ("segment.ms", 0, "x"))
    request.resources += change(TOPIC, "b", ("retention.ms", 0, "6")).resources
    response = broker.ask(request, 1)
    assert {one.resource_name: one.error_code for one in response.responses} == {"a": 40, "b": 0}
    assert (broker.controller.image.config(2, "a"), broker.controller.image.config(2, "b")) == ({}, {"retention.ms": "6"})
    assert "segment.ms" in next(one.error_message for one in response.responses if one.error_code)


def test_a_resource_that_stands_twice_is_refused(broker: Broker) -> None:
    broker.create(NewTopic("a"))
    request = change(TOPIC, "a", ("retention.ms", 0, "5"))
    request.resources += change(TOPIC, "a", ("retention.ms", 0, "6")).resources
    assert [one.error_code for one in broker.ask(request, 1).responses] == [42, 42]


def test_trying_changes_nothing(broker: Broker) -> None:
    broker.create(NewTopic("a"))
    assert [one.error_code for one in broker.ask(change(TOPIC, "a", ("retention.ms", 0, "5"), validate_only=True), 1).responses] == [0]
    assert broker.controller.image.config(2, "a") == {}


@pytest.mark.parametrize("version", range(3))
def test_the_old_form_replaces_everything(broker: Broker, version: int) -> None:
    broker.create(NewTopic("a", 1, 1, (), {"retention.ms": "5"}))
    resource = k33.AlterConfigsResource(resource_type=TOPIC, resource_name="a", configs=[k33.AlterableConfig(name="segment.ms", value="7")])
    response = broker.ask(k33.AlterConfigsRequest(resources=[resource]), version)
    assert [one.error_code for one in response.responses] == [0]
    assert broker.controller.image.config(2, "a") == {"segment.ms": "7"}


def test_the_old_form_refuses_null(broker: Broker) -> None:
    broker.create(NewTopic("a"))
    resource = k33.AlterConfigsResource(resource_type=TOPIC, resource_name="a", configs=[k33.AlterableConfig(name="segment.ms", value=None)])
    assert [one.error_code for one in broker.ask(k33.AlterConfigsRequest(resources=[resource]), 2).responses] == [42]


def test_a_thousand_changes_keep_the_last(broker: Broker) -> None:
    broker.create(NewTopic("a"))
    for value in range(1, 201):
        broker.ask(change(TOPIC, "a", ("retention.ms", 0, str(value))), 1)
    assert broker.store.load().config(2, "a") == {"retention.ms": "200"}
