"""DescribeGroups (key 15, versions 0-6): classic groups."""

import asyncio
from typing import Any

from pybroker.apis.context import UNKNOWN_OPERATIONS, Broker, Caller
from pybroker.coordinator.group.classic_state import ClassicGroup, State
from pybroker.coordinator.groups import check_group_id
from pybroker.protocol import errors
from pybroker.protocol.messages.k15_describe_groups import DescribedGroup, DescribedGroupMember, DescribeGroupsRequest, DescribeGroupsResponse

REQUEST = DescribeGroupsRequest
NOT_FOUND_FROM = 6
"""First version that tells a group that is not there by an error."""
GROUP_OPERATIONS = sum(1 << number for number in (3, 6, 8, 10, 11))
"""Read, delete, describe, describe and alter configs: without an authorizer everybody may do all that a group knows."""


def handle(broker: Broker, request: DescribeGroupsRequest, caller: Caller) -> Any:
    """State and members of each."""
    operations = GROUP_OPERATIONS if request.include_authorized_operations else UNKNOWN_OPERATIONS
    outcomes = [_ask(broker, group_id, caller.api_version, operations) for group_id in request.groups]
    if any(isinstance(outcome, asyncio.Future) for outcome in outcomes):
        return _wait(request, outcomes, caller.api_version)
    return DescribeGroupsResponse(groups=outcomes)


async def _wait(request: DescribeGroupsRequest, outcomes: list[Any], version: int) -> DescribeGroupsResponse:
    rows = []
    for group_id, outcome in zip(request.groups, outcomes, strict=True):
        try:
            rows.append(await outcome if isinstance(outcome, asyncio.Future) else outcome)
        except errors.KafkaError as error:
            rows.append(_refused(group_id, error, version))
    return DescribeGroupsResponse(groups=rows)


def _ask(broker: Broker, group_id: str, version: int, operations: int) -> Any:
    def work(state: Any, turn: Any, token: Any) -> DescribedGroup:
        group = state.classic_or_simple(group_id)
        return _absent(group_id, version, operations, consumer=group_id in state.consumer.groups) if group is None else _described(group, operations)

    try:
        check_group_id(group_id, may_be_empty=True)
        return broker.groups.ask(group_id, work)
    except errors.KafkaError as error:
        return _refused(group_id, error, version)


def _absent(group_id: str, version: int, operations: int, *, consumer: bool) -> DescribedGroup:
    if version >= NOT_FOUND_FROM:
        text = f"Group {group_id} is not a classic group." if consumer else f"Group {group_id} not found."
        return DescribedGroup(group_id=group_id, group_state=State.DEAD.value, error_code=errors.GroupIdNotFound.code, error_message=text, authorized_operations=operations)
    return DescribedGroup(group_id=group_id, group_state=State.DEAD.value, authorized_operations=operations)


def _described(group: ClassicGroup, operations: int) -> DescribedGroup:
    """What members said and got is told of a stable group alone: in between it is not decided."""
    stable = group.state is State.STABLE
    members = [
        DescribedGroupMember(
            member_id=member.id,
            group_instance_id=member.instance_id,
            client_id=member.client_id,
            client_host=member.client_host,
            member_metadata=member.metadata_for(group.protocol) if stable else b"",
            member_assignment=member.assignment if stable else b"",
        )
        for member in group.members.values()
    ]
    return DescribedGroup(
        group_id=group.id,
        group_state=group.state.value,
        protocol_type=group.protocol_type or "",
        protocol_data=(group.protocol or "") if stable else "",
        members=members,
        authorized_operations=operations,
    )


def _refused(group_id: str, error: errors.KafkaError, version: int) -> DescribedGroup:
    return DescribedGroup(group_id=group_id, error_code=error.code, error_message=error.message if version >= NOT_FOUND_FROM else None)


def refuse(request: DescribeGroupsRequest, version: int, error: errors.KafkaError) -> DescribeGroupsResponse:
    return DescribeGroupsResponse(groups=[_refused(group_id, error, version) for group_id in request.groups])
