"""confluent-kafka, kafka-python and aiokafka behind the scenarios. Consumers assign partitions. What is costly to make (producers, consumers) is made once a call and closed in it."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar, cast

from tests.clients.adapters import ANSWER_S_MAX, Adapter, Found, OnReady, nothing
from tests.clients.scenarios import At, Begin, Codec, Feature, Record


class ConfluentKafka(Adapter):
    name = "confluent-kafka"

    def create(self, topic: str, partitions: int) -> int:
        from confluent_kafka.admin import AdminClient, NewTopic

        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(ANSWER_S_MAX)
        return len(admin.list_topics(topic, timeout=ANSWER_S_MAX).topics[topic].partitions)

    def write(self, topic: str, records: Sequence[Record], codec: Codec = "none", partition: int = 0) -> list[int]:
        from confluent_kafka import KafkaError, Message, Producer

        answers: list[tuple[KafkaError | None, int]] = []

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            answers.append((error, cast(int, message.offset())))

        producer = Producer({"bootstrap.servers": self.bootstrap, "compression.type": codec, "enable.idempotence": True, "linger.ms": 5, "message.max.bytes": 1_048_576})
        for record in records:
            producer.produce(topic, record.value, record.key, partition=partition, on_delivery=on_delivery, timestamp=record.timestamp, headers=list(record.headers))
        assert producer.flush(ANSWER_S_MAX) == 0
        assert [error for error, _ in answers if error is not None] == []
        return [offset for _, offset in answers]

    def read(self, topic: str, begin: Begin, count: int, partition: int = 0, on_ready: OnReady = nothing) -> Found:
        from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, TopicPartition

        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "not used", "enable.auto.commit": False, "enable.partition.eof": True, "auto.offset.reset": "error"})
        try:
            if isinstance(begin, At):
                [place] = consumer.offsets_for_times([TopicPartition(topic, partition, begin.timestamp)], timeout=ANSWER_S_MAX)
            else:
                place = TopicPartition(topic, partition, {"start": OFFSET_BEGINNING, "end": OFFSET_END}[begin] if isinstance(begin, str) else begin)
            consumer.assign([place])
            if begin == "end":                                              # it tells where it is by the end that it meets there
                at_end = consumer.poll(ANSWER_S_MAX)
                assert at_end is not None and at_end.error().code() == KafkaError._PARTITION_EOF, at_end and at_end.error()
            on_ready()
            found: Found = []
            while len(found) < count:
                message = consumer.poll(ANSWER_S_MAX)
                assert message is not None, f"{len(found)} of {count}"
                if message.error() is not None and message.error().code() == KafkaError._PARTITION_EOF:
                    continue
                assert message.error() is None, message.error()
                found.append((message.offset(), Record(message.key(), message.value(), tuple(message.headers() or ()), message.timestamp()[1])))
            return found
        finally:
            consumer.close()


class KafkaPython(Adapter):
    name = "kafka-python"
    lacks: ClassVar[dict[Feature, str]] = {"null header values": "kafka-python's producer takes bytes alone as header values"}

    def create(self, topic: str, partitions: int) -> int:
        from kafka.admin import KafkaAdminClient, NewTopic

        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            admin.create_topics([NewTopic(topic, partitions, 1)])
            return len(admin.describe_topics([topic])[0]["partitions"])
        finally:
            admin.close()

    def write(self, topic: str, records: Sequence[Record], codec: Codec = "none", partition: int = 0) -> list[int]:
        from kafka import KafkaProducer

        producer = KafkaProducer(bootstrap_servers=self.bootstrap, acks="all", compression_type=None if codec == "none" else codec, linger_ms=5)
        try:
            sent = [producer.send(topic, record.value, record.key, list(record.headers), partition, record.timestamp) for record in records]
            producer.flush(ANSWER_S_MAX)
            return [future.get(ANSWER_S_MAX).offset for future in sent]
        finally:
            producer.close()

    def read(self, topic: str, begin: Begin, count: int, partition: int = 0, on_ready: OnReady = nothing) -> Found:
        from kafka import KafkaConsumer, TopicPartition

        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False, auto_offset_reset="none", consumer_timeout_ms=int(ANSWER_S_MAX * 1000))
        try:
            place = TopicPartition(topic, partition)
            consumer.assign([place])
            if begin == "start":
                consumer.seek_to_beginning(place)
            elif begin == "end":
                consumer.seek_to_end(place)
            else:
                consumer.seek(place, consumer.offsets_for_times({place: begin.timestamp})[place].offset if isinstance(begin, At) else begin)
            consumer.position(place)
            on_ready()
            found: Found = []
            while len(found) < count:
                message = next(consumer)
                found.append((message.offset, Record(message.key, message.value, tuple(message.headers), message.timestamp)))
            return found
        finally:
            consumer.close()


class AioKafka(Adapter):
    name = "aiokafka"

    def create(self, topic: str, partitions: int) -> int:
        return asyncio.run(self._create(topic, partitions))

    async def _create(self, topic: str, partitions: int) -> int:
        from aiokafka.admin import AIOKafkaAdminClient, NewTopic

        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            answer = await admin.create_topics([NewTopic(topic, partitions, 1)])
            assert [row[1] for row in answer.topic_errors] == [0]
            return len((await admin.describe_topics([topic]))[0]["partitions"])
        finally:
            await admin.close()

    def write(self, topic: str, records: Sequence[Record], codec: Codec = "none", partition: int = 0) -> list[int]:
        return asyncio.run(self._write(topic, records, codec, partition))

    async def _write(self, topic: str, records: Sequence[Record], codec: Codec, partition: int) -> list[int]:
        from aiokafka import AIOKafkaProducer

        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, compression_type=None if codec == "none" else codec, linger_ms=5, enable_idempotence=True)
        await producer.start()
        try:
            sent = [await producer.send(topic, one.value, one.key, partition, one.timestamp, list(one.headers)) for one in records]
            return [(await asyncio.wait_for(future, ANSWER_S_MAX)).offset for future in sent]
        finally:
            await producer.stop()

    def read(self, topic: str, begin: Begin, count: int, partition: int = 0, on_ready: OnReady = nothing) -> Found:
        return asyncio.run(self._read(topic, begin, count, partition, on_ready))

    async def _read(self, topic: str, begin: Begin, count: int, partition: int, on_ready: OnReady) -> Found:
        from aiokafka import AIOKafkaConsumer, TopicPartition

        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False, auto_offset_reset="none")
        await consumer.start()
        try:
            place = TopicPartition(topic, partition)
            consumer.assign([place])
            if begin == "start":
                await consumer.seek_to_beginning(place)
            elif begin == "end":
                await consumer.seek_to_end(place)
            else:
                consumer.seek(place, (await consumer.offsets_for_times({place: begin.timestamp}))[place].offset if isinstance(begin, At) else begin)
            await asyncio.wait_for(consumer.position(place), ANSWER_S_MAX)
            await asyncio.to_thread(on_ready)                               # may be an adapter with a loop of its own
            found: Found = []
            while len(found) < count:
                message = await asyncio.wait_for(consumer.getone(), ANSWER_S_MAX)
                found.append((message.offset, Record(message.key, message.value, tuple(message.headers), message.timestamp)))
            return found
        finally:
            await consumer.stop()
