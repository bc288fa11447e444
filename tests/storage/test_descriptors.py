"""Many segments, few descriptors: what is touched in turn is opened in turn, and closed for the next."""

import itertools
import os
import sys
from pathlib import Path

from pybroker.protocol.messages.k01_fetch import FetchRequest
from tests.support import kafka
from tests.support.batches import Record, batch
from tests.support.broker import Broker
from tests.support.kafka import Client

SEGMENTS = 3
AT_A_TIME = 500


def fill(client: Client, topic: str, partitions: int) -> None:
    """Three segments in each partition."""
    records = batch([Record(bytes(700))])
    for _ in range(SEGMENTS):
        for first in range(0, partitions, AT_A_TIME):
            answer = client.call(client.produce_request([(topic, index, records) for index in range(first, min(first + AT_A_TIME, partitions))]), 12)
            assert {p.error_code for t in answer.responses for p in t.partition_responses} == {kafka.NONE}


def touch(client: Client, topic: str, partitions: int) -> int:
    """Read every segment, round by round over all partitions, and look up a time in each. Returns the most descriptors seen."""
    assert isinstance(client.broker, Broker)
    most = 0
    for offset, first in itertools.product(range(SEGMENTS), range(0, partitions, AT_A_TIME)):
        part = range(first, min(first + AT_A_TIME, partitions))
        request: FetchRequest = client.fetch_request([(topic, index, offset) for index in part], version=12, partition_max_bytes=2000)
        answer = client.call(request, 12)
        assert {(p.error_code, len(p.records) > 700) for t in answer.responses for p in t.partitions} == {(kafka.NONE, True)}
        assert all(p.error_code == kafka.NONE and p.offset >= 0 for p in client.offsets(topic, [(index, 1) for index in part]))
        most = max(most, client.broker.descriptor_count())
    return most


def play(place: Path, partitions: int, open_max: int) -> tuple[int, int]:
    """Descriptors of an idle broker, and the most that were open."""
    config = {
        "pybroker.max.open.segments": str(open_max),
        "pybroker.segment.bytes.min": "1024",
        "log.segment.bytes": "1024",
        # Retention looks at every log meanwhile, and finds nothing.
        "log.retention.check.interval.ms": "500",
        "log.retention.ms": "-1",
        "log.retention.bytes": "1000000",
    }
    broker = Broker(place, config)
    with broker:
        client = Client(broker)
        idle = broker.descriptor_count()
        topic = client.create_topic(partitions)
        fill(client, topic, partitions)
        most = max(broker.descriptor_count(), touch(client, topic, partitions))
        client.close()
        broker.kill()
        broker.start()
        client = Client(broker)
        most = max(most, broker.descriptor_count(), touch(client, topic, partitions))
        client.close()
    assert len(os.listdir(place / f"{topic}-0")) >= SEGMENTS
    return idle, most


OTHERS_MAX = 64
"""Sockets, SQLite, directories that are being synced, files of checkpoints."""


def test_open_files_stay_below_their_bound(tmp_path: Path) -> None:
    idle, most = play(tmp_path / "data", 400, 100)
    assert most <= idle + 100 + OTHERS_MAX


if __name__ == "__main__":
    print(dict(zip(("idle", "most"), play(Path(sys.argv[1]), int(sys.argv[2]), 2000), strict=True)))
