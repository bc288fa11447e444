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


async def alter(
    broker: Broker, wishes: Sequence[Wish], *, replace_all: bool, validate_only: bool
) -> dict[tuple[int, str], errors.KafkaError | None]:
    """Carry out the wishes one after the other; the error of each resource, None where it worked."""
    counts = Counter((wish.kind, wish.name) for wish in wishes)
    found: dict[tuple[int, str], errors.KafkaError | None] = {}
    for wish in wishes:
        place = (wish.kind, wish.name)
        if counts[place] > 1:
            found[place] = errors.InvalidRequest("Each resource must appear at most once.")
            continue
        try:
            await _alter_one(broker, wish, replace_all=replace_all, validate_only=validate_only)
            found[place] = None
        except errors.KafkaError as error:
            found[place] = error
    return found


async def _alter_one(broker: Broker, wish: Wish, *, replace_all: bool, validate_only: bool) -> None:
    if wish.kind == RESOURCE_LOGGER:
        if replace_all:
            raise errors.InvalidRequest(f"Unknown resource type {wish.kind}")
        check_broker_name(wish.name, broker.node_id)
        broker.alter_loggers(wish.changes, validate_only=validate_only)
        return
    await broker.controller.alter_configs(wish.kind, wish.name, wish.changes, replace_all=replace_all, validate_only=validate_only)
