"""Groups through crashes at moments that a seed decides: no place goes back, no generation has two owners, nobody's partition is given to another."""

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
