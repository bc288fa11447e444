"""Real client libraries that go on while the broker is killed under them, each in a thread of its own, each noting what it does and gets.

Producers   ``confluent`` (librdkafka), ``aiokafka``; idempotent with acks=all, or not idempotent and never repeating by themselves, so that what ends as unknown stays so
Consumer    kafka-python, all partitions from their begin on
Final read  any of the three, in both isolation levels

A producer has a bounded number of records under way and sends again as answers come: how much happens in a run is decided by who plays the faults, not by the clock.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from tests.model.history import ACK, INFO, Log, Poll, Read, Recorder, Values, read_of
from tests.support.batches import Record, batch
from tests.support.broker import ForeignBroker
from tests.support.kafka import NONE, Client
from tests.support.wire import Closed

WAIT_S = 30.0
"""What a client is given for anything; far more than a restart takes."""
READ_WAIT_S: Final = 5.0
"""What the final read waits for the next record: the broker has nothing else to do."""
OUTSTANDING_MAX: Final = 60
PADDING_MAX: Final = 1500
WEAK_PADDING_MAX: Final = 12_000
"""Over several pages, of which a power cut leaves some."""

logging.getLogger("aiokafka").setLevel(logging.CRITICAL)                     # that the broker goes away is what these tests are about
logging.getLogger("kafka").setLevel(logging.CRITICAL)


class Gone(AssertionError):
    """A client library gave up: the broker told it something that it cannot live with, or nothing for too long."""


class Worker:
    """A thread that runs until it is told to stop. What it raises ends the run."""

    def __init__(self, name: str, recorder: Recorder) -> None:
        self.name = name
        self.recorder = recorder
        self.stopping = threading.Event()
        self.holding = False
        """Nothing new is sent; what is under way goes on."""
        self.abandoned = False
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """Ask; ``join`` waits."""
        self.stopping.set()

    def abandon(self) -> None:
        """Ask it to leave what it has under way as it is."""
        self.abandoned = True
        self.stopping.set()

    def join(self) -> None:
        self.thread.join(2 * WAIT_S)
        if self.thread.is_alive():
            raise Gone(f"{self.name} did not end within {2 * WAIT_S} s")

    def _run(self) -> None:
        try:
            self.work()
        except BaseException as error:
            self.recorder.give_up(error)

    def work(self) -> None:
        raise NotImplementedError


class Target:
    """Where a client sends: a topic, its partitions, and the seed that decides."""

    def __init__(self, bootstrap: str, topic: str, partitions: int, seed: str, *, idempotent: bool = True, weak: Sequence[int] = ()) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self.partitions = partitions
        self.weak = weak
        """Partitions that get records with acks=1, and no others: there is data that nobody waits to be synced."""
        self.strong = [part for part in range(partitions) if part not in weak]
        self.seed = seed
        self.idempotent = idempotent


# ---- producers


class ConfluentProducer(Worker):
    """librdkafka by confluent-kafka."""

    def __init__(self, name: str, recorder: Recorder, target: Target, *, codec: str = "none") -> None:
        super().__init__(name, recorder)
        self.target = target
        self.values = Values(name, target.seed, PADDING_MAX)
        self.outstanding = 0
        self.codec = codec

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "bootstrap.servers": self.target.bootstrap, "acks": "all", "linger.ms": 1, "compression.type": self.codec, "reconnect.backoff.ms": 5,
            "reconnect.backoff.max.ms": 20, "retry.backoff.ms": 5, "retry.backoff.max.ms": 50, "message.timeout.ms": int(WAIT_S * 1000), "batch.num.messages": 20,
            "log_level": 0, "topic.metadata.refresh.fast.interval.ms": 20,
        }  # fmt: skip
        if self.target.idempotent:
            return {**config, "enable.idempotence": True, "max.in.flight.requests.per.connection": 5}
        return {**config, "retries": 0, "message.timeout.ms": 5000}

    def work(self) -> None:
        from confluent_kafka import Producer

        producer = Producer(self._config())
        while not self.stopping.is_set():
            if self.outstanding < OUTSTANDING_MAX and not self.holding:
                self._send_one(producer)
                producer.poll(0)
            else:
                producer.poll(0.05)
        deadline = time.monotonic() + WAIT_S
        while self.outstanding and time.monotonic() < deadline and not self.abandoned:
            producer.poll(0.05)
        producer.purge(in_queue=True, in_flight=True)

    def _send_one(self, producer: Any) -> None:
        part = self.values.random.choice(self.target.strong)
        name, value = self.values.next()
        send = self.recorder.send(self.name, self.target.topic, part, name)
        self.outstanding += 1

        def on_delivery(error: Any, message: Any) -> None:
            self.outstanding -= 1
            if error is None:
                self.recorder.done(send, ACK, message.offset())
                return
            self.recorder.done(send, INFO)
            if self.target.idempotent:
                self.recorder.give_up(Gone(f"{self.name}: {error}"))

        producer.produce(self.target.topic, value, partition=part, on_delivery=on_delivery)


class AioProducer(Worker):
    """aiokafka, on an event loop of its own. Always idempotent: it has no way to not repeat."""

    def __init__(self, name: str, recorder: Recorder, target: Target, *, codec: str | None = None) -> None:
        super().__init__(name, recorder)
        self.target = target
        self.values = Values(name, target.seed, PADDING_MAX)
        self.codec = codec

    def work(self) -> None:
        asyncio.run(self._work())

    async def _work(self) -> None:
        from aiokafka import AIOKafkaProducer

        producer = AIOKafkaProducer(bootstrap_servers=self.target.bootstrap, enable_idempotence=True, acks="all", linger_ms=1, compression_type=self.codec,
                                    retry_backoff_ms=10, request_timeout_ms=int(WAIT_S * 1000))  # fmt: skip
        await producer.start()
        room, never = asyncio.Semaphore(OUTSTANDING_MAX), asyncio.Event()
        under_way: set[asyncio.Task[None]] = set()
        try:
            while not self.stopping.is_set():
                if self.holding or room.locked():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(never.wait(), 0.005)
                    continue
                await room.acquire()
                part = self.values.random.choice(self.target.strong)
                name, value = self.values.next()
                send = self.recorder.send(self.name, self.target.topic, part, name)
                try:
                    sent = await producer.send(self.target.topic, value, partition=part)
                except Exception as error:
                    self._failed(send, error)
                    room.release()
                    continue
                task = asyncio.ensure_future(self._answer(send, sent, room))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            if under_way and not self.abandoned:
                await asyncio.wait(under_way, timeout=WAIT_S)
        finally:
            for task in list(under_way):
                task.cancel()
            try:
                await asyncio.wait_for(producer.stop(), 0.2 if self.abandoned else WAIT_S)  # else it waits for a broker that is gone
            except TimeoutError:
                await producer.client.close()

    async def _answer(self, send: int, sent: Any, room: asyncio.Semaphore) -> None:
        try:
            self.recorder.done(send, ACK, (await sent).offset)
        except Exception as error:
            self._failed(send, error)
        finally:
            room.release()

    def _failed(self, send: int, error: Exception) -> None:
        self.recorder.done(send, INFO)
        self.recorder.give_up(Gone(f"{self.name}: {error!r}"))


class PlainProducer(Worker):
    """kafka-python, not idempotent, no repetition."""

    def __init__(self, name: str, recorder: Recorder, target: Target) -> None:
        super().__init__(name, recorder)
        self.target = target
        self.values = Values(name, target.seed, PADDING_MAX)
        self.room = threading.Semaphore(OUTSTANDING_MAX)

    def work(self) -> None:
        from kafka import KafkaProducer

        producer = KafkaProducer(bootstrap_servers=self.target.bootstrap, enable_idempotence=False, retries=0, acks="all", linger_ms=1, reconnect_backoff_ms=5,
                                 reconnect_backoff_max_ms=20, request_timeout_ms=5000, delivery_timeout_ms=6000, max_block_ms=int(WAIT_S * 1000))  # fmt: skip
        try:
            while not self.stopping.is_set():
                if self.holding:
                    self.stopping.wait(0.01)
                elif self.room.acquire(timeout=0.05):
                    self._send_one(producer)
        finally:
            producer.close(timeout=0.1 if self.abandoned else WAIT_S)

    def _send_one(self, producer: Any) -> None:
        part = self.values.random.choice(self.target.strong)
        name, value = self.values.next()
        send = self.recorder.send(self.name, self.target.topic, part, name)

        def on_ack(place: Any) -> None:
            self.recorder.done(send, ACK, place.offset)
            self.room.release()

        def on_error(_: BaseException) -> None:
            self.recorder.done(send, INFO)
            self.room.release()

        producer.send(self.target.topic, value, partition=part).add_callback(on_ack).add_errback(on_error)


class WeakProducer(Worker):
    """Raw frames with acks=1, one at a time, to partitions that nobody else writes to: what is in them is not synced soon, and torn by a power cut."""

    def __init__(self, name: str, recorder: Recorder, target: Target) -> None:
        super().__init__(name, recorder)
        self.target = target
        self.values = Values(name, target.seed, WEAK_PADDING_MAX)

    def work(self) -> None:
        while not self.stopping.wait(0.005):
            try:
                client = Client(ForeignBroker(self.target.bootstrap))
            except OSError:
                continue                                                    # not there yet
            try:
                self._send_all(client)
            except (Closed, OSError):
                pass
            finally:
                client.close()

    def _send_all(self, client: Client) -> None:
        while not self.stopping.is_set():
            part = self.values.random.choice(self.target.weak)
            name, value = self.values.next()
            send = self.recorder.send(self.name, self.target.topic, part, name, weak=True)
            how, offset = INFO, -1
            try:
                answer = client.produce(self.target.topic, batch([Record(value)]), partition=part, acks=1)
                if answer.error_code == NONE:
                    how, offset = ACK, int(answer.base_offset)
            finally:
                self.recorder.done(send, how, offset)


# ---- consumers


class Follower(Worker):
    """kafka-python's consumer: every partition from the begin on, while the broker comes and goes."""

    def __init__(self, name: str, recorder: Recorder, target: Target) -> None:
        super().__init__(name, recorder)
        self.target = target

    def work(self) -> None:
        from kafka import KafkaConsumer, TopicPartition

        consumer = KafkaConsumer(bootstrap_servers=self.target.bootstrap, enable_auto_commit=False, auto_offset_reset="none", fetch_max_wait_ms=50, reconnect_backoff_ms=10,
                                 reconnect_backoff_max_ms=50, retry_backoff_ms=10)  # fmt: skip
        try:
            places = [TopicPartition(self.target.topic, part) for part in range(self.target.partitions)]
            consumer.assign(places)
            for place in places:
                consumer.seek(place, 0)
            while not self.stopping.is_set():
                for place, messages in consumer.poll(timeout_ms=100).items():
                    recs = tuple(read_of(message.offset, message.value) for message in messages)
                    self.recorder.note(Poll(self.name, place.topic, place.partition, recs, time.monotonic()))
        finally:
            consumer.close()


# ---- the final read


def read_confluent(bootstrap: str, topic: str, partitions: int, iso: str) -> list[Log]:
    from confluent_kafka import Consumer, TopicPartition

    level = {"ru": "read_uncommitted", "rc": "read_committed"}[iso]
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "final", "enable.auto.commit": False, "isolation.level": level, "fetch.wait.max.ms": 20, "log_level": 0,
                         "auto.offset.reset": "error", "check.crcs": True})  # fmt: skip
    try:
        bounds = [consumer.get_watermark_offsets(TopicPartition(topic, part), WAIT_S) for part in range(partitions)]
        consumer.assign([TopicPartition(topic, part, bounds[part][0]) for part in range(partitions)])
        found: list[list[Read]] = [[] for _ in range(partitions)]
        left = sum(end - start for start, end in bounds)
        while left > 0:
            messages = consumer.consume(min(left, 1000), READ_WAIT_S)
            if not messages:
                raise Gone(f"the final read of {topic} ({iso}) got nothing more for {READ_WAIT_S} s, {left} records before the end")
            for message in messages:
                if message.error() is not None:
                    raise Gone(f"the final read of {topic}: {message.error()}")
                found[message.partition()].append(read_of(message.offset(), message.value()))
            left = sum(end - max(start, rows[-1].off + 1 if rows else start) for (start, end), rows in zip(bounds, found, strict=True))
        return [Log(topic, part, tuple(found[part]), *bounds[part], iso, time.monotonic()) for part in range(partitions)]
    finally:
        consumer.close()


def read_kafka_python(bootstrap: str, topic: str, partitions: int, iso: str) -> list[Log]:
    from kafka import KafkaConsumer, TopicPartition

    level = {"ru": "read_uncommitted", "rc": "read_committed"}[iso]
    places = [TopicPartition(topic, part) for part in range(partitions)]
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="none", isolation_level=level, fetch_max_wait_ms=20, check_crcs=True)
    try:
        consumer.assign(places)
        starts, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, starts[place])
        found: dict[int, list[Read]] = {part: [] for part in range(partitions)}
        at = dict(starts)
        while any(at[place] < ends[place] for place in places):
            got = consumer.poll(timeout_ms=int(READ_WAIT_S * 1000))
            if not got:
                raise Gone(f"the final read of {topic} ({iso}) got nothing more for {READ_WAIT_S} s")
            for place, messages in got.items():
                found[place.partition] += [read_of(message.offset, message.value) for message in messages]
                at[place] = messages[-1].offset + 1
        return [Log(topic, place.partition, tuple(found[place.partition]), starts[place], ends[place], iso, time.monotonic()) for place in places]
    finally:
        consumer.close()


READERS: Final[tuple[Callable[[str, str, int, str], list[Log]], ...]] = (read_confluent, read_kafka_python)


def read_all(recorder: Recorder, bootstrap: str, topic: str, partitions: int, seed: str) -> None:
    """The whole topic into the history, once per isolation level, each by another library."""
    readers = list(READERS)
    random.Random(f"{seed}/readers").shuffle(readers)
    for reader, iso in zip(readers, ("ru", "rc"), strict=True):
        for log in reader(bootstrap, topic, partitions, iso):
            recorder.note(log)


def producers(recorder: Recorder, target: Target) -> list[Worker]:
    """Two of librdkafka with different codecs, one of another library, and one with acks=1 where there are partitions for it."""
    other = AioProducer("a1", recorder, target) if target.idempotent else PlainProducer("p1", recorder, target)
    weak = [WeakProducer("w1", recorder, target)] if target.weak else []
    return [ConfluentProducer("c1", recorder, target), ConfluentProducer("c2", recorder, target, codec="lz4"), other, *weak]


def stop_all(workers: Iterable[Worker]) -> None:
    """Ask all, then wait for all."""
    for worker in workers:
        worker.stop()
    for worker in workers:
        worker.join()
