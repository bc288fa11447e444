"""Which topics members of a classic group of consumers read, from what they say to their assignors.

Layout   version int16 | topics: count int32, then strings (int16 length) | user data …   (ConsumerProtocolSubscription)
"""

from struct import error, unpack_from

from pybroker.coordinator.group.classic_state import ClassicGroup

CONSUMER = "consumer"


def topics_of(group: ClassicGroup) -> frozenset[str] | None:
    """All topics of the group's members; None when that cannot be told: not a group of consumers, or bytes that are no subscription."""
    if group.protocol_type != CONSUMER:
        return None
    names: set[str] = set()
    for member in group.members.values():
        own = read(member.metadata_for(group.protocol) or (member.protocols[0][1] if member.protocols else b""))
        if own is None:
            return None
        names |= own
    return frozenset(names)


def read(data: bytes) -> frozenset[str] | None:
    """Topics of one subscription, None when it is none."""
    try:
        version, count = unpack_from(">hi", data)
        if version < 0 or not 0 <= count <= len(data):
            return None
        at, names = 6, []
        for _ in range(count):
            (size,) = unpack_from(">h", data, at)
            if size < 0 or at + 2 + size > len(data):
                return None
            names.append(data[at + 2 : at + 2 + size].decode())
            at += 2 + size
    except (error, UnicodeDecodeError):
        return None
    return frozenset(names)
