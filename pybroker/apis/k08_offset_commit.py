"""OffsetCommit (key 8, versions 2-10): by name, from version 10 by topic id."""

from typing import Any

from pybroker.apis.context import Broker, Caller
from pybroker.coordinator.group.shard import Commit
from pybroker.coordinator.groups import check_group_id
from pybroker.metadata.records import Topic
from pybroker.protocol import errors
from pybroker.protocol.messages.k08_offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)  # fmt: skip

REQUEST = OffsetCommitRequest
BY_ID_FROM = 10
MEMBER_EPOCH_FROM = 9
PARTITIONS_MAX = 100_000
NOTHING_COMMITTED = -1
"""The least offset that is taken: what a fetch says where there is none."""


def handle(broker: Broker, request: OffsetCommitRequest, caller: Caller) -> Any:
    """Each offset is checked by itself; who is let in as a member is one question for all."""
    check_group_id(request.group_id, may_be_empty=True)
    if sum(len(topic.partitions) for topic in request.topics) > PARTITIONS_MAX:
        raise errors.InvalidRequest(f"More than {PARTITIONS_MAX} partitions.")
    commits, response = _checked(broker, request, caller.api_version)
    if not commits:
        return response
    version = caller.api_version

    def work(state: Any, turn: Any, token: Any) -> OffsetCommitResponse:
        state.commit(request.group_id, request.member_id, request.group_instance_id, request.generation_id_or_member_epoch, version, commits, turn)
        return response

    return broker.groups.ask(request.group_id, work)


def _checked(broker: Broker, request: OffsetCommitRequest, version: int) -> tuple[list[Commit], OffsetCommitResponse]:
    """What can be committed, and the answer if it is."""
    image, by_id = broker.controller.image, version >= BY_ID_FROM
    metadata_max = broker.config.integer("offset.metadata.max.bytes")
    commits, topics = [], []
    for wish in request.topics:
        topic = image.by_id.get(wish.topic_id) if by_id else image.by_name.get(wish.name)
        rows = []
        for part in wish.partitions:
            code = _refusal(topic, part, by_id, metadata_max)
            rows.append(OffsetCommitResponsePartition(partition_index=part.partition_index, error_code=code))
            if code == 0 and topic is not None:
                commits.append(Commit(topic.name, part.partition_index, part.committed_offset, part.committed_leader_epoch, part.committed_metadata or ""))
        topics.append(OffsetCommitResponseTopic(name=wish.name, topic_id=wish.topic_id, partitions=rows))
    return commits, OffsetCommitResponse(topics=topics)


def _refusal(topic: Topic | None, part: OffsetCommitRequestPartition, by_id: bool, metadata_max: int) -> int:
    refusal: type[errors.KafkaError] | None = None
    if topic is None:
        refusal = errors.UnknownTopicId if by_id else errors.UnknownTopicOrPartition
    elif not 0 <= part.partition_index < len(topic.partitions):
        refusal = errors.UnknownTopicOrPartition
    elif part.committed_metadata is not None and len(part.committed_metadata) > metadata_max:
        refusal = errors.OffsetMetadataTooLarge
    elif part.committed_offset < NOTHING_COMMITTED:
        refusal = errors.InvalidCommitOffsetSize
    return refusal.code if refusal else 0


def refuse(request: OffsetCommitRequest, version: int, error: errors.KafkaError) -> OffsetCommitResponse:
    """The error for each partition."""
    code = error.code
    if version < MEMBER_EPOCH_FROM and code == errors.GroupIdNotFound.code:
        code = errors.IllegalGeneration.code
    topics = [
        OffsetCommitResponseTopic(
            name=topic.name,
            topic_id=topic.topic_id,
            partitions=[OffsetCommitResponsePartition(partition_index=part.partition_index, error_code=code) for part in topic.partitions],
        )
        for topic in request.topics
    ]
    return OffsetCommitResponse(topics=topics)
