"""What plugins say to changes of topics and configs, as errors that clients understand; and who is asking.

Every function is for a broker whose plugins have the hook: callers ask ``broker.hooks.has`` first, so that others neither wait nor import anything.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from pybroker.apis.context import Broker, Caller
from pybroker.metadata.controller import Growth, NewTopic, TopicOutcome
from pybroker.metadata.records import Topic
from pybroker.protocol import errors

if TYPE_CHECKING:
    from pybroker.hooks.asking import Answer
    from pybroker.hooks.types import ConfigChangeRequest, Principal, TopicRequest

TOPIC_POLICY, CONFIG_POLICY, TOPIC_DEFAULTS = "pybroker_topic_policy", "pybroker_config_policy", "pybroker_topic_defaults"

DEFAULTS_MAX = 1000
"""Configs that plugins may give to one topic."""
HIDDEN = "[hidden]"
"""Stands for values of sensitive keys that are set."""


def principal_of(caller: Caller) -> "Principal":
    """Who sent the request."""
    from pybroker.hooks.types import ANONYMOUS

    return getattr(caller, "principal", None) or ANONYMOUS


# ---- topics


async def with_defaults(broker: Broker, caller: Caller, wishes: Sequence[NewTopic]) -> list[NewTopic]:
    """The wishes with the configs that plugins add. What the client gave wins; what fails adds nothing."""
    from pybroker.hooks.calls import Expect

    expect = Expect("a mapping of text to text", _is_configs)
    principal = principal_of(caller)
    made = []
    for wish in wishes:
        answer = await broker.hooks.pipe(
            TOPIC_DEFAULTS, expect=expect, skip_errors=True, name=wish.name, configs=MappingProxyType(dict(wish.configs)), principal=principal
        )
        made.append(wish._replace(configs={**answer.value, **wish.configs}))
    return made


def _is_configs(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, Mapping) and len(value) <= DEFAULTS_MAX and all(isinstance(key, str) and isinstance(text, str) for key, text in value.items())


async def refused_creations(broker: Broker, caller: Caller, wishes: Sequence[NewTopic]) -> dict[str, TopicOutcome]:
    """Those that cannot be or must not be made, with their errors. Plugins are asked about what could be made otherwise."""
    by_name = {wish.name: wish for wish in wishes}
    refused: dict[str, TopicOutcome] = {}
    for outcome in await broker.controller.create_topics(wishes, validate_only=True):
        name, topic = outcome.name or "", outcome.topic
        error = outcome.error if topic is None else await _judged_topic(broker, caller, "create", name, len(topic.partitions), topic, by_name[name].configs)
        if error is not None:
            refused[name] = TopicOutcome(name, None, error)
    return refused


async def refused_growths(broker: Broker, caller: Caller, wishes: Sequence[Growth]) -> dict[str, TopicOutcome]:
    """The same for partitions to be added."""
    totals = {wish.name: wish.total for wish in wishes}
    refused: dict[str, TopicOutcome] = {}
    for outcome in await broker.controller.create_partitions(wishes, validate_only=True):
        name, topic = outcome.name or "", outcome.topic
        error = outcome.error if topic is None else await _judged_topic(broker, caller, "add_partitions", name, totals[name], topic, {})
        if error is not None:
            refused[name] = TopicOutcome(name, None, error)
    return refused


async def refused_deletions(broker: Broker, caller: Caller, topics: Sequence[Topic]) -> dict[bytes, errors.KafkaError]:
    """The same for topics to be deleted, by id."""
    refused = {}
    for topic in topics:
        error = await _judged_topic(broker, caller, "delete", topic.name, len(topic.partitions), topic, {})
        if error is not None:
            refused[topic.id] = error
    return refused


async def _judged_topic(
    broker: Broker, caller: Caller, kind: str, name: str, partition_count: int, topic: Topic, configs: Mapping[str, str]
) -> errors.KafkaError | None:
    from pybroker.hooks.types import TopicRequest

    request = TopicRequest(kind, name, partition_count, len(topic.partitions[0].replicas), MappingProxyType(dict(configs)))  # type: ignore[arg-type]
    return await _judged(broker, caller, TOPIC_POLICY, request)


async def _judged(broker: Broker, caller: Caller, hook: str, request: "TopicRequest | ConfigChangeRequest") -> errors.PolicyViolation | None:
    """All plugins must agree; what fails has not agreed."""
    from pybroker.hooks.calls import clip, of
    from pybroker.hooks.types import PolicyViolation

    answers: list[Answer] = await broker.hooks.all(hook, expect=of(PolicyViolation), request=request, principal=principal_of(caller))
    if not answers:
        return None
    return errors.PolicyViolation("; ".join(f"{answer.plugin} cannot say whether this may be" if answer.error else clip(str(answer.value.text)) for answer in answers))


# ---- configs


async def check_config_change(broker: Broker, caller: Caller, kind: int, name: str, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Raises PolicyViolation."""
    from pybroker.hooks.types import ConfigChangeRequest

    request = ConfigChangeRequest(broker.config.kind_name(kind), name, _shown(broker, kind, old), _shown(broker, kind, new))  # type: ignore[arg-type]
    error = await _judged(broker, caller, CONFIG_POLICY, request)
    if error is not None:
        raise error


def _shown(broker: Broker, kind: int, values: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({key: HIDDEN if broker.config.is_sensitive(kind, key) else value for key, value in values.items()})


def shown_config(broker: Broker, kind: int, key: str, value: str | None) -> str:
    """A config as people may read it."""
    return f"{key}={HIDDEN if broker.config.is_sensitive(kind, key) else value}"
