"""One plugin, asked without a broker::

    from pybroker.testing.hooks import Harness, batch

    def test_small_values_pass():
        with Harness(my_plugin, {"acme.bytes.max": "10"}) as plugin:
            assert plugin.verdicts([batch(["small"]), batch(["far too large"])]) == [ACCEPT, Reject("…")]

The plugin is loaded, configured and asked by the broker's own machinery: what a broker refuses at start is refused here, and so is an answer of another kind than hookspecs says. Unlike
in a broker, what the plugin raises comes to the test as it is, on the test's own thread, and there is no deadline.
"""

import asyncio
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import NoneType, TracebackType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, cast

from pybroker.broker.broker_config import BrokerConfig
from pybroker.broker.config import Setting, as_they_are, gather
from pybroker.broker.hook_plan import asked
from pybroker.broker.plugins import PluginContext, Plugins, add_config_keys
from pybroker.hooks import ACCEPT, Accept, Connection, PluginInfo, Principal, Record, SegmentInfo, Verdict, hookspecs
from pybroker.hooks.manager import PluginManager
from pybroker.testing import records as encoding
from pybroker.testing.records import DEFAULT_TIME_MS, RecordLike, as_records

if TYPE_CHECKING:
    from pybroker.hooks.calls import Impl

__all__ = ["Clock", "FakeBatch", "Harness", "batch", "connection", "segments"]

USER = Principal("test")


class Clock:
    """The time that the plugin is told. It stands still until the test moves it."""

    def __init__(self, now_ms: int = DEFAULT_TIME_MS) -> None:
        self.now_ms = now_ms
        self._monotonic_ms = 0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ms += round(seconds * 1000)
        self._monotonic_ms += round(seconds * 1000)

    @property
    def monotonic_s(self) -> float:
        """Seconds that have passed by ``advance``."""
        return self._monotonic_ms / 1000


class HarnessContext(PluginContext):
    """A broker's context, with the test's clock."""

    clock: Clock

    def now_ms(self) -> int:
        return self.clock.now_ms

    def monotonic_s(self) -> float:
        return self.clock.monotonic_s


class Harness:
    """One plugin from start to stop. ``with Harness(plugin) as asked`` configures and starts it as a broker does."""

    def __init__(
        self,
        plugin: Any,
        config: Mapping[str, str] | None = None,
        *,
        name: str | None = None,
        topics: Mapping[str, int] | None = None,
        topic_configs: Mapping[str, Mapping[str, str]] | None = None,
        data_dir: Path | None = None,
    ) -> None:
        """``plugin``: what its entry point names: a module, a class or an object; ``name``: the entry point's name (default: what the plugin calls itself).
        ``config``: broker keys, the plugin's own or the broker's. ``topics``: partitions by name; ``topic_configs``: what topics have of their own.
        Raises PluginError, ConfigError where a broker would not start."""
        self._own_dir = TemporaryDirectory(prefix="pybroker-", ignore_cleanup_errors=True) if data_dir is None else None
        made = plugin() if inspect.isclass(plugin) else plugin
        self.manager = PluginManager.of([(name or _name_of(made), made)])
        self.clock = Clock()
        self.topics = dict(topics or {})
        self.topic_configs = {topic: dict(own) for topic, own in (topic_configs or {}).items()}
        self.invalidated: list[str | None] = []
        """Principals that the plugin has asked to forget, None for all."""
        self.replanned: list[str | None] = []
        """Topics that the plugin has asked to plan again, None for all."""
        self._settings = {"log.dirs": str(data_dir or (self._own_dir and self._own_dir.name)), **(config or {})}
        self._undo = ExitStack()
        self._undo.callback(self.manager.close)
        if self._own_dir is not None:
            self._undo.callback(self._own_dir.cleanup)
        self._undo.enter_context(as_they_are())
        try:
            add_config_keys(self.manager)
            self.config = BrokerConfig(self._gathered())
            self._plugins = Plugins(self.manager, self.config, HarnessContext)
        except BaseException:
            self._undo.close()
            raise
        for context in self._plugins.contexts.values():
            cast(HarnessContext, context).clock = self.clock
        facts = self._plugins.facts
        facts.cluster_id = "test-cluster"
        facts.topics = lambda: dict(self.topics)
        facts.topic_own = lambda topic: self.topic_configs.get(topic, {})
        facts.invalidate = self.invalidated.append
        facts.replan = self.replanned.append

    def _gathered(self) -> dict[str, Setting]:
        return gather(None, [f"{key}={value}" for key, value in self._settings.items()], {})

    # ---- from start to stop

    def start(self) -> Self:
        """``pybroker_configure`` with all keys, then ``pybroker_startup``."""
        for impl in self.manager.impls("pybroker_configure"):
            values = self._plugins.own_values(impl.plugin.name)
            self._call(impl, {"config": values, "changed": frozenset(values)})
        self.tell("pybroker_startup")
        return self

    def reconfigure(self, config: Mapping[str, str]) -> None:
        """Change keys of the running plugin; it is told as a broker would. Raises ConfigError; what the plugin raises."""
        self._settings |= config
        self.config.reload(self._gathered())
        for impl in self.manager.impls("pybroker_configure"):
            values = self._plugins.own_values(impl.plugin.name)
            self._call(impl, {"config": values, "changed": frozenset(config) & frozenset(values)})

    def stop(self) -> None:
        """``pybroker_shutdown``, and everything as it was before."""
        try:
            self.tell("pybroker_shutdown", reason="stop")
        finally:
            self._undo.close()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self._undo.close()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # ---- what there is

    @property
    def info(self) -> PluginInfo:
        """What the plugin says of itself."""
        return self.manager.plugins[0].info

    @property
    def context(self) -> PluginContext:
        """What the plugin gets as ``ctx``."""
        return self._plugins.contexts[self.manager.plugins[0].name]

    def metric(self, name: str, **labels: str) -> float:
        """Value of one of its counters or gauges; 0 where it has set none."""
        wanted = tuple(sorted(labels.items()))
        return next((value for _kind, one, found, value in self.context.metrics.series() if (one, found) == (name, wanted)), 0.0)

    def effective(self, topic: str) -> dict[str, str]:
        """The ``config`` that hooks of a topic are given: effective values of the plugin's topic keys, and what the topic has of its own."""
        return asked(self.config, self.topic_configs.get(topic, {}))

    # ---- asking

    def ask(self, hook: str, **values: Any) -> Any:
        """What the plugin answers to a hook. Arguments that are not given are made up where that makes sense: ``principal``, ``connection``, ``config`` of ``topic``.

        Raises what the plugin raises, AssertionError for an answer of another kind than the hook's, LookupError for a hook that it does not have.
        """
        if not self.manager.has(hook):
            raise LookupError(f"{self.info.name} has no {hook}" if hook in hookspecs.SPECS else f"there is no hook {hook}")
        spec = hookspecs.ARGUMENTS[hook]
        unknown = sorted(set(values) - set(spec))
        if unknown:
            raise TypeError(f"{hook} takes {', '.join(spec)}, not {', '.join(unknown)}")
        (impl,) = (impl for impl in self.manager.impls(hook) if not impl.plugin.builtin)
        answer = self._call(impl, self._filled(hook, impl, values))
        expected = typing.get_type_hints(getattr(hookspecs, hook), vars(hookspecs) | {"Callable": Callable})["return"]
        if hookspecs.SPECS[hook].mode != "told" and answer is not None and not fits(answer, expected):
            raise AssertionError(f"{hook} answered {answer!r:.200}, which is not {_words(expected)}")
        return answer

    def tell(self, hook: str, **values: Any) -> None:
        """Tell the plugin, if it wants to hear of it."""
        for impl in self.manager.impls(hook):
            self._call(impl, values)

    def _filled(self, hook: str, impl: "Impl", values: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Callable[[], Any]] = {"principal": lambda: USER, "connection": connection}
        if "topic" in values:
            made["config"] = lambda: self.effective(values["topic"])
        missing = [name for name in impl.arguments if name not in values and name not in made and name != "ctx"]
        if missing:
            raise TypeError(f"{hook} of {self.info.name} takes {', '.join(sorted(missing))}: give what it shall see")
        return {**{name: made[name]() for name in impl.arguments if name in made}, **values}

    def _call(self, impl: "Impl", values: dict[str, Any]) -> Any:
        answer = impl.bind(values)()
        return asyncio.run(_finish(answer)) if inspect.isawaitable(answer) else answer

    def verdicts(self, batches: Sequence["FakeBatch"]) -> list[Verdict]:
        """What ``pybroker_batch_interceptor`` says of these batches: one verdict each, ACCEPT where it says nothing."""
        answer = self.ask("pybroker_batch_interceptor", batches=list(batches))
        found = [None] * len(batches) if answer is None else list(answer)
        if len(found) != len(batches):
            raise AssertionError(f"{len(found)} verdicts for {len(batches)} batches")
        return [ACCEPT if verdict is None or isinstance(verdict, Accept) else verdict for verdict in found]

    def faults(self, topic: str, items: Sequence[bytes | str | None], which: Literal["key", "value"] = "value") -> list[str | None]:
        """What the validator for this topic's keys or values says of some of them."""
        validator = self.ask("pybroker_schema_validator", topic=topic, which=which)
        if validator is None:
            raise LookupError(f"{self.info.name} has no validator for {which}s of {topic}")
        answers = list(validator.validate([item.encode() if isinstance(item, str) else item for item in items]))
        if len(answers) != len(items) or not all(answer is None or isinstance(answer, str) for answer in answers):
            raise AssertionError(f"the validator answered {answers!r:.200} to {len(items)} items")
        return answers

    def partitions(self, topic: str, items: Sequence[RecordLike], partition_count: int) -> list[int]:
        """Where the partitioner for this topic puts records."""
        partitioner = self.ask("pybroker_partitioner", topic=topic)
        if partitioner is None:
            raise LookupError(f"{self.info.name} has no partitioner for {topic}")
        found = as_records(items)
        answers = list(partitioner.partition([record.key for record in found], [record.value for record in found], partition_count))
        if len(answers) != len(items) or not all(isinstance(answer, int) and 0 <= answer < partition_count for answer in answers):
            raise AssertionError(f"the partitioner answered {answers!r:.200} for {len(items)} records and {partition_count} partitions")
        return answers

    def retained(self, topic: str, partition: int, found: Sequence[SegmentInfo]) -> list[str]:
        """What the retention policy of this topic says of a partition's segments, checked as a broker checks it."""
        policy = self.ask("pybroker_retention_policy", topic=topic)
        if policy is None:
            raise LookupError(f"{self.info.name} has no retention policy for {topic}")
        answers = [str(answer) for answer in policy.plan(topic, partition, found, self.clock.now_ms)]
        if len(answers) != len(found) or not set(answers) <= {"keep", "delete", "rewrite"}:
            raise AssertionError(f"the policy answered {answers!r:.200} for {len(found)} segments")
        first_kept = next((place for place, answer in enumerate(answers) if answer != "delete"), len(answers))
        if "delete" in answers[first_kept:] or any(one.active and answer == "delete" for one, answer in zip(found, answers, strict=True)):
            raise AssertionError(f"only the oldest segments can be deleted, and never the active one; the policy answered {answers!r:.200}")
        return answers


async def _finish(answer: Any) -> Any:
    return await answer


def _name_of(made: Any) -> str:
    info = made.pybroker_plugin_info() if hasattr(made, "pybroker_plugin_info") else None
    return info.name if isinstance(info, PluginInfo) else "plugin"


# ---- what hooks are given


@dataclass(frozen=True)
class FakeBatch:
    """A BatchView made from records; see ``batch``."""

    topic: str
    partition: int
    partition_count: int
    principal: str
    client_id: str | None
    codec: str
    producer_id: int
    _records: tuple[Record, ...] = field(repr=False)

    @property
    def record_count(self) -> int:
        return len(self._records)

    @property
    def base_timestamp_ms(self) -> int:
        return self._records[0].timestamp_ms

    @property
    def max_timestamp_ms(self) -> int:
        return max(record.timestamp_ms for record in self._records)

    @property
    def raw(self) -> memoryview:
        return memoryview(encoding.encode(self._records, producer_id=self.producer_id))

    @property
    def size_bytes(self) -> int:
        return len(self.raw)

    def records(self) -> Sequence[Record]:
        return self._records

    def keys(self) -> list[bytes | None]:
        return [record.key for record in self._records]

    def values(self) -> list[bytes | None]:
        return [record.value for record in self._records]


def batch(
    items: Sequence[RecordLike],
    *,
    topic: str = "topic",
    partition: int = 0,
    partition_count: int = 1,
    principal: str = "User:test",
    client_id: str | None = "test",
    codec: str = "none",
    producer_id: int = -1,
    time_ms: int = DEFAULT_TIME_MS,
) -> FakeBatch:
    """A batch as an interceptor sees it, from values, (key, value) pairs or Records. ``codec`` is what it says of itself; ``raw`` is never compressed."""
    if not items:
        raise ValueError("a batch has at least one record")
    return FakeBatch(topic, partition, partition_count, principal, client_id, codec, producer_id, tuple(as_records(items, time_ms)))


def connection(*, listener: str = "PLAINTEXT", peer_host: str = "127.0.0.1", client_id: str | None = "test", principal: Principal = USER) -> Connection:
    """A connection as hooks see it."""
    return Connection(1, listener, peer_host, 50_000, "127.0.0.1", 9092, client_id, principal)


def segments(count: int, *, size_bytes: int = 1 << 20, records: int = 1000, every_ms: int = 3_600_000, newest_ms: int = DEFAULT_TIME_MS) -> list[SegmentInfo]:
    """Segments of a partition, the oldest first: each with its newest record ``every_ms`` before that of the next; the last one is active."""
    return [
        SegmentInfo(place * records, (place + 1) * records, size_bytes, newest_ms - (count - 1 - place) * every_ms, place == count - 1)
        for place in range(count)
    ]


# ---- what hooks answer


def fits(value: Any, annotation: Any) -> bool:
    """Whether a value is of the kind that hookspecs names. Objects that a plugin makes (a Protocol in types.py) must have its methods."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return True
    if annotation in (None, NoneType):
        return value is None
    if origin in (typing.Union, UnionType):
        return any(fits(value, one) for one in arguments)
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        return isinstance(value, tuple) and len(value) == len(arguments) and all(map(fits, value, arguments))
    if origin is list:
        return isinstance(value, (list, tuple)) and all(fits(item, arguments[0]) for item in value)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(fits(key, arguments[0]) and fits(item, arguments[1]) for key, item in value.items())
    if origin is not None:
        return callable(value)
    if getattr(annotation, "_is_protocol", False):
        return all(hasattr(value, name) for name in _members(annotation))
    return isinstance(value, annotation)


def _members(protocol: Any) -> set[str]:
    return {name for name in vars(cast(type[Protocol], protocol)) if not name.startswith("_")}  # type: ignore[valid-type]


def _words(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) if isinstance(annotation, type) else str(annotation).replace("pybroker.hooks.types.", "").replace("typing.", "")  # type: ignore[return-value]
