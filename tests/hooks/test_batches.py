"""Plugins and produced batches, with a real broker: what clients are told, what is stored, and what a plugin that misbehaves does to others."""

import threading
import time
from typing import Any

import pytest

from pybroker.protocol import errors
from tests.hooks.conftest import StartWith
from tests.support.batches import Record, batch
from tests.support.broker import Broker
from tests.support.client import PRODUCE_VERSION, Client
from tests.support.kafka import NONE
from tests.support.kafka import Client as Kafka

INVALID, POLICY, TIMED_OUT = errors.InvalidRecord.code, errors.PolicyViolation.code, errors.RequestTimedOut.code

SHOUTS = """
@hookimpl
def pybroker_batch_interceptor(batches):
    return [Reject("too loud", records=(RecordFault(0, "shouts"),)) if batch.values()[0].isupper() else None for batch in batches]
"""
RULES = """
@hookimpl
def pybroker_record_rules(topic):
    return RecordRules(value_bytes_max=10) if topic.startswith("short") else None
"""
SCHEMA = """
class Even:
    def validate(self, items):
        return [None if int(item) % 2 == 0 else f"{int(item)} is odd" for item in items]

@hookimpl
def pybroker_schema_validator(topic, which, config):
    if config.get(f"pybroker.{which}.schema.type") != "even":
        return None
    if config.get(f"pybroker.{which}.schema") == "broken":
        raise ValueError("no such schema")
    return Even()
"""
SPREADS = """
class ByLength:
    def partition(self, keys, values, partition_count):
        return [len(value) % partition_count for value in values]

@hookimpl
def pybroker_partitioner(topic):
    return ByLength()
"""
SPINS = """
import time

@hookimpl
def pybroker_batch_interceptor(batches):
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        pass
"""


def topic(broker: Broker, name: str, partitions: int = 1, **configs: str) -> str:
    client = Kafka(broker)
    made = client.create_topic(partitions, {key.replace("_", "."): value for key, value in configs.items()}, name=name)
    client.close()
    return made


def send(broker: Broker, name: str, *values: bytes, **more: Any) -> Any:
    with Client(broker.port) as client:
        return client.produce(name, batch([Record(value, key=b"k") for value in values], **more))


def stored(broker: Broker, name: str, partition: int = 0) -> list[bytes | None]:
    client = Kafka(broker)
    found = [record.value for record in client.records(name, partition=partition)]
    client.close()
    return found


def test_the_client_is_told_which_record_and_why(start_with: StartWith) -> None:
    broker = start_with({"quiet": SHOUTS, "rules": RULES})
    topic(broker, "talk"), topic(broker, "short-talk")
    assert send(broker, "talk", b"hello").error_code == NONE
    answer = send(broker, "talk", b"HELLO")
    assert (answer.error_code, answer.error_message, [(one.batch_index, one.batch_index_error_message) for one in answer.record_errors]) == (INVALID, "too loud", [(0, "shouts")])
    answer = send(broker, "short-talk", b"fine", b"far too long", codec="lz4")
    assert [(one.batch_index, one.batch_index_error_message) for one in answer.record_errors] == [(1, "the value is too long")]


def test_a_schema_is_planned_when_the_topic_or_its_config_changes(start_with: StartWith) -> None:
    broker = start_with({"even": SCHEMA})
    name = topic(broker, "numbers", pybroker_value_schema_type="even")
    assert [send(broker, name, value).error_code for value in (b"2", b"3")] == [NONE, INVALID]
    client = Kafka(broker)
    client.alter(name, [("pybroker.value.schema", 0, "broken")])
    assert send(broker, name, b"2").error_code == POLICY, "a topic that has asked for a schema takes nothing until it has one"
    client.alter(name, [("pybroker.value.schema", 0, "fine")])
    assert send(broker, name, b"4").error_code == NONE
    client.alter(name, [("pybroker.value.schema.type", 0, "")])
    assert send(broker, name, b"5").error_code == NONE
    client.close()


def test_a_schema_type_nobody_knows_refuses_also_without_plugins(start_with: StartWith) -> None:
    broker = start_with({})
    name = topic(broker, "numbers", pybroker_value_schema_type="even")
    answer = send(broker, name, b"2")
    assert answer.error_code == POLICY and "'even'" in answer.error_message


@pytest.mark.parametrize(("plugins", "expected"), [({"spreads": SPREADS}, [[b"dddd"], [b"a", b"eeeee"], [b"bb"], [b"ccc"]]), ({}, None)], ids=["plugin", "key hash"])
def test_records_are_spread_over_partitions(start_with: StartWith, plugins: dict[str, str], expected: list[list[bytes]] | None) -> None:
    broker = start_with(plugins)
    name = topic(broker, "spread", 4, pybroker_repartition="true")
    values = [b"a", b"bb", b"ccc", b"dddd", b"eeeee"]
    assert send(broker, name, *values).error_code == NONE
    found = [stored(broker, name, partition) for partition in range(4)]
    assert found == expected if expected else [len(part) for part in found if part] == [5], "one key, one partition"


def test_many_at_once_come_back_with_what_was_sent(start_with: StartWith) -> None:
    """More than a stage holds, in one call of the plugin."""
    broker = start_with({"quiet": SHOUTS})
    name = topic(broker, "talk")
    clients = [Client(broker.port) for _ in range(100)]
    values = [b"%03d" % number + b"x" * 30_000 for number in range(len(clients))]
    requests = [client.produce_request(name, batch([Record(value)])) for client, value in zip(clients, values, strict=True)]
    sent = [client.send(request, PRODUCE_VERSION) for client, request in zip(clients, requests, strict=True)]
    for client, request, number in zip(clients, requests, sent, strict=True):
        assert client.receive(request, PRODUCE_VERSION, number).responses[0].partition_responses[0].error_code == NONE
        client.close()
    assert sorted(stored(broker, name)) == values  # type: ignore[type-var]


def test_a_plugin_that_spins_holds_up_its_own_topics_alone(start_with: StartWith) -> None:
    broker = start_with({"spins": SPINS}, facts="scope=Scope(('mine',)), deadline_ms=200")
    mine, others = topic(broker, "mine"), topic(broker, "others")
    answers: list[Any] = []
    victim = threading.Thread(target=lambda: answers.append(send(broker, mine, b"x")))
    victim.start()
    longest, begin = 0.0, time.monotonic()
    while victim.is_alive() or time.monotonic() - begin < 1:
        before = time.monotonic()
        assert send(broker, others, b"y").error_code == NONE
        longest = max(longest, time.monotonic() - before)
    assert longest < 0.5
    assert answers[0].error_code == TIMED_OUT
    victim.join()


def test_a_native_hook_that_is_none_stops_the_start(start_with: StartWith) -> None:
    text = """
    @hookimpl
    def pybroker_native_hooks():
        return {"batch": Native(object())}
    """
    with pytest.raises(Exception, match="PyCapsule"):
        start_with({"native": text})
