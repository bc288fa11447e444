"""ListOffsets (key 2) and OffsetForLeaderEpoch (key 23)."""

from itertools import count

import pytest

from pybroker.protocol.messages import load
from tests.support.client import Client, batch

NAMES = (f"offsets-{n}" for n in count())
UNKNOWN_TOPIC, UNSUPPORTED, FENCED, UNKNOWN_EPOCH = 3, 35, 74, 75
T = 1_700_000_000_000


@pytest.fixture
def topic(client):
    name = next(NAMES)
    client.create_topic(name, 1)
    for n in (0, 10, 5, 20):
        assert client.produce(name, batch([(None, b"v")] * 2, timestamp=T + n)).error_code == 0
    return name


@pytest.mark.parametrize("version", range(1, 12))
def test_every_version_is_served(client, topic, version):
    assert client.offset(topic, -1, version=version).offset == 8
    assert client.offset(topic, -2, version=version).offset == 0
    row = client.offset(topic, T + 7, version=version)
    assert (row.error_code, row.offset, row.timestamp) == (0, 2, T + 10)


@pytest.mark.parametrize(("time", "offset"), [(0, 0), (T, 0), (T + 1, 2), (T + 10, 2), (T + 11, 6), (T + 20, 6), (T + 21, -1), (2**63 - 1, -1)])
def test_by_time_the_first_record_that_is_not_earlier(client, topic, time, offset):
    assert client.offset(topic, time).offset == offset


@pytest.mark.parametrize(("special", "offset", "timestamp"), [(-1, 8, -1), (-2, 0, -1), (-3, 6, T + 20), (-4, 0, -1), (-5, -1, -1), (-6, -1, -1)])
def test_special_times(client, topic, special, offset, timestamp):
    row = client.offset(topic, special)
    assert (row.error_code, row.offset, row.timestamp) == (0, offset, timestamp)


@pytest.mark.parametrize(("special", "version"), [(-3, 6), (-4, 7), (-5, 8), (-6, 10), (-7, 11), (-(2**62), 11)])
def test_special_times_a_version_does_not_know(client, topic, special, version):
    assert client.offset(topic, special, version=version).error_code == UNSUPPORTED


def test_compressed_batches_are_looked_into(client):
    name = next(NAMES)
    client.create_topic(name)
    from tests.support.client import record

    rows = [record(n, None, b"v", timestamp_delta=n * 10) for n in range(5)]
    assert client.produce(name, batch(rows, timestamp=T, codec=4, max_timestamp=T + 40)).error_code == 0
    row = client.offset(name, T + 25)
    assert (row.offset, row.timestamp) == (3, T + 30)


def test_an_empty_and_an_unknown_partition(client, topic):
    name = next(NAMES)
    client.create_topic(name)
    assert [client.offset(name, time).offset for time in (-1, -2, -3, 5)] == [0, 0, -1, -1]
    assert client.offset("no-such-topic", -1).error_code == UNKNOWN_TOPIC
    assert client.offset(topic, -1, partition=7).error_code == UNKNOWN_TOPIC


@pytest.mark.parametrize("version", [2, 3, 4])
def test_the_end_of_an_epoch(client, topic, version):
    m = load(23)

    def ask(epoch, current=-1):
        row = m.OffsetForLeaderPartition(partition=0, current_leader_epoch=current, leader_epoch=epoch)
        answer = client.ask(m.OffsetForLeaderEpochRequest(replica_id=-1, topics=[m.OffsetForLeaderTopic(topic=topic, partitions=[row])]), version)
        found = answer.topics[0].partitions[0]
        return found.error_code, found.leader_epoch, found.end_offset

    assert ask(0) == (0, 0, 8)
    assert ask(0, 0) == (0, 0, 8)
    assert ask(1) == (0, -1, -1)
    assert ask(0, 3)[0] == UNKNOWN_EPOCH


def test_epochs_rise_with_an_unclean_restart_and_end_where_the_next_began(make_broker):
    broker = make_broker()
    with Client(broker.port) as client:
        client.create_topic("t")
        client.produce("t", batch([(None, b"v")] * 3))
    broker.kill()
    broker.start()
    m = load(23)
    with Client(broker.port) as client:
        client.produce("t", batch([(None, b"v")] * 2))
        rows = [m.OffsetForLeaderPartition(partition=0, current_leader_epoch=-1, leader_epoch=epoch) for epoch in (0, 1)]
        found = client.ask(m.OffsetForLeaderEpochRequest(replica_id=-1, topics=[m.OffsetForLeaderTopic(topic="t", partitions=rows)]), 4).topics[0].partitions
        assert [(row.leader_epoch, row.end_offset) for row in found] == [(0, 3), (1, 5)]
        fetch = load(1)
        old = [fetch.FetchPartition(partition=0, current_leader_epoch=0, fetch_offset=0, partition_max_bytes=1000)]
        answer = client.ask(fetch.FetchRequest(topics=[fetch.FetchTopic(topic="t", partitions=old)], max_bytes=1000), 12)
        assert answer.responses[0].partitions[0].error_code == FENCED
