"""A consumer group (KIP-848) as its records tell it: members, epochs, target and current assignment.

::

    group epoch    raised by every change of members, subscriptions or topics
    target epoch   the group epoch for which the assignor was asked last; behind it the group is Assigning
    member epoch   the target epoch that the member has come up to; behind it the member, and so the group, is Reconciling

    member state   STABLE ──target moves on──▶ UNREVOKED (owns partitions it must give up; stays at its epoch until it no longer owns them)
                     ▲  ▲                          │ gave them up
                     │  └──everything is free──────┤
                     └──everything is free── UNRELEASED (at the target epoch; waits for partitions others still own)

Invariants  G1 a partition stands in ``owners`` under at most one member: the one in whose assigned or revoking partitions it is
            G2 target epoch <= group epoch
            G3 everything but the fields marked volatile follows from the records: the ``apply_*`` methods are the only ones that change it,
               for a request as for a replay
Thread      control
Source      KIP-848; record types 3, 5, 6, 7, 8, 16 of __consumer_offsets; partition epochs of KIP-1251
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

LEAVE_EPOCH, LEAVE_STATIC_EPOCH = -1, -2
"""Epochs in a heartbeat that say: I go, and: I go but will be back under the same instance id. The second is kept as the member's epoch."""

FIRST_EPOCH = 1
"""Group and target epoch of a group that nobody has joined yet: 0 is what a member says that joins."""

Assignment = Mapping[bytes, tuple[int, ...]]
"""Topic id to partitions in ascending order; no empty tuples."""
Owned = Mapping[bytes, Mapping[int, int]]
"""Topic id to partition to the member epoch at which it was assigned; no empty mappings."""

NOTHING: Assignment = {}
OWNS_NOTHING: Owned = {}


class State(IntEnum):
    """Where a member stands between its current and its target assignment, as the record numbers it."""

    STABLE = 0
    UNREVOKED = 1
    UNRELEASED = 2
    UNKNOWN = 127


class ClassicFacts(NamedTuple):
    """What is known of a member that speaks the classic protocol: its protocols by name with their metadata, first the one it likes best."""

    session_timeout_ms: int
    protocols: tuple[tuple[str, bytes], ...]


class Facts(NamedTuple):
    """What a member says of itself. ``topics`` is sorted; ``regex`` is None or empty when there is none; ``classic`` is None for a member of the consumer protocol."""

    instance_id: str | None = None
    rack_id: str | None = None
    client_id: str = ""
    client_host: str = ""
    topics: tuple[str, ...] = ()
    regex: str | None = None
    rebalance_timeout_ms: int = -1
    assignor: str | None = None
    classic: ClassicFacts | None = None


class Current(NamedTuple):
    """What a member owns. ``revoking`` are partitions it must give up and may still own."""

    epoch: int = 0
    previous_epoch: int = 0
    state: State = State.STABLE
    assigned: Owned = OWNS_NOTHING
    revoking: Owned = OWNS_NOTHING

    def is_at(self, target_epoch: int) -> bool:
        """Whether the member has come up to the target."""
        return self.epoch == target_epoch and self.state is State.STABLE


NEW = Current()
UNTOLD = Facts()
"""Facts of a member of which only the current assignment is known so far."""


class Resolved(NamedTuple):
    """The topics that a regular expression means. ``version`` is that of the metadata looked at; ``at_ms`` is wall-clock time."""

    topics: tuple[str, ...]
    version: int
    at_ms: int


class Member:
    """One member. The last four fields are volatile: deadlines on the monotonic clock, None when there is none."""

    __slots__ = ("current", "facts", "id", "join_by_ms", "queued_ms", "revoke_by_ms", "session_by_ms")

    def __init__(self, member_id: str) -> None:
        self.id = member_id
        self.facts = UNTOLD
        self.current = NEW
        self.session_by_ms: int | None = None
        self.revoke_by_ms: int | None = None
        self.join_by_ms: int | None = None
        self.queued_ms: int | None = None

    @property
    def is_classic(self) -> bool:
        return self.facts.classic is not None

    @property
    def deadline_ms(self) -> int | None:
        """The earliest of the deadlines."""
        return min((at for at in (self.session_by_ms, self.revoke_by_ms, self.join_by_ms) if at is not None), default=None)


class ConsumerGroup:
    """One group. ``topics_seen`` and ``assigned_at_ms`` are volatile."""

    __slots__ = ("assigned_at_ms", "epoch", "id", "members", "metadata_hash", "owners", "regexes", "statics", "target", "target_at_ms", "target_epoch", "topics_seen")

    def __init__(self, group_id: str) -> None:
        self.id = group_id
        self.epoch = FIRST_EPOCH
        self.metadata_hash = 0
        self.target_epoch = FIRST_EPOCH
        self.target_at_ms = 0                                # wall-clock time of the last assignment
        self.members: dict[str, Member] = {}
        self.statics: dict[str, str] = {}                   # instance id -> member id
        self.target: dict[str, Assignment] = {}
        self.regexes: dict[str, Resolved] = {}
        self.owners: dict[bytes, dict[int, str]] = {}       # G1
        self.topics_seen: Mapping[str, object] | None = None    # the topics that the metadata hash and the patterns' were made from
        self.assigned_at_ms: int | None = None              # monotonic

    # ---- what there is

    @property
    def state(self) -> str:
        """Kafka's word for it."""
        if not self.members:
            return "Empty"
        if self.epoch > self.target_epoch:
            return "Assigning"
        return "Stable" if all(member.current.is_at(self.target_epoch) for member in self.members.values()) else "Reconciling"

    def owner(self, topic_id: bytes, partition: int) -> str | None:
        """The member that owns the partition, or is still to give it up."""
        return self.owners.get(topic_id, {}).get(partition)

    def static(self, instance_id: str) -> Member | None:
        """The member under an instance id."""
        member_id = self.statics.get(instance_id)
        return None if member_id is None else self.members[member_id]

    def subscription(self, facts: Facts) -> tuple[str, ...]:
        """All topic names that a member means; names found by its regular expression included."""
        found = self.regexes.get(facts.regex) if facts.regex else None
        return facts.topics if found is None else tuple(sorted({*facts.topics, *found.topics}))

    def subscribed_names(self) -> set[str]:
        """All topic names that any member means."""
        return {name for facts in {(m.facts.topics, m.facts.regex): m.facts for m in self.members.values()}.values() for name in self.subscription(facts)}

    def classic_count(self) -> int:
        """Members that speak the classic protocol."""
        return sum(member.is_classic for member in self.members.values())

    # ---- what records change

    def apply_epoch(self, epoch: int, metadata_hash: int) -> None:
        self.epoch, self.metadata_hash = epoch, metadata_hash

    def apply_target_epoch(self, epoch: int, at_ms: int) -> None:
        self.target_epoch, self.target_at_ms = epoch, at_ms

    def apply_member(self, member_id: str, facts: Facts | None) -> None:
        """None: the member is gone with all that is known of it."""
        member = self.members.get(member_id)
        if member is not None and member.facts.instance_id is not None and self.statics.get(member.facts.instance_id) == member_id:
            del self.statics[member.facts.instance_id]
        if facts is None:
            if member is not None:
                self._own(member, NEW)
                del self.members[member_id]
            self.target.pop(member_id, None)
            return
        if member is None:
            member = self.members[member_id] = Member(member_id)
        member.facts = facts
        if facts.instance_id is not None:
            self.statics[facts.instance_id] = member_id

    def apply_target(self, member_id: str, assignment: Assignment | None) -> None:
        if assignment is None:
            self.target.pop(member_id, None)
        else:
            self.target[member_id] = assignment

    def apply_current(self, member_id: str, current: Current | None) -> None:
        """None: the member owns nothing. A member that is not known is made: a compacted log may bring this record before the member's own."""
        member = self.members.get(member_id)
        if member is None:
            if current is None:
                return
            member = self.members[member_id] = Member(member_id)
        self._own(member, NEW if current is None else current)

    def apply_regex(self, regex: str, resolved: Resolved | None) -> None:
        if resolved is None:
            self.regexes.pop(regex, None)
        else:
            self.regexes[regex] = resolved

    def _own(self, member: Member, new: Current) -> None:
        """Set ``current`` and keep G1. A partition that another member has taken by a later record stays with that one."""
        old, member.current = member.current, new
        if old.assigned is new.assigned and old.revoking is new.revoking:
            return
        for topic_id, partition in _each(old):
            owners = self.owners.get(topic_id)
            if owners is not None and owners.get(partition) == member.id:
                del owners[partition]
                if not owners:
                    del self.owners[topic_id]
        for topic_id, partition in _each(new):
            self.owners.setdefault(topic_id, {})[partition] = member.id


def _each(current: Current) -> Iterable[tuple[bytes, int]]:
    for owned in (current.assigned, current.revoking):
        for topic_id, partitions in owned.items():
            for partition in partitions:
                yield topic_id, partition


def without_epochs(owned: Owned) -> Assignment:
    """Only which partitions."""
    return {topic_id: tuple(sorted(partitions)) for topic_id, partitions in owned.items()}
