"""A file of lines that is rotated, and never holds half a line.

On disk     <path> is written to; <path>.1 is the one before it, <path>.2 the one before that, … Mode 0600
Invariants  F1 the file ends with a line feed after every write that went well, and is cut back to where it was after one that did not
            F2 what a crash left of a line is ended before the next one is written
Thread      one at a time
"""

import json
import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pybroker.hooks import AuditEvent

MODE = 0o600


class LogFile:
    """One audit log."""

    def __init__(self, path: Path, bytes_max: int, count_max: int, *, sync: bool) -> None:
        """``count_max``: rotated files that are kept."""
        self.path = path
        self._bytes_max = bytes_max
        self._count_max = count_max
        self._sync = sync
        self._fd = -1
        self._size = 0

    def open(self) -> None:
        """Open, or make. Raises OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, MODE)
        try:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode):
                raise OSError(f"{self.path} is no plain file")
            os.fchmod(fd, MODE)
            if facts.st_size and os.pread(fd, 1, facts.st_size - 1) != b"\n":
                _write_all(fd, b"\n")                       # F2
            self._size = os.fstat(fd).st_size
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def close(self) -> None:
        """Let the file go. May be called twice."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def write(self, lines: Sequence[bytes]) -> int:
        """Write lines, each whole; how often the file was rotated. Raises OSError, and then a part of the lines, from the first on, may be there."""
        self._follow()
        rotated = 0
        gathered = bytearray()
        for line in lines:
            if self._size + len(gathered) and self._size + len(gathered) + len(line) > self._bytes_max:
                self._append(gathered)
                gathered.clear()
                self._rotate()
                rotated += 1
            gathered += line
        self._append(gathered)
        return rotated

    def _append(self, data: bytes | bytearray) -> None:
        if not data:
            return
        try:
            _write_all(self._fd, data)
            if self._sync:
                os.fdatasync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self._size)              # F1
            raise
        self._size += len(data)

    def _follow(self) -> None:
        """Write to the file of our name: somebody may have moved it away, or cut it."""
        if self._fd >= 0:
            ours = os.fstat(self._fd)
            try:
                named = os.stat(self.path, follow_symlinks=False)
            except FileNotFoundError:
                named = None
            if named is not None and (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino):
                self._size = ours.st_size
                return
            self.close()
        self.open()

    def _rotate(self) -> None:
        if self._count_max == 0:
            os.ftruncate(self._fd, 0)
            self._size = 0
            return
        number = self._count_max
        while (spare := self._numbered(number := number + 1)).exists():
            spare.unlink()                                  # there were to be more of them once
        for number in range(self._count_max, 1, -1):
            older = self._numbered(number - 1)
            if older.exists():
                os.replace(older, self._numbered(number))
        os.replace(self.path, self._numbered(1))
        self.close()
        self.open()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def _write_all(fd: int, data: bytes | bytearray) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def line_of(event: AuditEvent) -> bytes:
    """An event as a line of JSON in ASCII: no character of a client's ends it or hides in it."""
    time = datetime.fromtimestamp(event.time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if event.kind == "lost":
        return json.dumps({"time": time, "kind": "lost", "count": event.count}).encode() + b"\n"
    fields = {
        "time": time,
        "kind": event.kind,
        "principal": event.principal,
        "peer": event.peer_host,
        "listener": event.listener,
        "operation": event.operation,
        "resource": event.resource,
        "allowed": event.allowed,
        "detail": event.detail,
    }
    return json.dumps(fields).encode() + b"\n"
