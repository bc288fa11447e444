"""Heartbeat (API key 12): a member says that it lives, and hears of rebalances."""

import pytest

from tests.support import kafka
from tests.support.groups import FENCED_INSTANCE_ID, ILLEGAL_GENERATION, INVALID_GROUP_ID, REBALANCE_IN_PROGRESS, UNKNOWN_MEMBER_ID, Groups, served, wait_until
from tests.support.kafka import new_name
from tests.support.wire import versions

pytestmark = served(10, 11, 12, 13, 14)


@pytest.mark.parametrize("version", versions(12))
def test_member_lives_at_every_version(groups: Groups, version: int) -> None:
    [member] = groups.stable()
    assert member.heartbeat(version) == kafka.NONE


@pytest.mark.parametrize("version", versions(12))
@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("group_id", "", INVALID_GROUP_ID),
        ("group_id", "no such group", UNKNOWN_MEMBER_ID),
        ("member_id", "", UNKNOWN_MEMBER_ID),
        ("member_id", "nobody", UNKNOWN_MEMBER_ID),
        ("generation_id", 0, ILLEGAL_GENERATION),
        ("generation_id", 2, ILLEGAL_GENERATION),
        ("generation_id", -1, ILLEGAL_GENERATION),
        ("generation_id", 2**31 - 1, ILLEGAL_GENERATION),
    ],
)
def test_wrong_field(groups: Groups, version: int, field: str, value: str | int, code: int) -> None:
    [member] = groups.stable()
    assert member.heartbeat(version, **{field: value}) == code
    assert member.heartbeat(version) == kafka.NONE, "the member itself is not disturbed"


@pytest.mark.parametrize("version", [3, 4])
def test_static_member(groups: Groups, version: int) -> None:
    [member] = groups.stable(instance="one")
    assert member.heartbeat(version) == kafka.NONE
    assert member.heartbeat(version, member_id="another") == FENCED_INSTANCE_ID
    assert member.heartbeat(version, group_instance_id="two") == UNKNOWN_MEMBER_ID
    assert member.heartbeat(version, group_instance_id=None) == kafka.NONE, "the member id alone is enough"
    assert member.heartbeat(version, member_id="") == FENCED_INSTANCE_ID
    assert member.heartbeat(version, member_id="another", generation_id=7) == FENCED_INSTANCE_ID, "fencing comes before the generation"


def test_dynamic_member_has_no_instance(groups: Groups) -> None:
    [member] = groups.stable()
    assert member.heartbeat(group_instance_id="one") == UNKNOWN_MEMBER_ID


def test_member_that_must_sync_yet_lives(groups: Groups) -> None:
    """In CompletingRebalance a heartbeat is good: the member waits for its assignment, it need not come back."""
    member = groups.member()
    member.join()
    assert member.heartbeat() == kafka.NONE


def test_member_that_has_only_an_id_is_unknown(groups: Groups) -> None:
    member = groups.member()
    member.take_id()
    assert member.heartbeat(generation_id=0) == UNKNOWN_MEMBER_ID


@pytest.mark.parametrize("version", versions(12))
def test_rebalance_is_told_until_the_member_comes_back(groups: Groups, version: int) -> None:
    [first] = groups.stable()
    second = groups.member(first.group)
    second.take_id()
    second.send_join()
    first.wait_rebalance()
    assert [first.heartbeat(version) for _ in range(3)] == [REBALANCE_IN_PROGRESS] * 3
    assert first.heartbeat(version, generation_id=5) == ILLEGAL_GENERATION
    first.send_join()
    assert first.joined().generation_id == second.joined().generation_id == 2
    assert (first.heartbeat(version), first.heartbeat(version, generation_id=1)) == (kafka.NONE, ILLEGAL_GENERATION)


def test_heartbeats_keep_a_session_open(groups: Groups) -> None:
    """Two members of 400 ms: the one that goes on lives until the other is gone and longer."""
    group = new_name("g")
    lively, silent = groups.member(group, session_ms=400), groups.member(group, session_ms=400)
    groups.gather([lively, silent])
    wait_until(lambda: True if lively.heartbeat() == REBALANCE_IN_PROGRESS else None, "the end of the silent one's session")
    assert [row.member_id for row in lively.join().members] == [lively.member_id]
    assert silent.heartbeat() == UNKNOWN_MEMBER_ID


def test_dead_group(groups: Groups) -> None:
    [member] = groups.stable()
    assert member.leave() == kafka.NONE
    assert member.heartbeat() == UNKNOWN_MEMBER_ID
    assert groups.delete(member.group) == {member.group: kafka.NONE}
    assert member.heartbeat() == UNKNOWN_MEMBER_ID


@pytest.mark.parametrize("group", ["nul\0byte", "ü€😀", "x" * 30_000])
def test_any_text_may_be_a_group(groups: Groups, group: str) -> None:
    assert groups.member(group, member_id="nobody").heartbeat() == UNKNOWN_MEMBER_ID
