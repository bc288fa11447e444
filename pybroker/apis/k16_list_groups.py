"""ListGroups (key 16, versions 0-5), with filters by state (version 4) and type (version 5)."""

from pybroker.apis.context import Broker, Caller
from pybroker.protocol import errors
from pybroker.protocol.messages.k16_list_groups import ListedGroup, ListGroupsRequest, ListGroupsResponse

REQUEST = ListGroupsRequest


async def handle(broker: Broker, request: ListGroupsRequest, caller: Caller) -> ListGroupsResponse:
    """All groups; state that is still in the log alone is read first."""
    states = {name.lower() for name in request.states_filter}
    types = {name.lower() for name in request.types_filter}
    rows = [
        ListedGroup(group_id=one.group_id, protocol_type=one.protocol_type, group_state=one.state, group_type=one.group_type)
        for state in await broker.groups.states()
        for one in state.list()
        if (not states or one.state.lower() in states) and (not types or one.group_type in types)
    ]
    return ListGroupsResponse(groups=rows)


def refuse(request: ListGroupsRequest, version: int, error: errors.KafkaError) -> ListGroupsResponse:
    return ListGroupsResponse(error_code=error.code)
