"""Metadata: all, by name, by id, made on the way; cached answers equal fresh ones."""

from collections.abc import Callable

import pytest

from pybroker.apis.k03_metadata import NAMES_MAX
from pybroker.metadata.controller import Growth, NewTopic
from pybroker.metadata.records import ZERO_ID
from pybroker.protocol.messages.k03_metadata import MetadataRequest, MetadataRequestTopic

from .conftest import Broker, by_name

VERSIONS = range(14)


def names(*wanted: str | None) -> list[MetadataRequestTopic]:
    return [MetadataRequestTopic(name=name) for name in wanted]


def every(version: int) -> MetadataRequest:
    return MetadataRequest(topics=[] if version == 0 else None)


@pytest.mark.parametrize("version", VERSIONS)
def test_all_topics_at_every_version(broker: Broker, version: int) -> None:
    broker.create(NewTopic("a", 2), NewTopic("__consumer_offsets"))
    for _ in range(2):                                      # made, then from memory
        response = broker.ask(every(version), version)
        found = by_name(response.topics)
        assert sorted(found) == ["__consumer_offsets", "a"]
        assert [(part.partition_index, part.leader_id, part.replica_nodes, part.isr_nodes) for part in found["a"].partitions] == [
            (0, 1, [1], [1]),
            (1, 1, [1], [1]),
        ]
        assert [(one.node_id, one.host, one.port) for one in response.brokers] == [(1, "10.1.2.3", 4711)]
        if version >= 1:
            assert response.controller_id == 1 and response.brokers[0].rack == "r1"
            assert found["__consumer_offsets"].is_internal and not found["a"].is_internal
        if version >= 2:
            assert response.cluster_id == "CLUSTER"
        if version >= 10:
            assert found["a"].topic_id == broker.controller.image.by_name["a"].id


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_list_is_none_but_in_version_0(broker: Broker, version: int) -> None:
    broker.create(NewTopic("a"))
    assert len(broker.ask(MetadataRequest(topics=[]), version).topics) == (1 if version == 0 else 0)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_missing_topic_is_made_and_told_at_once(broker: Broker, version: int) -> None:
    response = broker.ask(MetadataRequest(topics=names("a", "a", "never")), version)
    found = by_name(response.topics)
    assert (found["a"].error_code, len(found["a"].partitions), found["never"].error_code) == (0, 1, 3)
    assert broker.automatic == [["a", "never"]]


def test_nothing_is_made_when_client_or_config_says_so(make: Callable[..., Broker]) -> None:
    for broker, request in (
        (make(), MetadataRequest(topics=names("a"), allow_auto_topic_creation=False)),
        (make("auto.create.topics.enable=false"), MetadataRequest(topics=names("a"))),
    ):
        assert [topic.error_code for topic in broker.ask(request, 9).topics] == [3]
        assert broker.automatic == []


@pytest.mark.parametrize("name", ["..", "a/b", "x" * 250, "", "é"])
def test_names_that_no_topic_can_have(broker: Broker, name: str) -> None:
    response = broker.ask(MetadataRequest(topics=names(name), allow_auto_topic_creation=False), 9)
    assert [(topic.error_code, topic.name) for topic in response.topics] == [(17, name)]


@pytest.mark.parametrize("version", [12, 13])
def test_by_id(broker: Broker, version: int) -> None:
    broker.create(NewTopic("a"))
    topic_id = broker.controller.image.by_name["a"].id
    response = broker.ask(MetadataRequest(topics=[MetadataRequestTopic(name=None, topic_id=one) for one in (topic_id, b"?" * 16, topic_id)]), version)
    assert [(topic.error_code, topic.name, topic.topic_id) for topic in response.topics] == [(0, "a", topic_id), (100, None, b"?" * 16)]


@pytest.mark.parametrize(("version", "topic"), [(10, MetadataRequestTopic(name="a", topic_id=b"?" * 16)), (11, MetadataRequestTopic(name=None))])
def test_ids_before_their_time_are_refused(broker: Broker, version: int, topic: MetadataRequestTopic) -> None:
    assert [one.error_code for one in broker.ask(MetadataRequest(topics=[topic]), version).topics] == [42]


def test_neither_name_nor_id(broker: Broker) -> None:
    response = broker.ask(MetadataRequest(topics=[MetadataRequestTopic(name=None)]), 13)
    assert response.error_code == 42 and [(topic.error_code, topic.topic_id) for topic in response.topics] == [(42, ZERO_ID)]


@pytest.mark.parametrize("version", [8, 9, 10])
def test_operations_are_listed_when_asked_for(broker: Broker, version: int) -> None:
    broker.create(NewTopic("a"))
    asked = broker.ask(MetadataRequest(topics=None, include_cluster_authorized_operations=True, include_topic_authorized_operations=True), version)
    assert (asked.cluster_authorized_operations, asked.topics[0].topic_authorized_operations) == (8096, 3576)
    plain = broker.ask(MetadataRequest(topics=None), version)
    assert (plain.cluster_authorized_operations, plain.topics[0].topic_authorized_operations) == (-(1 << 31), -(1 << 31))


def test_answers_follow_changes_and_addresses(broker: Broker) -> None:
    import asyncio

    broker.create(NewTopic("a"), NewTopic("b"))
    assert len(broker.ask(every(9), 9).topics) == 2
    asyncio.run(broker.controller.create_partitions([Growth("a", 5)]))
    assert len(by_name(broker.ask(every(9), 9).topics)["a"].partitions) == 5
    asyncio.run(broker.controller.delete_topics([broker.controller.image.by_name["a"].id]))
    broker.create(NewTopic("a", 3))
    found = by_name(broker.ask(every(12), 12).topics)
    assert (sorted(found), len(found["a"].partitions)) == (["a", "b"], 3)
    assert len(broker.ask(MetadataRequest(topics=names("a")), 9).topics[0].partitions) == 3


def test_what_is_kept_stays_bounded(broker: Broker) -> None:
    broker.create(NewTopic("a"))
    for version in VERSIONS:
        for operations in (False, True) if version >= 8 else (False,):
            broker.ask(MetadataRequest(topics=[] if version == 0 else None, include_topic_authorized_operations=operations), version)
    assert len(broker.answers._parts) <= 4


def test_more_names_than_are_answered_close_the_connection_before_they_are_read(broker: Broker) -> None:
    assert broker.raw(3, 1, (NAMES_MAX + 1).to_bytes(4, "big")) is None
    assert broker.raw(3, 1, (NAMES_MAX + 1).to_bytes(4, "big") + b"\0\1a" * (NAMES_MAX + 1)) is None
    request = MetadataRequest(topics=names(*(f"t{n}" for n in range(2000))), allow_auto_topic_creation=False)
    assert len(broker.ask(request, 9).topics) == 2000
