"""ListOffsets (API key 2): every version, all special time stamps, by time, errors per partition."""

import struct

import pytest

from pybroker.protocol.messages import k02_list_offsets as k02
from tests.support import kafka
from tests.support.batches import CODECS, NOW_MS, Record, batch
from tests.support.kafka import Client, new_name
from tests.support.wire import framed, string, versions

LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING_UPLOAD = -1, -2, -3, -4, -5, -6


@pytest.fixture
def topic(client: Client) -> str:
    """Four batches: times +0..+2, +100..+102, +50..+52, +200..+202; twelve records."""
    name = client.create_topic(2)
    for start in (0, 100, 50, 200):
        client.produced(name, batch([Record(b"v", time_ms=NOW_MS + start + index) for index in range(3)]))
    return name


def ask(client: Client, topic: str, timestamp: int, *, version: int = 11, partition: int = 0, **fields: int) -> tuple[int, int, int, int]:
    """(error, offset, timestamp, leader epoch)"""
    [row] = client.offsets(topic, [(partition, timestamp)], version=version, **fields)
    assert row.partition_index == partition
    return row.error_code, row.offset, row.timestamp, row.leader_epoch


@pytest.mark.parametrize("version", versions(2))
def test_ends_and_times_at_every_version(client: Client, topic: str, version: int) -> None:
    epoch = 0 if version >= 4 else -1
    assert ask(client, topic, LATEST, version=version) == (0, 12, -1, epoch)
    assert ask(client, topic, EARLIEST, version=version) == (0, 0, -1, epoch)
    assert ask(client, topic, NOW_MS + 101, version=version) == (0, 4, NOW_MS + 101, epoch)


@pytest.mark.parametrize(
    ("time_ms", "offset", "found_ms"),
    [
        (0, 0, NOW_MS),
        (NOW_MS, 0, NOW_MS),
        (NOW_MS + 1, 1, NOW_MS + 1),
        (NOW_MS + 3, 3, NOW_MS + 100),
        (NOW_MS + 50, 3, NOW_MS + 100),
        (NOW_MS + 102, 5, NOW_MS + 102),
        (NOW_MS + 103, 9, NOW_MS + 200),
        (NOW_MS + 202, 11, NOW_MS + 202),
        (NOW_MS + 203, -1, -1),
        (2**63 - 1, -1, -1),
    ],
)
def test_by_time_gives_the_first_record_not_older(client: Client, topic: str, time_ms: int, offset: int, found_ms: int) -> None:
    assert ask(client, topic, time_ms) == (0, offset, found_ms, 0 if offset >= 0 else -1)


@pytest.mark.parametrize("codec", CODECS)
def test_by_time_looks_into_compressed_batches(client: Client, codec: str) -> None:
    topic = client.create_topic()
    for start in (0, 100):
        client.produced(topic, batch([Record(b"v" * 50, time_ms=NOW_MS + start + index) for index in range(100)], codec=codec))
    assert ask(client, topic, NOW_MS + 137) == (0, 137, NOW_MS + 137, 0)


def test_largest_timestamp(client: Client, topic: str) -> None:
    client.produced(topic, batch([Record(b"v", time_ms=NOW_MS + 7)]))
    assert ask(client, topic, MAX_TIMESTAMP, version=7) == (0, 11, NOW_MS + 202, 0)
    assert ask(client, topic, MAX_TIMESTAMP) == (0, 11, NOW_MS + 202, 0)


def test_largest_timestamp_in_the_middle_of_a_batch(client: Client) -> None:
    topic = client.create_topic()
    client.produced(topic, batch([Record(b"v", time_ms=NOW_MS + delta) for delta in (1, 9, 3, 9)], codec="gzip"))
    assert ask(client, topic, MAX_TIMESTAMP) == (0, 1, NOW_MS + 9, 0)


def test_log_append_time_is_searched_by_the_brokers_time(client: Client) -> None:
    topic = client.create_topic(configs={"message.timestamp.type": "LogAppendTime"})
    answer = client.produce(topic, batch([Record(b"v", time_ms=NOW_MS)] * 3))
    assert ask(client, topic, NOW_MS + 1) == (0, 0, answer.log_append_time_ms, 0)
    assert ask(client, topic, answer.log_append_time_ms + 1)[:2] == (0, -1)
    code, offset, time_ms, _ = ask(client, topic, MAX_TIMESTAMP)
    assert (code, time_ms) == (0, answer.log_append_time_ms) and offset in (0, 2)


@pytest.mark.parametrize("timestamp", [LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING_UPLOAD, 0])
def test_empty_partition(client: Client, topic: str, timestamp: int) -> None:
    expected = {LATEST: 0, EARLIEST: 0, EARLIEST_LOCAL: 0}.get(timestamp, -1)
    code, offset, time_ms, _ = ask(client, topic, timestamp, partition=1)
    assert (code, offset, time_ms) == (0, expected, -1)


def test_tiered_offsets_without_tiered_storage(client: Client, topic: str) -> None:
    assert ask(client, topic, EARLIEST_LOCAL) == (0, 0, -1, 0)
    assert ask(client, topic, LATEST_TIERED) == (0, -1, -1, -1)
    assert ask(client, topic, EARLIEST_PENDING_UPLOAD) == (0, -1, -1, -1)


@pytest.mark.parametrize(
    ("timestamp", "version"),
    [(MAX_TIMESTAMP, 6), (EARLIEST_LOCAL, 7), (LATEST_TIERED, 8), (EARLIEST_PENDING_UPLOAD, 10), (-7, 11), (-(2**63), 11), (-3, 1)],
)
def test_special_timestamp_that_the_version_does_not_know(client: Client, topic: str, timestamp: int, version: int) -> None:
    assert ask(client, topic, timestamp, version=version)[:3] == (kafka.UNSUPPORTED_VERSION, -1, -1)


@pytest.mark.parametrize("version", versions(2))
def test_errors_are_told_per_partition(client: Client, topic: str, version: int) -> None:
    rows = client.offsets(topic, [(0, LATEST), (7, LATEST), (-1, LATEST), (1, EARLIEST)], version=version)
    assert sorted((row.partition_index, row.error_code, row.offset) for row in rows) == [
        (-1, kafka.UNKNOWN_TOPIC_OR_PARTITION, -1),
        (0, kafka.NONE, 12),
        (1, kafka.NONE, 0),
        (7, kafka.UNKNOWN_TOPIC_OR_PARTITION, -1),
    ]


def test_unknown_topic_beside_a_known_one(client: Client, topic: str) -> None:
    missing = new_name("missing")
    row = [k02.ListOffsetsPartition(partition_index=0, timestamp=LATEST)]
    answer = client.call(k02.ListOffsetsRequest(replica_id=-1, topics=[k02.ListOffsetsTopic(name=name, partitions=row) for name in (missing, topic)]), 9)
    assert {t.name: (t.partitions[0].error_code, t.partitions[0].offset) for t in answer.topics} == {missing: (kafka.UNKNOWN_TOPIC_OR_PARTITION, -1), topic: (0, 12)}


def test_partition_asked_for_twice(client: Client, topic: str) -> None:
    rows = client.offsets(topic, [(0, LATEST), (1, LATEST), (0, EARLIEST)], version=9)
    assert [(row.partition_index, row.error_code) for row in rows if row.partition_index == 0] == [(0, kafka.INVALID_REQUEST)]


@pytest.mark.parametrize("version", [4, 9, 11])
def test_leader_epoch_is_checked(client: Client, topic: str, version: int) -> None:
    assert ask(client, topic, LATEST, version=version, leader_epoch=0) == (0, 12, -1, 0)
    assert ask(client, topic, LATEST, version=version, leader_epoch=1)[:2] == (kafka.UNKNOWN_LEADER_EPOCH, -1)


@pytest.mark.parametrize("version", [2, 11])
def test_read_committed_without_transactions(client: Client, topic: str, version: int) -> None:
    assert ask(client, topic, LATEST, version=version, isolation_level=1)[:2] == (0, 12)
    assert ask(client, topic, EARLIEST, version=version, isolation_level=1)[:2] == (0, 0)
    assert ask(client, topic, NOW_MS + 101, version=version, isolation_level=1)[:2] == (0, 4)


def test_golden_bytes_of_version_1(client: Client, topic: str) -> None:
    body = struct.pack(">ii", -1, 1) + string(topic) + struct.pack(">iiq", 1, 0, NOW_MS + 100)
    client.connection.send_bytes(framed(struct.pack(">hhi", 2, 1, 3) + string("golden") + body))
    expected = struct.pack(">ii", 3, 1) + string(topic) + struct.pack(">iihqq", 1, 0, 0, NOW_MS + 100, 3)
    assert client.connection.read_frame() == expected
