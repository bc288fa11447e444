"""Metrics by prometheus-client: names and meanings of everything the broker tells of itself. docs/reference/metrics.rst is the list for people.

A scrape takes one picture of the broker and names what is in it; nothing is counted twice and nothing is kept between scrapes.

Thread      of the HTTP server, one scrape at a time
"""

import math
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from prometheus_client.core import Metric

SWITCH_S: Final = 0.0005
"""While a scrape is put into words, a thread that waits for the interpreter gets it after this time, not after Python's 5 ms: with a thousand partitions and groups that are 60 ms of
work, and the control thread comes between them."""

CORE: Final[Sequence[tuple[str, str, str, str]]] = (
    # counter of the core, kind (g gauge, c counter), name without pybroker_ (and _total), meaning
    ("connections_open", "g", "connections_open", "Connections of clients now."),
    ("connections_accepted", "c", "connections_accepted", "Connections that were accepted."),
    ("connections_refused", "c", "connections_refused", "Connections beyond max.connections or max.connections.per.ip."),
    ("connections_failed", "c", "connections_failed", "Connections that were closed for an error of peer or network."),
    ("requests", "c", "requests", "Requests read."),
    ("requests_control", "c", "requests_control", "Requests that went to the control plane."),
    ("bytes_in", "c", "received_bytes", "Bytes read from clients."),
    ("bytes_out", "c", "sent_bytes", "Bytes sent to clients."),
    ("batches_appended", "c", "batches_appended", "Batches written to logs."),
    ("bytes_appended", "c", "appended_bytes", "Bytes of batches written to logs."),
    ("appends", "c", "appends", "Writes to logs; one may hold several batches."),
    ("append_errors", "c", "append_errors", "Writes to logs that failed."),
    ("syncs", "c", "syncs", "Syncs of log files."),
    ("fetches", "c", "fetches", "Fetch requests."),
    ("fetches_parked", "c", "fetches_parked", "Fetch requests that waited for data."),
    ("fetch_bytes", "c", "fetched_bytes", "Bytes of records in fetch answers."),
    ("slices_sent_file", "c", "slices_sent_file", "Pieces of logs sent by sendfile."),
    ("slices_sent_copy", "c", "slices_sent_copy", "Pieces of logs sent from memory."),
    ("pool_growths", "c", "pool_growths", "Times that a pool of memory grew."),
    ("replies_waiting", "g", "replies_waiting", "Answers that are not sent yet."),
    ("fetches_waiting", "g", "fetches_waiting", "Fetch requests that wait for data now."),
    ("produces_waiting", "g", "produces_waiting", "Produce requests that wait for a sync now."),
    ("fetch_sessions", "g", "fetch_sessions", "Incremental fetch sessions."),
    ("receive_bytes_held", "g", "receive_buffer_bytes", "Memory that holds requests."),
    ("mails_waiting", "g", "mails_waiting", "Requests that wait for the control plane."),
    ("files_open", "g", "log_files_open", "Files of logs held open."),
    ("files_pinned", "g", "log_files_pinned", "Files of logs in use now."),
    ("segments_deleted", "c", "segments_deleted", "Segments removed by retention."),
    ("segment_bytes_deleted", "c", "segment_deleted_bytes", "Bytes removed by retention."),
    ("cleaner_runs", "c", "cleaner_runs", "Logs that were compacted."),
    ("cleaned_bytes", "c", "cleaner_bytes", "Bytes that compaction read and wrote."),
    ("dirty_ratio_max_ppm", "g", "cleaner_dirty_ratio_max_ppm", "Part of the dirtiest log that is not compacted, in millionths."),
)
"""Counters of the core that are not here are told under their own names, as gauges."""


class PartitionRow(NamedTuple):
    """One partition of one topic; ``size_bytes`` on disk."""

    topic: str
    partition: int
    start_offset: int
    high_watermark: int
    end_offset: int
    size_bytes: int


class LogDirRow(NamedTuple):
    """One log directory. ``state``: 0 good, 1 full, 2 off-line."""

    path: str
    state: int
    free_bytes: int


class LagRow(NamedTuple):
    """One partition as one group has read it; ``lag`` -1: unknown."""

    group: str
    topic: str
    partition: int
    committed: int
    lag: int


class HookRow(NamedTuple):
    """One hook of one plugin."""

    plugin: str
    hook: str
    calls: int
    errors: int
    timeouts: int
    seconds: float
    off: bool


class OwnRow(NamedTuple):
    """One series of a plugin. ``kind``: counter or gauge."""

    plugin: str
    kind: str
    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that a scrape tells."""

    version: str
    node_id: int
    cluster_id: str
    core: dict[str, int]
    topics: int
    partitions: int
    partitions_offline: int
    partition_rows: Sequence[PartitionRow]
    partitions_left_out: int
    log_dirs: Sequence[LogDirRow]
    groups: int
    lags: Sequence[LagRow]
    lags_left_out: int
    hooks: Sequence[HookRow]
    own: Sequence[OwnRow]
    own_dropped: int
    threads: dict[str, int]
    audit_waiting: int
    audit_lost: int


class BrokerCollector(Collector):
    """Makes families of metrics of a picture."""

    def __init__(self, take: Callable[[], Picture]) -> None:
        """``take``: a new picture; may raise, and then the scrape fails."""
        self._take = take

    def describe(self) -> "Iterable[Metric]":
        """Nothing: a registry must not take a picture to learn names."""
        return ()

    def collect(self) -> "Iterator[Metric]":
        picture = self._take()
        info = GaugeMetricFamily("pybroker_info", "Which broker this is.", labels=("version", "node_id", "cluster_id"))
        info.add_metric((picture.version, str(picture.node_id), picture.cluster_id), 1)
        yield info
        yield from _core(picture)
        yield from _partitions(picture)
        yield from _groups(picture)
        yield from _plugins(picture)
        yield from own_families(picture.own)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"pybroker_{name}", text, value=value)


def _family(kind: type[GaugeMetricFamily] | type[CounterMetricFamily], name: str, text: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], float]]) -> "Metric":
    family = kind(f"pybroker_{name}", text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _core(picture: Picture) -> "Iterator[Metric]":
    left = dict(picture.core)
    for key, kind, name, text in CORE:
        if key in left:
            value = left.pop(key)
            yield CounterMetricFamily(f"pybroker_{name}", text, value=value) if kind == "c" else _gauge(name, text, value)
    for key, value in left.items():
        yield _gauge(key, "A counter of the core.", value)


def _partitions(picture: Picture) -> "Iterator[Metric]":
    yield _gauge("topics", "Topics.", picture.topics)
    yield _gauge("partitions", "Partitions.", picture.partitions)
    yield _gauge("partitions_offline", "Partitions that cannot be served.", picture.partitions_offline)
    yield _gauge("partitions_left_out", "Partitions without series of their own (pybroker.metrics.partitions.max).", picture.partitions_left_out)
    places = [((row.topic, str(row.partition)), row) for row in picture.partition_rows]
    labels = ("topic", "partition")
    yield _family(GaugeMetricFamily, "partition_start_offset", "First offset of the log.", labels, ((place, row.start_offset) for place, row in places))
    yield _family(GaugeMetricFamily, "partition_high_watermark", "First offset that consumers may not read yet.", labels, ((place, row.high_watermark) for place, row in places))
    yield _family(GaugeMetricFamily, "partition_end_offset", "Offset of the next record.", labels, ((place, row.end_offset) for place, row in places))
    yield _family(GaugeMetricFamily, "partition_size_bytes", "Bytes of the log on disk.", labels, ((place, row.size_bytes) for place, row in places))
    yield _family(GaugeMetricFamily, "log_dir_state", "0 good, 1 full, 2 off-line.", ("log_dir",), (((row.path,), row.state) for row in picture.log_dirs))
    yield _family(GaugeMetricFamily, "log_dir_free_bytes", "Free space as last looked at.", ("log_dir",), (((row.path,), row.free_bytes) for row in picture.log_dirs))


def _groups(picture: Picture) -> "Iterator[Metric]":
    yield _gauge("groups", "Groups that have committed offsets.", picture.groups)
    yield _gauge("group_lag_left_out", "Partitions of groups without series of their own (pybroker.group.lag.entries.max).", picture.lags_left_out)
    places = [((row.group, row.topic, str(row.partition)), row) for row in picture.lags]
    labels = ("group", "topic", "partition")
    yield _family(GaugeMetricFamily, "group_committed_offset", "Offset that the group has committed.", labels, ((place, row.committed) for place, row in places))
    known = ((place, row.lag) for place, row in places if row.lag >= 0)
    yield _family(GaugeMetricFamily, "group_lag", "Records between the committed offset and the end of the log.", labels, known)


def _plugins(picture: Picture) -> "Iterator[Metric]":
    labels = ("plugin", "hook")
    places = [((row.plugin, row.hook), row) for row in picture.hooks]
    yield _family(CounterMetricFamily, "plugin_calls", "Calls of a hook of a plugin.", labels, ((place, row.calls) for place, row in places))
    yield _family(CounterMetricFamily, "plugin_errors", "Calls that failed: errors, rubbish, time-outs.", labels, ((place, row.errors) for place, row in places))
    yield _family(CounterMetricFamily, "plugin_timeouts", "Calls that took too long.", labels, ((place, row.timeouts) for place, row in places))
    yield _family(CounterMetricFamily, "plugin_seconds", "Time that was waited for calls.", labels, ((place, row.seconds) for place, row in places))
    yield _family(GaugeMetricFamily, "plugin_hook_off", "1: switched off after failures in a row.", labels, ((place, row.off) for place, row in places))
    yield _family(GaugeMetricFamily, "plugin_threads", "Threads of a plugin that the broker keeps.", ("plugin",), (((name,), count) for name, count in sorted(picture.threads.items())))
    yield CounterMetricFamily("pybroker_plugin_series_dropped", "Values of plugins' own metrics that had no room.", value=picture.own_dropped)
    yield _gauge("audit_events_waiting", "Events that are not told yet.", picture.audit_waiting)
    yield CounterMetricFamily("pybroker_audit_events_lost", "Events that some plugin was not told.", value=picture.audit_lost)


_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")


def own_families(rows: Iterable[OwnRow]) -> "Iterator[Metric]":
    """Metrics of plugins, named ``pybroker_plugin_<plugin>_<name>``. Of two that would have one name but not one kind, or other labels, the first stays."""
    families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
    shapes: dict[str, tuple[str, tuple[str, ...]]] = {}
    for row in rows:
        base = row.name.removesuffix("_total") if row.kind == "counter" else row.name
        name = _NOT_IN_NAMES.sub("_", f"pybroker_plugin_{row.plugin}_{base}")
        labels = tuple(_label(label) for label, _text in row.labels)
        if shapes.setdefault(name, (row.kind, labels)) != (row.kind, labels) or len(set(labels)) != len(labels) or not isinstance(row.value, float):
            continue
        if name not in families:
            kind = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
            families[name] = kind(name, f"Of plugin {row.plugin}.", labels=labels)
        families[name].add_metric([text for _label, text in row.labels], row.value)
    yield from families.values()


def _label(name: str) -> str:
    made = _NOT_IN_NAMES.sub("_", name).lstrip("_") or "label"
    return made if not made[0].isdigit() else f"label_{made}"


def finite(value: float) -> float:
    """A number that a series may have: prometheus knows NaN, and people read it as unknown."""
    return float(value) if math.isfinite(value) else math.nan


def application(take: Callable[[], Picture]) -> "WSGIApplication":
    """/metrics: the broker's metrics and those of its process. Scrapes take turns."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(BrokerCollector(take))
    made = make_wsgi_app(registry)
    turn = threading.Lock()

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with turn:
            before_s = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH_S)
            try:
                return cast(Iterable[bytes], made(environ, start_response))
            finally:
                sys.setswitchinterval(before_s)

    return serve
