"""A directory that Apache Kafka wrote, with transactions that ended, were aborted or stayed open, is served as Kafka serves it; and Kafka's own tools read what we write.

Kafka and its tools come from ../shared/tools/kafka_peer.py; without it the tests say so and skip.
"""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.support.batches import Record, batch
from tests.support.broker import AnyBroker, Broker, ForeignBroker, ours_only
from tests.support.groups import GROUP_CONFIG, Groups, assignment, subscription
from tests.support.kafka import NONE, Client
from tests.support.shared import SHARED

PEER = SHARED / "tools" / "kafka_peer.py"
pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    ours_only("it starts Kafka by itself"),
    pytest.mark.skipif(not PEER.is_file() or shutil.which("java") is None, reason="kafka_peer.py of the reference data, or Java, is not here"),
]
TOPIC = "written-by-kafka"
TRANSACTIONS = 120


def peer_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kafka_peer", PEER)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kafka_peer"] = module
    spec.loader.exec_module(module)
    return module


def free_port() -> int:
    """One that leaves room above it: the peer takes its controller's port from there."""
    for port in range(20000 + os.getpid() % 10000, 32000):
        with socket.socket() as taken:
            try:
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def write_transactions(bootstrap: str) -> None:
    """Three producers in turn: every third transaction is aborted, codecs change, plain and idempotent records lie between, and one transaction stays open."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, 1, 1, config={"segment.bytes": str(1 << 20), "index.interval.bytes": "1000"})])[TOPIC].result(30)
    plain = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    codecs = ("none", "gzip", "lz4")
    producers = [Producer({"bootstrap.servers": bootstrap, "transactional.id": f"t{i}", "compression.type": codecs[i], "linger.ms": 0}) for i in range(3)]
    for producer in producers:
        producer.init_transactions(30)
    for number in range(TRANSACTIONS):
        producer = producers[number % 3]
        producer.begin_transaction()
        for part in range(3):
            producer.produce(TOPIC, key=f"{number}", value=bytes([number]) * (3000 + part) + os.urandom(3000))
            producer.flush(30)
        plain.produce(TOPIC, key="plain", value=f"{number}")
        plain.flush(30)
        if number % 3 == 2 or number % 5 == 0:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    producers[0].begin_transaction()
    producers[0].produce(TOPIC, key="open", value="never decided")
    producers[0].flush(30)
    plain.produce(TOPIC, key="plain", value="behind the open one")
    plain.flush(30)


class Seen(NamedTuple):
    """All that a broker answers of a partition."""

    batches: list[Any]
    committed: list[Any]
    aborted: list[list[tuple[int, int]]]
    stable: int
    end: int
    times: list[tuple[int, int]]


def look(broker: AnyBroker) -> Seen:
    client = Client(broker)
    try:
        end = client.end_offset(TOPIC)
        fetched = {offset: client.fetch(TOPIC, offset, isolation_level=1) for offset in range(0, end, 7)}
        batches = client.batches(TOPIC)
        stamps = sorted({batch.max_time_ms for batch in batches})[::11]
        return Seen(
            batches=batches,
            committed=client.batches(TOPIC, isolation_level=1),
            # How far beyond the records of an answer they may reach is left to the broker: those are compared that each answer must have.
            aborted=[
                sorted((a.producer_id, a.first_offset) for a in answer.aborted_transactions or () if a.first_offset <= offset)
                for offset, answer in fetched.items()
            ],
            stable=fetched[0].last_stable_offset,
            end=end,
            times=[(answer.offset, answer.timestamp) for stamp in stamps for answer in client.offsets(TOPIC, [(0, stamp)])],
        )
    finally:
        client.close()


class Written(NamedTuple):
    directory: Path
    seen: Seen


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    """Kafka's directory after a clean stop, and what Kafka answered before."""
    scratch = tmp_path_factory.mktemp("kafka")
    kafka = peer_module().KafkaPeer(scratch, port=free_port())
    with kafka:
        write_transactions(kafka.bootstrap)
        seen = look(ForeignBroker(kafka.bootstrap))
    [directory] = scratch.glob(f"**/{TOPIC}-0")
    yield Written(directory, seen)


def take_over(written: Written, broker: Broker) -> Path:
    """The topic is ours, its files are Kafka's. The broker was killed: everything is checked and what is derived is made anew."""
    broker.start()
    client = Client(broker)
    client.create_topic(name=TOPIC)
    client.close()
    broker.kill()
    target = broker.data_dir / f"{TOPIC}-0"
    shutil.copytree(written.directory, target)
    (target / "partition.metadata").unlink()
    return target


@pytest.mark.parametrize("missing", ["nothing", ".txnindex", ".snapshot", "index"])
def test_a_directory_of_kafka_is_served_as_kafka_does(written: Written, tmp_path: Path, missing: str) -> None:
    broker = Broker(tmp_path / "data")
    try:
        target = take_over(written, broker)
        assert len(list(target.glob("*.log"))) > 1
        for path in target.iterdir():
            if path.name.endswith(missing):
                path.unlink()
        broker.start()
        assert look(broker) == written.seen
        broker.stop()
        broker.start()
        assert look(broker) == written.seen
        broker.stop()
        for path in written.directory.glob("*.txnindex"):
            assert (target / path.name).read_bytes() == path.read_bytes(), path.name
    finally:
        broker.discard()


def dump(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, PEER, "tool", "org.apache.kafka.tools.DumpLogSegments", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kafkas_dump_reads_what_we_write(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "data")
    try:
        broker.start()
        client = Client(broker)
        client.create_topic(name=TOPIC, configs={"segment.bytes": str(1 << 20), "index.interval.bytes": "1000"})
        producer = client.new_producer_id()
        for sequence in range(300):
            client.produced(TOPIC, batch([Record(os.urandom(5000))], producer_id=producer, producer_epoch=0, base_sequence=sequence))
        broker.stop()
        directory = broker.data_dir / f"{TOPIC}-0"
        [*_, newest] = sorted(directory.glob("*.snapshot"))
        assert int(newest.stem) == 300
        text = dump("--files", newest)
        assert f"producerId: {producer} producerEpoch: 0" in text
        assert "lastSequence: 299 lastOffset: 299 offsetDelta: 0" in text
        logs = sorted(directory.glob("*.log"))
        assert len(logs) > 1
        for path in logs:
            for suffix in (".log", ".index", ".timeindex"):
                text = dump("--deep-iteration", "--files", path.with_suffix(suffix))
                assert "Mismatches" not in text and "invalid" not in text.lower() and "Found" not in text, text[-2000:]
    finally:
        broker.discard()


def test_kafkas_dump_decodes_our_offsets_topic(tmp_path: Path) -> None:
    """A classic group, a consumer without a group, and one of the consumer protocol that comes, commits and leaves: every record of theirs, by its type."""
    broker = Broker(tmp_path / "data", {**GROUP_CONFIG, "offsets.topic.num.partitions": "1"})
    try:
        broker.start()
        groups = Groups(broker)
        topic = groups.topic(3)
        member = groups.member("classic", protocols=[("range", subscription(topic))])
        member.join()
        assert member.try_sync({member.member_id: assignment({topic: [0, 1, 2]})}).error_code == NONE
        groups.commit("simple", [(topic, 0, 5)])
        groups.client.produced(topic, batch([Record(b"x")]))
        groups.close()
        consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "new", "group.protocol": "consumer", "auto.offset.reset": "earliest"})
        consumer.subscribe([topic])
        message = consumer.poll(20)
        assert message is not None and message.error() is None
        consumer.commit(asynchronous=False)
        consumer.close()
        broker.stop()
        [path] = (broker.data_dir / "__consumer_offsets-0").glob("*.log")
        lines = [line for line in dump("--offsets-decoder", "--files", path).splitlines() if line.startswith("| offset:")]
    finally:
        broker.discard()
    keys = [json.loads(line.split(" key: ")[1].split(" payload: ")[0]) for line in lines]
    payloads = [line.split(" payload: ")[1] for line in lines]
    assert {key["type"] for key in keys} == {"1", "2", "3", "5", "6", "7", "8"}
    assert all(payload == "<DELETE>" or json.loads(payload)["data"] for payload in payloads)
    committed = {key["data"]["group"]: json.loads(payload)["data"]["offset"] for key, payload in zip(keys, payloads, strict=True) if key["type"] == "1"}
    assert committed == {"simple": 5, "new": 1}
