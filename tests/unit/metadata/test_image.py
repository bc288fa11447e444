"""The immutable picture."""

from pybroker.metadata.image import Image
from pybroker.metadata.records import AddPartitions, ForgetRemoved, Partition, PutConfig, PutTopic, RemoveTopic, Topic


def topic(name: str, count: int = 1, number: int = 1) -> Topic:
    return Topic(bytes([number]) * 16, name, tuple(Partition(index, 1, 0, 0, (1,), (1,), "d") for index in range(count)))


def test_an_old_picture_does_not_change() -> None:
    old = Image(version=3, topics=[topic("a")])
    new = old.with_changes([PutTopic(topic("b", 2, 2)), PutConfig(2, "a", "k", "v"), RemoveTopic(bytes([1]) * 16)], 4)
    assert (list(old.by_name), old.version, old.partition_count, old.configs, old.removed) == (["a"], 3, 1, {}, {})
    assert (list(new.by_name), new.version, new.partition_count, new.configs) == (["b"], 4, 2, {})
    assert list(new.removed) == [bytes([1]) * 16]
    assert new.with_changes([ForgetRemoved(bytes([1]) * 16)], 5).removed == {}


def test_a_change_that_touches_no_topic_shares_the_topics() -> None:
    old = Image(version=1, topics=[topic("a")])
    new = old.with_changes([PutConfig(4, "", "k", "v")], 2)
    assert new.by_name is old.by_name and new.by_id is old.by_id


def test_partitions_follow_those_there_are() -> None:
    old = Image(version=1, topics=[topic("a", 2)])
    new = old.with_changes([AddPartitions(bytes([1]) * 16, (Partition(2, 1, 0, 0, (1,), (1,), "d"),))], 2)
    assert [part.number for part in new.by_name["a"].partitions] == [0, 1, 2] and new.partition_count == 3
    assert new.by_id[bytes([1]) * 16] is new.by_name["a"]


def test_config_values_go_one_by_one_and_with_the_topic() -> None:
    image = Image(version=1, topics=[topic("a")]).with_changes([PutConfig(2, "a", "k", "v"), PutConfig(2, "a", "l", "w")], 2)
    assert image.config(2, "a") == {"k": "v", "l": "w"}
    image = image.with_changes([PutConfig(2, "a", "k", None), PutConfig(2, "a", "missing", None)], 3)
    assert image.config(2, "a") == {"l": "w"}
    assert image.with_changes([RemoveTopic(bytes([1]) * 16)], 4).config(2, "a") == {}


def test_names_that_collide_are_found_after_changes_too() -> None:
    image = Image(version=1, topics=[topic("a.b")])
    assert image.colliding("a_b") == "a.b" and image.colliding("a.b") is None and image.colliding("ab") is None
    image = image.with_changes([RemoveTopic(bytes([1]) * 16), PutTopic(topic("x_y.z", 1, 2))], 2)
    assert image.colliding("a_b") is None and image.colliding("x.y_z") == "x_y.z"


def test_names_are_in_order() -> None:
    image = Image(version=1, topics=[topic("b"), topic("a", 1, 2)])
    assert image.names == ["a", "b"]
    assert image.with_changes([PutTopic(topic("aa", 1, 3))], 2).names == ["a", "aa", "b"]


def test_internal_topics_are_known_by_name() -> None:
    assert topic("__consumer_offsets").internal and topic("__transaction_state").internal and not topic("__mine").internal
