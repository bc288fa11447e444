"""The plugin: what a broker tells its clients, and what becomes of the file while it runs."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pybroker_policy_rules import FILE, plugin

from pybroker.hooks import ConfigChangeRequest, PolicyViolation, Principal, TopicRequest
from pybroker.protocol.errors import PolicyViolation as Refused  # type: ignore[attr-defined]
from pybroker.testing import Broker
from pybroker.testing.hooks import Harness

RULES = """
[[rule]]
principals = ["User:root"]
allow = true

[[rule]]
name = "[a-z]+[.][a-z]+"
partitions = {max = 4}

[[rule]]
configs = {"retention.ms" = {max = 604800000}}
message = "nothing is kept longer than a week"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "rules.toml"
    made.write_text(RULES)
    return made


def create(asked: Harness, name: str, **configs: str) -> str | None:
    answer = asked.ask("pybroker_topic_policy", request=TopicRequest("create", name, 1, 1, {key.replace("_", "."): value for key, value in configs.items()}))
    return answer.text if answer else None


def test_topics_and_configs_are_judged(file: Path) -> None:
    with Harness(plugin, {FILE: str(file)}) as asked:
        assert create(asked, "a.b") is None
        assert create(asked, "A") == "the name must match [a-z]+[.][a-z]+"
        assert create(asked, "a.b", retention_ms="604800001") == "nothing is kept longer than a week (retention.ms must be at most 604800000)"
        change = ConfigChangeRequest("topic", "a.b", {}, {"retention.ms": "-1"})
        assert isinstance(asked.ask("pybroker_config_policy", request=change), PolicyViolation)
        assert asked.ask("pybroker_config_policy", request=change, principal=Principal("root")) is None
        assert asked.ask("pybroker_config_policy", request=change._replace(kind="broker")) is None
        assert asked.metric("refusals", action="create") == 2 and asked.metric("refusals", action="config") == 1


def test_what_a_topic_falls_back_to_counts(file: Path) -> None:
    with Harness(plugin, {FILE: str(file), "log.retention.hours": "200"}, topic_configs={"a.b": {"retention.ms": "5"}}) as asked:
        assert create(asked, "c.d") is not None, "200 hours are more than a week"
        taken_away = ConfigChangeRequest("topic", "a.b", {"retention.ms": "5"}, {})
        assert asked.ask("pybroker_config_policy", request=taken_away) is not None


def test_the_file_is_read_again_and_a_broken_one_leaves_the_rules(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Harness(plugin, {FILE: str(file)}) as asked:
        [task] = asked.ask("pybroker_background_tasks")
        file.write_text("[[rule]]\ndeny = 'closed'\n")
        task.call(asked.context)
        assert create(asked, "a.b") == "closed"
        file.write_text("[[rule]")
        for _ in range(3):
            task.call(asked.context)
        assert create(asked, "a.b") == "closed"
        assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["rules cannot be read, the old ones stay"]
        file.write_text('[[rule]]\nconfigs = {"no.such.config" = {max = 1}}\n')
        task.call(asked.context)
        assert create(asked, "a.b") == "closed" and "no.such.config" in caplog.records[-1].__dict__["error"]
        file.unlink()
        task.call(asked.context)
        assert create(asked, "a.b") == "closed"
        other = file.with_suffix(".new")
        other.write_text(RULES)
        os.replace(other, file)
        task.call(asked.context)
        assert create(asked, "a.b") is None
        assert (asked.metric("reloads"), asked.metric("reload_errors")) == (2, 3)


@pytest.mark.parametrize(("text", "words"), [(None, "No such file"), ("[[rule]", "no TOML"), ('[[rule]]\nconfigs = {"x.y" = {max = 1}}', "x.y")])
def test_rules_that_cannot_be_read_stop_the_start(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "rules.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=words), Harness(plugin, {FILE: str(path)}):
        pass


def test_without_a_file_the_broker_does_not_start() -> None:
    with pytest.raises(ValueError, match="is not set"), Harness(plugin):
        pass


def test_a_broker_tells_the_client(pybroker_start: Callable[..., Broker], file: Path) -> None:
    broker = pybroker_start({FILE: str(file)}, plugins=["policy-rules"])
    with broker.client() as client:
        client.create_topic("orders.eu", partitions=4)
        with pytest.raises(Refused, match="must match"):
            client.create_topic("Orders")
        with pytest.raises(Refused, match="partitions must be at most 4"):
            client.create_topic("orders.us", partitions=5)
