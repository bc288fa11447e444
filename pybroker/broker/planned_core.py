"""The core as the metadata controller sees it: topics come to it with what plugins have to say of them (hook_plan.py, which a broker without them does not import).

Thread      control, but for ``stop``, which blocks
"""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pybroker._core.core import Core, HookChain
    from pybroker.broker.config import Value
    from pybroker.broker.hook_plan import Planner, Step
    from pybroker.broker.retention import Retention
    from pybroker.hooks.manager import PluginManager

BATCH_HOOKS = ("pybroker_batch_interceptor", "pybroker_record_rules", "pybroker_schema_validator", "pybroker_partitioner", "pybroker_native_hooks")
TOPIC_KEYS = ("pybroker.repartition", "pybroker.key.schema.type", "pybroker.value.schema.type")
"""A topic that has one of these set is planned also where no plugin is enabled: it may have to refuse its batches."""


class Config(Protocol):
    """What of the config matters here."""

    def topic_value(self, name: str, own: Mapping[str, str]) -> "Value": ...


class PlannedCore:
    """Puts topics into the core, each with its hook chain."""

    def __init__(self, core: "Core", manager: "PluginManager | None", config: Config, own_of: Callable[[str], Mapping[str, str]]) -> None:
        """``own_of``: a topic's own config."""
        self._core = core
        self._manager = manager
        self._config = config
        self._own_of = own_of
        self._has_hooks = manager is not None and any(manager.has(hook) for hook in BATCH_HOOKS)
        self._planner: Planner | None = None
        self._names: dict[bytes, str] = {}                  # of topics that have a chain
        self._has_retention = manager is not None and manager.has("pybroker_retention_policy")
        self._retention: Retention | None = None
        self._plain: bool | None = None                     # whether topics without a config of their own are planned; None: not known

    def start(self) -> None:
        """Once plugins have started, before topics come. Raises what says that a function in C cannot be had."""
        if self._has_hooks:
            self._plans().start()

    def _plans(self) -> "Planner":
        if self._planner is None:
            from pybroker.broker.hook_plan import Planner

            self._planner = Planner(self._manager, self._core, self._config)
        return self._planner

    def put_topic(self, topic_id: bytes, name: str, partitions: Any, settings: dict[str, int]) -> None:
        own = self._own_of(name)
        chain: HookChain | None = None
        if not settings["internal"] and (self._has_hooks or self._is_planned(own)):
            chain = self._plans().chain_of(name, own, internal=False)
        elif self._planner is not None:
            self._planner.forget(name)
        if self._has_retention:
            settings = self._with_policy(topic_id, name, own, [index for index, _place, _epoch in partitions], settings)
        if chain is not None:
            self._names[topic_id] = name
        self._core.put_topic(topic_id, name, partitions, settings, chain)

    def _with_policy(self, topic_id: bytes, name: str, own: Mapping[str, str], partitions: list[int], settings: dict[str, int]) -> dict[str, int]:
        """The settings without the built-in retention, where a plugin's takes its place."""
        impl, failed = (None, False) if settings["internal"] else self._plans().retention_of(name, own)
        if impl is None and not failed:
            if self._retention is not None:
                self._retention.remove(topic_id)
            return settings
        from pybroker.broker.retention import Policy, Retention

        if self._retention is None:
            self._retention = Retention(self._core, lambda: time.time_ns() // 1_000_000)
        self._retention.put(topic_id, Policy(name, tuple(partitions), impl))
        return {**settings, "retention_ms": -1, "retention_bytes": -1}

    def apply_retention(self) -> None:
        """A round of what plugins say of retention. Blocks; any thread but the control thread."""
        if self._retention is not None:
            self._retention.round()

    def _is_planned(self, own: Mapping[str, str]) -> bool:
        if own:
            return any(self._config.topic_value(key, own) for key in TOPIC_KEYS)
        if self._plain is None:
            self._plain = any(self._config.topic_value(key, {}) for key in TOPIC_KEYS)
        return self._plain

    def remove_topic(self, topic_id: bytes) -> None:
        if self._retention is not None:
            self._retention.remove(topic_id)
        name = self._names.pop(topic_id, None)
        if name is not None and self._planner is not None:
            self._planner.forget(name)
        self._core.remove_topic(topic_id)

    def is_told_of(self, changed: set[str]) -> bool:
        """Whether what hangs on topics depends on one of these broker keys."""
        from pybroker.broker.config import added, keys

        told = any(name in keys("topic") and (name.startswith("pybroker.") or name in added("broker")) for name in changed)
        if told:
            self._plain = None
        return told

    def unused(self, chain_id: int) -> None:
        """No batch goes by this chain any more."""
        if self._planner is not None:
            self._planner.unused(chain_id)

    def explain(self, topic: str) -> "tuple[list[Step], str]":
        """Everything on the way of a batch of this topic, in order, with counts; and why every batch is refused ("": they are not)."""
        return self._planner.explain(topic) if self._planner is not None else ([], "")

    def lane_stats(self) -> dict[str, tuple[int, int]]:
        """By plugin that has a lane: batches handed out, requests given up."""
        return self._planner.lanes.stats() if self._planner is not None and self._planner.lanes is not None else {}

    def stop(self) -> None:
        """End the lanes. Blocks."""
        if self._planner is not None:
            self._planner.stop()
