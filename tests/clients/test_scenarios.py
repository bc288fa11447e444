"""Every client through the scenario list of ``scenarios.py``, and each pair of clients crossing: what one writes with every codec it has, the other reads."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count

import pytest

from tests.clients.adapters import Adapter, Found
from tests.clients.kcat.adapter import Kcat
from tests.clients.programs import CLIENTS, Start
from tests.clients.python.adapters import ConfluentKafka
from tests.clients.scenarios import CODECS, MIXED, PLACES, ROUND_TRIPS, SMALL, Codec, Feature, Place, Record, Scenario, T
from tests.support.broker import AnyBroker
from tests.support.kafka import Client

pytestmark = pytest.mark.clients
NAMES = (f"scenario-{n}-{time.time_ns()}" for n in count())
"""Names that no earlier run used: the suite also runs against a broker that stays."""

GetClient = Callable[[str], Adapter]
each_client = pytest.mark.parametrize("name", CLIENTS)
each_codec = pytest.mark.parametrize("codec", CODECS)


@pytest.fixture(scope="module")
def get_client(shared_broker: AnyBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GetClient]:
    """A client by its name, made at first use; skips where its tool is missing. At the end every program must end well."""
    made: dict[str, Adapter] = {}
    logs = tmp_path_factory.mktemp("clients")

    def get(name: str) -> Adapter:
        if name not in made:
            start: Start = CLIENTS[name]
            made[name] = start(shared_broker.bootstrap, logs / f"{name}.log")
        return made[name]

    yield get
    errors = []
    for client in made.values():
        try:
            client.close()
        except AssertionError as error:
            errors.append(error)
    if errors:
        raise ExceptionGroup("clients that did not end well", errors)


def needs(client: Adapter, *features: Feature) -> None:
    for feature in features:
        if feature in client.lacks:
            pytest.skip(client.lacks[feature])


def write(client: Adapter, topic: str, records: Sequence[Record], codec: Codec = "none", partition: int = 0, first: int = 0) -> list[Record]:
    """Write, check the offsets that the client was told; the records as they must come back. Where the client sets the time itself, that is checked by ``same``."""
    offsets = client.write(topic, records, codec, partition)
    assert offsets is None or offsets == list(range(first, first + len(records)))
    return [replace(record, timestamp=-1) for record in records] if "timestamps" in client.lacks else list(records)


def same(found: Found, expected: Sequence[Record], first: int = 0, not_before: int = 0) -> None:
    """Found are the expected records, in order, from offset ``first`` on. An expected timestamp of -1: the writer's clock, not before ``not_before`` (ms) and not after now."""
    now = time.time_ns() // 1_000_000 + 1
    assert [offset for offset, _ in found] == list(range(first, first + len(expected)))
    for (offset, record), wanted in zip(found, expected, strict=True):
        if wanted.timestamp == -1:
            assert not_before - 1 <= record.timestamp <= now, offset
            record = replace(record, timestamp=-1)
        assert record == wanted, offset


@each_client
def test_a_topic_is_created_with_its_partitions(get_client: GetClient, name: str) -> None:
    client, topic = get_client(name), next(NAMES)
    partitions = 1 if isinstance(client, Kcat) else 3                        # kcat: by auto-creation, num.partitions
    assert client.create(topic, partitions) == partitions
    for partition in range(partitions):
        before, records = time.time_ns() // 1_000_000, [Record(b"p", b"partition %d" % partition)]
        expected = write(client, topic, records, partition=partition)
        same(client.read(topic, "start", 1, partition), expected, not_before=before)


@each_client
@pytest.mark.parametrize("scenario", ROUND_TRIPS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_records_come_back_as_they_were_written(get_client: GetClient, name: str, scenario: Scenario) -> None:
    client, topic = get_client(name), next(NAMES)
    needs(client, *scenario.needs)
    client.create(topic, 1)
    before = time.time_ns() // 1_000_000
    expected = write(client, topic, scenario.records)
    same(client.read(topic, "start", len(expected)), expected, not_before=before)


@each_client
@each_codec
def test_every_codec_of_the_client_is_taken(get_client: GetClient, name: str, codec: Codec) -> None:
    client, topic = get_client(name), next(NAMES)
    if codec not in client.codecs:
        pytest.skip(f"{name} has no {codec} of its own")
    client.create(topic, 1)
    before = time.time_ns() // 1_000_000
    expected = write(client, topic, MIXED, codec)
    expected += write(client, topic, SMALL, codec, first=len(MIXED))
    same(client.read(topic, "start", len(expected)), expected, not_before=before)


@pytest.fixture(scope="module")
def small_topic(shared_broker: AnyBroker) -> str:
    """``SMALL`` in one partition, written once, for readers that do not change it."""
    topic, writer = next(NAMES), ConfluentKafka(shared_broker.bootstrap)
    writer.create(topic, 1)
    write(writer, topic, SMALL)
    return topic


@each_client
@pytest.mark.parametrize("place", [place for place in PLACES if place.begin != "end"], ids=lambda place: place.name.replace(" ", "-"))
def test_reading_begins_where_it_is_asked_to(get_client: GetClient, small_topic: str, name: str, place: Place) -> None:
    client = get_client(name)
    expected = SMALL[place.first : place.first + 20]
    same(client.read(small_topic, place.begin, len(expected)), expected, first=place.first)


@each_client
def test_reading_from_the_end_brings_only_what_comes_after(get_client: GetClient, name: str) -> None:
    client, topic = get_client(name), next(NAMES)
    writer = ConfluentKafka(client.bootstrap)
    writer.create(topic, 1)
    write(writer, topic, SMALL)
    after = [Record(b"after", b"%d" % n, timestamp=T + 5000 + n) for n in range(5)]
    found = client.read(topic, "end", len(after), on_ready=lambda: write(writer, topic, after, first=len(SMALL)) and None)
    same(found, after, first=len(SMALL))


def test_kafkajs_finds_offsets(get_client: GetClient, small_topic: str) -> None:
    """Its admin client's offsets, by time too."""
    from tests.clients.programs import KafkaJs

    client = get_client("kafkajs")
    assert isinstance(client, KafkaJs)
    assert client.offsets(small_topic, T + 250) == {"low": 0, "high": len(SMALL), "at": 250}
    assert client.offsets(small_topic, T - 1000) == {"low": 0, "high": len(SMALL), "at": 0}


def test_librdkafka_compresses_with_lz4(shared_broker: AnyBroker) -> None:
    """It does so only for a broker that lists FindCoordinator, and is silent about it elsewhere."""
    topic, writer, client = next(NAMES), ConfluentKafka(shared_broker.bootstrap), Client(shared_broker)
    writer.create(topic, 1)
    write(writer, topic, SMALL, "lz4")
    assert {batch.codec for batch in client.batches(topic)} == {"lz4"}
    client.close()


Written = Callable[[str, Sequence[Codec]], tuple[str, list[Record], int]]


@pytest.fixture(scope="module")
def written(get_client: GetClient) -> Written:
    """A topic that a client wrote with those codecs of its own, the records as they must come back, and when writing began (ms). Written once for all readers that have the same codecs."""
    topics: dict[tuple[str, ...], tuple[str, list[Record], int]] = {}

    def get(name: str, codecs: Sequence[Codec]) -> tuple[str, list[Record], int]:
        client = get_client(name)
        both = tuple(codec for codec in client.codecs if codec in codecs)
        if (name, *both) not in topics:
            topic, before, expected = next(NAMES), time.time_ns() // 1_000_000, list[Record]()
            client.create(topic, 1)
            for codec in both:
                expected += write(client, topic, [replace(record, headers=(*record.headers, ("codec", codec.encode()))) for record in MIXED], codec, first=len(expected))
            topics[name, *both] = topic, expected, before
        return topics[name, *both]

    return get


@pytest.mark.parametrize("writer", CLIENTS)
@pytest.mark.parametrize("reader", CLIENTS)
def test_one_client_reads_what_another_wrote(get_client: GetClient, written: Written, writer: str, reader: str) -> None:
    client = get_client(reader)
    topic, expected, before = written(writer, client.codecs)
    same(client.read(topic, "start", len(expected)), expected, not_before=before)
