"""How far groups are behind."""

from pybroker.coordinator.group.lag import Lag, picture
from pybroker.coordinator.group.offsets import Offset

COMMITTED = [("b", "t", 0, Offset(5, 0, "", 7)), ("a", "t", 1, Offset(9, 0, "", 8)), ("a", "t", 0, Offset(12, 0, "", 9)), ("a", "gone", 0, Offset(1, 0, "", 1))]
ENDS = {("t", 0): 10, ("t", 1): 9}


def test_lag_is_what_lies_between_and_never_less_than_nothing() -> None:
    found = picture(COMMITTED, lambda topic, partition: ENDS.get((topic, partition)), 100)
    assert found.left_out == 0
    assert list(found.rows) == [Lag("a", "gone", 0, 1, -1, -1, 1), Lag("a", "t", 0, 12, 10, 0, 9), Lag("a", "t", 1, 9, 9, 0, 8), Lag("b", "t", 0, 5, 10, 5, 7)]


def test_each_partition_is_asked_once() -> None:
    asked: list[tuple[str, int]] = []

    def end(topic: str, partition: int) -> int:
        asked.append((topic, partition))
        return 100

    picture([(f"g{number}", "t", 0, Offset(0, 0, "", 0)) for number in range(50)], end, 100)
    assert asked == [("t", 0)]


def test_what_is_beyond_the_bound_is_counted() -> None:
    found = picture([(f"g{number:03}", "t", 0, Offset(0, 0, "", 0)) for number in range(50)], lambda topic, partition: 1, 10)
    assert ([row.group_id for row in found.rows], found.left_out) == ([f"g{number:03}" for number in range(10)], 40)
