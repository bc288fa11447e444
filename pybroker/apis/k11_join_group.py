"""JoinGroup (key 11, versions 0-9)."""

from typing import Any

from pybroker.apis.context import Broker, Caller
from pybroker.coordinator.groups import check_group_id
from pybroker.protocol import errors
from pybroker.protocol.messages.k11_join_group import JoinGroupRequest, JoinGroupResponse

REQUEST = JoinGroupRequest
NULL_NAME_FROM = 7
"""First version in which the protocol's name may be null."""


def handle(broker: Broker, request: JoinGroupRequest, caller: Caller) -> Any:
    """The answer comes when the rebalance is over: a future."""
    check_group_id(request.group_id)
    version, client_id, host = caller.api_version, caller.client_id or "", f"/{caller.peer_host}"
    return broker.groups.ask(
        request.group_id,
        lambda state, turn, token: _fit(state.join(request, version, client_id, host, token, turn), version),
        connection_id=caller.connection_id,
    )


def _fit(response: JoinGroupResponse | None, version: int) -> JoinGroupResponse | None:
    if response is not None and response.protocol_name is None and version < NULL_NAME_FROM:
        response.protocol_name = ""
    return response


def refuse(request: JoinGroupRequest, version: int, error: errors.KafkaError) -> JoinGroupResponse:
    """Without a generation; the member keeps the id it came with."""
    return JoinGroupResponse(error_code=error.code, member_id=request.member_id, protocol_name=None if version >= NULL_NAME_FROM else "")
