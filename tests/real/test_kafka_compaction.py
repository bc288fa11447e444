"""The same log compacted by Apache Kafka and by pybroker shows the same batches; Kafka's dump tool reads what pybroker's cleaner wrote.

Kafka and its tools come from ../shared/tools/kafka_peer.py; without it the tests say so and skip.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.real.test_kafka_files import PEER, dump, free_port, peer_module
from tests.support.broker import AnyBroker, Broker, ForeignBroker, ours_only
from tests.support.kafka import Client

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    ours_only("it starts Kafka by itself"),
    pytest.mark.skipif(not PEER.is_file() or shutil.which("java") is None, reason="kafka_peer.py of the reference data, or Java, is not here"),
]
TOPIC = "compacted-twice"
TOPIC_CONFIG = {"cleanup.policy": "compact", "segment.bytes": str(1 << 20), "index.interval.bytes": "1000", "min.cleanable.dirty.ratio": "0.01"}
WAITS = {"min.cleanable.dirty.ratio": "1.0"}
"""Nothing is compacted as long as this is the topic's own."""
FAST = {"log.cleaner.backoff.ms": "100"}


def write(bootstrap: str) -> None:
    """Transactions, every third aborted, of three codecs; tombstones; then plain records that close the last segment."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, 1, 1, config=TOPIC_CONFIG | WAITS)])[TOPIC].result(30)
    codecs = ("none", "gzip", "lz4")
    producers = [Producer({"bootstrap.servers": bootstrap, "transactional.id": f"t{i}", "compression.type": codecs[i], "linger.ms": 50}) for i in range(3)]
    for producer in producers:
        producer.init_transactions(30)
    for number in range(90):
        producer = producers[number % 3]
        producer.begin_transaction()
        for part in range(8):
            producer.produce(TOPIC, key=f"k{(number * 5 + part * 3) % 41}", value=None if part == 5 else bytes([33 + number]) * (2000 + part) + f"{number}-{part}".encode() * 200)
        producer.flush(30)
        producer.abort_transaction(30) if number % 3 == 2 or number % 7 == 0 else producer.commit_transaction(30)
    plain = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 0})
    for _ in range(12):
        plain.produce(TOPIC, key="plain", value=bytes(100_000))
        plain.flush(30)


def look(broker: AnyBroker) -> list[Any]:
    client = Client(broker)
    try:
        client.wait_served(TOPIC, 1)
        return list(client.batches(TOPIC))
    finally:
        client.close()


def shown(batches: list[Any]) -> list[Any]:
    """What must agree: of each batch its place, producer and time; of each record all. The delete horizon is the clock's of each broker."""
    return [
        (b.base_offset, b.last_offset, b.producer_id, b.producer_epoch, b.base_sequence, b.max_time_ms, b.attributes, [(r.offset, r.time_ms, r.content) for r in b.records])
        for b in batches
    ]


def await_true(fact: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not fact():
        assert time.monotonic() < deadline, what


class Compacted(NamedTuple):
    original: Path
    before: list[Any]
    after: list[Any]


@pytest.fixture(scope="module")
def by_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compacted]:
    """A copy of the directory before, and what Kafka answered before and after its cleaner came."""
    scratch = tmp_path_factory.mktemp("kafka")
    port = free_port()
    peer = peer_module().KafkaPeer(scratch, port=port, properties={"log.cleaner.backoff.ms": "100"})
    with peer:
        write(peer.bootstrap)
        foreign = ForeignBroker(peer.bootstrap)
        before = look(foreign)
        [directory] = [path.parent for path in scratch.rglob("partition.metadata") if path.parent.name == f"{TOPIC}-0"]
        original = tmp_path_factory.mktemp("original") / f"{TOPIC}-0"
        shutil.copytree(directory, original)
        client = Client(foreign)
        client.wait_served(TOPIC, 1)
        client.alter(TOPIC, [("min.cleanable.dirty.ratio", 0, "0.01")])
        client.close()
        checkpoint = directory.parent / "cleaner-offset-checkpoint"
        await_true(lambda: checkpoint.is_file() and TOPIC in checkpoint.read_text(), "Kafka compacts")
        yield Compacted(original, before, look(foreign))


def compacted_by_us(original: Path, broker: Broker) -> Path:
    """The directory in our hands; every segment but the active one is compacted when it returns."""
    broker.start()
    client = Client(broker)
    client.create_topic(name=TOPIC, configs=TOPIC_CONFIG)
    client.close()
    broker.kill()
    target = broker.data_dir / f"{TOPIC}-0"
    shutil.copytree(original, target)
    (target / "partition.metadata").unlink()
    broker.start()
    checkpoint = broker.data_dir / "cleaner-offset-checkpoint"
    await_true(lambda: checkpoint.is_file() and TOPIC in checkpoint.read_text(), "pybroker compacts")
    return target


def test_kafka_and_we_leave_the_same(by_kafka: Compacted, tmp_path: Path) -> None:
    broker = Broker(tmp_path / "data", FAST)
    try:
        compacted_by_us(by_kafka.original, broker)
        assert shown(look(broker)) == shown(by_kafka.after)
        assert sum(len(b.records) for b in by_kafka.after) < sum(len(b.records) for b in by_kafka.before)
        broker.kill()
        broker.start()
        assert shown(look(broker)) == shown(by_kafka.after)
    finally:
        broker.discard()


def test_kafkas_dump_reads_what_our_cleaner_wrote(by_kafka: Compacted, tmp_path: Path) -> None:
    broker = Broker(tmp_path / "data", FAST)
    try:
        target = compacted_by_us(by_kafka.original, broker)
        broker.stop()
        for log in sorted(target.glob("*.log")):
            said = dump("--deep-iteration", "--files", log)
            assert "isvalid: false" not in said and "CRC" not in said.upper().replace("CRC: ", ""), said
            for suffix in (".index", ".timeindex"):
                said = dump("--index-sanity-check", "--files", log.with_suffix(suffix))
                assert "passed sanity check" in said, said
                said = dump("--verify-index-only", "--files", log.with_suffix(suffix))
                assert "mismatch" not in said.lower() and "out of order" not in said.lower(), said
    finally:
        broker.discard()
