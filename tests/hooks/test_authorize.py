"""Authorizers on a running broker: what they answer and what becomes of it, how it is taken back, and what nobody can find out."""

import json
from pathlib import Path
from typing import Any

import pytest

from pybroker.protocol.messages import k01_fetch as k01
from pybroker.protocol.messages import k03_metadata as k03
from pybroker.protocol.messages import k12_heartbeat as k12
from pybroker.protocol.messages import k60_describe_cluster as k60
from tests.hooks.conftest import StartWith
from tests.support.batches import Record, batch
from tests.support.broker import Broker, ours_only
from tests.support.groups import UNKNOWN_MEMBER_ID, wait_until
from tests.support.kafka import Client
from tests.support.logins import SASL_CONFIG, USERS, client_of

pytestmark = ours_only("plugins")

FORBIDDEN, GROUP_FORBIDDEN, UNKNOWN, UNKNOWN_ID = 29, 30, 3, 100
ONE = batch([Record(b"x")])

RULES = USERS + """
import json, os

@hookimpl
def pybroker_authorize(principal, actions, ctx):
    with open(os.path.join(os.path.dirname(os.path.dirname(ctx.data_dir)), "rules.json")) as file:
        rules = json.load(file)
    if any(action.resource_name == "take-back" for action in actions):
        ctx.invalidate(rules.get("whom"))
    mine = rules.get(principal.name, [])
    said = []
    for action in actions:
        allowed = any(action.operation in rule[0] and rule[1] == action.resource_type and rule[2] in ("*", action.resource_name) for rule in mine)
        said.append(Decision(allowed, rules.get("ttl_s", 600.0)))
    with open(os.path.join(os.path.dirname(os.path.dirname(ctx.data_dir)), "asked"), "a") as file:
        file.writelines("|".join((principal.name, *action)) + "\\n" for action in actions)
    return said
"""
ALL = [[["Read", "Write", "Create", "Delete", "Alter", "Describe", "DescribeConfigs", "AlterConfigs"], "Topic", "*"], [["Read", "Describe", "Delete"], "Group", "*"],
       [["Create", "Describe", "IdempotentWrite"], "Cluster", "*"]]  # fmt: skip


class Rules:
    """The file that the authorizer goes by."""

    def __init__(self, broker: Broker) -> None:
        self.folder = broker.data_dir
        self.now: dict[str, Any] = {"admin": ALL}

    def put(self, **more: Any) -> None:
        self.now |= more
        other = self.folder / "rules.new"
        other.write_text(json.dumps(self.now))
        other.rename(self.folder / "rules.json")

    def asked(self) -> list[str]:
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def broker(start_with: StartWith) -> Broker:
    return start_with({"rules": RULES}, SASL_CONFIG)


@pytest.fixture
def rules(broker: Broker) -> Rules:
    made = Rules(broker)
    made.put()
    return made


def made_topic(broker: Broker, name: str = "t") -> bytes:
    admin = client_of(broker, "admin")
    admin.create_topic(name=name)
    topic_id = admin.ids[name]
    admin.close()
    return topic_id


def take_back(broker: Broker) -> None:
    """The authorizer invalidates, on the control thread by the time the second answer is there."""
    admin = client_of(broker, "admin")
    for _ in range(2):
        admin.metadata(["take-back"])
    admin.close()


def fetched(client: Client, topic: str = "t", *, max_wait_ms: int = 0, min_bytes: int = 0) -> Any:
    part = k01.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
    request = k01.FetchRequest(max_wait_ms=max_wait_ms, min_bytes=min_bytes, topics=[k01.FetchTopic(topic=topic, partitions=[part])])
    return client.call(request, 11).responses[0].partitions[0]


def test_a_right_is_asked_once_and_then_known(broker: Broker, rules: Rules) -> None:
    made_topic(broker)
    rules.put(alice=[[["Write", "Read"], "Topic", "t"]])
    alice = client_of(broker, "alice")
    for _ in range(5):
        assert alice.produce("t", ONE).error_code == 0
        assert fetched(alice).error_code == 0
    second = client_of(broker, "alice")
    assert second.produce("t", ONE).error_code == 0
    assert sorted(line for line in rules.asked() if line.startswith("alice")) == ["alice|Read|Topic|t", "alice|Write|Topic|t"]
    alice.close()
    second.close()


def test_a_refusal_tells_each_topic_its_own(broker: Broker, rules: Rules) -> None:
    made_topic(broker, "mine")
    made_topic(broker, "theirs")
    rules.put(alice=[[["Write"], "Topic", "mine"]])
    alice = client_of(broker, "alice")
    for _ in range(2):
        answer = alice.call(alice.produce_request([("theirs", 0, ONE), ("mine", 0, ONE), ("nowhere", 0, ONE)]), 9)
        assert [topic.partition_responses[0].error_code for topic in answer.responses] == [FORBIDDEN, 0, FORBIDDEN]
    alice.close()


def test_a_producer_that_expects_no_answer_is_closed(broker: Broker, rules: Rules) -> None:
    made_topic(broker)
    alice = client_of(broker, "alice")
    alice.connection.send(alice.produce_request([("t", 0, ONE)], acks=0), 9)
    alice.connection.assert_closed()


def test_what_is_kept_for_no_time_is_asked_each_time(broker: Broker, rules: Rules) -> None:
    made_topic(broker)
    rules.put(alice=[[["Write"], "Topic", "t"]], ttl_s=0)
    alice = client_of(broker, "alice")
    for _ in range(3):
        assert alice.produce("t", ONE).error_code == 0
    assert rules.asked().count("alice|Write|Topic|t") == 3
    alice.close()


@pytest.mark.parametrize("whom", [None, "User:alice"])
def test_a_right_that_is_taken_back_ends_producers_fetch_sessions_and_members(broker: Broker, rules: Rules, whom: str | None) -> None:
    made_topic(broker)
    rules.put(alice=[[["Write", "Read", "Describe"], "Topic", "t"], [["Read"], "Group", "g"]], whom=whom)
    alice = client_of(broker, "alice")
    assert alice.produce("t", ONE).error_code == 0
    part = k01.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
    begun = alice.call(k01.FetchRequest(session_id=0, session_epoch=0, topics=[k01.FetchTopic(topic="t", partitions=[part])]), 11)
    assert begun.session_id > 0 and begun.responses[0].partitions[0].error_code == 0
    heartbeat = k12.HeartbeatRequest(group_id="g", member_id="nobody")
    assert alice.call(heartbeat, 4).error_code == UNKNOWN_MEMBER_ID
    rules.put(alice=[])
    take_back(broker)
    assert alice.produce("t", ONE).error_code == FORBIDDEN
    later = alice.call(k01.FetchRequest(session_id=begun.session_id, session_epoch=1, topics=[]), 11)
    assert later.responses[0].partitions[0].error_code == FORBIDDEN
    assert alice.call(heartbeat, 4).error_code == GROUP_FORBIDDEN
    alice.close()


def test_a_fetch_that_waits_gets_nothing_that_it_may_no_longer_read(broker: Broker, rules: Rules) -> None:
    made_topic(broker)
    rules.put(alice=[[["Read"], "Topic", "t"]])
    alice = client_of(broker, "alice")
    part = k01.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
    request = k01.FetchRequest(max_wait_ms=30_000, min_bytes=1, topics=[k01.FetchTopic(topic="t", partitions=[part])])
    number = alice.connection.send(request, 11)
    wait_until(lambda: "alice|Read|Topic|t" in rules.asked() or None, "the fetch has asked")
    rules.put(alice=[])
    take_back(broker)
    admin = client_of(broker, "admin")
    assert admin.produce("t", ONE).error_code == 0
    row = alice.connection.receive(request, 11, number).responses[0].partitions[0]
    assert (row.error_code, bytes(row.records or b"")) == (FORBIDDEN, b"")
    alice.close()
    admin.close()


def test_topics_that_are_not_described_look_like_topics_that_are_not_there(broker: Broker, rules: Rules) -> None:
    hidden = made_topic(broker, "hidden")
    made_topic(broker, "shown")
    rules.put(alice=[[["Describe"], "Topic", "shown"]])
    alice = client_of(broker, "alice")
    rows = {row.name: row for row in alice.metadata(["hidden", "nowhere", "shown"]).topics}
    assert rows["shown"].error_code == 0
    for name in ("hidden", "nowhere"):
        assert (rows[name].error_code, rows[name].topic_id, rows[name].partitions) == (FORBIDDEN, bytes(16), [])
    ids = [k03.MetadataRequestTopic(name=None, topic_id=topic_id) for topic_id in (hidden, b"\1" * 16)]
    assert [(row.error_code, row.name) for row in alice.call(k03.MetadataRequest(topics=ids), 12).topics] == [(UNKNOWN_ID, None), (UNKNOWN_ID, None)]
    for version in (0, 12):
        every = alice.call(k03.MetadataRequest(topics=[] if version == 0 else None), version)
        assert [row.name for row in every.topics] == ["shown"]
    rules.put(alice=[])
    take_back(broker)
    for version in (0, 12):
        assert alice.call(k03.MetadataRequest(topics=[] if version == 0 else None), version).topics == []
    alice.close()


def test_topics_are_made_automatically_for_those_who_may_make_them(broker: Broker, rules: Rules) -> None:
    rules.put(alice=[[["Describe"], "Topic", "*"], [["Create"], "Topic", "hers"]])
    alice = client_of(broker, "alice")
    assert {row.name: row.error_code for row in alice.metadata(["hers", "other"], create=True).topics} == {"hers": 0, "other": FORBIDDEN}
    assert [row.error_code for row in alice.metadata(["other"]).topics] == [UNKNOWN]
    alice.close()


def test_what_one_may_do_is_told_where_it_is_asked_for(broker: Broker, rules: Rules) -> None:
    made_topic(broker)
    rules.put(alice=[[["Describe", "Read"], "Topic", "t"]], bob=[[["Describe"], "Cluster", "*"]])
    alice, bob = client_of(broker, "alice"), client_of(broker, "bob")
    request = k03.MetadataRequest(topics=[k03.MetadataRequestTopic(name="t")], include_topic_authorized_operations=True)
    assert alice.call(request, 12).topics[0].topic_authorized_operations == 1 << 8 | 1 << 3
    cluster = k60.DescribeClusterRequest(include_cluster_authorized_operations=True)
    assert alice.call(cluster, 1).cluster_authorized_operations == 0
    assert bob.call(cluster, 1).cluster_authorized_operations == 1 << 8
    alice.close()
    bob.close()


BROKEN = {
    "raises": "raise RuntimeError('broken')",
    "hangs": "import threading; threading.Event().wait()",
    "true": "return True",
    "short": "return []",
    "long": "return [ALLOW] * (len(actions) + 1)",
    "truth": "return [True for _ in actions]",
    "odd": "return [Decision('yes') for _ in actions]",
    "exits": "raise SystemExit(3)",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_an_authorizer_that_breaks_refuses(start_with: StartWith, body: str) -> None:
    source = USERS + f"\n@hookimpl\ndef pybroker_authorize(actions):\n    {body}\n"
    broker = start_with({"broken": source}, SASL_CONFIG, facts="control_deadline_ms=300")
    alice = client_of(broker, "alice")
    assert alice.produce("t", ONE).error_code == FORBIDDEN
    assert [row.error_code for row in alice.metadata(["t"]).topics] == [FORBIDDEN]
    alice.close()


ALLOWS = "@hookimpl\ndef pybroker_authorize(actions):\n    return [ALLOW] * len(actions)\n"
SILENT = "@hookimpl\ndef pybroker_authorize(actions):\n    return None if actions[0].resource_name == 'x' else [None] * len(actions)\n"
DENIES = "@hookimpl\ndef pybroker_authorize(actions):\n    return [DENY if action.operation == 'Write' else None for action in actions]\n"


@pytest.mark.parametrize(
    ("plugins", "default", "write", "describe"),
    [({"silent": SILENT}, "deny", FORBIDDEN, FORBIDDEN), ({"silent": SILENT}, "allow", 0, 0), ({"allows": ALLOWS, "denies": DENIES}, "deny", FORBIDDEN, 0),
     ({"denies": DENIES, "allows": ALLOWS}, "allow", FORBIDDEN, 0), ({"allows": ALLOWS, "silent": SILENT}, "deny", 0, 0)],
)  # fmt: skip
def test_a_refusal_of_any_wins_and_the_default_holds_where_all_are_silent(start_with: StartWith, plugins: dict[str, str], default: str, write: int, describe: int) -> None:
    broker = start_with(plugins, {"pybroker.authorize.default": default, "super.users": "User:root;User:ANONYMOUS2"})
    client = Client(broker)
    assert [row.error_code for row in client.metadata(["t"], create=describe == 0).topics] == [describe]
    assert client.produce("t", ONE).error_code == write
    client.close()


def test_an_authorizer_that_cannot_start_stops_the_start(tmp_path: Path, start_with: StartWith) -> None:
    with pytest.raises(AssertionError, match="no rules"):
        start_with({"a": ALLOWS + "\n@hookimpl\ndef pybroker_startup():\n    raise RuntimeError('no rules')\n"})


def test_batches_that_may_not_be_written_are_shown_to_no_lane(start_with: StartWith) -> None:
    """One request, a topic that may be written and one that may not, both with a lane, and who wrote is told to it."""
    source = USERS + """
@hookimpl
def pybroker_authorize(principal, actions):
    return [Decision(principal.name == "admin" or action.resource_name == "mine") for action in actions]

@hookimpl
def pybroker_batch_interceptor(batches):
    return [Reject(f"{batch.principal} {batch.topic}") for batch in batches]
"""
    broker = start_with({"both": source}, SASL_CONFIG)
    made_topic(broker, "mine")
    made_topic(broker, "theirs")
    alice = client_of(broker, "alice")
    answer = alice.call(alice.produce_request([("theirs", 0, ONE), ("mine", 0, ONE), ("theirs", 0, ONE)]), 9)
    rows = [topic.partition_responses[0] for topic in answer.responses]
    assert [(row.error_code, row.error_message) for row in rows] == [(FORBIDDEN, None), (87, "User:alice mine"), (FORBIDDEN, None)]
    alice.close()
