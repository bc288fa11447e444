"""Disks that misbehave under a running broker: nearly full, full, failing."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.apis.test_k35_describe_log_dirs import describe
from tests.model.machine import small_disk
from tests.model.shim import DiskFault
from tests.support import kafka
from tests.support.batches import Record, batch
from tests.support.broker import Broker
from tests.support.kafka import Client

STORAGE_ERROR, LEADER_NOT_AVAILABLE = 56, 5
ERROR_S_MAX, RESUME_S_MAX, NOTICE_S_MAX = 1.0, 5.0, 5.0
MIB = 1 << 20


def produce(client: Client, topic: str, partition: int = 0, size: int = 100) -> int:
    """The answer's error; it comes in time."""
    begin_s = time.monotonic()
    code = int(client.produce(topic, batch([Record(bytes(size))]), partition=partition).error_code)
    assert time.monotonic() - begin_s < ERROR_S_MAX
    return code


def await_true(client: Client, fact: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        client.metadata([])
        assert time.monotonic() < deadline, f"not within {seconds} s"


@contextmanager
def filled(place: Path, leave_bytes: int) -> Iterator[None]:
    status = os.statvfs(place)
    path = place / "ballast"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(fd, 0, status.f_bavail * status.f_frsize - leave_bytes)
    finally:
        os.close(fd)
    yield
    path.unlink()


@pytest.mark.root
def test_writes_stop_before_the_disk_is_full_and_go_on_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(32) as place:
        broker = Broker(place / "data", {"pybroker.disk.min.free.bytes": str(8 * MIB), "pybroker.flush.policy": "group"})
        broker.log_path = tmp_path / "broker.log"
        with broker:
            client = Client(broker)
            topic = client.create_topic()
            assert produce(client, topic) == kafka.NONE
            with filled(place, 6 * MIB):
                await_true(client, lambda: produce(client, topic) == STORAGE_ERROR, NOTICE_S_MAX)
                assert len(client.records(topic)) == client.end_offset(topic) > 0
                assert os.statvfs(place).f_bavail * os.statvfs(place).f_frsize > 5 * MIB
                other = client.create_topic()                               # what the broker keeps of itself has room
                assert produce(client, other) == STORAGE_ERROR
            await_true(client, lambda: produce(client, topic) == kafka.NONE, RESUME_S_MAX)
            assert produce(client, other) == kafka.NONE
            client.close()


@pytest.mark.root
def test_metadata_survive_a_disk_without_any_room(tmp_path: Path) -> None:
    with small_disk(32) as place:
        broker = Broker(place / "data", {"pybroker.disk.min.free.bytes": "0"})
        broker.log_path = tmp_path / "broker.log"
        with broker:
            client = Client(broker)
            before = client.create_topic()
            with filled(place, 0):
                codes = {client.try_create_topic(name=f"full-{number}").error_code for number in range(50)}
                assert STORAGE_ERROR in codes and codes <= {STORAGE_ERROR, kafka.NONE}
                assert client.metadata([before]).topics[0].error_code == kafka.NONE
            after = client.create_topic()
            assert produce(client, after) == produce(client, before) == kafka.NONE
            known = {topic.name for topic in client.metadata(None).topics}
            client.close()
            broker.kill()
            broker.start()
            client = Client(broker)
            assert {topic.name for topic in client.metadata(None).topics} == known
            client.close()


def two_dirs(tmp_path: Path, fault: DiskFault) -> tuple[Broker, Client, str, dict[str, list[int]]]:
    """A broker on directories a and b, a topic with partitions in both, and which lie where. The fault waits for writes to partitions in a."""
    directory = tmp_path / "a"
    first = Broker(directory, {"log.dirs": f"{directory},{tmp_path / 'b'}"})
    first.log_path = tmp_path / "broker.log"
    with first:
        client = Client(first)
        topic = client.create_topic(4)
        for index in range(4):
            assert produce(client, topic, index) == kafka.NONE
        where = {Path(result.log_dir).name: sorted(p.partition_index for t in result.topics for p in t.partitions) for result in describe(client, {topic: [0, 1, 2, 3]}).results}
        client.close()
    assert sorted(map(len, where.values())) == [2, 2]
    sick = directory / f"{topic}-{where['a'][0]}"
    broker = Broker(directory, {**first.overrides, "pybroker.flush.policy": "group"}, environment=fault.environment(sick, tmp_path / "trace"))
    broker.log_path = first.log_path
    broker.start()
    return broker, Client(broker), topic, where


@pytest.mark.parametrize("fault", [DiskFault("sync", 1, errno.EIO, False), DiskFault("write", 1, errno.EIO, False)], ids=str)
def test_a_disk_that_fails_takes_its_directory_off_line_and_no_other(tmp_path: Path, fault: DiskFault) -> None:
    broker, client, topic, where = two_dirs(tmp_path, fault)
    try:
        assert produce(client, topic, where["a"][0]) == STORAGE_ERROR
        # Once is enough, although the fault was one partition's and would not come again.
        for index in where["a"]:
            assert produce(client, topic, index) == STORAGE_ERROR
            assert client.fetch(topic, 0, partition=index).error_code == STORAGE_ERROR
        for index in where["b"]:
            assert produce(client, topic, index) == kafka.NONE
            assert len(client.records(topic, partition=index)) == 2
        await_true(client, lambda: describe(client, None).results[0].error_code == STORAGE_ERROR, NOTICE_S_MAX)
        sick, well = describe(client, {topic: [0, 1, 2, 3]}).results
        assert (sick.log_dir, sick.topics) == (str(tmp_path / "a"), [])
        assert (well.error_code, sorted(p.partition_index for p in well.topics[0].partitions)) == (kafka.NONE, where["b"])
        for part in client.metadata([topic]).topics[0].partitions:
            if part.partition_index in where["a"]:
                assert (part.error_code, part.leader_id, part.offline_replicas) == (LEADER_NOT_AVAILABLE, -1, [1])
            else:
                assert (part.error_code, part.leader_id, part.offline_replicas) == (kafka.NONE, 1, [])
        assert broker.log_text().count("log-dir-offline") == 1
        client.close()
        broker.stop()
        assert not (tmp_path / "a" / ".kafka_cleanshutdown").exists()
        assert (tmp_path / "b" / ".kafka_cleanshutdown").exists()
    finally:
        broker.discard()
    broker.environment.pop("LD_PRELOAD")
    with broker:
        client = Client(broker)
        for index in range(4):
            assert produce(client, topic, index) == kafka.NONE
        client.close()


def test_all_directories_off_line_is_said(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    broker = Broker(directory, {"pybroker.flush.policy": "group"}, environment=DiskFault("write", 1, errno.EIO, True).environment(directory / "t-0", tmp_path / "trace"))
    try:
        with broker:
            client = Client(broker)
            client.create_topic(name="t")
            assert produce(client, "t") == STORAGE_ERROR
            await_true(client, lambda: "all-log-dirs-offline" in broker.log_text(), NOTICE_S_MAX)
            assert client.metadata(["t"]).topics[0].error_code == kafka.NONE
            client.close()
    finally:
        broker.discard()
