"""W35-W41: requests that are well-formed and ask for what cannot be, or for too much. Answers are exact, work is bounded, others are served."""

import struct
import time
from pathlib import Path

import pytest

from pybroker.protocol.messages import k00_produce as k00
from pybroker.protocol.messages import k01_fetch as k01
from pybroker.protocol.messages import k02_list_offsets as k02
from pybroker.protocol.messages import k03_metadata as k03
from pybroker.protocol.messages import k19_create_topics as k19
from tests.support import kafka
from tests.support.batches import batch, batch_of_size, parse_batches
from tests.support.broker import FOREIGN, AnyBroker, Broker, ours_only
from tests.support.fixtures import StartBroker, assert_serves
from tests.support.kafka import Client, new_name
from tests.support.wire import Connection, connections, encode, framed, request_header, string

MIB = 1 << 20
THROTTLING_QUOTA_EXCEEDED = 89
SIZE = 500


@pytest.fixture
def topic(client: Client) -> str:
    """Three batches of 500 bytes in partition 0."""
    name = client.create_topic(2)
    for _ in range(3):
        client.produced(name, batch_of_size(SIZE))
    return name


# ---- W35, W36, W38: fetch


@pytest.mark.parametrize("offset", [-1, -2, -(2**63), 4, 2**31, 2**63 - 1])
def test_w35_fetch_offset_out_of_range(client: Client, topic: str, offset: int) -> None:
    for version in (4, 12, 18):
        answer = client.fetch(topic, offset, version=version)
        assert (answer.error_code, answer.records or b"") == (kafka.OFFSET_OUT_OF_RANGE, b"")


@pytest.mark.parametrize("max_bytes", [0, 1, 2**31 - 1] if FOREIGN else [0, -1, -(2**31), 1, 2**31 - 1])
@pytest.mark.parametrize("which", ["max_bytes", "partition_max_bytes"])
def test_w36_odd_maximums_are_clamped(client: Client, topic: str, max_bytes: int, which: str) -> None:
    """Kafka answers -1 to negative ones."""
    answer = client.fetch(topic, 0, **{which: max_bytes})
    assert answer.error_code == kafka.NONE
    got = parse_batches(answer.records, cut_tail=True)
    assert [one.base_offset for one in got] == ([0, 1, 2] if max_bytes > SIZE else [0]), "the first batch always goes out"


def test_w36_min_bytes_above_max_bytes_waits_no_longer_than_it_may(client: Client, topic: str) -> None:
    began = time.monotonic()
    answer = client.fetch(topic, 0, min_bytes=2**31 - 1, max_bytes=SIZE, max_wait_ms=300)
    assert len(answer.records) == SIZE and time.monotonic() - began < 5


@pytest.mark.parametrize("min_bytes", [-1, -(2**31)])
def test_w36_negative_minimum_is_none(client: Client, topic: str, min_bytes: int) -> None:
    began = time.monotonic()
    assert client.fetch(topic, 3, min_bytes=min_bytes, max_wait_ms=20_000).error_code == kafka.NONE
    assert time.monotonic() - began < 10


def test_w36_negative_wait_is_none(client: Client, topic: str) -> None:
    began = time.monotonic()
    assert client.fetch(topic, 3, min_bytes=1, max_wait_ms=-5).error_code == kafka.NONE
    assert time.monotonic() - began < 10


def test_w36_endless_wait_ends_when_the_client_leaves(client: Client, broker: AnyBroker, topic: str) -> None:
    if isinstance(broker, Broker):
        before = broker.descriptor_count()
    waiting = [Connection(broker.address) for _ in range(50)]
    for number, connection in enumerate(waiting):
        connection.send(client.fetch_request([(topic, 0, 3)], version=12, min_bytes=1, max_wait_ms=2**31 - 1), 12)
        if number % 2:
            connection.reset()
        else:
            connection.close()
    assert_serves(broker)
    if isinstance(broker, Broker):
        deadline = time.monotonic() + 5
        while broker.descriptor_count() > before:
            assert_serves(broker)
            assert time.monotonic() < deadline, "descriptors of waiters that left stay open"
    assert client.produced(topic, batch()) == 3


def test_w37_sessions_are_bounded(start_broker: StartBroker) -> None:
    """More than the 1,000 places that there are by default; every fetch is served."""
    client = Client(start_broker())
    topic = client.create_topic()
    request = client.fetch_request([(topic, 0, 0)], version=12, session_epoch=0)
    sent = [client.connection.send(request, 12) for _ in range(3_000)]
    sessions = 0
    for number in sent:
        answer = client.connection.receive(request, 12, number)
        assert answer.error_code == kafka.NONE and len(answer.responses) == 1
        sessions += answer.session_id != 0
    assert 1_000 <= sessions <= 2_000


@pytest.mark.parametrize(("session_id", "epoch", "code"), [(123, 1, 70), (-1, 5, 70), (1, 2**31 - 1, 70), (0, 5, 70), (123, -2, 70)])
def test_w37_session_that_there_is_not(client: Client, topic: str, session_id: int, epoch: int, code: int) -> None:
    answer = client.call(client.fetch_request([(topic, 0, 0)], version=12, session_id=session_id, session_epoch=epoch), 12)
    assert (answer.error_code, answer.session_id, answer.responses) == (code, 0, [])


@pytest.mark.parametrize("version", [13, 18])
def test_w38_unknown_ids(client: Client, topic: str, version: int) -> None:
    deleted = client.create_topic()
    client.delete_topic(deleted)
    client.ids["zeros"], client.ids["nobody"] = bytes(16), bytes(range(16))
    unknown = ["zeros", "nobody", deleted]
    for names in [[name] for name in unknown] if FOREIGN else [unknown]:  # Kafka fails as a whole over two of them
        request = client.fetch_request([(name, 0, 0) for name in [*names, topic]], version=version)
        answer = client.call(request, version)
        codes = {t.topic_id: t.partitions[0].error_code for t in answer.responses}
        assert codes == {**{client.ids[name]: kafka.UNKNOWN_TOPIC_ID for name in names}, client.ids[topic]: kafka.NONE}


def test_w38_same_partition_twice_in_a_fetch(client: Client, topic: str) -> None:
    answer = client.call(client.fetch_request([(topic, 0, 0), (topic, 0, 2)], version=12), 12)
    rows = [p for t in answer.responses for p in t.partitions]
    assert 1 <= len(rows) <= 2 and all((row.partition_index, row.error_code) == (0, kafka.NONE) for row in rows)


# ---- W33, W39: a great many partitions


def test_w39_hundred_thousand_partitions_in_list_offsets(client: Client, topic: str) -> None:
    rows = client.offsets(topic, [(index, -1) for index in range(100_000)], version=7)
    codes = {row.partition_index: row.error_code for row in rows}
    assert len(codes) == 100_000
    assert codes[0] == codes[1] == kafka.NONE and set(codes.values()) == {kafka.NONE, kafka.UNKNOWN_TOPIC_OR_PARTITION}


@ours_only("Kafka answers a request of any size")
@pytest.mark.parametrize("key", [0, 1, 2])
def test_w39_million_partitions_are_answered_or_refused(client: Client, broker: AnyBroker, topic: str, key: int) -> None:
    """About 20 MB of request. What is refused is refused by closing, and at once."""
    count = 999_999
    frames = {
        0: request_header(0, 8, 1) + string(None) + struct.pack(">hii", -1, 1000, 1) + string(topic) + struct.pack(">i", count) + struct.pack(">ii", 5, 0) * count,
        1: request_header(1, 4, 1) + struct.pack(">iiiibi", -1, 0, 0, 1000, 0, 1) + string(topic) + struct.pack(">i", count) + struct.pack(">iqi", 5, 0, 0) * count,
        2: request_header(2, 1, 1) + struct.pack(">ii", -1, 1) + string(topic) + struct.pack(">i", count) + struct.pack(">iq", 5, -1) * count,
    }
    assert isinstance(broker, Broker)
    before = broker.rss_bytes()
    with Connection(broker.address, timeout_s=30) as connection:
        try:
            connection.send_bytes(framed(frames[key]))
            payload = connection.read_frame()
        except (AssertionError, BrokenPipeError, ConnectionResetError):
            payload = b""
        assert not payload or struct.unpack_from(">i", payload)[0] == 1
    assert_serves(broker)
    assert broker.rss_bytes() - before < 256 * MIB
    assert client.end_offset(topic) == 3


@pytest.mark.parametrize("timestamp", [-7, -8, -(2**63)])
def test_w39_special_time_that_there_is_not(client: Client, topic: str, timestamp: int) -> None:
    assert [(row.error_code, row.offset) for row in client.offsets(topic, [(0, timestamp)])] == [(kafka.UNSUPPORTED_VERSION, -1)]


def test_w39_largest_time(client: Client, topic: str) -> None:
    assert [(row.error_code, row.offset, row.timestamp) for row in client.offsets(topic, [(0, 2**63 - 1)])] == [(kafka.NONE, -1, -1)]


# ---- W40: metadata


def test_w40_fifty_thousand_unknown_names(client: Client, broker: AnyBroker) -> None:
    names = [f"no-{number}" for number in range(50_000)]
    answer = client.call(k03.MetadataRequest(topics=[k03.MetadataRequestTopic(name=name) for name in names], allow_auto_topic_creation=False), 9)
    assert len(answer.topics) == 50_000 and {row.error_code for row in answer.topics} == {kafka.UNKNOWN_TOPIC_OR_PARTITION}
    assert_serves(broker)


@ours_only("Kafka answers a request of any size")
def test_w40_more_names_are_refused_at_once(connection: Connection, broker: AnyBroker) -> None:
    count = 999_999
    connection.send_and_assert_closed(framed(request_header(3, 8, 1) + struct.pack(">i", count) + string("no") * count + bytes(3)), within_s=10)
    assert_serves(broker)


def folders(broker: Broker) -> int:
    return sum(1 for entry in Path(broker.data_dir).iterdir() if entry.is_dir())


def test_w40_no_storm_of_auto_created_topics(start_broker: StartBroker) -> None:
    """Tens of thousands of names are not tens of thousands of directories: creation is rationed, and the rest is told to come again."""
    broker = start_broker()
    client = Client(broker)
    before = folders(broker)
    names = [f"storm-{number}" for number in range(20_000)]
    answer = client.call(k03.MetadataRequest(topics=[k03.MetadataRequestTopic(name=name) for name in names], allow_auto_topic_creation=True), 9)
    assert len(answer.topics) == 20_000
    codes = {row.error_code for row in answer.topics}
    assert codes <= {kafka.NONE, kafka.UNKNOWN_TOPIC_OR_PARTITION, 5, THROTTLING_QUOTA_EXCEEDED} and codes != {kafka.NONE}
    assert folders(broker) - before < 5_000
    assert client.create_topic() and client.metadata([]).brokers


# ---- W41: create topics


@pytest.mark.parametrize("count", [0, -5, -(2**31), 10**6 + 1, 2**31 - 1])
def test_w41_partition_counts_that_cannot_be(client: Client, broker: AnyBroker, count: int) -> None:
    if count > 0 and not isinstance(broker, Broker):
        pytest.skip("only for pybroker: Kafka makes them")
    name = new_name()
    wanted = k19.CreatableTopic(name=name, num_partitions=count, replication_factor=1)
    [row] = client.call(k19.CreateTopicsRequest(topics=[wanted], timeout_ms=10_000), 7).topics
    assert row.error_code in (kafka.INVALID_PARTITIONS, kafka.POLICY_VIOLATION) and row.error_message
    assert client.metadata([name]).topics[0].error_code == kafka.UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize("factor", [0, -5, 2, 32767, -32768])
def test_w41_replication_factors_that_cannot_be(client: Client, factor: int) -> None:
    wanted = k19.CreatableTopic(name=new_name(), num_partitions=1, replication_factor=factor)
    [row] = client.call(k19.CreateTopicsRequest(topics=[wanted], timeout_ms=10_000), 7).topics
    assert row.error_code == kafka.INVALID_REPLICATION_FACTOR and row.error_message


def test_w41_ten_thousand_topics_in_one_request_are_bounded(start_broker: StartBroker) -> None:
    """Each is created or refused with a code that says why; the broker serves on."""
    broker = start_broker()
    client = Client(broker)
    names = [f"many-{number}" for number in range(10_000)]
    wanted = [k19.CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in names]
    client.connection.socket.settimeout(60)
    rows = client.call(k19.CreateTopicsRequest(topics=wanted, timeout_ms=60_000), 7).topics
    codes = {row.name: row.error_code for row in rows}
    assert set(codes) == set(names)
    assert set(codes.values()) <= {kafka.NONE, THROTTLING_QUOTA_EXCEEDED, kafka.POLICY_VIOLATION}
    assert_serves(broker)
    made = [name for name, code in codes.items() if code == kafka.NONE]
    assert sum(row.error_code == kafka.NONE for row in client.metadata(names).topics) == len(made)


def test_w41_config_that_is_none_creates_nothing(client: Client) -> None:
    name = new_name()
    wanted = k19.CreatableTopic(name=name, num_partitions=1, replication_factor=1, configs=[k19.CreatableTopicConfig(name="retention.ms", value="x" * 30_000)])
    [row] = client.call(k19.CreateTopicsRequest(topics=[wanted], timeout_ms=1000), 7).topics
    assert row.error_code == kafka.INVALID_CONFIG and client.metadata([name]).topics[0].error_code == kafka.UNKNOWN_TOPIC_OR_PARTITION


def test_w41_message_of_a_refusal_is_short(client: Client, broker: AnyBroker) -> None:
    if not isinstance(broker, Broker):
        pytest.skip("only for pybroker: what people read is bounded")
    wanted = k19.CreatableTopic(name="x" * 30_000 + "/", num_partitions=1, replication_factor=1)
    [row] = client.call(k19.CreateTopicsRequest(topics=[wanted], timeout_ms=1000), 7).topics
    assert row.error_code == kafka.INVALID_TOPIC and len(row.error_message) < 1000


# ---- the control plane under load


def test_control_requests_of_many_connections_are_all_answered(broker: AnyBroker, client: Client, topic: str) -> None:
    request = k03.MetadataRequest(topics=[k03.MetadataRequestTopic(name=topic)], allow_auto_topic_creation=False)
    with connections(broker.address, 100) as opened:
        sent = [[connection.send(request, 12) for _ in range(20)] for connection in opened]
        for connection, numbers in zip(opened, sent, strict=True):
            for number in numbers:
                assert connection.receive(request, 12, number).topics[0].error_code == kafka.NONE


def test_control_and_data_requests_keep_their_order(client: Client, topic: str) -> None:
    requests: list[tuple[object, int]] = []
    for _ in range(30):
        requests.append((k03.MetadataRequest(topics=[]), 9))
        requests.append((client.produce_request([(topic, 1, batch())]), 9))
        requests.append((k02.ListOffsetsRequest(replica_id=-1), 7))
        requests.append((client.fetch_request([(topic, 0, 0)], version=12), 12))
    data = b"".join(framed(encode(request, version, number)) for number, (request, version) in enumerate(requests))  # type: ignore[arg-type]
    client.connection.send_bytes(data)
    for number, (request, version) in enumerate(requests):
        client.connection.receive(request, version, number)  # type: ignore[arg-type]
    assert client.end_offset(topic, 1) == 30


def test_client_that_leaves_before_its_control_answer_harms_nobody(broker: AnyBroker, client: Client) -> None:
    for number in range(40):
        leaving = Connection(broker.address)
        wanted = k19.CreatableTopic(name=new_name("left"), num_partitions=1, replication_factor=1)
        leaving.send(k19.CreateTopicsRequest(topics=[wanted], timeout_ms=1000), 7)
        leaving.send(k03.MetadataRequest(topics=None), 9)
        if number % 2:
            leaving.reset()
        else:
            leaving.close()
    assert client.create_topic()


def test_empty_requests_are_answered(client: Client) -> None:
    assert client.call(k00.ProduceRequest(acks=1, timeout_ms=0), 12).responses == []
    assert client.call(k01.FetchRequest(max_bytes=0, session_epoch=-1), 12).responses == []
    assert client.call(k02.ListOffsetsRequest(replica_id=-1), 11).topics == []
