"""Changes of metadata: checked, stored, announced, shown; and what happens when a part of that fails."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pybroker.broker.broker_config import BrokerConfig
from pybroker.broker.config import gather
from pybroker.metadata.config_changes import APPEND, DELETE, SET, SUBTRACT, ConfigChange
from pybroker.metadata.controller import JUDGE_ROUNDS_MAX, PRODUCER_ID_BLOCK, Controller, Growth, NewTopic, new_topic_id
from pybroker.metadata.records import RESOURCE_BROKER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP, RESOURCE_TOPIC, ZERO_ID
from pybroker.metadata.store import SqliteStore, StoreError
from pybroker.metadata.topic_rules import PARTITIONS_PER_REQUEST_MAX
from pybroker.protocol import errors


class Plane:
    """A data plane that notes what it is told, and refuses topics whose name is in ``broken``."""

    def __init__(self) -> None:
        self.topics: dict[bytes, tuple[str, list[tuple[int, int, int]], dict[str, int]]] = {}
        self.removed: list[str] = []
        self.calls: list[str] = []
        self.broken: set[str] = set()

    def put_topic(self, topic_id: bytes, name: str, partitions: Sequence[tuple[int, int, int]], settings: dict[str, int]) -> None:
        if name in self.broken:
            raise OSError("no space")
        self.calls.append(name)
        self.topics[topic_id] = (name, list(partitions), dict(settings))

    def remove_topic(self, topic_id: bytes) -> None:
        name = self.topics[topic_id][0]
        if name in self.broken:
            raise OSError("no permission")
        del self.topics[topic_id]
        self.removed.append(name)

    def named(self, name: str) -> tuple[list[tuple[int, int, int]], dict[str, int]]:
        return next((partitions, settings) for other, partitions, settings in self.topics.values() if other == name)


class World:
    """A controller over a real store; ``again`` makes a new one from what is on disk."""

    def __init__(self, path: str, *overrides: str, log_dirs: Sequence[str] = ("dirA",)) -> None:
        self.path, self.overrides, self.log_dirs = path, overrides, log_dirs
        self.broker_changes: list[set[str]] = []
        self.open()

    def open(self) -> None:
        self.config = BrokerConfig(gather(None, self.overrides, {}))
        self.plane = Plane()
        self.store = SqliteStore(self.path)
        self.controller = Controller(
            store=self.store,
            image=self.store.load(),
            data_plane=self.plane,
            configs=self.config,
            node_id=1,
            log_dirs=self.log_dirs,
            run=self.run_inline,
            on_broker_config=self.broker_changes.append,
        )

    async def run_inline(self, call: Callable[[], int]) -> int:
        await asyncio.sleep(0)                              # others get their turn, as with a thread
        return call()

    def again(self) -> None:
        self.store.close()
        self.open()
        self.controller.announce_all()

    def create(self, *topics: NewTopic, **options: Any) -> list[Any]:
        return asyncio.run(self.controller.create_topics(topics, **options))

    def alter(self, kind: int, name: str, *changes: ConfigChange, replace_all: bool = False, validate_only: bool = False) -> None:
        asyncio.run(self.controller.alter_configs(kind, name, changes, replace_all=replace_all, validate_only=validate_only))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(str(tmp_path / "metadata.sqlite"))
    yield world
    world.store.close()


def code(outcome: Any) -> int:
    return 0 if outcome.error is None else int(outcome.error.code)


# ---- topics


def test_a_new_topic_is_stored_announced_and_shown(world: World) -> None:
    (outcome,) = world.create(NewTopic("a", 2, 1, (), {"retention.ms": "5"}))
    topic = world.controller.image.by_name["a"]
    assert outcome.error is None and outcome.topic == topic and len(topic.partitions) == 2
    partitions, settings = world.plane.named("a")
    assert partitions == [(0, 0, 0), (1, 0, 0)] and settings["retention_ms"] == 5
    world.again()
    assert world.controller.image.by_name["a"] == topic
    assert world.controller.image.config(RESOURCE_TOPIC, "a") == {"retention.ms": "5"}
    assert world.plane.named("a") == (partitions, settings)


def test_counts_of_minus_one_are_the_brokers(tmp_path: Path) -> None:
    world = World(str(tmp_path / "m"), "num.partitions=3")
    (outcome,) = world.create(NewTopic("a"))
    assert len(outcome.topic.partitions) == 3
    world.store.close()


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        (NewTopic(""), 17),
        (NewTopic("."), 17),
        (NewTopic(".."), 17),
        (NewTopic("a/b"), 17),
        (NewTopic("a b"), 17),
        (NewTopic("é"), 17),
        (NewTopic("a\0"), 17),
        (NewTopic("x" * 250), 17),
        (NewTopic("x" * 249), 0),
        (NewTopic("old"), 36),
        (NewTopic("o.ld_one"), 17),
        (NewTopic("a", 0), 37),
        (NewTopic("a", -2), 37),
        (NewTopic("a", 1, 0), 38),
        (NewTopic("a", 1, -2), 38),
        (NewTopic("a", 1, 2), 38),
        (NewTopic("a", 1, 32767), 38),
        (NewTopic("a", 1, 1, (), {"no.such.key": "1"}), 40),
        (NewTopic("a", 1, 1, (), {"retention.ms": "soon"}), 40),
        (NewTopic("a", 1, 1, [(0, [1])]), 42),
        (NewTopic("a", 1, -1, [(0, [1])]), 42),
        (NewTopic("a", -1, 1, [(0, [1])]), 42),
        (NewTopic("a", -1, -1, [(0, [1]), (1, [1])]), 0),
        (NewTopic("a", -1, -1, [(0, [1]), (0, [1])]), 39),
        (NewTopic("a", -1, -1, [(1, [1])]), 39),
        (NewTopic("a", -1, -1, [(0, [1]), (2, [1])]), 39),
        (NewTopic("a", -1, -1, [(0, [])]), 39),
        (NewTopic("a", -1, -1, [(0, [2])]), 39),
        (NewTopic("a", -1, -1, [(0, [1, 1])]), 39),
        (NewTopic("a", -1, -1, [(0, [-1])]), 39),
    ],
)
def test_what_a_topic_may_be(world: World, topic: NewTopic, expected: int) -> None:
    world.create(NewTopic("old"), NewTopic("o_ld.one"))
    before = dict(world.controller.image.by_name)
    (outcome,) = world.create(topic)
    assert code(outcome) == expected
    if expected:
        assert world.controller.image.by_name == before and outcome.topic is None


def test_one_bad_topic_does_not_keep_back_the_others(world: World) -> None:
    outcomes = world.create(NewTopic("a"), NewTopic("b", 0), NewTopic("c"))
    assert [code(outcome) for outcome in outcomes] == [0, 37, 0]
    assert sorted(world.controller.image.by_name) == ["a", "c"]


def test_validate_only_changes_nothing(world: World) -> None:
    outcomes = world.create(NewTopic("a", 2), NewTopic("b", 0), validate_only=True)
    assert [code(outcome) for outcome in outcomes] == [0, 37]
    assert outcomes[0].topic.id == ZERO_ID and len(outcomes[0].topic.partitions) == 2
    assert world.controller.image.version == 0 and not world.plane.topics


@pytest.mark.parametrize("topics", [[NewTopic("a", PARTITIONS_PER_REQUEST_MAX + 1)], [NewTopic("a", 6000), NewTopic("b", 6000)]])
def test_too_many_partitions_in_one_request_create_nothing(world: World, topics: list[NewTopic]) -> None:
    try:
        codes = [code(outcome) for outcome in world.create(*topics)]
    except errors.PolicyViolation:
        codes = [44]
    assert set(codes) == {44} and not world.controller.image.by_name


def test_a_number_of_partitions_that_no_memory_holds_is_refused_at_once(world: World) -> None:
    (outcome,) = world.create(NewTopic("a", (1 << 31) - 1))
    assert code(outcome) == 44


def test_the_broker_has_a_most(tmp_path: Path) -> None:
    world = World(str(tmp_path / "m"), "pybroker.max.partitions=3")
    assert code(world.create(NewTopic("a", 3))[0]) == 0
    assert code(world.create(NewTopic("b", 1))[0]) == 44
    world.store.close()


def test_partitions_go_where_the_fewest_are(tmp_path: Path) -> None:
    world = World(str(tmp_path / "m"), log_dirs=("dirA", "dirB", "dirC"))
    world.create(NewTopic("a", 1))
    world.create(NewTopic("b", 4))
    places = [part.log_dir for topic in world.controller.image.by_name.values() for part in topic.partitions]
    assert places == ["dirA", "dirB", "dirC", "dirA", "dirB"]
    assert [log_dir for _index, log_dir, _epoch in world.plane.named("b")[0]] == [1, 2, 0, 1]
    world.store.close()


def test_places_of_deleted_topics_are_free_again(tmp_path: Path) -> None:
    world = World(str(tmp_path / "m"), log_dirs=("dirA", "dirB"))
    world.create(NewTopic("a", 2), NewTopic("b", 1))
    asyncio.run(world.controller.delete_topics([world.controller.image.by_name["a"].id]))
    world.create(NewTopic("c", 2))
    assert [part.log_dir for part in world.controller.image.by_name["c"].partitions] == ["dirB", "dirA"]
    world.store.close()


def test_a_topic_the_data_plane_refuses_is_taken_back(world: World) -> None:
    world.plane.broken.add("b")
    outcomes = world.create(NewTopic("a"), NewTopic("b"))
    assert [code(outcome) for outcome in outcomes] == [0, 56]
    assert list(world.controller.image.by_name) == ["a"]
    world.again()
    assert list(world.controller.image.by_name) == ["a"]


def test_a_store_that_fails_leaves_nothing_behind(world: World) -> None:
    world.store.close()
    with pytest.raises(StoreError):
        world.create(NewTopic("a"))
    assert not world.controller.image.by_name and not world.plane.topics


def test_changes_at_the_same_time_wait_for_each_other(world: World) -> None:
    async def both() -> list[Any]:
        return [one for pair in await asyncio.gather(*(world.controller.create_topics([NewTopic("a"), NewTopic(f"b{n}")]) for n in range(5))) for one in pair]

    codes = [code(outcome) for outcome in asyncio.run(both())]
    assert codes.count(36) == 4 and codes.count(0) == 6
    assert world.controller.image.version == 5 == world.store.load().version


# ---- deleting


def test_a_deleted_topic_is_gone_everywhere_and_its_name_is_free(world: World) -> None:
    world.create(NewTopic("a", 1, 1, (), {"retention.ms": "5"}))
    old = world.controller.image.by_name["a"].id
    assert asyncio.run(world.controller.delete_topics([old, b"?" * 16]))[old] is None
    assert not world.controller.image.by_name and world.plane.removed == ["a"]
    assert world.controller.image.config(RESOURCE_TOPIC, "a") == {}
    world.create(NewTopic("a"))
    assert world.controller.image.by_name["a"].id != old
    world.again()
    assert world.plane.removed == [] and list(world.controller.image.by_name) == ["a"]


def test_unknown_ids_are_told(world: World) -> None:
    found = asyncio.run(world.controller.delete_topics([b"?" * 16]))
    assert isinstance(found[b"?" * 16], errors.UnknownTopicId) and world.controller.image.version == 0


def test_a_removal_that_a_crash_cut_short_is_finished_at_the_next_start(world: World) -> None:
    world.create(NewTopic("a", 2))
    asyncio.run(world.controller.delete_topics([world.controller.image.by_name["a"].id]))
    world.again()                                           # the note that the files are gone was not yet written
    assert world.plane.removed == ["a"] and world.plane.calls == ["a"] and not world.controller.image.removed
    world.again()
    assert world.plane.removed == []


def test_files_that_cannot_be_removed_are_tried_again_at_the_next_start(world: World) -> None:
    world.create(NewTopic("a"))
    world.plane.broken.add("a")
    assert list(asyncio.run(world.controller.delete_topics([world.controller.image.by_name["a"].id])).values()) == [None]
    world.create(NewTopic("b"))
    asyncio.run(world.controller.close())
    world.again()
    assert world.plane.removed == ["a"]


def test_a_clean_stop_notes_what_was_removed(world: World) -> None:
    world.create(NewTopic("a"))
    asyncio.run(world.controller.delete_topics([world.controller.image.by_name["a"].id]))
    asyncio.run(world.controller.close())
    world.again()
    assert world.plane.removed == []


# ---- partitions


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Growth("none", 3), 3),
        (Growth("a", 2), 37),
        (Growth("a", 1), 37),
        (Growth("a", 0), 37),
        (Growth("a", -5), 37),
        (Growth("a", 3), 0),
        (Growth("a", 4, [[1]]), 39),
        (Growth("a", 4, [[1], [1]]), 0),
        (Growth("a", 3, [[2]]), 39),
        (Growth("a", 3, [[]]), 39),
        (Growth("a", 3, [[1, 1]]), 39),
        (Growth("a", 10_003), 44),
        (Growth("a", (1 << 31) - 1), 44),
    ],
)
def test_growth(world: World, wish: Growth, expected: int) -> None:
    world.create(NewTopic("a", 2))
    (outcome,) = asyncio.run(world.controller.create_partitions([wish]))
    assert code(outcome) == expected
    count = len(world.controller.image.by_name["a"].partitions)
    assert count == (wish.total if expected == 0 else 2) == len(world.plane.named("a")[0])
    world.again()
    assert len(world.controller.image.by_name["a"].partitions) == count


def test_growth_can_be_tried(world: World) -> None:
    world.create(NewTopic("a", 2))
    (outcome,) = asyncio.run(world.controller.create_partitions([Growth("a", 3)], validate_only=True))
    assert code(outcome) == 0 and len(world.controller.image.by_name["a"].partitions) == 2


# ---- configs


def test_operations_on_a_topics_values(world: World) -> None:
    world.create(NewTopic("a"))
    world.alter(RESOURCE_TOPIC, "a", ConfigChange("retention.ms", SET, "5"), ConfigChange("cleanup.policy", APPEND, "compact"))
    assert world.controller.image.config(RESOURCE_TOPIC, "a") == {"retention.ms": "5", "cleanup.policy": "delete,compact"}
    assert world.plane.named("a")[1]["retention_ms"] == 5 and world.plane.named("a")[1]["keys_required"] == 1
    world.alter(RESOURCE_TOPIC, "a", ConfigChange("retention.ms", DELETE, None), ConfigChange("cleanup.policy", SUBTRACT, "compact,none"))
    assert world.controller.image.config(RESOURCE_TOPIC, "a") == {"cleanup.policy": "delete"}
    assert world.plane.named("a")[1]["retention_ms"] == 604_800_000
    world.alter(RESOURCE_TOPIC, "a", ConfigChange("segment.ms", SET, "7"), replace_all=True)
    world.again()
    assert world.controller.image.config(RESOURCE_TOPIC, "a") == {"segment.ms": "7"}


@pytest.mark.parametrize(
    ("kind", "name", "changes", "expected"),
    [
        (RESOURCE_TOPIC, "none", [ConfigChange("retention.ms", SET, "5")], 3),
        (RESOURCE_TOPIC, "a/b", [ConfigChange("retention.ms", SET, "5")], 17),
        (RESOURCE_TOPIC, "a", [ConfigChange("no.such.key", SET, "5")], 40),
        (RESOURCE_TOPIC, "a", [ConfigChange("no.such.key", APPEND, "5")], 40),
        (RESOURCE_TOPIC, "a", [ConfigChange("retention.ms", SET, "x")], 40),
        (RESOURCE_TOPIC, "a", [ConfigChange("retention.ms", APPEND, "5")], 40),
        (RESOURCE_TOPIC, "a", [ConfigChange("retention.ms", SET, None)], 42),
        (RESOURCE_TOPIC, "a", [ConfigChange("retention.ms", 9, "5")], 42),
        (RESOURCE_TOPIC, "a", [ConfigChange("retention.ms", SET, "5"), ConfigChange("retention.ms", DELETE, None)], 42),
        (RESOURCE_BROKER, "2", [ConfigChange("message.max.bytes", SET, "5")], 42),
        (RESOURCE_BROKER, "one", [ConfigChange("message.max.bytes", SET, "5")], 42),
        (RESOURCE_BROKER, "1", [ConfigChange("num.partitions", SET, "5")], 40),
        (RESOURCE_BROKER, "1", [ConfigChange("message.max.bytes", SET, "-5")], 40),
        (RESOURCE_BROKER, "", [ConfigChange("ssl.keystore.type", SET, "PEM")], 40),
        (RESOURCE_GROUP, "", [ConfigChange("consumer.session.timeout.ms", SET, "50000")], 42),
        (RESOURCE_GROUP, "g", [ConfigChange("nonsense", SET, "50000")], 40),
        (RESOURCE_GROUP, "g", [ConfigChange("consumer.session.timeout.ms", SET, "44999")], 40),
        (RESOURCE_GROUP, "g", [ConfigChange("consumer.session.timeout.ms", SET, "60001")], 40),
        (RESOURCE_CLIENT_METRICS, "m", [ConfigChange("nonsense", SET, "50000")], 42),
        (RESOURCE_TOPIC, "", [ConfigChange("retention.ms", SET, "5")], 42),
        (99, "x", [ConfigChange("k", SET, "v")], 42),
    ],
)
def test_config_changes_that_are_refused_keep_the_old_values(world: World, kind: int, name: str, changes: list[ConfigChange], expected: int) -> None:
    world.create(NewTopic("a", 1, 1, (), {"retention.ms": "77"}))
    before = world.controller.image
    with pytest.raises(errors.KafkaError) as caught:
        world.alter(kind, name, *changes)
    assert caught.value.code == expected
    assert world.controller.image is before and world.plane.named("a")[1]["retention_ms"] == 77


def test_config_changes_can_be_tried(world: World) -> None:
    world.create(NewTopic("a"))
    world.alter(RESOURCE_TOPIC, "a", ConfigChange("retention.ms", SET, "5"), validate_only=True)
    assert world.controller.image.config(RESOURCE_TOPIC, "a") == {}
    with pytest.raises(errors.InvalidConfig):
        world.alter(RESOURCE_TOPIC, "a", ConfigChange("retention.ms", SET, "x"), validate_only=True)


def test_a_change_that_changes_nothing_writes_nothing(world: World) -> None:
    world.create(NewTopic("a", 1, 1, (), {"retention.ms": "5"}))
    version = world.controller.image.version
    world.alter(RESOURCE_TOPIC, "a", ConfigChange("retention.ms", SET, "5"), ConfigChange("segment.ms", DELETE, None))
    assert world.controller.image.version == version


def test_a_brokers_value_reaches_the_data_plane_and_the_topics_without_their_own(world: World) -> None:
    world.create(NewTopic("a"), NewTopic("b", 1, 1, (), {"max.message.bytes": "77"}))
    world.plane.calls.clear()
    world.alter(RESOURCE_BROKER, "", ConfigChange("message.max.bytes", SET, "5000"))
    assert world.broker_changes == [{"message.max.bytes"}]
    assert (world.plane.named("a")[1]["batch_bytes_max"], world.plane.named("b")[1]["batch_bytes_max"]) == (5000, 77)
    world.alter(RESOURCE_BROKER, "1", ConfigChange("message.max.bytes", SET, "6000"))
    assert world.plane.named("a")[1]["batch_bytes_max"] == 6000
    world.again()
    assert world.config.integer("message.max.bytes") == 6000 and world.plane.named("a")[1]["batch_bytes_max"] == 6000


def test_a_brokers_value_that_no_topic_sees_leaves_the_topics_alone(world: World) -> None:
    world.create(NewTopic("a"))
    world.plane.calls.clear()
    world.alter(RESOURCE_BROKER, "1", ConfigChange("max.connections", SET, "5"))
    assert world.broker_changes == [{"max.connections"}] and world.plane.calls == []


def test_groups_keep_values_too(world: World) -> None:
    world.alter(RESOURCE_GROUP, "g", ConfigChange("consumer.session.timeout.ms", SET, "50000"))
    world.again()
    assert world.controller.image.config(RESOURCE_GROUP, "g") == {"consumer.session.timeout.ms": "50000"}


# ---- producer ids and epochs


def test_producer_ids_are_never_given_twice(world: World) -> None:
    first = [asyncio.run(world.controller.next_producer_id()) for _ in range(PRODUCER_ID_BLOCK + 1)]
    assert first == list(range(PRODUCER_ID_BLOCK + 1))
    world.again()
    assert asyncio.run(world.controller.next_producer_id()) == 2 * PRODUCER_ID_BLOCK


def test_producer_ids_asked_for_at_the_same_time_differ(world: World) -> None:
    async def many() -> list[int]:
        return list(await asyncio.gather(*(world.controller.next_producer_id() for _ in range(20))))

    assert sorted(asyncio.run(many())) == list(range(20))


def test_an_unclean_stop_begins_a_new_leader_epoch(world: World) -> None:
    world.create(NewTopic("a", 2))
    world.controller.begin_epochs()
    world.controller.announce_all()
    assert world.plane.named("a")[0] == [(0, 0, 1), (1, 0, 1)]
    world.again()
    assert world.plane.named("a")[0] == [(0, 0, 1), (1, 0, 1)]


def test_topic_ids_are_random_uuids_that_are_no_options() -> None:
    ids = {new_topic_id() for _ in range(500)}
    assert len(ids) == 500
    assert all(one[6] >> 4 == 4 and one[8] >> 6 == 2 and one[0] >> 2 != 62 for one in ids)


# ---- changes that somebody judges


def test_a_change_is_judged_again_when_the_values_moved_meanwhile(world: World) -> None:
    world.create(NewTopic("a", 1, 1, (), {"retention.ms": "5"}))
    seen: list[tuple[dict[str, str], dict[str, str]]] = []

    async def judge(before: Any, after: Any) -> None:
        seen.append((dict(before), dict(after)))
        if len(seen) == 1:                                  # the lock is free: another change goes through
            await world.controller.alter_configs(RESOURCE_TOPIC, "a", [ConfigChange("retention.ms", SET, "6")], replace_all=False)

    change = [ConfigChange("max.message.bytes", SET, "999")]
    asyncio.run(world.controller.alter_configs(RESOURCE_TOPIC, "a", change, replace_all=False, judge=judge))
    assert seen == [
        ({"retention.ms": "5"}, {"retention.ms": "5", "max.message.bytes": "999"}),
        ({"retention.ms": "6"}, {"retention.ms": "6", "max.message.bytes": "999"}),
    ]
    assert world.controller.image.config(RESOURCE_TOPIC, "a") == {"retention.ms": "6", "max.message.bytes": "999"}


def test_values_that_never_hold_still_end_with_a_time_out(world: World) -> None:
    world.create(NewTopic("a"))
    rounds = []

    async def judge(before: Any, after: Any) -> None:
        rounds.append(1)
        await world.controller.alter_configs(RESOURCE_TOPIC, "a", [ConfigChange("retention.ms", SET, str(len(rounds)))], replace_all=False)

    with pytest.raises(errors.RequestTimedOut):
        asyncio.run(world.controller.alter_configs(RESOURCE_TOPIC, "a", [ConfigChange("max.message.bytes", SET, "999")], replace_all=False, judge=judge))
    assert len(rounds) == JUDGE_ROUNDS_MAX
    assert "max.message.bytes" not in world.controller.image.config(RESOURCE_TOPIC, "a")


def test_a_refused_change_changes_nothing_and_a_topic_that_goes_meanwhile_is_told(world: World) -> None:
    (outcome,) = world.create(NewTopic("a"))

    async def refuse(before: Any, after: Any) -> None:
        raise errors.PolicyViolation("no")

    async def remove(before: Any, after: Any) -> None:
        await world.controller.delete_topics([outcome.topic.id])

    change = [ConfigChange("retention.ms", SET, "7")]
    with pytest.raises(errors.PolicyViolation):
        asyncio.run(world.controller.alter_configs(RESOURCE_TOPIC, "a", change, replace_all=False, judge=refuse))
    assert world.controller.image.config(RESOURCE_TOPIC, "a") == {}
    with pytest.raises(errors.UnknownTopicOrPartition):
        asyncio.run(world.controller.alter_configs(RESOURCE_TOPIC, "a", change, replace_all=False, judge=remove))
