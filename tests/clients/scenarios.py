"""The scenario list that every client goes through: what is written, where reading begins. Clients are adapters (``adapters.py``); ``test_scenarios.py`` runs the one with the other.

A scenario names the features that it needs beyond plain records; an adapter names those that its client lacks, with the reason, and such a pair is skipped with that reason.
"""

import random
from dataclasses import dataclass, field
from typing import Final, Literal

T: Final = 1_700_000_000_000
"""Timestamps of the records begin here (ms since 1970)."""

Codec = Literal["none", "gzip", "snappy", "lz4", "zstd"]
CODECS: Final[tuple[Codec, ...]] = ("none", "gzip", "snappy", "lz4", "zstd")

Feature = Literal["timestamps", "headers", "null header values", "tombstones", "empty values", "empty keys"]


@dataclass(frozen=True, slots=True)
class Record:
    """One record as a client sees it. ``timestamp`` in ms since 1970."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int = T


@dataclass(frozen=True, slots=True)
class At:
    """Begin at the first record whose timestamp is not less (ms since 1970)."""

    timestamp: int


Begin = Literal["start", "end"] | int | At


def _bytes(seed: int, size: int) -> bytes:
    """Bytes that no codec makes smaller; the same ones in every run."""
    return random.Random(seed).randbytes(size)


KEYED: Final = (Record(b"key", b"value"), Record(b"key", b"another value"), Record(b"\x00\xff key of bytes", _bytes(1, 300)), Record("Schlüssel".encode(), "Wert — значение".encode()))
UNKEYED: Final = (Record(None, b"no key"), Record(None, _bytes(2, 300)))
EMPTY: Final = (Record(b"k", b""), Record(None, b"after an empty one"))
EMPTY_KEY: Final = (Record(b"", b"an empty key is not a missing one"), Record(None, b"a missing one"))
TOMBSTONES: Final = (Record(b"k", b"lives"), Record(b"k", None), Record(b"l", b"lives"), Record(b"m", None))
HEADERS: Final = (
    Record(b"k", b"one header", (("one", b"1"),)),
    Record(b"k", b"no header"),
    Record(b"k", b"many", (("one", b"1"), ("one", b"again"), ("empty", b""), ("größe", "ü".encode()))),
)
NULL_HEADER: Final = (Record(b"k", b"v", (("null", None), ("not", b"null"))),)
TIMES: Final = tuple(Record(b"t", b"%d" % at, timestamp=at) for at in (T, T + 1, T + 1000, T + 500, T - 86_400_000, T + 86_400_000))
"""Not in order: a log keeps each record's own time."""
SMALL: Final = tuple(Record(b"%d" % n, b"small %d" % n, timestamp=T + n) for n in range(1000))
BATCHES: Final = tuple(Record(b"%d" % (n % 7), b"%d " % n + (_bytes(n, 1500) if n % 2 else b"text " * 600), timestamp=T + n) for n in range(600))
"""1.4 MB, half of which compresses: every client makes several batches of it."""
LARGE: Final = (Record(b"before", b"small"), Record(b"large", _bytes(3, 1_000_000)), Record(b"after", b"small"))
"""The middle one is just below max.message.bytes and does not compress."""
MIXED: Final = tuple(
    Record(record.key, record.value, record.headers, T + n)
    for n, record in enumerate((*KEYED, *UNKEYED, *TOMBSTONES, *HEADERS, *(Record(b"%d" % n, b"mixed " * n) for n in range(1, 150))))
)
"""Something of everything, for codecs and crossings."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Records that a client writes, and reads back as they were."""

    name: str
    records: tuple[Record, ...]
    needs: frozenset[Feature] = field(default_factory=frozenset)


ROUND_TRIPS: Final = (
    Scenario("with key", KEYED),
    Scenario("without key", UNKEYED),
    Scenario("empty values", EMPTY, frozenset({"empty values"})),
    Scenario("empty keys", EMPTY_KEY, frozenset({"empty keys"})),
    Scenario("null values", TOMBSTONES, frozenset({"tombstones"})),
    Scenario("headers", HEADERS, frozenset({"headers"})),
    Scenario("null header values", NULL_HEADER, frozenset({"headers", "null header values"})),
    Scenario("timestamps", TIMES, frozenset({"timestamps"})),
    Scenario("small records", SMALL),
    Scenario("batches", BATCHES),
    Scenario("large record", LARGE),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading ``SMALL`` begins, and the offset that comes first. At the end: the next one to be written."""

    name: str
    begin: Begin
    first: int


PLACES: Final = (
    Place("start", "start", 0),
    Place("end", "end", len(SMALL)),
    Place("offset", 417, 417),
    Place("last offset", len(SMALL) - 1, len(SMALL) - 1),
    Place("timestamp", At(T + 250), 250),
    Place("timestamp before all", At(T - 1000), 0),
    Place("timestamp of the last", At(T + len(SMALL) - 1), len(SMALL) - 1),
)
