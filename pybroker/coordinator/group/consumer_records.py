"""Records of consumer groups, written and read: types 3, 5, 6, 7, 8 and 16 of __consumer_offsets, as Kafka 4.4 writes them.

Type 4 (partition metadata) is of older brokers: its place was taken by the metadata hash of type 3. It is read over, and a tombstone for it is never needed.
"""

from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from pybroker.coordinator.effects import Record
from pybroker.coordinator.group.consumer_state import FIRST_EPOCH, Assignment, ClassicFacts, ConsumerGroup, Current, Facts, Owned, Resolved, State
from pybroker.protocol.messages import records_group as rg
from pybroker.protocol.messages.records_group import (
    ConsumerGroupCurrentMemberAssignmentValueTopicPartitions as CurrentTopic,
)
from pybroker.protocol.messages.records_group import (
    ConsumerGroupTargetAssignmentMemberValueTopicPartition as TargetTopic,
)

EPOCH, PARTITION_METADATA, MEMBER, TARGET_EPOCH, TARGET, CURRENT, REGEX = 3, 4, 5, 6, 7, 8, 16
TYPES: Final = frozenset({EPOCH, PARTITION_METADATA, MEMBER, TARGET_EPOCH, TARGET, CURRENT, REGEX})
"""Record types that belong to consumer groups: the first int16 of a key."""

_TYPE: Final = Struct(">h")


def _record(kind: int, key: Any, value: Any) -> Record:
    return Record(_TYPE.pack(kind) + bytes(key.encode(0)), None if value is None else _TYPE.pack(0) + bytes(value.encode(0)))


def epoch(group_id: str, number: int, metadata_hash: int) -> Record:
    return _record(EPOCH, rg.ConsumerGroupMetadataKey(group_id=group_id), rg.ConsumerGroupMetadataValue(epoch=number, metadata_hash=metadata_hash))


def target_epoch(group_id: str, number: int, at_ms: int) -> Record:
    value = rg.ConsumerGroupTargetAssignmentMetadataValue(assignment_epoch=number, assignment_timestamp=at_ms)
    return _record(TARGET_EPOCH, rg.ConsumerGroupTargetAssignmentMetadataKey(group_id=group_id), value)


def member(group_id: str, member_id: str, facts: Facts | None) -> Record:
    value = None
    if facts is not None:
        value = rg.ConsumerGroupMemberMetadataValue(
            instance_id=facts.instance_id,
            rack_id=facts.rack_id,
            client_id=facts.client_id,
            client_host=facts.client_host,
            subscribed_topic_names=list(facts.topics),
            subscribed_topic_regex=facts.regex,
            rebalance_timeout_ms=facts.rebalance_timeout_ms,
            server_assignor=facts.assignor,
            classic_member_metadata=_classic(facts.classic),
        )
    return _record(MEMBER, rg.ConsumerGroupMemberMetadataKey(group_id=group_id, member_id=member_id), value)


def _classic(facts: ClassicFacts | None) -> rg.ClassicMemberMetadata | None:
    if facts is None:
        return None
    protocols = [rg.ClassicProtocol(name=name, metadata=metadata) for name, metadata in facts.protocols]
    return rg.ClassicMemberMetadata(session_timeout_ms=facts.session_timeout_ms, supported_protocols=protocols)


def target(group_id: str, member_id: str, assignment: Assignment | None) -> Record:
    value = None
    if assignment is not None:
        topics = [TargetTopic(topic_id=topic_id, partitions=list(partitions)) for topic_id, partitions in assignment.items()]
        value = rg.ConsumerGroupTargetAssignmentMemberValue(topic_partitions=topics)
    return _record(TARGET, rg.ConsumerGroupTargetAssignmentMemberKey(group_id=group_id, member_id=member_id), value)


def current(group_id: str, member_id: str, now: Current | None) -> Record:
    value = None
    if now is not None:
        value = rg.ConsumerGroupCurrentMemberAssignmentValue(
            member_epoch=now.epoch,
            previous_member_epoch=now.previous_epoch,
            state=int(now.state),
            assigned_partitions=_owned(now.assigned),
            partitions_pending_revocation=_owned(now.revoking),
        )
    return _record(CURRENT, rg.ConsumerGroupCurrentMemberAssignmentKey(group_id=group_id, member_id=member_id), value)


def _owned(owned: Owned) -> list[CurrentTopic]:
    return [CurrentTopic(topic_id=topic_id, partitions=list(partitions), assignment_epochs=list(partitions.values())) for topic_id, partitions in owned.items()]


def regex(group_id: str, pattern: str, resolved: Resolved | None) -> Record:
    value = None if resolved is None else rg.ConsumerGroupRegularExpressionValue(topics=list(resolved.topics), version=resolved.version, timestamp=resolved.at_ms)
    return _record(REGEX, rg.ConsumerGroupRegularExpressionKey(group_id=group_id, regular_expression=pattern), value)


def tombstones(group: ConsumerGroup) -> list[Record]:
    """Everything that takes the group out of the log; members first, so that a log cut in between has no member without a group."""
    out = [regex(group.id, pattern, None) for pattern in group.regexes]
    out += [current(group.id, member_id, None) for member_id in group.members]
    out += [target(group.id, member_id, None) for member_id in group.members]
    out += [member(group.id, member_id, None) for member_id in group.members]
    gone: list[tuple[int, Any]] = [
        (TARGET_EPOCH, rg.ConsumerGroupTargetAssignmentMetadataKey(group_id=group.id)),
        (EPOCH, rg.ConsumerGroupMetadataKey(group_id=group.id)),
    ]
    return out + [_record(kind, key, None) for kind, key in gone]


def everything(group: ConsumerGroup) -> list[Record]:
    """The group as it stands."""
    out = [epoch(group.id, group.epoch, group.metadata_hash)]
    out += [regex(group.id, pattern, resolved) for pattern, resolved in group.regexes.items()]
    out += [member(group.id, one.id, one.facts) for one in group.members.values()]
    out += [target_epoch(group.id, group.target_epoch, group.target_at_ms)]
    out += [target(group.id, member_id, assignment) for member_id, assignment in group.target.items()]
    return out + [current(group.id, one.id, one.current) for one in group.members.values()]


# ---- reading


def group_id(kind: int, key: bytes) -> str:
    """Whose record it is. ``key`` is without its type. Raises ProtocolError."""
    found: str = _READERS[kind][0].decode(key, 0)[0].group_id
    return found


def replay(group: ConsumerGroup, kind: int, key: bytes, value: bytes | None) -> bool:
    """Apply one record of the group; both parts are without their type and version. False when the record takes the group away. Raises ProtocolError."""
    read_key, read_value, apply = _READERS[kind]
    decoded = None if value is None else read_value.decode(value, 0)[0]
    if kind == EPOCH and decoded is None:
        return False
    apply(group, read_key.decode(key, 0)[0], decoded)
    return True


def _replay_epoch(group: ConsumerGroup, key: Any, value: rg.ConsumerGroupMetadataValue) -> None:
    group.apply_epoch(value.epoch, value.metadata_hash)


def _replay_target_epoch(group: ConsumerGroup, key: Any, value: rg.ConsumerGroupTargetAssignmentMetadataValue | None) -> None:
    if value is None:
        group.apply_target_epoch(FIRST_EPOCH, 0)
    else:
        group.apply_target_epoch(value.assignment_epoch, value.assignment_timestamp)


def _replay_member(group: ConsumerGroup, key: Any, value: rg.ConsumerGroupMemberMetadataValue | None) -> None:
    if value is None:
        group.apply_member(key.member_id, None)
        return
    about = value.classic_member_metadata
    facts = Facts(
        instance_id=value.instance_id,
        rack_id=value.rack_id,
        client_id=value.client_id,
        client_host=value.client_host,
        topics=tuple(value.subscribed_topic_names),
        regex=value.subscribed_topic_regex,
        rebalance_timeout_ms=value.rebalance_timeout_ms,
        assignor=value.server_assignor,
        classic=None if about is None else ClassicFacts(about.session_timeout_ms, tuple((p.name, p.metadata) for p in about.supported_protocols)),
    )
    group.apply_member(key.member_id, facts)


def _replay_target(group: ConsumerGroup, key: Any, value: rg.ConsumerGroupTargetAssignmentMemberValue | None) -> None:
    group.apply_target(key.member_id, None if value is None else {t.topic_id: tuple(sorted(t.partitions)) for t in value.topic_partitions})


def _replay_current(group: ConsumerGroup, key: Any, value: rg.ConsumerGroupCurrentMemberAssignmentValue | None) -> None:
    if value is None:
        group.apply_current(key.member_id, None)
        return
    assigned, revoking = _read_owned(value.assigned_partitions, value.member_epoch), _read_owned(value.partitions_pending_revocation, value.member_epoch)
    state = State(value.state) if value.state in _STATES else State.UNKNOWN
    group.apply_current(key.member_id, Current(value.member_epoch, value.previous_member_epoch, state, assigned, revoking))


_STATES: Final = frozenset(State)


def _read_owned(topics: list[CurrentTopic], member_epoch: int) -> Owned:
    """Records of older brokers have no epochs per partition: the member's own is the latest it can have been."""
    out = {}
    for topic in topics:
        epochs = topic.assignment_epochs
        if epochs is None or len(epochs) != len(topic.partitions):
            epochs = [member_epoch] * len(topic.partitions)
        out[topic.topic_id] = dict(zip(topic.partitions, epochs, strict=True))
    return out


def _replay_regex(group: ConsumerGroup, key: Any, value: rg.ConsumerGroupRegularExpressionValue | None) -> None:
    group.apply_regex(key.regular_expression, None if value is None else Resolved(tuple(value.topics), value.version, value.timestamp))


def _replay_nothing(group: ConsumerGroup, key: Any, value: Any) -> None:
    """Type 4 is of no use any more."""


_READERS: Final[dict[int, tuple[Any, Any, Callable[[ConsumerGroup, Any, Any], None]]]] = {
    EPOCH: (rg.ConsumerGroupMetadataKey, rg.ConsumerGroupMetadataValue, _replay_epoch),
    PARTITION_METADATA: (rg.ConsumerGroupPartitionMetadataKey, rg.ConsumerGroupPartitionMetadataValue, _replay_nothing),
    MEMBER: (rg.ConsumerGroupMemberMetadataKey, rg.ConsumerGroupMemberMetadataValue, _replay_member),
    TARGET_EPOCH: (rg.ConsumerGroupTargetAssignmentMetadataKey, rg.ConsumerGroupTargetAssignmentMetadataValue, _replay_target_epoch),
    TARGET: (rg.ConsumerGroupTargetAssignmentMemberKey, rg.ConsumerGroupTargetAssignmentMemberValue, _replay_target),
    CURRENT: (rg.ConsumerGroupCurrentMemberAssignmentKey, rg.ConsumerGroupCurrentMemberAssignmentValue, _replay_current),
    REGEX: (rg.ConsumerGroupRegularExpressionKey, rg.ConsumerGroupRegularExpressionValue, _replay_regex),
}
