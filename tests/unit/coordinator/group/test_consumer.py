"""Heartbeats of the consumer protocol, rule by rule, with the clock in hand. What is asserted is what a Kafka 4.4 broker answers to the same requests."""

import pytest

from pybroker.coordinator.group.consumer_state import State
from pybroker.protocol import errors
from tests.unit.coordinator.group.consumer_world import SETTINGS, World, given, picture


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def replay_gives_the_same_state(world: World) -> object:
    """After every case: the log alone makes the same groups."""
    yield
    assert picture(world.replayed()) == picture(world.groups)


def code_of(world: World, member: str, epoch: int, **fields: object) -> tuple[int, str | None]:
    with pytest.raises(errors.KafkaError) as refused:
        world.beat(member, epoch, **fields)  # type: ignore[arg-type]
    return refused.value.code, refused.value.message


JOIN = {"rebalance_timeout_ms": 60_000, "subscribed_topic_names": ["t"], "owns": {}}


@pytest.mark.parametrize(
    ("member", "epoch", "fields", "code", "text"),
    [
        ("m", 0, {**JOIN, "group": ""}, 42, "GroupId can't be empty."),
        ("", 0, JOIN, 42, "MemberId can't be empty."),
        ("", 1, {}, 42, "MemberId can't be empty."),
        ("", -1, {"version": 0}, 42, "MemberId can't be empty."),
        ("m", 0, {}, 42, "RebalanceTimeoutMs must be provided in first request."),
        ("m", 0, {"rebalance_timeout_ms": 5}, 42, "TopicPartitions must be empty when (re-)joining."),
        ("m", 0, {**JOIN, "owns": {bytes(16): [1]}}, 42, "TopicPartitions must be empty when (re-)joining."),
        ("m", 0, {"rebalance_timeout_ms": 5, "owns": {}}, 42, "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining."),
        ("m", -3, {}, 42, "MemberEpoch is invalid."),
        ("m", -2, {}, 42, "InstanceId can't be null."),
        ("m", 0, {**JOIN, "instance_id": ""}, 42, "InstanceId can't be empty."),
        ("m", 0, {**JOIN, "rack_id": ""}, 42, "RackId can't be empty."),
        ("m", 0, {**JOIN, "server_assignor": "foo"}, 112, "ServerAssignor foo is not supported. Supported assignors: uniform, range."),
        ("m", 0, {**JOIN, "server_assignor": ""}, 112, "ServerAssignor  is not supported. Supported assignors: uniform, range."),
        ("m", 5, {}, 69, "Consumer group g not found."),
        ("m", -1, {}, 69, "Group g not found."),
        ("m", -2, {"instance_id": "i"}, 69, "Group g not found."),
    ],
)
def test_what_cannot_be_is_refused(world: World, member: str, epoch: int, fields: dict[str, object], code: int, text: str) -> None:
    assert code_of(world, member, epoch, **fields) == (code, text)
    assert world.groups.groups == {}


def test_a_pattern_that_is_none_is_refused(world: World) -> None:
    code, text = code_of(world, "m", 0, rebalance_timeout_ms=1, owns={}, subscribed_topic_regex="(?=")
    assert code == 128 and text is not None and text.startswith("SubscribedTopicRegex `(?=` is not a valid regular expression: ")


def test_a_subscription_too_long_for_one_record_is_refused(world: World) -> None:
    names = [f"{number:030000}" for number in range(20)]
    assert code_of(world, "m", 0, rebalance_timeout_ms=1, owns={}, subscribed_topic_names=names)[0] == errors.InvalidRequest.code


def test_a_lone_member_has_everything_in_its_first_answer(world: World) -> None:
    topic = world.topics.put("t", 4)
    answer = world.join("a", "t")
    assert (answer.error_code, answer.member_id, answer.member_epoch, answer.heartbeat_interval_ms) == (0, "a", 2, 5000)
    assert given(answer) == {topic: [0, 1, 2, 3]}
    assert world.groups.groups["g"].state == "Stable"


def test_version_0_gets_a_member_id(world: World) -> None:
    world.topics.put("t", 1)
    assert world.join("", "t", version=0).member_id == "id-1"


def test_a_heartbeat_with_nothing_new_writes_nothing(world: World) -> None:
    world.topics.put("t", 4)
    world.join("a", "t")
    written = len(world.log)
    answer = world.beat("a", 2)
    assert (answer.member_epoch, given(answer), len(world.log)) == (2, None, written)


def test_a_partition_moves_only_after_it_was_given_up(world: World) -> None:
    topic = world.topics.put("t", 4)
    world.join("a", "t")
    joined = world.join("b", "t")
    assert (joined.member_epoch, given(joined)) == (3, {})
    told = world.beat("a", 2)
    assert (told.member_epoch, given(told)) == (2, {topic: [0, 1]})
    assert world.groups.groups["g"].members["a"].current.state is State.UNREVOKED
    assert world.groups.groups["g"].state == "Reconciling"
    assert given(world.beat("b", 3)) is None
    assert world.groups.groups["g"].members["b"].current.state is State.UNRELEASED
    still = world.beat("a", 2, owns={topic: [0, 1, 2]})
    assert (still.member_epoch, given(still)) == (2, None)
    done = world.beat("a", 2, owns={topic: [0, 1]})
    assert (done.member_epoch, given(done)) == (3, None)
    assert given(world.beat("b", 3)) == {topic: [2, 3]}
    assert world.groups.groups["g"].state == "Stable"


def test_epochs_and_states_follow_each_other_as_in_kafkas_log(world: World) -> None:
    """(member epoch, the one before, state, epochs of its partitions), record by record, as a Kafka 4.4 broker wrote them for the same requests."""
    topic = world.topics.put("t", 4)

    def state(member: str) -> tuple[int, int, State, list[int], list[int]]:
        found = world.groups.groups["g"].members[member].current
        return found.epoch, found.previous_epoch, found.state, list(found.assigned.get(topic, {}).values()), list(found.revoking.get(topic, {}).values())

    world.join("m1", "t")
    assert state("m1") == (2, 0, State.STABLE, [2, 2, 2, 2], [])
    world.join("m2", "t")
    assert state("m2") == (3, 0, State.UNRELEASED, [], [])
    world.beat("m1", 2)
    assert state("m1") == (2, 2, State.UNREVOKED, [2, 2], [2, 2])
    world.beat("m1", 2, owns={topic: [0, 1]})
    assert state("m1") == (3, 2, State.STABLE, [2, 2], [])
    world.beat("m2", 3)
    assert state("m2") == (3, 3, State.STABLE, [3, 3], [])
    world.beat("m2", 3, subscribed_topic_names=["t", "zz"])
    world.beat("m1", 3)
    assert (state("m2"), state("m1")) == ((4, 3, State.STABLE, [3, 3], []), (4, 3, State.STABLE, [2, 2], []))
    assert code_of(world, "m1", 2, owns={topic: [0, 1]})[0] == errors.FencedMemberEpoch.code, "not the epoch before"


def test_a_member_that_waits_is_written_once(world: World) -> None:
    world.topics.put("t", 4)
    world.join("a", "t")
    world.join("b", "t")
    written = len(world.log)
    world.beat("b", 3)
    world.beat("b", 3, owns={})
    assert len(world.log) == written


def test_epochs_that_are_not_the_members_are_fenced(world: World) -> None:
    topic = world.topics.put("t", 4)
    world.join("a", "t")
    world.join("b", "t")
    world.beat("a", 2)
    world.beat("a", 2, owns={topic: [0, 1]})
    assert code_of(world, "a", 4)[0] == errors.FencedMemberEpoch.code
    assert code_of(world, "a", 2)[0] == errors.FencedMemberEpoch.code
    assert code_of(world, "a", 2, owns={topic: [0, 1, 2]})[0] == errors.FencedMemberEpoch.code
    lost_answer = world.beat("a", 2, owns={topic: [1]})
    assert lost_answer.member_epoch == 3
    assert code_of(world, "nobody", 3) == (25, "Member nobody is not a member of group g.")


def test_a_member_may_join_again_at_any_time(world: World) -> None:
    topic = world.topics.put("t", 4)
    world.join("a", "t")
    world.join("b", "t")
    world.beat("a", 2)
    again = world.join("a", "t")
    assert (again.member_epoch, given(again)) == (3, {topic: [0, 1]}), "whoever joins owns nothing, so nothing is left to give up"
    assert given(world.join("b", "t")) == {topic: [2, 3]}
    assert given(world.join("b", "t")) == {topic: [2, 3]}
    assert world.groups.groups["g"].epoch == 3


def test_a_full_heartbeat_is_answered_in_full(world: World) -> None:
    topic = world.topics.put("t", 2)
    world.join("a", "t")
    assert given(world.beat("a", 2, rebalance_timeout_ms=1000, subscribed_topic_names=["t"])) is None
    assert given(world.beat("a", 2, rebalance_timeout_ms=1000, subscribed_topic_names=["t"], owns={topic: [0]})) == {topic: [0, 1]}


def test_what_a_leaving_member_had_goes_to_the_rest(world: World) -> None:
    topic = world.topics.put("t", 4)
    world.join("a", "t")
    world.join("b", "t")
    gone = world.beat("a", -1)
    assert (gone.member_id, gone.member_epoch, gone.heartbeat_interval_ms) == ("a", -1, 0)
    answer = world.beat("b", 3)
    assert (answer.member_epoch, given(answer)) == (4, {topic: [0, 1, 2, 3]})
    assert code_of(world, "a", -1) == (25, "Member a is not a member of group g.")


def test_a_group_whose_members_all_left_stays_and_is_empty(world: World) -> None:
    world.topics.put("t", 4)
    world.join("a", "t")
    world.beat("a", -1)
    group = world.groups.groups["g"]
    assert (group.state, group.epoch, group.target_epoch, group.owners, group.target) == ("Empty", 3, 3, {}, {})
    assert world.join("b", "t").member_epoch == 4


def test_a_member_that_is_silent_for_its_session_is_fenced(world: World) -> None:
    topic = world.topics.put("t", 4)
    world.join("a", "t")
    world.join("b", "t")
    world.pass_time(44_999)
    world.beat("b", 3)
    world.pass_time(1)
    assert list(world.groups.groups["g"].members) == ["b"]
    assert given(world.beat("b", 3)) == {topic: [0, 1, 2, 3]}
    assert code_of(world, "a", 2)[0] == errors.UnknownMemberId.code


def test_a_member_that_does_not_give_up_in_time_is_fenced(world: World) -> None:
    topic = world.topics.put("t", 4)
    world.join("a", "t", rebalance_timeout_ms=10_000)
    world.join("b", "t")
    world.beat("a", 2)
    world.pass_time(9_000)
    world.beat("a", 2, owns={topic: [0, 1, 2, 3]})
    world.beat("b", 3)
    world.pass_time(1_000)
    assert code_of(world, "a", 2)[0] == errors.UnknownMemberId.code
    assert given(world.beat("b", 3)) == {topic: [0, 1, 2, 3]}


def test_who_gave_up_in_time_is_not_fenced(world: World) -> None:
    topic = world.topics.put("t", 4)
    world.join("a", "t", rebalance_timeout_ms=10_000)
    world.join("b", "t")
    world.beat("a", 2)
    world.beat("a", 2, owns={topic: [0, 1]})
    world.pass_time(30_000)
    assert world.beat("a", 3).member_epoch == 3


def test_a_full_group_takes_nobody_but_its_own() -> None:
    world = World(SETTINGS._replace(members_max=1))
    world.topics.put("t", 4)
    world.join("a", "t")
    assert code_of(world, "b", 0, **JOIN) == (81, "The consumer group has reached its maximum capacity of 1 members.")
    assert world.join("a", "t").error_code == 0


# ---- subscriptions and topics


def test_a_changed_subscription_is_a_new_epoch(world: World) -> None:
    topic, other = world.topics.put("t", 2), world.topics.put("u", 2)
    world.join("a", "t")
    answer = world.beat("a", 2, subscribed_topic_names=["u", "t", "u"])
    assert (answer.member_epoch, given(answer)) == (3, {topic: [0, 1], other: [0, 1]})
    same = world.beat("a", 3, subscribed_topic_names=["t", "u"])
    assert same.member_epoch == 3


def test_topics_that_come_grow_and_go_are_noticed(world: World) -> None:
    assert given(world.join("a", "t")) == {}
    topic = world.topics.put("t", 1)
    answer = world.beat("a", 2)
    assert (answer.member_epoch, given(answer)) == (3, {topic: [0]})
    world.topics.put("t", 2)
    answer = world.beat("a", 3)
    assert (answer.member_epoch, given(answer)) == (4, {topic: [0, 1]})
    world.topics.put("unrelated", 2)
    assert world.beat("a", 4).member_epoch == 4
    world.topics.remove("t")
    told = world.beat("a", 4)
    assert (told.member_epoch, given(told)) == (4, {})
    assert world.beat("a", 4, owns={}).member_epoch == 5


def test_a_topic_made_anew_under_its_name_is_another(world: World) -> None:
    old = world.topics.put("t", 1)
    world.join("a", "t")
    world.topics.remove("t")
    new = world.topics.put("t", 1)
    world.beat("a", 2)
    assert given(world.beat("a", 2, owns={})) == {new: [0]} and new != old


def test_a_pattern_means_whole_names_and_takes_in_new_topics(world: World) -> None:
    first = world.topics.put("log-a", 1)
    world.topics.put("blog-a", 1)
    answer = world.join("a", subscribed_topic_regex="log-.")
    assert (answer.member_epoch, given(answer)) == (2, {first: [0]})
    second = world.topics.put("log-b", 1)
    answer = world.beat("a", 2)
    assert (answer.member_epoch, given(answer)) == (3, {first: [0], second: [0]})
    assert world.groups.groups["g"].regexes["log-."].topics == ("log-a", "log-b")


def test_a_pattern_that_nobody_has_any_more_is_forgotten(world: World) -> None:
    topic = world.topics.put("t", 1)
    world.join("a", subscribed_topic_regex="t|u")
    world.beat("a", 2, subscribed_topic_regex="", subscribed_topic_names=["t"])
    assert world.groups.groups["g"].regexes == {}
    assert world.groups.groups["g"].members["a"].current.assigned[topic].keys() == {0}


def test_names_and_pattern_add_up(world: World) -> None:
    named, matched = world.topics.put("t", 1), world.topics.put("log-a", 1)
    assert given(world.join("a", "t", subscribed_topic_regex="log-.*")) == {named: [0], matched: [0]}


def test_most_votes_choose_the_assignor(world: World) -> None:
    topics = [world.topics.put(name, 3) for name in ("t", "u")]
    world.join("a", "t", "u", server_assignor="range")
    world.join("b", "t", "u")
    told = world.beat("a", 2)
    assert given(told) == {topic: [0, 1] for topic in topics}, "range: two and one of each topic"
    answer = world.beat("b", 3, server_assignor="uniform")
    assert answer.member_epoch == 4, "another assignor may mean another assignment"


# ---- several assignments in one


def test_assignments_are_gathered_but_not_for_a_lone_member() -> None:
    world = World(SETTINGS._replace(assignment_interval_ms=1000))
    topic = world.topics.put("t", 4)
    assert given(world.join("a", "t")) == {topic: [0, 1, 2, 3]}
    joined = world.join("b", "t")
    assert (joined.member_epoch, given(joined)) == (2, {})
    assert world.groups.groups["g"].state == "Assigning"
    assert given(world.beat("a", 2)) is None
    world.pass_time(1000)
    assert given(world.beat("a", 2)) == {topic: [0, 1]}
    world.beat("a", -1)
    assert given(world.beat("b", 2)) == {topic: [0, 1, 2, 3]}


# ---- static members


def test_an_instance_id_in_use_is_not_given_away(world: World) -> None:
    world.topics.put("t", 4)
    world.join("a", "t", instance_id="i")
    assert code_of(world, "b", 0, **JOIN, instance_id="i")[0] == errors.UnreleasedInstanceId.code
    assert code_of(world, "b", 2, instance_id="i")[0] == errors.FencedInstanceId.code
    assert code_of(world, "b", -2, instance_id="i") == (82, "Static member b with instance id i was fenced by member a.")
    assert code_of(world, "a", 2, instance_id="x") == (25, "Instance id x is unknown.")
    assert world.beat("a", 2).member_epoch == 2


def test_a_static_member_comes_back_to_what_it_had(world: World) -> None:
    topic = world.topics.put("t", 4)
    world.join("a", "t", instance_id="i")
    world.join("z", "t")
    world.beat("a", 2)
    world.beat("a", 2, owns={topic: [0, 1]})
    world.beat("z", 3)
    assert world.beat("a", -2, instance_id="i").member_epoch == -2
    assert world.beat("a", -2, instance_id="i").member_epoch == -2
    assert code_of(world, "a", 3, instance_id="i")[0] == errors.FencedMemberEpoch.code
    assert world.beat("z", 3).member_epoch == 3, "nothing moves while it is away"
    back = world.join("b", "t", instance_id="i")
    assert (back.member_epoch, given(back)) == (3, {topic: [0, 1]})
    assert sorted(world.groups.groups["g"].members) == ["b", "z"]
    assert world.groups.groups["g"].epoch == 3


def test_a_static_member_that_stays_away_is_out_when_its_session_ends(world: World) -> None:
    world.topics.put("t", 4)
    world.join("a", "t", instance_id="i")
    world.beat("a", -2, instance_id="i")
    world.pass_time(45_000)
    assert world.groups.groups["g"].members == {}
    assert world.join("b", "t", instance_id="i").member_epoch == 4


def test_a_static_member_may_leave_for_good(world: World) -> None:
    world.topics.put("t", 4)
    world.join("a", "t", instance_id="i")
    world.beat("a", -1)
    assert world.groups.groups["g"].statics == {}


# ---- heartbeats that the loops answer


def test_loops_are_told_of_members_that_have_nothing_to_hear(world: World) -> None:
    topic = world.topics.put("t", 4)
    world.join("a", "t", instance_id="i")
    told = world.steady["g", "a"]
    assert (told.instance_id, told.generation, told.interval_ms, told.consumer) == ("i", 2, 5000, True)
    world.join("b", "t")
    assert world.steady == {}, "a has to give up, b waits for it"
    world.beat("a", 2)
    world.beat("a", 2, owns={topic: [0, 1]})
    world.beat("b", 3)
    assert sorted(world.steady) == [("g", "a"), ("g", "b")]


def test_loops_are_told_before_a_member_has_something_to_hear(world: World) -> None:
    world.topics.put("t", 4)
    world.join("a", "t", instance_id="i")
    world.topics.put("other", 1)
    world.topics_changed()
    assert ("g", "a") in world.steady
    world.topics.put("t", 5)
    world.topics_changed()
    assert world.steady == {} and world.groups.groups["g"].state == "Assigning"
    world.beat("a", 2)
    assert ("g", "a") in world.steady
    turn = world.turn()
    world.groups.settings_changed(turn)
    world.keep(turn)
    assert world.steady == {}
    world.beat("a", 3)
    world.beat("a", -2, instance_id="i")
    assert world.steady == {}


def test_what_the_loops_heard_keeps_a_member_alive(world: World) -> None:
    world.topics.put("t", 4)
    world.join("a", "t")
    world.pass_time(40_000)
    assert world.loop_answers("a", 2)
    world.pass_time(44_999)
    assert "a" in world.groups.groups["g"].members
    world.pass_time(1)
    assert "a" not in world.groups.groups["g"].members


# ---- restart, deletion


def test_after_a_restart_members_go_on_at_their_epoch(world: World) -> None:
    topic = world.topics.put("t", 4)
    world.join("a", "t")
    world.join("b", "t")
    world.beat("a", 2)
    world.restart()
    assert world.beat("a", 2, owns={topic: [0, 1]}).member_epoch == 3
    assert given(world.beat("b", 3)) == {topic: [2, 3]}
    world.restart()
    world.pass_time(45_000)
    assert world.groups.groups["g"].members == {}


def test_a_restart_keeps_the_time_to_give_up(world: World) -> None:
    topic = world.topics.put("t", 4)
    world.join("a", "t", rebalance_timeout_ms=10_000)
    world.join("b", "t")
    world.beat("a", 2)
    world.restart()
    world.beat("a", 2, owns={topic: [0, 1, 2, 3]})
    world.pass_time(10_000)
    assert "a" not in world.groups.groups["g"].members


def test_only_an_empty_group_can_be_deleted(world: World) -> None:
    world.topics.put("t", 4)
    world.join("a", subscribed_topic_regex="t.*")
    with pytest.raises(errors.NonEmptyGroup):
        world.groups.delete("g", world.turn())
    world.beat("a", -1)
    turn = world.turn()
    world.groups.delete("g", turn)
    world.keep(turn)
    assert world.groups.groups == {}
    latest = {record.key: record.value for record in world.log}
    assert set(latest.values()) == {None}, "a compacted log keeps nothing of it"
    with pytest.raises(errors.GroupIdNotFound):
        world.groups.delete("g", turn)
