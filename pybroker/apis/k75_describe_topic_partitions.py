"""DescribeTopicPartitions (key 75, version 0): topics in order of name, page by page."""

from bisect import bisect_left

from pybroker.apis.context import TOPIC_OPERATIONS, Broker, Caller
from pybroker.metadata.answers import MetadataAnswers
from pybroker.metadata.records import ZERO_ID, Partition, Topic
from pybroker.metadata.topic_rules import is_legal
from pybroker.protocol import errors
from pybroker.protocol.messages.k75_describe_topic_partitions import (
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponseCursor,
    DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
)  # fmt: skip

REQUEST = DescribeTopicPartitionsRequest


def handle(broker: Broker, request: DescribeTopicPartitionsRequest, caller: Caller) -> DescribeTopicPartitionsResponse:
    """Partitions of the named topics (of all when none is named) from the cursor on, as many as the limit allows."""
    cursor = request.cursor
    if cursor is not None and cursor.partition_index < 0:
        raise errors.InvalidRequest("DescribeTopicPartitionsRequest cursor partition must be valid.")
    image = broker.controller.image
    names = sorted({topic.name for topic in request.topics}) if request.topics else image.names
    first = bisect_left(names, cursor.topic_name) if cursor is not None else 0
    if cursor is not None and request.topics and cursor.topic_name not in names[first : first + 1]:
        raise errors.InvalidRequest(f"DescribeTopicPartitionsRequest topic list should contain the cursor topic: {cursor.topic_name}")
    room = max(1, min(request.response_partition_limit, broker.config.integer("max.request.partition.size.limit")))
    topics: list[DescribeTopicPartitionsResponseTopic] = []
    for place in range(first, len(names)):
        name = names[place]
        if room == 0:
            return DescribeTopicPartitionsResponse(topics=topics, next_cursor=_cursor(name, 0))
        topic = image.by_name.get(name)
        if topic is None:
            if request.topics:
                topics.append(_missing(name))
            continue
        begin = cursor.partition_index if cursor is not None and cursor.topic_name == name else 0
        partitions = topic.partitions[begin : begin + room]
        topics.append(_described(broker.answers, topic, partitions))
        room -= len(partitions)
        if begin + len(partitions) < len(topic.partitions):
            return DescribeTopicPartitionsResponse(topics=topics, next_cursor=_cursor(name, begin + len(partitions)))
    return DescribeTopicPartitionsResponse(topics=topics)


def _cursor(name: str, index: int) -> DescribeTopicPartitionsResponseCursor:
    return DescribeTopicPartitionsResponseCursor(topic_name=name, partition_index=index)


def _missing(name: str) -> DescribeTopicPartitionsResponseTopic:
    error = errors.UnknownTopicOrPartition if is_legal(name) else errors.InvalidTopicException
    return DescribeTopicPartitionsResponseTopic(
        error_code=error.code, name=name, topic_id=ZERO_ID, partitions=[], topic_authorized_operations=TOPIC_OPERATIONS
    )


def _described(answers: MetadataAnswers, topic: Topic, partitions: tuple[Partition, ...]) -> DescribeTopicPartitionsResponseTopic:
    return DescribeTopicPartitionsResponseTopic(
        error_code=0,
        name=topic.name,
        topic_id=topic.id,
        is_internal=topic.internal,
        partitions=[_partition(part, answers.is_offline(topic.id, part.number)) for part in partitions],
        topic_authorized_operations=TOPIC_OPERATIONS,
    )


def _partition(part: Partition, offline: bool) -> DescribeTopicPartitionsResponsePartition:
    return DescribeTopicPartitionsResponsePartition(
        error_code=errors.LeaderNotAvailable.code if offline else 0,
        partition_index=part.number,
        leader_id=-1 if offline else part.leader,
        leader_epoch=part.leader_epoch,
        replica_nodes=list(part.replicas),
        isr_nodes=list(part.isr),
        eligible_leader_replicas=[],
        last_known_elr=[],
        offline_replicas=list(part.replicas) if offline else [],
    )


def refuse(request: DescribeTopicPartitionsRequest, version: int, error: errors.KafkaError) -> DescribeTopicPartitionsResponse:
    """The same error for every topic that was named."""
    names = dict.fromkeys(topic.name for topic in request.topics)
    return DescribeTopicPartitionsResponse(
        topics=[DescribeTopicPartitionsResponseTopic(error_code=error.code, name=name, topic_id=ZERO_ID, partitions=[]) for name in names]
    )
