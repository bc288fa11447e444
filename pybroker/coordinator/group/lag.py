"""How far each group is behind, without an agent: one picture that metrics, command line and web page read.

Bounds      at most ``pybroker.group.lag.entries.max`` partitions of groups; the rest is counted, groups in order of their names
Thread      control
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from pybroker.coordinator.group.offsets import Offset


class Lag(NamedTuple):
    """One partition as one group has read it. ``lag`` is records between the committed offset and the end; -1 when the partition cannot be asked."""

    group_id: str
    topic: str
    partition: int
    committed: int
    end_offset: int
    lag: int
    committed_ms: int


class Picture(NamedTuple):
    """All of it at one moment. ``left_out``: partitions beyond the bound."""

    rows: tuple[Lag, ...]
    left_out: int


def picture(committed: Iterable[tuple[str, str, int, Offset]], end_offset: Callable[[str, int], int | None], entries_max: int) -> Picture:
    """``committed``: group, topic, partition and what is committed. ``end_offset`` of a topic's partition, None when it cannot be asked; asked once for each."""
    ends: dict[tuple[str, int], int | None] = {}
    rows: list[Lag] = []
    left_out = 0
    for group_id, topic, partition, one in sorted(committed, key=lambda row: row[:3]):
        if len(rows) == entries_max:
            left_out += 1
            continue
        place = (topic, partition)
        if place not in ends:
            ends[place] = end_offset(topic, partition)
        end = ends[place]
        rows.append(Lag(group_id, topic, partition, one.offset, -1 if end is None else end, -1 if end is None else max(end - one.offset, 0), one.at_ms))
    return Picture(tuple(rows), left_out)
