"""``pybroker.testing``: brokers, clients and fixtures as authors of plugins use them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pybroker.hooks import PluginInfo, PolicyViolation, Record, Reject, hookimpl
from pybroker.protocol.errors import KafkaError
from pybroker.testing import Broker, BrokerError, Client
from pybroker.testing.client import Stored
from tests.support.broker import ours_only

pytestmark = ours_only("it starts brokers of its own")


class Refuses:
    """Refuses values that say no."""

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("refuses", "1")

    @hookimpl
    def pybroker_batch_interceptor(self, batches: Any) -> Any:
        return [Reject("says no", code=44) if b"no" in one.values() else None for one in batches]

    @hookimpl
    def pybroker_topic_policy(self, request: Any) -> Any:
        return PolicyViolation("no") if request.name == "no" else None


def test_a_broker_needs_nothing_but_a_with() -> None:
    with Broker() as broker:
        place = broker.data_dir
        with broker.client() as client:
            client.create_topic("t", partitions=2, configs={"retention.ms": "1000"})
            assert client.produce("t", ["a", ("key", None), Record(0, 5, b"k", b"b", (("h", b"v"),))], partition=1).offset == 0
            assert client.read("t", 1) == [
                Stored(0, None, b"a", (), 1_700_000_000_000), Stored(1, b"key", None, (), 1_700_000_000_000), Stored(2, b"k", b"b", (("h", b"v"),), 5)
            ]  # fmt: skip
            assert [record.offset for record in client.read("t", 1, offset=2)] == [2]
            client.alter_topic("t", {"retention.ms": None})
    assert not place.exists()


def test_a_killed_broker_starts_again_on_its_files(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "data", {"pybroker.flush.policy": "group"}).start()
    try:
        with broker.client() as client:
            client.create_topic("t")
            client.produce("t", ["value"])
        broker.kill()
        broker.start()
        with broker.client() as client:
            assert [record.value for record in client.read("t")] == [b"value"]
        broker.stop()
    finally:
        broker.discard()


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=r"ended with 2 before it was ready\n(.*\n)*.*num\.partitions"), Broker(tmp_path / "data", {"num.partitions": "none"}):
        pass
    with pytest.raises(BrokerError, match="is not there"), Broker(tmp_path / "data", program=tmp_path / "nothing"):
        pass


def test_a_failure_brings_the_broker_s_log(tmp_path: Path) -> None:
    with pytest.raises(KeyError) as failure, Broker(tmp_path / "data"):
        raise KeyError("mine")
    assert "the broker was alive" in failure.value.__notes__[0] and "event=" not in str(failure.value)


def test_a_client_tells_errors_from_answers(pybroker_broker: Broker) -> None:
    with pybroker_broker.client() as client:
        with pytest.raises(KafkaError, match=r"illegal|invalid|not legal|name"):
            client.create_topic("no good")
        with pytest.raises(KafkaError):
            client.read("there-is-no-such-topic")
        answer = client.produce("..", ["x"])
        assert answer.error and answer.offset == -1
    with pytest.raises((ConnectionError, KafkaError)):
        pybroker_broker.client(login=("nobody", "asks"))    # the listener has no logins


def test_the_session_s_broker_is_one(pybroker_broker: Broker, request: pytest.FixtureRequest) -> None:
    assert pybroker_broker.is_alive and request.getfixturevalue("pybroker_broker") is pybroker_broker


def test_brokers_of_a_test_s_own_take_plugins(pybroker_start: Callable[..., Broker]) -> None:
    first, second = pybroker_start(plugins={"refuses": Refuses}), pybroker_start()
    for broker, error in ((first, "POLICY_VIOLATION"), (second, "")):
        with Client(broker.address) as client:
            client.create_topic("t")
            assert client.produce("t", ["no"]).error == error
    assert first.port != second.port


def test_the_fixtures_cost_other_projects_no_imports() -> None:
    code = "import sys, pytest; before = set(sys.modules); import pybroker.testing.fixtures; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["pybroker", "pybroker.testing", "pybroker.testing.fixtures"]
