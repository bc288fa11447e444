"""LeaveGroup (key 13, versions 0-5)."""

from typing import Any

from pybroker.apis.context import Broker, Caller
from pybroker.coordinator.groups import check_group_id
from pybroker.protocol import errors
from pybroker.protocol.messages.k13_leave_group import LeaveGroupRequest, LeaveGroupResponse

REQUEST = LeaveGroupRequest


def handle(broker: Broker, request: LeaveGroupRequest, caller: Caller) -> Any:
    """One member, or from version 3 on several, each with its own outcome."""
    check_group_id(request.group_id)
    version = caller.api_version
    return broker.groups.ask(request.group_id, lambda state, turn, token: state.leave(request, version, turn))


def refuse(request: LeaveGroupRequest, version: int, error: errors.KafkaError) -> LeaveGroupResponse:
    return LeaveGroupResponse(error_code=error.code)
