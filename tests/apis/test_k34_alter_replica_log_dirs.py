"""AlterReplicaLogDirs (API key 34): a partition goes to another log directory; who uses it does not notice."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pybroker.protocol.messages import k34_alter_replica_log_dirs as k34
from tests.apis.test_k35_describe_log_dirs import describe
from tests.support import kafka
from tests.support.batches import Record, batch
from tests.support.broker import Broker
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client, new_name
from tests.support.wire import versions

LOG_DIR_NOT_FOUND = 57


def alter(client: Client, wishes: Mapping[str, Mapping[str, list[int]]], *, version: int = 2) -> dict[tuple[str, int], int]:
    """Errors by (topic, partition). Wishes: path -> topic -> partitions."""
    dirs = [
        k34.AlterReplicaLogDir(path=path, topics=[k34.AlterReplicaLogDirTopic(name=name, partitions=list(parts)) for name, parts in topics.items()])
        for path, topics in wishes.items()
    ]
    answer: Any = client.call(k34.AlterReplicaLogDirsRequest(dirs=dirs), version)
    return {(topic.topic_name, part.partition_index): part.error_code for topic in answer.results for part in topic.partitions}


def place_of(client: Client, topic: str, partition: int = 0) -> str:
    """The directory that has the partition."""
    found = [r.log_dir for r in describe(client, {topic: [partition]}).results for t in r.topics for p in t.partitions if not p.is_future_key]
    assert len(found) == 1, found
    return str(found[0])


def await_true(client: Client, fact: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        client.metadata([])
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"


class TwoDirs:
    """A broker with log directories a and b, and where a partition is and is not."""

    def __init__(self, start: StartBroker, overrides: Mapping[str, str] | None = None) -> None:
        self.start = start
        self.overrides = dict(overrides or {})
        self.broker: Broker
        self.client: Client

    def begin(self, tmp_path: Path) -> "TwoDirs":
        self.a, self.b = str(tmp_path / "data"), str(tmp_path / "more")
        self.broker = self.start({**self.overrides, "log.dirs": f"{self.a},{self.b}"})
        self.client = Client(self.broker)
        return self

    def again(self, *, kill: bool) -> None:
        self.client.close()
        if kill:
            self.broker.kill()
        else:
            self.broker.stop()
        self.broker.start()
        self.client = Client(self.broker)

    def other(self, path: str) -> str:
        return self.b if path == self.a else self.a

    def names(self, path: str, topic: str) -> list[str]:
        return sorted(entry.name for entry in Path(path).iterdir() if entry.name.startswith(f"{topic}-"))

    def move(self, topic: str, partition: int = 0) -> str:
        """Move it to the other directory, and wait until it is there. Returns the directory."""
        to = self.other(place_of(self.client, topic, partition))
        assert alter(self.client, {to: {topic: [partition]}}) == {(topic, partition): kafka.NONE}
        await_true(self.client, lambda: place_of(self.client, topic, partition) == to, "it has moved")
        return to


@pytest.fixture
def two(start_broker: StartBroker, tmp_path: Path) -> TwoDirs:
    return TwoDirs(start_broker).begin(tmp_path)


def test_records_offsets_and_producers_go_along(two: TwoDirs) -> None:
    client = two.client
    topic = client.create_topic()
    producer_id = client.new_producer_id()
    values = client.fill(topic, 50, 20)
    last = batch([Record(b"last")], producer_id=producer_id, producer_epoch=0, base_sequence=0)
    base_offset = client.produced(topic, last)
    old = place_of(client, topic)
    new = two.move(topic)
    assert [record.value for record in client.records(topic)] == [*values, b"last"]
    assert client.produced(topic, last) == base_offset, "the duplicate is known"
    assert client.produced(topic, batch([Record(b"next")], producer_id=producer_id, producer_epoch=0, base_sequence=1)) == base_offset + 1
    await_true(client, lambda: two.names(old, topic) == [], "the old directory has gone")
    assert two.names(new, topic) == [f"{topic}-0"]
    for kill in (True, False):
        two.again(kill=kill)
        assert place_of(two.client, topic) == new
        assert [record.value for record in two.client.records(topic)] == [*values, b"last", b"next"]


def test_writers_and_readers_do_not_notice(two: TwoDirs) -> None:
    topic = two.client.create_topic()
    two.client.fill(topic, 200, 1, value_bytes=20_000)
    stop, errors, written = threading.Event(), [], []

    def write() -> None:
        writer = Client(two.broker)
        while not stop.is_set():
            answer = writer.produce(topic, batch([Record(f"w{len(written)}".encode())]))
            if answer.error_code != kafka.NONE:
                errors.append(answer)
            written.append(int(answer.base_offset))
        writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(4):
            two.move(topic)
    finally:
        stop.set()
        thread.join()
    assert not errors
    assert written == list(range(200, 200 + len(written)))
    assert [record.offset for record in two.client.records(topic)] == list(range(200 + len(written)))


def test_the_future_copy_is_told_of_and_can_be_called_off(start_broker: StartBroker, tmp_path: Path) -> None:
    two = TwoDirs(start_broker, {"pybroker.log.dir.move.max.bytes.per.second": "100000"}).begin(tmp_path)
    client = two.client
    topic = client.create_topic()
    client.fill(topic, 40, 1, value_bytes=100_000)
    here = place_of(client, topic)
    there = two.other(here)
    assert alter(client, {there: {topic: [0]}}) == {(topic, 0): kafka.NONE}

    def future() -> list[tuple[str, int, int]]:
        return [(r.log_dir, p.partition_size, p.offset_lag) for r in describe(client, {topic: [0]}).results for t in r.topics for p in t.partitions if p.is_future_key]

    await_true(client, lambda: any(size > 0 for _path, size, _lag in future()), "something is there")
    [(path, size, lag)] = future()
    assert path == there and 0 < size < 4_000_000 and 0 < lag < 40
    [name] = two.names(there, topic)
    assert name.startswith(f"{topic}-0.") and name.endswith("-future")
    client.fill(topic, 1)
    assert place_of(client, topic) == here
    assert alter(client, {here: {topic: [0]}}) == {(topic, 0): kafka.NONE}
    await_true(client, lambda: future() == [] and two.names(there, topic) == [], "it was called off")
    assert client.end_offset(topic) == 41


def test_an_unfinished_move_begins_anew_after_a_kill(start_broker: StartBroker, tmp_path: Path) -> None:
    two = TwoDirs(start_broker, {"pybroker.log.dir.move.max.bytes.per.second": "100000"}).begin(tmp_path)
    topic = two.client.create_topic()
    values = two.client.fill(topic, 40, 1, value_bytes=100_000)
    there = two.other(place_of(two.client, topic))
    alter(two.client, {there: {topic: [0]}})
    await_true(two.client, lambda: two.names(there, topic) != [], "it has begun")
    two.broker.overrides["pybroker.log.dir.move.max.bytes.per.second"] = "100000000"
    two.again(kill=True)
    await_true(two.client, lambda: place_of(two.client, topic) == there, "it has moved")
    assert [record.value for record in two.client.records(topic)] == values
    assert two.names(there, topic) == [f"{topic}-0"]


def test_an_exchange_that_was_not_noted_is_found(two: TwoDirs) -> None:
    """As a kill between the exchange and its note leaves it: the partition is whole where metadata do not say, and perhaps an older one is where they do."""
    topics = [two.client.create_topic() for _ in range(2)]
    for topic in topics:
        two.client.fill(topic, 10)
    places = [place_of(two.client, topic) for topic in topics]
    two.client.close()
    two.broker.kill()
    for topic, here in zip(topics, places, strict=True):
        Path(here, f"{topic}-0").rename(Path(two.other(here), f"{topic}-0"))
    older = Path(places[1], f"{topics[1]}-0")
    older.mkdir()
    (older / "00000000000000000000.log").write_bytes(b"")
    two.broker.start()
    two.client = Client(two.broker)
    for topic, here in zip(topics, places, strict=True):
        assert place_of(two.client, topic) == two.other(here)
        assert two.client.end_offset(topic) == 10
    await_true(two.client, lambda: two.names(places[1], topics[1]) == [], "the older one has gone")
    two.again(kill=False)
    assert [place_of(two.client, topic) for topic in topics] == [two.other(here) for here in places]


def test_a_strangers_directory_of_the_same_name_is_not_taken(two: TwoDirs) -> None:
    topic = two.client.create_topic()
    two.client.fill(topic, 10)
    here = place_of(two.client, topic)
    two.client.close()
    two.broker.stop()
    stranger = Path(two.other(here), f"{topic}-0")
    stranger.mkdir()
    (stranger / "partition.metadata").write_text("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ")
    two.broker.start()
    two.client = Client(two.broker)
    assert (place_of(two.client, topic), two.client.end_offset(topic)) == (here, 10)
    assert stranger.exists()
    assert alter(two.client, {str(stranger.parent): {topic: [0]}}) == {(topic, 0): kafka.NONE}
    await_true(two.client, lambda: "partition cannot be moved" in two.broker.log_text(), "it is told")
    assert (place_of(two.client, topic), stranger.exists()) == (here, True)


def test_a_moved_log_begins_where_it_began(two: TwoDirs) -> None:
    from tests.apis.test_k21_delete_records import assert_begins, delete_one

    topic, empty = two.client.create_topic(), two.client.create_topic()
    two.client.fill(topic, 10, 1)
    assert delete_one(two.client, topic, 4) == (kafka.NONE, 4)
    two.move(topic)
    two.move(empty)
    two.again(kill=True)
    assert_begins(two.client, topic, 4, 10)
    assert two.client.fill(empty, 1) and two.client.end_offset(empty) == 1


def test_a_topic_may_be_deleted_on_its_way(start_broker: StartBroker, tmp_path: Path) -> None:
    two = TwoDirs(start_broker, {"pybroker.log.dir.move.max.bytes.per.second": "100000"}).begin(tmp_path)
    topic = two.client.create_topic()
    two.client.fill(topic, 20, 1, value_bytes=100_000)
    there = two.other(place_of(two.client, topic))
    alter(two.client, {there: {topic: [0]}})
    await_true(two.client, lambda: two.names(there, topic) != [], "it has begun")
    two.client.delete_topic(topic)
    await_true(two.client, lambda: two.names(two.a, topic) == two.names(two.b, topic) == [], "nothing is left")


@pytest.mark.parametrize("version", versions(34))
def test_errors(two: TwoDirs, version: int) -> None:
    topic, missing = two.client.create_topic(), new_name("missing")
    here = place_of(two.client, topic)
    assert alter(two.client, {"/nowhere": {topic: [0]}, here: {topic: [7], missing: [0]}}, version=version) == {
        (topic, 0): LOG_DIR_NOT_FOUND,
        (topic, 7): kafka.UNKNOWN_TOPIC_OR_PARTITION,
        (missing, 0): kafka.UNKNOWN_TOPIC_OR_PARTITION,
    }
    assert alter(two.client, {here: {topic: [0]}}, version=version) == {(topic, 0): kafka.NONE}
    assert alter(two.client, {}, version=version) == {}
