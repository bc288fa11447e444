"""OffsetDelete (key 47, version 0): offsets of topics that the group does not read now."""

from collections.abc import Iterable
from typing import Any

from pybroker.apis.changes import Change, first_error, listed
from pybroker.apis.context import Broker, Caller
from pybroker.coordinator.groups import check_group_id
from pybroker.protocol import errors
from pybroker.protocol.messages.k47_offset_delete import OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic

REQUEST = OffsetDeleteRequest


def handle(broker: Broker, request: OffsetDeleteRequest, caller: Caller) -> Any:
    """Each partition by itself; partitions that do not exist are told so."""
    check_group_id(request.group_id)
    image = broker.controller.image
    wanted: list[tuple[str, int]] = []
    topics = []
    for topic in request.topics:
        known = image.by_name.get(topic.name)
        rows = []
        for part in topic.partitions:
            row = OffsetDeleteResponsePartition(partition_index=part.partition_index)
            if known is None or not 0 <= part.partition_index < len(known.partitions):
                row.error_code = errors.UnknownTopicOrPartition.code
            else:
                wanted.append((topic.name, part.partition_index))
            rows.append(row)
        topics.append(OffsetDeleteResponseTopic(name=topic.name, partitions=rows))

    def work(state: Any, turn: Any, token: Any) -> OffsetDeleteResponse:
        codes = dict(zip(wanted, state.delete_offsets(request.group_id, wanted, turn), strict=True))
        for topic in topics:
            for row in topic.partitions:
                row.error_code = codes.get((topic.name, row.partition_index), row.error_code)
        return OffsetDeleteResponse(topics=topics)

    return broker.groups.ask(request.group_id, work)


def refuse(request: OffsetDeleteRequest, version: int, error: errors.KafkaError) -> OffsetDeleteResponse:
    return OffsetDeleteResponse(error_code=error.code)


def changes(broker: Broker, request: OffsetDeleteRequest, response: OffsetDeleteResponse) -> Iterable[Change]:
    """One: the group, with topics and partitions."""
    codes = [response.error_code, *(part.error_code for topic in response.topics for part in topic.partitions)]
    places = listed(f"{topic.name}-{part.partition_index}" for topic in request.topics for part in topic.partitions)
    yield Change("OffsetDelete", f"group:{request.group_id}", first_error(codes), places)
