"""Raw frames to a broker: a blocking socket with time-outs, requests of any version from the generated messages, bytes of any kind besides."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from pybroker.protocol import messages
from pybroker.protocol.definitions.served import RANGES
from pybroker.protocol.primitives import Message

TIMEOUT_S: Final = 15.0
CLIENT_ID: Final = "raw"
API_VERSIONS: Final = 18

M = TypeVar("M", bound=Message)


def versions(key: int) -> range:
    """Every version that a broker answers for a key (Produce 0-2 are advertised and refused: not in here)."""
    low, high = RANGES[key]
    return range(3 if key == 0 else low, high + 1)


def response_class(request: Message) -> Any:
    """The class that answers a request's class."""
    return getattr(import_module(type(request).__module__), type(request).__name__.removesuffix("Request") + "Response")


def request_header(key: int, version: int, correlation_id: int, client_id: str | bytes | None = CLIENT_ID, *, flexible: bool | None = None, tags: bytes = b"\0") -> bytes:
    """Header version 1 or 2, written by hand. ``client_id`` as bytes may be anything."""
    raw = client_id.encode() if isinstance(client_id, str) else client_id
    head = struct.pack(">hhi", key, version, correlation_id) + (struct.pack(">h", -1) if raw is None else struct.pack(">h", len(raw)) + raw)
    if flexible is None:
        flexible = version >= cast(int, request_class(key).FLEXIBLE_FROM)
    return head + (tags if flexible else b"")


def request_class(key: int) -> Any:
    """The request class of a key."""
    module = messages.load(key)
    return next(value for name, value in vars(module).items() if name.endswith("Request") and getattr(value, "API_KEY", None) == key)


def encode(request: Message, version: int, correlation_id: int = 1, client_id: str | bytes | None = CLIENT_ID) -> bytes:
    """A request without its length."""
    key = cast(Any, request).API_KEY
    return request_header(key, version, correlation_id, client_id) + bytes(cast(Any, request).encode(version))


def framed(payload: bytes) -> bytes:
    return struct.pack(">i", len(payload)) + payload


def response_header_bytes(key: int, version: int) -> int:
    """Bytes of the response header: the correlation id, and a tag section where the version is flexible. ApiVersions never has one."""
    return 4 if key == API_VERSIONS or version < cast(int, request_class(key).FLEXIBLE_FROM) else 5


def decode(payload: bytes, request: Message, version: int) -> tuple[int, Any]:
    """(correlation id, response), read to its last byte."""
    correlation_id: int = struct.unpack_from(">i", payload)[0]
    start = response_header_bytes(cast(Any, request).API_KEY, version)
    if start == 5:
        assert payload[4] == 0, "tags in a response header"
    response, end = response_class(request).decode(payload, version, start)
    assert end == len(payload), f"{len(payload) - end} bytes after the response {response}"
    return correlation_id, response


class Closed(AssertionError):
    """The peer closed the connection where an answer was expected."""


class Connection:
    """One connection. Not for several threads."""

    def __init__(self, address: tuple[str, int], *, timeout_s: float = TIMEOUT_S, receive_buffer_bytes: int | None = None) -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(timeout_s)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._last_correlation_id = 0

    # ---- bytes

    def send_bytes(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read_exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                got = self.socket.recv(min(size - len(data), 1 << 20))
            except ConnectionResetError:
                got = b""
            if not got:
                raise Closed(f"closed by the broker after {len(data)} of {size} bytes")
            data += got
        return bytes(data)

    def read_frame(self) -> bytes:
        """The next answer, without its length."""
        size: int = struct.unpack(">i", self.read_exactly(4))[0]
        assert 4 <= size <= 256 << 20, f"a frame of {size} bytes"
        return self.read_exactly(size)

    def assert_closed(self, within_s: float = 5.0) -> None:
        """The broker must close without a byte of answer."""
        self.socket.settimeout(within_s)
        try:
            got = self.socket.recv(65536)
        except ConnectionResetError:
            return
        except TimeoutError:
            raise AssertionError(f"the broker neither answered nor closed within {within_s} s") from None
        assert got == b"", f"the broker answered {got[:100].hex(' ')} where it should close"

    def send_and_assert_closed(self, data: bytes, within_s: float = 5.0) -> None:
        """Send what the broker must refuse; it may close while we are still sending."""
        try:
            self.send_bytes(data)
        except (BrokenPipeError, ConnectionResetError):
            return
        self.assert_closed(within_s)

    # ---- requests

    def send(self, request: Message, version: int, *, correlation_id: int | None = None, client_id: str | bytes | None = CLIENT_ID) -> int:
        """Send one request; returns its correlation id."""
        if correlation_id is None:
            self._last_correlation_id += 1
            correlation_id = self._last_correlation_id
        self.send_bytes(framed(encode(request, version, correlation_id, client_id)))
        return correlation_id

    def receive(self, request: Message, version: int, correlation_id: int) -> Any:
        """The answer to the oldest request that is not answered."""
        got, response = decode(self.read_frame(), request, version)
        assert got == correlation_id, f"answer {got} where {correlation_id} was due"
        return response

    def call(self, request: Message, version: int) -> Any:
        return self.receive(request, version, self.send(request, version))

    def call_raw(self, request: Message, version: int, correlation_id: int = 7) -> bytes:
        """The answer's bytes without the length."""
        self.send(request, version, correlation_id=correlation_id)
        return self.read_frame()

    # ---- ending

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@contextmanager
def connections(address: tuple[str, int], count: int) -> Iterator[list[Connection]]:
    opened: list[Connection] = []
    try:
        for _ in range(count):
            opened.append(Connection(address))
        yield opened
    finally:
        for connection in opened:
            connection.close()


# ---- primitives for messages made by hand


def uvarint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def string(text: str | None) -> bytes:
    raw = b"" if text is None else text.encode()
    return struct.pack(">h", -1 if text is None else len(raw)) + raw


def compact_string(text: str | None) -> bytes:
    raw = b"" if text is None else text.encode()
    return uvarint(0 if text is None else len(raw) + 1) + raw
