"""What handlers may ask of the broker, and the few facts of the protocol that several of them share."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from pybroker.metadata.answers import MetadataAnswers
from pybroker.metadata.config_changes import ConfigChange
from pybroker.metadata.controller import Controller
from pybroker.protocol.errors import KafkaError

if TYPE_CHECKING:
    from pybroker.coordinator.groups import Groups
    from pybroker.hooks.asking import Hooks
    from pybroker.hooks.types import Principal
    from pybroker.security.logins import Logins

UNKNOWN_OPERATIONS = -(1 << 31)
"""Value of an authorized-operations field that was not asked for."""

TOPIC_OPERATIONS = sum(1 << number for number in (3, 4, 5, 6, 7, 8, 10, 11))
CLUSTER_OPERATIONS = sum(1 << number for number in (5, 7, 8, 9, 10, 11, 12))
"""Bits of Kafka's operations (read 3, write 4, create 5, delete 6, alter 7, describe 8, cluster action 9, describe configs 10, alter configs 11,
idempotent write 12): without an authorizer everybody may do all that the resource knows."""


Kind = Literal["login", "denial", "admin", "session"]
"""What audit tells apart."""


class Caller(Protocol):
    """The request as the core hands it over, as far as a handler may look at it."""

    @property
    def api_version(self) -> int: ...
    @property
    def client_id(self) -> str | None: ...
    @property
    def connection_id(self) -> int: ...
    @property
    def listener(self) -> int: ...
    @property
    def local_host(self) -> str: ...
    @property
    def local_port(self) -> int: ...
    @property
    def peer_host(self) -> str: ...
    @property
    def peer_port(self) -> int: ...
    @property
    def principal(self) -> "Principal | None":
        """Who sent it; None: nobody has said, which is ANONYMOUS."""

    def trust(self, subject: int = 0, login_until_ns: int = 0) -> None:
        """The connection has logged in; holds once this request is answered."""

    def end(self) -> None:
        """The connection closes once this request is answered."""


class ConfigKeyFacts(Protocol):
    """What DescribeConfigs tells of a key besides its value."""

    @property
    def sensitive(self) -> bool: ...
    @property
    def documentation(self) -> str: ...
    @property
    def type_number(self) -> int: ...


class SynonymFacts(Protocol):
    """One place a value may come from."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> str | None: ...
    @property
    def source(self) -> int: ...


class ConfigFacts(Protocol):
    """One config value of a resource. ``source`` is Kafka's number."""

    @property
    def key(self) -> ConfigKeyFacts: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> str | None: ...
    @property
    def source(self) -> int: ...
    @property
    def read_only(self) -> bool: ...
    @property
    def synonyms(self) -> Sequence[SynonymFacts]: ...


class Config(Protocol):
    """The broker's config as handlers see it."""

    def integer(self, name: str) -> int: ...
    def boolean(self, name: str) -> bool: ...
    def describe_broker(self) -> Sequence[ConfigFacts]: ...
    def describe_broker_defaults(self) -> Sequence[ConfigFacts]: ...
    def describe_topic(self, own: Mapping[str, str]) -> Sequence[ConfigFacts]: ...
    def describe_other(self, kind: int, own: Mapping[str, str]) -> Sequence[ConfigFacts]: ...

    def kind_name(self, kind: int) -> str:
        """topic, broker, client-metrics or group."""

    def is_sensitive(self, kind: int, key: str) -> bool:
        """Whether values of this key are secrets; those of keys that do not exist are taken for it."""


class PartitionFacts(Protocol):
    """Offsets and sizes of one partition."""

    @property
    def size_bytes(self) -> int: ...
    @property
    def log_dir(self) -> int: ...
    @property
    def offline(self) -> bool: ...
    @property
    def future_dir(self) -> int:
        """Where it is moving to, -1: nowhere."""
    @property
    def future_size_bytes(self) -> int: ...
    @property
    def future_lag(self) -> int: ...


class CodedError(Protocol):
    """An error of the data plane."""

    @property
    def code(self) -> int: ...


class LogDir(NamedTuple):
    """One log directory: its path and the file system's size, -1 when that cannot be asked."""

    path: str
    total_bytes: int
    usable_bytes: int
    offline: bool = False


class Broker(Protocol):
    """The broker as handlers see it."""

    @property
    def node_id(self) -> int: ...
    @property
    def cluster_id(self) -> str: ...
    @property
    def rack(self) -> str | None: ...
    @property
    def controller(self) -> Controller: ...
    @property
    def config(self) -> Config: ...
    @property
    def answers(self) -> MetadataAnswers: ...
    @property
    def groups(self) -> "Groups": ...

    @property
    def hooks(self) -> "Hooks":
        """What plugins may be asked."""

    @property
    def is_audited(self) -> bool:
        """Whether anybody listens to ``audit``: what is costly to say is made only then."""

    def audit(self, kind: Kind, caller: Caller, operation: str, resource: str, *, allowed: bool, detail: str = "", principal: str | None = None) -> None:
        """Somebody did something, or was kept from it. Texts may be as the client sent them, without secrets. ``principal``: where it is not the caller's (a login that failed)."""

    def logins(self, caller: Caller) -> "Logins | None":
        """Where clients of this caller's listener log in; None: it asks for no login."""

    def endpoint(self, caller: Caller) -> tuple[str, int]:
        """Host and port under which this client reaches us."""

    def ask_endpoint(self, caller: Caller) -> Awaitable[None] | None:
        """To be awaited before ``endpoint`` is asked, for handlers that say so with TELLS_ENDPOINT. None: it is known."""

    def now_ms(self) -> int:
        """Monotonic clock."""

    def log_dirs(self) -> Sequence[LogDir]:
        """The log directories in order."""

    def partitions(self, topic_id: bytes) -> Sequence[PartitionFacts]:
        """The partitions of a topic in order of index."""

    async def delete_records(self, items: Sequence[tuple[bytes, int, int]]) -> Sequence[tuple[CodedError | None, int]]:
        """Move log starts up: (topic id, partition, first offset that stays, -1: the high watermark) to (error or None, log start), in order."""

    async def move_partition(self, topic_id: bytes, partition: int, place: int) -> None:
        """Begin the move of a partition to the log directory ``place``. Raises KafkaError."""

    def describe_loggers(self) -> Sequence[ConfigFacts]:
        """Level of each logger."""

    def alter_loggers(self, changes: Sequence[ConfigChange], *, validate_only: bool) -> None:
        """Change levels of loggers until the next start. Raises InvalidRequest, InvalidConfig."""

    def on_topics_deleted(self, names: Sequence[str]) -> None:
        """Topics are gone: whoever keeps something about them forgets it."""

    async def create_automatically(self, names: Sequence[str], caller: Caller) -> Mapping[str, KafkaError]:
        """Create those of the topics that the limits of automatic creation allow; those that cannot be made are left out. Returns those that plugins refuse."""
