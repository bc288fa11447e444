"""How a client's wishes change the values of a config resource: Kafka's operations and its refusals."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from pybroker.metadata.image import Image
from pybroker.metadata.records import RESOURCE_BROKER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP, RESOURCE_TOPIC
from pybroker.metadata.topic_rules import check_name
from pybroker.protocol import errors

SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


class ConfigChange(NamedTuple):
    """One wish. ``value`` is None for DELETE."""

    key: str
    operation: int
    value: str | None


class KeyRules(Protocol):
    """What APPEND and SUBTRACT need to know of a key. Both raise ValueError for a key that does not exist."""

    def is_list(self, kind: int, key: str) -> bool: ...

    def default_of(self, kind: int, key: str) -> str | None: ...


def check_resource(kind: int, name: str, image: Image, node_id: int) -> None:
    """Whether the resource exists and may be changed. Raises UnknownTopicOrPartition, InvalidRequest."""
    if kind == RESOURCE_TOPIC:
        if not name:
            raise errors.InvalidRequest("Default topic resources are not allowed.")
        check_name(name)
        if name not in image.by_name:
            raise errors.UnknownTopicOrPartition(f"The topic '{name}' does not exist.")
    elif kind == RESOURCE_BROKER:
        check_broker_name(name, node_id)
    elif kind in (RESOURCE_CLIENT_METRICS, RESOURCE_GROUP):
        if not name:
            raise errors.InvalidRequest("Default group resources are not allowed." if kind == RESOURCE_GROUP else "Subscription name can't be empty")
        if len(name) > 1000:
            raise errors.InvalidRequest("The resource's name is longer than 1000 characters.")
    else:
        raise errors.InvalidRequest(f"Unknown resource type {kind}")


def check_broker_name(name: str, node_id: int) -> None:
    """Whether a broker resource means this broker or all of them. Raises InvalidRequest."""
    if name == "":
        return
    text = name[1:] if name[0] in "+-" else name
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise errors.InvalidRequest(f"Broker id must be an integer, but it is: {name[:100]}")
    if int(name) != node_id:
        raise errors.InvalidRequest(f"Unexpected broker id, expected {node_id} or empty string, but received {name[:100]}")


def changed_values(values: Mapping[str, str], changes: Sequence[ConfigChange], kind: int, rules: KeyRules) -> dict[str, str]:
    """The resource's values after the changes. Raises InvalidRequest, InvalidConfig."""
    seen: set[str] = set()
    for change in changes:
        if change.key in seen:
            raise errors.InvalidRequest(f"Error due to duplicate config keys : {change.key[:200]}")
        seen.add(change.key)
        if change.value is None and change.operation != DELETE:
            raise errors.InvalidRequest(f"Null value not supported for : {change.key[:200]}")
    after = dict(values)
    for change in changes:
        _change(after, change, kind, rules)
    return after


def _change(values: dict[str, str], change: ConfigChange, kind: int, rules: KeyRules) -> None:
    key = change.key
    match change.operation, change.value:
        case (0, str(value)):
            values[key] = value
        case (1, _):
            values.pop(key, None)
        case (2 | 3 as operation, str(value)):
            values[key] = _edited_list(values, key, value.strip(), operation == APPEND, kind, rules)
        case _:
            raise errors.InvalidRequest(f"Unknown operation type {change.operation}")


def _edited_list(values: Mapping[str, str], key: str, value: str, append: bool, kind: int, rules: KeyRules) -> str:
    try:
        if not rules.is_list(kind, key):
            raise errors.InvalidConfig(f"Can't {'APPEND' if append else 'SUBTRACT'} to key {key} because its type is not LIST.")
        before = values[key] if key in values else rules.default_of(kind, key) or ""
    except ValueError as error:
        raise errors.InvalidConfig(str(error)) from error
    items = [item.strip() for item in before.split(",") if item.strip()]
    named = [item.strip() for item in value.split(",") if item.strip()]
    if append:
        return ",".join(dict.fromkeys([*items, *named]))
    return ",".join(item for item in items if item not in named)
