"""LeaveGroup (API key 13): one member or, from version 3 on, many, by id or by instance id (KIP-345)."""

from typing import Any

import pytest

from tests.support import kafka
from tests.support.groups import FENCED_INSTANCE_ID, INVALID_GROUP_ID, REBALANCE_IN_PROGRESS, UNKNOWN_MEMBER_ID, Groups, leave_request, served
from tests.support.kafka import new_name
from tests.support.wire import versions

pytestmark = served(10, 11, 12, 13, 14, 15)


def leave(groups: Groups, group: str, *members: tuple[str, str | None], version: int = 5) -> Any:
    return groups.call(leave_request(group, members, version), version)


def rows(answer: Any) -> list[tuple[str, str | None, int]]:
    assert answer.error_code == kafka.NONE
    return [(row.member_id, row.group_instance_id, row.error_code) for row in answer.members]


@pytest.mark.parametrize("version", versions(13))
def test_lone_member_leaves_an_empty_group(groups: Groups, version: int) -> None:
    [member] = groups.stable()
    answer = leave(groups, member.group, (member.member_id, None), version=version)
    assert answer.error_code == kafka.NONE
    if version >= 3:
        assert rows(answer) == [(member.member_id, None, kafka.NONE)]
    assert groups.state(member.group) == "Empty"
    assert member.heartbeat() == UNKNOWN_MEMBER_ID


@pytest.mark.parametrize("version", versions(13))
def test_others_are_told_at_once(groups: Groups, version: int) -> None:
    first, second = groups.stable(2)
    assert leave(groups, first.group, (first.member_id, None), version=version).error_code == kafka.NONE
    second.wait_rebalance()
    answer = second.join()
    assert (answer.generation_id, answer.leader, len(answer.members)) == (3, second.member_id, 1)


@pytest.mark.parametrize("version", versions(13))
def test_unknown_member(groups: Groups, version: int) -> None:
    [member] = groups.stable()
    for group in (member.group, new_name("no-group")):
        answer = leave(groups, group, ("nobody", None), version=version)
        if version < 3:
            assert answer.error_code == UNKNOWN_MEMBER_ID
        else:
            assert rows(answer) == [("nobody", None, UNKNOWN_MEMBER_ID)]
    assert member.heartbeat() == kafka.NONE


@pytest.mark.parametrize("version", versions(13))
def test_group_without_a_name(groups: Groups, version: int) -> None:
    assert leave(groups, "", ("nobody", None), version=version).error_code == INVALID_GROUP_ID


@pytest.mark.parametrize("version", [3, 4, 5])
def test_many_leave_each_with_an_answer(groups: Groups, version: int) -> None:
    group = new_name("g")
    members = [groups.member(group, instance=name) for name in ("one", "two", None)]
    groups.gather(members)
    one, _two, dynamic = members
    answer = leave(groups, group, (one.member_id, "one"), ("", "two"), (dynamic.member_id, None), ("nobody", None), ("", "three"), version=version)
    assert rows(answer) == [
        (one.member_id, "one", kafka.NONE),
        ("", "two", kafka.NONE),
        (dynamic.member_id, None, kafka.NONE),
        ("nobody", None, UNKNOWN_MEMBER_ID),
        ("", "three", UNKNOWN_MEMBER_ID),
    ]
    assert groups.state(group) == "Empty"


@pytest.mark.parametrize("version", [3, 4, 5])
def test_static_member_under_a_wrong_id_is_fenced(groups: Groups, version: int) -> None:
    [member] = groups.stable(instance="one")
    assert rows(leave(groups, member.group, ("another", "one"), version=version)) == [("another", "one", FENCED_INSTANCE_ID)]
    assert member.heartbeat() == kafka.NONE
    assert rows(leave(groups, member.group, ("", "one"), version=version)) == [("", "one", kafka.NONE)]


@pytest.mark.parametrize("version", [3, 5])
def test_nobody_leaves(groups: Groups, version: int) -> None:
    [member] = groups.stable()
    assert rows(leave(groups, member.group, version=version)) == []
    assert member.heartbeat() == kafka.NONE


def test_same_member_twice_leaves_once(groups: Groups) -> None:
    first, second = groups.stable(2)
    assert [row[2] for row in rows(leave(groups, first.group, (first.member_id, None), (first.member_id, None)))] == [kafka.NONE, UNKNOWN_MEMBER_ID]
    second.wait_rebalance()


def test_member_that_has_only_an_id_may_leave(groups: Groups) -> None:
    [first] = groups.stable()
    pending = groups.member(first.group)
    pending.take_id()
    assert pending.leave() == kafka.NONE
    assert pending.try_join().error_code == UNKNOWN_MEMBER_ID
    assert first.heartbeat() == REBALANCE_IN_PROGRESS, "the group gathers, as Kafka's does, though the one that left was never in it"


def test_leaving_releases_the_join_of_those_that_wait(groups: Groups) -> None:
    """The group waited for one member only: when that one goes, the others have their generation at once, not after the rebalance time-out."""
    [first] = groups.stable(rebalance_ms=600_000)
    second = groups.member(first.group, rebalance_ms=600_000)
    second.take_id()
    second.send_join()
    first.wait_rebalance()
    assert first.leave() == kafka.NONE
    answer = second.joined()
    assert (answer.error_code, answer.generation_id, answer.leader) == (kafka.NONE, 2, second.member_id)


def test_member_leaves_while_its_own_join_waits(groups: Groups) -> None:
    """Sent on another connection. The parked join is answered, with an error; the other goes on alone."""
    [first] = groups.stable()
    second = groups.member(first.group)
    second.take_id()
    second.send_join()
    first.wait_rebalance()
    assert rows(leave(groups, first.group, (second.member_id, None))) == [(second.member_id, None, kafka.NONE)]
    assert second.joined().error_code == UNKNOWN_MEMBER_ID
    assert [row.member_id for row in first.join().members] == [first.member_id]


def test_assignment_is_not_handed_to_who_left(groups: Groups) -> None:
    """A sync that waits for the leader is ended when its group must gather again."""
    first, second = groups.stable(2)
    leader, follower = (first, second) if first.member_id == first.leader else (second, first)
    leader.send_join()
    follower.wait_rebalance()
    follower.send_join()
    assert leader.joined().generation_id == follower.joined().generation_id
    follower.send_sync()
    assert leader.leave() == kafka.NONE
    assert follower.synced().error_code != kafka.NONE
    answer = follower.join()
    assert [row.member_id for row in answer.members] == [follower.member_id]


def test_commit_after_leaving_is_refused(groups: Groups) -> None:
    [member] = groups.stable()
    topic = groups.topic()
    assert member.commit(topic, 5) == kafka.NONE
    assert member.leave() == kafka.NONE
    assert member.commit(topic, 6) == UNKNOWN_MEMBER_ID
    assert groups.committed(member.group, [(topic, [0])])[topic, 0][0] == 5
    assert groups.state(member.group) == "Empty"
