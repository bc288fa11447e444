"""AlterConfigs (key 33, versions 0-2): the older form, which replaces all values of a resource."""

from collections.abc import Iterable

from pybroker.apis.altering import Wish, alter, altered
from pybroker.apis.changes import Change
from pybroker.apis.context import Broker, Caller
from pybroker.metadata.config_changes import SET, ConfigChange
from pybroker.protocol import errors
from pybroker.protocol.messages.k33_alter_configs import AlterConfigsRequest, AlterConfigsResourceResponse, AlterConfigsResponse

REQUEST = AlterConfigsRequest


async def handle(broker: Broker, request: AlterConfigsRequest, caller: Caller) -> AlterConfigsResponse:
    """Replace the values of each resource, or say why not."""
    wishes = _wishes(request)
    found = await alter(broker, caller, wishes, replace_all=True, validate_only=request.validate_only)
    return AlterConfigsResponse(responses=[_response(wish.kind, wish.name, error) for wish, error in found])


def _wishes(request: AlterConfigsRequest) -> list[Wish]:
    return [
        Wish(resource.resource_type, resource.resource_name, [ConfigChange(config.name, SET, config.value) for config in resource.configs])
        for resource in request.resources
    ]


def _response(kind: int, name: str, error: errors.KafkaError | None) -> AlterConfigsResourceResponse:
    return AlterConfigsResourceResponse(
        error_code=error.code if error else 0, error_message=error.message if error else None, resource_type=kind, resource_name=name
    )


def refuse(request: AlterConfigsRequest, version: int, error: errors.KafkaError) -> AlterConfigsResponse:
    """The same error for every resource."""
    return AlterConfigsResponse(responses=[_response(wish.kind, wish.name, error) for wish in _wishes(request)])


def changes(broker: Broker, request: AlterConfigsRequest, response: AlterConfigsResponse) -> Iterable[Change]:
    """One a resource."""
    if not request.validate_only:
        yield from altered(broker, "AlterConfigs", _wishes(request), [result.error_code for result in response.responses])
