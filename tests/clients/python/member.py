"""A member of a group as a process: ``member.py CLIENT BOOTSTRAP TOPIC GROUP STRATEGY``, with events as tests/clients/members.py has them. It leaves when its stdin ends."""

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterable

POLL_S = 0.1
COMMIT_EVERY = 50
"""Records read between two commits, when there is no pause before."""
SESSION_MS, HEARTBEAT_MS = 3000, 300
"""Short, so that who dies or freezes is missed soon."""


def say(**event: object) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def assigned(partitions: Iterable[int]) -> None:
    say(assigned=sorted(partitions))


def revoked(partitions: Iterable[int]) -> None:
    say(revoked=sorted(partitions))


def leave_at_end_of_input() -> threading.Event:
    leaving = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        leaving.set()

    threading.Thread(target=wait, daemon=True).start()
    return leaving


def confluent(bootstrap: str, topic: str, group: str, strategy: str, leaving: threading.Event) -> None:
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    config: dict[str, object] = {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    if strategy == "consumer":
        config |= {"group.protocol": "consumer"}
    else:
        config |= {"partition.assignment.strategy": strategy, "session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": HEARTBEAT_MS}
    consumer = Consumer(config)
    places: dict[int, int] = {}

    def commit() -> None:
        if places:
            asked = [TopicPartition(topic, partition, offset) for partition, offset in places.items()]
            places.clear()
            try:
                consumer.commit(offsets=asked, asynchronous=False)
            except KafkaException as error:
                say(refused=str(error))

    def on_assign(_: object, found: list[TopicPartition]) -> None:
        assigned(row.partition for row in found)

    def on_revoke(_: object, found: list[TopicPartition]) -> None:
        commit()
        revoked(row.partition for row in found)

    def on_lost(_: object, found: list[TopicPartition]) -> None:
        places.clear()
        revoked(row.partition for row in found)

    consumer.subscribe([topic], on_assign=on_assign, on_revoke=on_revoke, on_lost=on_lost)
    unsaved = 0
    while not leaving.is_set():
        message = consumer.poll(POLL_S)
        if message is None or unsaved >= COMMIT_EVERY:
            commit()
            unsaved = 0
        if message is not None and message.error() is None:
            say(read=message.partition(), records=[[message.offset(), message.value().decode()]])
            places[message.partition()] = message.offset() + 1
            unsaved += 1
        elif message is not None:
            say(refused=str(message.error()))
    commit()
    consumer.close()


def kafka_python(bootstrap: str, topic: str, group: str, strategy: str, leaving: threading.Event) -> None:
    from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
    from kafka.errors import KafkaError

    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
    )

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
        def on_partitions_revoked(self, found: Iterable[TopicPartition]) -> None:
            revoked(row.partition for row in found)

        def on_partitions_assigned(self, found: Iterable[TopicPartition]) -> None:
            assigned(row.partition for row in found)

        def on_partitions_lost(self, found: Iterable[TopicPartition]) -> None:
            self.on_partitions_revoked(found)

    consumer.subscribe([topic], listener=Listener())
    while not leaving.is_set():
        found = consumer.poll(timeout_ms=int(POLL_S * 1000))
        for place, records in found.items():
            say(read=place.partition, records=[[record.offset, record.value.decode()] for record in records])
        if found:
            try:
                consumer.commit()
            except KafkaError as error:
                say(refused=str(error))
    consumer.close(autocommit=False)


async def aio(bootstrap: str, topic: str, group: str, strategy: str, leaving: threading.Event) -> None:
    from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
    from aiokafka.errors import KafkaError

    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
    )

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
        async def on_partitions_revoked(self, found: Iterable[TopicPartition]) -> None:
            revoked(row.partition for row in found)

        async def on_partitions_assigned(self, found: Iterable[TopicPartition]) -> None:
            assigned(row.partition for row in found)

    consumer.subscribe([topic], listener=Listener())
    await consumer.start()
    while not leaving.is_set():
        try:
            found = await consumer.getmany(timeout_ms=int(POLL_S * 1000))
            for place, records in found.items():
                say(read=place.partition, records=[[record.offset, record.value.decode()] for record in records])
            if found:
                await consumer.commit({place: records[-1].offset + 1 for place, records in found.items()})
        except KafkaError as error:
            say(refused=str(error))
    await consumer.stop()


CLIENTS: dict[str, Callable[[str, str, str, str, threading.Event], None]] = {
    "confluent-kafka": confluent,
    "kafka-python": kafka_python,
    "aiokafka": lambda *arguments: asyncio.run(aio(*arguments)),
}

if __name__ == "__main__":
    CLIENTS[sys.argv[1]](sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5], leave_at_end_of_input())
