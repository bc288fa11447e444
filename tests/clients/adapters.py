"""What a client must be able to do for the scenarios, and clients that are programs of another language: one process that takes a request a line and answers a line, in JSON.

Requests    {"do": "create", "topic", "partitions"}                                  → {"partitions": as the client's metadata shows}
            {"do": "write", "topic", "partition", "codec", "records": [RECORD…]}     → {"offsets": [acknowledged offset…]}
            {"do": "read", "topic", "partition", "begin", "count"}                   → first {"ready": true} as soon as its place is found, then {"records": [[offset, RECORD]…]}
            {"do": "offsets", "topic", "partition", "timestamp"}                     → {"low", "high", "at"}
            RECORD is {"k", "v", "h": [[name, value]…], "t"}: key, value and header values in base64 or null, the timestamp in ms.
            begin is "start", "end", an offset, or {"timestamp": ms}.
Failure     {"error": text}. The end of stdin ends the program with exit code 0.
"""

import base64
import json
import os
import select
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from tests.clients.scenarios import CODECS, At, Begin, Codec, Feature, Record

ANSWER_S_MAX: Final = 30.0
"""The longest that one step of a client may take."""

Found = list[tuple[int, Record]]
OnReady = Callable[[], None]


def nothing() -> None:
    """What a reader does at its place when nobody waits for it to be there."""


class Adapter(ABC):
    """A client behind the few things that the scenarios do."""

    name: ClassVar[str]
    codecs: ClassVar[tuple[Codec, ...]] = CODECS
    lacks: ClassVar[dict[Feature, str]] = {}
    """What the client cannot do, and why."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    @abstractmethod
    def create(self, topic: str, partitions: int) -> int:
        """Create a topic; the number of its partitions as the client's metadata shows it."""

    @abstractmethod
    def write(self, topic: str, records: Sequence[Record], codec: Codec = "none", partition: int = 0) -> list[int] | None:
        """Write in order and await every answer (acks=all). The offsets, or None where the client does not tell."""

    @abstractmethod
    def read(self, topic: str, begin: Begin, count: int, partition: int = 0, on_ready: OnReady = nothing) -> Found:
        """The first ``count`` records from ``begin`` on, with offsets. ``on_ready`` is called once the place is found, before the first record is awaited."""

    def close(self) -> None:  # noqa: B027 - most adapters hold nothing open
        """End it; a program must end well."""


def record_to_json(record: Record) -> dict[str, Any]:
    return {"k": _to_text(record.key), "v": _to_text(record.value), "h": [[name, _to_text(value)] for name, value in record.headers], "t": record.timestamp}


def record_from_json(found: dict[str, Any]) -> Record:
    return Record(_to_bytes(found["k"]), _to_bytes(found["v"]), tuple((name, _to_bytes(value)) for name, value in found["h"]), found["t"])


def _to_text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _to_bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


class ProgramAdapter(Adapter):
    """A client in a process of its own that speaks JSON lines."""

    def __init__(self, bootstrap: str, command: list[str], log_path: Path) -> None:
        super().__init__(bootstrap)
        self.log_path = log_path
        with log_path.open("wb") as log:
            self.process = subprocess.Popen([*command, bootstrap], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.unread = bytearray()

    def _log_tail(self) -> str:
        return self.log_path.read_text(errors="replace")[-4096:]

    def _line(self) -> bytes:
        assert self.process.stdout is not None
        pipe = self.process.stdout.fileno()
        deadline = time.monotonic() + ANSWER_S_MAX
        while b"\n" not in self.unread:
            readable, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            assert readable, f"{self.name}: no answer within {ANSWER_S_MAX} s\n{self._log_tail()}"
            got = os.read(pipe, 1 << 20)
            assert got, f"{self.name} ended with {self.process.wait()}\n{self._log_tail()}"
            self.unread += got
        line, _, self.unread = self.unread.partition(b"\n")
        return bytes(line)

    def _answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._line())
        assert "error" not in answer, f"{self.name}: {answer['error']}\n{self._log_tail()}"
        return answer

    def _ask(self, **request: object) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        return self._answer()

    def create(self, topic: str, partitions: int) -> int:
        return int(self._ask(do="create", topic=topic, partitions=partitions)["partitions"])

    def write(self, topic: str, records: Sequence[Record], codec: Codec = "none", partition: int = 0) -> list[int] | None:
        answer = self._ask(do="write", topic=topic, partition=partition, codec=codec, records=[record_to_json(record) for record in records])
        return list(answer["offsets"])

    def read(self, topic: str, begin: Begin, count: int, partition: int = 0, on_ready: OnReady = nothing) -> Found:
        place = {"timestamp": begin.timestamp} if isinstance(begin, At) else begin
        assert self._ask(do="read", topic=topic, partition=partition, begin=place, count=count) == {"ready": True}
        on_ready()
        return [(offset, record_from_json(record)) for offset, record in self._answer()["records"]]

    def offsets(self, topic: str, timestamp: int, partition: int = 0) -> dict[str, int]:
        """The partition's first and end offset, and the first whose timestamp is not less than ``timestamp`` (ms)."""
        return self._ask(do="offsets", topic=topic, partition=partition, timestamp=timestamp)

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.close()
            code = self.process.wait(ANSWER_S_MAX)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
        assert code == 0, f"{self.name}: exit code {code}\n{self._log_tail()}"
