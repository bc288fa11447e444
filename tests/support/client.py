"""The raw connection with the few requests that tests of the core and benchmarks make, by port: no broker object, topics by name."""

from typing import Any, Final

from pybroker.protocol.messages import k00_produce as k00
from pybroker.protocol.messages import k01_fetch as k01
from pybroker.protocol.messages import k19_create_topics as k19
from tests.support.batches import Record, batch
from tests.support.wire import Closed, Connection, framed

PRODUCE_VERSION: Final = 9
FETCH_VERSION: Final = 11
ONE_RECORD: Final = batch([Record(b"value" * 20, key=b"key")])

__all__ = ["FETCH_VERSION", "ONE_RECORD", "PRODUCE_VERSION", "Client", "Closed"]


class Client(Connection):
    """One connection to this machine."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port))

    def send_frame(self, body: bytes) -> None:
        self.send_bytes(framed(body))

    def is_closed(self) -> bool:
        """Whether the broker closes, within the time-out, without another byte."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def create_topic(self, name: str) -> None:
        answer = self.call(k19.CreateTopicsRequest(topics=[k19.CreatableTopic(name=name, num_partitions=1, replication_factor=1)]), 7)
        assert answer.topics[0].error_code == 0, answer

    @staticmethod
    def produce_request(topic: str, records: bytes) -> k00.ProduceRequest:
        data = [k00.PartitionProduceData(index=0, records=records)]
        return k00.ProduceRequest(acks=1, timeout_ms=5000, topic_data=[k00.TopicProduceData(name=topic, partition_data=data)])

    @staticmethod
    def fetch_request(topic: str, offset: int) -> k01.FetchRequest:
        rows = [k01.FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=1 << 20)]
        return k01.FetchRequest(max_wait_ms=0, min_bytes=1, max_bytes=1 << 26, session_id=0, session_epoch=-1, topics=[k01.FetchTopic(topic=topic, partitions=rows)])

    def produce(self, topic: str, records: bytes) -> Any:
        """The one partition's answer."""
        return self.call(self.produce_request(topic, records), PRODUCE_VERSION).responses[0].partition_responses[0]

    def fetch(self, topic: str, offset: int) -> Any:
        """The one partition's answer."""
        return self.call(self.fetch_request(topic, offset), FETCH_VERSION).responses[0].partitions[0]
