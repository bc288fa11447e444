"""Damage to the files of a stopped broker, and what a broker that starts on them may do.

Promises    a record that is served is the one that was written, or its CRC says that it is not
            what the disk still holds whole is served, unless the partition says that it is off-line
            no offset that was acknowledged and synced is given to another record
            files that are only derived cost nothing: the same records, the same answers by time, the same memory of producers
            what was damaged is not deleted
"""

import random
import re
import shutil
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.model.machine import SMALL_LOGS
from tests.support.batches import HEADER_BYTES, NOW_MS, Record, batch, crc32c, parse_batches
from tests.support.broker import Broker
from tests.support.kafka import NONE, OFFSET_OUT_OF_RANGE, Client

TOPIC: Final = "model"
PARTITIONS: Final = 12
BATCHES: Final = 30
BATCHES_AFTER: Final = 10
"""Batches after the last checkpoint of a broker that is killed."""
CONFIG: Final = {"segment.bytes": "2048", "index.interval.bytes": "200"}
PAGE_BYTES: Final = 512

# ---- damage


def flip(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def zero_page(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(-(-len(data) // PAGE_BYTES)) * PAGE_BYTES
    size = min(PAGE_BYTES, len(data) - at)
    return data[:at] + bytes(size) + data[at + size :]


def garbage_tail(data: bytes, chance: random.Random) -> bytes:
    return data + chance.randbytes(chance.randint(1, 300))


def garbage(data: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(len(data))


def empty(data: bytes, chance: random.Random) -> bytes:
    del data, chance
    return b""


WAYS: Final[Sequence[Callable[[bytes, random.Random], bytes]]] = (flip, truncate, zero_page, garbage_tail, garbage, empty)


class Damage(NamedTuple):
    """What was done to one file."""

    path: Path
    way: str
    before: bytes
    after: bytes

    @property
    def first_pos(self) -> int:
        """Where before and after begin to differ."""
        for pos, (old, new) in enumerate(zip(self.before, self.after, strict=False)):
            if old != new:
                return pos
        return min(len(self.before), len(self.after))

    def __str__(self) -> str:
        return f"{self.way} of {self.path.parent.name}/{self.path.name} from byte {self.first_pos} of {len(self.before)}"


def damage(path: Path, chance: random.Random) -> Damage:
    """One way at random that changes something."""
    before = after = path.read_bytes()
    while after == before:
        way = chance.choice(WAYS if before else (garbage_tail,))
        after = way(before, chance)
    path.write_bytes(after)
    return Damage(path, way.__name__, before, after)


# ---- what there was


class Written(NamedTuple):
    """One batch as it was acknowledged, with the bytes that the file has."""

    base_offset: int
    body: bytes
    time_ms: int


class Original(NamedTuple):
    """A data directory with known content."""

    place: Path
    batches: Mapping[int, Sequence[Written]]
    """By partition."""
    recovery_points: Mapping[int, int]
    producer_id: int
    clean: bool

    def end(self, part: int) -> int:
        return self.batches[part][-1].base_offset + 1


def overrides() -> dict[str, str]:
    return {**SMALL_LOGS, "pybroker.flush.policy": "group"}


def broker_on(place: Path) -> Broker:
    made = Broker(place / "data", overrides())
    made.log_path = place / "broker.log"
    return made


def stamp(number: int) -> int:
    return NOW_MS + 1000 * number


def sealed_batch(part: int, number: int, producer_id: int) -> bytes:
    value = f"{part}/{number}/".encode().ljust(60 + 37 * (number % 5), b"v")
    return batch([Record(value, time_ms=stamp(number))], producer_id=producer_id, producer_epoch=0, base_sequence=number)


def read_recovery_points(place: Path) -> dict[int, int]:
    path = place / "data" / "recovery-point-offset-checkpoint"
    if not path.exists():
        return {}
    rows = (line.split(" ") for line in path.read_text().splitlines()[2:])
    return {int(part): int(offset) for topic, part, offset in rows if topic == TOPIC}


def make_original(place: Path, *, clean: bool) -> Original:
    """A directory of a broker that was stopped, or was killed shortly after a checkpoint."""
    place.mkdir()
    broker = broker_on(place)
    try:
        broker.start()
        client = Client(broker)
        client.create_topic(PARTITIONS, CONFIG, name=TOPIC)
        producer_id = client.new_producer_id()

        def produce(numbers: range) -> None:
            for number in numbers:
                for part in range(PARTITIONS):
                    assert client.produced(TOPIC, sealed_batch(part, number, producer_id), partition=part) == number

        produce(range(BATCHES))
        if not clean:
            wait_checkpoint(place, client)
            produce(range(BATCHES, BATCHES + BATCHES_AFTER))
        batches = {part: [Written(one.base_offset, one.body, one.max_time_ms) for one in client.batches(TOPIC, partition=part)] for part in range(PARTITIONS)}
        client.close()
        if clean:
            broker.stop()
        else:
            broker.kill()
    finally:
        broker.discard()
    return Original(place, batches, read_recovery_points(place), producer_id, clean)


def wait_checkpoint(place: Path, client: Client) -> None:
    """Until the recovery points are at the end of what was written. Each look is a request, so that the broker is not only waited for."""
    while any(read_recovery_points(place).get(part) != BATCHES for part in range(PARTITIONS)):
        client.metadata([TOPIC])


# ---- what there is


class Seen(NamedTuple):
    """What a broker says of one partition: its end (-1: off-line), and of each batch that was written ``good``, ``bad`` (said to be), ``gone`` (behind the end), or what is wrong."""

    end: int
    batches: Sequence[str]


def look_at_batch(client: Client, part: int, wanted: Written, end: int) -> str:
    answer = client.fetch(TOPIC, wanted.base_offset, partition=part, partition_max_bytes=1)
    if answer.error_code == OFFSET_OUT_OF_RANGE:
        return "gone" if wanted.base_offset >= end else f"offset {wanted.base_offset} is out of range below the end {end}"
    if answer.error_code != NONE:
        return "bad"
    raw = answer.records or b""
    if len(raw) < HEADER_BYTES:
        return "gone" if wanted.base_offset >= end else ("bad" if raw else f"nothing at {wanted.base_offset} below the end {end}, and no error")
    base_offset, length = struct.unpack_from(">qi", raw)
    if length + 12 > len(raw) or length < HEADER_BYTES - 12 or struct.unpack_from(">I", raw, 17)[0] != crc32c(raw[21 : 12 + length]):
        return "bad"
    if base_offset != wanted.base_offset:
        if 0 <= base_offset < end and raw[21 : 12 + length] == wanted.body:
            return "bad"                                                    # no checksum covers where a batch says that it is; within the log's bounds nobody can tell
        return f"the batch of {base_offset} where {wanted.base_offset} was asked for"
    return "good" if raw[21 : 12 + length] == wanted.body else f"another record at {base_offset}"


def look(client: Client, original: Original, part: int) -> Seen:
    listed = client.offsets(TOPIC, [(part, -1)])[0]
    if listed.error_code != NONE:
        return Seen(-1, [])
    end = int(listed.offset)
    return Seen(end, [look_at_batch(client, part, wanted, end) for wanted in original.batches[part]])


def check_times(client: Client, original: Original, part: int, seen: Seen) -> list[str]:
    """Answers by time are those of a scan over what is there."""
    wrong = []
    for number in (0, 1, BATCHES // 3, BATCHES - 1):
        if seen.batches[number] != "good":
            continue
        row = client.offsets(TOPIC, [(part, original.batches[part][number].time_ms)])[0]
        if (row.error_code, row.offset) != (NONE, number):
            wrong.append(f"the first record from time {number} on is at {row.offset} (error {row.error_code}), not at {number}")
    return wrong


def check_producers(client: Client, original: Original, part: int, seen: Seen) -> list[str]:
    """The last batch again is known as a repetition; the next one is taken at the end."""
    last = seen.end - 1
    if last < 0:
        return []
    again = client.produce(TOPIC, sealed_batch(part, last, original.producer_id), partition=part)
    wrong = [] if (again.error_code, again.base_offset) == (NONE, last) else [f"batch {last} again: error {again.error_code}, offset {again.base_offset}"]
    following = client.produce(TOPIC, sealed_batch(part, seen.end, original.producer_id), partition=part)
    if (following.error_code, following.base_offset) != (NONE, seen.end):
        wrong.append(f"batch {seen.end}: error {following.error_code}, offset {following.base_offset}")
    return wrong


# ---- judging one partition


def is_log(path: Path) -> bool:
    return path.suffix == ".log"


def judge_partition(original: Original, part: int, done: Damage | None, seen: Seen, log_text: str) -> list[str]:
    """What must not be, of one partition with at most one damaged file."""
    wrong = [state for state in seen.batches if state not in ("good", "bad", "gone")]
    if done is None or not is_log(done.path):
        if seen.end == -1 and done is not None and done.path.name == "partition.metadata" and is_named(part, log_text):
            return wrong                                                    # says whose files these are; another's are not touched
        if seen.end == -1:
            return [*wrong, "off-line, and no record is damaged"]
        if seen.end != original.end(part):
            wrong.append(f"the end is {seen.end}, not {original.end(part)}")
        return wrong + [f"batch {number} is {state}" for number, state in enumerate(seen.batches) if state in ("bad", "gone")][:3]
    if seen.end == -1:
        if not is_named(part, log_text):
            wrong.append("off-line, and the log does not name it")
        return wrong
    return wrong + judge_damaged_log(original, part, done, seen)


def is_named(part: int, log_text: str) -> bool:
    """Whether the broker's log says of which partition it speaks."""
    return bool(re.search(rf"topic={TOPIC} partition={part}\b", log_text))


def judge_damaged_log(original: Original, part: int, done: Damage, seen: Seen) -> list[str]:
    """A damaged log that is served: batches before the damage are whole; what was synced keeps its offsets."""
    base, pos, intact = int(done.path.stem), 0, 0
    for one in parse_batches(done.before, cut_tail=True):
        pos += one.size_bytes
        if pos > done.first_pos:
            break
        intact = one.last_offset + 1
    intact = max(intact, base)
    wrong = [f"batch {number} lies before the damage and is {state}" for number, state in enumerate(seen.batches[:intact]) if state != "good"][:3]
    synced = original.recovery_points.get(part, 0)
    if seen.end < min(synced, original.end(part)):
        wrong.append(f"the end is {seen.end}, and {synced} were synced: their offsets will be given again")
    if seen.end < intact:
        wrong.append(f"the end is {seen.end}, and {intact} lie before the damage")
    return wrong


def untouched(before: Mapping[Path, bytes]) -> list[str]:
    """Files that must still be there, byte for byte."""
    return [f"{path.name} was changed or deleted" for path, data in before.items() if not path.exists() or path.read_bytes() != data]


def unclaimed(broker: Broker, original: Original) -> bool:
    """Whether the broker knows nothing of the topic, says so, and leaves its files alone."""
    logs = {path.relative_to(original.place): path.read_bytes() for path in (original.place / "data").glob(f"{TOPIC}-*/*.log")}
    said = re.search(rf'msg="directories that no topic claims are left alone".* count={PARTITIONS} .*{TOPIC}-0', broker.log_text())
    return bool(said) and not untouched({broker.data_dir.parent / path: data for path, data in logs.items()})


def copy_of(original: Original, to: Path) -> Path:
    shutil.copytree(original.place, to, ignore=shutil.ignore_patterns("*.sock"))
    (to / "broker.log").unlink(missing_ok=True)
    return to
