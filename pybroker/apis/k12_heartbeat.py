"""Heartbeat (key 12, versions 0-4): those that the loop did not answer by itself."""

from typing import Any

from pybroker.apis.context import Broker, Caller
from pybroker.coordinator.groups import check_group_id
from pybroker.protocol import errors
from pybroker.protocol.messages.k12_heartbeat import HeartbeatRequest, HeartbeatResponse

REQUEST = HeartbeatRequest


def handle(broker: Broker, request: HeartbeatRequest, caller: Caller) -> Any:
    """Whether the member is still one, and whether it shall join again."""
    check_group_id(request.group_id)
    return broker.groups.ask(request.group_id, lambda state, turn, token: state.heartbeat(request, turn), at_once=True)


def refuse(request: HeartbeatRequest, version: int, error: errors.KafkaError) -> HeartbeatResponse:
    return HeartbeatResponse(error_code=error.code)
