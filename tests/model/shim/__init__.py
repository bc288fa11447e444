"""The shim of shim.c, built once, and the environment that gives a broker its orders."""

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

SOURCE: Final = Path(__file__).with_name("shim.c")
BUILD: Final = SOURCE.parents[3] / "build" / "shim"


@functools.cache
def library() -> Path:
    """The shared object; built when it is older than its source. Several processes may ask at once."""
    made = BUILD / "shim.so"
    if not made.exists() or made.stat().st_mtime < SOURCE.stat().st_mtime:
        BUILD.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as place:
            new = Path(place) / "shim.so"
            words = ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wno-nonnull-compare", "-Werror", "-shared", "-fPIC", str(SOURCE), "-o", str(new), "-ldl"]
            done = subprocess.run(words, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            new.replace(made)
    return made


class DiskFault(NamedTuple):
    """The k-th call of a kind fails with an errno, or is a short write (errno 0)."""

    call: str
    k: int
    error: int
    ever: bool

    def __str__(self) -> str:
        name = os.strerror(self.error) if self.error else "short"
        return f"{self.call} {self.k} {name.replace(' ', '-')} {'ever' if self.ever else 'once'}"

    def environment(self, directory: Path, trace: Path) -> dict[str, str]:
        order = f"{self.call} {self.k} {self.error} {'ever' if self.ever else 'once'}"
        return {"LD_PRELOAD": str(library()), "PYBROKER_SHIM_DIR": str(directory), "PYBROKER_SHIM_TRACE": str(trace), "PYBROKER_SHIM_FAULT": order}


class Failed(NamedTuple):
    """A call that was made to fail."""

    t: float
    call: str
    error: int
    path: str


def failures(trace: Path) -> list[Failed]:
    """What the shim did so far, in order."""
    if not trace.exists():
        return []
    rows = (line.split(" ", 3) for line in trace.read_text().splitlines())
    return [Failed(int(ns) / 1e9, call, int(error), path) for ns, call, error, path in rows]


class WallClock:
    """The clock on the wall of a broker: what it is ahead of the real one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(0)

    def set(self, ahead_s: float) -> None:
        """At once, for every thread: one write of eight bytes into the mapped file."""
        data = int(ahead_s * 1e9).to_bytes(8, sys.byteorder, signed=True)
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(fd, data, 0)
        finally:
            os.close(fd)

    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(library()), "PYBROKER_SHIM_CLOCK": str(self.path)}
