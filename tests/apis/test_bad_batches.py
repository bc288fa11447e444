"""W18-W34: record batches that are none, and bombs. A refused batch stores nothing, the connection goes on, and so does everybody else.

``KAFKA`` says where Apache Kafka 4.4 answers otherwise. It is laxer in places (it stores what it does not look into, and consumers then fall over it), and where a
library throws it answers -1; this broker looks into every batch and has an exact code. The difference is meant.
"""

import struct
import threading
import zlib
from typing import Any

import cramjam
import pytest

from tests.support import kafka
from tests.support.batches import (
    CODECS,
    COMPRESSED,
    CONTROL,
    DELETE_HORIZON,
    NOW_MS,
    PACK,
    TRANSACTIONAL,
    Record,
    batch,
    batch_of_size,
    blob,
    crc32c,
    lz4_frame,
    record_bytes,
    zigzag,
)
from tests.support.broker import FOREIGN, AnyBroker, ours_only
from tests.support.fixtures import StartBroker, assert_serves
from tests.support.kafka import Client, new_name

CORRUPT, INVALID = kafka.CORRUPT_MESSAGE, kafka.INVALID_RECORD
FORMAT, CODEC, TIMESTAMP = kafka.UNSUPPORTED_FOR_MESSAGE_FORMAT, kafka.UNSUPPORTED_COMPRESSION_TYPE, kafka.INVALID_TIMESTAMP
TAKEN, UNKNOWN = kafka.NONE, -1
MIB = 1 << 20

THREE = [Record(b"a", b"k"), Record(b"b", b"k"), Record(b"c", b"k")]
ONE = [Record(b"v", b"k")]
PARTS = [record_bytes(record, delta, NOW_MS) for delta, record in enumerate(THREE)]
PAYLOAD = b"".join(PARTS)
GOOD = batch(THREE)


def with_field(at: int, layout: str, value: int) -> bytes:
    """The good batch with a field set, and the CRC right."""
    data = bytearray(GOOD)
    struct.pack_into(layout, data, at, value)
    struct.pack_into(">I", data, 17, crc32c(bytes(data[21:])))
    return bytes(data)


def inner(*, times: int = 0, offset: int = 0, key: bytes = b"k", value: bytes = b"v", headers: int = 0, rest: bytes = b"", key_size: int | None = None, value_size: int | None = None) -> bytes:
    """A record without its length."""
    return (
        b"\0"
        + zigzag(times)
        + zigzag(offset)
        + (blob(key) if key_size is None else zigzag(key_size) + key)
        + (blob(value) if value_size is None else zigzag(value_size) + value)
        + zigzag(headers)
        + rest
    )


def one_record(body: bytes, size: int | None = None, codec: str = "none", **fields: Any) -> bytes:
    """A batch of one record made by hand."""
    return batch(ONE, codec=codec, payload=zigzag(len(body) if size is None else size) + body, **fields)


def refused(client: Client, data: bytes | None, code: int) -> Any:
    """The batch is answered with a code, and nothing is stored; the same connection serves the next batch."""
    topic = client.create_topic()
    answer = client.produce(topic, data)
    assert answer.error_code == code, answer
    if code != TAKEN:
        assert answer.base_offset == -1 and client.end_offset(topic) == 0
        assert client.produced(topic, batch()) == 0
    return answer


def check(client: Client, data: bytes, code: int, in_kafka: int) -> None:
    refused(client, data, in_kafka if FOREIGN else code)


CASES: dict[str, tuple[bytes, int, int]] = {
    # W18, W19: what holds the batch together
    "w18 crc": (batch(THREE, crc=1), CORRUPT, CORRUPT),
    "w19 one byte": (b"\0", CORRUPT, INVALID),
    "w19 twelve bytes": (GOOD[:12], CORRUPT, INVALID),
    "w19 header without an end": (GOOD[:60], CORRUPT, INVALID),
    "w19 cut by a byte": (GOOD[:-1], CORRUPT, INVALID),
    "w19 a byte more": (GOOD + b"\0", INVALID, TAKEN),
    "w19 twenty bytes more": (GOOD + bytes(20), INVALID, CORRUPT),
    "w19 length -1": (batch(THREE, length=-1), CORRUPT, CORRUPT),
    "w19 length 0": (batch(THREE, length=0), CORRUPT, CORRUPT),
    "w19 length 48": (batch(THREE, length=48), CORRUPT, CORRUPT),
    "w19 length beyond the field": (batch(THREE, length=len(GOOD) - 11), CORRUPT, INVALID),
    "w19 length 2^31-1": (batch(THREE, length=2**31 - 1), CORRUPT, UNKNOWN),
    "w19 length one short": (batch(THREE, length=len(GOOD) - 13), INVALID, CORRUPT),
    "w19 two batches": (GOOD + GOOD, INVALID, INVALID),
    "w19 no batch": (b"", INVALID, INVALID),
    # W20: magic and attributes
    "w20 magic 0": (batch(THREE, magic=0), FORMAT, INVALID),
    "w20 magic 1": (batch(THREE, magic=1), FORMAT, INVALID),
    "w20 magic 3": (batch(THREE, magic=3), FORMAT, CORRUPT),
    "w20 magic -1": (batch(THREE, magic=-1), FORMAT, CORRUPT),
    "w20 codec 5": (batch(THREE, attributes=5), CODEC, UNKNOWN),
    "w20 codec 6": (batch(THREE, attributes=6), CODEC, UNKNOWN),
    "w20 codec 7": (batch(THREE, attributes=7), CODEC, UNKNOWN),
    "w20 reserved bit 7": (batch(THREE, attributes=1 << 7), INVALID, TAKEN),
    "w20 reserved bit 15": (with_field(21, ">H", 1 << 15), INVALID, TAKEN),
    "w20 delete horizon": (batch(THREE, attributes=DELETE_HORIZON), INVALID, TAKEN),
    # W21: counts
    "w21 count 0": (batch(THREE, count=0), INVALID, INVALID),
    "w21 count -1": (batch(THREE, count=-1), INVALID, INVALID),
    "w21 count 2^31-1": (batch(THREE, count=2**31 - 1), INVALID, INVALID),
    "w21 count one short": (batch(THREE, count=2), INVALID, INVALID),
    "w21 count one more": (batch(THREE, count=4), INVALID, INVALID),
    "w21 count 0 and no records": (batch([], last_offset_delta=-1), INVALID, INVALID),
    "w21 last offset delta one short": (batch(THREE, last_offset_delta=1), INVALID, INVALID),
    "w21 last offset delta one more": (batch(THREE, last_offset_delta=3), INVALID, INVALID),
    "w21 last offset delta -1": (batch(THREE, last_offset_delta=-1), INVALID, INVALID),
    "w21 last offset delta 2^31-1": (batch(THREE, last_offset_delta=2**31 - 1), INVALID, INVALID),
    "w21 both one short": (batch(THREE, count=2, last_offset_delta=1), INVALID, INVALID),
    "w21 both one more": (batch(THREE, count=4, last_offset_delta=3), INVALID, INVALID),
    "w21 base offset 7": (batch(THREE, base_offset=7), INVALID, INVALID),
    "w21 base offset -1": (batch(THREE, base_offset=-1), INVALID, INVALID),
    # W22: records
    "w22 record length -1": (batch(THREE, payload=zigzag(-1) + PAYLOAD), INVALID, INVALID),
    "w22 record length 0": (one_record(b""), INVALID, INVALID),
    "w22 record length beyond": (one_record(inner(), 1000), INVALID, INVALID),
    "w22 record length one more": (one_record(inner() + b"\0"), INVALID, INVALID),
    "w22 record length one short": (one_record(inner(), len(inner()) - 1), INVALID, INVALID),
    "w22 length in six bytes": (batch(ONE, payload=b"\x80\x80\x80\x80\x80\x01" + inner()), INVALID, UNKNOWN),
    "w22 length in eleven bytes": (batch(ONE, payload=b"\xff" * 10 + b"\x01" + inner()), INVALID, UNKNOWN),
    "w22 key length -2": (one_record(inner(key_size=-2, key=b"")), INVALID, TAKEN),
    "w22 key length beyond": (one_record(inner(key_size=1000)), INVALID, INVALID),
    "w22 value length -2": (one_record(inner(value_size=-2, value=b"")), INVALID, TAKEN),
    "w22 value length beyond": (one_record(inner(value_size=1000)), INVALID, INVALID),
    "w22 header count -1": (one_record(inner(headers=-1)), INVALID, INVALID),
    "w22 header count without headers": (one_record(inner(headers=5)), INVALID, INVALID),
    "w22 header count 2^31-1": (one_record(inner(headers=2**31 - 1)), INVALID, INVALID),
    "w22 header key null": (one_record(inner(headers=1, rest=zigzag(-1) + blob(b"x"))), INVALID, INVALID),
    "w22 header key beyond": (one_record(inner(headers=1, rest=zigzag(100) + b"x")), INVALID, INVALID),
    "w22 header value -2": (one_record(inner(headers=1, rest=blob(b"x") + zigzag(-2))), INVALID, TAKEN),
    "w22 header value beyond": (one_record(inner(headers=1, rest=blob(b"x") + zigzag(99))), INVALID, INVALID),
    "w22 offset delta not from 0": (one_record(inner(offset=1)), INVALID, TAKEN),
    "w22 offset delta -1": (one_record(inner(offset=-1)), INVALID, TAKEN),
    "w22 offset deltas out of order": (batch(THREE, payload=record_bytes(THREE[0], 1, NOW_MS) + record_bytes(THREE[1], 0, NOW_MS) + PARTS[2]), INVALID, TAKEN),
    "w22 offset delta twice": (batch(THREE, payload=PARTS[0] + PARTS[0] + PARTS[2]), INVALID, TAKEN),
    "w22 bytes behind the records": (batch(THREE, payload=PAYLOAD + bytes(3)), INVALID, INVALID),
    # W28, W29: who may say what
    "w28 control batch": (batch(THREE, attributes=CONTROL, producer_id=5, producer_epoch=0, base_sequence=0), INVALID, INVALID),
    "w28 control batch of nobody": (batch(THREE, attributes=CONTROL), INVALID, INVALID),
    "w28 transactional without a producer id": (batch(THREE, attributes=TRANSACTIONAL), kafka.INVALID_TXN_STATE, 53),
    "w28 transactional outside of a transaction": (batch(THREE, attributes=TRANSACTIONAL, producer_id=5, producer_epoch=0, base_sequence=0), kafka.INVALID_TXN_STATE, 53),
    "w29 producer without a sequence": (batch(THREE, producer_id=900_001, producer_epoch=0), INVALID, INVALID),
    "w29 sequence -2": (batch(THREE, producer_id=900_002, producer_epoch=0, base_sequence=-2), INVALID, INVALID),
    "w29 producer without an epoch": (batch(THREE, producer_id=900_003, base_sequence=0), INVALID, TAKEN),
    "w29 producer id -2": (batch(THREE, producer_id=-2, producer_epoch=0, base_sequence=0), INVALID, TAKEN),
    # W32: time stamps
    "w32 time -2": (batch([Record(b"v", time_ms=-2)]), TIMESTAMP, TAKEN),
    "w32 time -1000": (batch([Record(b"v", time_ms=-1000)]), TIMESTAMP, TAKEN),
    "w32 time 2^63-1": (batch([Record(b"v", time_ms=2**63 - 1)]), TIMESTAMP, TIMESTAMP),
    "w32 delta beyond 64 bits": (one_record(inner(times=2**62), base_time_ms=2**62), TIMESTAMP, TIMESTAMP),
}


@pytest.mark.parametrize("name", CASES)
def test_batch_is_refused(client: Client, name: str) -> None:
    check(client, *CASES[name])


@ours_only("Kafka never answers a request whose records are null")
def test_w19_null_instead_of_a_batch(client: Client) -> None:
    refused(client, None, INVALID)


@pytest.mark.parametrize("name", ["reserved record attributes", "largest time wrong", "largest time -1", "leader epoch", "epoch and sequence without a producer"])
def test_fields_that_the_broker_sets_itself_are_taken(client: Client, name: str) -> None:
    made = {
        "reserved record attributes": batch(THREE, payload=PARTS[0][:1] + b"\1" + PARTS[0][2:] + PARTS[1] + PARTS[2]),
        "largest time wrong": batch(THREE, max_time_ms=NOW_MS + 5),
        "largest time -1": batch(THREE, max_time_ms=-1),
        "leader epoch": batch(THREE, leader_epoch=99),
        "epoch and sequence without a producer": batch(THREE, producer_epoch=3, base_sequence=5),
    }
    topic = client.create_topic()
    client.produced(topic, made[name])
    [stored] = client.batches(topic)
    assert [record.value for record in stored.records] == [b"a", b"b", b"c"]
    assert (stored.max_time_ms, stored.leader_epoch) == (NOW_MS, 0)


# ---- W25, W26: compressed data


def compressed_cases(codec: str) -> dict[str, tuple[bytes, int, int]]:
    packed = PACK[codec](PAYLOAD)
    lax = TAKEN if codec == "lz4" else UNKNOWN
    return {
        "garbage": (batch(THREE, codec=codec, packed=b"garbage!" * 4), INVALID, UNKNOWN),
        "nothing": (batch(THREE, codec=codec, packed=b""), INVALID, INVALID if codec == "zstd" else UNKNOWN),
        "cut by three": (batch(THREE, codec=codec, packed=packed[:-3]), INVALID, UNKNOWN),
        "cut in half": (batch(THREE, codec=codec, packed=packed[: len(packed) // 2]), INVALID, UNKNOWN),
        "garbage behind": (batch(THREE, codec=codec, packed=packed + b"garbage"), INVALID, TAKEN if codec == "gzip" else lax),
        "zeros behind": (batch(THREE, codec=codec, packed=packed + bytes(9)), INVALID, TAKEN if codec == "gzip" else lax),
        "twice": (batch(THREE, codec=codec, packed=packed + packed), INVALID, TAKEN if codec == "lz4" else INVALID),
        "count one short": (batch(THREE, codec=codec, count=2, last_offset_delta=1), INVALID, INVALID),
        "count one more": (batch(THREE, codec=codec, count=4, last_offset_delta=3), INVALID, INVALID),
        "offset delta twice": (batch(THREE, codec=codec, payload=PARTS[0] + PARTS[0] + PARTS[2]), INVALID, UNKNOWN),
        "record length beyond": (one_record(inner(), 1000, codec), INVALID, TAKEN),
        "key length -2": (one_record(inner(key_size=-2, key=b""), codec=codec), INVALID, TAKEN),
        "bytes behind the records": (batch(THREE, codec=codec, payload=PAYLOAD + bytes(3)), INVALID, INVALID),
        "another codec's data": (batch(THREE, codec=codec, packed=PACK["gzip" if codec != "gzip" else "zstd"](PAYLOAD)), INVALID, UNKNOWN),
    }


@pytest.mark.parametrize("codec", COMPRESSED)
@pytest.mark.parametrize("name", compressed_cases("gzip"))
def test_w26_compressed_data_that_is_none(client: Client, codec: str, name: str) -> None:
    check(client, *compressed_cases(codec)[name])


XERIAL = b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1)
BLOCK = bytes(cramjam.snappy.compress_raw(PAYLOAD))
LZ4 = lz4_frame([PAYLOAD])


def zstd_frame(head: bytes, content: bytes = PAYLOAD) -> bytes:
    """A frame of one raw block behind a header made by hand."""
    return b"\x28\xb5\x2f\xfd" + head + struct.pack("<I", 1 | len(content) << 3)[:3] + content


FRAMES: dict[str, tuple[str, bytes, tuple[int, ...], int]] = {
    "xerial block length negative": ("snappy", XERIAL + struct.pack(">i", -5) + BLOCK, (INVALID,), UNKNOWN),
    "xerial block length 2^31-1": ("snappy", XERIAL + struct.pack(">i", 2**31 - 1) + BLOCK, (INVALID,), UNKNOWN),
    "xerial header alone": ("snappy", XERIAL, (INVALID,), INVALID),
    "snappy that says it is 4 GiB": ("snappy", b"\xff\xff\xff\xff\x0f" + BLOCK[1:], (INVALID, kafka.MESSAGE_TOO_LARGE), UNKNOWN),
    "xerial block that says it is 4 GiB": ("snappy", XERIAL + struct.pack(">i", len(BLOCK) + 4) + b"\xff\xff\xff\xff\x0f" + BLOCK[1:], (INVALID, kafka.MESSAGE_TOO_LARGE), UNKNOWN),
    "lz4 without an end mark": ("lz4", lz4_frame([PAYLOAD], end=False), (INVALID,), UNKNOWN),
    "lz4 with a wrong header check": ("lz4", LZ4[:6] + bytes([LZ4[6] ^ 1]) + LZ4[7:], (INVALID,), UNKNOWN),
    "lz4 block of 2 GiB": ("lz4", LZ4[:7] + struct.pack("<I", 0x7FFFFFFF) + PAYLOAD, (INVALID,), UNKNOWN),
    "lz4 of version 0": ("lz4", LZ4[:4] + b"\x20" + LZ4[5:], (INVALID,), UNKNOWN),
    "zstd with a window of 2 GiB": ("zstd", zstd_frame(b"\x00\xa8"), (INVALID,), UNKNOWN),
    "zstd with a window of 256 MiB": ("zstd", zstd_frame(b"\x00\x90"), (INVALID,), UNKNOWN),
    "zstd with a dictionary": ("zstd", zstd_frame(b"\x01\x38\x07"), (INVALID,), UNKNOWN),
    "zstd that says it is 1 TiB": ("zstd", zstd_frame(b"\xe0" + struct.pack("<Q", 1 << 40)), (INVALID, kafka.MESSAGE_TOO_LARGE), UNKNOWN),
    "zstd with a reserved block": ("zstd", b"\x28\xb5\x2f\xfd\x00\x38" + struct.pack("<I", 1 | 3 << 1 | len(PAYLOAD) << 3)[:3] + PAYLOAD, (INVALID,), UNKNOWN),
    "gzip with a wrong sum": ("gzip", PACK["gzip"](PAYLOAD)[:-8] + bytes(4) + PACK["gzip"](PAYLOAD)[-4:], (INVALID,), UNKNOWN),
    "gzip with a wrong size": ("gzip", PACK["gzip"](PAYLOAD)[:-4] + bytes(4), (INVALID,), UNKNOWN),
    "zlib instead of gzip": ("gzip", zlib.compress(PAYLOAD), (INVALID,), UNKNOWN),
}


@pytest.mark.parametrize("name", FRAMES)
def test_w25_frames_that_are_none(client: Client, name: str) -> None:
    codec, packed, codes, in_kafka = FRAMES[name]
    topic = client.create_topic()
    answer = client.produce(topic, batch(THREE, codec=codec, packed=packed))
    assert answer.error_code in ((in_kafka,) if FOREIGN else codes), answer
    assert client.end_offset(topic) == 0 and client.produced(topic, batch()) == 0


@ours_only("Kafka answers -1")
def test_w25_lz4_with_linked_blocks_is_not_stored_as_it_is(client: Client) -> None:
    """Java clients cannot read linked blocks: such a batch is refused, or stored in a form that they can read."""
    topic = client.create_topic()
    answer = client.produce(topic, batch(THREE, codec="lz4", packed=bytes(cramjam.lz4.compress(PAYLOAD))))
    assert answer.error_code in (TAKEN, INVALID, CODEC)
    for one in client.batches(topic):
        assert one.codec != "lz4" or one.raw[61 + 4] & 0x20, "the flag that blocks stand alone"


@pytest.mark.parametrize("name", ["xerial of another version", "zstd behind a skippable frame", "zstd with a window of 8 MiB", "lz4 with block and content checks"])
def test_odd_frames_that_are_good(client: Client, name: str) -> None:
    packed = {
        "xerial of another version": ("snappy", b"\x82SNAPPY\0" + struct.pack(">iii", 9, 9, len(BLOCK)) + BLOCK),
        "zstd behind a skippable frame": ("zstd", b"\x50\x2a\x4d\x18" + struct.pack("<I", 4) + b"abcd" + PACK["zstd"](PAYLOAD)),
        "zstd with a window of 8 MiB": ("zstd", zstd_frame(b"\x00\x68")),
        "lz4 with block and content checks": ("lz4", lz4_frame([PAYLOAD], flags=0x60)),
    }
    codec, data = packed[name]
    topic = client.create_topic()
    client.produced(topic, batch(THREE, codec=codec, packed=data))
    assert [one.body for one in client.batches(topic)] == [batch(THREE, codec=codec, packed=data)[21:]]


# ---- W23: sizes


@ours_only("K03: a segment that cannot hold the largest batch is refused; Kafka takes it and refuses the batches")
def test_w23_a_segment_smaller_than_a_batch_is_refused_where_it_is_set(client: Client) -> None:
    answer = client.try_create_topic(configs={"segment.bytes": str(MIB), "max.message.bytes": str(4 * MIB)})
    assert answer.error_code == kafka.INVALID_CONFIG


def test_w23_batch_larger_than_a_segment(client: Client) -> None:
    """A segment may be a few bytes smaller than the largest batch by default."""
    topic = client.create_topic(configs={"segment.bytes": str(MIB)})
    assert client.produce(topic, batch_of_size(MIB + 1)).error_code == RECORD_LIST_TOO_LARGE
    assert client.produced(topic, batch_of_size(MIB)) == 0
    assert client.produced(topic, batch_of_size(MIB)) == 1, "a new segment"
    assert [one.base_offset for one in client.batches(topic)] == [0, 1]


RECORD_LIST_TOO_LARGE = 18


@pytest.mark.parametrize("codec", CODECS)
def test_w23_limit_exactly_and_one_more(client: Client, codec: str) -> None:
    data = batch([Record(bytes(range(256)) * 8, b"k")] * 3, codec=codec)
    exact = client.create_topic(configs={"max.message.bytes": str(len(data))})
    short = client.create_topic(configs={"max.message.bytes": str(len(data) - 1)})
    assert client.produced(exact, data) == 0
    assert client.produce(short, data).error_code == kafka.MESSAGE_TOO_LARGE


# ---- W24, W27: bombs

BOMB_VALUE = 2**31 - 200


def bomb(codec: str, zeros: bool) -> bytes:
    """About 1 MiB that would grow to gigabytes (as far as the codec goes): zeros, or one record with a value of 2 GiB that is well-formed as far as it goes."""
    head = b"" if zeros else zigzag(BOMB_VALUE + 20) + b"\0" + zigzag(0) + zigzag(0) + blob(b"k") + zigzag(BOMB_VALUE)
    if codec == "gzip":
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        start = packer.compress(head + bytes(1 << 16)) + packer.flush(zlib.Z_FULL_FLUSH)
        block = packer.compress(bytes(16 * MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
        return start + block * (900_000 // len(block))
    if codec == "zstd":
        frame = b"\x28\xb5\x2f\xfd\x00\x38" + struct.pack("<I", len(head) << 3)[:3] + head
        return frame + (struct.pack("<I", 1 << 1 | 131_072 << 3)[:3] + b"\0") * 220_000
    if codec == "lz4":
        first = lz4_frame([head + bytes(60_000)], end=False)
        block = bytes(cramjam.lz4.compress_block(bytes(65_536), store_size=False))
        return first + (struct.pack("<I", len(block)) + block) * (900_000 // (len(block) + 4))
    raw = bytes(cramjam.snappy.compress_raw(bytes(32 * MIB)))[:900_000]
    return raw if zeros else XERIAL + b"".join(struct.pack(">i", len(part)) + part for part in [bytes(cramjam.snappy.compress_raw(head + bytes(MIB)))] * 16)


BOMBS = {(codec, zeros): batch(ONE, codec=codec, packed=bomb(codec, zeros)) for codec in COMPRESSED for zeros in (True, False)} if not FOREIGN else {}


LIMIT = 8 * MIB


@ours_only("reads its memory")
@pytest.mark.parametrize("codec", COMPRESSED)
@pytest.mark.parametrize("zeros", [True, False], ids=["zeros", "record"])
@pytest.mark.parametrize("policy", ["producer", "gzip"])
def test_w24_bomb_is_refused_within_bounds(start_broker: StartBroker, codec: str, zeros: bool, policy: str) -> None:
    broker = start_broker()
    client = Client(broker)
    for limit in ({"max.decompressed.message.bytes": str(LIMIT)}, {}):
        topic = client.create_topic(configs={"compression.type": policy, **limit})
        client.produced(topic, batch(THREE, codec=codec))
        before = broker.rss_bytes()
        assert client.produce(topic, BOMBS[codec, zeros]).error_code in (INVALID, kafka.MESSAGE_TOO_LARGE)
        assert broker.rss_bytes() - before < 64 * MIB
        assert client.end_offset(topic) == 3


@ours_only("counts its processor time")
@pytest.mark.parametrize("codec", COMPRESSED)
def test_w24_work_on_a_bomb_ends_at_the_limit(start_broker: StartBroker, codec: str) -> None:
    """In processor time of the process, which others on the machine do not change: 8 MiB are inflated in some milliseconds, all of a bomb in seconds."""
    broker = start_broker({"max.decompressed.message.bytes": str(LIMIT)})
    client = Client(broker)
    topic = client.create_topic()
    before = broker.cpu_s()
    for _ in range(10):
        assert client.produce(topic, BOMBS[codec, False]).error_code == kafka.MESSAGE_TOO_LARGE
    assert broker.cpu_s() - before < 1.5


@ours_only("reads its memory")
def test_w27_many_bombs_together_leave_room_for_others(start_broker: StartBroker) -> None:
    broker = start_broker({"max.decompressed.message.bytes": str(LIMIT)})
    client = Client(broker)
    topic = client.create_topic()
    before = broker.rss_bytes()
    codes: list[int] = []

    def attack(codec: str) -> None:
        attacker = Client(broker)
        for zeros in (True, False):
            codes.append(attacker.produce(topic, BOMBS[codec, zeros]).error_code)
        attacker.close()

    threads = [threading.Thread(target=attack, args=(COMPRESSED[number % 4],)) for number in range(60)]
    for thread in threads:
        thread.start()
    offsets = [client.produced(topic, batch()) for _ in range(50)]
    for thread in threads:
        thread.join(60)
    assert offsets == list(range(50))
    assert len(codes) == 120 and set(codes) <= {INVALID, kafka.MESSAGE_TOO_LARGE}
    assert broker.rss_bytes() - before < 192 * MIB


@pytest.mark.parametrize("codec", COMPRESSED)
def test_max_decompressed_message_bytes(client: Client, codec: str) -> None:
    data = batch([Record(bytes(100_000), b"k")], codec=codec)
    above = client.create_topic(configs={"max.decompressed.message.bytes": "101000"})
    below = client.create_topic(configs={"max.decompressed.message.bytes": "99000"})
    assert client.produced(above, data) == 0
    assert client.produce(below, data).error_code in (INVALID, kafka.MESSAGE_TOO_LARGE)
    assert client.end_offset(below) == 0 and client.produced(below, batch([Record(bytes(90_000))], codec=codec)) == 0


# ---- W29-W31 stand in test_k00_produce.py: sequences, epochs, duplicates, acks.


# ---- W33, W34: where to


def test_w33_hundred_thousand_partitions_in_one_request(client: Client) -> None:
    topic = client.create_topic()
    request = client.produce_request([(topic, index, None) for index in range(1, 100_000)])
    answer = client.call(request, 12)
    assert {p.error_code for t in answer.responses for p in t.partition_responses} == {kafka.UNKNOWN_TOPIC_OR_PARTITION}
    assert sum(len(t.partition_responses) for t in answer.responses) == 99_999
    assert client.end_offset(topic) == 0


@ours_only("Kafka takes the last of the two and answers once")
def test_w33_same_partition_twice(client: Client) -> None:
    """Each has its answer; nothing is stored twice, nothing is mixed up."""
    topic = client.create_topic()
    answer = client.call(client.produce_request([(topic, 0, batch([Record(b"one")])), (topic, 0, batch([Record(b"two")]))]), 9)
    rows = [p for t in answer.responses for p in t.partition_responses]
    assert all(row.index == 0 for row in rows) and 1 <= len(rows) <= 2
    stored = {record.offset: record.value for record in client.records(topic)}
    taken = {row.base_offset for row in rows if row.error_code == kafka.NONE}
    assert taken == set(stored) and all(row.base_offset == -1 for row in rows if row.error_code != kafka.NONE)


@pytest.mark.parametrize("name", ["", ".", "..", "/etc", "../../tmp/x", "x" * 250, "x" * 30_000, "a\0b", "ä", "a b", "a\nb"])
@pytest.mark.parametrize("version", [3, 9])
def test_w34_names_that_are_none(client: Client, name: str, version: int) -> None:
    answer = client.produce(name, batch(), version=version)
    assert (answer.error_code, answer.base_offset) in [(kafka.UNKNOWN_TOPIC_OR_PARTITION, -1), (kafka.INVALID_TOPIC, -1)]


def test_w34_producing_creates_no_topic(client: Client, broker: AnyBroker) -> None:
    name = new_name("missing")
    assert client.produce(name, batch()).error_code == kafka.UNKNOWN_TOPIC_OR_PARTITION
    assert client.metadata([name]).topics[0].error_code == kafka.UNKNOWN_TOPIC_OR_PARTITION
    assert_serves(broker)


@pytest.mark.parametrize("name", ["__consumer_offsets", "__transaction_state"])
def test_w34_internal_topics_are_not_written_by_clients(client: Client, name: str) -> None:
    """Kafka refuses them too: as INVALID_TOPIC where they exist."""
    assert client.produce(name, batch([Record(b"v", b"k")])).error_code in (kafka.INVALID_TOPIC, kafka.UNKNOWN_TOPIC_OR_PARTITION)
