"""The machine's whole Debian package catalogue: a stanza a record, keyed by package name, hashed over 8 partitions. The broker is killed while half of it is acknowledged and
more is under way, and started again; the producer goes on by itself. Another client reads all back, and every byte is compared.

What must hold after the kill: a record whose offset was acknowledged is at that offset, also if it was acknowledged before; no record is there twice (the producer is idempotent
and repeats what it has no answer for); each partition has its records in the order of writing.
"""

import subprocess
from collections import defaultdict
from shutil import which
from typing import Final

import pytest

from tests.support.fixtures import StartBroker

pytestmark = [pytest.mark.real, pytest.mark.clients]
TOPIC: Final = "package-catalogue"
PARTITIONS: Final = 8
OUTSTANDING_MAX: Final = 2000
"""Records without an answer at a time: what keeps the producer from being far ahead of the broker, so that there is a middle to kill it in."""
OUTSTANDING_AT_KILL: Final = 500
WAIT_S: Final = 60.0

Stanza = tuple[bytes, bytes]
"""(package name, the whole stanza)."""


def stanzas() -> list[Stanza]:
    """The catalogue in the order of apt. Skips where there is none."""
    if which("apt-cache") is None:
        pytest.skip("apt-cache is not installed: no package catalogue here")
    text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, timeout=120, check=True).stdout
    found = [(stanza.partition(b"\n")[0].removeprefix(b"Package: "), stanza) for stanza in text.split(b"\n\n") if stanza.startswith(b"Package: ")]
    if len(found) < 10 * OUTSTANDING_MAX:
        pytest.skip(f"{len(found)} packages in the lists of this machine: apt-get update")
    return found


class Publisher:
    """confluent-kafka's idempotent producer, and where it was told that each record is."""

    def __init__(self, bootstrap: str) -> None:
        from confluent_kafka import Producer

        self.producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5, "message.timeout.ms": int(WAIT_S * 1000),
                                  "partitioner": "murmur2_random", "reconnect.backoff.max.ms": 200})  # fmt: skip
        self.sent = self.answered = 0
        self.failed: list[object] = []
        self.places: dict[int, tuple[int, int]] = {}
        """Number of a record → (partition, offset) as acknowledged."""

    @property
    def outstanding(self) -> int:
        return self.sent - self.answered

    def send(self, key: bytes, value: bytes) -> None:
        number = self.sent

        def on_delivery(error: object, message: object) -> None:
            self.answered += 1
            if error is not None:
                self.failed.append(error)
            else:
                self.places[number] = message.partition(), message.offset()  # type: ignore[attr-defined]

        self.producer.produce(TOPIC, value, key, on_delivery=on_delivery)
        self.sent += 1
        self.producer.poll(0)
        while self.outstanding >= OUTSTANDING_MAX:
            before = self.answered
            self.producer.poll(WAIT_S)
            assert self.answered > before, f"no answer within {WAIT_S} s"

    def finish(self) -> None:
        assert self.producer.flush(WAIT_S) == 0
        assert self.failed == []


def read_all(bootstrap: str, count: int) -> dict[int, list[Stanza]]:
    """Everything in the topic by partition, by kafka-python; offsets are 0, 1, 2… without a gap, and nothing comes after the last."""
    from kafka import KafkaConsumer, TopicPartition

    places = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="none", consumer_timeout_ms=10_000, max_partition_fetch_bytes=1 << 22)
    try:
        consumer.assign(places)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(places)
        assert sum(ends.values()) == count, "a record is missing, or there twice"
        read: dict[int, list[Stanza]] = {number: [] for number in range(PARTITIONS)}
        for _ in range(count):
            message = next(consumer)
            assert message.offset == len(read[message.partition])
            read[message.partition].append((message.key, message.value))
        assert {TopicPartition(TOPIC, number): len(rows) for number, rows in read.items()} == ends
        return read
    finally:
        consumer.close()


def test_the_package_catalogue_outlives_a_kill_in_the_middle(start_broker: StartBroker) -> None:
    from confluent_kafka.admin import AdminClient, NewTopic
    from kafka.partitioner.default import murmur2

    records = stanzas()
    broker = start_broker({"pybroker.flush.policy": "group"})
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(WAIT_S)
    publisher = Publisher(broker.bootstrap)
    acknowledged_before_kill = 0
    for key, stanza in records:
        publisher.send(key, stanza)
        if not acknowledged_before_kill and len(publisher.places) >= len(records) // 2 and publisher.outstanding >= OUTSTANDING_AT_KILL:
            acknowledged_before_kill = len(publisher.places)
            broker.overrides["listeners"] = f"PLAINTEXT://{broker.bootstrap}"  # the address that the producer knows
            broker.kill()
            broker.start()
    publisher.finish()
    assert len(records) // 2 <= acknowledged_before_kill <= len(records) - OUTSTANDING_AT_KILL, "the kill was not in the middle"

    read = read_all(broker.bootstrap, len(records))
    assert len(publisher.places) == len(records)
    expected: dict[int, list[Stanza]] = defaultdict(list)
    for number, record in enumerate(records):
        partition, offset = publisher.places[number]
        assert read[partition][offset] == record, f"record {number}, acknowledged at {partition}/{offset}"
        expected[(murmur2(record[0]) & 0x7FFFFFFF) % PARTITIONS].append(record)
    for number in range(PARTITIONS):
        assert read[number] == expected[number], f"partition {number} is not in the order of writing"
