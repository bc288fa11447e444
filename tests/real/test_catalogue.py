"""Real data: the machine's whole Debian package catalogue, a stanza a record, keyed by package name over 8 partitions. The broker is killed in the middle and started
again; another client reads everything back, and every byte is compared."""

import subprocess
from shutil import which

import pytest

pytestmark = [pytest.mark.real, pytest.mark.clients]
PARTITIONS = 8


def stanzas() -> list[tuple[bytes, bytes]]:
    done = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, timeout=120)
    found = []
    for stanza in done.stdout.split(b"\n\n"):
        if stanza.startswith(b"Package: "):
            found.append((stanza.split(b"\n", 1)[0][9:], stanza))
    return found


@pytest.mark.skipif(which("apt-cache") is None, reason="no apt here")
def test_the_package_catalogue_survives_a_crash(start_broker):
    from confluent_kafka import Producer
    from kafka import KafkaConsumer, TopicPartition

    records = stanzas()
    if len(records) < 1000:
        pytest.skip("the package lists of this machine are empty: apt-get update")
    broker = start_broker({"pybroker.flush.policy": "group"})
    from tests.support.client import Client

    with Client(broker.port) as client:
        client.create_topic("packages", PARTITIONS)
    port = broker.port
    failed: list[object] = []
    acknowledged = 0

    def on_delivery(error: object, _: object) -> None:
        nonlocal acknowledged
        if error is not None:
            failed.append(error)
        acknowledged += 1

    producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "linger.ms": 20, "message.timeout.ms": 60000, "compression.type": "none",
                         "queue.buffering.max.messages": 1000000, "queue.buffering.max.kbytes": 1 << 20, "partitioner": "murmur2_random"})  # fmt: skip
    killed = False
    for number, (key, stanza) in enumerate(records):
        producer.produce("packages", stanza, key, on_delivery=on_delivery)
        if number % 500 == 0:
            producer.poll(0)
        if not killed and acknowledged > len(records) // 3:
            killed = True
            broker.kill()
            broker.overrides["listeners"] = f"PLAINTEXT://127.0.0.1:{port}"
            broker.start()
    assert producer.flush(60) == 0
    assert not failed
    if not killed:
        broker.kill()
        broker.overrides["listeners"] = f"PLAINTEXT://127.0.0.1:{port}"
        broker.start()
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, enable_auto_commit=False, consumer_timeout_ms=10000, max_partition_fetch_bytes=1 << 22)
    consumer.assign([TopicPartition("packages", n) for n in range(PARTITIONS)])
    consumer.seek_to_beginning()
    read: dict[int, list[tuple[bytes, bytes]]] = {n: [] for n in range(PARTITIONS)}
    while sum(map(len, read.values())) < len(records):
        message = next(consumer)
        assert message.offset == len(read[message.partition])
        read[message.partition].append((message.key, message.value))
    ends = consumer.end_offsets([TopicPartition("packages", n) for n in range(PARTITIONS)])
    consumer.close()
    assert sum(ends.values()) == len(records), "a record was stored twice"
    partition_of = {key: number for number, rows in read.items() for key, _ in rows}
    for number, rows in read.items():
        assert rows == [record for record in records if partition_of[record[0]] == number]
