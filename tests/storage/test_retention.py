"""Retention on a running broker: what leaves, what stays, and what a reader notices."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.model.shim import WallClock
from tests.support import kafka
from tests.support.batches import NOW_MS, Record, batch
from tests.support.broker import Broker
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client

FAST = {
    "log.retention.check.interval.ms": "50",
    "pybroker.segment.bytes.min": "1024",
    "log.segment.delete.delay.ms": "0",
}
SEGMENT, FILLED = 4096, 3800
"""A segment takes four batches; they have more bytes than FILLED, and five of them would be more than SEGMENT."""


def await_true(broker: Broker, fact: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    """Rounds of the broker come by its clock: ask until it is so, by requests that answer only when the broker has had its turn."""
    deadline = time.monotonic() + seconds
    client = Client(broker)
    while not fact():
        client.metadata([])
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{broker.log_tail()}"
    client.close()


def names(broker: Broker, topic: str) -> list[str]:
    return sorted(path.name for path in Path(broker.data_dir, f"{topic}-0").iterdir())


def segments(broker: Broker, topic: str) -> list[int]:
    return sorted(int(path.name[:20]) for path in Path(broker.data_dir, f"{topic}-0").glob("*.log"))


def fill(client: Client, topic: str, count: int, *, size: int = 1000, time_ms: int | None = None) -> None:
    now_ms = int(time.time() * 1000) if time_ms is None else time_ms
    for _ in range(count):
        client.produced(topic, batch([Record(bytes(size - 100), time_ms=now_ms)]))


def start_of(client: Client, topic: str) -> int:
    return int(client.offsets(topic, [(0, -2)])[0].offset)


def test_segments_beyond_the_size_go_and_the_rest_stays(start_broker: StartBroker) -> None:
    broker = start_broker(FAST)
    client = Client(broker)
    topic = client.create_topic(configs={"segment.bytes": str(SEGMENT), "retention.bytes": str(4 * FILLED)})
    fill(client, topic, 40)
    # Ten segments of four batches: whole segments go while the rest still has retention.bytes.
    await_true(broker, lambda: start_of(client, topic) == 24, "six segments are gone")
    await_true(broker, lambda: segments(broker, topic) == [24, 28, 32, 36], "their files too")
    await_true(broker, lambda: not [name for name in names(broker, topic) if name.endswith(".deleted")], "and what they were renamed to")
    assert client.offsets(topic, [(0, -1)])[0].offset == 40
    assert client.fetch(topic, 23).error_code == kafka.OFFSET_OUT_OF_RANGE
    assert client.fetch(topic, 24).error_code == kafka.NONE
    assert broker.log_text().count("reason=retention.bytes") == 6
    client.close()


def test_old_records_go_with_the_active_segment_and_offsets_go_on(start_broker: StartBroker) -> None:
    broker = start_broker(FAST)
    client = Client(broker)
    topic = client.create_topic(configs={"retention.ms": "3600000"})
    fill(client, topic, 3, time_ms=NOW_MS)
    await_true(broker, lambda: start_of(client, topic) == 3, "all are gone")
    fill(client, topic, 2)
    assert (start_of(client, topic), client.offsets(topic, [(0, -1)])[0].offset) == (3, 5)
    broker.kill()
    client.close()
    broker.start()
    client = Client(broker)
    assert (start_of(client, topic), client.offsets(topic, [(0, -1)])[0].offset) == (3, 5)
    client.close()


def test_end_offset_survives_a_kill_when_nothing_is_left(start_broker: StartBroker) -> None:
    broker = start_broker(FAST)
    client = Client(broker)
    topic = client.create_topic(configs={"retention.ms": "3600000"})
    fill(client, topic, 7, time_ms=NOW_MS)
    await_true(broker, lambda: start_of(client, topic) == 7, "all are gone")
    broker.kill()
    client.close()
    broker.start()
    client = Client(broker)
    assert (start_of(client, topic), client.offsets(topic, [(0, -1)])[0].offset) == (7, 7)
    assert client.produced(topic, batch([Record(b"next")])) == 7
    client.close()


def test_a_changed_config_holds_from_the_next_check(start_broker: StartBroker) -> None:
    broker = start_broker(FAST)
    client = Client(broker)
    topic = client.create_topic(configs={"segment.bytes": str(SEGMENT), "retention.ms": "-1"})
    other = client.create_topic(configs={"segment.bytes": str(SEGMENT), "retention.bytes": "1"})
    fill(client, topic, 20, time_ms=NOW_MS)
    fill(client, other, 20)
    await_true(broker, lambda: start_of(client, other) == 16, "a round has been")
    assert start_of(client, topic) == 0
    assert client.alter(topic, [("retention.ms", kafka.SET, "1000")]).error_code == kafka.NONE
    await_true(broker, lambda: start_of(client, topic) == 20, "the new value")
    client.close()


def test_compacted_topics_keep_what_is_old(start_broker: StartBroker) -> None:
    broker = start_broker(FAST)
    client = Client(broker)
    kept = client.create_topic(configs={"cleanup.policy": "compact", "retention.ms": "1000", "retention.bytes": "1", "segment.bytes": str(SEGMENT)})
    gone = client.create_topic(configs={"retention.ms": "1000"})
    for topic in (kept, gone):
        for _ in range(10):
            client.produced(topic, batch([Record(bytes(1000), key=b"k")]))
    await_true(broker, lambda: start_of(client, gone) == 10, "a round has been")
    assert start_of(client, kept) == 0
    client.close()


def test_files_wait_for_their_delay_and_left_over_ones_go_at_the_start(start_broker: StartBroker) -> None:
    broker = start_broker({**FAST, "log.segment.delete.delay.ms": "86400000"})
    client = Client(broker)
    topic = client.create_topic(configs={"segment.bytes": str(SEGMENT), "retention.bytes": str(FILLED)})
    fill(client, topic, 12)
    await_true(broker, lambda: start_of(client, topic) == 8, "two segments are gone")
    removed = [name for name in names(broker, topic) if name.endswith(".deleted")]
    assert {name for name in removed if ".log." in name} == {f"{offset:020}.log.deleted" for offset in (0, 4)}
    stranger = Path(broker.data_dir, f"{topic}-0", "notes.deleted")
    stranger.write_text("not ours")
    broker.stop()
    client.close()
    broker.start()
    client = Client(broker)
    assert start_of(client, topic) == 8
    await_true(broker, lambda: not [name for name in names(broker, topic) if name.endswith(".log.deleted")], "left-over files are gone")
    assert stranger.exists()
    client.close()


def test_an_idle_segment_is_closed_when_its_time_is_over(start_broker: StartBroker) -> None:
    broker = start_broker(FAST)
    client = Client(broker)
    topic = client.create_topic(configs={"segment.ms": "100", "retention.ms": "-1"})
    # All of one time: it is not the records that say it is time.
    await_true(broker, lambda: fill(client, topic, 1, time_ms=NOW_MS) is None and len(segments(broker, topic)) > 1, "a second segment")
    client.close()


def test_a_clock_that_jumps_and_comes_back_deletes_nothing(tmp_path: Path) -> None:
    clock = WallClock(tmp_path / "clock")
    broker = Broker(tmp_path / "data", {**FAST, "pybroker.clock.settle.ms": "1500"}, environment=clock.environment())
    try:
        with broker:
            client = Client(broker)
            kept = client.create_topic(configs={"retention.ms": "3600000", "segment.bytes": str(SEGMENT)})
            marker = client.create_topic(configs={"retention.bytes": "0"})
            fill(client, kept, 8)
            fill(client, marker, 1, time_ms=NOW_MS)
            await_true(broker, lambda: start_of(client, marker) == 1, "a round has been")
            for ahead_s in (7200, -7200, 10 * 365 * 86400):
                clock.set(ahead_s)
                await_true(broker, lambda: broker.log_text().count("state=jumped") > broker.log_text().count("state=back"), "the jump is seen")
                fill(client, marker, 1, time_ms=NOW_MS)
                clock.set(0)
                await_true(broker, lambda: broker.log_text().count("state=jumped") == broker.log_text().count("state=back"), "it is back")
                await_true(broker, lambda: start_of(client, marker) == client.end_offset(marker), "a round has been")
                assert start_of(client, kept) == 0
            clock.set(7200)                                                 # one that stays holds after a while
            await_true(broker, lambda: start_of(client, kept) == 8, "the clock is believed")
            assert "state=accepted" in broker.log_text()
            client.close()
    finally:
        broker.discard()
