"""Plugins that hang, spin, raise and answer rubbish in a running broker: their own topics pay for it, others do not notice, and the broker starts, serves and stops."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pybroker.hooks import ConfigKey, PluginInfo, Scope, hookimpl
from pybroker.testing import Client
from tests.support.broker import Broker, BrokerError
from tests.support.fixtures import StartBroker

SPIN_S_MAX = 60.0
ROUNDS = 200


class Spins:
    """Turns in Python, without ever waiting for anything, on batches of spin-*: until the file ``enough`` is there."""

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("spins", "1", scope=Scope(("spin-*",)), deadline_ms=50)

    @hookimpl
    def pybroker_batch_interceptor(self, batches: Any, ctx: Any) -> None:
        place = Path(ctx.data_dir)
        (place / "begun").touch()
        with (place / "fifo").open("wb", buffering=0) as fifo:
            fifo.write(b"x")
        until_s = time.monotonic() + SPIN_S_MAX
        while not (place / "enough").exists() and time.monotonic() < until_s:
            for _ in range(1_000_000):
                pass
        (place / "ended").touch()


@pytest.fixture
def spinning(tmp_path: Path, start_broker: StartBroker) -> Iterator[tuple[Broker, Path]]:
    """A broker in which a plugin spins, and the plugin's folder."""
    place = tmp_path / "data" / "plugins" / "spins"
    place.mkdir(parents=True)
    os.mkfifo(place / "fifo")
    broker = start_broker(plugins={"spins": Spins})
    reader = os.open(place / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with broker.client() as client:
            client.create_topic("spin-1")
            client.create_topic("free")
            # Answered at the deadline, by the core: the plugin does not come back.
            assert client.produce("spin-1", ["round and round"]).error == "REQUEST_TIMED_OUT"
        readable, _, _ = select.select([reader], [], [], 20)
        assert readable and not (place / "ended").exists()
        yield broker, place
    finally:
        os.close(reader)
        (place / "enough").touch()


def round_trips(client: Client, count: int) -> list[float]:
    """Seconds of each produce and fetch on a topic that the plugin has no say on."""
    found = []
    for _ in range(count):
        began_s = time.monotonic()
        answer = client.produce("free", ["value"])
        assert answer.error == ""
        assert client.read("free", offset=answer.offset)[0].offset == answer.offset
        found.append(time.monotonic() - began_s)
    return sorted(found)


def test_produce_and_fetch_go_on_while_a_plugin_spins(spinning: tuple[Broker, Path]) -> None:
    broker, place = spinning
    with broker.client() as client:
        took_s = round_trips(client, ROUNDS)
    assert not (place / "ended").exists()
    # Whoever waited for the interpreter would wait a switch interval (5 ms) each time, and there are three requests in a round.
    assert took_s[ROUNDS // 2] < 0.005, f"median {took_s[ROUNDS // 2] * 1000:.2f} ms, worst {took_s[-1] * 1000:.2f} ms"


def test_administration_goes_on_while_a_plugin_spins(spinning: tuple[Broker, Path]) -> None:
    broker, place = spinning
    with broker.client() as client:
        client.create_topic("made-meanwhile")
        assert client.produce("made-meanwhile", ["value"]).error == ""
    assert not (place / "ended").exists()


def test_requests_that_went_on_without_the_plugin_are_told(spinning: tuple[Broker, Path]) -> None:
    broker, _place = spinning
    words = [str(Path(sys.executable).with_name("pybroker")), "plugins", "list", "--data-dir", str(broker.data_dir)]
    listed = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert "spins: 1 requests were answered without it" in listed.stdout, listed.stderr


def test_a_broker_stops_cleanly_while_a_plugin_spins(spinning: tuple[Broker, Path]) -> None:
    broker, place = spinning
    broker.stop()                                           # exit code 0, within its time
    assert not (place / "ended").exists()
    with Broker(broker.data_dir, {"pybroker.plugins": ""}) as again, again.client() as client:
        assert client.read("free") == [] and client.read("spin-1") == []


# ---- batches


class Judges:
    """Does what the name of the topic says."""

    kept: Any = None

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("judges", "1", scope=Scope(("t-*",)), deadline_ms=5000)

    @hookimpl
    def pybroker_batch_interceptor(self, batches: Any) -> Any:
        wish = batches[0].topic.removeprefix("t-")
        if wish == "raises":
            raise ValueError("bad\nday")
        if wish == "exits":
            raise SystemExit(3)
        if wish == "recursion":
            return self.pybroker_batch_interceptor(batches)
        if wish == "keeps":
            before, self.kept = self.kept, batches[0]
            if before is not None:
                assert before.values() == [b"kept"] and bytes(before.raw)
            return None
        return {"text": "accept", "few": [], "many": [None] * 1000, "objects": [object()] * len(batches)}[wish]


@pytest.mark.parametrize("wish", ["raises", "exits", "recursion", "text", "few", "many", "objects"])
def test_a_batch_that_was_not_judged_is_refused_and_the_next_plugin_call_is_made(start_broker: StartBroker, wish: str) -> None:
    broker = start_broker(plugins={"judges": Judges})
    with broker.client() as client:
        for topic in (f"t-{wish}", "t-keeps"):
            client.create_topic(topic)
        answer = client.produce(f"t-{wish}", ["value"])
        assert (answer.error, answer.text) == ("POLICY_VIOLATION", "plugin judges failed")
        assert client.read(f"t-{wish}") == []
        assert client.produce("t-keeps", ["kept"]).error == ""
    assert 'plugin=judges hook=pybroker_batch_interceptor' in broker.log_text()


def test_a_batch_that_is_kept_stays_readable(start_broker: StartBroker) -> None:
    broker = start_broker(plugins={"judges": Judges})
    with broker.client() as client:
        client.create_topic("t-keeps")
        for _ in range(20):
            assert client.produce("t-keeps", ["kept"]).error == ""


# ---- from start to stop


class Lives:
    """Fails at the step of its life that its key names."""

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("lives", "1", control_deadline_ms=300)

    @hookimpl
    def pybroker_config_keys(self) -> list[ConfigKey]:
        return [ConfigKey("lives.fails", "string", "", "The step that fails.")]

    @hookimpl
    def pybroker_configure(self, config: Any) -> None:
        if config["lives.fails"] == "configure":
            raise ValueError("this cannot be")

    @hookimpl
    def pybroker_startup(self, ctx: Any) -> None:
        self.fail(ctx, "startup")

    @hookimpl
    def pybroker_ready(self, ctx: Any) -> None:
        self.fail(ctx, "ready")

    @hookimpl
    def pybroker_shutdown(self, ctx: Any) -> None:
        self.fail(ctx, "shutdown")

    def fail(self, ctx: Any, step: str) -> None:
        wish = ctx.config("lives.fails")
        if wish == step:
            raise RuntimeError(f"no {step}")
        if wish == f"{step}-hangs":
            select.select([], [], [], 60)


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("configure", "plugin lives refuses its config: .*this cannot be"),
        ("startup", "pybroker_startup of plugin lives: RuntimeError: no startup"),
        ("startup-hangs", r"pybroker_startup of plugin lives took longer than 0\.3 s"),
    ],
)
def test_a_plugin_that_fails_before_clients_are_served_stops_the_start(start_broker: StartBroker, step: str, says: str) -> None:
    with pytest.raises(BrokerError, match=says):
        start_broker({"lives.fails": step}, plugins={"lives": Lives})


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("ready", 'hook=pybroker_ready error="RuntimeError: no ready"'),
        ("shutdown", 'hook=pybroker_shutdown error="RuntimeError: no shutdown"'),
        ("shutdown-hangs", "plugin=lives hook=pybroker_shutdown deadline_s=0.3"),
    ],
)
def test_a_plugin_that_fails_later_is_logged_and_the_broker_stops_cleanly(start_broker: StartBroker, step: str, says: str) -> None:
    broker = start_broker({"lives.fails": step}, plugins={"lives": Lives})
    with broker.client() as client:
        client.create_topic("t")
    broker.stop()
    assert says in broker.log_text()
