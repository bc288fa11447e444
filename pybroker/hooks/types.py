"""What hooks receive and return. All of it is data, but for the objects with methods that a plugin makes (Validator, Partitioner, RetentionPolicy, …).

Times are milliseconds since 1970 where a name ends in ``_ms``, seconds where it ends in ``_s``; sizes are bytes. Whatever the broker hands out is read-only, or a copy.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, Protocol

API_VERSION: Final = 1
"""Version of the hook interface. Within it there are only additions: an implementation takes the arguments it names and no others."""

OnError = Literal["closed", "open", "dead-letter"]
"""What becomes of a batch whose hook failed, hung or is switched off: refused, stored as it is, or stored in the dead-letter topic (``pybroker.dead.letter.topic``)."""

ConfigValue = int | float | bool | str | tuple[str, ...] | None


# ---- plugins


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a plugin's batch hooks apply: topics by glob. A topic outside of it pays nothing."""

    topics: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """What a plugin says of itself. ``deadline_ms`` bounds one call on batches, ``control_deadline_ms`` any other; ``threads`` is how many calls of the latter may be under way."""

    name: str
    version: str
    api: int = API_VERSION
    scope: Scope = Scope()
    on_error: OnError = "closed"
    deadline_ms: int = 50
    control_deadline_ms: int = 5000
    threads: int = 4
    worker_process: bool = False
    """Batch hooks run in a process of their own (level L4): nothing they do holds the broker's interpreter up, and a crash ends that process alone."""
    summary: str = ""


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """A config key of a plugin. It stands beside the broker's own in DescribeConfigs and AlterConfigs; ``level`` topic: of topics, and then ``default`` is theirs.

    type     boolean, string, int, long, double, list or password
    check    raises ValueError with one line for a value (typed) that must not be
    """

    name: str
    type: Literal["boolean", "string", "int", "long", "double", "list", "password"]
    default: str | None
    documentation: str
    level: Literal["broker", "topic"] = "broker"
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    check: Callable[[Any], None] | None = None


class MetricsRegistry(Protocol):
    """Counters and gauges of a plugin; names are prefixed ``pybroker_plugin_<plugin>_``."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""


class Context(Protocol):
    """What a plugin may ask of its broker. Any thread; nothing here waits for a plugin."""

    @property
    def plugin(self) -> str: ...
    @property
    def node_id(self) -> int: ...
    @property
    def cluster_id(self) -> str: ...
    @property
    def log(self) -> logging.Logger: ...
    @property
    def metrics(self) -> MetricsRegistry: ...
    @property
    def data_dir(self) -> str:
        """The first log directory. A plugin may keep files under ``<data_dir>/plugins/<its name>``."""

    def config(self, name: str) -> ConfigValue:
        """Effective value of a broker key, the plugin's own or the broker's; a secret of others reads None."""

    def topic_config(self, topic: str, name: str) -> ConfigValue:
        """Effective value of a topic key."""

    def topics(self) -> Mapping[str, int]:
        """Partitions by topic name."""

    def now_ms(self) -> int:
        """Wall clock."""

    def monotonic_s(self) -> float:
        """Monotonic clock."""

    def invalidate(self, principal: str | None = None) -> None:
        """Decisions of ``pybroker_authorize`` are asked for anew: those about one principal (``User:alice``), or all."""

    def replan(self, topic: str | None = None) -> None:
        """The hooks that are asked once per topic are asked again: for one topic, or all. For plugins whose rules lie in a file."""


# ---- connections, authentication, authorization


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a connection is."""

    name: str
    type: str = "User"
    groups: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.type}:{self.name}"


ANONYMOUS: Final = Principal("ANONYMOUS")
"""Of a listener without login, Kafka's name for it."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection, as far as it is known when a hook is asked."""

    id: int
    listener: str
    peer_host: str
    peer_port: int
    local_host: str
    local_port: int
    client_id: str | None = None
    principal: Principal = ANONYMOUS


@dataclass(frozen=True, slots=True)
class AuthResult:
    """A login that holds, until ``expires_at_s`` (seconds since 1970) where that is given: then the client must log in again (KIP-368)."""

    principal: str
    groups: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    expires_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Deny:
    """A login that is refused. The reason goes to the log and to audit; the client is told no more than that it failed."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class SaslStep:
    """What a mechanism makes of a client's token: a challenge to go on with, or the end, with what the client claims to be."""

    token: bytes = b""
    done: bool = False
    identity: str | None = None
    secret: bytes | None = None
    """What proves it, for ``pybroker_authenticate``; None: the mechanism has proved it itself, ``identity`` holds."""


class SaslMechanism(Protocol):
    """One exchange of one connection."""

    def step(self, token: bytes) -> SaslStep | Deny:
        """The next token of the client."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a credential store keeps for a user and mechanism; opaque bytes, never a secret in clear."""

    mechanism: str
    data: bytes


class CredentialStore(Protocol):
    """Where logins are kept."""

    def get(self, user: str, mechanism: str) -> Credentials | None: ...
    def put(self, user: str, credentials: Credentials) -> None: ...
    def delete(self, user: str, mechanism: str) -> bool: ...
    def list(self) -> Iterable[tuple[str, str]]: ...


class Action(NamedTuple):
    """What somebody wants to do: Kafka's words. ``operation``: Read, Write, Create, Delete, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite.
    ``resource_type``: Topic, Group, Cluster, TransactionalId; the cluster's name is kafka-cluster."""

    operation: str
    resource_type: str
    resource_name: str


class Decision(NamedTuple):
    """An answer about one Action. It is kept for ``ttl_s`` seconds; a Context's ``invalidate`` ends it earlier. The host the client came from is part of what was asked."""

    allowed: bool
    ttl_s: float = 60.0
    reason: str = ""


ALLOW: Final = Decision(True)
DENY: Final = Decision(False)


# ---- batches and records


class Record(NamedTuple):
    """One record of a batch. ``offset_delta`` is its place in the batch; keys and values are copies."""

    offset_delta: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class BatchView(Protocol):
    """A batch on its way into the log: checked (size, CRC, counts), not stored. It may be kept: its memory stays as long as it does."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def principal(self) -> str:
        """``User:alice``."""
    @property
    def client_id(self) -> str | None: ...
    @property
    def record_count(self) -> int: ...
    @property
    def size_bytes(self) -> int:
        """As sent, compressed where it was."""
    @property
    def codec(self) -> str:
        """none, gzip, snappy, lz4 or zstd."""
    @property
    def producer_id(self) -> int:
        """-1: a producer without idempotence."""
    @property
    def base_timestamp_ms(self) -> int: ...
    @property
    def max_timestamp_ms(self) -> int: ...
    @property
    def raw(self) -> memoryview:
        """The whole batch, header first (record format v2), read-only."""

    def records(self) -> Sequence[Record]:
        """The records, decompressed and decoded in C when first asked for. Raises ValueError above ``max.decompressed.message.bytes``."""

    def keys(self) -> Sequence[bytes | None]: ...
    def values(self) -> Sequence[bytes | None]: ...


@dataclass(frozen=True, slots=True)
class RecordFault:
    """What is wrong with one record: its index in the batch, and a line for the client."""

    index: int
    text: str


class Accept(NamedTuple):
    """Store the batch."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the batch. ``code`` is a Kafka error code (87 INVALID_RECORD, 44 POLICY_VIOLATION, …); ``records`` are told in the response's record errors (Produce 8+)."""

    text: str
    code: int = 87
    records: tuple[RecordFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Replace:
    """Store these records in place of the batch's. With a producer id their number must be the same. The batch is written anew with its codec, timestamps and producer."""

    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class Route:
    """Store the batch in another partition of this broker. Refused for batches with a producer id: their sequence belongs to one partition."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Store the batch in another topic, as the answer to a batch that is bad: the producer is told that it went well, without an offset. ``topic`` None: ``pybroker.dead.letter.topic``."""

    topic: str | None = None
    reason: str = ""


class Drop(NamedTuple):
    """Store nothing, and tell the producer that it went well, without an offset."""


Verdict = Accept | Reject | Replace | Route | DeadLetter | Drop | None
"""None is Accept."""
ACCEPT: Final = Accept()


class Native(NamedTuple):
    """Level L1: a C function. ``capsule`` is a PyCapsule named ``pybroker.native.v1`` around a ``struct pybroker_native_v1`` (include/pybroker_native.h), kept alive by the broker."""

    capsule: Any


class Validator(Protocol):
    """Of keys or values of one topic. ``compile`` may lower it to L1 (Native) or L2 (RecordRules); where it gives None, or is missing, ``validate`` runs on a lane (L3)."""

    def validate(self, items: list[bytes | None]) -> Sequence[str | None]:
        """For each item None, or what is wrong with it in one line. Any thread, one at a time."""


class Partitioner(Protocol):
    """Chooses partitions. ``native`` may give a Native in place of ``partition``."""

    def partition(self, keys: list[bytes | None], values: list[bytes | None], partition_count: int) -> Sequence[int]:
        """One partition from 0 to ``partition_count`` - 1 for each record."""


class Serde(Protocol):
    """Reads and writes a payload format. ``name`` is what config and command line call it."""

    @property
    def name(self) -> str: ...
    @property
    def content_type(self) -> str: ...

    def encode(self, value: Any, schema: str | None) -> bytes:
        """Raises ValueError with one line."""

    def decode(self, data: bytes, schema: str | None) -> Any:
        """A value that JSON can show. Raises ValueError with one line."""


# ---- groups


class Assignor(Protocol):
    """A server-side assignor of consumer groups (KIP-848)."""

    @property
    def name(self) -> str: ...

    def assign(self, members: Mapping[str, Any], partition_counts: Mapping[bytes, int]) -> Mapping[str, Mapping[bytes, Sequence[int]]]:
        """Members have ``topics`` (ids), ``owns`` (topic id to partitions), ``rack_id`` and ``instance_id``. Each partition of each subscribed topic to one member that subscribes to it."""


# ---- log and retention


class SegmentInfo(NamedTuple):
    """One segment. ``timestamp_ms`` is the largest of its records (-1: they have none); the active one cannot be deleted."""

    base_offset: int
    end_offset: int
    size_bytes: int
    timestamp_ms: int
    active: bool


KEEP: Final = "keep"
DELETE: Final = "delete"
REWRITE: Final = "rewrite"


class RetentionPolicy(Protocol):
    """Decides what of a partition is kept. Built-in retention does not run where there is one."""

    def plan(self, topic: str, partition: int, segments: Sequence[SegmentInfo], now_ms: int) -> Sequence[str]:
        """``keep``, ``delete`` or ``rewrite`` for each segment, oldest first. Deleted ones are a run from the oldest on; from the first ``keep`` on nothing is deleted.
        ``rewrite`` asks the cleaner to go over it with ``pybroker_compaction``."""


class RecordMeta(NamedTuple):
    """A record as a Compactor sees it."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class Compactor(Protocol):
    """Decides which records of a topic stay when it is cleaned, after the last value of each key was chosen where ``cleanup.policy`` has ``compact``."""

    def keep(self, records: Sequence[RecordMeta]) -> Sequence[bool]:
        """One answer a record. On a thread of the cleaner."""


# ---- admin


class TopicRequest(NamedTuple):
    """``kind`` create, delete or add_partitions. ``configs`` are those given in the request."""

    kind: Literal["create", "delete", "add_partitions"]
    name: str
    partition_count: int
    replication_factor: int
    configs: Mapping[str, str]


class ConfigChangeRequest(NamedTuple):
    """``kind`` topic, broker, group or client-metrics; ``name`` "" is all brokers. ``old`` and ``new``: own values before and after."""

    kind: Literal["topic", "broker", "group", "client-metrics"]
    name: str
    old: Mapping[str, str]
    new: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PolicyViolation:
    """A change that must not be. The text goes to the client (POLICY_VIOLATION, 44)."""

    text: str


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that somebody did, or tried. ``kind``: login, denial, admin, session (first read or write of a connection on a topic), lost (events that were dropped, in ``count``)."""

    time_ms: int
    kind: Literal["login", "denial", "admin", "session", "lost"]
    principal: str
    peer_host: str
    listener: str
    operation: str
    resource: str
    allowed: bool
    detail: str = ""
    count: int = 1


class Periodic(NamedTuple):
    """A background task: ``call(ctx)`` every ``every_s`` seconds, on a thread of the plugin's; a call that takes longer delays the next."""

    name: str
    every_s: float
    call: Callable[[Context], Any | Awaitable[Any]]


class CheckResult(NamedTuple):
    healthy: bool
    text: str = ""


class Check(NamedTuple):
    """A health check: ``call()`` says how it is. ``readiness``: unhealthy means not ready; else it means not alive."""

    name: str
    call: Callable[[], CheckResult]
    readiness: bool = True
