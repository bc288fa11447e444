"""JoinGroup (API key 11): the rounds of joining, who leads, which protocol is taken, who is refused, static members (KIP-62, 345, 394, 559, 814)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support import kafka
from tests.support.broker import FOREIGN, ours_only
from tests.support.groups import (
    FENCED_INSTANCE_ID,
    GROUP_MAX_SIZE_REACHED,
    INCONSISTENT_GROUP_PROTOCOL,
    INVALID_GROUP_ID,
    INVALID_SESSION_TIMEOUT,
    MEMBER_ID_REQUIRED,
    REBALANCE_IN_PROGRESS,
    UNKNOWN_MEMBER_ID,
    Groups,
    Member,
    served,
    wait_until,
)
from tests.support.kafka import new_name
from tests.support.wire import versions

pytestmark = served(10, 11, 12, 13, 14, 15)


def members_of(answer: Any) -> dict[str, bytes]:
    return {member.member_id: member.metadata for member in answer.members}


# ---- alone


@pytest.mark.parametrize("version", versions(11))
def test_lone_member_leads_at_every_version(groups: Groups, version: int) -> None:
    member = groups.member(protocols=[("range", b"its metadata")])
    answer = member.join(version)
    assert (answer.generation_id, answer.protocol_name, answer.leader) == (1, "range", member.member_id)
    assert members_of(answer) == {member.member_id: b"its metadata"}
    assert answer.protocol_type == ("consumer" if version >= 7 else None)
    if version >= 9:
        assert answer.skip_assignment is False
    assert member.member_id.startswith("raw-"), "the id begins with the client id"


@pytest.mark.parametrize("version", versions(11))
def test_member_id_is_given_before_the_join_from_version_four(groups: Groups, version: int) -> None:
    """KIP-394: a member that never comes back after the first answer leaves nothing behind."""
    member = groups.member()
    answer = member.try_join(version)
    if version < 4:
        assert answer.error_code == kafka.NONE
        return
    assert (answer.error_code, answer.generation_id, answer.leader, answer.members) == (MEMBER_ID_REQUIRED, -1, "", [])
    assert answer.member_id.startswith("raw-")
    assert member.try_join(version).error_code == kafka.NONE


def test_members_get_ids_of_their_own(groups: Groups) -> None:
    group = new_name("g")
    first, second = groups.member(group), groups.member(group)
    first.take_id()
    second.take_id()
    assert first.member_id != second.member_id


def test_id_given_is_good_in_any_order(groups: Groups) -> None:
    """Two hold ids; the group waits for both."""
    group = new_name("g")
    first, second = groups.member(group), groups.member(group)
    first.take_id()
    second.take_id()
    second.send_join()
    first.send_join()
    assert second.joined().generation_id == first.joined().generation_id == 1
    assert first.leader == second.leader


def test_joining_again_as_leader_makes_a_generation(groups: Groups) -> None:
    [member] = groups.stable()
    answer = member.join()
    assert (answer.generation_id, answer.leader) == (2, member.member_id)


def test_leader_that_joined_before_it_synced_gets_the_same_generation(groups: Groups) -> None:
    """The answer to the first join may have been lost: same metadata, no new generation."""
    member = groups.member()
    assert member.join().generation_id == 1
    assert member.join().generation_id == 1
    member.protocols = [("range", b"other metadata")]
    assert member.join().generation_id == 2


# ---- refused


@pytest.mark.parametrize("version", versions(11))
def test_unknown_member_id(groups: Groups, version: int) -> None:
    member = groups.member(member_id="nobody")
    assert member.try_join(version).error_code == UNKNOWN_MEMBER_ID
    [known] = groups.stable()
    stranger = groups.member(known.group, member_id="nobody")
    answer = stranger.try_join(version)
    assert (answer.error_code, answer.generation_id, answer.members) == (UNKNOWN_MEMBER_ID, -1, [])
    assert known.heartbeat() == kafka.NONE, "the group is not disturbed"


@pytest.mark.parametrize("version", versions(11))
def test_group_without_a_name(groups: Groups, version: int) -> None:
    assert groups.member("").try_join(version).error_code == INVALID_GROUP_ID


@pytest.mark.parametrize("group", [" ", "tab\there", "nul\0byte", "new\nline", "ü€😀", "x" * 20_000])
def test_any_text_may_be_a_group(groups: Groups, group: str) -> None:
    name = group if group != " " else " " * 7
    member = groups.member(name)
    try:
        assert member.join().leader == member.member_id
        groups.sync([member])
        assert member.heartbeat() == kafka.NONE
    finally:
        assert member.leave() == kafka.NONE
        assert groups.delete(name) == {name: kafka.NONE}


@pytest.mark.parametrize("session_ms", [-1, 0, 99, 1_800_001, 2**31 - 1])
def test_session_time_out_outside_the_bounds(groups: Groups, session_ms: int) -> None:
    """group.min.session.timeout.ms is 100 here, group.max.session.timeout.ms its default."""
    answer = groups.member(session_ms=session_ms).try_join()
    assert (answer.error_code, answer.member_id) == (INVALID_SESSION_TIMEOUT, "")


@pytest.mark.parametrize("session_ms", [100, 1_800_000])
def test_session_time_out_at_the_bounds(groups: Groups, session_ms: int) -> None:
    member = groups.member(session_ms=session_ms)
    assert member.try_join().error_code == MEMBER_ID_REQUIRED


@pytest.mark.parametrize("rebalance_ms", [-1, 0, 1, 2**31 - 1])
def test_any_rebalance_time_out_is_taken_from_a_lone_member(groups: Groups, rebalance_ms: int) -> None:
    member = groups.member(rebalance_ms=rebalance_ms)
    member.take_id()
    assert member.try_join().error_code == kafka.NONE


def test_no_protocols(groups: Groups) -> None:
    assert groups.member(protocols=[]).try_join().error_code == INCONSISTENT_GROUP_PROTOCOL
    assert groups.member(protocol_type="").try_join().error_code == INCONSISTENT_GROUP_PROTOCOL


def test_protocols_must_have_one_in_common(groups: Groups) -> None:
    [member] = groups.stable(protocols=[("range", b""), ("roundrobin", b"")])
    assert groups.member(member.group, protocols=[("sticky", b"")]).try_join().error_code == INCONSISTENT_GROUP_PROTOCOL
    assert groups.member(member.group, protocol_type="connect").try_join().error_code == INCONSISTENT_GROUP_PROTOCOL
    assert groups.member(member.group, protocols=[]).try_join().error_code == INCONSISTENT_GROUP_PROTOCOL
    assert member.heartbeat() == kafka.NONE, "the group is not disturbed"


def test_member_cannot_leave_the_protocols_that_others_need(groups: Groups) -> None:
    first, _ = groups.stable(2, protocols=[("range", b"")])
    first.protocols = [("sticky", b"")]
    assert first.try_join().error_code == INCONSISTENT_GROUP_PROTOCOL


def test_lone_member_must_overlap_with_its_own_former_protocols(groups: Groups) -> None:
    """Kafka compares with the members that there are, the asking one among them."""
    [member] = groups.stable(protocols=[("range", b"")])
    member.protocols = [("sticky", b"other")]
    assert member.try_join().error_code == INCONSISTENT_GROUP_PROTOCOL
    member.protocols = [("sticky", b"other"), ("range", b"")]
    assert member.join().protocol_name == "sticky"


def test_empty_group_takes_any_protocol(groups: Groups) -> None:
    [member] = groups.stable(protocols=[("range", b"")])
    assert member.leave() == kafka.NONE
    other = groups.member(member.group, protocols=[("default", b"")], protocol_type="connect")
    answer = other.join()
    assert (answer.protocol_name, answer.protocol_type, answer.generation_id) == ("default", "connect", 3), "the leave made generation 2"


def test_full_group(groups: Groups) -> None:
    """group.max.size is 20 here."""
    [first] = groups.stable()
    others = [groups.member(first.group) for _ in range(19)]
    for other in others:
        other.take_id()
        other.send_join()
    first.wait_rebalance()
    first.send_join()
    assert {member.joined().error_code for member in (first, *others)} == {kafka.NONE}
    groups.sync([first, *others])
    assert groups.member(first.group).try_join().error_code == GROUP_MAX_SIZE_REACHED
    assert groups.member(first.group).try_join(0).error_code == GROUP_MAX_SIZE_REACHED
    assert groups.member(first.group, instance="one").try_join().error_code == GROUP_MAX_SIZE_REACHED
    assert first.heartbeat() == kafka.NONE
    assert others[0].leave() == kafka.NONE
    assert groups.member(first.group).try_join().error_code == MEMBER_ID_REQUIRED


# ---- together


def test_second_member_waits_until_the_first_comes_back(groups: Groups) -> None:
    [first] = groups.stable()
    second = groups.member(first.group, protocols=[("range", b"second")])
    second.take_id()
    second.send_join()
    first.wait_rebalance()
    first.send_join()
    answer, other = first.joined(), second.joined()
    assert answer.generation_id == other.generation_id == 2
    assert answer.leader == other.leader == first.member_id, "who leads stays it"
    assert members_of(answer) == {first.member_id: b"metadata", second.member_id: b"second"}
    assert members_of(other) == {}, "only the leader is told of the others"
    assert groups.sync([first, second]) == {member.member_id: f"for {member.member_id}".encode() for member in (first, second)}


@pytest.mark.parametrize("version", [0, 2, 4, 6, 9])
def test_three_members_at_one_version(groups: Groups, version: int) -> None:
    group = new_name("g")
    members = [groups.member(group) for _ in range(3)]
    groups.gather(members, version)
    assert {member.generation for member in members} == {3}
    assert len({member.leader for member in members}) == 1
    assert [member.heartbeat() for member in members] == [kafka.NONE] * 3


def test_old_and_new_versions_in_one_group(groups: Groups) -> None:
    [first] = groups.stable()
    second = groups.member(first.group)
    second.send_join(0)
    first.wait_rebalance()
    first.send_join(9)
    assert (first.joined().error_code, second.joined().error_code) == (kafka.NONE, kafka.NONE)
    assert first.generation == second.generation == 2


def test_protocol_is_the_one_that_most_prefer_of_those_all_have(groups: Groups) -> None:
    group = new_name("g")
    wishes = [["sticky", "range", "roundrobin"], ["roundrobin", "range"], ["range", "roundrobin"]]
    members = [groups.member(group, protocols=[(name, name.encode()) for name in names]) for names in wishes]
    for number, member in enumerate(members):
        member.take_id()
        member.send_join()
        if number:
            for other in members[:number]:
                other.wait_rebalance()
                other.send_join()
        answers = [one.joined() for one in members[: number + 1]]
        for one in members[: number + 1]:
            one.send_sync({}, protocol_name=answers[0].protocol_name)
        assert [one.synced().error_code for one in members[: number + 1]] == [kafka.NONE] * (number + 1)
    assert {answer.protocol_name for answer in answers} == {"range"}, "one vote each for range, roundrobin and, again, range"
    leader = next(answer for answer in answers if answer.members)
    assert set(members_of(leader).values()) == {b"range"}, "the metadata is that of the protocol taken"


def test_protocol_upgrade_member_by_member(groups: Groups) -> None:
    """range → range+cooperative-sticky → cooperative-sticky: the new one is taken once all have it and nobody holds on to the old one."""
    old, both, new = [("range", b"")], [("cooperative-sticky", b""), ("range", b"")], [("cooperative-sticky", b"")]
    first, second = groups.stable(2, protocols=old)
    taken = []
    for member, other, protocols in ((first, second, both), (second, first, both), (first, second, new), (second, first, new)):
        member.protocols = protocols
        member.send_join()
        if other.heartbeat() != REBALANCE_IN_PROGRESS:                      # a follower's new metadata alone starts one
            other.wait_rebalance()
        other.send_join()
        answers = member.joined(), other.joined()
        assert {answer.error_code for answer in answers} == {kafka.NONE}
        [name] = {answer.protocol_name for answer in answers}
        taken.append(name)
        for one in (member, other):
            one.send_sync({first.member_id: b"1", second.member_id: b"2"} if one.member_id == one.leader else None, protocol_name=name)
        assert {one.synced().error_code for one in (member, other)} == {kafka.NONE}
    assert taken == ["range", "cooperative-sticky", "cooperative-sticky", "cooperative-sticky"]


def test_follower_that_joins_again_unchanged_gets_the_same_generation(groups: Groups) -> None:
    first, second = groups.stable(2)
    follower = second if first.leader == first.member_id else first
    answer = follower.join()
    assert (answer.generation_id, answer.members) == (2, [])
    assert first.heartbeat() == kafka.NONE, "nobody else is asked to come back"
    follower.protocols = [("range", b"changed")]
    follower.send_join()
    leader = first if follower is second else second
    leader.wait_rebalance()
    leader.send_join()
    assert leader.joined().generation_id == follower.joined().generation_id == 3


def test_join_asked_twice_on_one_connection_is_answered_twice(groups: Groups) -> None:
    """The older wait is answered too: replies leave in request order, and nothing hangs."""
    [first] = groups.stable()
    second = groups.member(first.group)
    second.take_id()
    second.send_join()
    first.wait_rebalance()
    second.send_join()
    first.send_join()
    assert first.joined().generation_id == 2
    codes = [second.joined().error_code, second.joined().error_code]
    assert codes[-1] == kafka.NONE and codes[0] in (kafka.NONE, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS)


@ours_only("Kafka holds the first rebalance open by group.initial.rebalance.delay.ms alone")
@pytest.mark.parametrize("version", [3, 9])
def test_ten_that_start_together_need_two_generations_at_most(groups: Groups, version: int) -> None:
    """With a delay of 0 the first rebalance is held open only while further members keep arriving."""
    name, complete = new_name("g"), threading.Event()
    members = [groups.member(name) for _ in range(10)]

    def live(member: Member) -> int:
        member.join(version)
        member.try_sync({})
        while not complete.is_set():
            if member.heartbeat() == REBALANCE_IN_PROGRESS:
                member.join(version)
                member.try_sync({})
        return member.generation

    with ThreadPoolExecutor(len(members)) as pool:
        found = [pool.submit(live, member) for member in members]
        try:
            wait_until(lambda: True if groups.state(name) == "Stable" and len(groups.describe(name).members) == len(members) else None, "ten members stable")
        finally:
            complete.set()
    generations = {one.result() for one in found}
    assert len(generations) == 1 and generations <= {1, 2}


# ---- those that do not come back


def test_member_that_does_not_come_back_is_left_behind_after_the_rebalance_time_out(groups: Groups) -> None:
    [first] = groups.stable(rebalance_ms=300)
    second = groups.member(first.group, rebalance_ms=300)
    second.take_id()
    second.send_join()
    answer = second.joined()
    assert (answer.error_code, answer.generation_id, answer.leader) == (kafka.NONE, 2, second.member_id)
    assert list(members_of(answer)) == [second.member_id]
    assert first.heartbeat() == UNKNOWN_MEMBER_ID


def test_member_that_falls_silent_is_left_behind_after_its_session(groups: Groups) -> None:
    [first] = groups.stable(session_ms=300)
    group = first.group
    groups.wait_state(group, "Empty")
    assert first.heartbeat() == UNKNOWN_MEMBER_ID
    assert first.try_join().error_code == UNKNOWN_MEMBER_ID


def test_session_end_of_one_makes_the_others_gather(groups: Groups) -> None:
    first, second = groups.stable(2, rebalance_ms=2000)
    silent, other = (first, second) if first.leader != first.member_id else (second, first)
    silent.session_ms = 300
    silent.protocols = [("range", b"shorter session")]
    silent.send_join()
    other.wait_rebalance()
    other.send_join()
    assert silent.joined().generation_id == other.joined().generation_id == 3
    groups.sync([first, second])
    other.wait_rebalance()
    answer = other.join()
    assert (answer.generation_id, list(members_of(answer))) == (4, [other.member_id])


def test_id_that_is_not_used_is_forgotten_after_the_session(groups: Groups) -> None:
    """The group waits for who holds an id, and no longer than its session."""
    [first] = groups.stable()
    late = groups.member(first.group, session_ms=300)
    late.take_id()
    assert list(members_of(first.join())) == [first.member_id]
    assert late.try_join().error_code == UNKNOWN_MEMBER_ID


def test_connection_that_closes_while_its_join_waits(groups: Groups) -> None:
    """The group is not held up for longer than the rebalance time-out of those that are there. Kafka keeps the member until then; ours forgets it at once."""
    [first] = groups.stable(rebalance_ms=2000)
    second = groups.member(first.group, rebalance_ms=2000, session_ms=1000)
    second.take_id()
    second.send_join()
    first.wait_rebalance()
    second.connection.reset()
    answer = first.join()
    members = set(members_of(answer))
    assert first.member_id in members
    if not FOREIGN:
        assert members == {first.member_id}, "a member that is gone is not in the generation"


def test_join_that_waits_keeps_its_member_alive(groups: Groups) -> None:
    """While a join waits the session of that member does not end."""
    [first] = groups.stable(rebalance_ms=1500)
    second = groups.member(first.group, session_ms=200, rebalance_ms=1500)
    second.take_id()
    second.send_join()
    assert second.joined().error_code == kafka.NONE, "answered after first's rebalance time-out, far beyond its own session"
    assert first.heartbeat() == UNKNOWN_MEMBER_ID


# ---- static members (KIP-345)


@pytest.mark.parametrize("version", [5, 6, 7, 8, 9])
def test_static_member_needs_no_round_for_its_id(groups: Groups, version: int) -> None:
    member = groups.member(instance="one")
    answer = member.try_join(version)
    assert (answer.error_code, answer.generation_id) == (kafka.NONE, 1)
    assert [(row.member_id, row.group_instance_id) for row in answer.members] == [(member.member_id, "one")]
    assert member.member_id.startswith("one-")


@pytest.mark.parametrize("version", [5, 8, 9])
def test_static_member_that_restarts_keeps_its_assignment(groups: Groups, version: int) -> None:
    """A follower comes back under a new member id without a rebalance; the old id is fenced."""
    group = new_name("g")
    members = [groups.member(group, instance=name) for name in ("one", "two")]
    leader = groups.gather(members)
    old = next(member for member in members if member is not leader)
    fresh = groups.member(group, instance=old.instance)
    answer = fresh.try_join(version)
    assert (answer.error_code, answer.generation_id) == (kafka.NONE, old.generation)
    assert fresh.member_id != old.member_id
    assert leader.heartbeat() == kafka.NONE, "nobody is asked to come back"
    found = fresh.try_sync(version=5 if version == 9 else 3)
    assert (found.error_code, found.assignment) == (kafka.NONE, f"for {old.member_id}".encode())
    assert old.heartbeat() == FENCED_INSTANCE_ID
    assert old.try_join().error_code == FENCED_INSTANCE_ID
    assert fresh.heartbeat() == kafka.NONE


def test_static_leader_that_restarts_is_told_not_to_assign(groups: Groups) -> None:
    """KIP-814: it leads still, gets all members, and skips the assignment that stands."""
    group = new_name("g")
    members = [groups.member(group, instance=name) for name in ("one", "two")]
    leader = groups.gather(members)
    fresh = groups.member(group, instance=leader.instance)
    answer = fresh.try_join(9)
    assert (answer.error_code, answer.generation_id, answer.leader, answer.skip_assignment) == (kafka.NONE, leader.generation, fresh.member_id, True)
    assert {row.group_instance_id for row in answer.members} == {"one", "two"}
    assert fresh.try_sync().assignment == f"for {leader.member_id}".encode()


def test_static_leader_that_restarts_with_an_old_client_does_not_lead(groups: Groups) -> None:
    """Before KIP-814 the client cannot be told to skip: it is answered as a follower, with the old leader's id."""
    group = new_name("g")
    members = [groups.member(group, instance=name) for name in ("one", "two")]
    leader = groups.gather(members)
    fresh = groups.member(group, instance=leader.instance)
    answer = fresh.try_join(8)
    assert (answer.error_code, answer.generation_id, answer.members) == (kafka.NONE, leader.generation, [])
    assert answer.leader == leader.member_id


def test_static_member_with_other_metadata_makes_a_rebalance(groups: Groups) -> None:
    group = new_name("g")
    members = [groups.member(group, instance=name, protocols=[("range", b"a"), ("sticky", b"a")]) for name in ("one", "two")]
    leader = groups.gather(members)
    old = next(member for member in members if member is not leader)
    fresh = groups.member(group, instance=old.instance, protocols=[("sticky", b"b")])
    fresh.send_join()
    leader.wait_rebalance()
    leader.send_join()
    assert (leader.joined().generation_id, fresh.joined().generation_id) == (3, 3)


def test_static_member_with_a_wrong_id(groups: Groups) -> None:
    [member] = groups.stable(instance="one")
    assert groups.member(member.group, instance="one", member_id="another").try_join().error_code == FENCED_INSTANCE_ID
    assert groups.member(member.group, instance="two", member_id="another").try_join().error_code == UNKNOWN_MEMBER_ID
    assert groups.member(member.group, instance="two", member_id=member.member_id).try_join().error_code == UNKNOWN_MEMBER_ID
    assert member.heartbeat() == kafka.NONE


def test_static_member_does_not_take_part_twice(groups: Groups) -> None:
    """Two processes with one instance id: the later one stands, the earlier one's parked join is fenced."""
    [first] = groups.stable()
    early, late = groups.member(first.group, instance="same"), groups.member(first.group, instance="same")
    early.send_join()
    first.wait_rebalance()
    late.send_join()
    assert early.joined().error_code == FENCED_INSTANCE_ID
    first.send_join()
    assert len(members_of(first.joined())) == 2
    assert late.joined().error_code == kafka.NONE


@ours_only("a bound of ours")
def test_metadata_beyond_the_bound_is_refused(groups: Groups) -> None:
    """What one member may make the broker keep is bounded; the error says so and the group goes on."""
    [member] = groups.stable()
    huge = groups.member(member.group, protocols=[("range", bytes(10 << 20))])
    answer = huge.try_join()
    assert answer.error_code not in (kafka.NONE, MEMBER_ID_REQUIRED)
    assert member.heartbeat() == kafka.NONE
