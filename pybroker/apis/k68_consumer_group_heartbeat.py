"""ConsumerGroupHeartbeat (key 68, versions 0-1): those that the loop did not answer by itself."""

from typing import Any

from pybroker.apis.context import Broker, Caller
from pybroker.protocol import errors
from pybroker.protocol.messages.k68_consumer_group_heartbeat import ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse

REQUEST = ConsumerGroupHeartbeatRequest


def handle(broker: Broker, request: ConsumerGroupHeartbeatRequest, caller: Caller) -> Any:
    """Join, go on, or leave; the answer brings the assignment when there is news."""
    if not broker.groups.speaks("consumer"):
        raise errors.UnsupportedVersion("The consumer group protocol is not on: group.coordinator.rebalance.protocols.")
    if not request.group_id.strip():
        raise errors.InvalidRequest("GroupId can't be empty.")
    version, client_id, host = caller.api_version, caller.client_id or "", f"/{caller.peer_host}"
    return broker.groups.ask(request.group_id, lambda state, turn, token: state.consumer_heartbeat(request, version, client_id, host, turn))


def refuse(request: ConsumerGroupHeartbeatRequest, version: int, error: errors.KafkaError) -> ConsumerGroupHeartbeatResponse:
    return ConsumerGroupHeartbeatResponse(error_code=error.code, error_message=error.message)
