"""The part that AlterConfigs and IncrementalAlterConfigs share."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from pybroker.apis.changes import Change, listed
from pybroker.apis.context import Broker, Caller
from pybroker.apis.judging import CONFIG_POLICY, check_config_change, shown_config
from pybroker.metadata.config_changes import APPEND, DELETE, SUBTRACT, ConfigChange, check_broker_name
from pybroker.metadata.records import RESOURCE_LOGGER
from pybroker.protocol import errors


class Wish(NamedTuple):
    """What a client wants changed on one resource."""

    kind: int
    name: str
    changes: Sequence[ConfigChange]


async def alter(broker: Broker, caller: Caller, wishes: Sequence[Wish], *, replace_all: bool, validate_only: bool) -> list[tuple[Wish, errors.KafkaError | None]]:
    """Carry out the wishes one after the other; each with its error, None where it worked."""
    counts = Counter((wish.kind, wish.name) for wish in wishes)
    found: list[tuple[Wish, errors.KafkaError | None]] = []
    for wish in wishes:
        try:
            if counts[wish.kind, wish.name] > 1:
                raise errors.InvalidRequest("Each resource must appear at most once.")
            await _alter_one(broker, caller, wish, replace_all=replace_all, validate_only=validate_only)
            found.append((wish, None))
        except errors.KafkaError as error:
            found.append((wish, error))
    return found


async def _alter_one(broker: Broker, caller: Caller, wish: Wish, *, replace_all: bool, validate_only: bool) -> None:
    if wish.kind == RESOURCE_LOGGER:
        if replace_all:
            raise errors.InvalidRequest(f"Unknown resource type {wish.kind}")
        if wish.name == "":
            raise errors.InvalidRequest("Node id must be an integer, but it is: ")
        check_broker_name(wish.name, broker.node_id)
        broker.alter_loggers(wish.changes, validate_only=validate_only)
        return
    judge = partial(check_config_change, broker, caller, wish.kind, wish.name) if broker.hooks.has(CONFIG_POLICY) else None
    await broker.controller.alter_configs(wish.kind, wish.name, wish.changes, replace_all=replace_all, validate_only=validate_only, judge=judge)


def altered(broker: Broker, operation: str, wishes: Sequence[Wish], codes: Sequence[int]) -> Iterable[Change]:
    """What is told of wishes whose answers stand in the same order."""
    for wish, code in zip(wishes, codes, strict=True):
        kind = "broker-logger" if wish.kind == RESOURCE_LOGGER else broker.config.kind_name(wish.kind)
        yield Change(operation, f"{kind}:{wish.name}", code, listed(_said(broker, wish, change) for change in wish.changes))


def _said(broker: Broker, wish: Wish, change: ConfigChange) -> str:
    if change.operation == DELETE:
        return f"-{change.key}"
    if wish.kind == RESOURCE_LOGGER:
        return f"{change.key}={change.value}"
    return {APPEND: "append ", SUBTRACT: "subtract "}.get(change.operation, "") + shown_config(broker, wish.kind, change.key, change.value)
