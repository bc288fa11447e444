"""A client of raw frames: any request at any version, any bytes; and record batches built byte by byte, independent of the broker's code."""

import socket
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from pybroker.protocol.messages import load
from pybroker.protocol.messages.headers import RequestHeader, ResponseHeader

TIMEOUT_S = 10.0
API_VERSIONS = 18


def message(key: int, kind: str) -> Any:
    return next(value for name, value in vars(load(key)).items() if name.endswith(kind) and getattr(value, "API_KEY", None) == key)


class Client:
    """One connection."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), TIMEOUT_S)
        self.correlation = 0

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send_bytes(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_frame(self, body: bytes) -> None:
        self.send_bytes(struct.pack(">i", len(body)) + body)

    def read_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise ConnectionResetError("closed by the broker")
            data += piece
        return data

    def read_frame(self) -> bytes:
        return self.read_exactly(struct.unpack(">i", self.read_exactly(4))[0])

    def is_closed(self) -> bool:
        """Whether the broker closes, within the time-out, without another byte."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def send(self, request: Any, version: int, client_id: str | None = "test") -> int:
        """Send, return the correlation id."""
        self.correlation += 1
        flexible = version >= request.FLEXIBLE_FROM
        header = RequestHeader(request_api_key=request.API_KEY, request_api_version=version, correlation_id=self.correlation, client_id=client_id)
        self.send_frame(bytes(header.encode(2 if flexible else 1)) + bytes(request.encode(version)))
        return self.correlation

    def receive(self, key: int, version: int, correlation: int | None = None) -> Any:
        frame = self.read_frame()
        cls = message(key, "Response")
        header, pos = ResponseHeader.decode(frame, 1 if version >= cls.FLEXIBLE_FROM and key != API_VERSIONS else 0)
        assert header.correlation_id == (self.correlation if correlation is None else correlation)
        response, end = cls.decode(frame, version, pos)
        assert end == len(frame), "bytes are left over"
        return response

    def ask(self, request: Any, version: int) -> Any:
        self.send(request, version)
        return self.receive(request.API_KEY, version)

    # ---- common requests

    def create_topic(self, name: str, partitions: int = 1, configs: dict[str, str] | None = None) -> bytes:
        m = load(19)
        rows = [m.CreatableTopicConfig(name=key, value=value) for key, value in (configs or {}).items()]
        answer = self.ask(m.CreateTopicsRequest(topics=[m.CreatableTopic(name=name, num_partitions=partitions, replication_factor=1, configs=rows)]), 7)
        assert answer.topics[0].error_code == 0, answer
        return answer.topics[0].topic_id

    def produce_request(self, topic: str, batches: dict[int, bytes | None], acks: int = 1, topic_id: bytes = bytes(16), timeout_ms: int = 5000) -> Any:
        m = load(0)
        data = [m.PartitionProduceData(index=index, records=batch) for index, batch in batches.items()]
        return m.ProduceRequest(acks=acks, timeout_ms=timeout_ms, topic_data=[m.TopicProduceData(name=topic, topic_id=topic_id, partition_data=data)])

    def produce(self, topic: str, batch: bytes | None, *, partition: int = 0, acks: int = 1, version: int = 9) -> Any:
        """The one partition's answer."""
        return self.ask(self.produce_request(topic, {partition: batch}, acks), version).responses[0].partition_responses[0]

    def fetch_request(self, topic: str, offsets: dict[int, int], *, wait_ms: int = 0, min_bytes: int = 1, max_bytes: int = 1 << 26, partition_max_bytes: int = 1 << 20,
                      isolation: int = 0, session: tuple[int, int] = (0, -1), topic_id: bytes = bytes(16), forgotten: Sequence[Any] = ()) -> Any:  # fmt: skip
        m = load(1)
        rows = [m.FetchPartition(partition=index, fetch_offset=offset, partition_max_bytes=partition_max_bytes) for index, offset in offsets.items()]
        topics = [m.FetchTopic(topic=topic, topic_id=topic_id, partitions=rows)] if rows else []
        return m.FetchRequest(max_wait_ms=wait_ms, min_bytes=min_bytes, max_bytes=max_bytes, isolation_level=isolation, session_id=session[0], session_epoch=session[1],
                              topics=topics, forgotten_topics_data=list(forgotten))  # fmt: skip

    def fetch(self, topic: str, offset: int, *, partition: int = 0, version: int = 11, **options: Any) -> Any:
        """The one partition's answer."""
        return self.ask(self.fetch_request(topic, {partition: offset}, **options), version).responses[0].partitions[0]

    def offset(self, topic: str, timestamp: int, partition: int = 0, version: int = 11) -> Any:
        m = load(2)
        row = m.ListOffsetsPartition(partition_index=partition, timestamp=timestamp)
        return self.ask(m.ListOffsetsRequest(topics=[m.ListOffsetsTopic(name=topic, partitions=[row])]), version).topics[0].partitions[0]


# ---- record batches

_CRC: list[int] = []
for _n in range(256):
    _c = _n
    for _ in range(8):
        _c = _c >> 1 ^ 0x82F63B78 if _c & 1 else _c >> 1
    _CRC.append(_c)


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def varint(value: int) -> bytes:
    zigzag = value << 1 ^ value >> 63
    zigzag &= (1 << 64) - 1
    out = bytearray()
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


def sized(data: bytes | None) -> bytes:
    return varint(-1) if data is None else varint(len(data)) + data


Record = tuple[bytes | None, bytes | None]


def record(index: int, key: bytes | None, value: bytes | None, timestamp_delta: int = 0, headers: Sequence[tuple[bytes, bytes | None]] = ()) -> bytes:
    body = b"\0" + varint(timestamp_delta) + varint(index) + sized(key) + sized(value) + varint(len(headers))
    body += b"".join(sized(name) + sized(content) for name, content in headers)
    return varint(len(body)) + body


def batch(records: Sequence[Record] | Sequence[bytes], *, timestamp: int = 1_700_000_000_000, codec: int = 0, producer: tuple[int, int, int] = (-1, -1, -1),
          attributes: int = 0, **wrong: int) -> bytes:  # fmt: skip
    """A batch of (key, value) records. ``wrong`` overrides a field: base_offset, magic, count, last_offset_delta, max_timestamp, length, crc."""
    rows = [item if isinstance(item, bytes) else record(i, item[0], item[1]) for i, item in enumerate(records)]
    payload = compress(codec, b"".join(rows))
    fields = struct.pack(">hiqqqhii", attributes | codec, wrong.get("last_offset_delta", len(rows) - 1), timestamp, wrong.get("max_timestamp", timestamp), *producer,
                         wrong.get("count", len(rows)))  # fmt: skip
    crc = wrong.get("crc", crc32c(fields + payload))
    head = struct.pack(">qiibI", wrong.get("base_offset", 0), wrong.get("length", 9 + len(fields) + len(payload)), -1, wrong.get("magic", 2), crc)
    return head + fields + payload


def compress(codec: int, data: bytes) -> bytes:
    if codec == 0:
        return data
    if codec == 1:
        packer = zlib.compressobj(wbits=31)
        return packer.compress(data) + packer.flush()
    import cramjam

    if codec == 2:
        block = bytes(cramjam.snappy.compress_raw(data))
        return b"\x82SNAPPY\0" + struct.pack(">iii", 1, 1, len(block)) + block
    return bytes((cramjam.lz4 if codec == 3 else cramjam.zstd).compress(data))


def batches_of(data: bytes) -> list[tuple[int, int, int]]:
    """(base offset, record count, size) of each whole batch."""
    found, pos = [], 0
    while pos + 61 <= len(data):
        base, length = struct.unpack_from(">qi", data, pos)
        if pos + 12 + length > len(data):
            break
        found.append((base, struct.unpack_from(">i", data, pos + 57)[0], 12 + length))
        pos += 12 + length
    return found
