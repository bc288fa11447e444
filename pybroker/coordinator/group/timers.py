"""Deadlines of classic groups and their members: one heap, touched only when a deadline comes nearer than the one it holds.

A heartbeat moves a deadline away, which costs nothing here: the entry is looked at when its old time comes, and put back.
"""

from heapq import heappop, heappush

from pybroker.coordinator.group.classic_state import ClassicGroup, Member

GROUP = ""
"""Stands for the group itself where a member's id would be."""


class Timers:
    """(time, group id, member id), and who of them is due."""

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[tuple[int, str, str]] = []

    def watch_member(self, group: ClassicGroup, member: Member) -> None:
        """Call after the member's deadline was set."""
        at_ms = member.session_by_ms
        if at_ms is not None and (member.queued_ms is None or at_ms < member.queued_ms):
            member.queued_ms = at_ms
            heappush(self._heap, (at_ms, group.id, member.id))

    def watch_at(self, group: ClassicGroup, at_ms: int, who: str = GROUP) -> None:
        """Look at the group, or at an id that was given away, at this time."""
        heappush(self._heap, (at_ms, group.id, who))

    def next_ms(self) -> int | None:
        """When ``pop_due`` has something to look at. It may turn out to be nothing."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now_ms: int) -> list[tuple[int, str, str]]:
        """Entries whose time has come, earliest first."""
        due = []
        while self._heap and self._heap[0][0] <= now_ms:
            due.append(heappop(self._heap))
        return due
