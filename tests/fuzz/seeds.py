"""Writes tests/fuzz/corpus: a few valid inputs of each kind, from which mutations go on.   python -m tests.fuzz.seeds"""

import gzip
import struct
from pathlib import Path

from pybroker.protocol.messages import load
from tests.fuzz.targets import HERE
from tests.support.batches import CODECS, PACK, Record, batch
from tests.support.wire import encode, framed

RECORDS = [Record(b"value", key=b"key"), Record(b"", key=b"k2"), Record(None, key=b"gone")]


def put(target: str, name: str, data: bytes) -> None:
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def batches() -> None:
    for codec in CODECS:
        data = batch(RECORDS, codec=codec)
        put("batch", codec, b"\x00\x01" + data)
        put("segment", codec, b"\x00" + data + batch(RECORDS, codec=codec, base_offset=3))
    idempotent = batch(RECORDS, producer_id=7, producer_epoch=0, base_sequence=0)
    put("batch", "idempotent", b"\x09\x01" + idempotent)
    put("segment", "torn", b"\x00" + idempotent + idempotent[:70])
    put("canary", "batch", idempotent)


def codecs() -> None:
    for codec in CODECS[1:]:
        for name, data in (("short", b"a few bytes"), ("run", b"a" * 3000)):
            put(f"codec_{codec}", name, PACK[codec](data))
    put("codec_gzip", "two_members", gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0))


def files() -> None:
    for flags in (0, 1, 2, 3, 6):
        head = bytes([flags])
        put("offset_index", f"entries{flags}", head + b"".join(struct.pack(">ii", 3 * n, 400 * n) for n in range(1, 6)))
        put("time_index", f"entries{flags}", head + b"".join(struct.pack(">qi", 1700000000000 + 3 * n, 3 * n) for n in range(1, 6)))
        put("snapshot", f"one{flags}", head + struct.pack(">hIi", 1, 0, 1) + struct.pack(">qhiqiqiq", 7, 0, 5, 20, 2, 1700000000000, 0, -1))
        put("epochs", f"two{flags}", head + b"0\n2\n0 0\n3 60\n")
    put("checkpoint", "two", b"0\n2\nt 0 15\nother-topic 7 9223372036854775807\n")
    put("checkpoint", "none", b"0\n0\n")


def frames() -> None:
    m = {key: load(key) for key in (0, 1, 2, 3, 12, 18, 23, 68)}
    data = batch(RECORDS)
    produce = m[0].ProduceRequest(acks=1, timeout_ms=1000, topic_data=[m[0].TopicProduceData(name="t", topic_id=b"\1" * 16, partition_data=[m[0].PartitionProduceData(index=0, records=data)])])
    fetch = m[1].FetchRequest(max_wait_ms=10, min_bytes=1, max_bytes=1 << 20, session_id=0, session_epoch=0,
                              topics=[m[1].FetchTopic(topic="t", topic_id=b"\1" * 16, partitions=[m[1].FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1 << 20)])])  # fmt: skip
    offsets = m[2].ListOffsetsRequest(topics=[m[2].ListOffsetsTopic(name="t", partitions=[m[2].ListOffsetsPartition(partition_index=0, timestamp=-1)])])
    epochs = m[23].OffsetForLeaderEpochRequest(topics=[m[23].OffsetForLeaderTopic(topic="t", partitions=[m[23].OffsetForLeaderPartition(partition=0, current_leader_epoch=0, leader_epoch=0)])])
    versions = m[18].ApiVersionsRequest(client_software_name="fuzz", client_software_version="1")
    for request, at in ((produce, (3, 7, 9, 13)), (fetch, (4, 7, 12, 17)), (offsets, (1, 4, 7, 10)), (epochs, (2, 4)), (versions, (0, 3)), (m[3].MetadataRequest(topics=None), (9, 12)),
                        (m[12].HeartbeatRequest(group_id="g", generation_id=1, member_id="m"), (0, 4)),
                        (m[68].ConsumerGroupHeartbeatRequest(group_id="g", member_id="m", member_epoch=1), (0, 1))):  # fmt: skip
        for version in at:
            put("frame", f"k{request.API_KEY:02}v{version}", framed(encode(request, version)))
    put("frame", "several", framed(encode(versions, 3)) + framed(encode(produce, 9)) + framed(encode(fetch, 12)))


if __name__ == "__main__":
    batches()
    codecs()
    files()
    frames()
    print(sum(1 for path in Path(HERE / "corpus").rglob("*") if path.is_file()), "seeds")
