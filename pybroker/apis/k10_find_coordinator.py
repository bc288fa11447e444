"""FindCoordinator (key 10, versions 0-6): this broker, under the address by which the client came in."""

from collections.abc import Coroutine
from typing import Any

from pybroker.apis.context import Broker, Caller
from pybroker.coordinator.groups import check_group_id
from pybroker.protocol import errors
from pybroker.protocol.messages.k10_find_coordinator import Coordinator, FindCoordinatorRequest, FindCoordinatorResponse

REQUEST = FindCoordinatorRequest
TELLS_ENDPOINT = True
GROUP, TRANSACTION, SHARE = 0, 1, 2
SEVERAL_FROM = 4


def handle(broker: Broker, request: FindCoordinatorRequest, caller: Caller) -> FindCoordinatorResponse | Coroutine[Any, Any, FindCoordinatorResponse]:
    """Every group of this broker is coordinated here. The offsets topic is made now, so that the first join finds it."""
    if request.key_type == GROUP and not broker.groups.is_prepared:
        return _prepare(broker, request, caller)
    return _answer(broker, request, caller)


async def _prepare(broker: Broker, request: FindCoordinatorRequest, caller: Caller) -> FindCoordinatorResponse:
    await broker.groups.prepare()
    return _answer(broker, request, caller)


def _answer(broker: Broker, request: FindCoordinatorRequest, caller: Caller) -> FindCoordinatorResponse:
    if caller.api_version < SEVERAL_FROM:
        [row] = _rows(broker, request.key_type, [request.key], caller)
        return FindCoordinatorResponse(error_code=row.error_code, error_message=row.error_message or "NONE", node_id=row.node_id, host=row.host, port=row.port)
    return FindCoordinatorResponse(coordinators=_rows(broker, request.key_type, request.coordinator_keys, caller))


def _rows(broker: Broker, key_type: int, keys: list[str], caller: Caller) -> list[Coordinator]:
    host, port = broker.endpoint(caller)
    rows = []
    for key in keys:
        try:
            _check(key_type, key)
            rows.append(Coordinator(key=key, node_id=broker.node_id, host=host, port=port, error_code=0, error_message=""))
        except errors.KafkaError as error:
            rows.append(_refused(key, error))
    return rows


def _check(key_type: int, key: str) -> None:
    if key_type == GROUP:
        check_group_id(key, may_be_empty=True)
    elif key_type in (TRANSACTION, SHARE):
        raise errors.CoordinatorNotAvailable("This broker has no such coordinator.")
    else:
        raise errors.InvalidRequest(f"Unknown coordinator type {key_type}")


def _refused(key: str, error: errors.KafkaError) -> Coordinator:
    return Coordinator(key=key, node_id=-1, host="", port=-1, error_code=error.code, error_message=error.message)


def refuse(request: FindCoordinatorRequest, version: int, error: errors.KafkaError) -> FindCoordinatorResponse:
    """The error for each key."""
    if version < SEVERAL_FROM:
        return FindCoordinatorResponse(error_code=error.code, error_message=error.message, node_id=-1, host="", port=-1)
    return FindCoordinatorResponse(coordinators=[_refused(key, error) for key in request.coordinator_keys])
