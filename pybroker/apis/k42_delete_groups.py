"""DeleteGroups (key 42, versions 0-2): groups without members, and their offsets."""

from collections.abc import Iterable
from typing import Any

from pybroker.apis.changes import Change
from pybroker.apis.context import Broker, Caller
from pybroker.coordinator.groups import check_group_id
from pybroker.protocol import errors
from pybroker.protocol.messages.k42_delete_groups import DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse

REQUEST = DeleteGroupsRequest


async def handle(broker: Broker, request: DeleteGroupsRequest, caller: Caller) -> DeleteGroupsResponse:
    """Each by itself."""
    return DeleteGroupsResponse(results=[await _delete(broker, group_id) for group_id in dict.fromkeys(request.groups_names)])


async def _delete(broker: Broker, group_id: str) -> DeletableGroupResult:
    def work(state: Any, turn: Any, token: Any) -> DeletableGroupResult:
        state.delete(group_id, turn)
        return DeletableGroupResult(group_id=group_id)

    try:
        check_group_id(group_id, may_be_empty=True)
        outcome = broker.groups.ask(group_id, work)
        done: DeletableGroupResult = outcome if isinstance(outcome, DeletableGroupResult) else await outcome
    except errors.KafkaError as error:
        return DeletableGroupResult(group_id=group_id, error_code=error.code, error_message=error.message)
    return done


def refuse(request: DeleteGroupsRequest, version: int, error: errors.KafkaError) -> DeleteGroupsResponse:
    return DeleteGroupsResponse(results=[DeletableGroupResult(group_id=group_id, error_code=error.code) for group_id in request.groups_names])


def changes(broker: Broker, request: DeleteGroupsRequest, response: DeleteGroupsResponse) -> Iterable[Change]:
    """One a group."""
    for result in response.results:
        yield Change("DeleteGroups", f"group:{result.group_id}", result.error_code)
