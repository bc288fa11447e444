"""Kafka's own kafka-consumer-groups: list, describe, reset by every method, delete, delete offsets."""

import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from tests.clients.programs import BUILD, HERE, built, need, need_version
from tests.support import kafka
from tests.support.batches import Record, batch
from tests.support.broker import AnyBroker
from tests.support.consumer_groups import ConsumerGroups
from tests.support.groups import Groups, Member, assignment, served, subscription
from tests.support.kafka import new_name

pytestmark = [pytest.mark.clients, served(8, 9, 10, 11, 12, 13, 14, 15, 16, 42, 47)]
TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
TOOL_S_MAX = 60.0
MINUTE_MS = 60_000
RECORDS = 10


@cache
def command() -> list[str]:
    """The tool's command; fetched at first use. Skips where Java or Maven is missing."""
    need("java", "mvn")
    need_version("java", "--version", least=(17, 0))
    jars = BUILD / "kafka_tools"
    if not list(jars.glob("kafka-tools-*.jar")):
        built("mvn", "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={jars}", cwd=HERE / "java" / "tools")
    return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", TOOL]


class Tool:
    """The tool on one broker."""

    def __init__(self, broker: AnyBroker) -> None:
        self.bootstrap = broker.bootstrap

    def text(self, *words: str) -> str:
        done = subprocess.run([*command(), "--bootstrap-server", self.bootstrap, "--timeout", "20000", *words], capture_output=True, text=True, timeout=TOOL_S_MAX)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def table(self, *words: str) -> list[dict[str, str]]:
        """The rows by the names in the table's head; columns have no blanks in them but for the coordinator's."""
        text = self.text(*words)
        assert "Error" not in text, text
        lines = [line.replace("COORDINATOR (ID)", "COORDINATOR").split() for line in text.splitlines() if line.strip() and not line.startswith("Consumer group '")]
        head, *rows = lines
        if "COORDINATOR" in head:
            rows = [[row[0], row[1] + row[2], *row[3:]] for row in rows]
        return [dict(zip(head, row, strict=False)) for row in rows]

    def reset(self, group: str, *words: str) -> dict[tuple[str, int], int]:
        """(topic, partition) → the new offset, as the tool says."""
        rows = self.table("--reset-offsets", "--group", group, *words, "--execute")
        return {(row["TOPIC"], int(row["PARTITION"])): int(row["NEW-OFFSET"]) for row in rows}


@pytest.fixture
def tool(group_broker: AnyBroker) -> Iterator[Tool]:
    command()
    yield Tool(group_broker)


@pytest.fixture
def minutes(groups: Groups) -> str:
    """A topic of two partitions with ten records each, one for each of the last ten minutes: record n is 10 - n minutes old."""
    topic = groups.topic(2)
    now = time.time_ns() // 1_000_000
    for partition in range(2):
        for number in range(RECORDS):
            groups.client.produced(topic, batch([Record(b"%d" % number, time_ms=now - (RECORDS - number) * MINUTE_MS)]), partition=partition)
    return topic


def places(groups: Groups, group: str) -> dict[int, int]:
    """partition → committed offset; the tests have one topic."""
    return {place[1]: row[0] for place, row in groups.committed(group, None).items()}


def test_list(consumer_groups: ConsumerGroups, tool: Tool) -> None:
    topic = consumer_groups.topic()
    [classic], [member], offsets = consumer_groups.stable(), consumer_groups.consumers(1, [topic]), new_name("g")
    consumer_groups.commit(offsets, [(topic, 0, 1)])
    assert {classic.group, member.group, offsets} <= set(tool.text("--list").split())
    states = {row["GROUP"]: row.get("STATE") for row in tool.table("--list", "--state")}
    assert (states[classic.group], states[member.group], states[offsets]) == ("Stable", "Stable", "Empty")
    stable = {row["GROUP"] for row in tool.table("--list", "--state", "stable")}
    assert {classic.group, member.group} <= stable and offsets not in stable
    types = {row["GROUP"]: row.get("TYPE") for row in tool.table("--list", "--type")}
    assert (types[classic.group], types[member.group], types[offsets]) == ("Classic", "Consumer", "Classic")
    assert member.group not in {row["GROUP"] for row in tool.table("--list", "--type", "classic")}


def test_describe_offsets_with_lag(groups: Groups, tool: Tool, minutes: str) -> None:
    name = new_name("g")
    groups.commit(name, [(minutes, 0, 4), (minutes, 1, 10)])
    found = {row["PARTITION"]: (row["TOPIC"], row["CURRENT-OFFSET"], row["LOG-END-OFFSET"], row["LAG"], row["CONSUMER-ID"]) for row in tool.table("--describe", "--group", name)}
    assert found == {"0": (minutes, "4", "10", "6", "-"), "1": (minutes, "10", "10", "0", "-")}


def consumer_of(groups: Groups, topic: str) -> Member:
    """A lone classic consumer of both partitions, with a place in the first."""
    member = groups.member(protocols=[("range", subscription(topic))])
    member.join()
    groups.sync([member], {member.member_id: assignment({topic: [0, 1]})})
    assert member.commit(topic, 3) == kafka.NONE
    return member


def test_describe_classic_members(groups: Groups, tool: Tool, minutes: str) -> None:
    member = consumer_of(groups, minutes)
    found = {row["PARTITION"]: (row["CURRENT-OFFSET"], row["LAG"], row["CONSUMER-ID"], row["HOST"], row["CLIENT-ID"]) for row in tool.table("--describe", "--group", member.group)}
    assert found == {"0": ("3", "7", member.member_id, "/127.0.0.1", "raw"), "1": ("-", "-", member.member_id, "/127.0.0.1", "raw")}
    [row] = tool.table("--describe", "--group", member.group, "--members", "--verbose")
    assert (row["CONSUMER-ID"], row["#PARTITIONS"], row["CURRENT-ASSIGNMENT"]) == (member.member_id, "2", f"{minutes}:0,1")
    [row] = tool.table("--describe", "--group", member.group, "--state")
    assert (row["ASSIGNMENT-STRATEGY"], row["STATE"], row["#MEMBERS"]) == ("range", "Stable", "1")
    assert row["COORDINATOR"].startswith(groups.broker.bootstrap)


def test_describe_members_of_the_consumer_protocol(consumer_groups: ConsumerGroups, tool: Tool) -> None:
    topic = consumer_groups.topic(2)
    [member] = consumer_groups.consumers(1, [topic])
    [row] = tool.table("--describe", "--group", member.group, "--members", "--verbose")
    assert (row["CONSUMER-ID"], row["CURRENT-EPOCH"], row["CURRENT-ASSIGNMENT"], row["TARGET-ASSIGNMENT"]) == (member.member_id, str(member.epoch), f"{topic}:0,1", f"{topic}:0,1")
    [row] = tool.table("--describe", "--group", member.group, "--state")
    assert (row["ASSIGNMENT-STRATEGY"], row["STATE"], row["#MEMBERS"]) == ("uniform", "Stable", "1")


def test_describe_a_group_that_there_is_not(tool: Tool, groups: Groups) -> None:
    assert "not found" in tool.text("--describe", "--group", new_name("no-group"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--to-earliest"], {0: 0, 1: 0}),
        (["--to-latest"], {0: 10, 1: 10}),
        (["--to-offset", "7"], {0: 7, 1: 7}),
        (["--to-offset", "700"], {0: 10, 1: 10}),
        (["--shift-by", "2"], {0: 6, 1: 7}),
        (["--shift-by", "-5"], {0: 0, 1: 0}),
        (["--to-current"], {0: 4, 1: 5}),
        (["--by-duration", "PT4M30S"], {0: 6, 1: 6}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_reset_offsets(groups: Groups, tool: Tool, minutes: str, words: list[str], expected: dict[int, int]) -> None:
    name = new_name("g")
    groups.commit(name, [(minutes, 0, 4), (minutes, 1, 5)])
    assert tool.reset(name, "--topic", minutes, *words) == {(minutes, partition): offset for partition, offset in expected.items()}
    assert places(groups, name) == expected


def test_reset_to_a_date(groups: Groups, tool: Tool, minutes: str) -> None:
    name = new_name("g")
    at = datetime.fromtimestamp(time.time() - 4.5 * 60, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    groups.commit(name, [(minutes, 0, 1), (minutes, 1, 1)])
    assert tool.reset(name, "--all-topics", "--to-datetime", at) == {(minutes, 0): 6, (minutes, 1): 6}
    assert places(groups, name) == {0: 6, 1: 6}


def test_reset_one_partition_only(groups: Groups, tool: Tool, minutes: str) -> None:
    name = new_name("g")
    groups.commit(name, [(minutes, 0, 4), (minutes, 1, 5)])
    assert tool.reset(name, "--topic", f"{minutes}:1", "--to-earliest") == {(minutes, 1): 0}
    assert places(groups, name) == {0: 4, 1: 0}


def test_reset_makes_a_group(groups: Groups, tool: Tool, minutes: str) -> None:
    name = new_name("g")
    assert tool.reset(name, "--topic", minutes, "--to-latest") == {(minutes, 0): 10, (minutes, 1): 10}
    assert places(groups, name) == {0: 10, 1: 10}


def test_export_and_from_file(groups: Groups, tool: Tool, minutes: str, tmp_path: Path) -> None:
    name, other = new_name("g"), new_name("g")
    groups.commit(name, [(minutes, 0, 4), (minutes, 1, 5)])
    plan = tool.text("--reset-offsets", "--group", name, "--topic", minutes, "--to-current", "--export", "--dry-run")
    rows = [line for line in plan.splitlines() if line.strip()]
    assert sorted(rows) == [f"{minutes},0,4", f"{minutes},1,5"]
    file = tmp_path / "plan.csv"
    file.write_text("\n".join(rows) + "\n")
    assert tool.reset(other, "--from-file", str(file)) == {(minutes, 0): 4, (minutes, 1): 5}
    assert places(groups, other) == {0: 4, 1: 5}


def test_group_with_members_is_not_reset(groups: Groups, tool: Tool, minutes: str) -> None:
    member = consumer_of(groups, minutes)
    assert "is inactive, but the current state is Stable" in tool.text("--reset-offsets", "--group", member.group, "--topic", minutes, "--to-earliest", "--execute")
    assert places(groups, member.group) == {0: 3}


def test_delete(groups: Groups, tool: Tool, minutes: str) -> None:
    name = new_name("g")
    groups.commit(name, [(minutes, 0, 4)])
    [member] = groups.stable()
    text = tool.text("--delete", "--group", name, "--group", member.group)
    assert f"deleted successfully: '{name}'" in text and f"'{member.group}' could not be deleted" in text and "GroupNotEmpty" in text
    assert name not in groups.listed() and member.heartbeat() == kafka.NONE


def test_delete_offsets(groups: Groups, tool: Tool, minutes: str) -> None:
    name = new_name("g")
    groups.commit(name, [(minutes, 0, 4), (minutes, 1, 5)])
    [row] = tool.table("--delete-offsets", "--group", name, "--topic", f"{minutes}:0")[-1:]
    assert "Successful" in row.values()
    assert places(groups, name) == {1: 5}
