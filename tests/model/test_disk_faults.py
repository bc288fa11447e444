"""The k-th call to the disk fails, once or for ever: what was acknowledged is there after a restart, what could not be synced is never acknowledged, other directories serve, and
the process does not die of it.

Each case starts on a copy of one data directory that a kill -9 left: two log directories, of which the first fails.
"""

import errno
import random
import re
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from pybroker.protocol.messages.k20_delete_topics import DeleteTopicsRequest, DeleteTopicState
from tests.model.history import Recorder
from tests.model.judge import judge
from tests.model.machine import SMALL_LOGS
from tests.model.raw import RawProducer, Template, fast_place, read_all
from tests.model.shim import DiskFault, Failed, failures
from tests.support.batches import Record, batch
from tests.support.broker import Broker, BrokerError
from tests.support.kafka import NONE, Client

pytestmark = [pytest.mark.real, pytest.mark.slow]

TOPIC: Final = "model"
PARTITIONS: Final = 4
STORAGE_ERROR: Final = 56
ROUNDS: Final = 12
CASES_AT_A_TIME: Final = 3
CONFIG: Final = {"segment.bytes": "4096", "index.interval.bytes": "256"}
CALLS: Final[dict[str, tuple[int, ...]]] = {
    "write": (errno.EIO, errno.ENOSPC, 0),
    "sync": (errno.EIO, errno.ENOSPC),
    "truncate": (errno.EIO,),
    "rename": (errno.EIO, errno.ENOSPC),
    "open": (errno.EIO, errno.ENOSPC, errno.EMFILE),
    "mkdir": (errno.ENOSPC, errno.EIO),
    "unlink": (errno.EIO,),
    "read": (errno.EIO,),
}
"""Calls, and what they may fail with."""


def overrides(place: Path) -> dict[str, str]:
    return {**SMALL_LOGS, "pybroker.flush.policy": "group", "log.dirs": f"{place / 'a'},{place / 'b'}"}


def broker_in(place: Path, environment: dict[str, str] | None = None) -> Broker:
    made = Broker(place / "a", overrides(place), environment=environment)
    made.log_path = place / "broker.log"
    return made


@pytest.fixture(scope="module")
def template() -> Iterator[Template]:
    with fast_place("template") as place:
        recorder = Recorder()
        broker = broker_in(place / "dirs")
        (place / "dirs").mkdir()
        broker.start()
        try:
            Client(broker).create_topic(PARTITIONS, CONFIG, name=TOPIC)
            producer = RawProducer("t", recorder, broker, TOPIC, "template")
            for number in range(80):
                assert producer.send(number % PARTITIONS) == NONE
            broker.kill()
        finally:
            broker.discard()
        broker.log_path.unlink()
        yield Template(place / "dirs", recorder.events)


class Case:
    """One fault on a copy of the template."""

    def __init__(self, fault: DiskFault, template: Template, place: Path) -> None:
        self.fault = fault
        self.place = place
        self.recorder = template.copy(place)
        self.trace = place / "trace"
        self.random = random.Random(str(fault))

    def play(self) -> list[Failed]:
        """Raises AssertionError for what must not be. Returns what was made to fail."""
        # Every second fault meets one partition's files alone; else what a start reads and writes first would take all small k.
        below = self.place / "a" if self.fault.k % 2 else next((self.place / "a").glob(f"{TOPIC}-*"))
        broker = broker_in(self.place, self.fault.environment(below, self.trace))
        try:
            if self.started(broker):
                self.work(broker)
                self.end(broker)
        finally:
            broker.discard()
        failed = failures(self.trace)
        self.check_restart()
        return failed

    def started(self, broker: Broker) -> bool:
        """A broker that cannot start says so in a line and ends; it is not killed by it."""
        broker.spawn()
        try:
            broker.wait_ready()
            return True
        except BrokerError as error:
            assert broker.process is not None
            code = broker.process.wait(20)
            assert code == 1, f"ended with {code} at start\n{error}"
            assert re.search(r'msg="cannot start" error=".+"$', broker.log_text(), re.MULTILINE), f"no word why it did not start\n{error}"
            assert "Traceback" not in broker.log_text(), str(error)
            assert failures(self.trace), f"did not start, and nothing had failed\n{error}"
            return False

    def work(self, broker: Broker) -> None:
        """Produce to all partitions, and make and delete a topic; stop some rounds after the fault."""
        producer = RawProducer("w", self.recorder, broker, TOPIC, str(self.fault))
        sick = {part for part in range(PARTITIONS) if (self.place / "a" / f"{TOPIC}-{part}").is_dir()}
        assert 0 < len(sick) < PARTITIONS, "the template's partitions lie in one directory"
        try:
            for number in range(ROUNDS):
                for part in range(PARTITIONS):
                    self.send(producer, part, part in sick)
                if number in (2, 6):
                    self.make_and_delete(producer.client, f"other{number}")
        finally:
            producer.close()

    def send(self, producer: RawProducer, part: int, sick: bool) -> None:
        unsynced = any(failed.call == "sync" and f"/{TOPIC}-{part}/" in failed.path and failed.path.endswith(".log") for failed in failures(self.trace))
        code = producer.send(part)
        assert code is not None, f"no answer to a produce to partition {part}"
        if sick:
            assert code in (NONE, STORAGE_ERROR), f"partition {part}: error {code}"
            assert not (unsynced and code == NONE), f"partition {part}: acknowledged after a failed sync of its data"
        else:
            assert code == NONE, f"partition {part} in the other directory: error {code}"

    def make_and_delete(self, client: Client, name: str) -> None:
        """Whatever the outcome: an answer, and the broker goes on."""
        if client.try_create_topic(4, name=name).error_code != NONE:
            return
        for part in range(4):
            client.produce(name, batch([Record(b"x" * 200)]), partition=part)
        client.call(DeleteTopicsRequest(topics=[DeleteTopicState(name=name)], timeout_ms=5000), 6)

    def end(self, broker: Broker) -> None:
        """It is alive; it is killed, or asked to stop: then it ends by itself, cleanly or with a word."""
        broker.assert_alive()
        if self.random.random() < 0.5:
            broker.kill()
            return
        assert broker.process is not None
        broker.process.send_signal(signal.SIGTERM)
        code = broker.process.wait(20)
        assert code in (0, 1), f"ended with {code} on SIGTERM\n{broker.log_tail()}"

    def check_restart(self) -> None:
        broker = broker_in(self.place)
        try:
            broker.start()
            read_all(self.recorder, broker, TOPIC, PARTITIONS)
            verdict = judge(self.recorder.events)
            assert not verdict.anomalies, str(verdict)
            client = Client(broker)
            try:
                assert all(client.produce(TOPIC, None, partition=part) is not None for part in range(PARTITIONS))
            finally:
                client.close()
            broker.stop()
        finally:
            broker.discard()


def faults(call: str, k_max: int) -> list[DiskFault]:
    """k = 1 to k_max, once and for ever, errors in turn."""
    errors = CALLS[call]
    return [DiskFault(call, k, errors[(k + ever) % len(errors)], bool(ever)) for k in range(1, k_max + 1) for ever in (0, 1)]


def play_all(cases: list[DiskFault], template: Template) -> tuple[int, list[str]]:
    """(cases whose fault was met, what went wrong). Some at a time."""
    wrong: list[str] = []
    met = 0
    lock = threading.Lock()

    def play(fault: DiskFault) -> None:
        nonlocal met
        with fast_place("disk") as place:
            try:
                failed = Case(fault, template, place / "dirs").play()
            except Exception as error:
                log = place / "dirs" / "broker.log"
                with lock:
                    wrong.append(f"{fault}: {type(error).__name__}: {error}\n{log.read_text(errors='replace')[-3000:] if log.exists() else ''}")
            else:
                with lock:
                    met += bool(failed)

    with ThreadPoolExecutor(CASES_AT_A_TIME) as pool:
        list(pool.map(play, cases))
    return met, wrong


@pytest.mark.parametrize("call", CALLS)
def test_nothing_acknowledged_is_lost_when_a_call_fails(template: Template, call: str) -> None:
    cases = faults(call, 20)
    met, wrong = play_all(cases, template)
    assert not wrong, f"{len(wrong)} of {len(cases)} cases\n" + "\n----\n".join(wrong[:4])
    assert met > 0, "no case met its fault"
