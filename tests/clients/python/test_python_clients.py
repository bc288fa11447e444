"""The scenario list with the clients of the Python world and kcat: create, produce (keys, headers, codecs, empty and null values, timestamps), read from
start, end, offset and time, and each pair of clients crossing. Consumers assign partitions: groups come later."""

import asyncio
import subprocess
from collections.abc import Callable
from itertools import count, permutations
from shutil import which
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.clients
NAMES = (f"clients-{n}" for n in count())
T = 1_700_000_000_000


class Rec(NamedTuple):
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = T


RECORDS = [
    Rec(b"k", b"plain"),
    Rec(None, b"no key", timestamp=T + 10),
    Rec(b"", b"empty key", timestamp=T + 20),
    Rec(b"k", b"", timestamp=T + 30),
    Rec(b"k", None, timestamp=T + 40),
    Rec(b"h", b"headers", (("one", b"1"), ("two", b"")), T + 50),
    *[Rec(b"%d" % n, b"many" * n, timestamp=T + 100 + n) for n in range(200)],
]


class ConfluentKafka:
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")

    def __init__(self, bootstrap: str) -> None:
        self.config = {"bootstrap.servers": bootstrap}

    def create(self, topic: str) -> None:
        from confluent_kafka.admin import AdminClient, NewTopic

        admin = AdminClient(self.config)                                   # kept: its end would end the request
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)

    def write(self, topic: str, records: list[Rec], codec: str) -> None:
        from confluent_kafka import Producer

        failed: list[object] = []
        producer = Producer({**self.config, "compression.type": codec, "enable.idempotence": True, "linger.ms": 5})
        for rec in records:
            producer.produce(topic, rec.value, rec.key, partition=0, headers=list(rec.headers), timestamp=rec.timestamp, on_delivery=lambda error, _: error and failed.append(error))
        assert producer.flush(10) == 0
        assert not failed

    def read(self, topic: str, offset: int | str, total: int) -> list[tuple[int, Rec]]:
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({**self.config, "group.id": "unused", "enable.auto.commit": False})
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        begin = {"start": low, "end": high}.get(offset, offset) if isinstance(offset, str) else offset
        consumer.assign([TopicPartition(topic, 0, begin)])
        found: list[tuple[int, Rec]] = []
        while len(found) < total:
            messages = consumer.consume(total, 10)
            assert messages, f"{len(found)} of {total}"
            for message in messages:
                assert message.error() is None
                found.append((message.offset(), Rec(message.key(), message.value(), tuple(message.headers() or ()), message.timestamp()[1])))
        consumer.close()
        return found

    def offset_at(self, topic: str, timestamp: int) -> int:
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({**self.config, "group.id": "unused"})
        found = consumer.offsets_for_times([TopicPartition(topic, 0, timestamp)], timeout=10)[0].offset
        consumer.close()
        return found


class KafkaPython:
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def create(self, topic: str) -> None:
        from kafka.admin import KafkaAdminClient, NewTopic

        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        admin.create_topics([NewTopic(topic, 1, 1)])
        admin.close()

    def write(self, topic: str, records: list[Rec], codec: str) -> None:
        from kafka import KafkaProducer

        if codec in ("snappy", "lz4", "zstd"):
            pytest.importorskip({"snappy": "snappy", "lz4": "lz4", "zstd": "zstandard"}[codec], reason=f"kafka-python needs a library of its own for {codec}")
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, compression_type=None if codec == "none" else codec, linger_ms=5)
        sent = [producer.send(topic, rec.value, rec.key, headers=list(rec.headers), partition=0, timestamp_ms=rec.timestamp) for rec in records]
        producer.flush(10)
        assert [future.get(10).offset for future in sent] == list(range(sent[0].get().offset, sent[0].get().offset + len(records)))
        producer.close()

    def read(self, topic: str, offset: int | str, total: int) -> list[tuple[int, Rec]]:
        from kafka import KafkaConsumer, TopicPartition

        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False, consumer_timeout_ms=10000)
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        if offset == "start":
            consumer.seek_to_beginning(place)
        elif offset == "end":
            consumer.seek_to_end(place)
        else:
            consumer.seek(place, offset)
        found: list[tuple[int, Rec]] = []
        while len(found) < total:
            message = next(consumer)
            found.append((message.offset, Rec(message.key, message.value, tuple(message.headers), message.timestamp)))
        consumer.close()
        return found

    def offset_at(self, topic: str, timestamp: int) -> int:
        from kafka import KafkaConsumer, TopicPartition

        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap)
        found = consumer.offsets_for_times({TopicPartition(topic, 0): timestamp})[TopicPartition(topic, 0)].offset
        consumer.close()
        return found


class AioKafka:
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def create(self, topic: str) -> None:
        async def run() -> None:
            from aiokafka.admin import AIOKafkaAdminClient, NewTopic

            admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
            await admin.start()
            await admin.create_topics([NewTopic(topic, 1, 1)])
            await admin.close()

        asyncio.run(run())

    def write(self, topic: str, records: list[Rec], codec: str) -> None:
        async def run() -> None:
            from aiokafka import AIOKafkaProducer

            producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, compression_type=None if codec == "none" else codec, linger_ms=5, enable_idempotence=True)
            await producer.start()
            sent = [await producer.send(topic, rec.value, rec.key, partition=0, timestamp_ms=rec.timestamp, headers=list(rec.headers)) for rec in records]
            for future in sent:
                await asyncio.wait_for(future, 10)
            await producer.stop()

        asyncio.run(run())

    def read(self, topic: str, offset: int | str, total: int) -> list[tuple[int, Rec]]:
        async def run() -> list[tuple[int, Rec]]:
            from aiokafka import AIOKafkaConsumer, TopicPartition

            consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
            await consumer.start()
            place = TopicPartition(topic, 0)
            consumer.assign([place])
            if offset == "start":
                await consumer.seek_to_beginning(place)
            elif offset == "end":
                await consumer.seek_to_end(place)
            else:
                consumer.seek(place, offset)
            found: list[tuple[int, Rec]] = []
            while len(found) < total:
                message = await asyncio.wait_for(consumer.getone(), 10)
                found.append((message.offset, Rec(message.key, message.value, tuple(message.headers), message.timestamp)))
            await consumer.stop()
            return found

        return asyncio.run(run())

    def offset_at(self, topic: str, timestamp: int) -> int:
        async def run() -> int:
            from aiokafka import AIOKafkaConsumer, TopicPartition

            consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
            await consumer.start()
            found = await consumer.offsets_for_times({TopicPartition(topic, 0): timestamp})
            await consumer.stop()
            return found[TopicPartition(topic, 0)].offset

        return asyncio.run(run())


CLIENTS: dict[str, Callable[[str], ConfluentKafka | KafkaPython | AioKafka]] = {"confluent-kafka": ConfluentKafka, "kafka-python": KafkaPython, "aiokafka": AioKafka}
each_client = pytest.mark.parametrize("name", CLIENTS)


@each_client
@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_records_come_back_as_they_were_sent(shared_broker, name, codec):
    client, topic = CLIENTS[name](shared_broker.bootstrap), next(NAMES)
    client.create(topic)
    client.write(topic, RECORDS, codec)
    assert client.read(topic, "start", len(RECORDS)) == list(enumerate(RECORDS))


@each_client
def test_reading_begins_where_it_is_asked_to(shared_broker, name):
    client, topic = CLIENTS[name](shared_broker.bootstrap), next(NAMES)
    client.create(topic)
    client.write(topic, RECORDS, "none")
    assert client.read(topic, 50, 3)[:3] == list(enumerate(RECORDS))[50:53]
    assert client.offset_at(topic, T + 150) == RECORDS.index(next(rec for rec in RECORDS if rec.timestamp == T + 150))
    assert client.offset_at(topic, T - 5) == 0


@pytest.mark.parametrize(("writer", "reader"), list(permutations(CLIENTS, 2)))
def test_one_client_reads_what_another_wrote(shared_broker, writer, reader):
    topic = next(NAMES)
    CLIENTS[writer](shared_broker.bootstrap).create(topic)
    CLIENTS[writer](shared_broker.bootstrap).write(topic, RECORDS, "gzip")
    assert CLIENTS[reader](shared_broker.bootstrap).read(topic, "start", len(RECORDS)) == list(enumerate(RECORDS))


@pytest.mark.skipif(which("kcat") is None, reason="kcat is not installed")
@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_kcat_writes_and_reads(shared_broker, codec):
    topic, lines = next(NAMES), [f"key{n}:value {n}" for n in range(500)]
    kcat = ["kcat", "-b", shared_broker.bootstrap, "-t", topic]
    subprocess.run([*kcat, "-P", "-K:", "-z", codec], input="\n".join(lines) + "\n", text=True, check=True, timeout=30)
    done = subprocess.run([*kcat, "-C", "-e", "-q", "-f", "%k:%s\n"], capture_output=True, text=True, check=True, timeout=30)
    assert sorted(done.stdout.splitlines()) == sorted(lines)
    done = subprocess.run([*kcat, "-C", "-e", "-q", "-o", "-3", "-f", "%s\n"], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.splitlines() == [line.split(":")[1] for line in lines[-3:]]
    listing = subprocess.run(["kcat", "-b", shared_broker.bootstrap, "-L", "-t", topic], capture_output=True, text=True, check=True, timeout=30).stdout
    assert f'topic "{topic}" with 1 partitions' in listing
