"""Record batches (magic 2) made and read in plain Python, apart from the broker's own code; every field can be set wrong on purpose.

Layout, big endian: base offset 8 | length 4 (from the next field on) | leader epoch 4 | magic 1 | CRC-32C 4 (of the rest) | attributes 2 | last offset delta 4 | base
timestamp 8 | max timestamp 8 | producer id 8 | producer epoch 2 | base sequence 4 | record count 4 | records, compressed as one block. Source: Kafka record format v2.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import cramjam

HEADER_BYTES: Final = 61
CODECS: Final = ("none", "gzip", "snappy", "lz4", "zstd")
"""Names by number, as attributes bits 0-2 have them."""
COMPRESSED: Final = CODECS[1:]
LOG_APPEND_TIME: Final = 1 << 3
TRANSACTIONAL: Final = 1 << 4
CONTROL: Final = 1 << 5
DELETE_HORIZON: Final = 1 << 6
NOW_MS: Final = 1_700_000_000_000
"""Time of the records that do not say another."""

_HEAD: Final = struct.Struct(">qiib")
_BODY: Final = struct.Struct(">hiqqqhii")
assert _HEAD.size + 4 + _BODY.size == HEADER_BYTES


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE: Final = _table()


def crc32c(data: bytes) -> int:
    """Castagnoli CRC, table by byte."""
    table = _TABLE
    value = 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


# ---- varints


def zigzag(value: int) -> bytes:
    """A signed varint of up to ten bytes."""
    value = (value << 1 ^ value >> 63) & 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_zigzag(data: bytes, pos: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value >> 1 ^ -(value & 1), pos
        shift += 7
        assert shift < 70, "varint of more than ten bytes"


# ---- codecs


def _snappy_xerial(data: bytes) -> bytes:
    """Snappy as Java clients frame it: magic, version 1, compatible 1, then blocks with a length before each."""
    out = bytearray(b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1))
    for pos in range(0, len(data), 32768):
        block = bytes(cramjam.snappy.compress_raw(data[pos : pos + 32768]))
        out += struct.pack(">i", len(block)) + block
    return bytes(out)


def _un_snappy(data: bytes) -> bytes:
    if not data.startswith(b"\x82SNAPPY\0"):
        return bytes(cramjam.snappy.decompress_raw(data))
    out, pos = bytearray(), 16
    while pos < len(data):
        size = struct.unpack_from(">i", data, pos)[0]
        out += bytes(cramjam.snappy.decompress_raw(data[pos + 4 : pos + 4 + size]))
        pos += 4 + size
    assert pos == len(data)
    return bytes(out)


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def _un_gzip(data: bytes) -> bytes:
    return zlib.decompress(data, 31)


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> 32 - bits) & 0xFFFFFFFF


def xxhash32(data: bytes) -> int:
    """xxHash of less than 16 bytes: an LZ4 frame's header check."""
    assert len(data) < 16
    value, pos = 374761393 + len(data), 0
    while pos + 4 <= len(data):
        word: int = struct.unpack_from("<I", data, pos)[0]
        value = _rotate((value + word * 3266489917) & 0xFFFFFFFF, 17) * 668265263 & 0xFFFFFFFF
        pos += 4
    for byte in data[pos:]:
        value = _rotate((value + byte * 374761393) & 0xFFFFFFFF, 11) * 2654435761 & 0xFFFFFFFF
    value = (value ^ value >> 15) * 2246822519 & 0xFFFFFFFF
    value = (value ^ value >> 13) * 3266489917 & 0xFFFFFFFF
    return value ^ value >> 16


def lz4_frame(blocks: Iterable[bytes], *, flags: int = 0x60, end: bool = True) -> bytes:
    """An LZ4 frame of blocks of at most 64 KiB, each by itself, as Java clients make it (they read no linked blocks). A block that does not shrink goes in as it is."""
    descriptor = bytes([flags, 0x40])
    out = bytearray(b"\x04\x22\x4d\x18" + descriptor + bytes([xxhash32(descriptor) >> 8 & 0xFF]))
    for block in blocks:
        packed = bytes(cramjam.lz4.compress_block(block, store_size=False))
        out += struct.pack("<I", len(packed)) + packed if len(packed) < len(block) else struct.pack("<I", len(block) | 1 << 31) + block
    return bytes(out) + (bytes(4) if end else b"")


def _lz4(data: bytes) -> bytes:
    return lz4_frame(data[pos : pos + 65536] for pos in range(0, len(data), 65536))


PACK: Final[dict[str, Callable[[bytes], bytes]]] = {
    "none": bytes,
    "gzip": _gzip,
    "snappy": _snappy_xerial,
    "lz4": _lz4,
    "zstd": lambda data: bytes(cramjam.zstd.compress(data)),
}
UNPACK: Final[dict[str, Callable[[bytes], bytes]]] = {
    "none": bytes,
    "gzip": _un_gzip,
    "snappy": _un_snappy,
    "lz4": lambda data: bytes(cramjam.lz4.decompress(data)),
    "zstd": lambda data: bytes(cramjam.zstd.decompress(data)),
}


# ---- records


@dataclass(frozen=True, slots=True)
class Record:
    """One record. ``time_ms`` is absolute; ``offset`` and ``time_ms`` are filled in when read."""

    value: bytes | None = b""
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    time_ms: int = NOW_MS
    offset: int = -1

    @property
    def content(self) -> tuple[bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]:
        return self.key, self.value, self.headers


def blob(value: bytes | None) -> bytes:
    return zigzag(-1) if value is None else zigzag(len(value)) + value


def record_bytes(record: Record, offset_delta: int, base_time_ms: int, *, attributes: int = 0) -> bytes:
    """One record with its length."""
    inner = bytes([attributes]) + zigzag(record.time_ms - base_time_ms) + zigzag(offset_delta) + blob(record.key) + blob(record.value) + zigzag(len(record.headers))
    for name, value in record.headers:
        inner += blob(name.encode()) + blob(value)
    return zigzag(len(inner)) + inner


def batch(
    records: Sequence[Record] = (Record(b"v"),),
    *,
    codec: str = "none",
    attributes: int = 0,
    producer_id: int = -1,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    base_offset: int = 0,
    leader_epoch: int = -1,
    magic: int = 2,
    length: int | None = None,
    crc: int | None = None,
    last_offset_delta: int | None = None,
    base_time_ms: int | None = None,
    max_time_ms: int | None = None,
    count: int | None = None,
    payload: bytes | None = None,
    packed: bytes | None = None,
) -> bytes:
    """A batch. ``attributes`` are added to the codec's number; ``payload`` replaces the records before compression, ``packed`` after it."""
    base = (records[0].time_ms if records else NOW_MS) if base_time_ms is None else base_time_ms
    latest = max((record.time_ms for record in records), default=base) if max_time_ms is None else max_time_ms
    if payload is None:
        payload = b"".join(record_bytes(record, delta, base) for delta, record in enumerate(records))
    if packed is None:
        packed = PACK[codec](payload)
    body = (
        _BODY.pack(
            attributes | CODECS.index(codec),
            len(records) - 1 if last_offset_delta is None else last_offset_delta,
            base,
            latest,
            producer_id,
            producer_epoch,
            base_sequence,
            len(records) if count is None else count,
        )
        + packed
    )
    return _HEAD.pack(base_offset, 9 + len(body) if length is None else length, leader_epoch, magic) + struct.pack(">I", crc32c(body) if crc is None else crc) + body


def batch_of_size(size: int, **fields: int) -> bytes:
    """An uncompressed batch of one record that has exactly ``size`` bytes."""
    value = size - HEADER_BYTES - 16
    while True:
        data = batch([Record(bytes(value))], **fields)  # type: ignore[arg-type]
        if len(data) == size:
            return data
        assert abs(len(data) - size) < 32, f"no batch of {size} bytes"
        value += size - len(data)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as read from an answer or from a file."""

    base_offset: int
    leader_epoch: int
    attributes: int
    last_offset_delta: int
    base_time_ms: int
    max_time_ms: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    records: tuple[Record, ...]
    size_bytes: int
    raw: bytes = field(repr=False)

    @property
    def codec(self) -> str:
        return CODECS[self.attributes & 7]

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_offset_delta

    @property
    def body(self) -> bytes:
        """All that the CRC covers: what a broker that changes nothing must keep."""
        return self.raw[21:]


def parse_batches(data: bytes | None, *, cut_tail: bool = False) -> list[Batch]:
    """Every batch in an answer, each checked. ``cut_tail``: what does not hold a whole batch at the end is left out, as a fetch may end so."""
    found: list[Batch] = []
    data = data or b""
    pos = 0
    while pos < len(data):
        left = len(data) - pos
        size = 12 + struct.unpack_from(">i", data, pos + 8)[0] if left >= 12 else 1 << 31
        if size > left:
            assert cut_tail, f"{left} bytes of a batch of {size} at the end"
            break
        found.append(_parse(data[pos : pos + size]))
        pos += size
    return found


def _parse(raw: bytes) -> Batch:
    base_offset, _, leader_epoch, magic = _HEAD.unpack_from(raw)
    assert magic == 2
    crc = struct.unpack_from(">I", raw, 17)[0]
    assert crc == crc32c(raw[21:]), f"CRC of the batch at {base_offset}"
    attributes, last_delta, base_time, max_time, producer_id, epoch, sequence, count = _BODY.unpack_from(raw, 21)
    payload = UNPACK[CODECS[attributes & 7]](raw[HEADER_BYTES:])
    records = []
    pos = 0
    for _ in range(count):
        record, pos = _parse_record(payload, pos)
        time = max_time if attributes & LOG_APPEND_TIME else base_time + record.time_ms
        records.append(replace(record, offset=base_offset + record.offset, time_ms=time))
    assert pos == len(payload), "bytes after the last record"
    return Batch(base_offset, leader_epoch, attributes, last_delta, base_time, max_time, producer_id, epoch, sequence, tuple(records), len(raw), raw)


def _parse_record(data: bytes, pos: int) -> tuple[Record, int]:
    size, pos = read_zigzag(data, pos)
    end = pos + size
    pos += 1
    time_delta, pos = read_zigzag(data, pos)
    offset_delta, pos = read_zigzag(data, pos)
    key, pos = _read_blob(data, pos)
    value, pos = _read_blob(data, pos)
    count, pos = read_zigzag(data, pos)
    headers = []
    for _ in range(count):
        name, pos = _read_blob(data, pos)
        content, pos = _read_blob(data, pos)
        assert name is not None
        headers.append((name.decode(), content))
    assert pos == end, "a record's length"
    return Record(value, key, tuple(headers), time_delta, offset_delta), pos


def _read_blob(data: bytes, pos: int) -> tuple[bytes | None, int]:
    size, pos = read_zigzag(data, pos)
    if size == -1:
        return None, pos
    assert 0 <= size <= len(data) - pos
    return data[pos : pos + size], pos + size


def all_records(batches: Iterable[Batch]) -> list[Record]:
    return [record for one in batches for record in one.records]
