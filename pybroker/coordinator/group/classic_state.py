"""A classic group: its members, and where it stands between two rebalances.

::

            first join                 all joined, or time is up              leader's assignment
    EMPTY ─────────────▶ PREPARING ─────────────────────────────▶ COMPLETING ─────────────────────▶ STABLE
      ▲                   ▲  │                                       │                                │
      │                   │  └─ nobody joined                        └── join, leave, session end ────┤
      └───────────────────┼─────────────────────────────────────────────────────────────────────────── nobody is left
                          └───────────────────────────────────────────────────────────────────────────┘
    any ──deleted, all offsets expired──▶ DEAD

Invariants  C1 a member waits for at most one answer: of its join while PREPARING, of its sync while COMPLETING
            C2 every member of ``statics`` is a member
            C3 the leader is a member, except while PREPARING and EMPTY
            C4 generation, protocol, leader and members' assignments of a STABLE or EMPTY group are in its record
Thread      control
Source      KIP-62, KIP-345 (static members), KIP-394 (member id required)
"""

from enum import Enum
from typing import Any, NamedTuple

Protocols = tuple[tuple[str, bytes], ...]
"""Names of assignors with what the member says to each, the one it likes best first."""


class State(Enum):
    """Where a group stands, as its name is told to clients."""

    EMPTY = "Empty"
    PREPARING = "PreparingRebalance"
    COMPLETING = "CompletingRebalance"
    STABLE = "Stable"
    DEAD = "Dead"


MOVES: dict[State, frozenset[State]] = {
    State.EMPTY: frozenset({State.PREPARING, State.DEAD}),
    State.PREPARING: frozenset({State.COMPLETING, State.EMPTY, State.DEAD}),
    State.COMPLETING: frozenset({State.STABLE, State.PREPARING, State.DEAD}),
    State.STABLE: frozenset({State.PREPARING, State.DEAD}),
    State.DEAD: frozenset(),
}
"""Moves that are allowed."""


class ClassicMember(NamedTuple):
    """A member as it changes hands when a group changes its type. ``assignment`` as its client reads it."""

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    rebalance_timeout_ms: int
    session_timeout_ms: int
    protocols: Protocols
    assignment: bytes


class ClassicGroupFacts(NamedTuple):
    """A classic group of protocol type ``consumer`` between two rebalances: what changes hands when a group changes its type."""

    group_id: str
    generation: int
    protocol: str
    leader: str | None
    members: tuple[ClassicMember, ...]


class Member:
    """One member. ``join`` and ``sync`` are the requests of it that wait for an answer."""

    __slots__ = ("assignment", "client_host", "client_id", "id", "instance_id", "is_new", "join", "protocols", "queued_ms", "rebalance_timeout_ms", "session_by_ms", "session_timeout_ms", "sync")

    def __init__(self, member_id: str, instance_id: str | None, client_id: str, client_host: str, *, rebalance_timeout_ms: int, session_timeout_ms: int, protocols: Protocols) -> None:
        self.id, self.instance_id = member_id, instance_id
        self.client_id, self.client_host = client_id, client_host
        self.rebalance_timeout_ms, self.session_timeout_ms = rebalance_timeout_ms, session_timeout_ms
        self.protocols = protocols
        self.assignment = b""
        self.join: Any = None
        self.sync: Any = None
        self.is_new = True                                  # has not had the answer of its first join: it cannot send heartbeats
        self.session_by_ms: int | None = None
        self.queued_ms: int | None = None                   # the time at which the timers will look at it

    def metadata_for(self, protocol: str | None) -> bytes:
        """What it says to this assignor."""
        return next((metadata for name, metadata in self.protocols if name == protocol), b"")

    def facts(self) -> ClassicMember:
        return ClassicMember(self.id, self.instance_id, self.client_id, self.client_host, self.rebalance_timeout_ms, self.session_timeout_ms, self.protocols, self.assignment)


class ClassicGroup:
    """One group."""

    __slots__ = (
        "arrived_ms", "generation", "hold_until_ms", "id", "join_by_ms", "joining_since_ms", "leader", "members", "pending", "protocol", "protocol_type", "state", "state_since_wall_ms",
        "statics", "sync_by_ms", "unsynced",
    )  # fmt: skip

    def __init__(self, group_id: str, wall_ms: int) -> None:
        self.id = group_id
        self.state = State.EMPTY
        self.state_since_wall_ms = wall_ms
        self.protocol_type: str | None = None               # None: nobody ever joined; offsets are committed from outside
        self.protocol: str | None = None
        self.generation = 0
        self.leader: str | None = None
        self.members: dict[str, Member] = {}
        self.statics: dict[str, str] = {}
        self.pending: dict[str, int] = {}                   # ids that were given to clients which have yet to join with them, and until when
        self.join_by_ms: int | None = None                  # PREPARING: who has not joined by then is out
        self.hold_until_ms: int | None = None               # PREPARING: not before, though all have joined
        self.joining_since_ms = 0                           # when the rebalance began
        self.arrived_ms: int | None = None                  # when the first member came to the empty group
        self.sync_by_ms: int | None = None                  # COMPLETING, STABLE: who has not synced by then is out
        self.unsynced: set[str] = set()

    def move(self, state: State, wall_ms: int) -> None:
        """Go to another state."""
        assert state in MOVES[self.state], (self.state, state)
        self.state = state
        self.state_since_wall_ms = wall_ms

    def is_in(self, *states: State) -> bool:
        return self.state in states

    @property
    def is_simple(self) -> bool:
        """Only holds offsets that were committed from outside of any group."""
        return self.state is State.EMPTY and self.protocol_type is None

    @property
    def all_joined(self) -> bool:
        """Everybody who is expected has joined."""
        return not self.pending and all(member.join is not None for member in self.members.values())

    @property
    def joined(self) -> list[Member]:
        return [member for member in self.members.values() if member.join is not None]

    def supports(self, protocol_type: str, protocols: Protocols) -> bool:
        """Whether somebody who speaks these may join."""
        if not protocol_type or not protocols:
            return False
        if self.state is State.EMPTY and not self.members:
            return True
        common = self.common_protocols()
        return self.protocol_type == protocol_type and any(name in common for name, _ in protocols)

    def common_protocols(self) -> set[str]:
        """Assignors that all members have."""
        names: set[str] | None = None
        for member in self.members.values():
            own = {name for name, _ in member.protocols}
            names = own if names is None else names & own
        return names or set()

    def choose_protocol(self) -> str:
        """The common assignor that most members like best; of equals the first one named."""
        common = self.common_protocols()
        votes: dict[str, int] = {}
        for member in self.members.values():
            name = next(name for name, _ in member.protocols if name in common)
            votes[name] = votes.get(name, 0) + 1
        return max(votes, key=lambda name: votes[name])

    def rebalance_timeout_ms(self) -> int:
        """The longest that a member asks for."""
        return max((member.rebalance_timeout_ms for member in self.members.values()), default=0)

    def add(self, member: Member) -> None:
        self.members[member.id] = member
        self.pending.pop(member.id, None)
        if member.instance_id is not None:
            self.statics[member.instance_id] = member.id
        if self.leader is None:
            self.leader = member.id

    def remove(self, member: Member) -> None:
        del self.members[member.id]
        self.unsynced.discard(member.id)
        if member.instance_id is not None and self.statics.get(member.instance_id) == member.id:
            del self.statics[member.instance_id]
        if self.leader == member.id:
            self.leader = next(iter(self.members), None)

    def replace_static(self, old: Member, member_id: str) -> Member:
        """Another process has come under the instance id: the member goes on under a new id. The caller answers what waited for the old one."""
        names = list(self.members)
        old.id, old_id = member_id, old.id
        self.members = {member_id if name == old_id else name: self.members[name] for name in names}
        assert old.instance_id is not None
        self.statics[old.instance_id] = member_id
        if self.leader == old_id:
            self.leader = member_id
        if old_id in self.unsynced:
            self.unsynced.discard(old_id)
            self.unsynced.add(member_id)
        return old

    def facts(self) -> ClassicGroupFacts:
        return ClassicGroupFacts(self.id, self.generation, self.protocol or "", self.leader, tuple(member.facts() for member in self.members.values()))
