"""SyncGroup (API key 14): the leader gives assignments, each member gets its own."""

import pytest

from tests.support import kafka
from tests.support.groups import (
    FENCED_INSTANCE_ID,
    ILLEGAL_GENERATION,
    INCONSISTENT_GROUP_PROTOCOL,
    INVALID_GROUP_ID,
    REBALANCE_IN_PROGRESS,
    UNKNOWN_MEMBER_ID,
    Groups,
    served,
)
from tests.support.kafka import new_name
from tests.support.wire import versions

pytestmark = served(10, 11, 12, 13, 14, 15)


@pytest.mark.parametrize("version", versions(14))
def test_leader_gets_what_it_gave_at_every_version(groups: Groups, version: int) -> None:
    member = groups.member()
    member.join()
    answer = member.try_sync({member.member_id: b"\0 any bytes \xff"}, version)
    assert (answer.error_code, answer.assignment) == (kafka.NONE, b"\0 any bytes \xff")
    if version >= 5:
        assert (answer.protocol_type, answer.protocol_name) == ("consumer", "range")
    assert groups.state(member.group) == "Stable"


@pytest.mark.parametrize("version", versions(14))
def test_assignment_can_be_asked_again(groups: Groups, version: int) -> None:
    """An answer may have been lost: in a stable group every member gets the same again, and the leader's new words do not count."""
    first, second = groups.stable(2)
    for member in (first, second):
        assert member.try_sync({first.member_id: b"x", second.member_id: b"x"}, version).assignment == f"for {member.member_id}".encode()


@pytest.mark.parametrize("version", versions(14))
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
    ],
)
def test_wrong_field(groups: Groups, version: int, field: str, value: str | int, code: int) -> None:
    member = groups.member()
    member.join()
    answer = member.try_sync({member.member_id: b"mine"}, version, **{field: value})
    assert (answer.error_code, answer.assignment) == (code, b"")
    assert member.try_sync({member.member_id: b"mine"}, version).assignment == b"mine", "the group is not disturbed"


@pytest.mark.parametrize(("field", "value"), [("protocol_type", "connect"), ("protocol_name", "roundrobin"), ("protocol_name", ""), ("protocol_type", None), ("protocol_name", None)])
def test_protocol_that_was_not_taken(groups: Groups, field: str, value: str | None) -> None:
    """KIP-559: from version 5 on a member must say what it believes, and is told when it is wrong."""
    member = groups.member()
    member.join()
    assert member.try_sync({member.member_id: b"mine"}, **{field: value}).error_code == INCONSISTENT_GROUP_PROTOCOL
    assert member.try_sync({member.member_id: b"mine"}, 4).error_code == kafka.NONE, "before that nobody is asked"


def test_follower_waits_for_the_leader(groups: Groups) -> None:
    group = new_name("g")
    members = [groups.member(group), groups.member(group)]
    leader = groups.gather(members)
    follower = next(member for member in members if member is not leader)
    leader.send_join()
    follower.wait_rebalance()
    follower.send_join()
    assert leader.joined().generation_id == follower.joined().generation_id == 3
    follower.send_sync()
    assert groups.state(group) == "CompletingRebalance"
    assert leader.try_sync({follower.member_id: b"theirs"}).assignment == b"", "a member that is left out has nothing"
    assert follower.synced().assignment == b"theirs"


def test_strangers_in_the_assignment_do_not_matter(groups: Groups) -> None:
    member = groups.member()
    member.join()
    assert member.try_sync({"nobody": b"x", member.member_id: b"mine"}).assignment == b"mine"
    assert [row.member_assignment for row in groups.describe(member.group).members] == [b"mine"]


def test_follower_cannot_assign(groups: Groups) -> None:
    group = new_name("g")
    members = [groups.member(group), groups.member(group)]
    leader = groups.gather(members)
    follower = next(member for member in members if member is not leader)
    leader.send_join()
    follower.wait_rebalance()
    follower.send_join()
    leader.joined(), follower.joined()
    follower.send_sync({leader.member_id: b"stolen", follower.member_id: b"stolen"})
    assert leader.try_sync({leader.member_id: b"1", follower.member_id: b"2"}).assignment == b"1"
    assert follower.synced().assignment == b"2"


def test_sync_while_the_group_gathers(groups: Groups) -> None:
    [first] = groups.stable()
    second = groups.member(first.group)
    second.take_id()
    second.send_join()
    first.wait_rebalance()
    assert first.try_sync({}).error_code == REBALANCE_IN_PROGRESS


def test_sync_that_waits_ends_when_the_group_gathers_again(groups: Groups) -> None:
    first, second = groups.stable(2)
    leader, follower = (first, second) if first.member_id == first.leader else (second, first)
    leader.send_join()
    follower.wait_rebalance()
    follower.send_join()
    leader.joined(), follower.joined()
    follower.send_sync()
    third = groups.member(first.group)
    third.take_id()
    third.send_join()
    assert follower.synced().error_code == REBALANCE_IN_PROGRESS


def test_member_that_never_syncs_is_put_out_after_the_rebalance_time_out(groups: Groups) -> None:
    """KIP-62's rebalance time-out covers the sync too."""
    group = new_name("g")
    members = [groups.member(group, rebalance_ms=500) for _ in range(2)]
    leader = groups.gather(members)
    silent = next(member for member in members if member is not leader)
    leader.send_join()
    silent.wait_rebalance()
    silent.send_join()
    assert leader.joined().generation_id == silent.joined().generation_id
    assert leader.try_sync({leader.member_id: b"1", silent.member_id: b"2"}).assignment == b"1"
    leader.wait_rebalance()
    assert [row.member_id for row in leader.join().members] == [leader.member_id]
    assert silent.heartbeat() == UNKNOWN_MEMBER_ID


def test_leader_that_never_syncs_is_put_out_and_the_follower_leads(groups: Groups) -> None:
    group = new_name("g")
    members = [groups.member(group, rebalance_ms=500) for _ in range(2)]
    leader = groups.gather(members)
    follower = next(member for member in members if member is not leader)
    leader.send_join()
    follower.wait_rebalance()
    follower.send_join()
    leader.joined(), follower.joined()
    follower.send_sync()
    assert follower.synced().error_code == REBALANCE_IN_PROGRESS
    answer = follower.join()
    assert (answer.leader, len(answer.members)) == (follower.member_id, 1)
    assert leader.heartbeat() == UNKNOWN_MEMBER_ID


@pytest.mark.parametrize("version", [3, 4, 5])
def test_static_member_under_a_wrong_id_is_fenced(groups: Groups, version: int) -> None:
    [member] = groups.stable(instance="one")
    assert member.try_sync({}, version, member_id="another").error_code == FENCED_INSTANCE_ID
    assert member.try_sync({}, version, group_instance_id="two").error_code == UNKNOWN_MEMBER_ID
    assert member.try_sync({}, version).assignment == f"for {member.member_id}".encode()


def test_empty_group(groups: Groups) -> None:
    [member] = groups.stable()
    assert member.leave() == kafka.NONE
    assert member.try_sync({}).error_code == UNKNOWN_MEMBER_ID


def test_large_assignment_comes_back_whole(groups: Groups) -> None:
    member = groups.member()
    member.join()
    data = bytes(range(256)) * 2000
    assert member.try_sync({member.member_id: data}).assignment == data
    [row] = groups.describe(member.group).members
    assert row.member_assignment == data
