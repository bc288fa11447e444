"""What a coordinator wants done after a request or a timer: records in its log, answers, news for the loops."""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pybroker.coordinator.group.classic_state import ClassicGroupFacts


class Record(NamedTuple):
    """One record of an internal topic. A ``value`` of None takes the key away."""

    key: bytes
    value: bytes | None


class Steady(NamedTuple):
    """A member for which a heartbeat changes nothing from now on. ``interval_ms`` is told in answers of the consumer protocol."""

    group_id: str
    member_id: str
    instance_id: str | None
    generation: int
    interval_ms: int
    consumer: bool


class Turn:
    """One request's or timer's share: when it is, and what comes of it.

    ``now_ms`` is monotonic, ``wall_ms`` since 1970. ``records`` go into the log in this order. ``answers`` to requests that were parked leave when the records are
    durable, and so does news of ``steady`` members; members in ``moved`` (group id, member id) are no longer steady at once. ``downgraded`` are groups that are classic ones
    from now on.
    """

    __slots__ = ("answers", "downgraded", "moved", "now_ms", "records", "steady", "wall_ms")

    def __init__(self, now_ms: int, wall_ms: int) -> None:
        self.now_ms, self.wall_ms = now_ms, wall_ms
        self.records: list[Record] = []
        self.answers: list[tuple[Any, Any]] = []
        self.steady: list[Steady] = []
        self.moved: list[tuple[str, str]] = []
        self.downgraded: list[ClassicGroupFacts] = []
