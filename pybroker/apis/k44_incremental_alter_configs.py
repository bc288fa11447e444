"""IncrementalAlterConfigs (key 44, versions 0-1): set, delete, append, subtract single values."""

from collections.abc import Iterable

from pybroker.apis.altering import Wish, alter, altered
from pybroker.apis.changes import Change
from pybroker.apis.context import Broker, Caller
from pybroker.metadata.config_changes import ConfigChange
from pybroker.protocol import errors
from pybroker.protocol.messages.k44_incremental_alter_configs import (
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)  # fmt: skip

REQUEST = IncrementalAlterConfigsRequest


async def handle(broker: Broker, request: IncrementalAlterConfigsRequest, caller: Caller) -> IncrementalAlterConfigsResponse:
    """Change the values of each resource, all that are named or none, or say why not."""
    wishes = _wishes(request)
    found = await alter(broker, caller, wishes, replace_all=False, validate_only=request.validate_only)
    return IncrementalAlterConfigsResponse(responses=[_response(wish.kind, wish.name, error) for wish, error in found])


def _wishes(request: IncrementalAlterConfigsRequest) -> list[Wish]:
    return [
        Wish(
            resource.resource_type,
            resource.resource_name,
            [ConfigChange(config.name, config.config_operation, config.value) for config in resource.configs],
        )
        for resource in request.resources
    ]


def _response(kind: int, name: str, error: errors.KafkaError | None) -> AlterConfigsResourceResponse:
    return AlterConfigsResourceResponse(
        error_code=error.code if error else 0, error_message=error.message if error else None, resource_type=kind, resource_name=name
    )


def refuse(request: IncrementalAlterConfigsRequest, version: int, error: errors.KafkaError) -> IncrementalAlterConfigsResponse:
    """The same error for every resource."""
    return IncrementalAlterConfigsResponse(responses=[_response(wish.kind, wish.name, error) for wish in _wishes(request)])


def changes(broker: Broker, request: IncrementalAlterConfigsRequest, response: IncrementalAlterConfigsResponse) -> Iterable[Change]:
    """One a resource."""
    if not request.validate_only:
        yield from altered(broker, "IncrementalAlterConfigs", _wishes(request), [result.error_code for result in response.responses])
