"""W01-W17: frames that are none, and connections that behave badly. The broker closes or answers as it should, and others are served."""

import random
import select
import socket
import struct

import pytest

from pybroker.protocol.messages import load
from tests.support.client import Client, batch

VERSIONS = load(18).ApiVersionsRequest(client_software_name="test", client_software_version="1.0")


@pytest.fixture
def bad(shared_broker):
    """A connection to misuse; afterwards another one must be served."""
    with Client(shared_broker.port) as connection:
        yield connection
    with Client(shared_broker.port) as other:
        assert other.ask(VERSIONS, 3).error_code == 0
    assert shared_broker.is_alive


def resident_kib(broker) -> int:
    with open(f"/proc/{broker.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


@pytest.mark.parametrize("length", [2**31 - 1, 100 * 1024 * 1024 + 1, 0, -1, -(2**31), 4, 7])
def test_w01_w02_an_impossible_length_closes(bad, length):
    bad.send_bytes(struct.pack(">i", length) + b"0123456789")
    assert bad.is_closed()


def test_w03_a_slow_frame_is_closed_at_the_idle_limit(make_broker):
    broker = make_broker({"connections.max.idle.ms": 300})
    with Client(broker.port) as client:
        client.send_bytes(struct.pack(">i", 1000))
        assert client.is_closed()


def test_w04_memory_follows_what_was_received_not_what_was_announced(shared_broker):
    before = resident_kib(shared_broker)
    connections = [Client(shared_broker.port) for _ in range(200)]
    for connection in connections:
        connection.send_bytes(struct.pack(">i", 90 * 1024 * 1024) + b"x" * 100)
    with Client(shared_broker.port) as other:
        assert other.ask(VERSIONS, 3).error_code == 0
    assert resident_kib(shared_broker) - before < 16 * 1024
    for connection in connections:
        connection.socket.close()


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50), b"SSH-2.0-OpenSSH_9.2\r\n",
                                  random.Random(1).randbytes(1 << 20)])  # fmt: skip
def test_w06_another_protocol_closes(bad, data):
    try:
        bad.send_bytes(data)
    except ConnectionError:
        return
    assert bad.is_closed()


@pytest.mark.parametrize(("key", "version"), [(999, 0), (-1, 0), (3, -1), (3, 32767), (0, 14), (1, 3), (10, 0), (4, 0)])
def test_w07_an_unknown_key_or_version_closes(bad, key, version):
    bad.send_frame(struct.pack(">hhih", key, version, 1, -1) + bytes(30))
    assert bad.is_closed()


@pytest.mark.parametrize("client_id", [struct.pack(">h", -2), struct.pack(">h", 32767) + b"ab"])
def test_w08_a_client_id_that_is_none_closes(bad, client_id):
    bad.send_frame(struct.pack(">hhi", 3, 1, 1) + client_id + struct.pack(">i", -1))
    assert bad.is_closed()


@pytest.mark.parametrize("client_id", [b"\xff\xfe", b"a\0b", b"x" * 10000, b"\n[error] forged"])
def test_w08_odd_client_ids_are_served(bad, client_id):
    bad.send_frame(struct.pack(">hhih", 3, 1, 5, len(client_id)) + client_id + struct.pack(">i", 0))
    assert struct.unpack_from(">i", bad.read_frame())[0] == 5


@pytest.mark.parametrize("count", [2**31 - 1, -2, 100000])
@pytest.mark.parametrize("key", [0, 1, 2, 3, 19])
def test_w09_an_array_beyond_the_frame_closes(bad, key, count):
    head = {0: (3, struct.pack(">hhi", -1, 1, 100)), 1: (4, struct.pack(">iiiib", -1, 0, 0, 0, 0)), 2: (1, struct.pack(">i", -1)), 3: (1, b""), 19: (2, b"")}
    version, body = head[key]
    bad.send_frame(struct.pack(">hhih", key, version, 1, -1) + body + struct.pack(">i", count))
    assert bad.is_closed()


@pytest.mark.parametrize("varint", [b"\x80\x80\x80\x80\x80\x01", b"\xff\xff\xff\xff\x7f"])
def test_w10_a_varint_that_is_none_closes(bad, varint):
    bad.send_frame(struct.pack(">hhih", 3, 9, 1, -1) + b"\0" + varint + bytes(20))
    assert bad.is_closed()


@pytest.mark.parametrize("section", [b"\x02\x05\x00\x05\x00", b"\x02\x05\x00\x04\x00", b"\x01\x05\x7f", b"\xff\xff\xff\xff\x0f"])
def test_w12_tagged_fields_out_of_order_or_too_long_close(bad, section):
    bad.send_frame(struct.pack(">hhih", 18, 3, 1, -1) + b"\0" + b"\x05test\x041.0" + section)
    assert bad.is_closed()


def test_w12_an_unknown_tag_is_passed_over(bad):
    bad.send_frame(struct.pack(">hhih", 18, 3, 9, -1) + b"\0" + b"\x05test\x041.0" + b"\x01\x63\x03abc")
    assert struct.unpack_from(">ih", bad.read_frame()) == (9, 0)


@pytest.mark.parametrize("key", [0, 1, 2, 3, 18, 23])
def test_w14_a_request_cut_anywhere_changes_nothing(shared_broker, client, key):
    name = f"cut-{key}"
    client.create_topic(name)
    with Client(shared_broker.port) as whole:
        requests = {
            0: (whole.produce_request(name, {0: batch([(None, b"v")])}), 9),
            1: (whole.fetch_request(name, {0: 0}), 12),
            2: (load(2).ListOffsetsRequest(topics=[load(2).ListOffsetsTopic(name=name, partitions=[load(2).ListOffsetsPartition(partition_index=0, timestamp=-1)])]), 7),
            3: (load(3).MetadataRequest(topics=[load(3).MetadataRequestTopic(name=name)]), 9),
            18: (VERSIONS, 3),
            23: (load(23).OffsetForLeaderEpochRequest(topics=[load(23).OffsetForLeaderTopic(topic=name, partitions=[load(23).OffsetForLeaderPartition(partition=0)])]), 4),
        }
        request, version = requests[key]
        header = struct.pack(">hhih", key, version, 1, -1) + b"\0"
        body = header + bytes(request.encode(version))
        for cut in range(8, len(body), 3):
            with Client(shared_broker.port) as one:
                one.send_frame(body[:cut])
                assert one.is_closed(), cut
        for cut in range(0, len(body) + 4, 7):                              # and an honest length with the connection lost in the middle
            with Client(shared_broker.port) as one:
                one.send_bytes((struct.pack(">i", len(body)) + body)[:cut])
    assert client.offset(name, -1).offset == 0


def test_w15_ten_thousand_requests_without_reading_are_answered_in_order(shared_broker, client):
    client.create_topic("pipelined")
    frame_of = load(2).ListOffsetsRequest(topics=[load(2).ListOffsetsTopic(name="pipelined", partitions=[load(2).ListOffsetsPartition(partition_index=0, timestamp=-1)])])
    body = bytes(frame_of.encode(1))
    out = b"".join(struct.pack(">ihhih", len(body) + 10, 2, 1, n, -1) + body for n in range(10000))
    with Client(shared_broker.port) as deep:
        deep.socket.setblocking(False)
        sent, answers = 0, bytearray()
        while sent < len(out) and select.select([], [deep.socket], [], 0.3)[1]:   # until nothing more goes in
            sent += deep.socket.send(out[sent : sent + 65536])
        while len(answers) < 4 or count_frames(answers) < 10000:
            readable, writable, _ = select.select([deep.socket], [deep.socket] if sent < len(out) else [], [], 10)
            assert readable or writable
            if writable:
                sent += deep.socket.send(out[sent : sent + 65536])
            if readable:
                answers += deep.socket.recv(1 << 20)
        pos = 0
        for n in range(10000):
            length, correlation = struct.unpack_from(">ii", answers, pos)
            assert correlation == n
            pos += 4 + length
        assert pos == len(answers)


def count_frames(data) -> int:
    pos = count = 0
    while pos + 4 <= len(data):
        pos += 4 + struct.unpack_from(">i", data, pos)[0]
        count += pos <= len(data)
    return count


def test_w16_a_reset_in_the_middle_of_an_answer_harms_nobody(shared_broker, client):
    client.create_topic("reset")
    for _ in range(10):
        assert client.produce("reset", batch([(None, bytes(900_000))])).error_code == 0
    for _ in range(20):
        with Client(shared_broker.port) as reader:
            reader.send(reader.fetch_request("reset", {0: 0}, partition_max_bytes=1 << 26), 11)
            reader.read_exactly(1000)
            reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert client.ask(VERSIONS, 3).error_code == 0


@pytest.mark.parametrize("correlation", [-5, 0, 2**31 - 1])
def test_w17_correlation_ids_are_echoed(bad, correlation):
    for _ in range(2):
        bad.send_frame(struct.pack(">hhih", 18, 0, correlation, -1))
        assert struct.unpack_from(">i", bad.read_frame())[0] == correlation


def test_frames_that_arrive_byte_by_byte_are_served(shared_broker):
    with Client(shared_broker.port) as slow:
        slow.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        frame = struct.pack(">hhih", 18, 0, 3, -1)
        for byte in struct.pack(">i", len(frame)) + frame:
            slow.send_bytes(bytes([byte]))
        assert struct.unpack_from(">i", slow.read_frame())[0] == 3
