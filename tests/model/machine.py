"""The broker under test on a disk of its own, and what can happen to both: kill -9, and loss of power.

A power cut is played on an ext4 file system on a loop device: the broker is frozen, the file system is shut down in mid-flight (what was not written out by then never is), the
broker is killed, the device is mounted again and the journal replayed. ``adversary`` writes out single pages at random meanwhile, as a kernel under pressure does, so that
holes with good data behind them and torn ends are left, and not only a clean cut.

Needs root and loop devices; where they are missing ``loop_disk`` skips with the reason.
"""

import ctypes
import fcntl
import os
import random
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Self

import pytest

from tests.support.broker import Broker

DISKS: Final = "PYBROKER_TEST_DISKS"
"""Where images of disks are made, for one who will clean up behind a process that may not."""
SHUTDOWN: Final = 0x8004587D
"""ioctl EXT4_IOC_SHUTDOWN."""
NO_LOG_FLUSH: Final = 2
"""The journal is not written out first."""
PAGE_BYTES: Final = 4096
SYNC_FILE_RANGE_WRITE: Final = 2
LIBC: Final = ctypes.CDLL(None, use_errno=True)

SMALL_LOGS: Final[Mapping[str, str]] = {
    # Many segments, index entries and checkpoints in little data: what a broker does in weeks.
    "pybroker.segment.bytes.min": "1024",
    "log.flush.offset.checkpoint.interval.ms": "100",
    "pybroker.disk.min.free.bytes": "1048576",                              # of small disks
}
SMALL_TOPIC: Final[Mapping[str, str]] = {"segment.bytes": "32768", "index.interval.bytes": "512"}


class Program(NamedTuple):
    """What is tested: a pybrokerd (None: the usual one), and what its environment has besides."""

    path: Path | None = None
    environment: Mapping[str, str] = {}


class Machine:
    """A broker that is started again and again at one address."""

    def __init__(self, disk: Path, scratch: Path, overrides: Mapping[str, str], program: Program = Program()) -> None:  # noqa: B008 - immutable
        self.broker = Broker(disk / "data", {**SMALL_LOGS, **overrides}, environment=program.environment)
        self.broker.log_path = scratch / "broker.log"                       # not on the disk that fails
        if program.path is not None:
            self.broker.program = program.path
        self.ready_s: list[float] = []
        """Seconds from each start to the ready line."""

    def start(self) -> Self:
        begin = time.monotonic()
        self.broker.start()
        self.ready_s.append(time.monotonic() - begin)
        self.broker.overrides["listeners"] = f"PLAINTEXT://{self.broker.bootstrap}"  # the address that clients know
        return self

    def kill(self) -> None:
        self.broker.kill()

    def cut_power(self, disk: "LoopDisk") -> None:
        """The machine is off from the moment of the first call on; the disk is back when this returns."""
        self.broker.assert_alive()
        os.kill(self.broker.pid, signal.SIGSTOP)                            # no answer leaves any more
        disk.shut_down()
        self.broker.kill()
        disk.mount_again()

    def discard(self) -> None:
        self.broker.discard()


class LoopDisk:
    """An ext4 file system in a file."""

    def __init__(self, image: Path, mount_point: Path) -> None:
        self.image = image
        self.path = mount_point

    def make(self, size_mib: int) -> None:
        with self.image.open("wb") as file:
            file.truncate(size_mib << 20)
        _run("mkfs.ext4", "-q", "-F", "-E", "nodiscard", "-m", "0", str(self.image))
        self.path.mkdir()
        self.mount()

    def mount(self) -> None:
        _run("mount", "-o", "loop", str(self.image), str(self.path))

    def unmount(self) -> None:
        _run("umount", str(self.path))

    def shut_down(self) -> None:
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def mount_again(self) -> None:
        self.unmount()
        self.mount()


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")


@contextmanager
def loop_disk(size_mib: int = 192) -> Iterator[LoopDisk]:
    """A disk whose power can be cut; its image in memory where there is room for it. Skips where it cannot be."""
    if os.geteuid() != 0:
        pytest.skip("power cuts need root: a file system is mounted")
    for tool in ("mkfs.ext4", "mount", "umount"):
        if shutil.which(tool) is None:
            pytest.skip(f"power cuts need {tool}")
    memory = Path("/dev/shm")
    place = Path(os.environ[DISKS]) if DISKS in os.environ else memory if memory.is_dir() and shutil.disk_usage(memory).free > size_mib << 21 else None
    with tempfile.TemporaryDirectory(prefix="pybroker-disk-", dir=place) as name:
        disk = LoopDisk(Path(name) / "image", Path(name) / "disk")
        try:
            disk.make(size_mib)
        except OSError as error:
            pytest.skip(f"no loop devices here: {error}")
        try:
            yield disk
        finally:
            disk.unmount()


@contextmanager
def small_disk(size_mib: int) -> Iterator[Path]:
    """A file system in memory that is soon full. Skips where it cannot be."""
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root: a file system is mounted")
    with tempfile.TemporaryDirectory(prefix="pybroker-small-") as name:
        try:
            _run("mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "pybroker", name)
        except OSError as error:
            pytest.skip(f"no file systems in memory here: {error}")
        try:
            yield Path(name)
        finally:
            _run("umount", name)


class Adversary:
    """Writes out random pages of log files and commits the journal, over and over, until it is told to stop: the order in which a kernel may write."""

    def __init__(self, data_dir: Path, seed: str) -> None:
        self.data_dir = data_dir
        self.random = random.Random(f"{seed}/adversary")
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.rounds = 0

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.thread.join()

    def _work(self) -> None:
        commits = os.open(self.data_dir.parent / "commits", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            while not self.stopping.wait(0.002):
                self._write_pages()
                os.pwrite(commits, b"x", self.rounds % PAGE_BYTES)
                os.fsync(commits)                                           # commits all that the journal holds, sizes of other files too
                self.rounds += 1
        except OSError:
            pass                                                            # the power is gone
        finally:
            os.close(commits)

    def _write_pages(self) -> None:
        logs = [path for place in self.data_dir.glob("*-*") for path in sorted(place.glob("*.log"))[-3:]]
        for path in self.random.sample(logs, min(len(logs), 8)):
            try:
                fd = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue
            try:
                pages = -(-os.fstat(fd).st_size // PAGE_BYTES)
                for page in self.random.sample(range(pages), min(pages, 1 + pages // 3)):
                    LIBC.sync_file_range(fd, ctypes.c_int64(page * PAGE_BYTES), ctypes.c_int64(PAGE_BYTES), SYNC_FILE_RANGE_WRITE)
            finally:
                os.close(fd)
