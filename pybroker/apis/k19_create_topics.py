"""CreateTopics (key 19, versions 2-7)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, cast

from pybroker.apis.changes import Change, listed
from pybroker.apis.context import Broker, Caller
from pybroker.apis.judging import TOPIC_DEFAULTS, TOPIC_POLICY, refused_creations, shown_config, with_defaults
from pybroker.metadata.controller import NewTopic, TopicOutcome
from pybroker.metadata.encoded import EncodedArray, encoded
from pybroker.metadata.records import RESOURCE_TOPIC, ZERO_ID
from pybroker.protocol import errors
from pybroker.protocol.messages.k19_create_topics import (
    CreatableTopic,
    CreatableTopicConfigs,
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)  # fmt: skip

REQUEST = CreateTopicsRequest

_RESERVED = "__cluster_metadata"


async def handle(broker: Broker, request: CreateTopicsRequest, caller: Caller) -> CreateTopicsResponse:
    """Create the topics, or say for each why not. A name that stands twice is refused once."""
    counts = Counter(topic.name for topic in request.topics)
    wishes: list[NewTopic] = []
    refused: dict[str, errors.KafkaError] = {}
    for topic in request.topics:
        if counts[topic.name] > 1:
            refused[topic.name] = errors.InvalidRequest("Duplicate topic name.")
        elif topic.name == _RESERVED:
            refused[topic.name] = errors.InvalidRequest(f"Creation of internal topic {_RESERVED} is prohibited.")
        else:
            try:
                _check_configs(topic)
                wishes.append(_wish(topic))
            except errors.KafkaError as error:
                refused[topic.name] = error
    if broker.hooks.has(TOPIC_DEFAULTS):
        wishes = await with_defaults(broker, caller, wishes)
    outcomes = await _created(broker, caller, wishes, validate_only=request.validate_only)
    own = {wish.name: dict(wish.configs) for wish in wishes}
    plain = _configs(broker, {}, caller.api_version)
    results = [_refusal(name, error) for name, error in refused.items()]
    for outcome in outcomes:
        values = own[outcome.name or ""]
        results.append(_result(outcome, _configs(broker, values, caller.api_version) if values else plain))
    return CreateTopicsResponse(topics=results)


async def _created(broker: Broker, caller: Caller, wishes: list[NewTopic], *, validate_only: bool) -> list[TopicOutcome]:
    """One outcome per wish, in order."""
    if not broker.hooks.has(TOPIC_POLICY):
        return await broker.controller.create_topics(wishes, validate_only=validate_only)
    found = await refused_creations(broker, caller, wishes)
    allowed = [wish for wish in wishes if wish.name not in found]
    found |= {outcome.name or "": outcome for outcome in await broker.controller.create_topics(allowed, validate_only=validate_only)}
    return [found[wish.name] for wish in wishes]


def _check_configs(topic: CreatableTopic) -> None:
    seen: set[str] = set()
    for config in topic.configs:
        if config.value is None:
            raise errors.InvalidConfig(f"Null value not supported for topic configs: {config.name[:200]}")
        if config.name in seen:
            raise errors.InvalidConfig(f"Duplicate topic config: {config.name[:200]}")
        seen.add(config.name)


def _wish(topic: CreatableTopic) -> NewTopic:
    return NewTopic(
        topic.name,
        topic.num_partitions,
        topic.replication_factor,
        [(assignment.partition_index, assignment.broker_ids) for assignment in topic.assignments],
        {config.name: config.value for config in topic.configs if config.value is not None},
    )


def _refusal(name: str, error: errors.KafkaError) -> CreatableTopicResult:
    return CreatableTopicResult(name=name, topic_id=ZERO_ID, error_code=error.code, error_message=error.message, configs=[])


def _result(outcome: TopicOutcome, configs: EncodedArray) -> CreatableTopicResult:
    topic, name = outcome.topic, outcome.name or ""
    if topic is None:
        return _refusal(name, outcome.error or errors.UnknownServerError())
    return CreatableTopicResult(
        name=name,
        topic_id=topic.id,
        error_code=0,
        error_message=None,
        num_partitions=len(topic.partitions),
        replication_factor=len(topic.partitions[0].replicas),
        configs=cast(Any, configs),
    )


def _configs(broker: Broker, own: dict[str, str], version: int) -> EncodedArray:
    """All values of a topic, encoded: a thousand topics of one request share them."""
    if version < 5:
        return EncodedArray(0, b"")
    entries = broker.config.describe_topic(own)
    structs = [
        CreatableTopicConfigs(name=entry.name, value=entry.value, read_only=entry.read_only, config_source=entry.source, is_sensitive=entry.key.sensitive)
        for entry in entries
    ]
    return EncodedArray(len(structs), b"".join(encoded(struct, version) for struct in structs))


def refuse(request: CreateTopicsRequest, version: int, error: errors.KafkaError) -> CreateTopicsResponse:
    """The same error for every topic."""
    names: Sequence[str] = list(dict.fromkeys(topic.name for topic in request.topics))
    return CreateTopicsResponse(topics=[_refusal(name, error) for name in names])


def changes(broker: Broker, request: CreateTopicsRequest, response: CreateTopicsResponse) -> Iterable[Change]:
    """One a topic."""
    wanted = {topic.name: topic for topic in request.topics}
    for result in () if request.validate_only else response.topics:
        topic = wanted[result.name]
        configs = listed(shown_config(broker, RESOURCE_TOPIC, config.name, config.value) for config in topic.configs)
        detail = f"partitions={topic.num_partitions} replication_factor={topic.replication_factor} configs={configs}"
        yield Change("CreateTopics", f"topic:{result.name}", result.error_code, detail)
