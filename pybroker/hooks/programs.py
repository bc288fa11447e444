"""Level L2: rules for records that C interprets (csrc/api/hook_rules.c). Made once, when a topic is planned; no Python runs on the batches after that."""

from dataclasses import dataclass, field

HEADERS_MAX = 16
IDS_MAX = 4096


@dataclass(frozen=True, slots=True)
class RecordRules:
    """What each record of a topic must be. Sizes in bytes; a null key or value has none, and passes the tests of its contents unless it is required.

    value_prefix   first bytes of every value
    schema_ids     values begin with Confluent's envelope: a zero byte, then one of these ids as 4 bytes big-endian
    headers        names that must be there; a set of values: the value must be among them
    """

    key_required: bool = False
    key_utf8: bool = False
    key_bytes_max: int | None = None
    value_required: bool = False
    value_utf8: bool = False
    value_bytes_min: int = 0
    value_bytes_max: int | None = None
    value_prefix: bytes = b""
    schema_ids: frozenset[int] = frozenset()
    headers: dict[str, frozenset[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ValueError for rules that cannot be."""
        if len(self.headers) > HEADERS_MAX:
            raise ValueError(f"{len(self.headers)} headers are more than {HEADERS_MAX}")
        if len(self.schema_ids) > IDS_MAX:
            raise ValueError(f"{len(self.schema_ids)} schema ids are more than {IDS_MAX}")
        if len(self.value_prefix) > 64:
            raise ValueError("a prefix has at most 64 bytes")
        if any(not 0 <= number < 1 << 32 for number in self.schema_ids):
            raise ValueError("a schema id is a whole number below 2**32")
        if sum(len(name.encode()) + sum(map(len, values)) + 8 * len(values) for name, values in self.headers.items()) > 65536:
            raise ValueError("header names and values take more than 64 KiB")
