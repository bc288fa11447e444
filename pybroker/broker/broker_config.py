"""The config of a running broker: static values below, dynamic ones above, and the answers that the rest of the broker asks for.

Invariants  B1 every effective value has passed parse() and check(); a change that would break one is refused as a whole
            B2 a topic's own value wins over the broker's, the broker's over our default
Thread      control
"""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pybroker.broker.config import ConfigError, ConfigKey, Setting, Value, check_all, find, keys, parse
from pybroker.broker.listeners import SASL_PLAINTEXT, Listener, is_any, is_loopback, parse_map
from pybroker.broker.listeners import parse as parse_listeners

# Kafka's numbers for where a value comes from and for its type (DescribeConfigs)
SOURCE_TOPIC, SOURCE_DYNAMIC_BROKER, SOURCE_DYNAMIC_DEFAULT, SOURCE_STATIC, SOURCE_DEFAULT = 1, 2, 3, 4, 5
SOURCE_LOGGER, SOURCE_CLIENT_METRICS, SOURCE_GROUP = 6, 7, 8

KIND_NAMES = {2: "topic", 4: "broker", 16: "client-metrics", 32: "group"}
"""Kinds of config resources by Kafka's numbers."""

_CODECS = {"producer": -1, "uncompressed": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_UNIT_MS = {".hours": 3_600_000, ".minutes": 60_000}
_FALLBACKS = {                                              # broker key -> broker keys asked after it, first one first
    "log.retention.ms": ("log.retention.minutes", "log.retention.hours"),
    "log.roll.ms": ("log.roll.hours",),
    "log.roll.jitter.ms": ("log.roll.jitter.hours",),
    "log.flush.interval.ms": ("log.flush.scheduler.interval.ms",),
}  # fmt: skip
_LONG_MAX = (1 << 63) - 1


class Synonym(NamedTuple):
    """A key that a value may come from, its value there, and the source."""

    name: str
    value: str | None
    source: int


class ConfigEntry(NamedTuple):
    """One row of DescribeConfigs."""

    key: ConfigKey
    name: str
    value: str | None
    source: int
    read_only: bool
    synonyms: tuple[Synonym, ...]


class BrokerConfig:
    """Effective config of this broker. Made from static settings; dynamic ones are handed in as metadata changes."""

    def __init__(self, settings: Mapping[str, Setting]) -> None:
        """Checks everything. Raises ConfigError."""
        self._settings: dict[str, Setting] = dict(settings)
        self._static: dict[str, Value] = check_all(settings)
        self._dynamic: dict[str, str] = {}
        self._dynamic_default: dict[str, str] = {}
        self._values: dict[str, Value] = {}
        self._topic_entries: list[ConfigEntry] | None = None
        self.listeners: list[Listener] = []
        self.advertised: dict[str, Listener] = {}
        self.warnings: list[str] = []
        self._check_node()
        self._check_listeners()
        check_pairs(self.value, self.is_set, self._place)
        self._note_unacted()

    # ---- values

    def value(self, name: str) -> Value:
        """The effective typed value of a broker key; None when it has none."""
        try:
            return self._values[name]
        except KeyError:
            value = self._values[name] = self._effective(name)
            return value

    def _effective(self, name: str) -> Value:
        key = keys("broker")[name]
        for layer in (self._dynamic, self._dynamic_default):
            if name in layer:
                return parse(key, layer[name])
        if name in self._static:
            return self._static[name]
        if key.default is None:
            return loops_default() if name == "num.network.threads" else None
        return parse(key, key.default)

    def _forget_values(self) -> None:
        self._values.clear()
        self._topic_entries = None

    def integer(self, name: str) -> int:
        """Value of a whole-number key that always has one."""
        value = self.value(name)
        assert isinstance(value, int), name
        return value

    def boolean(self, name: str) -> bool:
        """Value of a true-or-false key."""
        return self.value(name) is True

    def text(self, name: str) -> str | None:
        """Value of a text key, None when unset."""
        value = self.value(name)
        assert value is None or isinstance(value, str), name
        return value

    def entries(self, name: str) -> tuple[str, ...]:
        """Value of a list key."""
        value = self.value(name)
        assert value is None or isinstance(value, tuple), name
        return value or ()

    def is_set(self, name: str) -> bool:
        """Whether a source other than our default gives the key a value."""
        return name in self._static or name in self._dynamic or name in self._dynamic_default

    def _place(self, name: str) -> str:
        setting = self._settings.get(name)
        return f"{setting.origin}: " if setting else ""

    @property
    def node_id(self) -> int:
        """Number of this broker: node.id, or broker.id where only that is set."""
        broker_id = self.integer("broker.id")
        return broker_id if broker_id >= 0 and not self.is_set("node.id") else self.integer("node.id")

    @property
    def log_dirs(self) -> tuple[str, ...]:
        """Data directories as absolute paths, in order, each once."""
        names = self.entries("log.dirs") or self.entries("log.dir")
        return tuple(dict.fromkeys(os.path.abspath(name) for name in names))

    # ---- checks at start

    def _check_node(self) -> None:
        broker_id = self.integer("broker.id")
        if self.is_set("node.id") and self.is_set("broker.id") and broker_id != self.integer("node.id"):
            raise ConfigError(f"{self._place('broker.id')}broker.id {broker_id} and node.id {self.integer('node.id')} differ; set node.id only")
        roles = self.entries("process.roles")
        if roles and "broker" not in roles:
            raise ConfigError(f"{self._place('process.roles')}process.roles: this program is a broker; name broker among the roles")
        if not self.log_dirs:
            raise ConfigError(f"{self._place('log.dirs')}log.dirs: names no directory")

    def _check_listeners(self) -> None:
        try:
            protocols = parse_map(self.text("listener.security.protocol.map") or "")
        except ConfigError as error:
            raise ConfigError(f"{self._place('listener.security.protocol.map')}listener.security.protocol.map: {error}") from None
        controllers = {name.upper() for name in self.entries("controller.listener.names")}
        for name in controllers - protocols.keys():
            protocols[name] = "PLAINTEXT"
        every = self._addresses("listeners", protocols)
        self.listeners = [listener for listener in every if listener.name not in controllers]
        if not self.listeners:
            raise ConfigError(f"{self._place('listeners')}listeners: no listener for clients")
        for listener in every:
            if listener.name in controllers:
                self.warnings.append(f"listener {listener} is for controllers and is not opened: one node needs none")
        for listener in self.listeners:
            self._check_open(listener)
        self._check_advertised(protocols, controllers)

    def _addresses(self, name: str, protocols: Mapping[str, str]) -> list[Listener]:
        try:
            return parse_listeners(self.entries(name), protocols)
        except ConfigError as error:
            raise ConfigError(f"{self._place(name)}{name}: {error}") from None

    def _check_open(self, listener: Listener) -> None:
        """An address that other machines reach, without a login, takes an explicit word."""
        where = self._place("listeners")
        if listener.protocol not in ("PLAINTEXT", SASL_PLAINTEXT):
            raise ConfigError(f"{where}listeners: {listener}: {listener.protocol} is not built into this version; PLAINTEXT and {SASL_PLAINTEXT} are")
        if is_loopback(listener.host):
            return
        if listener.protocol == SASL_PLAINTEXT:
            if not self.boolean("pybroker.allow.plain.without.tls"):
                raise ConfigError(f"{where}listeners: {listener} would carry passwords over the network in clear; set pybroker.allow.plain.without.tls=true if that is meant")
            self.warnings.append(f"listener {listener} carries passwords over the network in clear")
            return
        if not self.boolean("pybroker.allow.open.listeners"):
            raise ConfigError(
                f"{where}listeners: {listener} can be reached from other machines without a login; "
                "set pybroker.allow.open.listeners=true if that is meant"
            )
        self.warnings.append(f"listener {listener} can be reached from other machines without a login")

    def _check_advertised(self, protocols: Mapping[str, str], controllers: set[str]) -> None:
        own = {listener.name for listener in self.listeners}
        for address in self._addresses("advertised.listeners", protocols):
            where = f"{self._place('advertised.listeners')}advertised.listeners: "
            if address.name in controllers:
                continue
            if address.name not in own:
                raise ConfigError(f"{where}{address.name} is not among listeners")
            if is_any(address.host):
                raise ConfigError(f"{where}{address}: no client can connect to that address; name one that clients reach")
            if address.port == 0:
                raise ConfigError(f"{where}{address}: port 0 cannot be connected to")
            self.advertised[address.name] = address

    def _note_unacted(self) -> None:
        idle = sorted(name for name in self._settings if not find("broker", name).acted or name not in keys("broker"))
        if idle:
            self.warnings.append(f"accepted but not acted on by this version: {', '.join(idle)}")

    # ---- changes

    def set_dynamic(self, default: Mapping[str, str], own: Mapping[str, str]) -> set[str]:
        """Take the dynamic layers as metadata has them now. Returns the names whose effective value changed."""
        names = {*default, *own, *self._dynamic_default, *self._dynamic} & keys("broker").keys()
        before = {name: self.value(name) for name in names}
        self._dynamic_default, self._dynamic = dict(default), dict(own)
        self._forget_values()
        return {name for name in names if self.value(name) != before[name]}

    def reload(self, settings: Mapping[str, Setting]) -> tuple[set[str], list[str]]:
        """Take a newly read set of static settings (SIGHUP). Raises ConfigError, and then nothing has changed.

        Returns (names that changed and may change while running, names that changed but need a restart).
        """
        other = BrokerConfig(settings)
        table = keys("broker")
        names = {name for name in {*self._settings, *settings} if name in table}
        changed = {name for name in names if self._text_of(self._settings, name) != self._text_of(settings, name)}
        fixed = sorted(name for name in changed if table[name].update == "r" or name in RESTART_KEYS)
        moved = changed.difference(fixed)
        before = {name: self.value(name) for name in moved}
        for name in moved:
            if name in settings:
                self._settings[name], self._static[name] = settings[name], other._static[name]
            else:
                del self._settings[name], self._static[name]
        self._forget_values()
        return {name for name in moved if self.value(name) != before[name]}, fixed

    @staticmethod
    def _text_of(settings: Mapping[str, Setting], name: str) -> str | None:
        setting = settings.get(name)
        return setting.text.strip() if setting else None

    def check_dynamic(self, changed: Mapping[str, str], *, for_all: bool) -> None:
        """Whether a dynamic layer (all keys it will then hold) may become effective. Raises ConfigError."""
        for name, text in changed.items():
            key = find("broker", name)
            if key.update == "r" or name in RESTART_KEYS:
                raise ConfigError(f"{name}: cannot change while the broker runs; set it in the config file")
            if for_all and key.update == "b":
                raise ConfigError(f"{name}: can be set for one broker only")
            parse(key, text)
        layers = (self._dynamic, changed) if for_all else (changed, self._dynamic_default)

        def value(name: str) -> Value:
            for layer in layers:
                if name in layer:
                    return parse(keys("broker")[name], layer[name])
            return self._static[name] if name in self._static else self.value(name)

        check_pairs(value, lambda name: name in changed or self.is_set(name), lambda _name: "")

    def check_other(self, kind: int, name: str, own: Mapping[str, str]) -> None:
        """Whether these may be the values of a group or client-metrics resource. Raises ConfigError."""
        for key, text in own.items():
            value = parse(find(KIND_NAMES[kind], key), text)
            if KIND_NAMES[kind] == "group" and isinstance(value, int):
                self._check_group_bounds(key, value)

    def _check_group_bounds(self, name: str, value: int) -> None:
        """A group's value lies between the broker's: consumer.session.timeout.ms between group.consumer.{min,max}.session.timeout.ms."""
        protocol, _dot, rest = name.partition(".")
        low_key, high_key = f"group.{protocol}.min.{rest}", f"group.{protocol}.max.{rest}"
        table = keys("broker")
        low = self.integer(low_key) if low_key in table else value
        high = self.integer(high_key) if high_key in table else value
        if not low <= value <= high:
            raise ConfigError(f"{name}: {value} is not from {low} to {high}, which {low_key} and {high_key} allow")

    def is_list(self, kind: int, key: str) -> bool:
        """Whether the key holds a list. Raises ConfigError for a key that does not exist."""
        return find(KIND_NAMES[kind], key).type == "L"

    def kind_name(self, kind: int) -> str:
        """Of a kind of config resources, by Kafka's number."""
        return KIND_NAMES.get(kind, str(kind))

    def is_sensitive(self, kind: int, key: str) -> bool:
        """Whether values of this key are secrets; those of keys that do not exist are taken for it."""
        found = keys(KIND_NAMES[kind]).get(key) if kind in KIND_NAMES else None
        return found is None or found.sensitive

    def default_of(self, kind: int, key: str) -> str | None:
        """The value a resource has without its own. Raises ConfigError for a key that does not exist."""
        found = find(KIND_NAMES[kind], key)
        if found.kind == "topic":
            return self.topic_text(found)
        return shown(self.value(found.name)) if found.kind == "broker" else found.default

    # ---- topics

    def topic_text(self, key: ConfigKey) -> str | None:
        """The value a topic has without its own, as text."""
        for name in key.synonyms:
            for candidate in (name, *_FALLBACKS.get(name, ())):
                value = self.value(candidate)
                if value is not None:
                    unit = next((factor for ending, factor in _UNIT_MS.items() if candidate.endswith(ending)), 1)
                    if unit == 1:
                        return shown(value)
                    assert isinstance(value, int)
                    return str(value * unit if value >= 0 else -1)
        return key.default

    def topic_value(self, name: str, own: Mapping[str, str]) -> Value:
        """Effective typed value of a topic key, with the topic's own values ``own``."""
        key = keys("topic")[name]
        return parse(key, own[name] if name in own else self.topic_text(key))

    def check_topic(self, own: Mapping[str, str]) -> None:
        """Whether these values may be a topic's own. Raises ConfigError."""
        for name, text in own.items():
            parse(find("topic", name), text)
        least = self.integer("pybroker.segment.bytes.min")
        if "segment.bytes" in own and self._topic_integer("segment.bytes", own) < least:
            raise ConfigError(f"segment.bytes: {own['segment.bytes'].strip()!r} is not a whole number from {least} to 2147483647")
        if "segment.bytes" in own and "max.message.bytes" in own:
            segment, batch = self._topic_integer("segment.bytes", own), self._topic_integer("max.message.bytes", own)
            if segment < batch:
                raise ConfigError(f"segment.bytes: {segment} is smaller than max.message.bytes, {batch}")
        low, high = self._topic_integer("min.compaction.lag.ms", own), self._topic_integer("max.compaction.lag.ms", own)
        if low > high:
            raise ConfigError(f"min.compaction.lag.ms: {low} is more than max.compaction.lag.ms, {high}")

    def _topic_integer(self, name: str, own: Mapping[str, str]) -> int:
        value = self.topic_value(name, own)
        assert isinstance(value, int), name
        return value

    def topic_settings(self, own: Mapping[str, str], *, internal: bool) -> dict[str, int]:
        """What the data plane needs to know of a topic with the own values ``own``."""
        codec = str(self.topic_value("compression.type", own))
        level = self._topic_integer(f"compression.{codec}.level", own) if codec in ("gzip", "lz4", "zstd") else 0
        policy = self.topic_value("cleanup.policy", own)
        assert isinstance(policy, tuple)
        number = self._topic_integer
        return {
            "internal": int(internal),
            "batch_bytes_max": number("max.message.bytes", own),
            "decompressed_bytes_max": number("max.decompressed.message.bytes", own),
            "keys_required": int("compact" in policy),
            "log_append_time": int(self.topic_value("message.timestamp.type", own) == "LogAppendTime"),
            "timestamp_before_max_ms": number("message.timestamp.before.max.ms", own),
            "timestamp_after_max_ms": number("message.timestamp.after.max.ms", own),
            "codec_wanted": _CODECS[codec],
            "codec_level": level,
            "segment_bytes": number("segment.bytes", own),
            "segment_ms": min(number("segment.ms", own), number("max.compaction.lag.ms", own)) if "compact" in policy else number("segment.ms", own),
            "segment_jitter_ms": number("segment.jitter.ms", own),
            "segment_index_bytes": number("segment.index.bytes", own),
            "index_interval_bytes": number("index.interval.bytes", own),
            "flush_messages": number("flush.messages", own),
            "flush_ms": number("flush.ms", own),
            "retention_ms": number("retention.ms", own),
            "retention_bytes": number("retention.bytes", own),
            "preallocate": int(self.topic_value("preallocate", own) is True),
            "producer_id_expiration_ms": self.integer("producer.id.expiration.ms"),
            "cleanable_ratio_ppm": round(float(str(self.topic_value("min.cleanable.dirty.ratio", own))) * 1_000_000),
            "compaction_lag_min_ms": number("min.compaction.lag.ms", own),
            "compaction_lag_max_ms": number("max.compaction.lag.ms", own),
            "delete_retention_ms": number("delete.retention.ms", own),
            "file_delete_delay_ms": number("file.delete.delay.ms", own),
            "cleanup_delete": int("delete" in policy),
        }

    def core_settings(self) -> dict[str, int]:
        """What the data plane needs to know of the broker; may change at any time."""
        idle_ms = self.integer("connections.max.idle.ms")
        return {
            "request_bytes_max": self.integer("socket.request.max.bytes"),
            "connection_idle_ms_max": idle_ms if idle_ms >= 0 else _LONG_MAX,
            "connections_max": self.integer("max.connections"),
            "connections_per_ip_max": self.integer("max.connections.per.ip"),
            "fetch_bytes_max": self.integer("fetch.max.bytes"),
            "fetch_sessions_max": self.integer("max.incremental.fetch.session.cache.slots"),
            "send_buffer_bytes": self.integer("socket.send.buffer.bytes"),
            "receive_buffer_bytes": self.integer("socket.receive.buffer.bytes"),
            "flush_policy": int(self.text("pybroker.flush.policy") == "group"),
            "producer_id_expiration_ms": self.integer("producer.id.expiration.ms"),
            "disk_free_bytes_min": self.integer("pybroker.disk.min.free.bytes"),
            "clock_settle_ms": self.integer("pybroker.clock.settle.ms"),
        }

    # ---- describing

    def describe_broker(self) -> list[ConfigEntry]:
        """Every broker key with value, source and synonyms."""
        return [self._broker_entry(key, (SOURCE_DYNAMIC_BROKER, SOURCE_DYNAMIC_DEFAULT, SOURCE_STATIC, SOURCE_DEFAULT)) for key in keys("broker").values()]

    def describe_broker_defaults(self) -> list[ConfigEntry]:
        """The dynamic values that hold for all brokers."""
        return [self._broker_entry(find("broker", name), (SOURCE_DYNAMIC_DEFAULT,)) for name in sorted(self._dynamic_default)]

    def _broker_entry(self, key: ConfigKey, sources: tuple[int, ...]) -> ConfigEntry:
        synonyms = tuple(self._synonyms(key.name, key.sensitive, sources))
        source = synonyms[0].source if synonyms else SOURCE_DEFAULT
        if SOURCE_STATIC in sources:
            value = None if key.sensitive else shown(self.value(key.name))
        else:
            value = synonyms[0].value if synonyms else None
        return ConfigEntry(key, key.name, value, source, key.update == "r" or key.name in RESTART_KEYS, synonyms)

    def _synonyms(self, name: str, sensitive: bool, sources: tuple[int, ...]) -> list[Synonym]:
        """Where a broker value comes from, the effective one first. As in Kafka only from the key's own name on (fallbacks before it are dropped)."""
        layers: tuple[tuple[int, Callable[[str], str | None]], ...] = (
            (SOURCE_DYNAMIC_BROKER, self._dynamic.get),
            (SOURCE_DYNAMIC_DEFAULT, self._dynamic_default.get),
            (SOURCE_STATIC, lambda candidate: self._text_of(self._settings, candidate)),
            (SOURCE_DEFAULT, lambda candidate: default_text(keys("broker")[candidate])),
        )
        found: list[Synonym] = []
        for source, text_of in layers:
            for candidate in (name, *_FALLBACKS.get(name, ())):
                text = text_of(candidate) if source in sources else None
                if text is not None:
                    found.append(Synonym(candidate, None if sensitive else text, source))
        while found and found[0].name != name:
            del found[0]
        return found

    def describe_topic(self, own: Mapping[str, str]) -> list[ConfigEntry]:
        """Every topic key with value, source and synonyms, for a topic whose own values are ``own``. Do not change the list."""
        if self._topic_entries is None:
            self._topic_entries = [self._topic_entry(key) for key in keys("topic").values()]
        if not own:
            return self._topic_entries
        entries = []
        for entry in self._topic_entries:
            if entry.name in own:
                value = own[entry.name].strip()
                entry = entry._replace(value=value, source=SOURCE_TOPIC, synonyms=(Synonym(entry.name, value, SOURCE_TOPIC), *entry.synonyms))
            entries.append(entry)
        return entries

    def _topic_entry(self, key: ConfigKey) -> ConfigEntry:
        sources = (SOURCE_DYNAMIC_BROKER, SOURCE_DYNAMIC_DEFAULT, SOURCE_STATIC, SOURCE_DEFAULT)
        synonyms = tuple(self._synonyms(key.synonyms[0], key.sensitive, sources)) if key.synonyms else ()
        return ConfigEntry(key, key.name, self.topic_text(key), synonyms[0].source if synonyms else SOURCE_DEFAULT, False, synonyms)

    def describe_other(self, kind: int, own: Mapping[str, str]) -> list[ConfigEntry]:
        """Every key of a group or client-metrics resource whose own values are ``own``."""
        own_source = SOURCE_GROUP if KIND_NAMES[kind] == "group" else SOURCE_CLIENT_METRICS
        entries = []
        for key in keys(KIND_NAMES[kind]).values():
            synonyms = [] if key.default is None else [Synonym(key.name, key.default, SOURCE_DEFAULT)]
            if key.name in own:
                synonyms.insert(0, Synonym(key.name, own[key.name].strip(), own_source))
            value = synonyms[0].value if synonyms else None
            entries.append(ConfigEntry(key, key.name, value, synonyms[0].source if synonyms else SOURCE_DEFAULT, False, tuple(synonyms)))
        return entries


LOGGER_KEY = ConfigKey("logger", "", "s", None, "", "m", "t", True, (), "")
"""Stands for the key of a logger's level; a logger's name is its key."""

RESTART_KEYS = frozenset({"sasl.enabled.mechanisms", "listeners", "listener.security.protocol.map", "num.network.threads", "background.threads", "num.recovery.threads.per.data.dir"})
"""Keys that Kafka changes while it runs and this broker reads at start."""


def default_text(key: ConfigKey) -> str | None:
    """The default as DescribeConfigs shows it."""
    return str(loops_default()) if key.name == "num.network.threads" else key.default


def loops_default() -> int:
    """Event loops for the cores that this process may use: a quarter of them, at least one, at most eight.

    One loop serves more than clients on four cores can ask for, and what comes together on it is written together: 6.3-7.3 µs of CPU for a one-record request of
    64 connections, against 9.1-9.4 with two loops (bench/results). A second one pays when one is busy.
    """
    return max(1, min(8, len(os.sched_getaffinity(0)) // 4))


def shown(value: Value) -> str | None:
    """A typed value as text, as Kafka writes it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, float):
        return repr(value).replace("e+", "E")
    return str(value)


_PAIRS = (                                                  # first must not be more than the second
    ("group.min.session.timeout.ms", "group.max.session.timeout.ms"),
    ("group.consumer.min.session.timeout.ms", "group.consumer.session.timeout.ms"),
    ("group.consumer.session.timeout.ms", "group.consumer.max.session.timeout.ms"),
    ("group.consumer.min.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"),
    ("group.consumer.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"),
    ("group.share.min.session.timeout.ms", "group.share.session.timeout.ms"),
    ("group.share.session.timeout.ms", "group.share.max.session.timeout.ms"),
    ("group.share.min.heartbeat.interval.ms", "group.share.heartbeat.interval.ms"),
    ("group.share.heartbeat.interval.ms", "group.share.max.heartbeat.interval.ms"),
    ("group.streams.min.session.timeout.ms", "group.streams.session.timeout.ms"),
    ("group.streams.session.timeout.ms", "group.streams.max.session.timeout.ms"),
    ("group.streams.min.heartbeat.interval.ms", "group.streams.heartbeat.interval.ms"),
    ("group.streams.heartbeat.interval.ms", "group.streams.max.heartbeat.interval.ms"),
    ("log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"),
)  # fmt: skip
_PAIRS_WHEN_SET = (                                         # the same, where both are set: Kafka's own defaults break these
    ("message.max.bytes", "log.segment.bytes"),
    ("min.insync.replicas", "default.replication.factor"),
    ("group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms"),
    ("broker.heartbeat.interval.ms", "broker.session.timeout.ms"),
)  # fmt: skip


def check_pairs(value: Callable[[str], Value], is_set: Callable[[str], bool], place: Callable[[str], str]) -> None:
    """Values that contradict each other. Raises ConfigError."""

    def integer(name: str) -> int:
        number = value(name)
        assert isinstance(number, int), name
        return number

    for low, high in (*_PAIRS, *(pair for pair in _PAIRS_WHEN_SET if is_set(pair[0]) and is_set(pair[1]))):
        if (is_set(low) or is_set(high)) and integer(low) > integer(high):
            name = low if is_set(low) else high
            raise ConfigError(f"{place(name)}{low}: {integer(low)} is more than {high}, {integer(high)}")
    least = integer("pybroker.segment.bytes.min")
    if is_set("log.segment.bytes") and integer("log.segment.bytes") < least:
        raise ConfigError(f"{place('log.segment.bytes')}log.segment.bytes: {integer('log.segment.bytes')} is not a whole number from {least} to 2147483647")
    if is_set("socket.send.buffer.bytes") or is_set("socket.receive.buffer.bytes"):
        for name in ("socket.send.buffer.bytes", "socket.receive.buffer.bytes"):
            if integer(name) < -1 or integer(name) == 0:
                raise ConfigError(f"{place(name)}{name}: {integer(name)} is neither -1 nor a size in bytes")
