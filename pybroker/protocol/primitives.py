"""Reading and writing the primitive types of the Kafka protocol.

Strict in what it reads: lengths inside of the data, no null where none is allowed, varints in their shortest form's bounds, tags ascending. Errors: ProtocolError.
"""

from struct import Struct, error
from typing import Final, NoReturn, cast

_I16: Final = Struct(">h")
_U16: Final = Struct(">H")
_I32: Final = Struct(">i")
_U32: Final = Struct(">I")
_I64: Final = Struct(">q")
_F64: Final = Struct(">d")

pack_i16, pack_u16, pack_i32, pack_u32, pack_i64, pack_f64 = _I16.pack, _U16.pack, _I32.pack, _U32.pack, _I64.pack, _F64.pack

ZERO_UUID: Final = bytes(16)
ARRAY_MAX: Final = 1_000_000
"""Elements of an array, as a current Kafka reader has it."""
TAGS_MAX: Final = 10_000
"""Tagged fields of one section, likewise."""


class ProtocolError(ValueError):
    """Bytes that are no valid message, or a value that a version cannot carry."""


class Message:
    """Base of all generated classes: equality, text."""

    __slots__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__ if name != 'unknown_tags')})"


def _fail(text: str) -> NoReturn:
    raise ProtocolError(text)


class Reader:
    """A place in received bytes."""

    __slots__ = ("data", "end", "pos")

    def __init__(self, data: bytes, pos: int = 0, end: int | None = None) -> None:
        self.data, self.pos, self.end = data, pos, len(data) if end is None else end

    def _take(self, size: int) -> int:
        pos = self.pos
        if size < 0 or size > self.end - pos:
            _fail(f"{size} bytes are wanted at {pos}, {self.end - pos} are left")
        self.pos = pos + size
        return pos

    def boolean(self) -> bool:
        return self.data[self._take(1)] != 0

    def i8(self) -> int:
        value = self.data[self._take(1)]
        return value - 256 if value > 127 else value

    def i16(self) -> int:
        return cast(int, _I16.unpack_from(self.data, self._take(2))[0])

    def u16(self) -> int:
        return cast(int, _U16.unpack_from(self.data, self._take(2))[0])

    def i32(self) -> int:
        return cast(int, _I32.unpack_from(self.data, self._take(4))[0])

    def u32(self) -> int:
        return cast(int, _U32.unpack_from(self.data, self._take(4))[0])

    def i64(self) -> int:
        return cast(int, _I64.unpack_from(self.data, self._take(8))[0])

    def f64(self) -> float:
        return cast(float, _F64.unpack_from(self.data, self._take(8))[0])

    def uuid(self) -> bytes:
        pos = self._take(16)
        return self.data[pos : pos + 16]

    def uvarint(self) -> int:
        """At most five bytes, 32 bits."""
        value = shift = 0
        while True:
            byte = self.data[self._take(1)]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value if value < 1 << 32 else _fail("varint of more than 32 bits")
            shift += 7
            if shift > 28:
                _fail("varint of more than five bytes")

    def _bytes(self, size: int) -> bytes:
        pos = self._take(size)
        return self.data[pos : pos + size]

    def _text(self, size: int) -> str:
        pos = self._take(size)
        try:
            return self.data[pos : pos + size].decode()
        except UnicodeDecodeError as fault:
            raise ProtocolError("string that is no UTF-8") from fault

    def string(self) -> str:
        return self._text(self.i16())

    def nullable_string(self) -> str | None:
        size = self.i16()
        return None if size == -1 else self._text(size)

    def compact_string(self) -> str:
        return self._text(self.uvarint() - 1)

    def compact_nullable_string(self) -> str | None:
        size = self.uvarint()
        return None if size == 0 else self._text(size - 1)

    def blob(self) -> bytes:
        return self._bytes(self.i32())

    def nullable_blob(self) -> bytes | None:
        size = self.i32()
        return None if size == -1 else self._bytes(size)

    def compact_blob(self) -> bytes:
        return self._bytes(self.uvarint() - 1)

    def compact_nullable_blob(self) -> bytes | None:
        size = self.uvarint()
        return None if size == 0 else self._bytes(size - 1)

    def count(self, compact: bool, nullable: bool) -> int:
        """Elements of an array, -1 for null. An element takes a byte at least."""
        count = self.uvarint() - 1 if compact else self.i32()
        if count == -1 and nullable:
            return -1
        if count < 0 or count > self.end - self.pos or count > ARRAY_MAX:
            _fail(f"array of {count} elements in {self.end - self.pos} bytes")
        return count

    def tags(self) -> "list[tuple[int, Reader]]":
        """A tagged section: (tag, its bytes), ascending."""
        count = self.uvarint()
        if count == 0:
            return []
        if count > TAGS_MAX:
            _fail(f"{count} tagged fields")
        found: list[tuple[int, Reader]] = []
        last = -1
        for _ in range(count):
            tag, size = self.uvarint(), self.uvarint()
            if tag <= last:
                _fail("tagged fields are not in order")
            last, pos = tag, self._take(size)
            found.append((tag, Reader(self.data, pos, pos + size)))
        return found

    def done(self) -> None:
        """Every byte must have been read."""
        if self.pos != self.end:
            _fail(f"{self.end - self.pos} bytes are left over")

    def rest(self) -> bytes:
        pos, self.pos = self.pos, self.end
        return self.data[pos : self.end]


def put_uvarint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def put_i8(out: bytearray, value: int) -> None:
    if not -128 <= value <= 127:
        _fail(f"{value} is no int8")
    out.append(value & 0xFF)


def put_uuid(out: bytearray, value: bytes) -> None:
    if len(value) != 16:
        _fail("a uuid has 16 bytes")
    out += value


def put_string(out: bytearray, value: str | None, compact: bool, nullable: bool) -> None:
    if value is None:
        put_null(out, compact, nullable, 2)
        return
    data = value.encode()
    if len(data) > 32767:
        _fail("string of more than 32767 bytes")
    if compact:
        put_uvarint(out, len(data) + 1)
    else:
        out += pack_i16(len(data))
    out += data


def put_bytes(out: bytearray, value: bytes | memoryview | None, compact: bool, nullable: bool) -> None:
    if value is None:
        put_null(out, compact, nullable, 4)
        return
    if compact:
        put_uvarint(out, len(value) + 1)
    else:
        out += pack_i32(len(value))
    out += value


def put_count(out: bytearray, count: int, compact: bool) -> None:
    if compact:
        put_uvarint(out, count + 1)
    else:
        out += pack_i32(count)


def put_null(out: bytearray, compact: bool, nullable: bool, size: int) -> None:
    """Null of a string (size 2), bytes or array (size 4)."""
    if not nullable:
        _fail("null where none is allowed")
    out += b"\0" if compact else b"\xff" * size


def put_tags(out: bytearray, tags: list[tuple[int, bytes | bytearray]], unknown: tuple[tuple[int, bytes], ...] | None) -> None:
    """A tagged section, known and unknown fields in order."""
    if unknown:
        tags = sorted([*tags, *unknown])
    put_uvarint(out, len(tags))
    for tag, data in tags:
        put_uvarint(out, tag)
        put_uvarint(out, len(data))
        out += data


def refuse(message: str, field: str, version: int) -> NoReturn:
    """A field is set that this version cannot carry."""
    raise ProtocolError(f"{message}: {field} is set, which version {version} cannot carry")


PackError = error
