"""Offsets that groups commit: kept by group, topic and partition, written as Kafka's records, forgotten in time.

Invariants  O1 an offset here is in a record of the log, or in the turn that is about to write one
            O2 at most ``offset.metadata.max.bytes`` of metadata each
Thread      control
Source      API keys 8, 9, 28, 47; record types 0 and 1 of __consumer_offsets; KIP-211 (expiry)
"""

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final, NamedTuple

from pybroker.coordinator.effects import Record, Turn
from pybroker.protocol.messages import records_group as rg
from pybroker.protocol.primitives import ProtocolError

LEGACY, OFFSET = 0, 1
TYPES: Final = frozenset({LEGACY, OFFSET})
VALUE_VERSION: Final = 3
_KEY: Final = Struct(">h")
_VALUE: Final = Struct(">hqih")
_TIME: Final = Struct(">q")


class Offset(NamedTuple):
    """A committed offset. ``at_ms`` since 1970; ``expires_ms`` -1: by the group's rules."""

    offset: int
    leader_epoch: int
    metadata: str
    at_ms: int
    expires_ms: int = -1


Partitions = dict[int, Offset]


def _text(text: str) -> bytes:
    data = text.encode()
    return _KEY.pack(len(data)) + data


def key_of(group_id: str, topic: str, partition: int) -> bytes:
    return b"".join((_KEY.pack(OFFSET), _text(group_id), _text(topic), partition.to_bytes(4, "big")))


def value_of(one: Offset) -> bytes:
    """Version 3, written by hand: a commit is the most frequent record there is."""
    metadata = one.metadata.encode()
    if one.expires_ms >= 0:
        return b"".join((_KEY.pack(1), _TIME.pack(one.offset), _KEY.pack(len(metadata)), metadata, _TIME.pack(one.at_ms), _TIME.pack(one.expires_ms)))
    return b"".join((_VALUE.pack(VALUE_VERSION, one.offset, one.leader_epoch, len(metadata)), metadata, _TIME.pack(one.at_ms)))


class Offsets:
    """All committed offsets of a shard."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, Partitions]] = {}

    def get(self, group_id: str, topic: str, partition: int) -> Offset | None:
        return self.groups.get(group_id, {}).get(topic, {}).get(partition)

    def of_group(self, group_id: str) -> dict[str, Partitions]:
        """Of one group, by topic and partition; not to be changed."""
        return self.groups.get(group_id, {})

    def put(self, group_id: str, topic: str, partition: int, one: Offset, turn: Turn) -> None:
        """Commit."""
        turn.records.append(Record(key_of(group_id, topic, partition), value_of(one)))
        self._apply(group_id, topic, partition, one)

    def _apply(self, group_id: str, topic: str, partition: int, one: Offset) -> None:
        self.groups.setdefault(group_id, {}).setdefault(topic, {})[partition] = one

    def remove(self, group_id: str, topic: str, partition: int, turn: Turn) -> bool:
        """Forget one. False: there was none."""
        if not self._drop(group_id, topic, partition):
            return False
        turn.records.append(Record(key_of(group_id, topic, partition), None))
        return True

    def _drop(self, group_id: str, topic: str, partition: int) -> bool:
        topics = self.groups.get(group_id)
        if topics is None or topics.get(topic, {}).pop(partition, None) is None:
            return False
        if not topics[topic]:
            del topics[topic]
        if not topics:
            del self.groups[group_id]
        return True

    def remove_group(self, group_id: str, turn: Turn) -> None:
        """Forget all of a group."""
        for topic, partition in list(self.each(group_id)):
            self.remove(group_id, topic, partition, turn)

    def remove_topics(self, names: Iterable[str], turn: Turn) -> None:
        """Topics are gone, and with them what they were read up to."""
        gone = set(names)
        for group_id, topics in list(self.groups.items()):
            for topic in gone & topics.keys():
                for partition in list(topics[topic]):
                    self.remove(group_id, topic, partition, turn)

    def each(self, group_id: str) -> Iterator[tuple[str, int]]:
        for topic, partitions in self.groups.get(group_id, {}).items():
            for partition in partitions:
                yield topic, partition

    def expire(self, group_id: str, *, since_ms: int | None, subscribed: frozenset[str], retention_ms: int, turn: Turn) -> bool:
        """Forget what is old: ``retention_ms`` after the group became empty at ``since_ms``, or after the commit when that is None; topics that are read now stay. True: nothing is left.

        A commit that is younger than the end of its group counts from itself.
        """
        for topic, partitions in list(self.of_group(group_id).items()):
            if topic in subscribed:
                continue
            for partition, one in list(partitions.items()):
                begin_ms = one.at_ms if since_ms is None else max(since_ms, one.at_ms)
                until_ms = one.expires_ms if one.expires_ms >= 0 else begin_ms + retention_ms
                if until_ms <= turn.wall_ms:
                    self.remove(group_id, topic, partition, turn)
        return group_id not in self.groups

    def replay(self, key: bytes, value: bytes | None) -> None:
        """A record of type 0 or 1; the key without its type, the value with its version. Raises ProtocolError."""
        group_id, topic, partition = read_key(key)
        if value is None:
            self._drop(group_id, topic, partition)
        else:
            self._apply(group_id, topic, partition, read_value(value))


def read_key(key: bytes) -> tuple[str, str, int]:
    """Group, topic, partition; ``key`` is without its type. Raises ProtocolError."""
    at = 2 + (key[0] << 8 | key[1]) if len(key) > 1 else 0
    if at + 2 > len(key) or at < 2:
        raise ProtocolError("key of a committed offset is cut")
    end = at + 2 + (key[at] << 8 | key[at + 1])
    if end + 4 != len(key):
        raise ProtocolError("key of a committed offset has another size")
    return key[2:at].decode(), key[at + 2 : end].decode(), int.from_bytes(key[end:], "big", signed=True)


def read_value(value: bytes) -> Offset:
    """``value`` with its version. Raises ProtocolError. The version that is written now is read by hand: a start reads every one there is."""
    version = int.from_bytes(value[:2], "big", signed=True)
    if version == VALUE_VERSION and len(value) >= _VALUE.size + _TIME.size:
        _, offset, leader_epoch, size = _VALUE.unpack_from(value)
        if size >= 0 and _VALUE.size + size + _TIME.size == len(value):
            return Offset(offset, leader_epoch, value[_VALUE.size : _VALUE.size + size].decode(), _TIME.unpack_from(value, _VALUE.size + size)[0])
    found = rg.OffsetCommitValue.decode(value, version, 2)[0]
    return Offset(found.offset, found.leader_epoch, found.metadata, found.commit_timestamp, found.expire_timestamp)
