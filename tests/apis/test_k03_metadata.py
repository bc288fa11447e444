"""Metadata (API key 3): by name, by id, all, none; auto-creation; the address by which the client came in."""

import socket
import struct

import pytest

from pybroker.protocol.messages import k03_metadata as k03
from tests.support import kafka
from tests.support.batches import batch
from tests.support.broker import AnyBroker, ours_only
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client, new_name
from tests.support.wire import Connection, framed, string, versions

NO_OPERATIONS = -(2**31)
TOPIC_OPERATIONS = sum(1 << bit for bit in (3, 4, 5, 6, 7, 8, 10, 11))
"""Read, Write, Create, Delete, Alter, Describe, DescribeConfigs, AlterConfigs"""


@pytest.mark.parametrize("version", versions(3))
def test_topic_by_name_at_every_version(client: Client, version: int) -> None:
    topic = client.create_topic(3)
    answer = client.metadata([topic], create=version < 4, version=version)
    [row] = answer.topics
    assert (row.error_code, row.name, row.is_internal) == (kafka.NONE, topic, False)
    assert row.topic_id == (client.ids[topic] if version >= 10 else bytes(16))
    [broker] = answer.brokers
    assert (broker.host, broker.port) == client.broker.address
    assert [p.partition_index for p in sorted(row.partitions, key=lambda p: p.partition_index)] == [0, 1, 2]
    for partition in row.partitions:
        assert (partition.error_code, partition.leader_id) == (kafka.NONE, broker.node_id)
        assert partition.replica_nodes == partition.isr_nodes == [broker.node_id] and partition.offline_replicas == []
        assert partition.leader_epoch == (0 if version >= 7 else -1)
    if version >= 1:
        assert answer.controller_id == broker.node_id
    if version >= 2:
        assert answer.cluster_id and len(answer.cluster_id) == 22
    assert row.topic_authorized_operations == NO_OPERATIONS
    assert answer.error_code == kafka.NONE


@pytest.mark.parametrize("version", versions(3))
def test_all_topics(client: Client, version: int) -> None:
    topics = {client.create_topic(), client.create_topic(2)}
    request = k03.MetadataRequest(topics=[] if version == 0 else None, allow_auto_topic_creation=True)
    answer = client.call(request, version)
    listed = {row.name: len(row.partitions) for row in answer.topics}
    assert topics <= set(listed) and sorted(listed[topic] for topic in topics) == [1, 2]
    assert all(row.error_code == kafka.NONE for row in answer.topics)


@pytest.mark.parametrize("version", range(1, 14))
def test_no_topics(client: Client, version: int) -> None:
    answer = client.call(k03.MetadataRequest(topics=[], allow_auto_topic_creation=True), version)
    assert answer.topics == [] and len(answer.brokers) == 1


@pytest.mark.parametrize("version", [12, 13])
def test_topic_by_id(client: Client, version: int) -> None:
    topic = client.create_topic(2)
    unknown = bytes(range(16))
    request = k03.MetadataRequest(topics=[k03.MetadataRequestTopic(topic_id=topic_id, name=None) for topic_id in (client.ids[topic], unknown)])
    rows = {row.topic_id: row for row in client.call(request, version).topics}
    assert (rows[client.ids[topic]].error_code, rows[client.ids[topic]].name, len(rows[client.ids[topic]].partitions)) == (kafka.NONE, topic, 2)
    assert (rows[unknown].error_code, rows[unknown].partitions) == (kafka.UNKNOWN_TOPIC_ID, [])


@pytest.mark.parametrize("version", range(4, 14))
def test_unknown_topic_is_not_created_against_the_clients_will(client: Client, version: int) -> None:
    name = new_name("missing")
    for _ in range(2):
        [row] = client.metadata([name], create=False, version=version).topics
        assert (row.error_code, row.name, row.partitions) == (kafka.UNKNOWN_TOPIC_OR_PARTITION, name, [])


@pytest.mark.parametrize("version", versions(3))
def test_unknown_topic_is_created_on_demand(client: Client, version: int) -> None:
    """The first answer may say that it is not there yet, as Kafka's does; a topic with the default number of partitions follows."""
    name = new_name("auto")
    [row] = client.metadata([name], create=True, version=version).topics
    assert row.error_code in (kafka.NONE, kafka.UNKNOWN_TOPIC_OR_PARTITION, 5)
    client.wait_served(name, 1)
    assert client.produced(name, batch()) == 0


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "/etc/passwd", "ä", "x" * 250, "a\0b", "a\nb", "a:b"])
@pytest.mark.parametrize("create", [False, True])
def test_name_that_is_none(client: Client, name: str, create: bool) -> None:
    [row] = client.metadata([name], create=create).topics
    assert (row.error_code, row.name, row.partitions) == (kafka.INVALID_TOPIC, name, []) or (not create and row.error_code == kafka.UNKNOWN_TOPIC_OR_PARTITION)


def test_longest_name(client: Client) -> None:
    name = (new_name("long") + "._-").ljust(249, "x")
    client.create_topic(name=name)
    assert client.produced(name, batch()) == 0
    assert client.records(name)[0].value == b"v"


@ours_only("needs a broker with auto-creation off")
def test_auto_creation_can_be_off(start_broker: StartBroker) -> None:
    client = Client(start_broker({"auto.create.topics.enable": "false"}))
    name = new_name("auto")
    for _ in range(2):
        assert client.metadata([name], create=True).topics[0].error_code == kafka.UNKNOWN_TOPIC_OR_PARTITION


def test_auto_created_topics_have_the_default_partitions(start_broker: StartBroker) -> None:
    client = Client(start_broker({"num.partitions": "4"}))
    name = new_name("auto")
    client.metadata([name], create=True)
    assert len(client.metadata([name]).topics[0].partitions) == 4


@pytest.mark.parametrize("version", [10, 11])
def test_ids_are_refused_before_version_12(client: Client, version: int) -> None:
    """The field is there from version 10 on, and was not yet to be used."""
    request = k03.MetadataRequest(topics=[k03.MetadataRequestTopic(topic_id=client.ids[client.create_topic()], name=None)])
    assert [row.error_code for row in client.call(request, version).topics] == [kafka.INVALID_REQUEST]


@pytest.mark.parametrize("version", range(8, 14))
def test_authorized_operations_on_request(client: Client, version: int) -> None:
    topic = client.create_topic()
    request = k03.MetadataRequest(
        topics=[k03.MetadataRequestTopic(name=topic)], allow_auto_topic_creation=False, include_topic_authorized_operations=True, include_cluster_authorized_operations=version <= 10
    )
    answer = client.call(request, version)
    assert answer.topics[0].topic_authorized_operations == TOPIC_OPERATIONS
    assert (answer.cluster_authorized_operations != NO_OPERATIONS) == (version <= 10)


def test_same_name_twice(client: Client) -> None:
    topic = client.create_topic()
    assert {row.name for row in client.metadata([topic, topic]).topics} == {topic}


def test_answer_follows_every_change(client: Client) -> None:
    topic = client.create_topic()
    for _ in range(5):
        assert client.metadata([topic]).topics[0].topic_id == client.ids[topic]
        client.delete_topic(topic)
        assert client.metadata([topic]).topics[0].error_code == kafka.UNKNOWN_TOPIC_OR_PARTITION
        client.create_topic(name=topic)


def test_golden_bytes_of_version_1(client: Client) -> None:
    topic = client.create_topic()
    cluster = client.metadata([], version=12)
    node, host, port = cluster.brokers[0].node_id, *client.broker.address
    client.connection.send_bytes(framed(struct.pack(">hhi", 3, 1, 6) + string("golden") + struct.pack(">i", 1) + string(topic)))
    brokers = struct.pack(">ii", 1, node) + string(host) + struct.pack(">i", port) + string(None)
    partition = struct.pack(">hii", 0, 0, node) + struct.pack(">ii", 1, node) * 2
    topics = struct.pack(">ih", 1, 0) + string(topic) + b"\0" + struct.pack(">i", 1) + partition
    assert client.connection.read_frame() == struct.pack(">i", 6) + brokers + struct.pack(">i", node) + topics


def test_address_is_the_one_by_which_the_client_came_in(start_broker: StartBroker) -> None:
    """No advertised.listeners puzzle: 0.0.0.0 listens, 127.0.0.1, 127.0.0.2 and localhost are answered to themselves."""
    broker = start_broker({"listeners": "PLAINTEXT://0.0.0.0:0", "pybroker.allow.open.listeners": "true"})
    for host in ("127.0.0.1", "127.0.0.2"):
        with Connection((host, broker.port)) as connection:
            [row] = connection.call(k03.MetadataRequest(topics=[]), 12).brokers
            assert (row.host, row.port) == (host, broker.port)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6_listener(start_broker: StartBroker) -> None:
    broker = start_broker({"listeners": "PLAINTEXT://[::1]:0"})
    assert broker.host == "::1"
    with Connection(("::1", broker.port)) as connection:
        [row] = connection.call(k03.MetadataRequest(topics=[]), 12).brokers
        assert (row.host, row.port) == ("::1", broker.port)


def test_advertised_listener_is_told(start_broker: StartBroker) -> None:
    broker = start_broker({"advertised.listeners": "PLAINTEXT://broker.example.org:1234"})
    with Connection(("127.0.0.1", broker.port)) as connection:
        [row] = connection.call(k03.MetadataRequest(topics=[]), 12).brokers
        assert (row.host, row.port) == ("broker.example.org", 1234)


def test_two_listeners_each_tell_their_own(start_broker: StartBroker) -> None:
    broker = start_broker({"listeners": "PLAINTEXT://127.0.0.1:0,INSIDE://127.0.0.2:0", "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT"})
    addresses = [part.partition("://")[2].rsplit(":", 1) for part in broker.ready_line.split("listeners=")[1].split(" ")[0].split(",")]
    assert [host for host, _ in addresses] == ["127.0.0.1", "127.0.0.2"]
    for host, port in addresses:
        with Connection((host, int(port))) as connection:
            [row] = connection.call(k03.MetadataRequest(topics=[]), 12).brokers
            assert (row.host, row.port) == (host, int(port))


def test_topics_and_ids_survive_a_crash(start_broker: StartBroker) -> None:
    broker = start_broker()
    client = Client(broker)
    topics = [client.create_topic(count) for count in (1, 2, 3)]
    client.delete_topic(topics[1])
    cluster = client.metadata([]).cluster_id
    broker.kill()
    broker.start()
    again = Client(broker)
    answer = again.metadata(None)
    assert answer.cluster_id == cluster
    assert {row.name: (row.topic_id, len(row.partitions)) for row in answer.topics} == {topics[0]: (client.ids[topics[0]], 1), topics[2]: (client.ids[topics[2]], 3)}


def test_rack_is_told(start_broker: StartBroker) -> None:
    client = Client(start_broker({"broker.rack": "rack-7", "node.id": "23"}))
    [row] = client.metadata([]).brokers
    assert (row.node_id, row.rack) == (23, "rack-7")


def test_clients_on_the_shared_broker_see_one_another(client: Client, broker: AnyBroker) -> None:
    other = Client(broker)
    topic = other.create_topic()
    assert client.metadata([topic]).topics[0].error_code == kafka.NONE
    other.close()
