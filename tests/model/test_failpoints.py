"""Every fail point of csrc/base/failpoint.h is met, once as the end of the process and once as the end of the power, and nothing acknowledged is lost by either."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from pybroker.protocol.messages.k20_delete_topics import DeleteTopicsRequest, DeleteTopicState
from pybroker.protocol.messages.k21_delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from tests.model.clients import Gone
from tests.model.history import Recorder
from tests.model.judge import judge
from tests.model.machine import SMALL_LOGS, LoopDisk, loop_disk
from tests.model.raw import RawProducer, Template, fast_place, read_all
from tests.support.batches import Record, batch
from tests.support.broker import Broker
from tests.support.kafka import NONE, Client
from tests.support.shared import ROOT
from tests.support.wire import Closed

pytestmark = [pytest.mark.real, pytest.mark.slow]

TABLE: Final = (ROOT / "csrc" / "base" / "failpoint.h").read_text()
POINTS: Final = tuple(re.findall(r'^ +X\(\w+, +"([a-z.-]+)"\)', TABLE, re.MULTILINE))
DEBUG: Final = ROOT / "build" / "debug" / "run"
STATUS: Final = 77
"""PB_FAILPOINT_STATUS."""
TOPIC: Final = "model"
PARTITIONS: Final = 3
CONFIG: Final = {"segment.bytes": "4096", "index.interval.bytes": "256", "file.delete.delay.ms": "0"}
ROUNDS: Final = 40
CASES_AT_A_TIME: Final = 3
AT_A_CLEAN_START: Final = ("clean.seen", "clean.unlinked", "clean.taken")
"""Met only where the last stop was clean."""
END_S_MAX: Final = 30.0


# ---- directories to begin with


def broker_in(place: Path, scratch: Path, environment: dict[str, str] | None = None) -> Broker:
    made = Broker(place / "data", {**SMALL_LOGS, "pybroker.flush.policy": "group"}, environment=environment)
    made.log_path = scratch / "broker.log"
    return made


@pytest.fixture(scope="module")
def debug() -> Path:
    """pybrokerd of a debug build."""
    built = subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=ROOT, env={**os.environ, "PYBROKER_DEBUG": "1"}, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return DEBUG


class Templates(NamedTuple):
    """One that was killed and has torn tails and a hole, one that was stopped."""

    killed: Template
    stopped: Template


def make(place: Path, *, clean: bool) -> Template:
    place.mkdir()
    recorder = Recorder()
    broker = broker_in(place, place.parent)
    try:
        broker.start()
        client = Client(broker)
        client.create_topic(PARTITIONS, CONFIG, name=TOPIC)
        client.close()
        producer = RawProducer("t", recorder, broker, TOPIC, "template")
        for number in range(90):
            assert producer.send(number % PARTITIONS) == NONE
        producer.close()
        if clean:
            broker.stop()
        else:
            broker.kill()
            tear(place)
    finally:
        broker.discard()
    return Template(place, recorder.events)


def tear(place: Path) -> None:
    """What a crash may leave behind the last batch: half a batch, a segment behind it, recovery points of long ago."""
    for part in range(PARTITIONS):
        last = max((place / "data" / f"{TOPIC}-{part}").glob("*.log"))
        whole = last.read_bytes()
        last.write_bytes(whole + whole[: 61 + part])
        (last.parent / f"{int(last.stem) + 500:020}.log").write_bytes(b"")
        (last.parent / f"{int(last.stem) + 700:020}.snapshot").write_bytes(b"")
    (place / "data" / "recovery-point-offset-checkpoint").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def templates() -> Iterator[Templates]:
    with fast_place("points") as place:
        yield Templates(make(place / "killed", clean=False), make(place / "stopped", clean=True))


# ---- a case


class Case:
    """One fail point on a copy of a template, on any file system."""

    def __init__(self, point: str, action: str, program: Path, template: Template, place: Path, scratch: Path) -> None:
        self.point = point
        self.fails = action in ("eio", "enospc")
        self.place = place
        self.scratch = scratch
        self.recorder = template.copy(place)
        self.broker = broker_in(place, scratch, {"PYBROKER_FAILPOINT": f"{point}:{action}"})
        self.broker.program = program
        self.broker.overrides |= {"log.flush.offset.checkpoint.interval.ms": "200", "log.retention.check.interval.ms": "100", "pybroker.retention.first.check.ms": "100"}

    def exercise(self) -> None:
        """All that a broker does in its life, until it ends: starts, rolls, syncs, makes and deletes topics, writes checkpoints, stops."""
        with suppress(AssertionError, OSError, Closed):                     # it ended on the way: what for says its exit code
            self.broker.wait_ready()
            self.work()
        if self.broker.process is not None:
            self.broker.process.send_signal(signal.SIGTERM)

    def work(self) -> None:
        producer = RawProducer("w", self.recorder, self.broker, TOPIC, self.point)
        try:
            for number in range(ROUNDS):
                for part in range(PARTITIONS):
                    if producer.send(part) is None:
                        return
                if number == ROUNDS // 2 and not self.is_offline():
                    self.make_and_delete(producer.client)
            if not self.fails:
                self.wait_removed(producer.client)
                self.wait_checkpoint(producer.client)                       # of a directory that is off-line none is written
        finally:
            producer.close()

    def is_offline(self) -> bool:
        """Whether the only log directory has failed: nothing is written there any more, no topic made can be used."""
        return "log-dir-offline" in self.broker.log_text()

    def make_and_delete(self, client: Client) -> None:
        client.create_topic(1, {"segment.bytes": "4096"}, name="other")
        for _ in range(10):
            client.produce("other", batch([Record(bytes(1000))]))
        part = DeleteRecordsPartition(partition_index=0, offset=-1)
        client.call(DeleteRecordsRequest(topics=[DeleteRecordsTopic(name="other", partitions=[part])], timeout_ms=5000), 2)
        client.call(DeleteTopicsRequest(topics=[DeleteTopicState(name="other")], timeout_ms=5000), 6)
        self.delete_records(client)

    def delete_records(self, client: Client) -> None:
        """The first segments of a partition leave."""
        partition = DeleteRecordsPartition(partition_index=0, offset=20)
        client.call(DeleteRecordsRequest(topics=[DeleteRecordsTopic(name=TOPIC, partitions=[partition])], timeout_ms=5000), 2)

    def wait_removed(self, client: Client) -> None:
        """Until the first segment of the partition whose records were deleted is gone."""
        place, deadline = self.place / "data" / f"{TOPIC}-0", time.monotonic() + END_S_MAX
        while list(place.glob(f"{0:020}.log*")):
            client.metadata([TOPIC])
            assert time.monotonic() < deadline

    def wait_checkpoint(self, client: Client) -> None:
        """Until one is written after now, or never will be: the only log directory is off-line."""
        path = self.place / "data" / "replication-offset-checkpoint"
        before, deadline = path.stat().st_mtime_ns if path.exists() else 0, time.monotonic() + END_S_MAX
        while not path.exists() or path.stat().st_mtime_ns == before:
            if self.is_offline():
                return
            client.metadata([TOPIC])
            assert time.monotonic() < deadline

    def begin(self) -> threading.Thread:
        """Start the process and what makes it work."""
        self.broker.spawn()
        thread = threading.Thread(target=self.exercise, daemon=True)
        thread.start()
        return thread

    def ends_by_itself(self) -> None:
        thread = self.begin()
        assert self.broker.process is not None
        code = self.broker.process.wait(END_S_MAX)
        thread.join(END_S_MAX)
        assert code == STATUS, f"{self.point} was not met: exit code {code}\n{self.broker.log_tail()}"

    def loses_power(self, disk: LoopDisk) -> None:
        thread = self.begin()
        assert self.broker.process is not None
        pid, deadline, pause = self.broker.process.pid, time.monotonic() + END_S_MAX, threading.Event()
        while (state := os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT)) is None:
            assert time.monotonic() < deadline, f"{self.point} was not met within {END_S_MAX} s"
            pause.wait(0.002)
        assert state.si_code == os.CLD_STOPPED, f"{self.point} was not met: exit code {state.si_status}\n{self.broker.log_tail()}"
        disk.shut_down()
        self.broker.process.kill()
        self.broker.process.wait(END_S_MAX)
        thread.join(END_S_MAX)
        disk.mount_again()

    def check(self) -> None:
        """A broker of the usual build starts on what is left: all acknowledged, and no more than was sent."""
        broker = broker_in(self.place, self.scratch)
        try:
            broker.start()
            read_all(self.recorder, broker, TOPIC, PARTITIONS)
            verdict = judge(self.recorder.events)
            assert not verdict.anomalies, str(verdict)
            assert verdict.acked >= 90
            producer = RawProducer("after", self.recorder, broker, TOPIC, self.point)
            assert [producer.send(part) for part in range(PARTITIONS)] == [NONE] * PARTITIONS
            producer.close()
            broker.stop()
            left = [path.name for path in (self.place / "data").iterdir() if path.name.startswith("other-")]
            assert not [name for name in left if name.endswith("-delete")], left
        finally:
            broker.discard()
            self.broker.discard()


def template_for(point: str, templates: Templates) -> Template:
    return templates.stopped if point in AT_A_CLEAN_START else templates.killed


def play_all(points: tuple[str, ...], play: Callable[[str], None]) -> list[str]:
    """What went wrong, by point. Some at a time."""
    wrong: list[str] = []

    def one(point: str) -> None:
        try:
            play(point)
        except (AssertionError, Gone, OSError, Closed) as error:
            wrong.append(f"{point}: {type(error).__name__}: {error}")

    with ThreadPoolExecutor(CASES_AT_A_TIME) as pool:
        list(pool.map(one, points))
    return wrong


def test_there_are_forty_points_and_each_stands_in_one_place() -> None:
    names = re.findall(r'^ +X\((\w+), +"', TABLE, re.MULTILINE)
    used = re.findall(r"PB_FAILPOINT\([^,]+, (\w+)\);", "\n".join(path.read_text() for path in (ROOT / "csrc").glob("*/*.c")))
    assert len(names) >= 40 and len(set(POINTS)) == len(names)
    assert sorted(used) == sorted(names)


def test_a_release_has_no_fail_points() -> None:
    library = next((ROOT / "build" / "release").glob("core.*.so")).read_bytes()
    assert not [point for point in POINTS if point.encode() + b"\0" in library]


def test_a_fail_point_that_does_not_exist_is_refused(debug: Path, tmp_path: Path) -> None:
    for order in ("append.nowhere", "append.noted:0", "append.noted:1:burn", "append.noted:exit:2"):
        done = subprocess.run([str(debug), "--override", f"log.dirs={tmp_path}"], env={**os.environ, "PYBROKER_FAILPOINT": order}, capture_output=True, text=True, timeout=END_S_MAX)
        assert done.returncode == 1 and not done.stdout, f"{order}: {done}"


def test_each_point_is_met_and_nothing_is_lost_when_the_process_ends_there(debug: Path, templates: Templates) -> None:
    def play(point: str) -> None:
        with fast_place("point") as place:
            case = Case(point, "exit", debug, template_for(point, templates), place / "disk", place)
            try:
                case.ends_by_itself()
                case.check()
            finally:
                case.broker.discard()

    wrong = play_all(POINTS, play)
    assert not wrong, "\n".join(wrong)


@pytest.mark.root
def test_each_point_is_met_and_nothing_is_lost_when_the_power_goes_there(debug: Path, templates: Templates) -> None:
    with ExitStack() as stack, fast_place("point") as scratch:
        free = [stack.enter_context(loop_disk(48)) for _ in range(CASES_AT_A_TIME)]
        lock = threading.Lock()

        def play(point: str) -> None:
            with lock:
                disk = free.pop()
            place = scratch / point
            place.mkdir()
            case = Case(point, "stop", debug, template_for(point, templates), disk.path / point, place)
            os.sync()                                                       # the template is on the disk
            try:
                case.loses_power(disk)
                case.check()
            finally:
                case.broker.discard()
                with lock:
                    free.append(disk)

        wrong = play_all(POINTS, play)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("action", ["eio", "enospc"])
@pytest.mark.parametrize("point", ["append.before-write", "roll.sealed", "replace.written", "sync.before-files", "recover.before-cut"])
def test_a_file_call_that_fails_at_a_point_loses_nothing(debug: Path, templates: Templates, point: str, action: str) -> None:
    with fast_place("point") as place:
        case = Case(point, action, debug, templates.killed, place / "disk", place)
        try:
            thread = case.begin()
            assert case.broker.process is not None
            code = case.broker.process.wait(END_S_MAX)
            thread.join(END_S_MAX)
            assert code in (0, 1), f"exit code {code}\n{case.broker.log_tail()}"
            case.check()
        finally:
            case.broker.discard()
