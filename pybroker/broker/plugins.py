"""Plugins in this broker: loading them before the config is read, their config keys, and what they may ask.

Thread      control, but for PluginContext, which any thread may use
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from pybroker.broker import config
from pybroker.broker.broker_config import BrokerConfig
from pybroker.broker.config import ConfigError, Setting
from pybroker.hooks.asking import Answer, Hooks, NoPlugins

if TYPE_CHECKING:
    from pybroker.broker.auditor import Auditor
    from pybroker.broker.endpoints import Endpoints
    from pybroker.broker.tasks import Tasks
    from pybroker.hooks.calls import Plugin
    from pybroker.hooks.manager import PluginManager
    from pybroker.hooks.types import ConfigKey, ConfigValue

log = logging.getLogger(__name__)

_TYPES = {"boolean": "b", "string": "s", "int": "i", "long": "l", "double": "d", "list": "L", "password": "p"}
SERIES_MAX = 1000
"""Series of metrics of one plugin; further ones are dropped, and counted in pybroker_plugin_series_dropped."""


def load(settings: Mapping[str, Setting]) -> "PluginManager | None":
    """The plugins that ``pybroker.plugins`` names, with their config keys made known. Raises ConfigError."""
    setting = settings.get("pybroker.plugins")
    names = [name for name in (part.strip() for part in setting.text.split(",")) if name] if setting else []
    where = f"{setting.origin}: " if setting else ""
    if len(names) != len(set(names)):
        raise ConfigError(f"{where}pybroker.plugins: names a plugin twice")
    if not names:
        return None
    from pybroker.hooks.manager import PluginError, PluginManager

    try:
        manager = PluginManager.load(names)
        add_config_keys(manager)
    except (PluginError, ConfigError) as error:
        raise ConfigError(f"{where}{error}") from error
    return manager


def add_config_keys(manager: "PluginManager") -> None:
    """Make the config keys of its plugins known. Raises PluginError, ConfigError."""
    config.add_keys(_config_keys(manager))


def _config_keys(manager: "PluginManager") -> Iterator[config.ConfigKey]:
    """As the broker has them. A key of topics is one of the broker as well, where its default for all topics is set."""
    owners: dict[str, str] = {}
    for plugin, key in manager.config_keys():
        if owners.setdefault(key.name, plugin) != plugin:
            raise ConfigError(f"plugins {owners[key.name]} and {plugin} both bring the config key {key.name}")
        if "." not in key.name or "|" in key.name or not key.name.isascii():
            raise ConfigError(f"plugin {plugin}: {config.clipped(key.name)} is no name for a config key: it needs a prefix and a dot")
        try:
            for kind in ("broker", "topic") if key.level == "topic" else ("broker",):
                yield _config_key(kind, key)
        except (KeyError, TypeError) as error:
            raise ConfigError(f"plugin {plugin}: config key {config.clipped(key.name)} cannot be used: {type(error).__name__}: {error}") from error


def _config_key(kind: str, key: "ConfigKey") -> config.ConfigKey:
    allowed = ""
    if key.choices:
        allowed = "{" + ",".join(key.choices) + "}"
    elif key.minimum is not None or key.maximum is not None:
        allowed = f"{'' if key.minimum is None else f'{key.minimum:g}'}..{'' if key.maximum is None else f'{key.maximum:g}'}"
    made = config.ConfigKey(
        kind, key.name, _TYPES[key.type], key.default, allowed, "m", "t" if kind == "topic" else "c", True, (key.name,) if kind == "topic" else (), key.documentation, key.check
    )
    if made.default is not None:
        try:
            config.parse(made, made.default)
        except ConfigError as error:
            raise TypeError(f"its default is refused: {error}") from error
    return made


class Metrics:
    """Counters and gauges of one plugin."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[str, float]] = {}
        self.dropped = 0

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        if not amount >= 0:
            raise ValueError(f"a counter does not go back: {name} by {amount}")
        self._put("counter", name, amount, labels, add=True)

    def set(self, name: str, value: float, **labels: str) -> None:
        self._put("gauge", name, value, labels, add=False)

    def _put(self, kind: str, name: str, value: float, labels: Mapping[str, str], *, add: bool) -> None:
        number = float(value)
        key = (str(name)[:200], tuple(sorted((label, str(text)[:200]) for label, text in labels.items())))
        with self._lock:
            if key not in self._series and len(self._series) >= SERIES_MAX:
                self.dropped += 1
                return
            before = self._series[key][1] if add and key in self._series else 0.0
            self._series[key] = (kind, before + number)

    def series(self) -> list[tuple[str, str, tuple[tuple[str, str], ...], float]]:
        """(kind, name, labels, value) of each."""
        with self._lock:
            return [(kind, name, labels, value) for (name, labels), (kind, value) in self._series.items()]


class BrokerFacts:
    """What contexts show of the broker; the server fills it in as it starts. Read from any thread: what is here is replaced, never changed."""

    def __init__(self, broker_config: BrokerConfig) -> None:
        self.config = broker_config
        self.cluster_id = ""
        self.topics: Callable[[], Mapping[str, int]] = dict
        self.topic_own: Callable[[str], Mapping[str, str]] = lambda _topic: {}
        self.invalidate: Callable[[str | None], None] = lambda _principal: None
        self.replan: Callable[[str | None], None] = lambda _topic: None


class PluginContext:
    """What one plugin may ask. Satisfies ``pybroker.hooks.Context``."""

    def __init__(self, plugin: "Plugin", facts: BrokerFacts, own_keys: Iterable[str]) -> None:
        self._facts = facts
        self._own_keys = frozenset(own_keys)
        self.plugin = plugin.name
        self.log = logging.getLogger(f"pybroker.plugin.{plugin.name}")
        self.metrics = Metrics()

    @property
    def node_id(self) -> int:
        return self._facts.config.node_id

    @property
    def cluster_id(self) -> str:
        return self._facts.cluster_id

    @property
    def data_dir(self) -> str:
        return os.path.join(self._facts.config.log_dirs[0], "plugins", self.plugin)

    def config(self, name: str) -> "ConfigValue":
        key = config.find("broker", name)
        if key.sensitive and key.name not in self._own_keys:
            return None
        return self._facts.config.value(key.name)

    def topic_config(self, topic: str, name: str) -> "ConfigValue":
        return self._facts.config.topic_value(config.find("topic", name).name, self._facts.topic_own(topic))

    def topics(self) -> Mapping[str, int]:
        return self._facts.topics()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()

    def invalidate(self, principal: str | None = None) -> None:
        self._facts.invalidate(principal)

    def replan(self, topic: str | None = None) -> None:
        self._facts.replan(topic)


class Plugins:
    """The plugins of a running broker, from start to stop."""

    def __init__(self, manager: "PluginManager | None", broker_config: BrokerConfig, context_class: type[PluginContext] = PluginContext) -> None:
        self._context_class = context_class
        self.facts = BrokerFacts(broker_config)
        self.hooks: Hooks = manager or NoPlugins()
        self.manager = manager
        self._config = broker_config
        self._keys: dict[str, list[str]] = {}
        self.contexts: dict[str, PluginContext] = {}
        if manager is not None:
            for plugin, key in manager.config_keys():
                self._keys.setdefault(plugin, []).append(key.name)
            manager.attach(self._context_of)

    def _context_of(self, plugin: "Plugin") -> PluginContext:
        context = self.contexts[plugin.name] = self._context_class(plugin, self.facts, self._keys.get(plugin.name, ()))
        return context

    def auditor(self) -> "Auditor | None":
        """Where events of the audit go; None: nobody keeps one."""
        if self.manager is None or not self.manager.has("pybroker_audit"):
            return None
        from pybroker.broker.auditor import Auditor

        return Auditor(self.manager)

    def endpoints(self) -> "Endpoints | None":
        """Addresses that plugins choose; None: they choose none."""
        if not self.hooks.has("pybroker_advertised_endpoint"):
            return None
        from pybroker.broker.endpoints import Endpoints

        return Endpoints(self.hooks)

    def tasks(self) -> "Tasks | None":
        """Background tasks of plugins; None: there are none."""
        if self.manager is None or not self.manager.has("pybroker_background_tasks"):
            return None
        from pybroker.broker.tasks import Tasks

        return Tasks(self.manager)

    def start(self) -> None:
        """Config and start-up of each, before clients are served. Raises ConfigError: a plugin that fails here stops the start."""
        for plugin, answer in self._configured(None):
            if answer.error:
                raise ConfigError(f"plugin {plugin} refuses its config: {answer.error}")
        for answer in self.hooks.tell_now("pybroker_startup"):
            raise ConfigError(str(answer.error))

    def config_changed(self, changed: Iterable[str]) -> None:
        """Tell plugins of their keys that changed. A refusal is logged, and the plugin goes on with what it had."""
        list(self._configured(frozenset(changed)))

    def _configured(self, changed: "frozenset[str] | None") -> Iterator[tuple[str, Answer]]:
        if self.manager is None:
            return
        for impl in self.manager.impls("pybroker_configure"):
            values = self.own_values(impl.plugin.name)
            names = frozenset(values) if changed is None else changed & frozenset(values)
            if names or changed is None:
                yield impl.plugin.name, self.manager.ask_now(impl, config=values, changed=names)

    def own_values(self, plugin: str) -> "dict[str, ConfigValue]":
        """Effective values of the plugin's keys."""
        return {name: self._config.value(name) for name in self._keys.get(plugin, ())}

    async def stop(self, reason: str) -> None:
        """Clients are no longer served."""
        await self.hooks.tell("pybroker_shutdown", reason=reason)
        self.hooks.close()
