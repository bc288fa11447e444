"""What classic consumers send inside of JoinGroup and SyncGroup: subscription and assignment, each an int16 version and a message.

Newer versions than are known here only add fields at the end, so they are read as the newest that is known.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Final, NamedTuple

from pybroker.protocol.messages.consumer_protocol import ConsumerProtocolAssignment, ConsumerProtocolAssignmentTopicPartition, ConsumerProtocolSubscription
from pybroker.protocol.primitives import ProtocolError

PROTOCOL_TYPE: Final = "consumer"
_VERSION: Final = Struct(">h")
_NEWEST: Final = 3


class Subscription(NamedTuple):
    """What a classic consumer subscribes to, and owns by its own account. ``generation`` is -1 and ``rack_id`` None in older versions."""

    version: int
    topics: tuple[str, ...]
    owned: Mapping[str, frozenset[int]]
    generation: int
    rack_id: str | None


def _version(data: bytes) -> int:
    if len(data) < _VERSION.size:
        raise ProtocolError("no version")
    number: int = _VERSION.unpack_from(data)[0]
    if number < 0:
        raise ProtocolError(f"version {number}")
    return min(number, _NEWEST)


def read_subscription(data: bytes) -> Subscription:
    """Raises ProtocolError."""
    version = _version(data)
    read, _end = ConsumerProtocolSubscription.decode(data, version, _VERSION.size)
    owned: dict[str, frozenset[int]] = {}
    for topic in read.owned_partitions:
        owned[topic.topic] = owned.get(topic.topic, frozenset()) | frozenset(topic.partitions)
    return Subscription(version, tuple(sorted(set(read.topics))), owned, read.generation_id, read.rack_id)


def read_assignment(data: bytes) -> dict[str, tuple[int, ...]]:
    """Topic to partitions; nothing in nothing. Raises ProtocolError."""
    if not data:
        return {}
    read, _end = ConsumerProtocolAssignment.decode(data, _version(data), _VERSION.size)
    out: dict[str, tuple[int, ...]] = {}
    for topic in read.assigned_partitions:
        out[topic.topic] = tuple(sorted({*out.get(topic.topic, ()), *topic.partitions}))
    return out


def write_assignment(assignment: Mapping[str, tuple[int, ...]], version: int) -> bytes:
    """As a client that sent a subscription of ``version`` reads it."""
    topics = [ConsumerProtocolAssignmentTopicPartition(topic=name, partitions=list(partitions)) for name, partitions in sorted(assignment.items())]
    version = min(version, _NEWEST)
    return _VERSION.pack(version) + bytes(ConsumerProtocolAssignment(assigned_partitions=topics).encode(version))
