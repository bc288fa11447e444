"""A clean stop under load: what is in the log was answered, so that no client repeats it, and idempotent producers go on with the next broker."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pybroker.protocol.messages import k00_produce as k00
from pybroker.protocol.messages import k02_list_offsets as k02
from tests.support.batches import Record, batch
from tests.support.broker import Broker, ours_only
from tests.support.client import ONE_RECORD, PRODUCE_VERSION, Client
from tests.support.wire import Closed

pytestmark = [ours_only("stops the broker"), pytest.mark.real]
SYNCED = {"pybroker.flush.policy": "group"}
"""Answers wait for the disk: the widest gap between an append and its answer."""


class Sender:
    """Keeps sending batches of one record on a connection of its own, without waiting for answers, and counts those that come, until the broker closes."""

    WINDOW = 20

    def __init__(self, port: int, topic: str) -> None:
        self.client = Client(port)
        self.topic = topic
        self.answered: list[int] = []
        """Base offsets."""
        self.flowing = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        request = k00.ProduceRequest(
            acks=-1,
            timeout_ms=30_000,
            topic_data=[k00.TopicProduceData(name=self.topic, partition_data=[k00.PartitionProduceData(index=0, records=ONE_RECORD)])],
        )
        waiting: list[int] = []
        sending = True
        try:
            while True:
                while sending and len(waiting) < self.WINDOW:
                    try:
                        waiting.append(self.client.send(request, PRODUCE_VERSION))
                    except OSError:
                        sending = False  # closed: answers may be there still
                answer = self.client.receive(request, PRODUCE_VERSION, waiting.pop(0)).responses[0].partition_responses[0]
                assert answer.error_code == 0
                self.answered.append(answer.base_offset)
                if len(self.answered) > 100:
                    self.flowing.set()
        except (Closed, OSError, IndexError):
            pass
        finally:
            self.flowing.set()


def end_offset(broker: Broker, topic: str) -> int:
    request = k02.ListOffsetsRequest(
        replica_id=-1, topics=[k02.ListOffsetsTopic(name=topic, partitions=[k02.ListOffsetsPartition(partition_index=0, timestamp=-1)])]
    )
    with Client(broker.port) as client:
        return int(client.call(request, 7).topics[0].partitions[0].offset)


def test_every_batch_in_the_log_was_answered(tmp_path: Path) -> None:
    """Producers without sequence numbers send a batch again that was not answered: it would be there twice."""
    with Broker(tmp_path / "data", SYNCED) as broker:
        with Client(broker.port) as client:
            client.create_topic("t")
        end = 0
        for _ in range(4):
            senders = [Sender(broker.port, "t") for _ in range(6)]
            for sender in senders:
                assert sender.flowing.wait(20)
            broker.stop()
            for sender in senders:
                sender.thread.join(20)
            answered = sorted(offset for sender in senders for offset in sender.answered)
            assert len(answered) > 600
            broker.start()
            end, begin = end_offset(broker, "t"), end
            assert answered == list(range(begin, end))


def test_a_reader_that_reads_nothing_does_not_keep_the_broker(tmp_path: Path) -> None:
    """Answers that nobody takes are waited for one second."""
    with Broker(tmp_path / "data") as broker:
        with Client(broker.port) as client:
            client.create_topic("t")
            big = batch([Record(b"v" * 900_000)])
            for _ in range(10):
                assert client.produce("t", big).error_code == 0
        stuck = Client(broker.port)
        for _ in range(8):
            stuck.send(stuck.fetch_request("t", 0), 11)
        began_s = time.monotonic()
        broker.stop()
        assert time.monotonic() - began_s < 4
        stuck.close()


@pytest.mark.clients
def test_idempotent_producers_go_on_with_the_next_broker(tmp_path: Path) -> None:
    """Several batches are under way at every stop. Nothing is lost, doubled or out of order, and no producer is told of a fatal error."""
    import confluent_kafka as confluent

    with Broker(tmp_path / "data", SYNCED) as broker:
        broker.overrides["listeners"] = f"PLAINTEXT://{broker.bootstrap}"  # the address that clients know
        fatal: list[Any] = []
        failed: list[Any] = []
        producers = [
            confluent.Producer(
                {"bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "linger.ms": 0, "batch.num.messages": 5, "queue.buffering.max.messages": 200, "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 100,
                 "error_cb": lambda error: fatal.append(error) if error.fatal() else None, "log_level": 0}
            )
            for _ in range(3)
        ]  # fmt: skip
        delivered = 0
        stopped = threading.Event()

        def told(error: Any, message: Any) -> None:
            nonlocal delivered
            delivered += error is None
            if error is not None:
                failed.append(error)

        def produce() -> None:
            while not stopped.is_set() and not fatal:
                for number, producer in enumerate(producers):
                    try:
                        producer.produce(f"t{number}", b"value", partition=0, callback=told)
                    except BufferError:
                        producer.poll(0.01)
                    producer.poll(0)

        thread = threading.Thread(target=produce)
        thread.start()
        try:
            for _ in range(3):
                seen = delivered
                while delivered < seen + 500 and not fatal and not failed:
                    stopped.wait(0.001)
                broker.stop()
                broker.start()
        finally:
            stopped.set()
            thread.join()
        assert [producer.flush(30) for producer in producers] == [0, 0, 0]
        assert not fatal and not failed
        assert sum(end_offset(broker, f"t{number}") for number in range(3)) == delivered
