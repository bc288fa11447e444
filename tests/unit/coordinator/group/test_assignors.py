"""The built-in assignors: complete, balanced, sticky, the same everywhere; and the check on what others give."""

from collections.abc import Mapping
from random import Random

import pytest

from pybroker.coordinator.group.assignors import BUILT_IN, Range, Subscriber, Uniform, check
from pybroker.coordinator.group.consumer_state import Assignment


def topic(number: int) -> bytes:
    return number.to_bytes(16, "big")


def sizes(assigned: Mapping[str, Assignment]) -> list[int]:
    return sorted(sum(map(len, mine.values())) for mine in assigned.values())


def again(members: Mapping[str, Subscriber], assigned: Mapping[str, Assignment]) -> dict[str, Subscriber]:
    return {member_id: member._replace(owns=assigned.get(member_id, {})) for member_id, member in members.items()}


def moved(members: Mapping[str, Subscriber], assigned: Mapping[str, Assignment]) -> int:
    """Partitions that somebody had and somebody else gets."""
    had = {(topic_id, p): member_id for member_id, member in members.items() for topic_id, partitions in member.owns.items() for p in partitions}
    got = {(topic_id, p): member_id for member_id, mine in assigned.items() for topic_id, partitions in mine.items() for p in partitions}
    return sum(place in got and got[place] != member_id for place, member_id in had.items())


def assert_complete(assigned: Mapping[str, Assignment], members: Mapping[str, Subscriber], counts: Mapping[bytes, int]) -> None:
    check(assigned, members, counts)
    subscribed = {topic_id for member in members.values() for topic_id in member.topics}
    assert sum(sizes(assigned)) == sum(counts[topic_id] for topic_id in subscribed)


@pytest.mark.parametrize("assignor", BUILT_IN.values(), ids=BUILT_IN)
@pytest.mark.parametrize("seed", range(60))
def test_every_partition_has_one_owner_that_subscribes(assignor: Uniform | Range, seed: int) -> None:
    random = Random(seed)
    counts = {topic(number): random.randint(0, 12) for number in range(random.randint(1, 6))}
    members: dict[str, Subscriber] = {}
    for _ in range(6):                                       # members come and go, topics grow, subscriptions change
        for member_id in random.sample([f"m{number}" for number in range(9)], 3):
            if member_id in members and random.random() < 0.5:
                del members[member_id]
            else:
                wanted = tuple(random.sample(sorted(counts), random.randint(0, len(counts))))
                members[member_id] = Subscriber(wanted, members[member_id].owns if member_id in members else {}, instance_id=random.choice([None, member_id]))
        counts = {topic_id: count + random.randint(0, 2) for topic_id, count in counts.items()}
        assigned = assignor.assign(members, counts)
        assert_complete(assigned, members, counts)
        assert assigned == assignor.assign(dict(reversed(members.items())), counts), "the order of members means nothing"
        members = again(members, assigned)


@pytest.mark.parametrize("member_count", [1, 2, 3, 7, 10, 11, 50])
def test_uniform_gives_equal_members_equal_shares(member_count: int) -> None:
    counts = {topic(number): 10 + number for number in range(4)}
    members = {f"m{number}": Subscriber(tuple(counts)) for number in range(member_count)}
    assigned = Uniform().assign(members, counts)
    assert_complete(assigned, members, counts)
    assert sizes(assigned)[-1] - sizes(assigned)[0] <= 1


def test_uniform_moves_nothing_without_need() -> None:
    counts = {topic(1): 7, topic(2): 6}
    members = {f"m{number}": Subscriber(tuple(counts)) for number in range(4)}
    members = again(members, Uniform().assign(members, counts))
    assert Uniform().assign(members, counts) == {member_id: member.owns for member_id, member in members.items()}
    grown = {**members, "new": Subscriber(tuple(counts))}
    assigned = Uniform().assign(grown, counts)
    assert sizes(assigned) == [2, 2, 3, 3, 3]
    assert moved(grown, assigned) == sum(map(len, assigned["new"].values())), "what moves, moves to the new member"
    shrunk = {member_id: member for member_id, member in members.items() if member_id != "m1"}
    assert moved(shrunk, Uniform().assign(shrunk, counts)) == 0, "the rest share what the one that left had"


def brute_spread(members: Mapping[str, Subscriber], counts: Mapping[bytes, int]) -> list[int]:
    """The most even sizes that there are, by trying every assignment (sums of squares)."""
    places = [topic_id for topic_id, count in counts.items() for _ in range(count)]
    best: list[int] | None = None
    states = {tuple(0 for _ in members)}
    order = sorted(members)
    for topic_id in places:
        takers = [index for index, member_id in enumerate(order) if topic_id in members[member_id].topics]
        if takers:
            states = {(*state[:index], state[index] + 1, *state[index + 1 :]) for state in states for index in takers}
    for state in states:
        if best is None or sum(size * size for size in state) < sum(size * size for size in best):
            best = sorted(state)
    assert best is not None
    return best


@pytest.mark.parametrize("seed", range(60))
def test_uniform_is_as_even_as_unlike_subscriptions_allow(seed: int) -> None:
    random = Random(seed)
    counts = {topic(number): random.randint(1, 4) for number in range(4)}
    members = {f"m{number}": Subscriber(tuple(random.sample(sorted(counts), random.randint(1, 3)))) for number in range(4)}
    for _ in range(2):
        assigned = Uniform().assign(members, counts)
        assert sum(size * size for size in sizes(assigned)) == sum(size * size for size in brute_spread(members, counts))
        members = again(members, assigned)
        members["m0"] = Subscriber(tuple(random.sample(sorted(counts), 2)), members["m0"].owns)


def test_range_gives_runs_in_order_of_instance_and_member_id() -> None:
    counts = {topic(1): 7, topic(2): 2}
    members = {"b": Subscriber(tuple(counts)), "a": Subscriber(tuple(counts)), "z": Subscriber(tuple(counts), instance_id="i"), "c": Subscriber((topic(2),))}
    assert Range().assign(members, counts) == {
        "z": {topic(1): (0, 1, 2), topic(2): (0,)},
        "a": {topic(1): (3, 4), topic(2): (1,)},
        "b": {topic(1): (5, 6)},
        "c": {},
    }


@pytest.mark.parametrize(
    "assigned",
    [
        {"x": {topic(1): (0,)}},
        {"a": {topic(2): (0,)}},
        {"a": {topic(1): (3,)}},
        {"a": {topic(1): (-1,)}},
        {"a": {topic(1): (0, 0)}},
        {"a": {topic(1): (0,)}, "b": {topic(1): (0,)}},
    ],
    ids=["no member", "not subscribed", "no partition", "negative", "twice to one", "twice to two"],
)
def test_nonsense_is_not_believed(assigned: Mapping[str, Assignment]) -> None:
    members = {"a": Subscriber((topic(1),)), "b": Subscriber((topic(1), topic(2)))}
    with pytest.raises(ValueError):
        check(assigned, members, {topic(1): 3, topic(2): 3})
