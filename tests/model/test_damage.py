"""200 seeded cases of damage to files of each kind, after clean and unclean stops: see tests/model/damage.py for what is promised."""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.model import damage
from tests.model.damage import PARTITIONS, TOPIC, Damage, Original
from tests.model.raw import fast_place
from tests.support.broker import STOP_S_MAX, Broker, BrokerError
from tests.support.kafka import Client

pytestmark = [pytest.mark.real, pytest.mark.slow]

ROUNDS: Final = 8
"""Starts per way of stopping, each with a damaged file in every partition but one."""
OF_A_PARTITION: Final = ("*.log", "*.log", "*.index", "*.timeindex", "*.snapshot", "leader-epoch-checkpoint", "partition.metadata")
OF_A_DIRECTORY: Final = ("recovery-point-offset-checkpoint", "log-start-offset-checkpoint", "replication-offset-checkpoint", ".kafka_cleanshutdown", "meta.properties",
                         "metadata.sqlite", "metadata.sqlite-wal")  # fmt: skip
MAY_REFUSE: Final = ("meta.properties", "metadata.sqlite", "metadata.sqlite-wal")
"""Not derived from anything: a broker that cannot read them does not start."""


@pytest.fixture(scope="module", params=["clean", "killed"])
def original(request: pytest.FixtureRequest) -> Iterator[Original]:
    with fast_place("damage") as place:
        yield damage.make_original(place / "original", clean=request.param == "clean")


def damage_partitions(place: Path, chance: random.Random) -> dict[int, Damage]:
    """One file of each partition but the last."""
    done = {}
    for part in range(PARTITIONS - 1):
        pattern = chance.choice(OF_A_PARTITION)
        paths = sorted((place / "data" / f"{TOPIC}-{part}").glob(pattern))
        if not paths:
            continue
        path = paths[-1] if chance.random() < 0.5 else chance.choice(paths)
        done[part] = damage.damage(path, chance)
    return done


def stop(broker: Broker, *, all_serve: bool) -> None:
    """A clean stop; with a partition off-line it may say that it was none."""
    if all_serve:
        broker.stop()
        return
    assert broker.process is not None
    broker.process.terminate()
    code = broker.process.wait(STOP_S_MAX)
    if code not in (0, 1):
        raise BrokerError(f"exit code {code}\n{broker.log_tail()}")


def check(original: Original, place: Path, done: dict[int, Damage]) -> list[str]:
    """Start, look at everything, produce, start again and look again. What is wrong, a line each."""
    wrong: list[str] = []
    broker = damage.broker_on(place)
    kept = {part: {one.path: one.after} for part, one in done.items()}
    try:
        broker.start()
        client = Client(broker)
        seen = {part: damage.look(client, original, part) for part in range(PARTITIONS)}
        text = broker.log_text()

        def bad(part: int, found: list[str]) -> None:
            wrong.extend(f"{TOPIC}-{part}, {done.get(part, 'not damaged')}: {line}" for line in found)

        for part, state in seen.items():
            bad(part, damage.judge_partition(original, part, done.get(part), state, text))
            if state.end == -1:
                bad(part, damage.untouched(kept.get(part, {})))
            elif done.get(part) is None or not damage.is_log(done[part].path):
                bad(part, damage.check_times(client, original, part, state))
                bad(part, damage.check_producers(client, original, part, state))
        client.close()
        broker.kill()
        broker.start()
        client = Client(broker)
        again = {part: damage.look(client, original, part) for part in range(PARTITIONS)}
        for part, before in seen.items():
            after = again[part]
            if after.end == -1 and part in done and damage.is_log(done[part].path):
                bad(part, damage.untouched(kept[part]) if before.end == -1 else [])
            elif before.end != -1 and (after.end < before.end or list(after.batches) != list(before.batches)):
                bad(part, [f"after another kill: end {after.end} (was {before.end}), batches {set(after.batches)} (were {set(before.batches)})"])
        client.close()
        stop(broker, all_serve=all(state.end != -1 for state in again.values()))
    except BrokerError as error:
        wrong.append(f"{', '.join(map(str, done.values()))}: {error}")
    finally:
        broker.discard()
    return wrong


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_damaged_file_of_a_partition(original: Original, seed: int, tmp_path: Path) -> None:
    with fast_place("round") as scratch:
        place = damage.copy_of(original, scratch / "copy")
        done = damage_partitions(place, random.Random(f"{seed}/partitions/{original.clean}"))
        assert len(done) > PARTITIONS // 2
        wrong = check(original, place, done)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", OF_A_DIRECTORY)
@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_file_of_a_directory(original: Original, name: str, seed: int) -> None:
    chance = random.Random(f"{seed}/{name}/{original.clean}")
    with fast_place("round") as scratch:
        place = damage.copy_of(original, scratch / "copy")
        path = place / "data" / name
        if not path.exists():
            return                                                          # of a broker that was stopped otherwise
        one = damage.damage(path, chance)
        if name in MAY_REFUSE:
            outcome = start_on(place, original)
            if outcome == "unclaimed":
                return
            if outcome == "refused":
                path.write_bytes(one.before)
        wrong = check(original, place, {})
    assert not wrong, f"{one}\n" + "\n".join(wrong)


def start_on(place: Path, original: Original) -> str:
    """``refused``: it says why in a line, and ends. ``unclaimed``: the metadata are gone, the files are left alone and named. ``serves`` else."""
    broker = damage.broker_on(place)
    broker.spawn()
    try:
        broker.wait_ready()
        outcome = "unclaimed" if damage.unclaimed(broker, original) else "serves"
        broker.kill()
        return outcome
    except BrokerError:
        assert broker.process is not None and broker.process.wait(STOP_S_MAX) == 1
        text = broker.log_text()
        assert re.search(r'msg="cannot start" error=".+"$', text, re.MULTILINE), text
        assert "Traceback" not in text, text
        return "refused"
    finally:
        broker.discard()


def test_there_are_enough_cases(original: Original) -> None:
    """200 in all: partitions damaged in each round of both ways of stopping, and directory files."""
    count = 0
    with fast_place("count") as scratch:
        for seed in range(ROUNDS):
            place = damage.copy_of(original, scratch / str(seed))
            count += len(damage_partitions(place, random.Random(f"{seed}/partitions/{original.clean}")))
    assert 2 * count + 4 * len(OF_A_DIRECTORY) * 2 - 8 >= 200
