"""ConsumerGroupHeartbeat (API key 68): joining, epochs, fencing, who owns what and when, patterns, static members (KIP-848). Epochs are compared with each other, not with numbers:
where they begin is the broker's choice."""

from typing import Any

import pytest

from tests.support import kafka
from tests.support.consumer_groups import LEAVE_FOR_A_WHILE, ConsumerGroups, assert_one_owner, owned_counts
from tests.support.groups import (
    FENCED_INSTANCE_ID,
    FENCED_MEMBER_EPOCH,
    GROUP_ID_NOT_FOUND,
    GROUP_MAX_SIZE_REACHED,
    INVALID_REGULAR_EXPRESSION,
    STALE_MEMBER_EPOCH,
    UNKNOWN_MEMBER_ID,
    UNRELEASED_INSTANCE_ID,
    UNSUPPORTED_ASSIGNOR,
    fetch_request,
    served,
    wait_until,
)
from tests.support.kafka import new_name
from tests.support.wire import versions

pytestmark = served(8, 9, 10, 68, 69)
GROUP_RESOURCE = 32


# ---- alone


@pytest.mark.parametrize("version", versions(68))
def test_lone_member_has_everything_with_its_first_answer(consumer_groups: ConsumerGroups, version: int) -> None:
    topic = consumer_groups.topic(4)
    member = consumer_groups.consumer(topics=[topic])
    answer = member.join(version)
    assert answer.member_epoch > 0 and answer.heartbeat_interval_ms == 5000 and answer.error_message is None
    assert member.assigned == {topic: [0, 1, 2, 3]}
    assert member.take().assignment is None, "it has what it must have"
    assert member.beat(version).member_epoch == answer.member_epoch


def test_member_id_is_made_by_the_client_from_version_one(consumer_groups: ConsumerGroups) -> None:
    """KIP-1082. Before it the broker makes one."""
    topic = consumer_groups.topic()
    member = consumer_groups.consumer(topics=[topic])
    member.member_id = ""
    assert member.try_join(1).error_code == kafka.INVALID_REQUEST
    answer = member.try_join(0)
    assert (answer.error_code, bool(answer.member_id)) == (kafka.NONE, True)


def test_several_topics_and_one_that_comes_later(consumer_groups: ConsumerGroups) -> None:
    one, two, later = consumer_groups.topic(2), consumer_groups.topic(1), new_name("later")
    member = consumer_groups.consumer(topics=[one, two, later])
    member.join()
    assert member.assigned == {one: [0, 1], two: [0]}
    member.take()
    consumer_groups.client.create_topic(2, name=later)
    wait_until(lambda: True if member.beat().assignment is not None else None, "the new topic's partitions")
    assert member.assigned == {one: [0, 1], two: [0], later: [0, 1]}


def test_change_of_subscription(consumer_groups: ConsumerGroups) -> None:
    one, two = consumer_groups.topic(2), consumer_groups.topic(2)
    [member] = consumer_groups.consumers(1, [one])
    before = member.epoch
    member.beat(subscribed_topic_names=[one, two])
    consumer_groups.settle(member)
    assert member.owned == {one: [0, 1], two: [0, 1]} and member.epoch > before
    member.beat(subscribed_topic_names=[two])
    consumer_groups.settle(member)
    assert member.owned == {two: [0, 1]}


def test_nothing_subscribed(consumer_groups: ConsumerGroups) -> None:
    member = consumer_groups.consumer(topics=[])
    assert member.join().assignment is not None and member.assigned == {}


# ---- refused


JOIN_ERRORS: list[tuple[str, dict[str, Any], int]] = [
    ("no group", {"group_id": ""}, kafka.INVALID_REQUEST),
    ("blank group", {"group_id": "  "}, kafka.INVALID_REQUEST),
    ("no rebalance time-out", {"rebalance_timeout_ms": -1}, kafka.INVALID_REQUEST),
    ("no subscription", {"subscribed_topic_names": None}, kafka.INVALID_REQUEST),
    ("partitions not told", {"topic_partitions": None}, kafka.INVALID_REQUEST),
    ("empty instance", {"instance_id": ""}, kafka.INVALID_REQUEST),
    ("empty rack", {"rack_id": ""}, kafka.INVALID_REQUEST),
    ("unknown assignor", {"server_assignor": "nobody's"}, UNSUPPORTED_ASSIGNOR),
    ("empty assignor", {"server_assignor": ""}, UNSUPPORTED_ASSIGNOR),
    ("epoch below -2", {"member_epoch": -3}, kafka.INVALID_REQUEST),
    ("leaves for a while without an instance", {"member_epoch": -2}, kafka.INVALID_REQUEST),
    ("bad pattern", {"subscribed_topic_regex": "["}, INVALID_REGULAR_EXPRESSION),
    ("pattern of another dialect", {"subscribed_topic_regex": "(?=a)b"}, INVALID_REGULAR_EXPRESSION),
]


@pytest.mark.parametrize(("fields", "code"), [row[1:] for row in JOIN_ERRORS], ids=[row[0] for row in JOIN_ERRORS])
def test_join_that_cannot_be(consumer_groups: ConsumerGroups, fields: dict[str, Any], code: int) -> None:
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic])
    other = consumer_groups.consumer(member.group, [topic])
    answer = other.try_join(**fields)
    assert (answer.error_code, answer.member_epoch, answer.assignment) == (code, 0, None) and answer.error_message
    assert len(consumer_groups.consumer_group(member.group).members) == 1
    assert member.is_content(), "the group is not disturbed"


def test_join_with_partitions(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic])
    rows = member.rows({topic: [0]})
    assert consumer_groups.consumer(member.group, [topic]).try_join(topic_partitions=rows).error_code == kafka.INVALID_REQUEST


@pytest.mark.parametrize("version", versions(68))
def test_unknown_member_and_group(consumer_groups: ConsumerGroups, version: int) -> None:
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic])
    stranger = consumer_groups.consumer(member.group, [topic])
    stranger.epoch = member.epoch
    assert stranger.send(version).error_code == UNKNOWN_MEMBER_ID
    assert stranger.leave().error_code == UNKNOWN_MEMBER_ID
    nowhere = consumer_groups.consumer(topics=[topic])
    assert nowhere.send(version, member_epoch=1).error_code == GROUP_ID_NOT_FOUND
    assert nowhere.leave().error_code == GROUP_ID_NOT_FOUND


def test_wrong_epoch_is_fenced(consumer_groups: ConsumerGroups) -> None:
    """Later than the broker's: fenced. Earlier: fenced too, but for the one before, with all that it must own (the answer may have been lost)."""
    one, two = consumer_groups.topic(2), consumer_groups.topic(2)
    [member] = consumer_groups.consumers(1, [one])
    first = member.epoch
    for epoch in (first + 1, first + 7, 2**31 - 1):
        answer = member.send(member_epoch=epoch)
        assert (answer.error_code, answer.assignment) == (FENCED_MEMBER_EPOCH, None) and answer.error_message
    member.beat(subscribed_topic_names=[one, two])
    consumer_groups.settle(member)
    assert member.epoch == first + 1
    again = member.send(member_epoch=first, topic_partitions=member.rows(member.owned))
    assert (again.error_code, again.member_epoch) == (kafka.NONE, first + 1)
    assert member.send(member_epoch=first).error_code == FENCED_MEMBER_EPOCH, "without its partitions"
    assert member.send(member_epoch=first, topic_partitions=member.rows({one: [0], two: [0, 1, 2]})).error_code == FENCED_MEMBER_EPOCH, "with others than its own"


def test_join_again_is_answered_from_what_stands(consumer_groups: ConsumerGroups) -> None:
    """A client that lost its state comes back under its id."""
    topic = consumer_groups.topic(3)
    [member] = consumer_groups.consumers(1, [topic])
    epoch = member.epoch
    member.join()
    assert (member.epoch, member.assigned) == (epoch, {topic: [0, 1, 2]})


def test_full_group(consumer_groups: ConsumerGroups) -> None:
    """group.consumer.max.size is 20 here."""
    topic = consumer_groups.topic()
    first = consumer_groups.consumer(topics=[topic])
    members = [first] + [consumer_groups.consumer(first.group, [topic]) for _ in range(19)]
    for member in members:
        member.join()
    answer = consumer_groups.consumer(first.group, [topic]).try_join()
    assert answer.error_code == GROUP_MAX_SIZE_REACHED and answer.error_message
    assert members[3].leave().error_code == kafka.NONE
    assert consumer_groups.consumer(first.group, [topic]).try_join().error_code == kafka.NONE


@pytest.mark.parametrize("group", ["nul\0byte", "new\nline", "ü€😀", "x" * 20_000])
def test_any_text_may_be_a_group(consumer_groups: ConsumerGroups, group: str) -> None:
    topic = consumer_groups.topic()
    member = consumer_groups.consumer(f"{group} of consumers", [topic])
    member.join()
    assert member.assigned == {topic: [0]}
    assert member.leave().error_code == kafka.NONE
    assert consumer_groups.delete(member.group) == {member.group: kafka.NONE}


# ---- together


def test_second_member_gets_a_partition_only_when_the_first_gave_it_up(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic(4)
    [first] = consumer_groups.consumers(1, [topic])
    epoch = first.epoch
    second = consumer_groups.consumer(first.group, [topic])
    second.join()
    assert (second.assigned, second.epoch > epoch) == ({}, True)
    answer = first.beat()
    assert (answer.member_epoch, len(first.assigned[topic])) == (epoch, 2), "the epoch comes when it has given up"
    assert second.beat().assignment is None
    assert first.take().member_epoch == second.epoch
    assert second.beat().assignment is not None
    second.take()
    assert sorted(first.owned[topic] + second.owned[topic]) == [0, 1, 2, 3]
    assert consumer_groups.consumer_group(first.group).group_state == "Stable"


@pytest.mark.parametrize("assignor", ["uniform", "range", None])
def test_three_members_share_evenly(consumer_groups: ConsumerGroups, assignor: str | None) -> None:
    topic = consumer_groups.topic(12)
    members = consumer_groups.consumers(3, [topic], assignor=assignor)
    assert owned_counts(members) == [4, 4, 4]
    assert sorted(index for member in members for index in member.owned[topic]) == list(range(12))
    if assignor == "range":
        assert sorted(member.owned[topic] for member in members) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_range_gives_the_same_numbers_of_each_topic(consumer_groups: ConsumerGroups) -> None:
    """What joins topics by key counts on it."""
    one, two = consumer_groups.topic(3), consumer_groups.topic(3)
    members = consumer_groups.consumers(3, [one, two], assignor="range")
    assert all(member.owned[one] == member.owned[two] for member in members)


def test_uniform_moves_no_more_than_it_must(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic(12)
    members = consumer_groups.consumers(3, [topic], assignor="uniform")
    before = [set(member.owned[topic]) for member in members]
    fourth = consumer_groups.consumer(members[0].group, [topic], assignor="uniform")
    fourth.join()
    consumer_groups.settle(*members, fourth)
    assert owned_counts([*members, fourth]) == [3, 3, 3, 3]
    assert all(set(member.owned[topic]) < own for member, own in zip(members, before, strict=True))


def test_different_subscriptions(consumer_groups: ConsumerGroups) -> None:
    one, two = consumer_groups.topic(2), consumer_groups.topic(2)
    both = consumer_groups.consumer(topics=[one, two])
    single = consumer_groups.consumer(both.group, [one])
    both.join()
    single.join()
    consumer_groups.settle(both, single)
    assert both.owned[two] == [0, 1]
    assert sorted(both.owned.get(one, []) + single.owned.get(one, [])) == [0, 1] and single.owned.get(two) is None


def test_more_members_than_partitions(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic(1)
    members = consumer_groups.consumers(3, [topic])
    assert owned_counts(members) == [0, 0, 1]


def test_partitions_of_one_that_leaves_are_free_at_once(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic(4)
    first, second = consumer_groups.consumers(2, [topic])
    answer = second.leave()
    assert (answer.error_code, answer.member_epoch, answer.assignment) == (kafka.NONE, -1, None)
    consumer_groups.settle(first)
    assert first.owned == {topic: [0, 1, 2, 3]}
    assert second.send().error_code == UNKNOWN_MEMBER_ID


def test_new_partitions_are_noticed(consumer_groups: ConsumerGroups) -> None:
    from pybroker.protocol.messages import k37_create_partitions as k37

    topic = consumer_groups.topic(2)
    first, second = consumer_groups.consumers(2, [topic])
    more = k37.CreatePartitionsTopic(name=topic, count=6)
    more.assignments = None
    request = k37.CreatePartitionsRequest(topics=[more], timeout_ms=5000)
    assert consumer_groups.call(request, 3).results[0].error_code == kafka.NONE

    def everything() -> bool | None:
        consumer_groups.settle(first, second)
        return True if owned_counts([first, second]) == [3, 3] else None

    wait_until(everything, "six partitions shared")


def test_deleted_topic_is_taken_away(consumer_groups: ConsumerGroups) -> None:
    gone, kept = consumer_groups.topic(2), consumer_groups.topic(2)
    [member] = consumer_groups.consumers(1, [gone, kept])
    consumer_groups.client.delete_topic(gone)
    consumer_groups.client.wait_gone(gone)

    def without() -> bool | None:
        consumer_groups.settle(member)
        return True if member.owned == {kept: [0, 1]} else None

    wait_until(without, "the deleted topic taken away")


def test_member_that_does_not_give_up_is_fenced_after_its_rebalance_time_out(consumer_groups: ConsumerGroups) -> None:
    """It lives and beats, but holds on to what another must have."""
    topic = consumer_groups.topic(2)
    [first] = consumer_groups.consumers(1, [topic], rebalance_ms=500)
    second = consumer_groups.consumer(first.group, [topic])
    second.join()
    first.beat()
    assert first.assigned != first.owned

    def fenced() -> bool | None:
        assert second.beat().member_epoch > 0
        return True if first.send().error_code == UNKNOWN_MEMBER_ID else None

    wait_until(fenced, "the one that holds on put out")
    consumer_groups.settle(second)
    assert second.owned == {topic: [0, 1]}


def test_member_that_falls_silent_is_put_out_after_its_session(consumer_groups: ConsumerGroups) -> None:
    """By the group's own consumer.session.timeout.ms."""
    topic, name = consumer_groups.topic(2), new_name("c")
    answer = consumer_groups.client.alter(name, [("consumer.session.timeout.ms", kafka.SET, "400"), ("consumer.heartbeat.interval.ms", kafka.SET, "100")], resource_type=GROUP_RESOURCE)
    assert answer.error_code == kafka.NONE, answer
    lively, silent = consumer_groups.consumer(name, [topic]), consumer_groups.consumer(name, [topic])

    def told() -> bool | None:
        return True if lively.join().heartbeat_interval_ms == 100 else None

    wait_until(told, "the group's own heartbeat interval")
    silent.join()
    consumer_groups.settle(lively, silent)

    def alone() -> bool | None:
        if lively.beat().assignment is not None:
            lively.take()
        return True if lively.owned == {topic: [0, 1]} else None

    wait_until(alone, "the silent one's partitions")
    assert silent.send().error_code == UNKNOWN_MEMBER_ID


# ---- offsets


@pytest.mark.parametrize("version", [9, 10])
def test_commits_carry_the_member_epoch(consumer_groups: ConsumerGroups, version: int) -> None:
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic])
    assert member.commit(topic, 5, version=version) == kafka.NONE
    for fields, code in (
        ({"generation_id_or_member_epoch": member.epoch + 1}, STALE_MEMBER_EPOCH),
        ({"member_id": "nobody"}, UNKNOWN_MEMBER_ID),
        ({"member_id": "", "generation_id_or_member_epoch": -1}, UNKNOWN_MEMBER_ID),
    ):
        assert member.commit(topic, 99, version=version, **fields) == code
    for fields, code, offsets in (
        ({"member_id": member.member_id, "member_epoch": member.epoch}, kafka.NONE, [5]),
        ({"member_id": member.member_id, "member_epoch": member.epoch + 1}, STALE_MEMBER_EPOCH, []),
        ({"member_id": "nobody", "member_epoch": member.epoch}, UNKNOWN_MEMBER_ID, []),
        ({"member_id": None, "member_epoch": -1}, kafka.NONE, [5]),
    ):
        request = fetch_request(member.group, [(topic, [0])], version, consumer_groups.client.ids, **fields)
        [group] = consumer_groups.call(request, version).groups
        assert (group.error_code, [row.committed_offset for found in group.topics for row in found.partitions]) == (code, offsets)


@pytest.mark.parametrize("version", range(2, 9))
def test_commits_of_old_versions_have_no_member_epoch(consumer_groups: ConsumerGroups, version: int) -> None:
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic])
    for epoch in (member.epoch, member.epoch + 1):
        assert member.commit(topic, 5, version=version, generation_id_or_member_epoch=epoch) == kafka.UNSUPPORTED_VERSION
    assert member.commit(topic, 6, version=version, member_id="nobody") == UNKNOWN_MEMBER_ID


# ---- patterns


def test_pattern_takes_topics_that_come_later(consumer_groups: ConsumerGroups) -> None:
    stem = new_name("pattern")
    consumer_groups.client.create_topic(2, name=f"{stem}-a")
    consumer_groups.client.create_topic(1, name=f"x{stem}-a")
    member = consumer_groups.consumer(regex=f"{stem}-[a-m]")
    member.join()

    def owns(*names: str) -> bool | None:
        consumer_groups.settle(member, check=False)
        return True if set(member.owned) == {f"{stem}-{name}" for name in names} else None

    wait_until(lambda: owns("a"), "the topic that there is: the pattern takes whole names")
    consumer_groups.client.create_topic(1, name=f"{stem}-b")
    consumer_groups.client.create_topic(1, name=f"{stem}-z")

    def asks_again() -> bool | None:
        other = consumer_groups.consumer(member.group, regex=f"{stem}-[a-m]")      # a new member makes the broker look again
        other.join()
        consumer_groups.settle(member, other, check=False)
        names = set(member.owned) | set(other.owned)
        assert other.leave().error_code == kafka.NONE
        consumer_groups.settle(member, check=False)
        return True if names == {f"{stem}-a", f"{stem}-b"} else None

    wait_until(asks_again, "the topic that came later", 30)


def test_pattern_and_names_together(consumer_groups: ConsumerGroups) -> None:
    stem, other = new_name("pattern"), consumer_groups.topic()
    consumer_groups.client.create_topic(name=stem)
    member = consumer_groups.consumer(topics=[other], regex=f"{stem}.*")
    member.join()

    def owns() -> bool | None:
        consumer_groups.settle(member, check=False)
        return True if set(member.owned) == {stem, other} else None

    wait_until(owns, "both")


def test_pattern_that_would_take_for_ever_elsewhere(consumer_groups: ConsumerGroups) -> None:
    """RE2 takes linear time: (a+)+b against many a."""
    name = "a" * 200 + new_name("")
    consumer_groups.client.create_topic(name=name)
    member = consumer_groups.consumer(regex="(a+)+b")
    member.join()
    assert member.beat().error_code == kafka.NONE and member.assigned == {}


# ---- static members


def test_static_member_comes_back_to_what_it_had(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic(4)
    group = new_name("c")
    first, second = consumer_groups.consumer(group, [topic], instance="one"), consumer_groups.consumer(group, [topic], instance="two")
    first.join()
    second.join()
    consumer_groups.settle(first, second)
    had, epoch = dict(second.owned), second.epoch
    assert second.leave(LEAVE_FOR_A_WHILE).error_code == kafka.NONE
    assert first.is_content(), "nobody gets its partitions meanwhile"
    fresh = consumer_groups.consumer(group, [topic], instance="two")
    fresh.join()
    assert (fresh.assigned, fresh.epoch) == (had, epoch)
    assert second.send().error_code == FENCED_INSTANCE_ID
    assert second.leave().error_code == FENCED_INSTANCE_ID


def test_static_member_that_did_not_leave_keeps_its_place(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic], instance="one")
    answer = consumer_groups.consumer(member.group, [topic], instance="one").try_join()
    assert answer.error_code == UNRELEASED_INSTANCE_ID and answer.error_message
    assert member.is_content()


def test_static_member_that_leaves_for_good(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic(2)
    [first] = consumer_groups.consumers(1, [topic], instance="one")
    second = consumer_groups.consumer(first.group, [topic], instance="two")
    second.join()
    consumer_groups.settle(first, second)
    assert second.leave().error_code == kafka.NONE
    consumer_groups.settle(first)
    assert first.owned == {topic: [0, 1]}


def test_unknown_instance(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic], instance="one")
    assert member.send(instance_id="another").error_code == UNKNOWN_MEMBER_ID


def test_members_come_and_go_at_random(consumer_groups: ConsumerGroups) -> None:
    """No partition ever has two owners, and in the end all have one."""
    import random

    chance = random.Random(848)
    topic, other = consumer_groups.topic(7), consumer_groups.topic(3)
    group = new_name("c")
    members = [consumer_groups.consumer(group, [topic, other])]
    members[0].join()
    for _ in range(150):
        step = chance.random()
        if step < 0.10 and len(members) < 6:
            members.append(consumer_groups.consumer(group, [topic, other]))
            members[-1].join()
        elif step < 0.17 and len(members) > 1:
            assert members.pop(chance.randrange(len(members))).leave().error_code == kafka.NONE
        else:
            member = chance.choice(members)
            member.beat()
            if chance.random() < 0.6:
                member.take()
        assert_one_owner(members)
    consumer_groups.settle(*members)
    assert sum(owned_counts(members)) == 10 and max(owned_counts(members)) - min(owned_counts(members)) <= 1
