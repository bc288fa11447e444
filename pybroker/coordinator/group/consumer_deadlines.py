"""Deadlines of members: one heap for all groups of a shard, touched only when a deadline comes nearer than the one it holds.

A heartbeat moves a deadline away, which costs nothing here: the entry is looked at when its old time comes, and put back.
"""

from heapq import heappop, heappush

from pybroker.coordinator.group.consumer_state import Member


class Deadlines:
    """(time, group id, member id), and who of them is due."""

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[tuple[int, str, str]] = []

    def watch(self, group_id: str, member: Member) -> None:
        """Call after any of the member's deadlines was set."""
        at_ms = member.deadline_ms
        if at_ms is not None and (member.queued_ms is None or at_ms < member.queued_ms):
            member.queued_ms = at_ms
            heappush(self._heap, (at_ms, group_id, member.id))

    def next_ms(self) -> int | None:
        """When ``pop_due`` has something to look at. It may turn out to be nothing."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now_ms: int) -> list[tuple[int, str, str]]:
        """Entries whose time has come, earliest first. The member may have moved its deadline on, or be gone."""
        due = []
        while self._heap and self._heap[0][0] <= now_ms:
            due.append(heappop(self._heap))
        return due
