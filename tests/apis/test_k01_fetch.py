"""Fetch (API key 1): versions, bounds, waiting, isolation, sessions (KIP-227), and every error row that a client can provoke."""

import struct
import threading
import time

import pytest

from tests.support import kafka
from tests.support.batches import CODECS, Record, all_records, batch, batch_of_size, parse_batches
from tests.support.broker import AnyBroker, ours_only
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client, new_name
from tests.support.wire import Connection, framed, string, versions

BATCH_BYTES = 500
FETCH_SESSION_TOPIC_ID_ERROR = 106


def fill(client: Client, topic: str, count: int, *, partition: int = 0) -> None:
    """Batches of one record and 500 bytes each."""
    for _ in range(count):
        client.produced(topic, batch_of_size(BATCH_BYTES), partition=partition)


# ---- versions


@pytest.mark.parametrize("version", versions(1))
def test_every_version_is_served(client: Client, version: int) -> None:
    topic = client.create_topic()
    values = client.fill(topic, 3, 2)
    answer = client.fetch(topic, 0, version=version)
    assert (answer.error_code, answer.high_watermark, answer.last_stable_offset) == (kafka.NONE, 6, 6)
    assert answer.log_start_offset == (0 if version >= 5 else -1)
    assert answer.preferred_read_replica == -1 and not answer.aborted_transactions
    stored = parse_batches(answer.records)
    assert [one.base_offset for one in stored] == [0, 2, 4]
    assert [record.value for record in all_records(stored)] == values


@pytest.mark.parametrize("version", versions(1))
def test_every_version_has_an_answer_for_an_unknown_topic(client: Client, version: int) -> None:
    name = new_name("missing")
    client.ids[name] = bytes(range(16))
    answer = client.fetch(name, 0, version=version)
    assert answer.error_code == (kafka.UNKNOWN_TOPIC_ID if version >= 13 else kafka.UNKNOWN_TOPIC_OR_PARTITION)
    assert (answer.high_watermark, answer.last_stable_offset, answer.records or b"") == (-1, -1, b"")


def test_golden_bytes_of_version_4(client: Client) -> None:
    topic = client.create_topic()
    client.produced(topic, batch([Record(b"golden")]))
    stored = batch([Record(b"golden")], leader_epoch=0)
    body = struct.pack(">iiiibi", -1, 100, 1, 1 << 20, 0, 1) + string(topic) + struct.pack(">iiqi", 1, 0, 0, 1 << 20)
    client.connection.send_bytes(framed(struct.pack(">hhi", 1, 4, 99) + string("golden") + body))
    partition = struct.pack(">ihqq", 0, 0, 1, 1) + struct.pack(">i", -1) + struct.pack(">i", len(stored)) + stored
    assert client.connection.read_frame() == struct.pack(">iii", 99, 0, 1) + string(topic) + struct.pack(">i", 1) + partition


def test_golden_bytes_of_version_18_empty(client: Client) -> None:
    topic = client.create_topic()
    partition = struct.pack(">iiqiqi", 0, -1, 0, -1, -1, 1 << 20) + b"\0"
    body = struct.pack(">iiibii", 0, 1, 1 << 20, 0, 0, -1) + b"\2" + client.ids[topic] + b"\2" + partition + b"\0" + b"\1" + b"\1" + b"\0"
    client.connection.send_bytes(framed(struct.pack(">hhi", 1, 18, 5) + string(None) + b"\0" + body))
    row = struct.pack(">ihqqq", 0, 0, 0, 0, 0) + b"\0" + struct.pack(">i", -1) + b"\1" + b"\0"
    expected = struct.pack(">i", 5) + b"\0" + struct.pack(">ihi", 0, 0, 0) + b"\2" + client.ids[topic] + b"\2" + row + b"\0" + b"\0"
    assert client.connection.read_frame() == expected


# ---- what comes back


def test_offset_in_the_middle_of_a_batch_brings_the_whole_batch(client: Client) -> None:
    topic = client.create_topic()
    client.fill(topic, 3, 10)
    for offset, bases in ((0, [0, 10, 20]), (9, [0, 10, 20]), (10, [10, 20]), (15, [10, 20]), (29, [20])):
        assert [one.base_offset for one in client.batches(topic, offset)] == bases


@pytest.mark.parametrize("codec", CODECS)
def test_offset_in_the_middle_of_a_compressed_batch(client: Client, codec: str) -> None:
    topic = client.create_topic()
    records = [Record(b"%d" % number) for number in range(100)]
    for start in (0, 100):
        assert client.produced(topic, batch(records, codec=codec)) == start
    assert [one.base_offset for one in client.batches(topic, 150)] == [100]
    assert [record.offset for record in client.records(topic, 150)] == list(range(150, 200))


def test_end_of_the_log_is_empty_and_no_error(client: Client) -> None:
    topic = client.create_topic()
    client.fill(topic, 1, 3)
    answer = client.fetch(topic, 3)
    assert (answer.error_code, answer.high_watermark, answer.records) == (kafka.NONE, 3, b"")


@pytest.mark.parametrize("offset", [-1, 4, 2**63 - 1, -(2**63)])
@pytest.mark.parametrize("version", [4, 12, 18])
def test_offset_out_of_range(client: Client, offset: int, version: int) -> None:
    topic = client.create_topic()
    client.fill(topic, 1, 3)
    answer = client.fetch(topic, offset, version=version)
    assert (answer.error_code, answer.records or b"") == (kafka.OFFSET_OUT_OF_RANGE, b"")


def test_several_topics_and_partitions_with_good_and_bad_ones(client: Client) -> None:
    one, two, missing = client.create_topic(3), client.create_topic(), new_name("missing")
    fill(client, one, 2, partition=1)
    fill(client, two, 1)
    entries = [(one, 2, 0), (one, 1, 1), (one, 9, 0), (missing, 0, 0), (two, 0, 0)]
    answer = client.call(client.fetch_request(entries, version=12), 12)
    got = {(t.topic, p.partition_index): (p.error_code, p.high_watermark, len(p.records or b"")) for t in answer.responses for p in t.partitions}
    unknown = (kafka.UNKNOWN_TOPIC_OR_PARTITION, -1, 0)
    assert got == {(one, 2): (0, 0, 0), (one, 1): (0, 2, BATCH_BYTES), (one, 9): unknown, (missing, 0): unknown, (two, 0): (0, 1, BATCH_BYTES)}


def test_id_of_a_deleted_topic_is_unknown(client: Client) -> None:
    topic = client.create_topic()
    fill(client, topic, 1)
    client.delete_topic(topic)
    assert client.fetch(topic, 0, version=13).error_code == kafka.UNKNOWN_TOPIC_ID
    assert client.fetch(topic, 0, version=12).error_code == kafka.UNKNOWN_TOPIC_OR_PARTITION


def test_no_topics_at_all(client: Client) -> None:
    answer = client.call(client.fetch_request([], version=12), 12)
    assert (answer.error_code, answer.session_id, answer.responses) == (kafka.NONE, 0, [])


def test_large_batches_come_back_byte_for_byte(client: Client) -> None:
    """Over the size from which the file goes straight to the socket."""
    topic = client.create_topic()
    data = [batch([Record(bytes([number]) * 900_000)]) for number in range(4)]
    for one in data:
        client.produced(topic, one)
    stored = parse_batches(client.fetch(topic, 0, partition_max_bytes=16 << 20).records)
    assert [one.body for one in stored] == [one[21:] for one in data]


def test_answers_stay_in_order_behind_a_waiting_fetch(client: Client) -> None:
    topic = client.create_topic()
    waiting = client.fetch_request([(topic, 0, 0)], version=12, max_wait_ms=400, min_bytes=1)
    first = client.connection.send(waiting, 12)
    request = client.produce_request([(topic, 0, batch())])
    second = client.connection.send(request, 12)
    assert client.connection.receive(waiting, 12, first).responses[0].partitions[0].error_code == kafka.NONE
    assert client.connection.receive(request, 12, second).responses[0].partition_responses[0].base_offset == 0


# ---- bounds


def test_first_batch_goes_out_whole_whatever_the_bounds(client: Client) -> None:
    topic = client.create_topic()
    fill(client, topic, 3)
    for bounds in ({"max_bytes": 1}, {"partition_max_bytes": 1}, {"max_bytes": 0}, {"partition_max_bytes": 0}, {"max_bytes": BATCH_BYTES, "partition_max_bytes": BATCH_BYTES}):
        assert [one.base_offset for one in parse_batches(client.fetch(topic, 1, **bounds).records)] == [1]


def test_partition_bound_cuts_behind_the_first_batch(client: Client) -> None:
    topic = client.create_topic()
    fill(client, topic, 10)
    data = client.fetch(topic, 0, partition_max_bytes=BATCH_BYTES * 3 + 7).records
    assert len(data) <= BATCH_BYTES * 3 + 7, "a cut batch at the end is allowed, more bytes are not"
    assert [one.base_offset for one in parse_batches(data, cut_tail=True)] == [0, 1, 2]


def test_request_bound_holds_over_partitions(client: Client) -> None:
    topic = client.create_topic(4)
    for partition in range(4):
        fill(client, topic, 4, partition=partition)
    request = client.fetch_request([(topic, partition, 0) for partition in range(4)], version=12, max_bytes=BATCH_BYTES * 6)
    rows = client.call(request, 12).responses[0].partitions
    sizes = {row.partition_index: len(row.records) for row in rows}
    assert all(row.error_code == kafka.NONE and row.high_watermark == 4 for row in rows) and sum(sizes.values()) <= BATCH_BYTES * 6
    assert sizes[0] == BATCH_BYTES * 4, "the first partition is served first"


def test_only_the_first_partition_may_go_over_the_bound(client: Client) -> None:
    topic = client.create_topic(2)
    for partition in range(2):
        client.produced(topic, batch_of_size(50_000), partition=partition)
    rows = client.call(client.fetch_request([(topic, 0, 0), (topic, 1, 0)], version=12, max_bytes=1000), 12).responses[0].partitions
    assert [(row.partition_index, len(row.records)) for row in rows] == [(0, 50_000), (1, 0)]


# ---- waiting


def test_fetch_waits_until_max_wait(client: Client) -> None:
    topic = client.create_topic()
    fill(client, topic, 1)
    started = time.monotonic()
    assert len(client.fetch(topic, 0, min_bytes=BATCH_BYTES + 1, max_wait_ms=300).records) == BATCH_BYTES
    assert 0.29 <= time.monotonic() - started < 5


def test_fetch_does_not_wait_without_cause(client: Client) -> None:
    """Enough bytes, min bytes 0, or an error: at once, though 30 s were allowed."""
    topic = client.create_topic(2)
    fill(client, topic, 1)
    started = time.monotonic()
    client.fetch(topic, 0, min_bytes=BATCH_BYTES, max_wait_ms=30_000)
    client.fetch(topic, 1, min_bytes=0, max_wait_ms=30_000)
    client.fetch(topic, 7, min_bytes=1, max_wait_ms=30_000)
    client.fetch(topic, 0, partition=9, min_bytes=1, max_wait_ms=30_000)
    assert time.monotonic() - started < 10


def in_background(work: object) -> threading.Thread:
    thread = threading.Thread(target=work)  # type: ignore[arg-type]
    thread.start()
    return thread


@pytest.mark.parametrize("version", [4, 12, 18])
def test_append_wakes_a_waiting_fetch(client: Client, broker: AnyBroker, version: int) -> None:
    topic = client.create_topic()
    other = Client(broker)
    request = client.fetch_request([(topic, 0, 0)], version=version, max_wait_ms=30_000, min_bytes=1)
    sent = client.connection.send(request, version)
    started = time.monotonic()
    fill(other, topic, 1)
    row = client.connection.receive(request, version, sent).responses[0].partitions[0]
    assert (row.error_code, row.high_watermark, len(row.records)) == (kafka.NONE, 1, BATCH_BYTES)
    assert time.monotonic() - started < 10
    other.close()


def test_fetch_waits_until_min_bytes(client: Client, broker: AnyBroker) -> None:
    topic = client.create_topic(2)
    other = Client(broker)
    request = client.fetch_request([(topic, 0, 0), (topic, 1, 0)], version=12, max_wait_ms=30_000, min_bytes=BATCH_BYTES * 3)
    sent = client.connection.send(request, 12)
    fill(other, topic, 1, partition=0)
    fill(other, topic, 1, partition=1)
    client.connection.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.connection.read_frame()
    client.connection.socket.settimeout(15)
    fill(other, topic, 1, partition=0)
    rows = client.connection.receive(request, 12, sent).responses[0].partitions
    assert {row.partition_index: len(row.records) for row in rows} == {0: BATCH_BYTES * 2, 1: BATCH_BYTES}
    other.close()


def test_many_waiters_on_one_partition_are_all_woken(client: Client, broker: AnyBroker) -> None:
    topic = client.create_topic()
    request = client.fetch_request([(topic, 0, 0)], version=12, max_wait_ms=30_000, min_bytes=1)
    waiting = [Connection(broker.address) for _ in range(40)]
    sent = [connection.send(request, 12) for connection in waiting]
    started = time.monotonic()
    fill(client, topic, 1)
    for connection, number in zip(waiting, sent, strict=True):
        assert len(connection.receive(request, 12, number).responses[0].partitions[0].records) == BATCH_BYTES
        connection.close()
    assert time.monotonic() - started < 10


def test_deleting_the_topic_ends_a_waiting_fetch(client: Client, broker: AnyBroker) -> None:
    topic = client.create_topic()
    other = Client(broker)
    request = client.fetch_request([(topic, 0, 0)], version=12, max_wait_ms=30_000, min_bytes=1)
    sent = client.connection.send(request, 12)
    started = time.monotonic()
    other.delete_topic(topic)
    row = client.connection.receive(request, 12, sent).responses[0].partitions[0]
    assert row.error_code in (kafka.UNKNOWN_TOPIC_OR_PARTITION, kafka.NOT_LEADER_OR_FOLLOWER)
    assert time.monotonic() - started < 10
    other.close()


def test_waiter_whose_client_leaves_is_forgotten(client: Client, broker: AnyBroker) -> None:
    topic = client.create_topic()
    for _ in range(20):
        leaving = Connection(broker.address)
        leaving.send(client.fetch_request([(topic, 0, 0)], version=12, max_wait_ms=2**31 - 1, min_bytes=1), 12)
        leaving.reset()
    fill(client, topic, 1)
    assert client.end_offset(topic) == 1


# ---- leader epochs


@pytest.mark.parametrize("version", [9, 12, 13, 18])
def test_leader_epoch_is_checked(client: Client, version: int) -> None:
    topic = client.create_topic()
    fill(client, topic, 1)
    assert client.fetch(topic, 0, version=version, leader_epoch=0).error_code == kafka.NONE
    assert client.fetch(topic, 0, version=version, leader_epoch=1).error_code == kafka.UNKNOWN_LEADER_EPOCH
    assert client.fetch(topic, 0, version=version, leader_epoch=2**31 - 1).error_code == kafka.UNKNOWN_LEADER_EPOCH


def test_divergence_is_told_when_the_last_fetched_epoch_is_given(client: Client) -> None:
    topic = client.create_topic()
    fill(client, topic, 3)
    request = client.fetch_request([(topic, 0, 100)], version=12)
    request.topics[0].partitions[0].last_fetched_epoch = 0
    request.topics[0].partitions[0].current_leader_epoch = 0
    row = client.call(request, 12).responses[0].partitions[0]
    assert (row.error_code, row.diverging_epoch.epoch, row.diverging_epoch.end_offset) == (kafka.NONE, 0, 3)
    request.topics[0].partitions[0].fetch_offset = 2
    row = client.call(request, 12).responses[0].partitions[0]
    assert (row.error_code, row.diverging_epoch.epoch, row.diverging_epoch.end_offset, len(row.records)) == (kafka.NONE, -1, -1, BATCH_BYTES)


# ---- isolation


def test_read_committed_without_transactions(client: Client) -> None:
    topic = client.create_topic()
    fill(client, topic, 2)
    assert client.fetch(topic, 0, isolation_level=0).aborted_transactions is None
    answer = client.fetch(topic, 0, isolation_level=1)
    assert (answer.error_code, answer.high_watermark, answer.last_stable_offset, answer.aborted_transactions) == (kafka.NONE, 2, 2, [])
    assert len(answer.records) == BATCH_BYTES * 2


# ---- sessions


def open_session(client: Client, entries: list[tuple[str, int, int]], *, version: int = 12) -> int:
    answer = client.call(client.fetch_request(entries, version=version, session_epoch=0), version)
    assert answer.error_code == kafka.NONE and answer.session_id > 0
    assert sum(len(t.partitions) for t in answer.responses) == len(entries), "the first answer has every partition"
    return int(answer.session_id)


def told(answer: object) -> dict[int, int]:
    """Bytes by partition, of all topics."""
    return {p.partition_index: len(p.records or b"") for t in answer.responses for p in t.partitions}  # type: ignore[attr-defined]


@pytest.mark.parametrize("version", [7, 11, 12, 13, 18])
def test_incremental_fetch_tells_only_what_changed(client: Client, version: int) -> None:
    topic = client.create_topic(3)
    fill(client, topic, 1, partition=0)
    session = open_session(client, [(topic, 0, 0), (topic, 1, 0), (topic, 2, 0)], version=version)

    def again(epoch: int, entries: list[tuple[str, int, int]], **fields: object) -> object:
        answer = client.call(client.fetch_request(entries, version=version, session_id=session, session_epoch=epoch, **fields), version)  # type: ignore[arg-type]
        assert (answer.error_code, answer.session_id) == (kafka.NONE, session)
        return answer

    assert told(again(1, [(topic, 0, 1)])) == {}
    fill(client, topic, 1, partition=2)
    assert told(again(2, [])) == {2: BATCH_BYTES}
    assert told(again(3, [(topic, 2, 1)])) == {}
    fill(client, topic, 1, partition=1)
    fill(client, topic, 1, partition=0)
    assert told(again(4, [], forgotten=[(topic, [1])])) == {0: BATCH_BYTES}
    assert told(again(5, [(topic, 0, 2)])) == {}
    assert told(again(6, [(topic, 1, 0)])) == {1: BATCH_BYTES}, "a partition can be taken in again"
    assert told(again(7, [(topic, 1, 1), (topic, 2, 5)])) == {2: 0}, "an error is told"


def test_a_waiting_incremental_fetch_is_woken(client: Client, broker: AnyBroker) -> None:
    topic = client.create_topic(2)
    session = open_session(client, [(topic, 0, 0), (topic, 1, 0)])
    request = client.fetch_request([], version=12, session_id=session, session_epoch=1, max_wait_ms=30_000, min_bytes=1)
    sent = client.connection.send(request, 12)
    other = Client(broker)
    fill(other, topic, 1, partition=1)
    assert told(client.connection.receive(request, 12, sent)) == {1: BATCH_BYTES}
    other.close()


def test_session_epoch_must_follow(client: Client) -> None:
    topic = client.create_topic()
    session = open_session(client, [(topic, 0, 0)])

    def code(session_id: int, epoch: int, version: int = 12) -> tuple[int, int]:
        answer = client.call(client.fetch_request([], version=version, session_id=session_id, session_epoch=epoch), version)
        return answer.error_code, len(answer.responses)

    assert code(session, 2) == (kafka.INVALID_FETCH_SESSION_EPOCH, 0)
    assert code(session, 1) == (kafka.NONE, 0)
    assert code(session, 1) == (kafka.INVALID_FETCH_SESSION_EPOCH, 0)
    assert code(session, 3) == (kafka.INVALID_FETCH_SESSION_EPOCH, 0)
    assert code(session, 2) == (kafka.NONE, 0)
    assert code(session ^ 0x5A5A5A, 3) == (kafka.FETCH_SESSION_ID_NOT_FOUND, 0)
    assert code(0, 1)[0] == kafka.FETCH_SESSION_ID_NOT_FOUND


def test_session_is_closed_by_the_final_epoch(client: Client) -> None:
    topic = client.create_topic()
    session = open_session(client, [(topic, 0, 0)])
    final = client.call(client.fetch_request([(topic, 0, 0)], version=12, session_id=session, session_epoch=-1), 12)
    assert (final.error_code, final.session_id) == (kafka.NONE, 0) and told(final) == {0: 0}
    assert client.call(client.fetch_request([], version=12, session_id=session, session_epoch=1), 12).error_code == kafka.FETCH_SESSION_ID_NOT_FOUND


def test_epoch_0_with_a_session_id_makes_a_new_session(client: Client) -> None:
    topic = client.create_topic()
    session = open_session(client, [(topic, 0, 0)])
    answer = client.call(client.fetch_request([(topic, 0, 0)], version=12, session_id=session, session_epoch=0), 12)
    assert answer.error_code == kafka.NONE and answer.session_id not in (0, session)
    assert client.call(client.fetch_request([], version=12, session_id=session, session_epoch=1), 12).error_code == kafka.FETCH_SESSION_ID_NOT_FOUND


def test_session_that_began_by_name_does_not_go_on_by_id(client: Client) -> None:
    topic = client.create_topic()
    session = open_session(client, [(topic, 0, 0)], version=12)
    answer = client.call(client.fetch_request([(topic, 0, 0)], version=13, session_id=session, session_epoch=1), 13)
    assert answer.error_code == FETCH_SESSION_TOPIC_ID_ERROR


def test_unknown_topic_in_a_session_is_told_until_it_is_there(client: Client) -> None:
    name = new_name("later")
    answer = client.call(client.fetch_request([(name, 0, 0)], version=12, session_epoch=0), 12)
    session = answer.session_id
    assert session > 0 and answer.responses[0].partitions[0].error_code == kafka.UNKNOWN_TOPIC_OR_PARTITION
    answer = client.call(client.fetch_request([], version=12, session_id=session, session_epoch=1), 12)
    assert [p.error_code for t in answer.responses for p in t.partitions] == [kafka.UNKNOWN_TOPIC_OR_PARTITION]
    client.create_topic(name=name)
    fill(client, name, 1)
    assert told(client.call(client.fetch_request([], version=12, session_id=session, session_epoch=2), 12)) == {0: BATCH_BYTES}


def test_versions_before_7_have_no_sessions(client: Client) -> None:
    topic = client.create_topic()
    for version in (4, 5, 6):
        answer = client.call(client.fetch_request([(topic, 0, 0)], version=version), version)
        assert answer.responses[0].partitions[0].error_code == kafka.NONE


def test_sessions_beyond_the_cache_are_refused_and_fetches_served(start_broker: StartBroker) -> None:
    client = Client(start_broker({"max.incremental.fetch.session.cache.slots": "3"}))
    topic = client.create_topic(2)
    ids = []
    for _ in range(6):
        answer = client.call(client.fetch_request([(topic, 0, 0), (topic, 1, 0)], version=12, session_epoch=0), 12)
        assert answer.error_code == kafka.NONE and told(answer) == {0: 0, 1: 0}
        ids.append(answer.session_id)
    assert [session > 0 for session in ids] == [True] * 3 + [False] * 3
    client.call(client.fetch_request([], version=12, session_id=ids[0], session_epoch=-1), 12)
    assert open_session(client, [(topic, 0, 0)]) > 0, "a closed session frees its place"


@ours_only("Kafka's default of 2,000 slots is in use by its own")
def test_session_lives_past_its_connection(client: Client, broker: AnyBroker) -> None:
    topic = client.create_topic()
    session = open_session(client, [(topic, 0, 0)])
    other = Client(broker)
    answer = other.call(client.fetch_request([], version=12, session_id=session, session_epoch=1), 12)
    assert (answer.error_code, answer.session_id) == (kafka.NONE, session)
    other.close()


# ---- across a crash


def test_leader_epoch_after_a_crash_and_the_old_one(start_broker: StartBroker) -> None:
    broker = start_broker()
    client = Client(broker)
    topic = client.create_topic()
    fill(client, topic, 3)
    before = client.metadata([topic]).topics[0].partitions[0].leader_epoch
    broker.kill()
    broker.start()
    again = Client(broker)
    assert [one.base_offset for one in again.batches(topic)] == [0, 1, 2]
    after = again.metadata([topic]).topics[0].partitions[0].leader_epoch
    assert after == before + 1, "a crash may have cut the log: whoever read under the old epoch must ask"
    assert again.fetch(topic, 0, leader_epoch=after).error_code == kafka.NONE
    assert again.fetch(topic, 0, leader_epoch=after + 1).error_code == kafka.UNKNOWN_LEADER_EPOCH
    assert again.fetch(topic, 0, leader_epoch=before).error_code == kafka.FENCED_LEADER_EPOCH
