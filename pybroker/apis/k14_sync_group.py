"""SyncGroup (key 14, versions 0-5)."""

from typing import Any

from pybroker.apis.context import Broker, Caller
from pybroker.coordinator.groups import check_group_id
from pybroker.protocol import errors
from pybroker.protocol.messages.k14_sync_group import SyncGroupRequest, SyncGroupResponse

REQUEST = SyncGroupRequest
TYPED_FROM = 5
"""First version that names protocol type and protocol, in both directions."""


def handle(broker: Broker, request: SyncGroupRequest, caller: Caller) -> Any:
    """The member's part, when the leader has said what everybody gets: a future."""
    check_group_id(request.group_id)
    version = caller.api_version
    if version >= TYPED_FROM and (request.protocol_type is None or request.protocol_name is None):
        raise errors.InconsistentGroupProtocol()
    return broker.groups.ask(request.group_id, lambda state, turn, token: state.sync(request, version, token, turn), connection_id=caller.connection_id)


def refuse(request: SyncGroupRequest, version: int, error: errors.KafkaError) -> SyncGroupResponse:
    return SyncGroupResponse(error_code=error.code)
