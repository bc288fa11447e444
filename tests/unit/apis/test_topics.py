"""CreateTopics, DeleteTopics, CreatePartitions, DescribeTopicPartitions over their own bytes."""

from collections.abc import Callable

import pytest

from pybroker.metadata.controller import NewTopic
from pybroker.metadata.records import ZERO_ID
from pybroker.protocol.messages.k19_create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)  # fmt: skip
from pybroker.protocol.messages.k20_delete_topics import DeleteTopicsRequest, DeleteTopicState
from pybroker.protocol.messages.k37_create_partitions import CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic
from pybroker.protocol.messages.k75_describe_topic_partitions import (
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsRequestCursor,
    TopicRequest,
)  # fmt: skip

from .conftest import Broker, by_name


def topic(name: str, partitions: int = 1, replicas: int = 1, **configs: str | None) -> CreatableTopic:
    values = [CreatableTopicConfig(name=key.replace("_", "."), value=value) for key, value in configs.items()]
    return CreatableTopic(name=name, num_partitions=partitions, replication_factor=replicas, configs=values)


# ---- CreateTopics


@pytest.mark.parametrize("version", range(2, 8))
def test_create_at_every_version(broker: Broker, version: int) -> None:
    response = broker.ask(CreateTopicsRequest(topics=[topic("a", 3, 1, retention_ms="5"), topic("b", 0)]), version)
    found = by_name(response.topics)
    assert (found["a"].error_code, found["a"].error_message, found["b"].error_code) == (0, None, 37)
    assert found["b"].error_message == "Number of partitions was set to an invalid non-positive value."
    assert broker.controller.image.config(2, "a") == {"retention.ms": "5"}
    if version >= 5:
        assert (found["a"].num_partitions, found["a"].replication_factor) == (3, 1)
        values = by_name(found["a"].configs)
        assert (values["retention.ms"].value, values["retention.ms"].config_source) == ("5", 1)
        assert (values["segment.bytes"].value, values["segment.bytes"].config_source) == ("1073741824", 5)
    if version >= 7:
        assert found["a"].topic_id == broker.controller.image.by_name["a"].id != ZERO_ID


def test_topics_without_values_share_the_brokers(broker: Broker) -> None:
    response = broker.ask(CreateTopicsRequest(topics=[topic("a"), topic("b", 1, 1, segment_ms="7"), topic("c")]), 7)
    found = by_name(response.topics)
    assert found["a"].configs == found["c"].configs != found["b"].configs


def test_manual_assignment(broker: Broker) -> None:
    wish = CreatableTopic(
        name="a", num_partitions=-1, replication_factor=-1, assignments=[CreatableReplicaAssignment(partition_index=n, broker_ids=[1]) for n in (1, 0)]
    )
    response = broker.ask(CreateTopicsRequest(topics=[wish]), 7)
    assert (response.topics[0].error_code, response.topics[0].num_partitions) == (0, 2)


def test_a_name_given_twice_is_refused_once(broker: Broker) -> None:
    response = broker.ask(CreateTopicsRequest(topics=[topic("a"), topic("a"), topic("b")]), 7)
    found = by_name(response.topics)
    assert (found["a"].error_code, found["a"].error_message, found["b"].error_code) == (42, "Duplicate topic name.", 0)


@pytest.mark.parametrize("wish", [topic("a", 1, 1, retention_ms=None), topic("a", 1, 1, no_such="1"), topic("a", 1, 1, retention_ms="x")])
def test_bad_configs(broker: Broker, wish: CreatableTopic) -> None:
    assert [one.error_code for one in broker.ask(CreateTopicsRequest(topics=[wish]), 7).topics] == [40]


def test_a_config_given_twice(broker: Broker) -> None:
    wish = topic("a")
    wish.configs = [CreatableTopicConfig(name="retention.ms", value=value) for value in ("1", "2")]
    assert [one.error_code for one in broker.ask(CreateTopicsRequest(topics=[wish]), 7).topics] == [40]


def test_kafkas_own_log_is_not_a_topic(broker: Broker) -> None:
    assert [one.error_code for one in broker.ask(CreateTopicsRequest(topics=[topic("__cluster_metadata")]), 7).topics] == [42]


def test_validate_only(broker: Broker) -> None:
    response = broker.ask(CreateTopicsRequest(topics=[topic("a", 4)], validate_only=True), 7)
    assert (response.topics[0].error_code, response.topics[0].num_partitions) == (0, 4)
    assert not broker.controller.image.by_name


def test_too_much_for_one_request_is_told_for_every_topic(broker: Broker) -> None:
    response = broker.ask(CreateTopicsRequest(topics=[topic("a", 6000), topic("b", 6000)]), 7)
    assert [(one.error_code, one.error_message) for one in response.topics] == [(44, "Excessively large number of partitions per request.")] * 2


def test_a_store_that_fails_is_told_as_a_storage_error(broker: Broker) -> None:
    broker.store.close()
    assert [one.error_code for one in broker.ask(CreateTopicsRequest(topics=[topic("a")]), 7).topics] == [56]


# ---- DeleteTopics


@pytest.mark.parametrize("version", range(1, 7))
def test_delete_by_name_at_every_version(broker: Broker, version: int) -> None:
    broker.create(NewTopic("a"), NewTopic("b"))
    if version >= 6:
        request = DeleteTopicsRequest(topics=[DeleteTopicState(name=name) for name in ("a", "none")])
    else:
        request = DeleteTopicsRequest(topic_names=["a", "none"])
    response = broker.ask(request, version)
    assert {one.name: one.error_code for one in response.responses} == {"a": 0, "none": 3}
    assert list(broker.controller.image.by_name) == ["b"]


def test_delete_by_id(broker: Broker) -> None:
    broker.create(NewTopic("a"))
    topic_id = broker.controller.image.by_name["a"].id
    request = DeleteTopicsRequest(topics=[DeleteTopicState(name=None, topic_id=one) for one in (topic_id, b"?" * 16, ZERO_ID)])
    response = broker.ask(request, 6)
    assert {(one.name, one.topic_id): one.error_code for one in response.responses} == {("a", topic_id): 0, (None, b"?" * 16): 100, (None, ZERO_ID): 42}


def test_what_names_a_topic_twice_is_refused(broker: Broker) -> None:
    broker.create(NewTopic("a"), NewTopic("b"), NewTopic("c"))
    a, b, c = (broker.controller.image.by_name[name].id for name in "abc")
    wishes = [("a", ZERO_ID), ("a", ZERO_ID), (None, b), (None, b), ("c", ZERO_ID), (None, c), ("b", a)]
    response = broker.ask(DeleteTopicsRequest(topics=[DeleteTopicState(name=name, topic_id=one) for name, one in wishes]), 6)
    assert sorted(one.error_code for one in response.responses) == [42, 42, 42, 42, 42]
    assert list(broker.controller.image.by_name) == ["a", "b", "c"]


@pytest.mark.parametrize(("version", "code"), [(1, 42), (3, 73), (6, 73)])
def test_deleting_can_be_off(make: Callable[..., Broker], version: int, code: int) -> None:
    broker = make("delete.topic.enable=false")
    broker.create(NewTopic("a"))
    request = DeleteTopicsRequest(topics=[DeleteTopicState(name="a")]) if version >= 6 else DeleteTopicsRequest(topic_names=["a"])
    assert [one.error_code for one in broker.ask(request, version).responses] == [code]


# ---- CreatePartitions


@pytest.mark.parametrize("version", range(4))
def test_growth_at_every_version(broker: Broker, version: int) -> None:
    broker.create(NewTopic("a"), NewTopic("b", 2), NewTopic("c"), NewTopic("d"))
    wishes = [
        CreatePartitionsTopic(name="a", count=3, assignments=None),
        CreatePartitionsTopic(name="b", count=1, assignments=None),
        CreatePartitionsTopic(name="c", count=2, assignments=[CreatePartitionsAssignment(broker_ids=[7])]),
        CreatePartitionsTopic(name="d", count=2, assignments=None),
        CreatePartitionsTopic(name="d", count=3, assignments=None),
        CreatePartitionsTopic(name="none", count=3, assignments=None),
    ]
    response = broker.ask(CreatePartitionsRequest(topics=wishes), version)
    assert {name: one.error_code for name, one in by_name(response.results).items()} == {"a": 0, "b": 37, "c": 39, "d": 42, "none": 3}
    assert len(broker.controller.image.by_name["a"].partitions) == 3


# ---- DescribeTopicPartitions


def page(broker: Broker, *names: str, limit: int = 2000, cursor: tuple[str, int] | None = None) -> tuple[list[tuple[str, list[int]]], tuple[str, int] | None]:
    request = DescribeTopicPartitionsRequest(
        topics=[TopicRequest(name=name) for name in names],
        response_partition_limit=limit,
        cursor=DescribeTopicPartitionsRequestCursor(topic_name=cursor[0], partition_index=cursor[1]) if cursor else None,
    )
    response = broker.ask(request, 0)
    after = response.next_cursor
    return [(one.name, [part.partition_index for part in one.partitions]) for one in response.topics], (
        (after.topic_name, after.partition_index) if after else None
    )


def test_pages_cover_everything_once(broker: Broker) -> None:
    broker.create(NewTopic("b", 5), NewTopic("a", 3), NewTopic("c", 1))
    assert page(broker) == ([("a", [0, 1, 2]), ("b", [0, 1, 2, 3, 4]), ("c", [0])], None)
    for limit in range(1, 10):
        seen: list[tuple[str, int]] = []
        cursor: tuple[str, int] | None = None
        for _ in range(20):
            topics, cursor = page(broker, limit=limit, cursor=cursor)
            seen += [(name, index) for name, indexes in topics for index in indexes]
            assert sum(len(indexes) for _name, indexes in topics) <= limit
            if cursor is None:
                break
        assert seen == [("a", 0), ("a", 1), ("a", 2), *(("b", n) for n in range(5)), ("c", 0)]


def test_the_brokers_limit_holds_too(make: Callable[..., Broker]) -> None:
    broker = make("max.request.partition.size.limit=2")
    broker.create(NewTopic("a", 3))
    assert page(broker) == ([("a", [0, 1])], ("a", 2))


def test_named_topics_and_a_cursor_whose_topic_is_gone(broker: Broker) -> None:
    broker.create(NewTopic("a", 2), NewTopic("c", 2))
    assert page(broker, "c", "none", "a") == ([("a", [0, 1]), ("c", [0, 1]), ("none", [])], None)
    assert page(broker, "a", "b", "c", cursor=("b", 1)) == ([("b", []), ("c", [0, 1])], None)
    assert page(broker, "a", "c", cursor=("c", 1)) == ([("c", [1])], None)
    assert page(broker, "a", "c", cursor=("c", 9)) == ([("c", [])], None)
    assert page(broker, cursor=("b", 1)) == ([("c", [0, 1])], None)


def test_unknown_and_impossible_names_are_told(broker: Broker) -> None:
    response = broker.ask(DescribeTopicPartitionsRequest(topics=[TopicRequest(name="none"), TopicRequest(name="a/b")]), 0)
    assert {one.name: one.error_code for one in response.topics} == {"none": 3, "a/b": 17}


def test_a_limit_that_allows_none_allows_one(broker: Broker) -> None:
    broker.create(NewTopic("a", 3))
    for limit in (0, -1):
        assert page(broker, "a", limit=limit) == ([("a", [0])], ("a", 1))


@pytest.mark.parametrize(("name", "index"), [("a", -1), ("b", 0), ("0", 0)])
def test_a_cursor_that_means_nothing_is_refused(broker: Broker, name: str, index: int) -> None:
    broker.create(NewTopic("a"))
    request = DescribeTopicPartitionsRequest(
        topics=[TopicRequest(name="a")], cursor=DescribeTopicPartitionsRequestCursor(topic_name=name, partition_index=index)
    )
    assert [one.error_code for one in broker.ask(request, 0).topics] == [42]
