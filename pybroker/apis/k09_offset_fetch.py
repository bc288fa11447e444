"""OffsetFetch (key 9, versions 1-10): one group, from version 8 several; all topics of a group when none are named."""

import asyncio
from collections.abc import Sequence
from typing import Any

from pybroker.apis.context import Broker, Caller
from pybroker.coordinator.group.offsets import Offset, Partitions
from pybroker.coordinator.groups import check_group_id
from pybroker.metadata.image import Image
from pybroker.protocol import errors
from pybroker.protocol.messages.k09_offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)  # fmt: skip

REQUEST = OffsetFetchRequest
GROUP_ERROR_FROM, SEVERAL_FROM, BY_ID_FROM = 2, 8, 10
NOTHING = Offset(-1, -1, "", -1)


def handle(broker: Broker, request: OffsetFetchRequest, caller: Caller) -> Any:
    """What is committed and durable; -1 where nothing is."""
    version = caller.api_version
    if version < SEVERAL_FROM:
        topics = None if request.topics is None else [OffsetFetchRequestTopics(name=topic.name, partition_indexes=topic.partition_indexes) for topic in request.topics]
        asked = [OffsetFetchRequestGroup(group_id=request.group_id, topics=topics)]
    else:
        asked = request.groups
    outcomes = [_ask(broker, group, version) for group in asked]
    if not any(isinstance(outcome, asyncio.Future) for outcome in outcomes):
        return _answer(request, outcomes, version)
    return _wait(request, asked, outcomes, version)


async def _wait(request: OffsetFetchRequest, asked: Sequence[OffsetFetchRequestGroup], outcomes: list[Any], version: int) -> OffsetFetchResponse:
    rows = []
    for group, outcome in zip(asked, outcomes, strict=True):
        try:
            rows.append(await outcome if isinstance(outcome, asyncio.Future) else outcome)
        except errors.KafkaError as error:
            rows.append(_refused(group, error, version))
    return _answer(request, rows, version)


def _ask(broker: Broker, asked: OffsetFetchRequestGroup, version: int) -> Any:
    image = broker.controller.image

    def work(state: Any, turn: Any, token: Any) -> OffsetFetchResponseGroup:
        state.check_fetch(asked.group_id, asked.member_id, asked.member_epoch)
        found = state.offsets.of_group(asked.group_id)
        topics = _all(found, image, version) if asked.topics is None else [_topic(wish, found, image, version) for wish in asked.topics]
        return OffsetFetchResponseGroup(group_id=asked.group_id, topics=topics)

    try:
        check_group_id(asked.group_id, may_be_empty=True)
        return broker.groups.ask(asked.group_id, work)
    except errors.KafkaError as error:
        return _refused(asked, error, version)


def _all(found: dict[str, Partitions], image: Image, version: int) -> list[OffsetFetchResponseTopics]:
    topics = []
    for name, partitions in found.items():
        topic = image.by_name.get(name)
        if version >= BY_ID_FROM and topic is None:
            continue                                        # gone: it has no id any more
        topics.append(OffsetFetchResponseTopics(name=name, topic_id=topic.id if topic else bytes(16), partitions=[_row(index, one) for index, one in partitions.items()]))
    return topics


def _topic(wish: OffsetFetchRequestTopics, found: dict[str, Partitions], image: Image, version: int) -> OffsetFetchResponseTopics:
    topic = image.by_id.get(wish.topic_id) if version >= BY_ID_FROM else None
    if version >= BY_ID_FROM and topic is None:
        rows = [_row(index, NOTHING, errors.UnknownTopicId.code) for index in wish.partition_indexes]
    else:
        partitions = found.get(topic.name if topic else wish.name, {})
        rows = [_row(index, partitions.get(index, NOTHING)) for index in wish.partition_indexes]
    return OffsetFetchResponseTopics(name=wish.name, topic_id=wish.topic_id, partitions=rows)


def _row(index: int, one: Offset, code: int = 0) -> OffsetFetchResponsePartitions:
    return OffsetFetchResponsePartitions(partition_index=index, committed_offset=one.offset, committed_leader_epoch=one.leader_epoch, metadata=one.metadata, error_code=code)


def _refused(asked: OffsetFetchRequestGroup, error: errors.KafkaError, version: int) -> OffsetFetchResponseGroup:
    """Before version 2 the error stands with each partition."""
    topics = []
    if version < GROUP_ERROR_FROM:
        topics = [OffsetFetchResponseTopics(name=topic.name, partitions=[_row(index, NOTHING, error.code) for index in topic.partition_indexes]) for topic in asked.topics or ()]
    return OffsetFetchResponseGroup(group_id=asked.group_id, topics=topics, error_code=error.code)


def _answer(request: OffsetFetchRequest, groups: Sequence[OffsetFetchResponseGroup], version: int) -> OffsetFetchResponse:
    if version >= SEVERAL_FROM:
        return OffsetFetchResponse(groups=list(groups))
    [group] = groups
    topics = [
        OffsetFetchResponseTopic(
            name=topic.name,
            partitions=[
                OffsetFetchResponsePartition(
                    partition_index=row.partition_index,
                    committed_offset=row.committed_offset,
                    committed_leader_epoch=row.committed_leader_epoch,
                    metadata=row.metadata,
                    error_code=row.error_code,
                )
                for row in topic.partitions
            ],
        )
        for topic in group.topics
    ]
    return OffsetFetchResponse(topics=topics, error_code=group.error_code)


def refuse(request: OffsetFetchRequest, version: int, error: errors.KafkaError) -> OffsetFetchResponse:
    """The error for each group."""
    if version >= SEVERAL_FROM:
        return OffsetFetchResponse(groups=[_refused(group, error, version) for group in request.groups])
    topics = [OffsetFetchRequestTopics(name=topic.name, partition_indexes=topic.partition_indexes) for topic in request.topics or ()]
    return _answer(request, [_refused(OffsetFetchRequestGroup(group_id=request.group_id, topics=topics), error, version)], version)
