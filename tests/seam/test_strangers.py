"""A listener that asks for a login: until then a connection may ask for versions and authenticate, in small frames, for a short time."""

import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pybroker.protocol.messages import load
from tests.seam.cores import assert_idle, listen, make_core
from tests.support.client import Client, Closed

STRANGER_MS = 400


@pytest.fixture
def core(tmp_path) -> Iterator[tuple[Any, int]]:
    made = make_core(tmp_path)
    made.configure(stranger_ms_max=STRANGER_MS)
    port = listen(made, asks_login=True)
    made.start()
    yield made, port
    made.stop()
    assert_idle(made)


def test_versions_may_be_asked(core):
    with Client(core[1]) as client:
        assert client.call(load(18).ApiVersionsRequest(), 0).error_code == 0


@pytest.mark.parametrize("key", [0, 1, 2, 3, 19, 999])
def test_other_requests_close(core, key):
    with Client(core[1]) as client:
        client.send_frame(struct.pack(">hhih", key, 0, 1, -1))
        assert client.is_closed()


def padded(size: int) -> bytes:
    """An ApiVersions request of exactly so many bytes: the rest is a tagged field that nobody knows."""
    head, body = struct.pack(">hhih", 18, 3, 1, -1) + b"\x01\x32", b"\x02a\x021\x00"
    room = size - len(head) - len(body) - 3                                 # 3 bytes of length
    return head + bytes([room & 0x7F | 0x80, room >> 7 & 0x7F | 0x80, room >> 14]) + b"x" * room + body


def test_a_frame_of_64_kib_is_served_and_one_byte_more_closes(core):
    with Client(core[1]) as client:
        client.send_frame(padded(65536))
        assert struct.unpack(">ih", client.read_frame()[:6]) == (1, 0)
        client.send_bytes(struct.pack(">i", 65537))
        assert client.is_closed()


def test_time_is_short_whatever_is_sent(core):
    begin = time.monotonic()
    with Client(core[1]) as client:
        while time.monotonic() - begin < 10 * STRANGER_MS / 1000:
            try:
                client.call(load(18).ApiVersionsRequest(), 0)
            except (Closed, ConnectionError):
                break
        took_ms = 1000 * (time.monotonic() - begin)
    assert STRANGER_MS * 0.9 <= took_ms < 5 * STRANGER_MS


def test_who_announces_much_holds_nothing(core):
    made, port = core
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
    for one in silent:
        one.sendall(struct.pack(">i", 60000) + b"x" * 100)
    with Client(port) as client:
        assert client.call(load(18).ApiVersionsRequest(), 0).error_code == 0
        assert made.stats()["receive_bytes_held"] <= 51 * 65536
    for one in silent:
        assert one.recv(1) == b""
        one.close()
