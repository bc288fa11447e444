"""Rights of every key: with exactly the right it works, without it the error that belongs to it is told, and no other right helps. One table, from which the tests are made."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from pybroker.apis.rights import RIGHTS
from pybroker.protocol import messages
from pybroker.protocol.definitions.served import DATA_PLANE, SERVED_NOW
from pybroker.protocol.primitives import Message
from tests.support.batches import Record, batch
from tests.support.broker import Broker, ours_only
from tests.support.logins import SASL_CONFIG, client_of
from tests.support.plugins import FakePlugin, environment_of

pytestmark = ours_only("plugins")

PLUGIN: Final = """
import json, os

@hookimpl
def pybroker_authenticate(identity):
    return AuthResult(identity)

@hookimpl
def pybroker_authorize(principal, actions, ctx):
    with open(PATH) as file:
        rules = json.load(file)
    if any(action.resource_name == "take-back" for action in actions):
        ctx.invalidate()
    rule = rules.get(principal.name, {"only": []})
    said = ["|".join(action) for action in actions]
    return [Decision(one in rule["only"] if "only" in rule else one not in rule["not"], rule.get("ttl_s", 60.0)) for one in said]
"""

Right = tuple[str, str, str]
TOPIC, GROUP, CLUSTER = 29, 30, 31
DENIED: Final = {TOPIC, GROUP, CLUSTER, 53}
T, G = "matrix", "matrix-group"


def on_topic(operation: str) -> Right:
    return operation, "Topic", T


def on_group(operation: str) -> Right:
    return operation, "Group", G


def on_cluster(operation: str) -> Right:
    return operation, "Cluster", "kafka-cluster"


class Case(NamedTuple):
    """``needs``: sets of rights, each enough. ``told``: the code for each right of the first of them that lacks (where all others are there); -1: the answer is shortened, not refused."""

    key: int
    version: int
    make: Callable[[Any, bytes], Any]
    needs: tuple[frozenset[Right], ...]
    told: dict[Right, int]
    name: str = ""


def one(key: int, version: int, make: Callable[[Any, bytes], Any], right: Right, code: int, name: str = "") -> Case:
    return Case(key, version, make, (frozenset({right}),), {right: code}, name)


def resource(kind: int, name: str) -> dict[str, Any]:
    return {"resource_type": kind, "resource_name": name}


def produce(m: Any, topic_id: bytes) -> Any:
    data = [m.PartitionProduceData(index=0, records=batch([Record(b"x")]))]
    return m.ProduceRequest(acks=1, timeout_ms=1000, topic_data=[m.TopicProduceData(name=T, topic_id=topic_id, partition_data=data)])


def fetch(m: Any, topic_id: bytes, replica: int = -1) -> Any:
    part = m.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
    request = m.FetchRequest(max_wait_ms=0, min_bytes=0, topics=[m.FetchTopic(topic=T, topic_id=topic_id, partitions=[part])])
    request.replica_id = replica
    return request


CASES: Final = [
    one(0, 9, produce, on_topic("Write"), TOPIC),
    one(0, 13, produce, on_topic("Write"), TOPIC, "by-id"),
    one(1, 11, fetch, on_topic("Read"), TOPIC),
    one(1, 13, fetch, on_topic("Read"), TOPIC, "by-id"),
    one(1, 11, lambda m, i: fetch(m, i, 1), on_cluster("ClusterAction"), TOPIC, "as-broker"),
    one(2, 5, lambda m, _: m.ListOffsetsRequest(topics=[m.ListOffsetsTopic(name=T, partitions=[m.ListOffsetsPartition(partition_index=0, timestamp=-1)])]), on_topic("Describe"), TOPIC),
    one(3, 12, lambda m, _: m.MetadataRequest(topics=[m.MetadataRequestTopic(name=T)], allow_auto_topic_creation=False), on_topic("Describe"), TOPIC),
    Case(
        8, 8,
        lambda m, _: m.OffsetCommitRequest(group_id=G, topics=[m.OffsetCommitRequestTopic(name=T, partitions=[m.OffsetCommitRequestPartition(partition_index=0, committed_offset=1)])]),
        (frozenset({on_group("Read"), on_topic("Read")}),), {on_group("Read"): GROUP, on_topic("Read"): TOPIC},
    ),
    Case(
        9, 8,
        lambda m, _: m.OffsetFetchRequest(groups=[m.OffsetFetchRequestGroup(group_id=G, topics=[m.OffsetFetchRequestTopics(name=T, partition_indexes=[0])])]),
        (frozenset({on_group("Describe"), on_topic("Describe")}),), {on_group("Describe"): GROUP, on_topic("Describe"): TOPIC},
    ),
    Case(
        9, 7,
        lambda m, _: m.OffsetFetchRequest(group_id=G, topics=[m.OffsetFetchRequestTopic(name=T, partition_indexes=[0])]),
        (frozenset({on_group("Describe"), on_topic("Describe")}),), {on_group("Describe"): GROUP, on_topic("Describe"): TOPIC}, "one-group",
    ),
    one(10, 4, lambda m, _: m.FindCoordinatorRequest(key_type=0, coordinator_keys=[G]), on_group("Describe"), GROUP),
    one(10, 3, lambda m, _: m.FindCoordinatorRequest(key_type=0, key=G), on_group("Describe"), GROUP, "one-key"),
    one(10, 4, lambda m, _: m.FindCoordinatorRequest(key_type=1, coordinator_keys=["txn"]), ("Describe", "TransactionalId", "txn"), 53, "transaction"),
    one(11, 9, lambda m, _: m.JoinGroupRequest(group_id=G, session_timeout_ms=10_000, protocol_type="consumer", protocols=[m.JoinGroupRequestProtocol(name="range", metadata=b"")]), on_group("Read"), GROUP),
    one(12, 4, lambda m, _: m.HeartbeatRequest(group_id=G, member_id="x"), on_group("Read"), GROUP),
    one(13, 5, lambda m, _: m.LeaveGroupRequest(group_id=G, members=[m.MemberIdentity(member_id="x")]), on_group("Read"), GROUP),
    one(14, 5, lambda m, _: m.SyncGroupRequest(group_id=G, member_id="x", protocol_type="consumer", protocol_name="range"), on_group("Read"), GROUP),
    one(15, 5, lambda m, _: m.DescribeGroupsRequest(groups=[G]), on_group("Describe"), GROUP),
    Case(16, 5, lambda m, _: m.ListGroupsRequest(), (frozenset(), frozenset({on_cluster("Describe")}), frozenset({on_group("Describe")})), {}),
    Case(17, 1, lambda m, _: m.SaslHandshakeRequest(mechanism="PLAIN"), (frozenset(),), {}),
    Case(18, 0, lambda m, _: m.ApiVersionsRequest(), (frozenset(),), {}),
    Case(
        19, 7, lambda m, _: m.CreateTopicsRequest(topics=[m.CreatableTopic(name=T, num_partitions=1, replication_factor=1)], timeout_ms=1000, validate_only=True),
        (frozenset({on_cluster("Create")}), frozenset({on_topic("Create")})), {on_cluster("Create"): TOPIC},
    ),
    one(20, 6, lambda m, _: m.DeleteTopicsRequest(topics=[m.DeleteTopicState(name=T)], timeout_ms=0), on_topic("Delete"), TOPIC),
    one(20, 6, lambda m, i: m.DeleteTopicsRequest(topics=[m.DeleteTopicState(name=None, topic_id=i)], timeout_ms=0), on_topic("Delete"), TOPIC, "by-id"),
    one(20, 5, lambda m, _: m.DeleteTopicsRequest(topic_names=[T], timeout_ms=0), on_topic("Delete"), TOPIC, "by-name"),
    one(21, 2, lambda m, _: m.DeleteRecordsRequest(topics=[m.DeleteRecordsTopic(name=T, partitions=[m.DeleteRecordsPartition(partition_index=0, offset=0)])], timeout_ms=1000), on_topic("Delete"), TOPIC),
    Case(22, 4, lambda m, _: m.InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000), (frozenset({on_cluster("IdempotentWrite")}), frozenset({on_topic("Write")})), {on_cluster("IdempotentWrite"): CLUSTER}),
    one(22, 4, lambda m, _: m.InitProducerIdRequest(transactional_id="txn", transaction_timeout_ms=1000), ("Write", "TransactionalId", "txn"), 53, "transactional"),
    Case(
        23, 4,
        lambda m, _: m.OffsetForLeaderEpochRequest(replica_id=-1, topics=[m.OffsetForLeaderTopic(topic=T, partitions=[m.OffsetForLeaderPartition(partition=0, leader_epoch=0)])]),
        (frozenset({on_topic("Describe")}), frozenset({on_cluster("ClusterAction")})), {on_topic("Describe"): TOPIC},
    ),
    one(32, 4, lambda m, _: m.DescribeConfigsRequest(resources=[m.DescribeConfigsResource(**resource(2, T))]), on_topic("DescribeConfigs"), TOPIC),
    one(32, 4, lambda m, _: m.DescribeConfigsRequest(resources=[m.DescribeConfigsResource(**resource(4, "1"))]), on_cluster("DescribeConfigs"), CLUSTER, "broker"),
    one(32, 4, lambda m, _: m.DescribeConfigsRequest(resources=[m.DescribeConfigsResource(**resource(32, G))]), on_group("DescribeConfigs"), GROUP, "group"),
    one(33, 2, lambda m, _: m.AlterConfigsRequest(resources=[m.AlterConfigsResource(**resource(2, T), configs=[])], validate_only=True), on_topic("AlterConfigs"), TOPIC),
    one(34, 2, lambda m, _: m.AlterReplicaLogDirsRequest(dirs=[m.AlterReplicaLogDir(path="/none", topics=[m.AlterReplicaLogDirTopic(name=T, partitions=[0])])]), on_cluster("Alter"), CLUSTER),
    one(35, 4, lambda m, _: m.DescribeLogDirsRequest(topics=None), on_cluster("Describe"), CLUSTER),
    Case(36, 2, lambda m, _: m.SaslAuthenticateRequest(auth_bytes=b""), (frozenset(),), {}),
    one(37, 3, lambda m, _: m.CreatePartitionsRequest(topics=[m.CreatePartitionsTopic(name=T, count=2)], timeout_ms=1000, validate_only=True), on_topic("Alter"), TOPIC),
    one(42, 2, lambda m, _: m.DeleteGroupsRequest(groups_names=[G]), on_group("Delete"), GROUP),
    one(44, 1, lambda m, _: m.IncrementalAlterConfigsRequest(resources=[m.AlterConfigsResource(**resource(2, T), configs=[])], validate_only=True), on_topic("AlterConfigs"), TOPIC),
    one(44, 1, lambda m, _: m.IncrementalAlterConfigsRequest(resources=[m.AlterConfigsResource(**resource(4, ""), configs=[])], validate_only=True), on_cluster("AlterConfigs"), CLUSTER, "broker"),
    Case(
        47, 0, lambda m, _: m.OffsetDeleteRequest(group_id=G, topics=[m.OffsetDeleteRequestTopic(name=T, partitions=[m.OffsetDeleteRequestPartition(partition_index=0)])]),
        (frozenset({on_group("Delete"), on_topic("Read")}),), {on_group("Delete"): GROUP},
    ),
    Case(60, 1, lambda m, _: m.DescribeClusterRequest(), (frozenset(),), {}),
    Case(
        68, 0,
        lambda m, _: m.ConsumerGroupHeartbeatRequest(group_id=G, member_id="x", member_epoch=0, rebalance_timeout_ms=1000, subscribed_topic_names=[T], topic_partitions=[]),
        (frozenset({on_group("Read"), on_topic("Describe")}),), {on_group("Read"): GROUP, on_topic("Describe"): TOPIC},
    ),
    Case(69, 0, lambda m, _: m.ConsumerGroupDescribeRequest(group_ids=[G]), (frozenset({on_group("Describe"), on_topic("Describe")}),), {on_group("Describe"): GROUP}),
    one(75, 0, lambda m, _: m.DescribeTopicPartitionsRequest(topics=[m.TopicRequest(name=T)]), on_topic("Describe"), TOPIC),
]  # fmt: skip


def title(case: Case) -> str:
    return f"k{case.key:02}-{case.name}" if case.name else f"k{case.key:02}"


def rules() -> dict[str, Any]:
    """What each user of the tests may do: a user for each line of the matrix."""
    made: dict[str, Any] = {"root": {"not": []}, "nobody": {"only": []}}
    for case in CASES:
        for number, need in enumerate(case.needs):
            made[f"{title(case)}.only{number}"] = {"only": ["|".join(right) for right in need]}
        for place, right in enumerate(case.told):
            others = {"|".join(other) for need in case.needs[1:] for other in need}
            made[f"{title(case)}.not{place}"] = {"not": ["|".join(right), *others]}
    return made


@pytest.fixture(scope="module")
def rules_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rights") / "rules.json"
    path.write_text(json.dumps(rules()))
    return path


@pytest.fixture(scope="module")
def broker(rules_file: Path) -> Iterator[Broker]:
    plugin = FakePlugin(rules_file.parent, "matrix", PLUGIN.replace("PATH", repr(str(rules_file))))
    made = Broker(rules_file.parent / "data", {**SASL_CONFIG, "node.id": "1", "pybroker.plugins": "matrix", "super.users": "User:super"}, environment=environment_of(plugin))
    with made:
        yield made


def codes(response: Any) -> set[int]:
    """Every error code in it."""
    found: set[int] = set()
    for name in response.__slots__:
        value = getattr(response, name)
        if name == "error_code":
            found.add(value)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Message):
                found |= codes(item)
    return found


@pytest.fixture
def topic_id(broker: Broker) -> Iterator[bytes]:
    """The topic is there, as it was."""
    root = client_of(broker, "root")
    topic = root.metadata([T]).topics[0]
    if topic.error_code != 0:
        root.create_topic(name=T)
        topic = root.metadata([T]).topics[0]
    yield topic.topic_id
    root.close()


def ask(broker: Broker, case: Case, user: str, topic_id: bytes) -> set[int]:
    client = client_of(broker, user)
    try:
        return codes(client.call(case.make(messages.load(case.key), topic_id), case.version))
    finally:
        client.close()


def test_every_key_is_in_the_table() -> None:
    assert {case.key for case in CASES} == set(SERVED_NOW)
    assert set(RIGHTS) | set(DATA_PLANE) == set(SERVED_NOW)


@pytest.mark.parametrize("case", CASES, ids=title)
def test_with_exactly_the_right_it_works(broker: Broker, topic_id: bytes, case: Case) -> None:
    for number in range(len(case.needs)):
        assert not ask(broker, case, f"{title(case)}.only{number}", topic_id) & DENIED, case.needs[number]


@pytest.mark.parametrize("case", [case for case in CASES if case.told], ids=title)
def test_without_it_no_other_right_helps(broker: Broker, topic_id: bytes, case: Case) -> None:
    for place, code in enumerate(case.told.values()):
        assert ask(broker, case, f"{title(case)}.not{place}", topic_id) & DENIED == {code}


@pytest.mark.parametrize("case", [case for case in CASES if case.told], ids=title)
def test_who_has_no_right_is_refused_and_a_super_user_is_not(broker: Broker, topic_id: bytes, case: Case) -> None:
    assert ask(broker, case, "nobody", topic_id) & DENIED
    assert not ask(broker, case, "super", topic_id) & DENIED
