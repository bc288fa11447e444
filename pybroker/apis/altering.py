"""The part that AlterConfigs and IncrementalAlterConfigs share."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from pybroker.apis.context import Broker
from pybroker.metadata.config_changes import ConfigChange, check_broker_name
from pybroker.metadata.records import RESOURCE_LOGGER
from pybroker.protocol import errors


class Wish(NamedTuple):
    """What a client wants changed on one resource."""

    kind: int
    name: str
    changes: Sequence[ConfigChange]


async def alter(broker: Broker, wishes: Sequence[Wish], *, replace_all: bool, validate_only: bool) -> list[tuple[Wish, errors.KafkaError | None]]:
    """Carry out the wishes one after the other; each with its error, None where it worked."""
    counts = Counter((wish.kind, wish.name) for wish in wishes)
    found: list[tuple[Wish, errors.KafkaError | None]] = []
    for wish in wishes:
        try:
            if counts[wish.kind, wish.name] > 1:
                raise errors.InvalidRequest("Each resource must appear at most once.")
            await _alter_one(broker, wish, replace_all=replace_all, validate_only=validate_only)
            found.append((wish, None))
        except errors.KafkaError as error:
            found.append((wish, error))
    return found


async def _alter_one(broker: Broker, wish: Wish, *, replace_all: bool, validate_only: bool) -> None:
    if wish.kind == RESOURCE_LOGGER:
        if replace_all:
            raise errors.InvalidRequest(f"Unknown resource type {wish.kind}")
        if wish.name == "":
            raise errors.InvalidRequest("Node id must be an integer, but it is: ")
        check_broker_name(wish.name, broker.node_id)
        broker.alter_loggers(wish.changes, validate_only=validate_only)
        return
    await broker.controller.alter_configs(wish.kind, wish.name, wish.changes, replace_all=replace_all, validate_only=validate_only)
