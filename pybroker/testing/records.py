"""Record batches in plain Python, uncompressed: what tests send to a broker, read from it, and show to hooks.

Layout, big endian: base offset 8 | length 4 (from the next field on) | leader epoch 4 | magic 1 | CRC-32C 4 (of the rest) | attributes 2 | last offset delta 4 | base
timestamp 8 | max timestamp 8 | producer id 8 | producer epoch 2 | base sequence 4 | record count 4 | records. Source: Kafka record format v2 (KIP-98).
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final

from pybroker.hooks import Record

HEADER_BYTES: Final = 61
_HEAD: Final = struct.Struct(">qiib")
_BODY: Final = struct.Struct(">hiqqqhii")
DEFAULT_TIME_MS: Final = 1_700_000_000_000
"""Time of records that do not say another."""

Payload = bytes | str | None
RecordLike = Record | Payload | tuple[Payload, Payload]
"""A record; a value; or a key and a value. Texts are UTF-8."""


def as_records(items: Iterable[RecordLike], time_ms: int = DEFAULT_TIME_MS) -> list[Record]:
    """Records from what tests write for them."""
    return [_record(place, item, time_ms) for place, item in enumerate(items)]


def _record(place: int, item: RecordLike, time_ms: int) -> Record:
    if isinstance(item, Record):
        return item._replace(offset_delta=place)
    key, value = item if isinstance(item, tuple) else (None, item)
    return Record(place, time_ms, _payload(key), _payload(value), ())


def _payload(item: Payload) -> bytes | None:
    return item.encode() if isinstance(item, str) else item


def encode(records: Sequence[Record], *, producer_id: int = -1, producer_epoch: int = -1, base_sequence: int = -1) -> bytes:
    """A batch of these records."""
    base_ms = records[0].timestamp_ms
    latest_ms = max(record.timestamp_ms for record in records)
    payload = b"".join(_encoded(record, place, base_ms) for place, record in enumerate(records))
    body = _BODY.pack(0, len(records) - 1, base_ms, latest_ms, producer_id, producer_epoch, base_sequence, len(records)) + payload
    return _HEAD.pack(0, 9 + len(body), -1, 2) + struct.pack(">I", crc32c(body)) + body


def _encoded(record: Record, place: int, base_ms: int) -> bytes:
    inner = b"\0" + _varint(record.timestamp_ms - base_ms) + _varint(place) + _blob(record.key) + _blob(record.value) + _varint(len(record.headers))
    inner += b"".join(_blob(name.encode()) + _blob(value) for name, value in record.headers)
    return _varint(len(inner)) + inner


def decode(data: bytes) -> Iterator[tuple[int, Record]]:
    """(offset, record) of every whole batch in a fetch's answer. Raises ValueError for a compressed one."""
    pos = 0
    while len(data) - pos >= HEADER_BYTES:
        base_offset, length, _epoch, _magic = _HEAD.unpack_from(data, pos)
        attributes, _last, base_ms, _latest_ms, _id, _producer_epoch, _sequence, count = _BODY.unpack_from(data, pos + 21)
        if len(data) - pos < 12 + length:
            return
        if attributes & 7:
            raise ValueError("the batch is compressed; read this topic with a Kafka client")
        at = pos + HEADER_BYTES
        for _ in range(count):
            record, at = _decoded(data, at, base_ms)
            yield base_offset + record.offset_delta, record
        pos += 12 + length


def _decoded(data: bytes, pos: int, base_ms: int) -> tuple[Record, int]:
    size, pos = _read_varint(data, pos)
    end = pos + size
    time_delta, pos = _read_varint(data, pos + 1)
    offset_delta, pos = _read_varint(data, pos)
    key, pos = _read_blob(data, pos)
    value, pos = _read_blob(data, pos)
    count, pos = _read_varint(data, pos)
    headers = []
    for _ in range(count):
        name, pos = _read_blob(data, pos)
        content, pos = _read_blob(data, pos)
        headers.append(((name or b"").decode(), content))
    return Record(offset_delta, base_ms + time_delta, key, value, tuple(headers)), end


# ---- numbers


def _varint(value: int) -> bytes:
    value = (value << 1 ^ value >> 63) & 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, pos: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value >> 1 ^ -(value & 1), pos
        shift += 7


def _blob(value: bytes | None) -> bytes:
    return _varint(-1) if value is None else _varint(len(value)) + value


def _read_blob(data: bytes, pos: int) -> tuple[bytes | None, int]:
    size, pos = _read_varint(data, pos)
    return (None, pos) if size < 0 else (bytes(data[pos : pos + size]), pos + size)


@cache
def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


def crc32c(data: bytes) -> int:
    """Castagnoli CRC of some bytes."""
    table = _table()
    value = 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF
