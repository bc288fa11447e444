"""The few requests that a test of a plugin makes of a real broker, without a client library. Not for load: one request at a time, no retries, records uncompressed."""

import socket
import struct
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from pybroker.protocol import errors
from pybroker.testing import records
from pybroker.testing.records import RecordLike

TIMEOUT_S: Final = 15.0


class Produced(NamedTuple):
    """What the broker says of a batch. ``error`` is Kafka's name of it (``INVALID_RECORD``), empty when the batch was stored from ``offset`` on."""

    offset: int
    error: str
    text: str | None
    record_errors: tuple[tuple[int, str | None], ...]
    """Index in the batch, and what is wrong with that record."""


class Stored(NamedTuple):
    """A record as a consumer gets it."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int


class Client:
    """One connection to a broker. Not for several threads. An error that an answer as a whole has is raised as a KafkaError."""

    def __init__(self, address: tuple[str, int], *, client_id: str = "test", login: tuple[str, str] | None = None) -> None:
        """``login``: name and password for SASL PLAIN. Raises OSError, KafkaError."""
        self._client_id = client_id.encode()
        self._socket = socket.create_connection(address, TIMEOUT_S)
        self._correlation_id = 0
        if login is not None:
            try:
                self.login(*login)
            except BaseException:
                self.close()
                raise

    def login(self, user: str, password: str) -> None:
        """SASL PLAIN. Raises KafkaError where the broker refuses."""
        k17, k36 = (import_module(f"pybroker.protocol.messages.{name}") for name in ("k17_sasl_handshake", "k36_sasl_authenticate"))
        _raise(self.call(k17.SaslHandshakeRequest(mechanism="PLAIN"), 1).error_code, None)
        answer = self.call(k36.SaslAuthenticateRequest(auth_bytes=b"\0" + user.encode() + b"\0" + password.encode()), 2)
        _raise(answer.error_code, answer.error_message)

    # ---- topics

    def create_topic(self, name: str, partitions: int = 1, configs: Mapping[str, str] | None = None) -> None:
        """A new topic. Raises KafkaError where the broker refuses."""
        k19 = import_module("pybroker.protocol.messages.k19_create_topics")
        topic = k19.CreatableTopic(
            name=name, num_partitions=partitions, replication_factor=1, configs=[k19.CreatableTopicConfig(name=key, value=value) for key, value in (configs or {}).items()]
        )
        answer = self.call(k19.CreateTopicsRequest(topics=[topic], timeout_ms=10_000), 7).topics[0]
        _raise(answer.error_code, answer.error_message)

    def alter_topic(self, name: str, configs: Mapping[str, str | None]) -> None:
        """Set configs of a topic; None: back to the default. Raises KafkaError."""
        k44 = import_module("pybroker.protocol.messages.k44_incremental_alter_configs")
        changes = [k44.AlterableConfig(name=key, config_operation=1 if value is None else 0, value=value) for key, value in configs.items()]
        answer = self.call(k44.IncrementalAlterConfigsRequest(resources=[k44.AlterConfigsResource(resource_type=2, resource_name=name, configs=changes)]), 1).responses[0]
        _raise(answer.error_code, answer.error_message)

    # ---- records

    def produce(self, topic: str, items: Sequence[RecordLike], partition: int = 0) -> Produced:
        """Send one batch (acks=all): values, (key, value) pairs or Records."""
        k00 = import_module("pybroker.protocol.messages.k00_produce")
        data = k00.PartitionProduceData(index=partition, records=records.encode(records.as_records(items)))
        request = k00.ProduceRequest(acks=-1, timeout_ms=10_000, topic_data=[k00.TopicProduceData(name=topic, partition_data=[data])])
        answer = self.call(request, 9).responses[0].partition_responses[0]
        faults = tuple((fault.batch_index, fault.batch_index_error_message) for fault in answer.record_errors)
        return Produced(answer.base_offset, errors.ErrorCode(answer.error_code).name if answer.error_code else "", answer.error_message, faults)

    def read(self, topic: str, partition: int = 0, offset: int = 0) -> list[Stored]:
        """Everything that is stored from ``offset`` on. Raises KafkaError; ValueError for compressed batches."""
        k01 = import_module("pybroker.protocol.messages.k01_fetch")
        found: list[Stored] = []
        while True:
            rows = [k01.FetchPartition(partition=partition, fetch_offset=offset, partition_max_bytes=1 << 20)]
            request = k01.FetchRequest(max_wait_ms=0, min_bytes=0, max_bytes=1 << 26, session_id=0, session_epoch=-1, topics=[k01.FetchTopic(topic=topic, partitions=rows)])
            answer = self.call(request, 11)
            _raise(answer.error_code, None)
            row = answer.responses[0].partitions[0]
            _raise(row.error_code, None)
            part = [Stored(at, one.key, one.value, one.headers, one.timestamp_ms) for at, one in records.decode(bytes(row.records or b"")) if at >= offset]
            if not part:
                return found
            found += part
            offset = part[-1].offset + 1

    # ---- any request

    def call(self, request: Any, version: int) -> Any:
        """The answer to any request of ``pybroker.protocol.messages``. Raises ConnectionError when the broker closes instead."""
        self._correlation_id += 1
        flexible = version >= request.FLEXIBLE_FROM
        head = struct.pack(">hhih", request.API_KEY, version, self._correlation_id, len(self._client_id)) + self._client_id + (b"\0" if flexible else b"")
        body = head + bytes(request.encode(version))
        self._socket.sendall(struct.pack(">i", len(body)) + body)
        payload = self._read(struct.unpack(">i", self._read(4))[0])
        answers = getattr(import_module(type(request).__module__), type(request).__name__.removesuffix("Request") + "Response")
        answer, _end = answers.decode(payload, version, 5 if flexible and request.API_KEY != 18 else 4)
        return answer

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            got = self._socket.recv(size - len(data))
            if not got:
                raise ConnectionError("the broker closed the connection")
            data += got
        return bytes(data)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _raise(code: int, text: str | None) -> None:
    if code:
        raise errors.BY_CODE.get(code, errors.KafkaError)(text)
