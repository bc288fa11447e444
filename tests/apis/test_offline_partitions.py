"""A partition whose files are damaged is off-line by name; everything else serves."""

from pathlib import Path

import pytest

from tests.support.batches import batch
from tests.support.broker import ours_only
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client

pytestmark = ours_only("it damages the files of a broker")

KAFKA_STORAGE_ERROR, LEADER_NOT_AVAILABLE = 56, 5


def log_of(data_dir: Path, topic: str, partition: int) -> Path:
    return data_dir / f"{topic}-{partition}" / f"{0:020}.log"


def test_a_damaged_partition_is_off_line_and_the_others_serve(start_broker: StartBroker) -> None:
    broker = start_broker()
    client = Client(broker)
    topic = client.create_topic(partitions=3)
    for partition in range(3):
        client.fill(topic, 20, partition=partition)
    broker.stop()
    path = log_of(broker.data_dir, topic, 1)
    path.write_bytes(path.read_bytes()[:-100])
    size = path.stat().st_size
    broker.start()
    client = Client(broker)
    assert client.fetch(topic, 0, partition=1).error_code == KAFKA_STORAGE_ERROR
    assert client.produce(topic, batch(), partition=1).error_code == KAFKA_STORAGE_ERROR
    assert client.offsets(topic, [(1, -1)])[0].error_code == KAFKA_STORAGE_ERROR
    for partition in (0, 2):
        assert client.end_offset(topic, partition) == 20
        assert client.produced(topic, batch(), partition=partition) == 20
    [answer] = client.metadata([topic]).topics
    got = {part.partition_index: (part.error_code, part.leader_id, list(part.offline_replicas)) for part in answer.partitions}
    assert got[0] == got[2] == (0, 1, [])
    assert got[1] == (LEADER_NOT_AVAILABLE, -1, [1])
    assert f"msg=partition-offline topic={topic} partition=1" in broker.log_text().replace('"', "")
    broker.kill()
    assert path.stat().st_size == size


@pytest.mark.parametrize("left", [0, 300_000])
def test_a_file_cut_under_a_running_broker_is_an_error_of_its_readers_alone(start_broker: StartBroker, left: int) -> None:
    broker = start_broker()
    client = Client(broker)
    topic, other = client.create_topic(), client.create_topic()
    client.fill(topic, 40, value_bytes=20_000)
    client.fill(other, 5)
    path = log_of(broker.data_dir, topic, 0)
    path.write_bytes(path.read_bytes()[:left])
    if left == 0:
        assert client.fetch(topic, 0).error_code == KAFKA_STORAGE_ERROR
    else:  # the answer's length is out before the file turns out to be short
        with pytest.raises((OSError, EOFError, AssertionError)):
            client.fetch(topic, 0)
    client = Client(broker)
    assert len(client.records(other)) == 5
    broker.assert_alive()
    broker.kill()


def test_a_topic_made_again_does_not_inherit_the_recovery_point(start_broker: StartBroker) -> None:
    broker = start_broker({"log.flush.offset.checkpoint.interval.ms": "600000"})
    client = Client(broker)
    topic = client.create_topic()
    client.fill(topic, 50)
    broker.stop()                                           # the checkpoint says 50
    broker.start()
    client = Client(broker)
    client.delete_topic(topic)
    client.create_topic(name=topic)
    client.fill(topic, 3)
    broker.kill()
    broker.start()
    client = Client(broker)
    assert client.end_offset(topic) == 3
    assert len(client.records(topic)) == 3
