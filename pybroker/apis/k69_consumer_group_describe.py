"""ConsumerGroupDescribe (key 69, versions 0-1): groups of the consumer protocol."""

import asyncio
from typing import Any

from pybroker.apis.context import UNKNOWN_OPERATIONS, Broker, Caller
from pybroker.apis.k15_describe_groups import GROUP_OPERATIONS
from pybroker.coordinator.group.consumer_describe import describe
from pybroker.coordinator.groups import check_group_id
from pybroker.protocol import errors
from pybroker.protocol.messages.k69_consumer_group_describe import ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedGroup

REQUEST = ConsumerGroupDescribeRequest


def handle(broker: Broker, request: ConsumerGroupDescribeRequest, caller: Caller) -> Any:
    """Epochs, members, what they have and what they shall have."""
    operations = GROUP_OPERATIONS if request.include_authorized_operations else UNKNOWN_OPERATIONS
    outcomes = [_ask(broker, group_id, operations) for group_id in request.group_ids]
    if any(isinstance(outcome, asyncio.Future) for outcome in outcomes):
        return _wait(request, outcomes)
    return ConsumerGroupDescribeResponse(groups=outcomes)


async def _wait(request: ConsumerGroupDescribeRequest, outcomes: list[Any]) -> ConsumerGroupDescribeResponse:
    rows = []
    for group_id, outcome in zip(request.group_ids, outcomes, strict=True):
        try:
            rows.append(await outcome if isinstance(outcome, asyncio.Future) else outcome)
        except errors.KafkaError as error:
            rows.append(_refused(group_id, error))
    return ConsumerGroupDescribeResponse(groups=rows)


def _ask(broker: Broker, group_id: str, operations: int) -> Any:
    def work(state: Any, turn: Any, token: Any) -> DescribedGroup:
        group = state.consumer.get(group_id) if group_id not in state.classic.groups else None
        if group is None:
            raise errors.GroupIdNotFound(f"Group {group_id} is not a consumer group.")
        row = describe(state.consumer, group)
        row.authorized_operations = operations
        return row

    try:
        check_group_id(group_id)
        return broker.groups.ask(group_id, work)
    except errors.KafkaError as error:
        return _refused(group_id, error)


def _refused(group_id: str, error: errors.KafkaError) -> DescribedGroup:
    return DescribedGroup(group_id=group_id, error_code=error.code, error_message=error.message)


def refuse(request: ConsumerGroupDescribeRequest, version: int, error: errors.KafkaError) -> ConsumerGroupDescribeResponse:
    return ConsumerGroupDescribeResponse(groups=[_refused(group_id, error) for group_id in request.group_ids])
