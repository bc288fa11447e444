"""A disk that is full and a process without descriptors: everything else keeps serving, and when there is room again all goes on without a restart."""

import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from pybroker.broker.config_keys import BROKER
from pybroker.protocol.messages.k18_api_versions import ApiVersionsRequest
from tests.model.history import Recorder
from tests.model.judge import judge
from tests.model.machine import SMALL_LOGS, SMALL_TOPIC, small_disk
from tests.model.raw import RawProducer, read_all, read_partition
from tests.support.broker import Broker
from tests.support.fixtures import StartBroker
from tests.support.kafka import NONE, Client
from tests.support.wire import encode, framed

pytestmark = [pytest.mark.real, pytest.mark.slow]

TOPIC: Final = "model"
PARTITIONS: Final = 3
STORAGE_ERROR: Final = 56
ERROR_S_MAX: Final = 1.0
RESUME_S_MAX: Final = 5.0
RECOVERY_S_MAX: Final = 1.0
SPIN_MAX: Final = 0.05
"""Share of a processor that a broker may take which can accept nobody."""
MIN_FREE: Final = "pybroker.disk.min.free.bytes"


# ---- a full disk


@contextmanager
def ballast(place: Path, leave_bytes: int) -> Iterator[None]:
    """A file that takes all room but a little; at the end it is gone."""
    path = place / "ballast"
    status = os.statvfs(place)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(fd, 0, status.f_bavail * status.f_frsize - leave_bytes)
    finally:
        os.close(fd)
    try:
        yield
    finally:
        path.unlink()


class Timed:
    """A producer whose answers all come in time."""

    def __init__(self, producer: RawProducer) -> None:
        self.producer = producer
        self.number = 0

    def send(self) -> int | None:
        self.number += 1
        begin = time.monotonic()
        code = self.producer.send(self.number % PARTITIONS)
        took_s = time.monotonic() - begin
        assert took_s <= ERROR_S_MAX, f"an answer ({code}) took {took_s:.2f} s"
        assert code in (NONE, STORAGE_ERROR), code
        return code

    def until(self, code: int, within_s: float) -> float:
        """Send until that answer comes. Returns the seconds it took."""
        begin = time.monotonic()
        pause = threading.Event()
        while self.send() != code:
            assert time.monotonic() - begin < within_s, f"no answer {code} within {within_s} s"
            pause.wait(0.001 if code else 0.02)
        return time.monotonic() - begin


@pytest.mark.root
def test_a_full_disk_stops_writes_alone_and_only_until_there_is_room(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    room = {MIN_FREE: str(256 << 10)} if f"{MIN_FREE}|" in BROKER else {}
    with small_disk(24) as place:
        broker = Broker(place / "data", {**SMALL_LOGS, **room, "pybroker.flush.policy": "group"})
        broker.log_path = tmp_path / "broker.log"
        recorder = Recorder()
        try:
            broker.start()
            client = Client(broker)
            client.create_topic(PARTITIONS, SMALL_TOPIC, name=TOPIC)
            sender = Timed(RawProducer("w", recorder, broker, TOPIC, "full"))
            resumed_s = []
            for _ in range(5):
                for _ in range(30):
                    assert sender.send() == NONE
                with ballast(place, 128 << 10):
                    sender.until(STORAGE_ERROR, 20)
                    for part in range(PARTITIONS):
                        read_partition(client, TOPIC, part)
                    assert client.metadata([TOPIC]).topics[0].error_code == NONE
                    for _ in range(20):
                        sender.send()                                       # small ones may fit; each has its answer in time
                resumed_s.append(sender.until(NONE, RESUME_S_MAX))
                for _ in range(PARTITIONS):
                    assert sender.send() == NONE, "a partition did not resume"
            record_property("resumed_s", resumed_s)
            broker.kill()
            broker.start()
            read_all(recorder, broker, TOPIC, PARTITIONS)
            verdict = judge(recorder.events)
            assert not verdict.anomalies, str(verdict)
            assert verdict.acked >= 150 and verdict.unknown >= 5, str(verdict)
            broker.stop()
        finally:
            broker.discard()


# ---- no descriptors


def test_without_descriptors_old_connections_are_served_and_new_ones_later(start_broker: StartBroker) -> None:
    broker = start_broker({"pybroker.flush.policy": "group"})
    soft, hard = resource.prlimit(broker.pid, resource.RLIMIT_NOFILE)
    client = Client(broker)
    topic = client.create_topic(2)
    recorder = Recorder()
    producer = RawProducer("w", recorder, broker, topic, "descriptors")
    for part in (0, 1):
        assert producer.send(part) == NONE
    for _ in range(3):
        resource.prlimit(broker.pid, resource.RLIMIT_NOFILE, (lowest_free(broker.pid), hard))
        with socket.create_connection(broker.address, 5) as waiting:        # the kernel takes it, the broker cannot
            ask(waiting)
            before = broker.cpu_s()
            waiting.settimeout(1.0)
            with pytest.raises(TimeoutError):
                waiting.recv(1)
            assert broker.cpu_s() - before <= SPIN_MAX, "the broker turns round and round"
            for part in (0, 1):
                assert producer.send(part) == NONE, "an old connection is not served"
            assert client.metadata([topic]).topics[0].error_code == NONE
            resource.prlimit(broker.pid, resource.RLIMIT_NOFILE, (soft, hard))
            waiting.settimeout(RECOVERY_S_MAX)
            assert waiting.recv(1) != b""
    read_all(recorder, broker, topic, 2)
    verdict = judge(recorder.events)
    assert not verdict.anomalies and verdict.acked == 8, str(verdict)
    producer.close()
    client.close()


def lowest_free(pid: int) -> int:
    """The descriptor that a process would get next: a limit there leaves it none."""
    used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return next(number for number in range(len(used) + 1) if number not in used)


def ask(peer: socket.socket) -> None:
    """One ApiVersions request."""
    peer.sendall(framed(encode(ApiVersionsRequest(), 0)))
