"""Fetch (key 1): versions, bounds, waiting, sessions, offsets that are none."""

import threading
import time
from itertools import count

import pytest

from pybroker.protocol.messages import load
from tests.support.client import Client, batch, batches_of

NAMES = (f"fetch-{n}" for n in count())
OUT_OF_RANGE, UNKNOWN_TOPIC, SESSION_UNKNOWN, SESSION_EPOCH, FENCED, UNKNOWN_EPOCH, UNKNOWN_ID, SESSION_IDS = 1, 3, 70, 71, 74, 75, 100, 106


@pytest.fixture
def topic(client):
    name = next(NAMES)
    client.create_topic(name, 3)
    return name


def fill(client, topic, batches=5, records=2, value=100, partition=0):
    data = batch([(b"k", b"v" * value)] * records)
    for _ in range(batches):
        assert client.produce(topic, data, partition=partition).error_code == 0
    return len(data)


@pytest.mark.parametrize("version", range(4, 19))
def test_every_version_is_served(client, version):
    name = next(NAMES)
    topic_id = client.create_topic(name, 1)
    size = fill(client, name)
    answer = client.ask(client.fetch_request(name, {0: 0}, topic_id=topic_id), version)
    row = answer.responses[0].partitions[0]
    assert (row.error_code, row.high_watermark, row.last_stable_offset) == (0, 10, 10)
    assert row.log_start_offset == (0 if version >= 5 else -1)
    assert len(row.records) == 5 * size
    assert [base for base, *_ in batches_of(row.records)] == [0, 2, 4, 6, 8]


def test_an_offset_inside_of_a_batch_gets_the_whole_batch(client, topic):
    size = fill(client, topic)
    row = client.fetch(topic, 5)
    assert batches_of(row.records)[0] == (4, 2, size)


def test_the_first_batch_goes_out_whole_whatever_the_bounds(client, topic):
    size = fill(client, topic)
    assert batches_of(client.fetch(topic, 0, partition_max_bytes=1).records) == [(0, 2, size)]
    assert batches_of(client.fetch(topic, 0, max_bytes=1).records) == [(0, 2, size)]


def test_bounds_hold_per_partition_and_per_request(client, topic):
    size = fill(client, topic)
    fill(client, topic, partition=1)
    assert len(client.fetch(topic, 0, partition_max_bytes=2 * size + 5).records) == 2 * size + 5
    rows = client.ask(client.fetch_request(topic, {0: 0, 1: 0}, max_bytes=5 * size + 10), 11).responses[0].partitions
    assert [len(row.records) for row in rows] == [5 * size, 10]


def test_an_empty_partition_and_the_end_of_a_log(client, topic):
    fill(client, topic)
    for partition, offset in ((1, 0), (0, 10)):
        row = client.fetch(topic, offset, partition=partition)
        assert (row.error_code, row.records) == (0, b"")


@pytest.mark.parametrize("offset", [-1, 11, 2**63 - 1])
def test_offsets_that_are_none(client, topic, offset):
    fill(client, topic)
    assert client.fetch(topic, offset).error_code == OUT_OF_RANGE


def test_unknown_topics_partitions_and_ids(client, topic):
    assert client.fetch("no-such-topic", 0).error_code == UNKNOWN_TOPIC
    assert client.fetch(topic, 0, partition=3).error_code == UNKNOWN_TOPIC
    assert client.fetch(topic, 0, partition=-1).error_code == UNKNOWN_TOPIC
    assert client.fetch("", 0, version=13, topic_id=b"\x05" * 16).error_code == UNKNOWN_ID


def test_a_deleted_topics_id_is_unknown(client):
    name = next(NAMES)
    topic_id = client.create_topic(name)
    m = load(20)
    assert client.ask(m.DeleteTopicsRequest(topics=[m.DeleteTopicState(name=name)], timeout_ms=1000), 6).responses[0].error_code == 0
    assert client.fetch("", 0, version=13, topic_id=topic_id).error_code == UNKNOWN_ID


def test_leader_epochs_are_fenced(client, topic):
    m = load(1)
    for epoch, code in ((0, 0), (5, UNKNOWN_EPOCH)):
        rows = [m.FetchPartition(partition=0, current_leader_epoch=epoch, fetch_offset=0, partition_max_bytes=1000)]
        answer = client.ask(m.FetchRequest(topics=[m.FetchTopic(topic=topic, partitions=rows)], max_bytes=1000), 12)
        assert answer.responses[0].partitions[0].error_code == code


def test_a_waiting_fetch_is_woken_by_the_append(client, shared_broker, topic):
    with Client(shared_broker.port) as consumer:
        consumer.send(consumer.fetch_request(topic, {0: 0}, wait_ms=30000), 11)
        # What the broker did with the fetch shows in its answer alone: the producer's append must bring it long before 30 s.
        begin = time.monotonic()
        client.produce(topic, batch([(None, b"v")]))
        row = consumer.receive(1, 11).responses[0].partitions[0]
        assert batches_of(row.records)[0][:2] == (0, 1)
        assert time.monotonic() - begin < 5


def test_a_fetch_waits_until_min_bytes(client, shared_broker, topic):
    data = batch([(None, b"v" * 100)])
    with Client(shared_broker.port) as consumer:
        consumer.send(consumer.fetch_request(topic, {0: 0}, wait_ms=30000, min_bytes=3 * len(data)), 11)
        for _ in range(3):
            client.produce(topic, data)
        assert len(consumer.receive(1, 11).responses[0].partitions[0].records) == 3 * len(data)


def test_a_fetch_waits_as_long_as_it_may(client, topic):
    begin = time.monotonic()
    assert client.fetch(topic, 0, wait_ms=200).records == b""
    assert 0.19 <= time.monotonic() - begin < 3


def test_a_waiting_fetch_ends_when_its_topic_is_deleted(client, shared_broker):
    name = next(NAMES)
    client.create_topic(name)
    client.produce(name, batch([(None, b"v")]))
    with Client(shared_broker.port) as consumer:
        consumer.send(consumer.fetch_request(name, {0: 1}, wait_ms=30000), 11)
        m = load(20)
        client.ask(m.DeleteTopicsRequest(topics=[m.DeleteTopicState(name=name)], timeout_ms=1000), 6)
        assert consumer.receive(1, 11).responses[0].partitions[0].error_code == UNKNOWN_TOPIC


def test_a_half_closed_connection_still_gets_its_answer(shared_broker, client, topic):
    import socket

    fill(client, topic)
    with Client(shared_broker.port) as consumer:
        consumer.send(consumer.fetch_request(topic, {0: 0}), 11)
        consumer.socket.shutdown(socket.SHUT_WR)
        assert len(batches_of(consumer.receive(1, 11).responses[0].partitions[0].records)) == 5
        assert consumer.is_closed()


@pytest.mark.parametrize(("max_bytes", "min_bytes"), [(0, 1), (-1, 1), (2**31 - 1, 2**31 - 1), (100, 1000)])
def test_odd_bounds_are_clamped(client, topic, max_bytes, min_bytes):
    size = fill(client, topic, 1)
    row = client.fetch(topic, 0, max_bytes=max_bytes, min_bytes=min_bytes, wait_ms=100)
    assert (row.error_code, len(row.records)) == (0, size)


def test_a_large_log_comes_back_byte_for_byte(client, topic):
    data = [batch([(b"%d" % n, bytes([n]) * 200_000)]) for n in range(12)]
    for one in data:
        assert client.produce(topic, one).error_code == 0
    row = client.fetch(topic, 0, partition_max_bytes=1 << 26)
    pos = 0
    for n, one in enumerate(data):
        assert row.records[pos : pos + 8] == n.to_bytes(8, "big")
        assert row.records[pos + 21 : pos + len(one)] == one[21:]
        pos += len(one)
    assert pos == len(row.records)


# ---- sessions (KIP-227)


def open_session(client, topic, offsets, version=11, topic_id=bytes(16)):
    answer = client.ask(client.fetch_request(topic, offsets, session=(0, 0), topic_id=topic_id), version)
    assert answer.error_code == 0 and answer.session_id != 0
    return answer.session_id


def again(client, session, epoch, topic="", offsets=None, **options):
    return client.ask(client.fetch_request(topic, offsets or {}, session=(session, epoch), **options), options.pop("version", 11))


def told(answer):
    return {(part.topic, row.partition_index): len(row.records) for part in answer.responses for row in part.partitions}


def test_an_incremental_fetch_tells_what_changed(client, topic):
    size = fill(client, topic, 1)
    session = open_session(client, topic, {0: 0, 1: 0, 2: 0})
    assert told(again(client, session, 1, topic, {0: 2})) == {}
    fill(client, topic, 1, partition=2)
    assert told(again(client, session, 2)) == {(topic, 2): size}
    assert told(again(client, session, 3, topic, {2: 2})) == {}


def test_a_forgotten_partition_is_told_no_more(client, topic):
    m = load(1)
    session = open_session(client, topic, {0: 0, 1: 0})
    forgotten = [m.ForgottenTopic(topic=topic, partitions=[0])]
    assert told(again(client, session, 1, forgotten=forgotten)) == {}
    fill(client, topic, 1)
    fill(client, topic, 1, partition=1)
    assert set(told(again(client, session, 2))) == {(topic, 1)}


def test_epochs_must_follow_and_ids_must_be_known(client, topic):
    session = open_session(client, topic, {0: 0})
    assert again(client, session, 2).error_code == SESSION_EPOCH
    assert again(client, session, 1).error_code == 0
    assert again(client, session, 1).error_code == SESSION_EPOCH
    assert again(client, 12345, 1).error_code == SESSION_UNKNOWN
    closing = client.ask(client.fetch_request(topic, {0: 0}, session=(session, -1)), 11)
    assert (closing.error_code, closing.session_id) == (0, 0)
    assert again(client, session, 2).error_code == SESSION_UNKNOWN


def test_a_session_by_name_is_not_gone_on_with_by_id(client, topic):
    session = open_session(client, topic, {0: 0})
    assert client.ask(client.fetch_request("", {}, session=(session, 1)), 13).error_code == SESSION_IDS


def test_an_error_is_told_until_it_is_over(client):
    name = next(NAMES)
    client.ask(client.fetch_request(name, {0: 0}, session=(0, 0)), 11)
    session = open_session(client, name, {0: 0})
    assert again(client, session, 1).responses[0].partitions[0].error_code == UNKNOWN_TOPIC
    client.create_topic(name)
    assert again(client, session, 2).responses[0].partitions[0].error_code == 0
    assert told(again(client, session, 3)) == {}


def test_sessions_are_bounded(make_broker):
    broker = make_broker({"max.incremental.fetch.session.cache.slots": 10})
    with Client(broker.port) as client:
        client.create_topic("t")
        ids = [client.ask(client.fetch_request("t", {0: 0}, session=(0, 0)), 11).session_id for _ in range(30)]
    assert len([one for one in ids if one]) == 10
    assert ids[10:] == [0] * 20


def test_many_consumers_of_one_log_are_all_woken(client, shared_broker, topic):
    consumers = [Client(shared_broker.port) for _ in range(20)]
    for consumer in consumers:
        consumer.send(consumer.fetch_request(topic, {0: 0}, wait_ms=30000), 11)
    client.produce(topic, batch([(None, b"v")]))
    for consumer in consumers:
        assert len(batches_of(consumer.receive(1, 11).responses[0].partitions[0].records)) == 1
        consumer.socket.close()


def test_producers_and_consumers_together_lose_nothing(shared_broker, client, topic):
    total = 300

    def write() -> None:
        with Client(shared_broker.port) as producer:
            for n in range(total):
                assert producer.produce(topic, batch([(None, b"%d" % n)])).error_code == 0

    thread = threading.Thread(target=write)
    thread.start()
    offset = 0
    while offset < total:
        for base, size, _ in batches_of(client.fetch(topic, offset, wait_ms=1000).records):
            assert base == offset
            offset += size
    thread.join()
