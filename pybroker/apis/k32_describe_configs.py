"""DescribeConfigs (key 32, versions 1-4)."""

from collections.abc import Sequence

from pybroker.apis.context import Broker, Caller, ConfigFacts
from pybroker.metadata.config_changes import check_broker_name
from pybroker.metadata.records import RESOURCE_BROKER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP, RESOURCE_LOGGER, RESOURCE_TOPIC
from pybroker.metadata.topic_rules import check_name
from pybroker.protocol import errors
from pybroker.protocol.messages.k32_describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
    DescribeConfigsSynonym,
)  # fmt: skip

REQUEST = DescribeConfigsRequest


def handle(broker: Broker, request: DescribeConfigsRequest, caller: Caller) -> DescribeConfigsResponse:
    """Every value of each resource, or those that are named; an error stands with its resource."""
    return DescribeConfigsResponse(results=[_result(broker, resource, request) for resource in request.resources])


def _result(broker: Broker, resource: DescribeConfigsResource, request: DescribeConfigsRequest) -> DescribeConfigsResult:
    kind, name = resource.resource_type, resource.resource_name
    try:
        entries = _entries(broker, kind, name)
    except errors.KafkaError as error:
        return DescribeConfigsResult(error_code=error.code, error_message=error.message, resource_type=kind, resource_name=name, configs=[])
    wanted = frozenset(resource.configuration_keys or ())
    configs = [_config(entry, request) for entry in entries if not wanted or entry.name in wanted]
    return DescribeConfigsResult(error_code=0, error_message="", resource_type=kind, resource_name=name, configs=configs)


def _entries(broker: Broker, kind: int, name: str) -> Sequence[ConfigFacts]:
    image = broker.controller.image
    if kind == RESOURCE_TOPIC:
        check_name(name)
        if name not in image.by_name:
            raise errors.UnknownTopicOrPartition()
        return broker.config.describe_topic(image.config(kind, name))
    if kind == RESOURCE_BROKER:
        check_broker_name(name, broker.node_id)
        return broker.config.describe_broker() if name else broker.config.describe_broker_defaults()
    if kind == RESOURCE_LOGGER:
        if name == "":
            raise errors.InvalidRequest("Broker id must not be empty")
        check_broker_name(name, broker.node_id)
        return broker.describe_loggers()
    if kind in (RESOURCE_GROUP, RESOURCE_CLIENT_METRICS):
        if not name:
            raise errors.InvalidRequest("Group name must not be empty" if kind == RESOURCE_GROUP else "Client metrics subscription name must not be empty")
        return broker.config.describe_other(kind, image.config(kind, name))
    raise errors.InvalidRequest(f"Unsupported resource type: {kind}")


def _config(entry: ConfigFacts, request: DescribeConfigsRequest) -> DescribeConfigsResourceResult:
    synonyms = entry.synonyms if request.include_synonyms else ()
    return DescribeConfigsResourceResult(
        name=entry.name,
        value=None if entry.key.sensitive else entry.value,
        read_only=entry.read_only,
        config_source=entry.source,
        is_sensitive=entry.key.sensitive,
        synonyms=[DescribeConfigsSynonym(name=synonym.name, value=synonym.value, source=synonym.source) for synonym in synonyms],
        config_type=entry.key.type_number,
        documentation=entry.key.documentation if request.include_documentation else None,
    )


def refuse(request: DescribeConfigsRequest, version: int, error: errors.KafkaError) -> DescribeConfigsResponse:
    """The same error for every resource."""
    return DescribeConfigsResponse(
        results=[
            DescribeConfigsResult(
                error_code=error.code,
                error_message=error.message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
                configs=[],
            )
            for resource in request.resources
        ]
    )
