"""The judge of group stories finds what it is there for."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.clients.members import Member, readings

GOOD = [{"assigned": [0, 1]}, {"read": 0, "records": [[0, "a"], [1, "b"]]}, {"revoked": [0]}, {"read": 1, "records": [[7, "x"]]}, {"assigned": [0]}, {"read": 0, "records": [[1, "b"], [2, "c"]]}]


def member(events: list[dict[str, Any]]) -> Member:
    return cast(Member, SimpleNamespace(name="one", events=events))


def test_a_good_story_has_no_faults() -> None:
    """What was read and not committed is read again after a partition came back."""
    found = readings([member(GOOD)])
    assert found.faults == [] and found.values == {0: {0: "a", 1: "b", 2: "c"}, 1: {7: "x"}}


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ([*GOOD, {"read": 0, "records": [[4, "e"]]}], "read 4 of partition 0 where 3 was due"),
        ([*GOOD, {"read": 0, "records": [[2, "c"]]}], "read 2 of partition 0 where 3 was due"),
        ([*GOOD, {"read": 1, "records": [[8, "y"], [10, "z"]]}], "read 10 of partition 1 where 9 was due"),
        ([*GOOD, {"assigned": [0]}, {"read": 0, "records": [[1, "other"]]}], "another value at 1 of partition 0"),
    ],
    ids=["skips", "goes back", "skips within", "changes"],
)
def test_a_fault_is_found(events: list[dict[str, Any]], fault: str) -> None:
    [text] = readings([member(events)]).faults
    assert fault in text
