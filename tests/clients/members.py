"""Members of groups: clients of every kind, each a process that reads what its group gives it, so that one can leave, be killed and be frozen.

A member says, a JSON line each:
    {"assigned": [partition…]}                      it has these from now on, beside what it had
    {"revoked": [partition…]}                       it has these no more
    {"read": partition, "records": [[offset, value]…]}   read, and not committed before it was said
    {"refused": text}                               a commit or a poll failed: the client goes on
The end of its stdin makes it leave its group and end with exit code 0.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.clients.programs import BUILD, HERE, franz_go_built, java_built, kafkajs_built, need

STEP_S_MAX: Final = 60.0
"""The longest that a group may take to settle after one thing has happened to it: the longest of all sessions and back-offs, twice over."""
END_S_MAX: Final = 30.0

Command = Callable[[], list[str]]


class Kind(NamedTuple):
    """A client with a way to share work. ``command`` comes before: bootstrap, topic, group, strategy."""

    client: str
    strategy: str
    command: Command


def _python(client: str) -> Command:
    return lambda: [sys.executable, str(HERE / "python" / "member.py"), client]


def _kafkajs() -> list[str]:
    need("node", "npm")
    kafkajs_built()
    return ["node", str(HERE / "kafkajs" / "member.js")]


def _java() -> list[str]:
    need("java", "javac", "mvn")
    return [*java_built()[:-1], "Member"]


def _franz_go() -> list[str]:
    need("go")
    franz_go_built()
    return [str(BUILD / "franz_member")]


KINDS: Final = {
    f"{kind.client} {kind.strategy}": kind
    for kind in (
        Kind("confluent-kafka", "range", _python("confluent-kafka")),
        Kind("confluent-kafka", "roundrobin", _python("confluent-kafka")),
        Kind("confluent-kafka", "cooperative-sticky", _python("confluent-kafka")),
        Kind("confluent-kafka", "consumer", _python("confluent-kafka")),
        Kind("kafka-python", "range", _python("kafka-python")),
        Kind("aiokafka", "roundrobin", _python("aiokafka")),
        Kind("kafkajs", "roundrobin", _kafkajs),
        Kind("java", "RangeAssignor", _java),
        Kind("java", "CooperativeStickyAssignor", _java),
        Kind("java", "consumer", _java),
        Kind("franz-go", "cooperative-sticky", _franz_go),
    )
}


class Member:
    """One process and what it said. Its events are read by a thread; ``news`` is told of each."""

    def __init__(self, name: str, command: Sequence[str], log_path: Path, news: threading.Condition) -> None:
        self.name, self.log_path, self.news = name, log_path, news
        self.owned: set[int] = set()
        self.events: list[dict[str, Any]] = []
        self.lives = True
        with log_path.open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith(b"\n"):                                        # what was being written when it was killed is not an event
                event = json.loads(line)
                with self.news:
                    self.events.append(event)
                    self.owned |= set(event.get("assigned", ()))
                    self.owned -= set(event.get("revoked", ()))
                    self.news.notify_all()
        with self.news:
            self.lives = False
            self.news.notify_all()

    def freeze(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(END_S_MAX)

    def leave(self) -> None:
        """It must end well."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            code = self.process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {END_S_MAX} s\n{self.tail()}") from None
        self._reader.join(END_S_MAX)
        assert code == 0, f"{self.name}: exit code {code}\n{self.tail()}"

    def tail(self) -> str:
        return f"{self.name} owned {sorted(self.owned)}; last said: {self.events[-5:]}\n{self.log_path.read_text(errors='replace')[-2048:]}"

    def discard(self) -> None:
        if self.process.poll() is None:
            self.thaw()
            self.kill()


class Reading(NamedTuple):
    """What all members of a group read."""

    values: dict[int, dict[int, str]]
    """partition → offset → value"""
    faults: list[str]


def readings(members: Sequence[Member]) -> Reading:
    """Everything that was read, with each break of order: after it got a partition, or read from it, a member reads the next offset and no other."""
    values: dict[int, dict[int, str]] = defaultdict(dict)
    faults: list[str] = []
    for member in members:
        following: dict[int, int | None] = {}
        for event in member.events:
            for partition in (*event.get("assigned", ()), *event.get("revoked", ())):
                following[partition] = None
            if "read" not in event:
                continue
            partition = event["read"]
            for offset, value in event["records"]:
                wanted = following.get(partition)
                if wanted is not None and offset != wanted:
                    faults.append(f"{member.name} read {offset} of partition {partition} where {wanted} was due")
                if values[partition].setdefault(offset, value) != value:
                    faults.append(f"{member.name} read another value at {offset} of partition {partition}")
                following[partition] = offset + 1
    return Reading(values, faults)


def history(members: Sequence[Member], topic: str, group: str, acknowledged: Mapping[int, Mapping[int, str]]) -> Iterator[dict[str, Any]]:
    """The same as events of a history, for a judge that is not ours: one producer's sends, each member's assignments and polls."""
    for number, (partition, offset, value) in enumerate((partition, offset, value) for partition, values in acknowledged.items() for offset, value in sorted(values.items())):
        yield {"ev": "send", "id": number, "client": "writer", "topic": topic, "part": partition, "val": value}
        yield {"ev": "ack", "id": number, "off": offset, "part": partition}
    for member in members:
        owned: set[int] = set()
        for event in member.events:
            if "read" in event:
                yield {"ev": "poll", "client": member.name, "group": group, "topic": topic, "part": event["read"], "recs": event["records"]}
            elif "refused" not in event:
                fresh = set(event.get("assigned", ()))
                for state in (owned - fresh - set(event.get("revoked", ())), owned | fresh):                # what is given anew has no position
                    yield {"ev": "assign", "client": member.name, "group": group, "parts": [[topic, partition] for partition in sorted(state)], "keep": True}
                owned = (owned | fresh) - set(event.get("revoked", ()))
    for partition, values in acknowledged.items():
        yield {"ev": "log", "topic": topic, "part": partition, "recs": sorted(values.items()), "start": 0, "end": max(values) + 1}


class Team:
    """The members of one group on one topic."""

    def __init__(self, kind: Kind, bootstrap: str, topic: str, group: str, partitions: int, folder: Path) -> None:
        self.kind, self.bootstrap, self.topic, self.group, self.partitions, self.folder = kind, bootstrap, topic, group, partitions, folder
        self.news = threading.Condition()
        self.everybody: list[Member] = []

    def add(self) -> Member:
        name = f"{self.kind.client}-{self.kind.strategy}-{len(self.everybody)}"
        command = [*self.kind.command(), self.bootstrap, self.topic, self.group, self.kind.strategy]
        self.everybody.append(Member(name, command, self.folder / f"{name}.log", self.news))
        return self.everybody[-1]

    def wait(self, ready: Callable[[], bool], what: str, within_s: float = STEP_S_MAX) -> float:
        """Until it is so, looked at after each event; the seconds that it took."""
        begin = time.monotonic()
        with self.news:
            while not ready():
                left = begin + within_s - time.monotonic()
                if left <= 0 or not self.news.wait(left):
                    raise AssertionError(f"not within {within_s} s: {what}\n" + "\n".join(member.tail() for member in self.everybody))
        return time.monotonic() - begin

    def wait_shared(self, *members: Member) -> float:
        """Until these members, and they alone, have all partitions, each once and evenly."""

        def shared() -> bool:
            counts = [len(member.owned) for member in members]
            return set().union(*(member.owned for member in members)) == set(range(self.partitions)) and sum(counts) == self.partitions and max(counts) - min(counts) <= 1

        return self.wait(shared, f"{self.partitions} partitions shared by {[member.name for member in members]}")

    def count(self) -> int:
        """Records read so far by all."""
        return sum(len(event["records"]) for member in self.everybody for event in member.events if "read" in event)

    def wait_reading(self, more: int = 100) -> None:
        with self.news:
            goal = self.count() + more
        self.wait(lambda: self.count() >= goal, f"{more} more records read")

    def discard(self) -> None:
        for member in self.everybody:
            member.discard()
