"""Compaction on a running broker: what a reader finds afterwards, through codecs, kills and changes of the policy."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import kafka
from tests.support.batches import CODECS, NOW_MS, Record, batch
from tests.support.broker import Broker
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client

FAST = {"log.cleaner.backoff.ms": "20", "log.cleaner.min.cleanable.ratio": "0.01", "pybroker.segment.bytes.min": "1024", "log.segment.delete.delay.ms": "0"}
COMPACT = {"cleanup.policy": "compact", "segment.bytes": "2048"}
Visible = list[tuple[int, bytes | None, bytes | None, int]]


def await_true(broker: Broker, fact: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """The cleaner comes by its own clock: ask until it is so, by requests that answer only when the broker has had its turn."""
    deadline = time.monotonic() + seconds
    client = Client(broker)
    while not fact():
        client.metadata([])
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{broker.log_tail()}"
    client.close()


def write(client: Client, topic: str, records: Sequence[tuple[bytes | None, bytes | None]], codec: str = "none") -> None:
    client.produced(topic, batch([Record(value, key) for key, value in records], codec=codec))


def push(client: Client, topic: str) -> int:
    """Records of one key, until all before them lie in closed segments; the offset of the first. The last of them are in the active segment."""
    first = client.end_offset(topic)
    for _ in range(4):
        write(client, topic, [(b"push", bytes(900))])
    return first


def visible(client: Client, topic: str, to: int) -> Visible:
    return [(record.offset, record.key, record.value, record.time_ms) for record in client.records(topic) if record.offset < to]


def rule(before: Visible) -> Visible:
    """The last record of each key, where it was."""
    last = {key: offset for offset, key, _, _ in before if key is not None}
    return [record for record in before if record[1] is not None and last[record[1]] == record[0]]


def is_compacted(client: Client, topic: str, to: int) -> bool:
    keys = [record[1] for record in visible(client, topic, to)]
    return len(keys) == len(set(keys)) and None not in keys


@pytest.mark.parametrize("codec", CODECS)
def test_the_last_record_of_each_key_stays(start_broker: StartBroker, codec: str) -> None:
    broker = start_broker({**FAST, "log.cleaner.enable": "false"})
    client = Client(broker)
    topic = client.create_topic(configs=COMPACT)
    for turn in range(12):
        write(client, topic, [(b"k%d" % (key % (5 + turn % 3)), b"%d-%d" % (turn, key) * 20) for key in range(10)], codec)
    end = push(client, topic)
    before = visible(client, topic, end)
    assert len(before) == 120
    client.close()
    broker.stop()
    broker = start_broker(FAST)
    client = Client(broker)
    await_true(broker, lambda: is_compacted(client, topic, end), "compacted")
    assert visible(client, topic, end) == rule(before)
    assert client.offsets(topic, [(0, -2)])[0].offset == 0
    assert client.fetch(topic, 0).error_code == kafka.NONE
    checkpoint = broker.data_dir / "cleaner-offset-checkpoint"
    await_true(broker, lambda: checkpoint.is_file() and f"{topic} 0 " in checkpoint.read_text(), "noted")
    assert not [path.name for path in Path(broker.data_dir, f"{topic}-0").iterdir() if path.suffix in (".cleaned", ".swap")]
    client.close()


def test_what_was_compacted_stays_readable_after_a_kill_and_under_another_policy(start_broker: StartBroker) -> None:
    broker = start_broker(FAST)
    client = Client(broker)
    topic = client.create_topic(configs=COMPACT)
    for turn in range(30):
        write(client, topic, [(b"k%d" % (turn % 4), bytes(300))])
    end = push(client, topic)
    await_true(broker, lambda: is_compacted(client, topic, end), "compacted")
    await_true(broker, lambda: (broker.data_dir / "cleaner-offset-checkpoint").is_file(), "noted")
    seen = visible(client, topic, end)
    client.alter(topic, [("cleanup.policy", kafka.SET, "delete")])
    client.wait_config(topic, "cleanup.policy", "delete")
    client.close()
    broker.kill()
    broker = start_broker(FAST)
    client = Client(broker)
    assert visible(client, topic, end) == seen
    assert client.fetch(topic, 0).error_code == kafka.NONE
    client.close()


def test_tombstones_go_after_delete_retention(start_broker: StartBroker) -> None:
    broker = start_broker(FAST)
    client = Client(broker)
    topic = client.create_topic(configs={**COMPACT, "delete.retention.ms": "0"})
    write(client, topic, [(b"gone", b"v"), (b"kept", b"v")])
    write(client, topic, [(b"gone", None)])

    def is_gone() -> bool:
        push(client, topic)
        return b"gone" not in [record.key for record in client.records(topic)]

    await_true(broker, is_gone, "the tombstone is gone")
    assert next(record.key for record in client.records(topic)) == b"kept"
    client.close()


BATCHES = st.lists(st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.binary(min_size=1, max_size=60))), min_size=1, max_size=6), min_size=1, max_size=12)


def test_any_history_ends_as_the_rule_says(start_broker: StartBroker) -> None:
    broker = start_broker({**FAST, "log.cleaner.dedupe.buffer.size": "240"})    # ten slots: several runs
    client = Client(broker)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(BATCHES, st.sampled_from(CODECS))
    def run(batches: list[list[tuple[int, bytes | None]]], codec: str) -> None:
        topic = client.create_topic(configs=COMPACT)
        before: Visible = []
        for records in batches:
            write(client, topic, [(b"k%d" % key, value) for key, value in records], codec)
            before += [(len(before) + i, b"k%d" % key, value, NOW_MS) for i, (key, value) in enumerate(records)]
        end = push(client, topic)
        await_true(broker, lambda: is_compacted(client, topic, end), "compacted")
        assert visible(client, topic, end) == rule(before)

    run()
    client.close()
