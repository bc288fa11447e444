"""Short cases: a producer and a reader of raw frames that note what they do, one request at a time, so that a case takes as long as its broker takes to start."""

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.model import history
from tests.model.clients import Gone
from tests.model.history import ACK, INFO, Log, Recorder, Values
from tests.support.batches import Record, all_records, batch, parse_batches
from tests.support.broker import Broker
from tests.support.kafka import NONE, Client
from tests.support.wire import Closed

PADDING_MAX: Final = 600


class RawProducer:
    """Records with acks=all, an answer awaited for each. Errors that say that nothing was written count as unknown all the same."""

    def __init__(self, name: str, recorder: Recorder, broker: Broker, topic: str, seed: str) -> None:
        self.name = name
        self.recorder = recorder
        self.topic = topic
        self.values = Values(name, seed, PADDING_MAX)
        self.client = Client(broker)

    def reconnect(self, broker: Broker) -> None:
        self.client.close()
        self.client = Client(broker)

    def send(self, part: int, *, acks: int = -1) -> int | None:
        """The error code, or None when there is no answer."""
        name, value = self.values.next()
        number = self.recorder.send(self.name, self.topic, part, name)
        try:
            answer = self.client.produce(self.topic, batch([Record(value)]), partition=part, acks=acks)
        except (Closed, OSError):
            self.recorder.done(number, INFO)
            return None
        self.recorder.done(number, ACK if answer.error_code == NONE else INFO, int(answer.base_offset))
        return int(answer.error_code)

    def close(self) -> None:
        self.client.close()


def read_partition(client: Client, topic: str, part: int) -> Log:
    """The whole of a partition, as ListOffsets bounds it."""
    rows = [client.offsets(topic, [(part, at)])[0] for at in (-2, -1)]
    if any(row.error_code != NONE for row in rows):
        raise Gone(f"{topic}-{part} cannot be listed: errors {[row.error_code for row in rows]}")
    start, end = (int(row.offset) for row in rows)
    found: list[history.Read] = []
    at = start
    while at < end:
        answer = client.fetch(topic, at, partition=part)
        if answer.error_code != NONE:
            raise Gone(f"{topic}-{part} cannot be read from {at} on: error {answer.error_code}")
        records = [record for record in all_records(parse_batches(answer.records, cut_tail=True)) if record.offset >= at]
        if not records:
            raise Gone(f"{topic}-{part}: nothing at {at}, of [{start}, {end})")
        found += [history.read_of(record.offset, record.value) for record in records]
        at = records[-1].offset + 1
    return Log(topic, part, tuple(found), start, end, "ru", time.monotonic())


def read_all(recorder: Recorder, broker: Broker, topic: str, partitions: int) -> None:
    """Every partition into the history."""
    client = Client(broker)
    try:
        for part in range(partitions):
            recorder.note(read_partition(client, topic, part))
    finally:
        client.close()


PROBES: Final = 40


def probe(recorder: Recorder, broker: Broker, topic: str, partitions: int, chance: random.Random) -> None:
    """Single records at random offsets, which nobody can find without an index: each a reader of its own in the history."""
    client = Client(broker)
    try:
        for part in range(partitions):
            start, end = (int(client.offsets(topic, [(part, at)])[0].offset) for at in (-2, -1))
            for number in range(PROBES if end > start else 0):
                at = chance.randrange(start, end)
                answer = client.fetch(topic, at, partition=part, partition_max_bytes=1)
                records = [record for record in all_records(parse_batches(answer.records, cut_tail=True)) if record.offset >= at]
                if answer.error_code != NONE or not records or records[0].offset != at:
                    raise Gone(f"{topic}-{part}: asked for {at} of [{start}, {end}): error {answer.error_code}, {records[:1]}")
                recorder.note(history.Poll(f"probe{number}", topic, part, (history.read_of(at, records[0].value),), time.monotonic()))
                recorder.note(history.Seek(f"probe{number}", topic, part, time.monotonic()))
    finally:
        client.close()


# ---- places


@contextmanager
def fast_place(prefix: str) -> Iterator[Path]:
    """A directory in memory where there is some: what these cases ask of a disk is its errors, not its speed."""
    memory = Path("/dev/shm")
    name = tempfile.mkdtemp(prefix=f"pybroker-{prefix}-", dir=memory if memory.is_dir() else None)
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)


class Template:
    """A data directory that cases begin with: made once, copied for each, with the history that led to it."""

    def __init__(self, place: Path, events: list[history.Event]) -> None:
        self.place = place
        self.events = events

    def copy(self, to: Path) -> Recorder:
        """The files below ``to``; a recorder that knows what is in them."""
        shutil.copytree(self.place, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
        return Recorder(self.events)
