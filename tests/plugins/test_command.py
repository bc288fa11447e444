"""``pybroker status`` and ``pybroker plugins`` beside a running broker."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pybroker.hooks import PluginInfo, PolicyViolation, RecordRules, Reject, Scope, hookimpl
from tests.support.broker import Broker


class Judge:
    """Looks at batches of orders-*, rejects those with a bad value, and objects to topics named bad."""

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("judge", "2.5", scope=Scope(("orders-*",)), summary="Judges.")

    @hookimpl
    def pybroker_batch_interceptor(self, batches: Any) -> Any:
        return [Reject("bad value") if b"bad" in one.values() else None for one in batches]


class Rules:
    """Wants a key in every record of topics that begin with keyed."""

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("rules", "1", scope=Scope(("keyed-*", "orders-*")))

    @hookimpl
    def pybroker_record_rules(self, topic: str) -> Any:
        return RecordRules(key_required=topic.startswith("keyed"))

    @hookimpl
    def pybroker_topic_policy(self, request: Any) -> Any:
        return PolicyViolation("no") if request.name == "no" else None


IDLE = "from pybroker.hooks import PluginInfo, hookimpl\n@hookimpl\ndef pybroker_plugin_info():\n    return PluginInfo('idle', '1')\n"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    plugins: dict[str, Any] = {"judge": Judge, "rules": Rules, "idle": IDLE}
    with Broker(tmp_path_factory.mktemp("command") / "data", {"pybroker.plugins": "judge,rules"}, plugins=plugins) as made:
        with made.client() as client:
            for topic in ("orders-1", "keyed-1", "plain"):
                client.create_topic(topic)
            assert client.produce("orders-1", [("k", "good")]).error == ""
            assert client.produce("orders-1", [("k", "bad")]).error == "INVALID_RECORD"
            assert client.produce("keyed-1", ["no key"]).error == "INVALID_RECORD"
            assert client.produce("plain", ["anything"]).error == ""
        yield made


def run(*words: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("pybroker")), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=cwd, env={**os.environ, **environment})


def told(broker: Broker, *words: str) -> Any:
    done = run(*words, "--json", "--data-dir", str(broker.data_dir))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_status_says_who_the_broker_is(broker: Broker) -> None:
    answer = told(broker, "status")
    assert (answer["pid"], answer["topics"], answer["partitions"], answer["offline_partitions"]) == (broker.pid, 3, 3, 0)
    assert answer["listeners"] == [f"PLAINTEXT://{broker.bootstrap}"]
    assert answer["plugins"] == ["judge", "rules"]
    table = run("status", "--data-dir", str(broker.data_dir)).stdout
    assert str(broker.pid) in table and str(broker.data_dir) in table


def test_the_broker_is_found_by_config_file_environment_or_default_place(broker: Broker, tmp_path: Path) -> None:
    config = tmp_path / "server.properties"
    config.write_text(f"log.dirs={broker.data_dir},/elsewhere\n")
    assert run("status", "--config", str(config)).returncode == 0
    assert run("status", PYBROKER_CONFIG_LOG_DIRS=str(broker.data_dir)).returncode == 0
    (tmp_path / "pybroker-data").symlink_to(broker.data_dir)
    assert run("status", cwd=tmp_path).returncode == 0


def test_what_cannot_be_asked_is_one_line_and_a_code(broker: Broker, tmp_path: Path) -> None:
    nobody = run("status", "--data-dir", str(tmp_path))
    assert (nobody.returncode, nobody.stdout) == (1, "") and "no broker runs on" in nobody.stderr
    assert run("status", "--data-dir", str(tmp_path / "gone")).returncode == 1
    assert run("status", "--data-dir", str(tmp_path), "--config", __file__).returncode == 2
    unknown = run("plugins", "explain", "nothing", "--data-dir", str(broker.data_dir))
    assert unknown.returncode == 1 and "there is no topic 'nothing'" in unknown.stderr


def test_plugins_are_listed_with_what_their_hooks_did(broker: Broker) -> None:
    rows = {row["name"]: row for row in told(broker, "plugins", "list")["plugins"]}
    assert rows["idle"]["enabled"] is False
    assert (rows["judge"]["version"], rows["judge"]["scope"], rows["judge"]["on_error"]) == ("2.5", ["orders-*"], "closed")
    hooks = {hook["hook"]: hook for hook in rows["judge"]["hooks"]}
    assert set(hooks) == {"pybroker_batch_interceptor"}
    intercepted = hooks["pybroker_batch_interceptor"]
    assert (intercepted["level"], intercepted["calls"], intercepted["errors"], intercepted["off"]) == ("L3", 2, 0, False)
    assert 0 < intercepted["seconds"] < 10 and 0 < intercepted["share"] < 1
    assert {hook["hook"]: hook["level"] for hook in rows["rules"]["hooks"]}["pybroker_record_rules"] == "L2"


def test_the_table_of_plugins_is_for_people(broker: Broker) -> None:
    lines = run("plugins", "list", "--data-dir", str(broker.data_dir)).stdout.splitlines()
    assert lines[0].split() == ["plugin", "version", "hook", "level", "scope", "on", "error", "calls", "errors", "time-outs", "time", "share", "state"]
    assert any("judge" in line and "batch_interceptor" in line and "L3" in line for line in lines)
    assert any("topic_policy" in line and "orders-*" not in line for line in lines)       # asked whatever the topic's name is
    assert any("idle" in line and "not enabled" in line for line in lines)


def test_a_topic_is_explained_step_by_step(broker: Broker) -> None:
    answer = told(broker, "plugins", "explain", "orders-1")
    assert [(step["plugin"], step["level"], step["batches"], step["refused"]) for step in answer["steps"]] == [("rules", "L2", 2, 0), ("judge", "L3", 2, 1)]
    assert (answer["pipelining_lost_to"], answer["zero_copy_lost_to"], answer["refusal"]) == (["judge"], [], "")
    text = run("plugins", "explain", "orders-1", "--data-dir", str(broker.data_dir)).stdout
    assert "zero-copy of fetches: kept" in text and "within a connection: lost to judge" in text


def test_a_topic_with_rules_only_keeps_its_pipelining(broker: Broker) -> None:
    answer = told(broker, "plugins", "explain", "keyed-1")
    assert [(step["plugin"], step["level"], step["refused"]) for step in answer["steps"]] == [("rules", "L2", 1)]
    assert answer["pipelining_lost_to"] == []


def test_a_topic_without_plugins_says_so(broker: Broker) -> None:
    assert told(broker, "plugins", "explain", "plain")["steps"] == []
    assert "no plugin has a say on batches of plain" in run("plugins", "explain", "plain", "--data-dir", str(broker.data_dir)).stdout
