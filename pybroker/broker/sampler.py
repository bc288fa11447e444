"""A picture of the broker for a scrape, taken in slices: the control thread is asked for a little at a time and serves clients in between.

Thread      that of the HTTP server; what is asked runs on the control thread, SLICE partitions or groups at a time
"""

import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from pybroker import __version__
from pybroker.coordinator.group.lag import Lag, picture
from pybroker.hooks.calls import ANYTHING, Call, HookFailed
from pybroker.observe.metrics import HookRow, LagRow, LogDirRow, OwnRow, PartitionRow, Picture, finite

if TYPE_CHECKING:
    from pybroker._core.core import Core, CoreError
    from pybroker.broker.auditor import Auditor
    from pybroker.broker.broker_config import BrokerConfig
    from pybroker.broker.control_thread import ControlThread
    from pybroker.broker.plugins import Plugins
    from pybroker.coordinator.groups import Groups
    from pybroker.metadata.controller import Controller
    from pybroker.metadata.records import Topic

SLICE = 100
"""Partitions or groups that one turn on the control thread looks at: well under a millisecond."""
HOOK_S = 1.0
"""Deadline of pybroker_metrics: a scrape waits for it."""


class Source(Protocol):
    """What of the server a picture shows."""

    config: "BrokerConfig"
    controller: "Controller"
    plugins: "Plugins"
    node_id: int
    cluster_id: str

    @property
    def known_groups(self) -> "Groups | None": ...
    @property
    def auditor(self) -> "Auditor | None": ...


class Sampler:
    """Takes pictures."""

    def __init__(self, source: Source, core: "Core", core_error: "type[CoreError]", control: "ControlThread") -> None:
        self._source = source
        self._core = core
        self._core_error = core_error
        self._control = control

    def take(self) -> Picture:
        """One picture. Raises TimeoutError when the control thread does not answer."""
        source, ask = self._source, self._control.ask
        image, stats, offline = ask(lambda: (source.controller.image, self._core.stats(), len(self._core.offline_partitions())))
        rows, left_out = self._partitions(image.by_name.values(), source.config.integer("pybroker.metrics.partitions.max"))
        groups, lags, lags_left_out = self._lags({(row.topic, row.partition): row.end_offset for row in rows}, {topic.name: topic for topic in image.by_name.values()})
        own, dropped = self._own()
        auditor = source.auditor
        return Picture(
            version=__version__,
            node_id=source.node_id,
            cluster_id=source.cluster_id,
            core=stats,
            topics=len(image.by_name),
            partitions=image.partition_count,
            partitions_offline=offline,
            partition_rows=rows,
            partitions_left_out=left_out,
            log_dirs=ask(self._log_dirs),
            groups=groups,
            lags=lags,
            lags_left_out=lags_left_out,
            hooks=self._hooks(),
            own=own,
            own_dropped=dropped,
            threads=self._threads(),
            audit_waiting=auditor.waiting if auditor else 0,
            audit_lost=auditor.lost if auditor else 0,
        )

    # ---- partitions

    def _partitions(self, topics: "Iterable[Topic]", rows_max: int) -> tuple[list[PartitionRow], int]:
        places = [(topic.name, topic.id, part.number) for topic in sorted(topics, key=lambda topic: topic.name) for part in topic.partitions]
        rows: list[PartitionRow] = []
        for begin in range(0, min(len(places), rows_max), SLICE):
            part = places[begin : min(begin + SLICE, rows_max)]
            rows += self._control.ask(lambda part=part: self._looked_at(part))  # type: ignore[misc]
        return rows, max(len(places) - rows_max, 0)

    def _looked_at(self, places: Sequence[tuple[str, bytes, int]]) -> list[PartitionRow]:
        rows = []
        for name, topic_id, number in places:
            try:
                info = self._core.partition(topic_id, number)
            except self._core_error:                        # deleted meanwhile
                continue
            if not info.offline:
                rows.append(PartitionRow(name, number, info.start_offset, info.high_watermark, info.end_offset, info.size_bytes))
        return rows

    def _log_dirs(self) -> list[LogDirRow]:
        return [LogDirRow(path, *self._core.log_dir(place)) for place, path in enumerate(self._source.config.log_dirs)]

    # ---- groups

    def _lags(self, ends: dict[tuple[str, int], int], topics: "dict[str, Topic]") -> tuple[int, list[LagRow], int]:
        groups = self._source.known_groups
        if groups is None:
            return 0, [], 0
        sources = sorted(self._control.ask(groups.committed), key=lambda source: source[0])
        committed: list[tuple[str, str, int, Any]] = []
        for begin in range(0, len(sources), SLICE):
            part = sources[begin : begin + SLICE]
            committed += self._control.ask(
                lambda part=part: [(group, topic, number, one) for group, offsets in part for topic, numbers in offsets.items() for number, one in numbers.items()]  # type: ignore[misc]
            )
        self._find_ends(ends, topics, {(topic, number) for _group, topic, number, _one in committed})
        made = picture(committed, lambda topic, number: ends.get((topic, number)), self._source.config.integer("pybroker.group.lag.entries.max"))
        return len(sources), [_lag_row(row) for row in made.rows], made.left_out

    def _find_ends(self, ends: dict[tuple[str, int], int], topics: "dict[str, Topic]", wanted: set[tuple[str, int]]) -> None:
        """Ends of partitions that have no series of their own."""
        missing = iter([(name, topics[name].id, number) for name, number in wanted if (name, number) not in ends and name in topics])
        while part := list(islice(missing, SLICE)):
            for row in self._control.ask(lambda part=part: self._looked_at(part)):  # type: ignore[misc]
                ends[row.topic, row.partition] = row.end_offset

    # ---- plugins

    def _hooks(self) -> list[HookRow]:
        manager = self._source.plugins.manager
        return [HookRow(*row) for row in manager.facts(time.monotonic())] if manager else []

    def _threads(self) -> dict[str, int]:
        manager = self._source.plugins.manager
        return {plugin.name: plugin.workers.thread_count for plugin in manager.plugins} if manager else {}

    def _own(self) -> tuple[list[OwnRow], int]:
        """Series of plugins, after they were asked to set what is costly to keep."""
        plugins = self._source.plugins
        if plugins.manager is None:
            return [], 0
        for impl in plugins.manager.impls("pybroker_metrics") if plugins.manager.has("pybroker_metrics") else ():
            registry = plugins.contexts[impl.plugin.name].metrics
            try:
                Call(impl, {"registry": registry}, ANYTHING, min(HOOK_S, impl.plugin.info.control_deadline_ms / 1000)).block()
            except HookFailed:
                continue                                    # logged and counted where it happened
        rows = [OwnRow(name, kind, metric, labels, finite(value)) for name, context in plugins.contexts.items() for kind, metric, labels, value in context.metrics.series()]
        return rows, sum(context.metrics.dropped for context in plugins.contexts.values())


def _lag_row(row: Lag) -> LagRow:
    return LagRow(row.group_id, row.topic, row.partition, row.committed, row.lag)
