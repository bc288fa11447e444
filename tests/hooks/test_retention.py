"""Retention by plugins, with a real broker: what a policy lets go, what rubbish keeps, and that the built-in rules stay away."""

import pytest

from tests.hooks.conftest import StartWith
from tests.storage.test_retention import FAST, SEGMENT, await_true, fill, segments, start_of
from tests.support import kafka
from tests.support.broker import Broker
from tests.support.kafka import Client

KEEPS = """
class Keep:
    def __init__(self, count):
        self.count = count

    def plan(self, topic, partition, segments, now_ms):
        going = max(len(segments) - self.count, 0)
        return ["delete"] * going + ["keep"] * (len(segments) - going)

@hookimpl
def pybroker_config_keys():
    return [ConfigKey("acme.keep.segments", "int", "0", "Segments that are kept; 0: as the broker has it.", "topic", minimum=0)]

@hookimpl
def pybroker_retention_policy(topic, config):
    count = int(config["acme.keep.segments"])
    return Keep(count) if count else None
"""
PLANS = """
class Plans:
    def plan(self, topic, partition, segments, now_ms):
        {body}

@hookimpl
def pybroker_retention_policy(topic):
    return Plans()
"""


def topic(client: Client, **configs: str) -> str:
    return client.create_topic(configs={"segment.bytes": str(SEGMENT), **{name.replace("_", "."): value for name, value in configs.items()}})


def rounds(broker: Broker, client: Client) -> None:
    """Until built-in retention has emptied a topic of its own that was filled just now: at least one round is over."""
    other = topic(client, retention_bytes="0")
    fill(client, other, 8)
    await_true(broker, lambda: start_of(client, other) >= 4, "a round of retention")


def test_a_policy_takes_the_place_of_the_built_in_rules(start_with: StartWith) -> None:
    broker = start_with({"acme": KEEPS}, FAST)
    client = Client(broker)
    name = topic(client, acme_keep_segments="3", retention_bytes="1")
    fill(client, name, 40)
    await_true(broker, lambda: start_of(client, name) == 28, "all but three segments are gone")
    await_true(broker, lambda: segments(broker, name) == [28, 32, 36], "their files too")
    assert client.records(name, 28)[0].offset == 28
    assert client.alter(name, [("acme.keep.segments", 0, "2")]).error_code == kafka.NONE
    await_true(broker, lambda: start_of(client, name) == 32, "the change is planned")
    assert client.alter(name, [("acme.keep.segments", 0, "0")]).error_code == kafka.NONE
    await_true(broker, lambda: start_of(client, name) >= 36, "without a policy the built-in rules apply again")
    client.close()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return ['keep']", "deleted ones first"),
        ("return ['keep', 'delete'] + ['keep'] * (len(segments) - 2)", "deleted ones first"),
        ("return ['delete'] * len(segments)", "deleted ones first"),
        ("return [1] * len(segments)", "deleted ones first"),
        ("raise ValueError('no')", "ValueError: no"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import time; time.sleep(1)", "takes too long"),
    ],
    ids=["too few", "a gap", "the active one", "numbers", "raises", "exits", "hangs"],
)
def test_a_plan_that_cannot_be_keeps_everything(start_with: StartWith, body: str, words: str) -> None:
    broker = start_with({"acme": PLANS.format(body=body)}, FAST, facts="control_deadline_ms=100, scope=Scope(('mine*',))")
    client = Client(broker)
    mine = client.create_topic(configs={"segment.bytes": str(SEGMENT), "retention.bytes": "1"}, name="mine")
    fill(client, mine, 12)
    await_true(broker, lambda: words in broker.log_tail(100_000), "the plan is refused in words")
    rounds(broker, client)
    assert start_of(client, mine) == 0 and segments(broker, mine) == [0, 4, 8]
    client.close()


def test_a_policy_that_cannot_be_made_keeps_everything(start_with: StartWith) -> None:
    broker = start_with({"acme": "@hookimpl\ndef pybroker_retention_policy(topic):\n    raise ValueError('no')"}, FAST, facts="scope=Scope(('mine*',))")
    client = Client(broker)
    mine = client.create_topic(configs={"segment.bytes": str(SEGMENT), "retention.bytes": "1"}, name="mine")
    fill(client, mine, 12)
    rounds(broker, client)
    assert start_of(client, mine) == 0
    client.close()
