"""DescribeLogDirs (API key 35): directories, sizes, what is asked for."""

from pathlib import Path
from typing import Any

import pytest

from pybroker.protocol.messages import k35_describe_log_dirs as k35
from tests.support import kafka
from tests.support.batches import batch_of_size
from tests.support.broker import AnyBroker, Broker
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client, new_name
from tests.support.wire import versions


def describe(client: Client, topics: dict[str, list[int]] | None, *, version: int = 5) -> Any:
    wanted = None if topics is None else [k35.DescribableLogDirTopic(topic=name, partitions=partitions) for name, partitions in topics.items()]
    return client.call(k35.DescribeLogDirsRequest(topics=wanted), version)


def sizes(answer: Any) -> dict[tuple[str, int], int]:
    return {(topic.name, p.partition_index): p.partition_size for result in answer.results for topic in result.topics for p in topic.partitions}


@pytest.mark.parametrize("version", versions(35))
def test_sizes_at_every_version(client: Client, broker: AnyBroker, version: int) -> None:
    topic = client.create_topic(2)
    client.produced(topic, batch_of_size(1000))
    client.produced(topic, batch_of_size(500))
    answer = describe(client, {topic: [0, 1]}, version=version)
    [result] = answer.results
    assert (answer.error_code, result.error_code) == (kafka.NONE, kafka.NONE)
    if isinstance(broker, Broker):
        assert result.log_dir == str(broker.data_dir)
    assert sizes(answer) == {(topic, 0): 1500, (topic, 1): 0}
    assert {(p.offset_lag, p.is_future_key) for t in result.topics for p in t.partitions} == {(0, False)}
    if version >= 4:
        assert result.total_bytes >= result.usable_bytes > 0
    else:
        assert (result.total_bytes, result.usable_bytes) == (-1, -1)
    assert result.is_cordoned is False


def test_null_is_everything(client: Client) -> None:
    topics = [client.create_topic(2), client.create_topic()]
    found = sizes(describe(client, None))
    assert {(topics[0], 0), (topics[0], 1), (topics[1], 0)} <= set(found)


def test_only_what_is_asked_for(client: Client) -> None:
    topic, other = client.create_topic(3), client.create_topic()
    assert set(sizes(describe(client, {topic: [2, 0]}))) == {(topic, 0), (topic, 2)}
    assert other not in {name for name, _ in sizes(describe(client, {topic: [0]}))}


def test_unknown_topics_and_partitions_are_left_out(client: Client) -> None:
    topic = client.create_topic()
    assert set(sizes(describe(client, {topic: [0, 7, -1], new_name("missing"): [0]}))) == {(topic, 0)}


def test_no_topics(client: Client) -> None:
    answer = describe(client, {})
    assert sizes(answer) == {} and len(answer.results) == 1


def test_two_directories_share_the_partitions(start_broker: StartBroker, tmp_path: Path) -> None:
    dirs = [tmp_path / "data", tmp_path / "second"]
    broker = start_broker({"log.dirs": ",".join(map(str, dirs))})
    client = Client(broker)
    topic = client.create_topic(6)
    answer = describe(client, None)
    assert {result.log_dir for result in answer.results} == set(map(str, dirs))
    assert [sorted(len(t.partitions) for t in result.topics) for result in answer.results] == [[3], [3]]
    for index in range(6):
        client.produced(topic, batch_of_size(500), partition=index)
    broker.kill()
    broker.start()
    client = Client(broker)
    assert sizes(describe(client, None)) == {(topic, index): 500 for index in range(6)}
