"""The harness that drives a plugin without a broker: what a broker would refuse it refuses, and what the plugin sees is what a broker shows."""

from pathlib import Path
from typing import Any

import pytest

from pybroker.broker import config
from pybroker.broker.config import ConfigError
from pybroker.hooks import (
    ACCEPT,
    ConfigKey,
    PluginInfo,
    PolicyViolation,
    Record,
    Reject,
    TopicRequest,
    hookimpl,
)
from pybroker.hooks.manager import PluginError
from pybroker.testing.hooks import Harness, batch, connection, segments
from pybroker.testing.records import as_records, crc32c, decode, encode

REQUEST = TopicRequest("create", "acme.a", 1, 1, {})


class Acme:
    """A plugin with a bit of everything."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.values: dict[str, Any] = {}

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("acme", "1")

    @hookimpl
    def pybroker_config_keys(self) -> list[ConfigKey]:
        return [ConfigKey("acme.bytes.max", "int", "5", "Most bytes.", minimum=1), ConfigKey("acme.days", "int", "7", "Days.", level="topic")]

    @hookimpl
    def pybroker_configure(self, config: Any, changed: Any) -> None:
        self.told.append(changed)
        self.values = dict(config)

    @hookimpl
    def pybroker_startup(self, ctx: Any) -> None:
        self.told.append("startup")
        ctx.metrics.count("starts", 2, kind="cold")

    @hookimpl
    def pybroker_shutdown(self, reason: str) -> None:
        self.told.append(reason)

    @hookimpl
    def pybroker_topic_policy(self, request: Any, principal: Any, ctx: Any) -> Any:
        if request.name == "raises":
            raise KeyError("here")
        if request.name == "rubbish":
            return "no"
        ctx.invalidate(str(principal))
        return PolicyViolation(f"{request.name} at {ctx.now_ms()} {ctx.monotonic_s()} {sorted(ctx.topics())}")

    @hookimpl
    async def pybroker_authenticate(self, identity: str, secret: bytes) -> None:
        self.told.append((identity, secret))

    @hookimpl
    def pybroker_batch_interceptor(self, batches: Any) -> Any:
        return [Reject("large") if any(len(value) > self.values["acme.bytes.max"] for value in one.values()) else None for one in batches]

    @hookimpl
    def pybroker_retention_policy(self, topic: str, config: Any) -> Any:
        return Oldest(int(config["acme.days"]))


class Oldest:
    def __init__(self, days: int) -> None:
        self.days = days

    def plan(self, topic: str, partition: int, segments: Any, now_ms: int) -> Any:
        if topic == "bad":
            return ["keep", "delete", *["keep"] * (len(segments) - 2)]
        return ["delete" if one.timestamp_ms < now_ms - self.days * 86_400_000 and not one.active else "keep" for one in segments]


def test_a_plugin_goes_from_start_to_stop() -> None:
    acme = Acme()
    with Harness(acme, {"acme.bytes.max": "9"}) as plugin:
        assert plugin.info.name == "acme" and plugin.context.config("acme.bytes.max") == 9
        assert plugin.metric("starts", kind="cold") == 2 and plugin.metric("starts") == 0
        plugin.reconfigure({"acme.bytes.max": "3"})
        assert acme.values["acme.bytes.max"] == 3
        place = Path(plugin.context.data_dir)
        place.mkdir(parents=True)
    assert acme.told == [{"acme.bytes.max", "acme.days"}, "startup", {"acme.bytes.max"}, "stop"]
    assert not place.exists()
    assert "acme.days" not in config.keys("topic")


def test_hooks_see_the_clock_the_topics_and_who_asks() -> None:
    with Harness(Acme, topics={"a": 3}) as plugin:
        plugin.clock.now_ms = 1000
        plugin.clock.advance(2.5)
        answer = plugin.ask("pybroker_topic_policy", request=REQUEST)
        assert answer == PolicyViolation("acme.a at 3500 2.5 ['a']")
        assert plugin.invalidated == ["User:test"]


def test_errors_of_the_plugin_come_as_they_are() -> None:
    with Harness(Acme) as plugin:
        with pytest.raises(KeyError, match="here"):
            plugin.ask("pybroker_topic_policy", request=REQUEST._replace(name="raises"))
        with pytest.raises(AssertionError, match=r"answered 'no', which is not PolicyViolation \| None"):
            plugin.ask("pybroker_topic_policy", request=REQUEST._replace(name="rubbish"))


def test_a_coroutine_is_awaited() -> None:
    acme = Acme()
    with Harness(acme) as plugin:
        assert plugin.ask("pybroker_authenticate", mechanism="PLAIN", identity="a", secret=b"s", connection=connection()) is None
    assert ("a", b"s") in acme.told


def test_questions_that_no_broker_asks_are_refused() -> None:
    with Harness(Acme) as plugin:
        with pytest.raises(LookupError, match="acme has no pybroker_principal"):
            plugin.ask("pybroker_principal")
        with pytest.raises(LookupError, match="there is no hook pybroker_nothing"):
            plugin.ask("pybroker_nothing")
        with pytest.raises(TypeError, match="takes request: give what it shall see"):
            plugin.ask("pybroker_topic_policy")
        with pytest.raises(TypeError, match=r"takes request, principal, ctx, not topic"):
            plugin.ask("pybroker_topic_policy", topic="a")


def test_what_a_broker_refuses_at_start_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"acme\.bytes\.max"):
        Harness(Acme, {"acme.bytes.max": "0"})
    with pytest.raises(ConfigError, match="no such broker config"):
        Harness(Acme, {"acme.byte.max": "1"})
    with pytest.raises(PluginError, match="pybroker_plugin_info"):
        Harness(object(), name="nothing")
    assert "acme.bytes.max" not in config.keys("broker")
    with Harness(Acme) as plugin, pytest.raises(ConfigError):
        plugin.reconfigure({"acme.bytes.max": "none"})


def test_batches_are_judged() -> None:
    with Harness(Acme) as plugin:
        assert plugin.verdicts([batch(["small"]), batch([("key", "too large")])]) == [ACCEPT, Reject("large")]


def test_a_batch_is_what_its_records_make_it() -> None:
    one = batch(["a", ("k", None), Record(7, 5, None, b"b", (("h", b"v"),))], topic="t", partition=2, producer_id=9, time_ms=1000)
    assert (one.record_count, one.keys(), one.values()) == (3, [None, b"k", None], [b"a", None, b"b"])
    assert (one.base_timestamp_ms, one.max_timestamp_ms, one.size_bytes) == (1000, 1000, len(one.raw))
    assert [(offset, record) for offset, record in decode(bytes(one.raw))] == list(enumerate(one.records()))
    assert one.raw.readonly
    with pytest.raises(ValueError, match="at least one record"):
        batch([])


def test_records_survive_the_way_there_and_back() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    records = as_records([b"x" * 300, None, ("", "")], time_ms=77)
    data = encode(records) + encode(records)[:-1]
    assert [record for _offset, record in decode(data)] == records          # a batch that is cut short is left out


def test_retention_is_checked_as_a_broker_checks_it() -> None:
    with Harness(Acme, topic_configs={"short": {"acme.days": "1"}}) as plugin:
        found = segments(5, every_ms=86_400_000)
        assert plugin.retained("short", 0, found) == ["delete"] * 3 + ["keep"] * 2
        assert plugin.retained("long", 0, found) == ["keep"] * 5
        plugin.clock.advance(86_400 * 5)
        assert plugin.retained("long", 0, found) == ["delete"] * 2 + ["keep"] * 3
        with pytest.raises(AssertionError, match="only the oldest"):
            plugin.retained("bad", 0, found)
    assert [one.active for one in found] == [False] * 4 + [True]
