"""DeleteRecords (key 21, versions 0-2): the log of a partition begins later from now on."""

from collections.abc import Iterable

from pybroker.apis.changes import Change, first_error, listed
from pybroker.apis.context import Broker, Caller
from pybroker.metadata.records import INTERNAL_TOPICS
from pybroker.protocol import errors
from pybroker.protocol.messages.k21_delete_records import (
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
)  # fmt: skip

REQUEST = DeleteRecordsRequest

NO_WATERMARK = -1


async def handle(broker: Broker, request: DeleteRecordsRequest, caller: Caller) -> DeleteRecordsResponse:
    """Raise the log starts; -1 stands for the high watermark. What is named twice counts as it stands last, as in Kafka."""
    wishes = {(topic.name, part.partition_index): part.offset for topic in request.topics for part in topic.partitions}
    known = broker.controller.image.by_name
    codes: dict[tuple[str, int], tuple[int, int]] = {}
    found: list[tuple[str, int]] = []
    for name, index in wishes:
        if name in INTERNAL_TOPICS:
            codes[name, index] = errors.InvalidTopicException.code, NO_WATERMARK
        elif name not in known:
            codes[name, index] = errors.UnknownTopicOrPartition.code, NO_WATERMARK
        else:
            found.append((name, index))
    outcomes = await broker.delete_records([(known[name].id, index, wishes[name, index]) for name, index in found])
    for place, (error, low_watermark) in zip(found, outcomes, strict=True):
        codes[place] = error.code if error else 0, low_watermark
    topics: dict[str, DeleteRecordsTopicResult] = {}
    for name, index in wishes:
        code, low_watermark = codes[name, index]
        result = topics.setdefault(name, DeleteRecordsTopicResult(name=name, partitions=[]))
        result.partitions.append(DeleteRecordsPartitionResult(partition_index=index, low_watermark=low_watermark, error_code=code))
    return DeleteRecordsResponse(topics=list(topics.values()))


def refuse(request: DeleteRecordsRequest, version: int, error: errors.KafkaError) -> DeleteRecordsResponse:
    """The same error for every partition."""
    return DeleteRecordsResponse(
        topics=[
            DeleteRecordsTopicResult(
                name=topic.name,
                partitions=[
                    DeleteRecordsPartitionResult(partition_index=part.partition_index, low_watermark=NO_WATERMARK, error_code=error.code) for part in topic.partitions
                ],
            )
            for topic in request.topics
        ]
    )


def changes(broker: Broker, request: DeleteRecordsRequest, response: DeleteRecordsResponse) -> Iterable[Change]:
    """One a topic, with the partitions and where they begin now."""
    for topic in response.topics:
        detail = listed(f"{part.partition_index}@{part.low_watermark}" for part in topic.partitions)
        yield Change("DeleteRecords", f"topic:{topic.name}", first_error(part.error_code for part in topic.partitions), detail)
