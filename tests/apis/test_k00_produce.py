"""Produce (API key 0): every version served, every error row that a client can provoke, what the broker makes of a batch. Bad bytes are in test_bad_batches.py."""

import struct

import pytest

from pybroker.protocol.messages import k00_produce as k00
from pybroker.protocol.messages.k18_api_versions import ApiVersionsRequest
from pybroker.protocol.messages.k22_init_producer_id import InitProducerIdRequest
from tests.support import kafka
from tests.support.batches import CODECS, COMPRESSED, LOG_APPEND_TIME, NOW_MS, Record, all_records, batch, batch_of_size
from tests.support.broker import ours_only
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client, new_name
from tests.support.wire import Connection, framed, request_header, string, versions

RECORDS = [
    Record(b"first", b"key"),
    Record(b"second", headers=(("trace", b"\x00\x01"), ("empty", b""), ("null", None), ("trace", b"again")), time_ms=NOW_MS + 5),
    Record(None, b"tombstone"),
    Record(b"", b""),
]


# ---- versions


@pytest.mark.parametrize("version", versions(0))
def test_batch_is_stored_and_read_back_at_every_version(client: Client, version: int) -> None:
    topic = client.create_topic()
    for expected in (0, len(RECORDS)):
        answer = client.produce(topic, batch(RECORDS), version=version)
        assert (answer.error_code, answer.base_offset, answer.log_append_time_ms) == (kafka.NONE, expected, -1)
        assert answer.log_start_offset == (0 if version >= 5 else -1)
        assert answer.record_errors == [] and answer.error_message is None
    stored = client.batches(topic)
    assert [one.base_offset for one in stored] == [0, len(RECORDS)]
    assert all(one.body == batch(RECORDS)[21:] and one.leader_epoch == 0 for one in stored), "the CRC'd part is stored as it came, with the leader epoch filled in"
    assert [record.content for record in all_records(stored)] == [record.content for record in RECORDS * 2]


@pytest.mark.parametrize("version", [0, 1, 2])
def test_versions_0_to_2_are_advertised_and_refused(connection: Connection, version: int) -> None:
    """librdkafka needs them in the list (KAFKA-18659); a request in one of them is answered by closing."""
    answer = connection.call(ApiVersionsRequest(), 0)
    assert [(key.min_version, key.max_version) for key in answer.api_keys if key.api_key == 0] == [(0, 13)]
    body = struct.pack(">hi", -1, 1000) + struct.pack(">i", 0)
    connection.send_and_assert_closed(framed(request_header(0, version, 1, flexible=False) + body))


def test_golden_bytes_of_version_3(client: Client) -> None:
    topic = client.create_topic()
    data = batch([Record(b"golden")])
    body = string(None) + struct.pack(">hii", 1, 5000, 1) + string(topic) + struct.pack(">iii", 1, 0, len(data)) + data
    client.connection.send_bytes(framed(struct.pack(">hhi", 0, 3, 77) + string("golden") + body))
    expected = struct.pack(">ii", 77, 1) + string(topic) + struct.pack(">iihqq", 1, 0, 0, 0, -1) + struct.pack(">i", 0)
    assert client.connection.read_frame() == expected


def test_golden_bytes_of_version_13(client: Client) -> None:
    topic = client.create_topic()
    data = batch([Record(b"golden")])
    length = struct.pack("B", (len(data) + 1) & 0x7F | 0x80) + struct.pack("B", (len(data) + 1) >> 7) if len(data) > 126 else struct.pack("B", len(data) + 1)
    body = b"\0" + struct.pack(">hi", -1, 5000) + b"\2" + client.ids[topic] + b"\2" + struct.pack(">i", 0) + length + data + b"\0\0\0"
    client.connection.send_bytes(framed(struct.pack(">hhi", 0, 13, 78) + string(None) + b"\0" + body))
    partition = struct.pack(">ihqqq", 0, 0, 0, -1, 0) + b"\1\0\0"
    expected = struct.pack(">i", 78) + b"\0" + b"\2" + client.ids[topic] + b"\2" + partition + b"\0" + struct.pack(">i", 0) + b"\0"
    assert client.connection.read_frame() == expected


# ---- acks


@pytest.mark.parametrize("acks", [1, -1])
def test_acks_1_and_all_answer_with_the_offset(client: Client, acks: int) -> None:
    topic = client.create_topic()
    assert [client.produced(topic, batch(RECORDS), acks=acks) for _ in range(3)] == [0, 4, 8]


def test_acks_0_has_no_answer_and_stores(client: Client) -> None:
    topic = client.create_topic()
    for _ in range(3):
        client.connection.send(client.produce_request([(topic, 0, batch(RECORDS))], acks=0), 9)
    assert client.end_offset(topic) == 12, "the next request's answer is the first on this connection"


@pytest.mark.parametrize("acks", [2, -2, 32767])
def test_other_acks_are_invalid(client: Client, acks: int) -> None:
    topic = client.create_topic(2)
    answer = client.call(client.produce_request([(topic, 0, batch()), (topic, 1, batch())], acks=acks), 9)
    assert sorted((p.index, p.error_code, p.base_offset) for p in answer.responses[0].partition_responses) == [(0, kafka.INVALID_REQUIRED_ACKS, -1), (1, kafka.INVALID_REQUIRED_ACKS, -1)]
    assert client.end_offset(topic) == 0


def test_acks_0_with_an_error_closes_the_connection(client: Client) -> None:
    request = client.produce_request([(new_name("missing"), 0, batch())], acks=0)
    client.connection.send(request, 9)
    client.connection.assert_closed()


def test_min_insync_replicas_above_the_replicas_is_cut_to_them(client: Client) -> None:
    """As Kafka since 3.7: the minimum in force is never more than the replicas that there are."""
    topic = client.create_topic(configs={"min.insync.replicas": "2"})
    assert [client.produced(topic, batch(), acks=acks) for acks in (1, -1)] == [0, 1]


# ---- where to


def test_several_topics_and_partitions_with_good_and_bad_ones(client: Client) -> None:
    one, two, missing = client.create_topic(3), client.create_topic(1), new_name("missing")
    bad = batch([Record(b"x")], crc=1)
    entries = [(one, 2, batch(RECORDS)), (one, 0, bad), (one, 1, batch(RECORDS)), (one, 3, batch()), (two, 0, batch(RECORDS)), (missing, 0, batch())]
    answer = client.call(client.produce_request(entries), 9)
    got = {(t.name, p.index): (p.error_code, p.base_offset) for t in answer.responses for p in t.partition_responses}
    assert got == {
        (one, 2): (kafka.NONE, 0),
        (one, 0): (kafka.CORRUPT_MESSAGE, -1),
        (one, 1): (kafka.NONE, 0),
        (one, 3): (kafka.UNKNOWN_TOPIC_OR_PARTITION, -1),
        (two, 0): (kafka.NONE, 0),
        (missing, 0): (kafka.UNKNOWN_TOPIC_OR_PARTITION, -1),
    }
    assert [client.end_offset(one, index) for index in range(3)] == [0, 4, 4]


def test_several_topics_by_id(client: Client) -> None:
    one, two = client.create_topic(2), client.create_topic()
    client.ids["nobody"] = bytes(range(16))
    entries = [(one, 0, batch()), (one, 1, batch()), ("nobody", 0, batch()), (two, 0, batch()), (two, 7, batch())]
    answer = client.call(client.produce_request(entries, by_id=True), 13)
    got = {(t.topic_id, p.index): (p.error_code, p.base_offset) for t in answer.responses for p in t.partition_responses}
    assert got == {
        (client.ids[one], 0): (kafka.NONE, 0),
        (client.ids[one], 1): (kafka.NONE, 0),
        (bytes(range(16)), 0): (kafka.UNKNOWN_TOPIC_ID, -1),
        (client.ids[two], 0): (kafka.NONE, 0),
        (client.ids[two], 7): (kafka.UNKNOWN_TOPIC_OR_PARTITION, -1),
    }


@pytest.mark.parametrize("partition", [1, -1, 2**31 - 1, -(2**31)])
def test_partition_that_there_is_not(client: Client, partition: int) -> None:
    topic = client.create_topic()
    assert client.produce(topic, batch(), partition=partition).error_code == kafka.UNKNOWN_TOPIC_OR_PARTITION


def test_id_of_a_deleted_topic_is_unknown(client: Client) -> None:
    topic = client.create_topic()
    client.delete_topic(topic)
    assert client.produce(topic, batch(), version=13).error_code == kafka.UNKNOWN_TOPIC_ID


def test_recreated_topic_has_another_id(client: Client) -> None:
    topic = client.create_topic()
    client.produced(topic, batch(RECORDS))
    old = client.ids[topic]
    client.delete_topic(topic)
    client.create_topic(name=topic)
    assert client.ids[topic] != old
    assert client.produce(topic, batch(), version=13).base_offset == 0
    client.ids[topic] = old
    assert client.produce(topic, batch(), version=13).error_code == kafka.UNKNOWN_TOPIC_ID


def test_no_topics_at_all(client: Client) -> None:
    assert client.call(k00.ProduceRequest(acks=-1, timeout_ms=1000), 9).responses == []


def test_requests_sent_together_are_answered_in_order(client: Client) -> None:
    topic = client.create_topic()
    requests = [client.produce_request([(topic, 0, batch([Record(b"%d" % number)]))]) for number in range(50)]
    sent = [client.connection.send(request, 12) for request in requests]
    answers = [client.connection.receive(request, 12, number) for request, number in zip(requests, sent, strict=True)]
    assert [answer.responses[0].partition_responses[0].base_offset for answer in answers] == list(range(50))
    assert [record.value for record in client.records(topic)] == [b"%d" % number for number in range(50)]


# ---- codecs and time stamps


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("count", [1, 300])
def test_every_codec_is_stored_as_it_came(client: Client, codec: str, count: int) -> None:
    topic = client.create_topic()
    records = [Record(b"value-%d" % number * 20, b"key-%d" % number, (("h", b"x"),), NOW_MS + number) for number in range(count)]
    data = batch(records, codec=codec)
    client.produced(topic, data)
    stored = client.batches(topic)
    assert [one.body for one in stored] == [data[21:]]
    assert [record.content for record in stored[0].records] == [record.content for record in records]


def test_snappy_without_framing_is_taken(client: Client) -> None:
    """librdkafka sends raw snappy blocks, Java frames them."""
    import cramjam

    topic = client.create_topic()
    records = [Record(b"raw snappy " * 50)] * 20
    payload = batch(records)[61:]
    data = batch(records, codec="snappy", packed=bytes(cramjam.snappy.compress_raw(payload)))
    client.produced(topic, data)
    assert [record.value for record in client.records(topic)] == [record.value for record in records]


@pytest.mark.parametrize("wanted", ["uncompressed", *COMPRESSED])
@pytest.mark.parametrize("sent", CODECS)
def test_compression_type_of_the_topic_decides(client: Client, wanted: str, sent: str) -> None:
    topic = client.create_topic(configs={"compression.type": wanted})
    records = [Record(b"value-%d" % number * 10, b"k%d" % number, (("a", None),), NOW_MS + number * 3) for number in range(40)]
    data = batch(records, codec=sent)
    client.produced(topic, data)
    client.produced(topic, data)
    stored = client.batches(topic)
    assert [one.codec for one in stored] == ["none" if wanted == "uncompressed" else wanted] * 2
    assert [one.base_offset for one in stored] == [0, 40]
    assert [(record.content, record.time_ms) for record in all_records(stored)] == [(record.content, record.time_ms) for record in records * 2]
    if stored[0].codec == sent:
        assert stored[0].body == data[21:]


@pytest.mark.parametrize("codec", CODECS)
def test_log_append_time_is_set_by_the_broker(client: Client, codec: str) -> None:
    topic = client.create_topic(configs={"message.timestamp.type": "LogAppendTime"})
    answer = client.produce(topic, batch(RECORDS, codec=codec))
    assert answer.error_code == kafka.NONE and answer.log_append_time_ms > NOW_MS + 1_000_000
    [stored] = client.batches(topic)
    assert stored.attributes & LOG_APPEND_TIME and stored.codec == codec and stored.max_time_ms == answer.log_append_time_ms
    assert [record.content for record in stored.records] == [record.content for record in RECORDS]
    assert {record.time_ms for record in stored.records} == {answer.log_append_time_ms}


@pytest.mark.parametrize("codec", ["none", "gzip"])
def test_producers_log_append_time_flag_on_a_create_time_topic_is_dropped(client: Client, codec: str) -> None:
    """A producer cannot say that the broker set the time."""
    topic = client.create_topic()
    client.produced(topic, batch(RECORDS, attributes=LOG_APPEND_TIME, codec=codec))
    [stored] = client.batches(topic)
    assert stored.attributes & LOG_APPEND_TIME == 0
    assert [record.time_ms for record in stored.records] == [record.time_ms for record in RECORDS]


def _now_ms(client: Client) -> int:
    """The broker's clock: LogAppendTime tells it."""
    topic = client.create_topic(configs={"message.timestamp.type": "LogAppendTime"})
    return int(client.produce(topic, batch()).log_append_time_ms)


@pytest.mark.parametrize("codec", ["none", "lz4"])
def test_timestamp_too_far_before(client: Client, codec: str) -> None:
    topic = client.create_topic(configs={"message.timestamp.before.max.ms": "60000"})
    now = _now_ms(client)
    assert client.produce(topic, batch([Record(b"x", time_ms=now - 30_000)], codec=codec)).error_code == kafka.NONE
    answer = client.produce(topic, batch([Record(b"x", time_ms=now), Record(b"y", time_ms=now - 600_000)], codec=codec))
    assert (answer.error_code, answer.base_offset) == (kafka.INVALID_TIMESTAMP, -1)
    assert [error.batch_index for error in answer.record_errors] == [1] and answer.error_message
    assert client.end_offset(topic) == 1


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_timestamp_too_far_after(client: Client, codec: str) -> None:
    topic = client.create_topic()
    now = _now_ms(client)
    assert client.produce(topic, batch([Record(b"x", time_ms=now + 600_000)], codec=codec)).error_code == kafka.NONE
    assert client.produce(topic, batch([Record(b"x", time_ms=now + 7_200_000)], codec=codec)).error_code == kafka.INVALID_TIMESTAMP, "the default is one hour"


def test_no_timestamp_is_taken(client: Client) -> None:
    """-1 is "none"; it is not held against the limits."""
    topic = client.create_topic(configs={"message.timestamp.before.max.ms": "60000"})
    client.produced(topic, batch([Record(b"x", time_ms=-1)]))
    assert [record.time_ms for record in client.records(topic)] == [-1]


# ---- sizes


def test_max_message_bytes_exactly_and_one_more(client: Client) -> None:
    topic = client.create_topic(configs={"max.message.bytes": "2000"})
    answer = client.produce(topic, batch_of_size(2001))
    assert (answer.error_code, answer.base_offset) == (kafka.MESSAGE_TOO_LARGE, -1)
    assert client.produced(topic, batch_of_size(2000)) == 0
    assert client.end_offset(topic) == 1


def test_max_message_bytes_default(client: Client) -> None:
    topic = client.create_topic()
    assert client.produced(topic, batch_of_size(1_048_588)) == 0
    assert client.produce(topic, batch_of_size(1_048_589)).error_code == kafka.MESSAGE_TOO_LARGE


@ours_only("Kafka applies a change some time after it answered")
def test_max_message_bytes_changes_at_once(client: Client) -> None:
    topic = client.create_topic()
    client.produced(topic, batch_of_size(5000))
    assert client.alter(topic, [("max.message.bytes", kafka.SET, "4999")]).error_code == kafka.NONE
    client.wait_config(topic, "max.message.bytes", "4999")
    assert client.produce(topic, batch_of_size(5000)).error_code == kafka.MESSAGE_TOO_LARGE
    assert client.produced(topic, batch_of_size(4999)) == 1


def test_compressed_size_counts(client: Client) -> None:
    topic = client.create_topic(configs={"max.message.bytes": "2000"})
    client.produced(topic, batch([Record(bytes(50_000))], codec="gzip"))
    assert [len(record.value or b"") for record in client.records(topic)] == [50_000]


# ---- compacted topics


@pytest.mark.parametrize("codec", ["none", "gzip"])
def test_record_without_key_on_a_compacted_topic(client: Client, codec: str) -> None:
    topic = client.create_topic(configs={"cleanup.policy": "compact"})
    client.produced(topic, batch([Record(b"a", b"k"), Record(None, b"k"), Record(b"a", b"")], codec=codec))
    records = [Record(b"a", b"k"), Record(b"b"), Record(b"c", b"k"), Record(b"d")]
    answer = client.produce(topic, batch(records, codec=codec))
    assert (answer.error_code, answer.base_offset) == (kafka.INVALID_RECORD, -1)
    assert [error.batch_index for error in answer.record_errors] == [1, 3]
    assert all(error.batch_index_error_message for error in answer.record_errors) and answer.error_message
    assert client.end_offset(topic) == 3, "nothing of a refused batch is stored"


def test_record_errors_are_left_out_before_version_8(client: Client) -> None:
    topic = client.create_topic(configs={"cleanup.policy": "compact"})
    for version in (3, 7):
        assert client.produce(topic, batch(), version=version).error_code == kafka.INVALID_RECORD


# ---- idempotent producers


def sequenced(producer_id: int, sequence: int, count: int = 1, *, epoch: int = 0, codec: str = "none", value: bytes = b"v") -> bytes:
    return batch([Record(value)] * count, producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence, codec=codec)


def test_duplicate_is_answered_with_the_old_offset(client: Client) -> None:
    topic = client.create_topic()
    producer = client.new_producer_id()
    client.produced(topic, batch())
    assert [client.produced(topic, sequenced(producer, sequence, 3)) for sequence in (0, 3, 6)] == [1, 4, 7]
    assert [client.produced(topic, sequenced(producer, sequence, 3)) for sequence in (3, 0, 6)] == [4, 1, 7]
    assert client.end_offset(topic) == 10
    assert client.produced(topic, sequenced(producer, 9)) == 10


def test_duplicate_of_the_last_five_batches_is_known_and_no_older(client: Client) -> None:
    topic = client.create_topic()
    producer = client.new_producer_id()
    for sequence in range(6):
        assert client.produced(topic, sequenced(producer, sequence)) == sequence
    for sequence in range(1, 6):
        assert client.produced(topic, sequenced(producer, sequence)) == sequence
    assert client.produce(topic, sequenced(producer, 0)).error_code == kafka.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert client.end_offset(topic) == 6


@pytest.mark.parametrize("sequence", [4, 2, 100])
def test_sequence_gap(client: Client, sequence: int) -> None:
    topic = client.create_topic()
    producer = client.new_producer_id()
    client.produced(topic, sequenced(producer, 0, 3))
    answer = client.produce(topic, sequenced(producer, sequence))
    assert (answer.error_code, answer.base_offset) == (kafka.OUT_OF_ORDER_SEQUENCE_NUMBER, -1)
    assert client.produced(topic, sequenced(producer, 3)) == 3


def test_duplicate_needs_the_same_range(client: Client) -> None:
    topic = client.create_topic()
    producer = client.new_producer_id()
    client.produced(topic, sequenced(producer, 0, 3))
    assert client.produce(topic, sequenced(producer, 0, 2)).error_code == kafka.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_duplicate_with_other_bytes_is_a_duplicate(client: Client) -> None:
    topic = client.create_topic()
    producer = client.new_producer_id()
    client.produced(topic, sequenced(producer, 0, value=b"one"))
    assert client.produced(topic, sequenced(producer, 0, value=b"two", codec="gzip")) == 0
    assert [record.value for record in client.records(topic)] == [b"one"]


def test_new_epoch_starts_at_sequence_0_and_fences_the_old_one(client: Client) -> None:
    topic = client.create_topic()
    producer = client.new_producer_id()
    client.produced(topic, sequenced(producer, 0, 3))
    assert client.produce(topic, sequenced(producer, 3, epoch=1)).error_code == kafka.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert client.produced(topic, sequenced(producer, 0, epoch=1)) == 3
    assert client.produce(topic, sequenced(producer, 3, epoch=0)).error_code == kafka.INVALID_PRODUCER_EPOCH
    assert client.produced(topic, sequenced(producer, 1, epoch=1)) == 4


def test_sequence_wraps_after_2_31_minus_1(client: Client) -> None:
    topic = client.create_topic()
    producer = client.new_producer_id()
    last = 2**31 - 1
    assert client.produced(topic, sequenced(producer, last - 2, 2)) == 0
    assert client.produced(topic, sequenced(producer, last, 3)) == 2, "2^31-1, 0, 1"
    assert client.produced(topic, sequenced(producer, 2)) == 5
    assert client.produced(topic, sequenced(producer, last, 3)) == 2, "a duplicate over the wrap"
    assert client.produce(topic, sequenced(producer, 4)).error_code == kafka.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_unknown_producer_may_begin_anywhere(client: Client) -> None:
    topic = client.create_topic()
    producer = client.new_producer_id()
    assert client.produced(topic, sequenced(producer, 17, 2)) == 0
    assert client.produced(topic, sequenced(producer, 19)) == 2


def test_state_is_kept_per_partition(client: Client) -> None:
    topic = client.create_topic(2)
    producer = client.new_producer_id()
    assert [client.produced(topic, sequenced(producer, 0, 2), partition=index) for index in (0, 1)] == [0, 0]
    assert client.produced(topic, sequenced(producer, 2), partition=1) == 2
    assert client.produce(topic, sequenced(producer, 3), partition=0).error_code == kafka.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_idempotent_batches_in_flight_on_one_connection(client: Client) -> None:
    topic = client.create_topic()
    producer = client.new_producer_id()
    requests = [client.produce_request([(topic, 0, sequenced(producer, number * 2, 2, codec="lz4"))]) for number in (0, 1, 2, 4, 3, 4)]
    sent = [client.connection.send(request, 12) for request in requests]
    answers = [client.connection.receive(request, 12, number).responses[0].partition_responses[0] for request, number in zip(requests, sent, strict=True)]
    out = kafka.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert [(answer.error_code, answer.base_offset) for answer in answers] == [(0, 0), (0, 2), (0, 4), (out, -1), (0, 6), (0, 8)]


def test_acks_0_of_an_idempotent_producer(client: Client) -> None:
    topic = client.create_topic()
    producer = client.new_producer_id()
    for sequence in (0, 1, 1):
        client.connection.send(client.produce_request([(topic, 0, sequenced(producer, sequence))], acks=0), 9)
    assert client.end_offset(topic) == 2


@pytest.mark.parametrize("wanted", ["zstd", "uncompressed"])
def test_duplicates_are_known_after_recompression(client: Client, wanted: str) -> None:
    topic = client.create_topic(configs={"compression.type": wanted})
    producer = client.new_producer_id()
    assert [client.produced(topic, sequenced(producer, sequence, 5, codec="gzip")) for sequence in (0, 5, 0, 5)] == [0, 5, 0, 5]
    [first, second] = client.batches(topic)
    assert (first.producer_id, first.producer_epoch, first.base_sequence, second.base_sequence) == (producer, 0, 0, 5)


def test_producer_state_survives_restart_and_crash(start_broker: StartBroker) -> None:
    broker = start_broker()
    client = Client(broker)
    topic = client.create_topic()
    producer = client.new_producer_id()
    for sequence in range(4):
        client.produced(topic, sequenced(producer, sequence))
    for end in (broker.stop, broker.kill):
        end()
        broker.start()
        client = Client(broker)
        end_offset = client.end_offset(topic)
        assert client.produced(topic, sequenced(producer, end_offset - 1)) == end_offset - 1
        assert client.produce(topic, sequenced(producer, end_offset + 1)).error_code == kafka.OUT_OF_ORDER_SEQUENCE_NUMBER
        assert client.produced(topic, sequenced(producer, end_offset)) == end_offset
        assert client.end_offset(topic) == end_offset + 1
        assert client.call(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=-1), 4).producer_id > producer, "ids are never given twice"
