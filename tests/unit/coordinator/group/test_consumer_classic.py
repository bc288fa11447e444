"""Classic members inside of a consumer group, and groups that change their type. What is asserted is what a Kafka 4.4 broker answers to the same requests."""

from collections.abc import Mapping, Sequence

import pytest

from pybroker.coordinator.group import consumer_classic
from pybroker.coordinator.group.consumer_change import ClassicGroupFacts, ClassicMember
from pybroker.coordinator.group.consumer_offsets import check_commit, check_fetch, check_offset_delete, may_expire
from pybroker.coordinator.group.consumer_state import ConsumerGroup
from pybroker.coordinator.group.embedded import read_assignment, read_subscription, write_assignment
from pybroker.coordinator.group.upgrade import check_upgrade, upgrade
from pybroker.protocol import errors
from pybroker.protocol.messages.consumer_protocol import ConsumerProtocolSubscription, ConsumerProtocolSubscriptionTopicPartition
from pybroker.protocol.messages.k11_join_group import JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse
from pybroker.protocol.messages.k12_heartbeat import HeartbeatRequest
from pybroker.protocol.messages.k13_leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberIdentity
from pybroker.protocol.messages.k14_sync_group import SyncGroupRequest
from tests.unit.coordinator.group.consumer_world import SETTINGS, World, given, picture


@pytest.fixture
def world() -> World:
    world = World()
    world.topics.put("t", 4)
    return world


def subscribed(topics: Sequence[str] = ("t",), owned: Mapping[str, Sequence[int]] = {}, version: int = 1) -> bytes:
    places = [ConsumerProtocolSubscriptionTopicPartition(topic=name, partitions=list(partitions)) for name, partitions in owned.items()]
    return version.to_bytes(2, "big") + bytes(ConsumerProtocolSubscription(topics=list(topics), owned_partitions=places).encode(version))


def group_of(world: World) -> ConsumerGroup:
    return world.groups.groups["g"]


def join(
    world: World,
    member: str,
    *,
    version: int = 9,
    names: Sequence[str] = ("range",),
    instance: str | None = None,
    session_ms: int = 45_000,
    metadata: bytes | None = None,
    kind: str = "consumer",
) -> JoinGroupResponse | None:
    protocols = [JoinGroupRequestProtocol(name=name, metadata=subscribed() if metadata is None else metadata) for name in names]
    request = JoinGroupRequest(
        group_id="g", member_id=member, group_instance_id=instance, session_timeout_ms=session_ms, rebalance_timeout_ms=60_000, protocol_type=kind, protocols=protocols
    )
    turn = world.turn()
    try:
        answer = consumer_classic.join(world.groups, group_of(world), request, version, "old", "/127.0.0.1", turn, world.new_id)
    except errors.KafkaError:
        assert not turn.records
        raise
    world.keep(turn)
    if answer is not None:
        answer.encode(version)
    return answer


def sync(world: World, member: str, generation: int, **fields: str) -> dict[str, tuple[int, ...]]:
    request = SyncGroupRequest(group_id="g", member_id=member, generation_id=generation, **{"protocol_type": "consumer", "protocol_name": "range", **fields})
    turn = world.turn()
    answer = consumer_classic.sync(world.groups, group_of(world), request, 5, turn)
    world.keep(turn)
    assert answer.error_code == 0 and answer.protocol_name == "range"
    return read_assignment(answer.assignment)


def beat(world: World, member: str, generation: int) -> int:
    turn = world.turn()
    answer = consumer_classic.heartbeat(world.groups, group_of(world), HeartbeatRequest(group_id="g", member_id=member, generation_id=generation), turn)
    world.keep(turn)
    return answer.error_code


def leave(world: World, *members: MemberIdentity, version: int = 5) -> LeaveGroupResponse:
    request = LeaveGroupRequest(group_id="g", members=list(members)) if version >= 3 else LeaveGroupRequest(group_id="g", member_id=members[0].member_id)
    turn = world.turn()
    answer = consumer_classic.leave(world.groups, group_of(world), request, version, turn)
    world.keep(turn)
    return answer


@pytest.fixture
def mixed(world: World) -> World:
    """A member of each protocol, both with their half."""
    topic = world.topics.by_name["t"].id
    world.join("new", "t")
    assert (join(world, "old") or pytest.fail()).generation_id == 3
    assert sync(world, "old", 3) == {}
    world.beat("new", 2)
    world.beat("new", 2, owns={topic: [0, 1]})
    assert beat(world, "old", 3) == errors.RebalanceInProgress.code, "what it waits for is free"
    join(world, "old")
    assert sync(world, "old", 3) == {"t": (2, 3)}
    assert beat(world, "old", 3) == 0
    assert picture(world.replayed()) == picture(world.groups)
    return world


def test_a_new_member_gets_its_id_first(world: World) -> None:
    world.join("new", "t")
    asked = join(world, "")
    assert asked is not None and (asked.error_code, asked.member_id, asked.generation_id) == (errors.MemberIdRequired.code, "id-1", -1)
    assert list(group_of(world).members) == ["new"]
    old = join(world, "", version=3)
    assert old is not None and (old.error_code, old.member_id) == (0, "id-2")


def test_nobody_is_leader_and_all_are_answered_at_once(mixed: World) -> None:
    answer = join(mixed, "old")
    assert answer is not None
    assert (answer.error_code, answer.generation_id, answer.protocol_type, answer.protocol_name, answer.leader, answer.members) == (0, 3, "consumer", "range", "", [])
    assert group_of(mixed).state == "Stable"


def test_a_cooperative_member_gives_up_in_two_joins(mixed: World) -> None:
    topic = mixed.topics.by_name["t"].id
    mixed.join("third", "t")
    assert beat(mixed, "old", 3) == errors.RebalanceInProgress.code
    first = join(mixed, "old", metadata=subscribed(owned={"t": [2, 3]}))
    assert first is not None and first.generation_id == 3, "it stays at its epoch while it owns too much"
    kept = sync(mixed, "old", 3)
    assert len(kept["t"]) == 1
    assert beat(mixed, "old", 3) == errors.RebalanceInProgress.code
    second = join(mixed, "old", metadata=subscribed(owned=kept))
    assert second is not None and second.generation_id == 4
    assert sync(mixed, "old", 4) == kept
    assert sum(map(len, (given(mixed.beat("third", 4)) or {}).values())) == 1
    assert topic in group_of(mixed).owners


@pytest.mark.parametrize(
    ("member", "generation", "fields", "error"),
    [
        ("old", 99, {}, errors.IllegalGeneration),
        ("nobody", 3, {}, errors.UnknownMemberId),
        ("new", 3, {}, errors.UnknownMemberId),
        ("old", 3, {"protocol_name": "foo"}, errors.InconsistentGroupProtocol),
        ("old", 3, {"protocol_type": "foo"}, errors.InconsistentGroupProtocol),
    ],
)
def test_a_sync_that_does_not_fit_is_refused(mixed: World, member: str, generation: int, fields: dict[str, str], error: type[errors.KafkaError]) -> None:
    with pytest.raises(error):
        sync(mixed, member, generation, **fields)


def test_a_sync_behind_the_target_asks_for_a_join(mixed: World) -> None:
    mixed.join("third", "t")
    with pytest.raises(errors.RebalanceInProgress):
        sync(mixed, "old", 3)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"kind": "connect"}, errors.InconsistentGroupProtocol),
        ({"names": ["roundrobin"], "member": "x"}, errors.InconsistentGroupProtocol),
        ({"names": []}, errors.InconsistentGroupProtocol),
        ({"metadata": b"\0\1\0"}, errors.InconsistentGroupProtocol),
        ({"metadata": b""}, errors.InconsistentGroupProtocol),
        ({"session_ms": 1}, errors.InvalidSessionTimeout),
        ({"member": "x", "instance": "i"}, errors.UnknownMemberId),
    ],
)
def test_a_join_that_does_not_fit_is_refused(mixed: World, fields: dict[str, object], error: type[errors.KafkaError]) -> None:
    member = fields.pop("member", "old")
    with pytest.raises(error):
        join(mixed, member, **fields)  # type: ignore[arg-type]


def test_a_member_may_go_back_to_the_classic_protocol(mixed: World) -> None:
    answer = join(mixed, "new")
    assert answer is not None and answer.generation_id == 3
    assert all(member.is_classic for member in group_of(mixed).members.values())


def test_who_does_not_sync_or_join_in_time_is_fenced(mixed: World) -> None:
    mixed.join("third", "t")
    assert beat(mixed, "old", 3) == errors.RebalanceInProgress.code
    for _ in range(12):
        mixed.pass_time(5000)
        for member in ("new", "third"):
            mixed.beat(member, group_of(mixed).members[member].current.epoch)
        if "old" in group_of(mixed).members:
            beat(mixed, "old", 3)
    assert "old" not in group_of(mixed).members, "it lived on, but did not do as told"


def test_a_classic_member_ends_with_its_own_session(world: World) -> None:
    world.join("new", "t")
    join(world, "old", session_ms=6000)
    world.pass_time(6000)
    assert list(group_of(world).members) == ["new"]


def test_a_static_member_is_started_again(world: World) -> None:
    world.join("new", "t")
    first = join(world, "", instance="i")
    assert first is not None and first.error_code == 0
    again = join(world, "", instance="i")
    assert again is not None and again.member_id != first.member_id
    assert sorted(group_of(world).members) == sorted(["new", again.member_id])
    with pytest.raises(errors.FencedInstanceId):
        join(world, first.member_id, instance="i")
    upgraded = world.join("fresh", "t", instance_id="i")
    assert upgraded.error_code == 0 and "fresh" in group_of(world).members
    with pytest.raises(errors.UnreleasedInstanceId):
        join(world, "", instance="i")


def test_members_leave_by_id_or_instance(mixed: World) -> None:
    static = join(mixed, "", instance="i")
    assert static is not None
    wishes = [MemberIdentity(member_id="zz"), MemberIdentity(member_id="old", group_instance_id="s"), MemberIdentity(member_id="old", group_instance_id="i")]
    assert [answer.error_code for answer in leave(mixed, *wishes).members] == [25, 25, 82]
    assert [answer.error_code for answer in leave(mixed, MemberIdentity(group_instance_id="i"), MemberIdentity(member_id="old")).members] == [0, 0]
    assert list(group_of(mixed).members) == ["new"]
    assert leave(mixed, MemberIdentity(member_id="zz"), version=2).error_code == errors.UnknownMemberId.code


# ---- the type of a group changes


def test_when_only_classic_members_stay_the_group_becomes_classic(mixed: World) -> None:
    mixed.beat("new", -1)
    assert mixed.groups.groups == {}
    (classic,) = mixed.downgraded
    assert (classic.group_id, classic.generation, classic.protocol, classic.leader) == ("g", 3, "range", "old")
    (member,) = classic.members
    assert (member.member_id, member.session_timeout_ms, member.rebalance_timeout_ms) == ("old", 45_000, 60_000)
    assert read_assignment(member.assignment) == {"t": (2, 3)}
    assert set({record.key: record.value for record in mixed.log}.values()) == {None}


def test_a_group_of_classic_members_may_be_kept_a_consumer_group() -> None:
    world = World(SETTINGS._replace(may_downgrade=False))
    topic = world.topics.put("t", 4)
    world.join("new", "t")
    join(world, "old")
    world.beat("new", -1)
    assert (topic in group_of(world).owners, world.downgraded) == (False, [])
    assert beat(world, "old", 3) == errors.RebalanceInProgress.code
    join(world, "old")
    assert sync(world, "old", 4) == {"t": (0, 1, 2, 3)}


def test_a_static_member_that_goes_back_takes_the_group_with_it(mixed: World) -> None:
    mixed.beat("new", -1)
    world = World()
    world.topics.put("t", 4)
    world.join("new", "t", instance_id="i")
    join(world, "old")
    world.beat("new", -2, instance_id="i")
    assert join(world, "", instance="i") is None
    assert [member.member_id for member in world.downgraded[0].members] == ["old"]


def classic_group(assignments: Mapping[str, Mapping[str, tuple[int, ...]]], **fields: object) -> ClassicGroupFacts:
    members = tuple(
        ClassicMember(member_id, None, "old", "/127.0.0.1", 60_000, 45_000, (("range", subscribed()),), write_assignment(mine, 1)) for member_id, mine in assignments.items()
    )
    return ClassicGroupFacts("g", 7, "range", members[0].member_id, members)._replace(**fields)  # type: ignore[arg-type]


def test_a_live_classic_group_goes_on_as_a_consumer_group(world: World) -> None:
    topic = world.topics.by_name["t"].id
    classic = classic_group({"a": {"t": (0, 1, 9), "gone": (0,)}, "b": {"t": (1, 2, 3)}})
    check_upgrade(classic, "consumer", SETTINGS)
    turn = world.turn()
    world.groups.adopt([upgrade(classic, turn, world.topics)], turn)
    world.keep(turn)
    assert picture(world.replayed()) == picture(world.groups)
    group = group_of(world)
    assert {member.id: dict(member.current.assigned) for member in group.members.values()} == {"a": {topic: {0: 7, 1: 7}}, "b": {topic: {2: 7, 3: 7}}}, "none twice, none that is not"
    assert beat(world, "a", 7) == 0, "nothing happens by the change alone"
    joined = world.join("new", "t")
    assert (joined.member_epoch, given(joined)) == (8, {})
    assert {beat(world, "a", 7), beat(world, "b", 7)} == {errors.RebalanceInProgress.code}
    for member in ("a", "b"):
        answer = join(world, member)
        assert answer is not None and answer.generation_id == 8
        sync(world, member, 8)
    assert sum(map(len, (given(world.beat("new", 8)) or {}).values())) == 1
    assert group.state == "Stable"
    assert picture(world.replayed()) == picture(world.groups)
    world.pass_time(45_000)
    assert group_of(world).members == {}, "sessions run from the change on"


@pytest.mark.parametrize(
    ("kind", "fields", "settings", "reason"),
    [
        ("consumer", {}, {"may_upgrade": False}, "online upgrade is disabled."),
        ("connect", {}, {}, "the group does not use the consumer embedded protocol."),
        ("consumer", {}, {"members_max": 0}, "the group is larger than a consumer group may be."),
    ],
)
def test_what_cannot_be_upgraded_stays_classic(kind: str, fields: dict[str, object], settings: dict[str, object], reason: str) -> None:
    with pytest.raises(errors.GroupIdNotFound) as refused:
        check_upgrade(classic_group({"a": {}}), kind, SETTINGS._replace(**settings))  # type: ignore[arg-type]
    assert refused.value.message == f"Cannot upgrade classic group g to consumer group because {reason}"


def test_members_that_cannot_be_read_are_not_upgraded() -> None:
    classic = classic_group({"a": {}})
    for broken in (classic.members[0]._replace(assignment=b"\0\1\xff"), classic.members[0]._replace(protocols=(("range", b"\0"),)), classic.members[0]._replace(protocols=())):
        with pytest.raises(errors.GroupIdNotFound):
            check_upgrade(classic._replace(members=(broken,)), "consumer", SETTINGS)


def test_embedded_versions_beyond_ours_are_read_as_the_newest_known() -> None:
    data = subscribed(version=3)
    assert read_subscription(b"\0\7" + data[2:] + b"more") == read_subscription(data)


# ---- offsets


@pytest.mark.parametrize(
    ("member", "epoch", "version", "error"),
    [
        ("new", 3, 9, None),
        ("new", 2, 9, errors.StaleMemberEpoch),
        ("new", 4, 9, errors.StaleMemberEpoch),
        ("new", -1, 9, errors.StaleMemberEpoch),
        ("new", 3, 8, errors.UnsupportedVersion),
        ("old", 3, 8, None),
        ("old", 2, 9, errors.IllegalGeneration),
        ("nobody", 3, 9, errors.UnknownMemberId),
        ("", -1, 9, errors.UnknownMemberId),
    ],
)
def test_commits_are_taken_from_members_at_their_epoch(mixed: World, member: str, epoch: int, version: int, error: type[errors.KafkaError] | None) -> None:
    if error is None:
        check_commit(group_of(mixed), member, epoch, version)
    else:
        with pytest.raises(error):
            check_commit(group_of(mixed), member, epoch, version)


def test_an_empty_group_takes_commits_from_outside(world: World) -> None:
    world.join("new", "t")
    world.beat("new", -1)
    check_commit(group_of(world), "", -1, 9)
    check_commit(group_of(world), "anybody", -1, 9)
    with pytest.raises(errors.UnknownMemberId):
        check_commit(group_of(world), "new", 3, 9)


@pytest.mark.parametrize(("member", "epoch", "error"), [("new", 4, errors.StaleMemberEpoch), ("old", 4, errors.IllegalGeneration), ("zz", 3, errors.UnknownMemberId), ("", -1, errors.UnknownMemberId)])
def test_offsets_are_read_by_members_at_their_epoch_or_by_nobody_in_particular(mixed: World, member: str, epoch: int, error: type[errors.KafkaError]) -> None:
    check_fetch(group_of(mixed), None, -1)
    check_fetch(group_of(mixed), "new", 3)
    with pytest.raises(error):
        check_fetch(group_of(mixed), member, epoch)


def test_offsets_of_subscribed_topics_stay(mixed: World) -> None:
    with pytest.raises(errors.GroupSubscribedToTopic):
        check_offset_delete(group_of(mixed), "t")
    check_offset_delete(group_of(mixed), "u")
    assert (may_expire(group_of(mixed), "t"), may_expire(group_of(mixed), "u")) == (False, True)
