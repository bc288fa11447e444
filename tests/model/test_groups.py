"""Groups through crashes at moments that a seed decides: no place goes back, no generation has two owners, nobody's partition is given to another."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.model import groups
from tests.support.broker import FOREIGN, Broker, ForeignBroker
from tests.support.groups import GROUP_CONFIG, served
from tests.support.kafka import new_name

pytestmark = [pytest.mark.real, pytest.mark.slow, served(8, 9, 10, 11, 12, 13, 14, 68)]
CYCLES = 20


@pytest.mark.parametrize("seed", ["1", "2"])
def test_groups_keep_what_they_promised_through_kill_9(tmp_path: Path, seed: str) -> None:
    if FOREIGN:                                                             # the model itself holds against the oracle; its process is not ours to kill
        groups.run(ForeignBroker(FOREIGN), f"{seed}/{new_name()}", CYCLES, lambda: None)
        return
    broker = Broker(tmp_path / "data", {**GROUP_CONFIG, "pybroker.flush.policy": "group"})
    broker.start()
    broker.overrides["listeners"] = f"PLAINTEXT://{broker.bootstrap}"

    def kill() -> None:
        broker.kill()
        broker.start()

    try:
        ledger = groups.run(broker, seed, CYCLES, kill)
        assert ledger.generations > CYCLES, "the teams hardly moved"
        broker.stop()
    except BaseException as error:
        error.add_note(f"seed {seed}; {broker.log_path}\n{broker.log_tail()}")
        raise
    finally:
        broker.discard()


# ---- the ledger finds what it is there for


def synced(ledger: groups.Ledger) -> None:
    ledger.note_generation("g", 5, 4, "one", [0, 1])
    ledger.try_place("g", 0, 10)
    ledger.note_place("g", 0, 10, 5, 5)
    ledger.note_given("c", "one", [0, 1])
    ledger.note_given_up("c", "one", [1])


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda ledger: ledger.note_generation("g", 5, 5, "two", [1]), "belongs to one and to two"),
        (lambda ledger: ledger.note_generation("g", 4, 5, "two", []), "generation 4 was synced after 5"),
        (lambda ledger: ledger.note_place("g", 0, 11, 4, 5), "a commit of generation 4 was taken though 5 stood"),
        (lambda ledger: ledger.check_place("g", 0, 9, ledger.place("g", 0)), "9 is committed for 0; 10 was acknowledged"),
        (lambda ledger: ledger.check_place("g", 0, 11, 10), "10 is the most that was sent"),
        (lambda ledger: ledger.note_given("c", "two", [1]), "1 was given to two while one has it"),
    ],
    ids=["two owners", "generation goes back", "stale commit", "place goes back", "place out of nowhere", "given twice"],
)
def test_the_ledger_finds(wrong: Callable[[groups.Ledger], None], text: str) -> None:
    ledger = groups.Ledger()
    synced(ledger)
    with pytest.raises(AssertionError, match=text):
        wrong(ledger)


def test_the_ledger_lets_pass_what_is_right() -> None:
    ledger = groups.Ledger()
    synced(ledger)
    ledger.note_generation("g", 6, 5, "two", [0, 1])
    ledger.check_place("g", 0, 10, 10)
    ledger.note_given("c", "two", [0])
    assert (ledger.stands("g"), ledger.place("g", 0), ledger.acked, ledger.generations) == (6, 10, 1, 2)
