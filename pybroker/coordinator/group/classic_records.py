"""The record of a classic group: type 2 of __consumer_offsets, as Kafka 4.4 writes it."""

from struct import Struct
from typing import Final

from pybroker.coordinator.effects import Record
from pybroker.coordinator.group.classic_state import ClassicGroup, Member, State
from pybroker.protocol.messages import records_group as rg

GROUP: Final = 2
_TYPE: Final = Struct(">h")
VALUE_VERSION: Final = 3
"""The newest without tagged fields: what brokers since 2.3 read."""


def _key(group_id: str) -> bytes:
    return _TYPE.pack(GROUP) + bytes(rg.GroupMetadataKey(group=group_id).encode(0))


def group(one: ClassicGroup) -> Record:
    """The group as it stands: what a coordinator needs that takes over."""
    members = [
        rg.MemberMetadata(
            member_id=member.id,
            group_instance_id=member.instance_id,
            client_id=member.client_id,
            client_host=member.client_host,
            rebalance_timeout=member.rebalance_timeout_ms,
            session_timeout=member.session_timeout_ms,
            subscription=member.metadata_for(one.protocol),
            assignment=member.assignment,
        )
        for member in one.members.values()
    ]
    value = rg.GroupMetadataValue(
        protocol_type=one.protocol_type or "",
        generation=one.generation,
        protocol=one.protocol,
        leader=one.leader,
        current_state_timestamp=one.state_since_wall_ms,
        members=members,
    )
    return Record(_key(one.id), _TYPE.pack(VALUE_VERSION) + bytes(value.encode(VALUE_VERSION)))


def tombstone(group_id: str) -> Record:
    return Record(_key(group_id), None)


def group_id(key: bytes) -> str:
    """Whose record it is; ``key`` is without its type. Raises ProtocolError."""
    return rg.GroupMetadataKey.decode(key, 0)[0].group


def read(group_id: str, version: int, data: bytes) -> ClassicGroup:
    """The group that a record tells of; ``data`` is without its version. Raises ProtocolError."""
    value = rg.GroupMetadataValue.decode(data, version)[0]
    one = ClassicGroup(group_id, value.current_state_timestamp)
    one.protocol_type = value.protocol_type or None
    one.generation, one.protocol, one.leader = value.generation, value.protocol, value.leader
    for row in value.members:
        member = Member(
            row.member_id,
            row.group_instance_id,
            row.client_id,
            row.client_host,
            rebalance_timeout_ms=row.rebalance_timeout if row.rebalance_timeout >= 0 else row.session_timeout,
            session_timeout_ms=row.session_timeout,
            protocols=((value.protocol or "", bytes(row.subscription)),),
        )
        member.assignment = bytes(row.assignment)
        member.is_new = False
        one.add(member)
    one.leader = value.leader if value.leader in one.members else next(iter(one.members), None)
    if one.members:
        one.state = State.STABLE
    return one
