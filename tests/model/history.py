"""What clients did and saw, in the order in which they did it: the one thing that a run leaves behind, and all that the judge gets.

Rules       a send is noted before the client library is called; an answer after it was received; a time-out is ``info`` (it may have happened), never ``fail``
Values      unique in the run, and each carries its own CRC, so that one that is torn, mixed up or made up is known as such
Times       CLOCK_MONOTONIC seconds
Thread      any: ``Recorder`` has a lock
"""

import json
import random
import threading
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

ACK: Final = "ack"
FAIL: Final = "fail"
INFO: Final = "info"
POWERCUT: Final = "powercut"


class Send(NamedTuple):
    """A record is about to be given to a client library. ``weak``: with acks=1, which promises nothing beyond the process."""

    id: int
    client: str
    topic: str
    part: int
    val: str
    t: float
    weak: bool = False


class Done(NamedTuple):
    """How a send ended: ``ack`` at an offset, ``fail`` (it certainly did not happen), ``info`` (nobody knows)."""

    id: int
    how: str
    off: int
    t: float


class Read(NamedTuple):
    """One record as a client got it. ``ok``: its own CRC is right."""

    off: int
    val: str
    ok: bool


class Poll(NamedTuple):
    """A consumer got records while the run went on."""

    client: str
    topic: str
    part: int
    recs: tuple[Read, ...]
    t: float


class Log(NamedTuple):
    """A whole partition at the end, read by a client: [start, end). ``iso``: ``ru`` or ``rc``."""

    topic: str
    part: int
    recs: tuple[Read, ...]
    start: int
    end: int
    iso: str
    t: float


class Seek(NamedTuple):
    """A consumer goes elsewhere: its next poll follows from nothing before."""

    client: str
    topic: str
    part: int
    t: float


class Fault(NamedTuple):
    """What was done to the broker, from ``t`` (nothing yet) to ``until`` (it serves again)."""

    kind: str
    t: float
    until: float


Event = Send | Done | Poll | Log | Seek | Fault


# ---- values


def encode(name: str, padding: bytes) -> bytes:
    """A value: its name, padding, CRC-32 of both."""
    body = name.encode() + b"|" + padding
    return body + b"|" + f"{zlib.crc32(body):08x}".encode()


def decode(value: bytes | None) -> tuple[str, bool]:
    """(name, whether the CRC is right) of a value as read."""
    body, _, crc = (value or b"").rpartition(b"|")
    name = body.partition(b"|")[0].decode(errors="replace")
    return name, crc == f"{zlib.crc32(body):08x}".encode()


def read_of(off: int, value: bytes | None) -> Read:
    name, ok = decode(value)
    return Read(off, name, ok)


# ---- recording


class Recorder:
    """Collects events, and lets the one who plays the faults wait until enough has happened."""

    def __init__(self, before: Iterable[Event] = ()) -> None:
        self.events: list[Event] = list(before)
        self.acked = 0
        """Answers that promise something."""
        self.broken: BaseException | None = None
        """Why a client gave up: the run is over."""
        self._ids = max((event.id for event in self.events if isinstance(event, Send)), default=0)
        self._begun: set[str] = set()
        self._open: dict[int, tuple[str, bool]] = {}
        self._closed = False
        self._changed = threading.Condition()

    def send(self, client: str, topic: str, part: int, val: str, *, weak: bool = False) -> int:
        """Note a send that begins. Returns its id."""
        with self._changed:
            self._ids += 1
            if self._closed:
                return self._ids
            self._open[self._ids] = client, weak
            self.events.append(Send(self._ids, client, topic, part, val, time.monotonic(), weak))
            return self._ids

    def done(self, send: int, how: str, off: int = -1) -> None:
        with self._changed:
            client, weak = self._open.pop(send, ("", False))
            if self._closed or not client:
                return
            self.events.append(Done(send, how, off, time.monotonic()))
            if how == ACK:
                self.acked += not weak
                self._begun.add(client)
            self._changed.notify_all()

    def note(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)

    def close_clients(self) -> None:
        """What clients do or get from here on is not part of the history: their machine is off as well."""
        with self._changed:
            self._closed = True

    def give_up(self, error: BaseException) -> None:
        """A client cannot go on."""
        with self._changed:
            if not self._closed:
                self.broken = self.broken or error
            self._changed.notify_all()

    def wait_begun(self, clients: set[str], timeout_s: float) -> None:
        """Until each of these clients has an acknowledgement."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: self._begun >= clients or self.broken is not None, timeout_s)
            if self.broken is not None:
                raise self.broken
            if not arrived:
                raise TimeoutError(f"{', '.join(sorted(clients - self._begun))} had no acknowledgement within {timeout_s} s")

    def wait_acks(self, count: int, timeout_s: float) -> None:
        """Until that many more sends were acknowledged. Raises what a client gave up for, or TimeoutError."""
        with self._changed:
            target = self.acked + count
            arrived = self._changed.wait_for(lambda: self.acked >= target or self.broken is not None, timeout_s)
            if self.broken is not None:
                raise self.broken
            if not arrived:
                raise TimeoutError(f"{target - self.acked} of {count} acknowledgements did not come within {timeout_s} s")

    def wait_quiet(self, timeout_s: float) -> None:
        """Until no send that promises something is open. Whoever sends was told to hold before."""
        with self._changed:
            quiet = self._changed.wait_for(lambda: all(weak for _, weak in self._open.values()) or self.broken is not None, timeout_s)
            if self.broken is not None:
                raise self.broken
            if not quiet:
                raise TimeoutError(f"sends were still open after {timeout_s} s")

    def pause(self, seconds: float) -> None:
        """A moment of the fault's own choice, cut short when a client gives up."""
        with self._changed:
            self._changed.wait_for(lambda: self.broken is not None, seconds)
            if self.broken is not None:
                raise self.broken


class Values:
    """Values of one client: numbered, of seeded sizes."""

    def __init__(self, client: str, seed: str, padding_max: int) -> None:
        self.client = client
        self.random = random.Random(f"{seed}/{client}")
        self.padding_max = padding_max
        self.number = 0

    def next(self) -> tuple[str, bytes]:
        """(name, value)."""
        self.number += 1
        name = f"{self.client}-{self.number}"
        size = int(self.padding_max * self.random.random() ** 3)
        return name, encode(name, self.random.randbytes(size).replace(b"|", b"/"))


# ---- as JSON lines, one per event: what other checkers read


def as_json(event: Event) -> dict[str, object]:
    fields: dict[str, object] = dict(event._asdict())
    name = type(event).__name__.lower()
    if isinstance(event, Done):
        name = str(fields.pop("how"))
        if name != ACK:
            fields.pop("off")
    if isinstance(event, Send):
        fields["acks"] = 1 if fields.pop("weak") else "all"
    if isinstance(event, Poll | Log):
        fields["recs"] = [[off, val] if ok else [off, val, False] for off, val, ok in event.recs]
    return {"ev": name, **fields}


def write(events: Iterable[Event], path: Path) -> None:
    path.write_text("".join(json.dumps(as_json(event)) + "\n" for event in events))
