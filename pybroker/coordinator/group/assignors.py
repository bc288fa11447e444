"""Server-side assignors: who gets which partition of the topics that a consumer group subscribes to.

``uniform``  every member as many partitions as the next, give or take one, and as few moves as that allows; ``range``  of each topic, each subscriber one
run of neighbouring partitions, so that topics of equal size are cut at the same places.

An assignor is a pure function of the members and the topics: the same input gives the same assignment, also in another process. Others may be added: whatever
has the shape of ``Assignor`` can stand in the table that groups choose from. What one of them gives is checked (``check``) before a group believes it.
"""

from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heapreplace
from typing import NamedTuple, Protocol

from pybroker.coordinator.group.consumer_state import NOTHING, Assignment

MOVES_VISITED_MAX = 10_000_000
"""Steps that the search for a better balance of unlike subscriptions may take: about a second. What is found by then is valid, perhaps a partition off balance."""


class Subscriber(NamedTuple):
    """One member as assignors see it. ``topics`` are ids of topics that exist; members that subscribe alike share one object. ``owns`` is its part of the last assignment."""

    topics: Sequence[bytes]
    owns: Assignment = NOTHING
    rack_id: str | None = None
    instance_id: str | None = None


class Assignor(Protocol):
    """What a group asks."""

    @property
    def name(self) -> str: ...

    def assign(self, members: Mapping[str, Subscriber], partition_counts: Mapping[bytes, int]) -> Mapping[str, Assignment]:
        """Each partition of each subscribed topic to one member that subscribes to it. Members may be left out: they get nothing."""


class Uniform:
    """Balanced over all topics together, and sticky."""

    name = "uniform"

    def assign(self, members: Mapping[str, Subscriber], partition_counts: Mapping[bytes, int]) -> Mapping[str, Assignment]:
        if not members:
            return {}
        first = next(iter(members.values())).topics
        if all(member.topics is first or set(member.topics) == set(first) for member in members.values()):
            return _alike(members, sorted(set(first)), partition_counts)
        return _Unlike(members, partition_counts).solve()


def _alike(members: Mapping[str, Subscriber], topics: Sequence[bytes], counts: Mapping[bytes, int]) -> dict[str, Assignment]:
    """All subscribe to the same. Each keeps what it has up to its share; the rest goes to those below theirs."""
    share, extra = divmod(sum(counts[topic_id] for topic_id in topics), len(members))
    free = {topic_id: bytearray(b"\1") * counts[topic_id] for topic_id in topics}
    out: dict[str, dict[bytes, list[int]]] = {}
    below: list[tuple[str, int]] = []
    for member_id in sorted(members):
        kept, count = _keep(members[member_id].owns, free, share + (extra > 0))
        extra -= count > share
        out[member_id] = kept
        if count <= share:
            below.append((member_id, count))
    left = ((topic_id, partition) for topic_id in topics for partition, is_free in enumerate(free[topic_id]) if is_free)
    for member_id, count in sorted(below):
        wants = share - count
        if extra > 0:
            wants, extra = wants + 1, extra - 1
        mine = out[member_id]
        for _, (topic_id, partition) in zip(range(wants), left, strict=False):      # this order: zip takes nothing from the second when the first has ended
            mine.setdefault(topic_id, []).append(partition)
    return {member_id: _sorted(mine) for member_id, mine in out.items()}


def _keep(owns: Assignment, free: dict[bytes, bytearray], limit: int) -> tuple[dict[bytes, list[int]], int]:
    """Partitions that still are free, exist and are subscribed to; they are taken."""
    kept: dict[bytes, list[int]] = {}
    count = 0
    for topic_id, partitions in owns.items():
        flags = free.get(topic_id)
        if flags is None:
            continue
        mine = [partition for partition in partitions if partition < len(flags) and flags[partition]][: limit - count]
        if mine:
            for partition in mine:
                flags[partition] = 0
            kept[topic_id] = mine
            count += len(mine)
    return kept, count


def _sorted(mine: Mapping[bytes, Iterable[int]]) -> Assignment:
    return {topic_id: tuple(sorted(partitions)) for topic_id, partitions in mine.items() if partitions}


class _Unlike:
    """Members that subscribe to different topics: keep, fill up the least loaded, then shift along chains of members until no chain helps.

    A chain a → b → c hands one partition from a to b and one from b to c: a has one less, c one more. Without a chain from a member to another that has at
    least two less, no assignment is more balanced.
    """

    def __init__(self, members: Mapping[str, Subscriber], counts: Mapping[bytes, int]) -> None:
        self.ids = sorted(members)
        self.load = dict.fromkeys(self.ids, 0)
        self.owned: dict[str, dict[bytes, set[int]]] = {}
        self.subscribers: dict[bytes, list[str]] = {}
        for member_id in self.ids:
            for topic_id in members[member_id].topics:
                self.subscribers.setdefault(topic_id, []).append(member_id)
        free = {topic_id: bytearray(b"\1") * counts[topic_id] for topic_id in self.subscribers}
        for member_id in self.ids:
            topics = frozenset(members[member_id].topics)
            wanted = {topic_id: partitions for topic_id, partitions in members[member_id].owns.items() if topic_id in topics}
            kept, self.load[member_id] = _keep(wanted, free, 1 << 62)
            self.owned[member_id] = {topic_id: set(partitions) for topic_id, partitions in kept.items()}
        self.free = free
        self.steps = 0

    def solve(self) -> dict[str, Assignment]:
        # Topics with few subscribers have the least choice, so they choose first.
        for topic_id in sorted(self.subscribers, key=lambda topic_id: (len(self.subscribers[topic_id]), topic_id)):
            self._fill(topic_id)
        self._balance()
        return {member_id: _sorted(mine) for member_id, mine in self.owned.items()}

    def _fill(self, topic_id: bytes) -> None:
        left = [partition for partition, is_free in enumerate(self.free[topic_id]) if is_free]
        if not left:
            return
        heap = [(self.load[member_id], member_id) for member_id in self.subscribers[topic_id]]
        heapify(heap)
        for partition in left:
            load, member_id = heap[0]
            self.owned[member_id].setdefault(topic_id, set()).add(partition)
            self.load[member_id] = load + 1
            heapreplace(heap, (load + 1, member_id))

    def _balance(self) -> None:
        """From the most loaded down, in passes, until one finds no chain. Each shift lowers the sum of squared loads, so there is an end.

        Whoever is reached from a member in vain and has no more than it reaches nobody either: those are passed over.
        """
        shifted = True
        while shifted and max(self.load.values()) - min(self.load.values()) > 1:
            shifted = False
            settled: set[str] = set()
            for giver in sorted(self.ids, key=lambda one: -self.load[one]):
                while giver not in settled and self.steps < MOVES_VISITED_MAX:
                    reached = self._shift(giver)
                    shifted = shifted or not reached
                    settled |= reached

    def _shift(self, giver: str) -> set[str]:
        """Find the shortest chain from ``giver`` to somebody with two less, and hand one partition along it. If there is none, all that chains reach."""
        came: dict[str, tuple[str, bytes]] = {giver: ("", b"")}
        seen: set[bytes] = set()
        queue = [giver]
        for member_id in queue:
            for topic_id, partitions in self.owned[member_id].items():
                if not partitions or topic_id in seen:
                    continue
                seen.add(topic_id)
                self.steps += len(self.subscribers[topic_id])
                for other in self.subscribers[topic_id]:
                    if other in came:
                        continue
                    came[other] = (member_id, topic_id)
                    if self.load[other] <= self.load[giver] - 2:
                        self._hand(giver, other, came)
                        return set()
                    queue.append(other)
        return {member_id for member_id in queue if self.load[member_id] <= self.load[giver]}

    def _hand(self, giver: str, taker: str, came: Mapping[str, tuple[str, bytes]]) -> None:
        self.load[giver] -= 1
        self.load[taker] += 1
        while taker != giver:
            before, topic_id = came[taker]
            partition = max(self.owned[before][topic_id])
            self.owned[before][topic_id].remove(partition)
            self.owned[taker].setdefault(topic_id, set()).add(partition)
            taker = before


class Range:
    """Topic by topic: runs of neighbours to the subscribers in order of instance id, else member id; static members first."""

    name = "range"

    def assign(self, members: Mapping[str, Subscriber], partition_counts: Mapping[bytes, int]) -> Mapping[str, Assignment]:
        order = sorted(members, key=lambda one: (members[one].instance_id is None, members[one].instance_id or one, one))
        subscribers: dict[bytes, list[str]] = {}
        for member_id in order:
            for topic_id in members[member_id].topics:
                subscribers.setdefault(topic_id, []).append(member_id)
        out: dict[str, dict[bytes, tuple[int, ...]]] = {member_id: {} for member_id in order}
        for topic_id, takers in sorted(subscribers.items()):
            share, extra = divmod(partition_counts[topic_id], len(takers))
            begin = 0
            for place, member_id in enumerate(takers):
                end = begin + share + (place < extra)
                if end > begin:
                    out[member_id][topic_id] = tuple(range(begin, end))
                begin = end
        return out


BUILT_IN: Mapping[str, Assignor] = {one.name: one for one in (Uniform(), Range())}


def check(assigned: Mapping[str, Assignment], members: Mapping[str, Subscriber], counts: Mapping[bytes, int]) -> None:
    """Whether an assignment is one: members that there are, partitions that exist and that they subscribe to, none twice. Raises ValueError."""
    taken = {topic_id: bytearray(count) for topic_id, count in counts.items()}
    wanted = {id(topics): frozenset(topics) for topics in {id(member.topics): member.topics for member in members.values()}.values()}
    for member_id, assignment in assigned.items():
        if member_id not in members:
            raise ValueError(f"{member_id} is no member")
        topics = wanted[id(members[member_id].topics)]
        for topic_id, partitions in assignment.items():
            if topic_id not in topics:
                raise ValueError(f"{member_id} does not subscribe to {topic_id.hex()}")
            flags = taken[topic_id]
            for partition in partitions:
                if not 0 <= partition < len(flags) or flags[partition]:
                    raise ValueError(f"partition {partition} of {topic_id.hex()} does not exist, or is given twice")
                flags[partition] = 1
