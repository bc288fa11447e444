"""What most API tests do, in a call each: create topics, produce, fetch, list offsets. Each helper names the version it speaks unless told another."""

import itertools
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pybroker.protocol.messages import k00_produce as k00
from pybroker.protocol.messages import k01_fetch as k01
from pybroker.protocol.messages import k02_list_offsets as k02
from pybroker.protocol.messages import k03_metadata as k03
from pybroker.protocol.messages import k19_create_topics as k19
from pybroker.protocol.messages import k20_delete_topics as k20
from pybroker.protocol.messages import k22_init_producer_id as k22
from pybroker.protocol.messages import k32_describe_configs as k32
from pybroker.protocol.messages import k44_incremental_alter_configs as k44
from tests.support.batches import Batch, Record, all_records, batch, parse_batches
from tests.support.broker import FOREIGN, AnyBroker
from tests.support.wire import Connection

NONE: Final = 0
OFFSET_OUT_OF_RANGE: Final = 1
CORRUPT_MESSAGE: Final = 2
UNKNOWN_TOPIC_OR_PARTITION: Final = 3
NOT_LEADER_OR_FOLLOWER: Final = 6
MESSAGE_TOO_LARGE: Final = 10
INVALID_TOPIC: Final = 17
NOT_ENOUGH_REPLICAS: Final = 19
INVALID_REQUIRED_ACKS: Final = 21
INVALID_TIMESTAMP: Final = 32
UNSUPPORTED_VERSION: Final = 35
TOPIC_ALREADY_EXISTS: Final = 36
INVALID_PARTITIONS: Final = 37
INVALID_REPLICATION_FACTOR: Final = 38
INVALID_REPLICA_ASSIGNMENT: Final = 39
INVALID_CONFIG: Final = 40
INVALID_REQUEST: Final = 42
UNSUPPORTED_FOR_MESSAGE_FORMAT: Final = 43
POLICY_VIOLATION: Final = 44
OUT_OF_ORDER_SEQUENCE_NUMBER: Final = 45
DUPLICATE_SEQUENCE_NUMBER: Final = 46
INVALID_PRODUCER_EPOCH: Final = 47
INVALID_TXN_STATE: Final = 48
FETCH_SESSION_ID_NOT_FOUND: Final = 70
INVALID_FETCH_SESSION_EPOCH: Final = 71
FENCED_LEADER_EPOCH: Final = 74
UNKNOWN_LEADER_EPOCH: Final = 75
UNSUPPORTED_COMPRESSION_TYPE: Final = 76
INVALID_RECORD: Final = 87
UNKNOWN_TOPIC_ID: Final = 100

TOPIC_RESOURCE: Final = 2
BROKER_RESOURCE: Final = 4
SET, DELETE, APPEND, SUBTRACT = range(4)

_numbers = itertools.count()
_RUN: Final = f"{os.getpid():x}"


def new_name(hint: str = "t") -> str:
    """A topic name that nobody has used: also on a foreign broker that was tested before."""
    return f"{hint}-{_RUN}-{next(_numbers)}"


class Client:
    """One connection with the usual requests."""

    def __init__(self, broker: AnyBroker) -> None:
        self.broker = broker
        self.connection = Connection(broker.address)
        self.ids: dict[str, bytes] = {}

    def call(self, request: Any, version: int) -> Any:
        return self.connection.call(request, version)

    def close(self) -> None:
        self.connection.close()

    # ---- topics

    def create_topic(self, partitions: int = 1, configs: Mapping[str, str] | None = None, *, name: str | None = None) -> str:
        """A new topic that can be used at once. Its id is in ``ids``."""
        name = new_name() if name is None else name
        answer = self.try_create_topic(partitions, configs, name=name)
        assert (answer.error_code, answer.error_message) == (NONE, None)
        self.ids[name] = answer.topic_id
        self.wait_served(name, partitions)
        return name

    def try_create_topic(self, partitions: int = 1, configs: Mapping[str, str] | None = None, *, name: str | None = None) -> k19.CreatableTopicResult:
        """What the broker answers to the wish."""
        name = new_name() if name is None else name
        topic = k19.CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=1,
            configs=[k19.CreatableTopicConfig(name=key, value=value) for key, value in (configs or {}).items()],
        )
        return self.call(k19.CreateTopicsRequest(topics=[topic], timeout_ms=10_000), 7).topics[0]

    def wait_served(self, name: str, partitions: int) -> None:
        """A foreign broker may answer CreateTopics before its partitions serve; ours must not."""
        deadline = time.monotonic() + 20
        while True:
            topic = self.metadata([name]).topics[0]
            if topic.error_code == NONE and len(topic.partitions) == partitions and all(p.error_code == NONE and p.leader_id >= 0 for p in topic.partitions):
                offsets = self.offsets(name, [(index, -1) for index in range(partitions)])
                if all(p.error_code == NONE for p in offsets):
                    return
            assert FOREIGN and time.monotonic() < deadline, f"{name} is not served after it was created: {topic}"

    def delete_topic(self, name: str) -> None:
        answer = self.call(k20.DeleteTopicsRequest(topics=[k20.DeleteTopicState(name=name)], timeout_ms=10_000), 6)
        assert answer.responses[0].error_code == NONE

    def metadata(self, names: Sequence[str] | None, *, create: bool = False, version: int = 12) -> Any:
        topics = None if names is None else [k03.MetadataRequestTopic(name=name) for name in names]
        return self.call(k03.MetadataRequest(topics=topics, allow_auto_topic_creation=create), version)

    # ---- configs

    def alter(self, name: str, changes: Sequence[tuple[str, int, str | None]], *, resource_type: int = TOPIC_RESOURCE, validate_only: bool = False, version: int = 1) -> Any:
        """IncrementalAlterConfigs on one resource; the one answer."""
        configs = [k44.AlterableConfig(name=key, config_operation=operation, value=value) for key, operation, value in changes]
        resource = k44.AlterConfigsResource(resource_type=resource_type, resource_name=name, configs=configs)
        answer = self.call(k44.IncrementalAlterConfigsRequest(resources=[resource], validate_only=validate_only), version)
        assert len(answer.responses) == 1
        return answer.responses[0]

    def configs(self, name: str, keys: Sequence[str] | None = None, *, resource_type: int = TOPIC_RESOURCE, synonyms: bool = False, documentation: bool = False, version: int = 4) -> dict[str, Any]:
        """DescribeConfigs of one resource, by key."""
        resource = k32.DescribeConfigsResource(resource_type=resource_type, resource_name=name, configuration_keys=None if keys is None else list(keys))
        request = k32.DescribeConfigsRequest(resources=[resource], include_synonyms=synonyms, include_documentation=documentation)
        result = self.call(request, version).results[0]
        assert (result.error_code, result.resource_type, result.resource_name) == (NONE, resource_type, name), result.error_message
        return {config.name: config for config in result.configs}

    # ---- records

    def produce_request(self, entries: Sequence[tuple[str, int, bytes | None]], *, acks: int = -1, by_id: bool = False, timeout_ms: int = 10_000) -> Any:
        """Produce with batches for (topic, partition), in the order given, neighbours of a topic together."""
        topics = []
        for name, group in itertools.groupby(entries, key=lambda entry: entry[0]):
            data = [k00.PartitionProduceData(index=index, records=records) for _, index, records in group]
            topics.append(k00.TopicProduceData(topic_id=self.ids[name], partition_data=data) if by_id else k00.TopicProduceData(name=name, partition_data=data))
        return k00.ProduceRequest(acks=acks, timeout_ms=timeout_ms, topic_data=topics)

    def produce(self, name: str, records: bytes | None, *, partition: int = 0, acks: int = -1, version: int = 12) -> Any:
        """One batch; the partition's answer."""
        by_id = version >= 13
        answer = self.call(self.produce_request([(name, partition, records)], acks=acks, by_id=by_id), version)
        assert [(t.topic_id if by_id else t.name, [p.index for p in t.partition_responses]) for t in answer.responses] == [(self.ids[name] if by_id else name, [partition])]
        return answer.responses[0].partition_responses[0]

    def produced(self, name: str, records: bytes, *, partition: int = 0, acks: int = -1) -> int:
        """One batch that must be taken; its base offset."""
        answer = self.produce(name, records, partition=partition, acks=acks)
        assert answer.error_code == NONE, answer
        return int(answer.base_offset)

    def fill(self, name: str, batches: int, records_each: int = 1, *, value_bytes: int = 10, partition: int = 0) -> list[bytes]:
        """Several batches; the values written."""
        values = []
        for number in range(batches):
            part = [f"{number}.{index}".encode().ljust(value_bytes, b".") for index in range(records_each)]
            self.produced(name, batch([Record(value) for value in part]), partition=partition)
            values += part
        return values

    def fetch_request(
        self,
        entries: Sequence[tuple[str, int, int]],
        *,
        version: int,
        max_wait_ms: int = 0,
        min_bytes: int = 0,
        max_bytes: int = 50 << 20,
        partition_max_bytes: int = 1 << 20,
        isolation_level: int = 0,
        session_id: int = 0,
        session_epoch: int = -1,
        forgotten: Sequence[tuple[str, list[int]]] = (),
        leader_epoch: int = -1,
    ) -> Any:
        """Fetch of (topic, partition, offset), by name before version 13, by id from there on."""
        by_id = version >= 13
        topics = []
        for name, group in itertools.groupby(entries, key=lambda entry: entry[0]):
            partitions = [
                k01.FetchPartition(partition=index, fetch_offset=offset, partition_max_bytes=partition_max_bytes, current_leader_epoch=leader_epoch if version >= 9 else -1)
                for _, index, offset in group
            ]
            topics.append(k01.FetchTopic(topic_id=self.ids[name], partitions=partitions) if by_id else k01.FetchTopic(topic=name, partitions=partitions))
        left = [k01.ForgottenTopic(topic_id=self.ids[name], partitions=indexes) if by_id else k01.ForgottenTopic(topic=name, partitions=indexes) for name, indexes in forgotten]
        return k01.FetchRequest(
            max_wait_ms=max_wait_ms,
            min_bytes=min_bytes,
            max_bytes=max_bytes,
            isolation_level=isolation_level,
            session_id=session_id,
            session_epoch=session_epoch,
            topics=topics,
            forgotten_topics_data=left,
        )

    def fetch(self, name: str, offset: int, *, partition: int = 0, version: int = 12, **fields: Any) -> Any:
        """One partition; its part of the answer."""
        answer = self.call(self.fetch_request([(name, partition, offset)], version=version, **fields), version)
        assert answer.error_code == NONE
        assert [(t.topic_id if version >= 13 else t.topic, [p.partition_index for p in t.partitions]) for t in answer.responses] == [
            (self.ids[name] if version >= 13 else name, [partition])
        ]
        return answer.responses[0].partitions[0]

    def batches(self, name: str, offset: int = 0, *, partition: int = 0, isolation_level: int = 0) -> list[Batch]:
        """Everything from an offset on."""
        found: list[Batch] = []
        while True:
            answer = self.fetch(name, offset, partition=partition, isolation_level=isolation_level)
            assert answer.error_code == NONE, answer
            got = parse_batches(answer.records, cut_tail=True)
            if not got:
                return found
            found += got
            offset = got[-1].last_offset + 1

    def records(self, name: str, offset: int = 0, *, partition: int = 0) -> list[Record]:
        return [record for record in all_records(self.batches(name, offset, partition=partition)) if record.offset >= offset]

    def offsets(self, name: str, entries: Sequence[tuple[int, int]], *, version: int = 11, isolation_level: int = 0, leader_epoch: int = -1) -> list[Any]:
        """ListOffsets for (partition, timestamp) of one topic."""
        partitions = [k02.ListOffsetsPartition(partition_index=index, timestamp=timestamp, current_leader_epoch=leader_epoch if version >= 4 else -1) for index, timestamp in entries]
        request = k02.ListOffsetsRequest(replica_id=-1, isolation_level=isolation_level if version >= 2 else 0, topics=[k02.ListOffsetsTopic(name=name, partitions=partitions)])
        answer = self.call(request, version)
        assert [topic.name for topic in answer.topics] == [name]
        return list(answer.topics[0].partitions)

    def end_offset(self, name: str, partition: int = 0) -> int:
        answer = self.offsets(name, [(partition, -1)])[0]
        assert answer.error_code == NONE
        return int(answer.offset)

    def new_producer_id(self) -> int:
        deadline = time.monotonic() + 20
        while True:
            answer = self.call(k22.InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=-1), 4)
            if answer.error_code == NONE:
                break
            # Kafka has a retriable error while it fetches a block of ids.
            assert FOREIGN and time.monotonic() < deadline, answer
        assert answer.producer_epoch == 0
        return int(answer.producer_id)

    def wait_config(self, name: str, key: str, value: str) -> None:
        """A foreign broker may apply a change after it answered; ours must not."""
        deadline = time.monotonic() + 20
        while (got := self.configs(name, [key])[key].value) != value:
            assert FOREIGN and time.monotonic() < deadline, f"{key} of {name} is {got} after it was set to {value}"

    def wait_gone(self, name: str) -> None:
        """A foreign broker may answer DeleteTopics before its partitions are gone; ours must not."""
        deadline = time.monotonic() + 20
        while self.metadata([name]).topics[0].error_code != UNKNOWN_TOPIC_OR_PARTITION or self.offsets(name, [(0, -1)])[0].error_code != UNKNOWN_TOPIC_OR_PARTITION:
            assert FOREIGN and time.monotonic() < deadline, f"{name} is still there after it was deleted"
