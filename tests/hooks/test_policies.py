"""Topic and config policies and topic defaults on a running broker: who is asked, what clients are told, and what becomes of plugins that fail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pybroker.protocol.messages import k19_create_topics as k19
from pybroker.protocol.messages import k20_delete_topics as k20
from pybroker.protocol.messages import k33_alter_configs as k33
from pybroker.protocol.messages import k37_create_partitions as k37
from tests.support.broker import Broker, ours_only
from tests.support.kafka import BROKER_RESOURCE, DELETE, SET, Client, new_name
from tests.support.plugins import FakePlugin, environment_of

pytestmark = ours_only("plugins")

NONE, POLICY_VIOLATION, INVALID_CONFIG, EXISTS = 0, 44, 40, 36

# What a topic's name begins with says what the plugin does about it. Each request it sees goes to a file, one line each.
SOURCE = """
import threading

def note(ctx, line):
    with open(ctx.data_dir + ".asked", "a") as out:
        out.write(line + "\\n")

@hookimpl
def pybroker_startup(ctx):
    import os
    os.makedirs(os.path.dirname(ctx.data_dir), exist_ok=True)

@hookimpl
def pybroker_topic_policy(request, principal, ctx):
    note(ctx, f"{request.kind} {request.name} {request.partition_count} {request.replication_factor} {sorted(request.configs.items())} {principal}")
    return misbehave(request.name)

@hookimpl
def pybroker_config_policy(request, principal, ctx):
    note(ctx, f"{request.kind} {request.name!r} {sorted(request.old.items())} {sorted(request.new.items())} {principal}")
    for value in request.new.values():
        if value == "987":
            return PolicyViolation("not this\\nvalue")
        if value == "988":
            raise RecursionError("deep")
        if value == "989":
            return "rubbish"
        if value == "990":
            request.new["retention.ms"] = "1"

@hookimpl
def pybroker_topic_defaults(name, configs, principal):
    kind = name.partition("-")[0]
    if kind == "defaults":
        return {**configs, "retention.ms": "1111", "max.message.bytes": "2222"}
    if kind == "baddefaults":
        return {"retention.ms": "many"}
    if kind == "rubbishdefaults":
        return {"retention.ms": 7}
    if kind == "raisedefaults":
        raise KeyboardInterrupt
    if kind == "changedefaults":
        configs["retention.ms"] = "1"

def misbehave(name):
    kind = name.partition("-")[0]
    if kind == "no":
        return PolicyViolation("names must not\\nbegin so")
    if kind == "raise":
        raise ValueError("broken")
    if kind == "exit":
        raise SystemExit(1)
    if kind == "stop":
        raise StopIteration
    if kind == "rubbish":
        return False
    if kind == "hang":
        threading.Event().wait(20)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Broker, Path]]:
    path = tmp_path_factory.mktemp("policies")
    fake = FakePlugin(path, "rules", SOURCE, "control_deadline_ms=200")
    broker = Broker(path / "data", {"pybroker.plugins": "rules"}, environment=environment_of(fake))
    with broker:
        yield broker, path / "data" / "plugins" / "rules.asked"


@pytest.fixture
def client(world: tuple[Broker, Path]) -> Iterator[Client]:
    made = Client(world[0])
    made.create_topic(name=new_name("calm"))       # a call that goes well: what failed before does not count in a row
    yield made
    made.close()


@pytest.fixture
def asked(world: tuple[Broker, Path]) -> Iterator["Asked"]:
    yield Asked(world[1])


class Asked:
    """What the plugin was asked since the test began."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = len(self._all())

    def _all(self) -> list[str]:
        return self._path.read_text().splitlines() if self._path.exists() else []

    def lines(self, word: str) -> list[str]:
        return [line for line in self._all()[self._seen :] if word in line]


def create(client: Client, name: str, *, validate_only: bool = False, **configs: str) -> Any:
    topic = k19.CreatableTopic(name=name, num_partitions=-1, replication_factor=-1, configs=[k19.CreatableTopicConfig(name=key.replace("_", "."), value=value) for key, value in configs.items()])
    [result] = client.call(k19.CreateTopicsRequest(topics=[topic], validate_only=validate_only), 7).topics
    return result


def test_a_policy_sees_what_would_be_made(client: Client, asked: Asked) -> None:
    assert create(client, "seen-1", retention_ms="5000").error_code == NONE
    assert asked.lines("seen-1") == ["create seen-1 1 1 [('retention.ms', '5000')] User:ANONYMOUS"], "counts as they would be, not -1"


@pytest.mark.parametrize("validate_only", [False, True])
def test_a_refusal_reaches_the_client_with_its_text(client: Client, validate_only: bool) -> None:
    name = f"no-{validate_only}"
    result = create(client, name, validate_only=validate_only)
    assert (result.error_code, result.error_message) == (POLICY_VIOLATION, "names must not begin so")
    assert client.metadata([name]).topics[0].error_code == 3


def test_one_topic_of_a_request_is_refused_and_the_others_are_made(client: Client) -> None:
    names = ["one-a", "no-b", "one-c"]
    request = k19.CreateTopicsRequest(topics=[k19.CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in names])
    assert {result.name: result.error_code for result in client.call(request, 7).topics} == {"one-a": NONE, "no-b": POLICY_VIOLATION, "one-c": NONE}


def test_what_cannot_be_made_anyway_is_not_asked_about(client: Client, asked: Asked) -> None:
    assert create(client, "bad-config", retention_ms="many").error_code == INVALID_CONFIG
    assert create(client, "twice-1").error_code == NONE
    assert create(client, "twice-1").error_code == EXISTS
    assert asked.lines("bad-config") == [] and len(asked.lines("twice-1")) == 1


@pytest.mark.parametrize("kind", ["raise", "exit", "stop", "rubbish", "hang"])
def test_a_policy_that_fails_has_not_agreed(world: tuple[Broker, Path], client: Client, kind: str) -> None:
    result = create(client, f"{kind}-1")
    assert (result.error_code, result.error_message) == (POLICY_VIOLATION, "rules cannot say whether this may be")
    assert "plugin=rules hook=pybroker_topic_policy" in world[0].log_text()
    assert create(client, f"after-{kind}").error_code == NONE


def test_deleting_and_growing_are_asked_about(client: Client, asked: Asked) -> None:
    assert create(client, "grow-1").error_code == NONE
    [grown] = client.call(k37.CreatePartitionsRequest(topics=[k37.CreatePartitionsTopic(name="grow-1", count=3, assignments=None)]), 3).results
    assert grown.error_code == NONE
    client.delete_topic("grow-1")
    assert asked.lines("grow-1")[1:] == ["add_partitions grow-1 3 1 [] User:ANONYMOUS", "delete grow-1 3 1 [] User:ANONYMOUS"]


def test_deleting_and_growing_may_be_refused(tmp_path: Path) -> None:
    source = "@hookimpl\ndef pybroker_topic_policy(request):\n    return None if request.kind == 'create' else PolicyViolation(f'no {request.kind}')\n"
    with Broker(tmp_path / "data", {"pybroker.plugins": "keep"}, environment=environment_of(FakePlugin(tmp_path, "keep", source))) as broker:
        made = Client(broker)
        topic = made.create_topic()
        [grown] = made.call(k37.CreatePartitionsRequest(topics=[k37.CreatePartitionsTopic(name=topic, count=3, assignments=None)]), 3).results
        [gone] = made.call(k20.DeleteTopicsRequest(topics=[k20.DeleteTopicState(name=topic)]), 6).responses
        assert (grown.error_code, grown.error_message) == (POLICY_VIOLATION, "no add_partitions")
        assert (gone.error_code, gone.error_message) == (POLICY_VIOLATION, "no delete")
        assert len(made.metadata([topic]).topics[0].partitions) == 1
        made.close()


def test_automatic_creation_asks_too(client: Client, asked: Asked) -> None:
    answer = client.metadata(["no-auto", "auto-1", "defaults-auto"], create=True)
    assert {topic.name: topic.error_code for topic in answer.topics} == {"no-auto": POLICY_VIOLATION, "auto-1": NONE, "defaults-auto": NONE}
    assert asked.lines("auto-1") == ["create auto-1 1 1 [] User:ANONYMOUS"]
    assert client.configs("defaults-auto", ["retention.ms"])["retention.ms"].value == "1111"


def test_defaults_become_the_topics_own_and_what_the_client_gave_wins(client: Client) -> None:
    result = create(client, "defaults-1", retention_ms="5000")
    assert result.error_code == NONE
    told = {config.name: (config.value, config.config_source) for config in result.configs}
    assert (told["retention.ms"], told["max.message.bytes"]) == (("5000", 1), ("2222", 1))
    held = client.configs("defaults-1", ["retention.ms", "max.message.bytes"])
    assert (held["retention.ms"].value, held["max.message.bytes"].value) == ("5000", "2222")


def test_defaults_are_checked_like_the_clients(client: Client) -> None:
    result = create(client, "baddefaults-1")
    assert result.error_code == INVALID_CONFIG and "retention.ms" in result.error_message


@pytest.mark.parametrize("kind", ["rubbishdefaults", "raisedefaults", "changedefaults"])
def test_defaults_that_fail_add_nothing(client: Client, kind: str) -> None:
    assert create(client, f"{kind}-1", max_message_bytes="3333").error_code == NONE
    held = client.configs(f"{kind}-1", ["retention.ms", "max.message.bytes"])
    assert (held["retention.ms"].config_source, held["max.message.bytes"].value) == (5, "3333")


def test_a_config_policy_sees_before_and_after(client: Client, asked: Asked) -> None:
    assert create(client, "conf-1", retention_ms="5000").error_code == NONE
    assert client.alter("conf-1", [("retention.ms", SET, "6000"), ("max.message.bytes", SET, "9999")]).error_code == NONE
    assert client.alter("", [("log.retention.ms", SET, "100000")], resource_type=BROKER_RESOURCE).error_code == NONE
    assert client.alter("conf-g", [("consumer.session.timeout.ms", SET, "50000")], resource_type=32).error_code == NONE
    assert asked.lines("topic 'conf-1'") == [
        "topic 'conf-1' [('retention.ms', '5000')] [('max.message.bytes', '9999'), ('retention.ms', '6000')] User:ANONYMOUS"
    ]
    assert asked.lines("broker ''")[0].startswith("broker '' [") and "('log.retention.ms', '100000')" in asked.lines("broker ''")[0]
    assert asked.lines("group 'conf-g'") == ["group 'conf-g' [] [('consumer.session.timeout.ms', '50000')] User:ANONYMOUS"]
    client.alter("", [("log.retention.ms", DELETE, None)], resource_type=BROKER_RESOURCE)


@pytest.mark.parametrize("validate_only", [False, True])
@pytest.mark.parametrize(
    ("value", "words"), [("987", "not this value"), ("988", "rules cannot say"), ("989", "rules cannot say"), ("990", "rules cannot say")], ids=["refuses", "raises", "rubbish", "mutates"]
)
def test_a_config_policy_may_refuse(client: Client, value: str, words: str, validate_only: bool) -> None:
    name = f"conf-{value}-{validate_only}"
    assert create(client, name, retention_ms="5000").error_code == NONE
    answer = client.alter(name, [("retention.ms", SET, value)], validate_only=validate_only)
    assert answer.error_code == POLICY_VIOLATION and answer.error_message.startswith(words)
    assert client.configs(name, ["retention.ms"])["retention.ms"].value == "5000"
    assert client.alter(name, [("retention.ms", SET, "6000")], validate_only=True).error_code == NONE


def test_the_older_request_is_asked_about_too(client: Client) -> None:
    assert create(client, "conf-old", max_message_bytes="3000").error_code == NONE
    resource = k33.AlterConfigsResource(resource_type=2, resource_name="conf-old", configs=[k33.AlterableConfig(name="retention.ms", value="987")])
    [answer] = client.call(k33.AlterConfigsRequest(resources=[resource]), 2).responses
    assert (answer.error_code, answer.error_message) == (POLICY_VIOLATION, "not this value")
    assert client.configs("conf-old", ["max.message.bytes"])["max.message.bytes"].value == "3000"


def test_a_policy_that_hangs_holds_nobody_else_up(tmp_path: Path) -> None:
    source = """
    import threading
    @hookimpl
    def pybroker_topic_policy(request):
        if request.name == "hang":
            threading.Event().wait(60)
    """
    with Broker(tmp_path / "data", {"pybroker.plugins": "slow"}, environment=environment_of(FakePlugin(tmp_path, "slow", source, "control_deadline_ms=1500"))) as broker:
        waiting, other = Client(broker), Client(broker)
        request = k19.CreateTopicsRequest(topics=[k19.CreatableTopic(name="hang", num_partitions=1, replication_factor=1)])
        number = waiting.connection.send(request, 7)
        assert create(other, "meanwhile").error_code == NONE
        assert other.metadata(["meanwhile"], create=True).topics[0].error_code == NONE
        assert waiting.connection.receive(request, 7, number).topics[0].error_code == POLICY_VIOLATION
        waiting.close()
        other.close()


def test_any_plugin_that_refuses_wins(tmp_path: Path) -> None:
    says = "@hookimpl\ndef pybroker_topic_policy(request):\n    return {}\n"
    fakes = [FakePlugin(tmp_path, "yes", says.format("None")), FakePlugin(tmp_path, "no", says.format("PolicyViolation('never')")), FakePlugin(tmp_path, "also", says.format("None"))]
    with Broker(tmp_path / "data", {"pybroker.plugins": "yes,no,also"}, environment=environment_of(*fakes)) as broker:
        client = Client(broker)
        result = create(client, "t")
        assert (result.error_code, result.error_message) == (POLICY_VIOLATION, "never")
        client.close()


def test_one_that_is_installed_and_not_enabled_is_never_imported(tmp_path: Path) -> None:
    fake = FakePlugin(tmp_path, "idle", "raise SystemExit('imported')")
    with Broker(tmp_path / "data", environment=environment_of(fake)) as broker:
        client = Client(broker)
        assert create(client, "no-plugins").error_code == NONE
        client.close()


def test_a_policy_that_asks_its_own_broker_for_more_ends(tmp_path: Path) -> None:
    """Each topic it judges it wants to make another: the chain ends where the plugin's threads do, and the broker serves."""
    source = """
    import os, re
    from pybroker.testing.client import Client

    @hookimpl
    def pybroker_topic_policy(request, ctx):
        if request.name.startswith("again"):
            with open(os.path.join(os.path.dirname(os.path.dirname(ctx.data_dir)), "address")) as file:
                host, port = file.read().split()
            with Client((host, int(port))) as client:
                client.create_topic(request.name + "x")
    """
    with Broker(tmp_path / "data", {"pybroker.plugins": "loop"}, environment=environment_of(FakePlugin(tmp_path, "loop", source, "control_deadline_ms=500"))) as broker:
        (tmp_path / "data" / "address").write_text(f"{broker.host} {broker.port}")
        client = Client(broker)
        assert create(client, "again").error_code == POLICY_VIOLATION
        assert create(client, "calm").error_code == NONE
        made = client.metadata(None).topics
        assert [topic.name for topic in made if topic.name.startswith("again")] == []
        client.close()
