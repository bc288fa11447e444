"""What the model tests share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.model.run import READY_S_MAX, Outcome
from tests.model.scenarios import SCENARIOS
from tests.support.fixtures import start_broker

__all__ = ["start_broker"]

Play = Callable[..., Outcome]


@pytest.fixture
def play(tmp_path: Path, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Play:
    """``play("kills", seed="1", cycles=40)``: the run holds what it promises, and its figures go into the report."""

    def run(name: str, *, seed: str, cycles: int) -> Outcome:
        again = f"again: make campaign SEED={seed} CYCLES={cycles} S={name}"
        try:
            outcome = SCENARIOS[name](seed, cycles, tmp_path)
        except Exception as error:
            error.add_note(again)
            raise
        record_property("outcome", str(outcome))
        assert not outcome.verdict.anomalies, f"{outcome}\nkept in {tmp_path}\n{again}"
        assert outcome.verdict.acked > 10 * cycles, f"hardly anything happened: {outcome}"
        assert max(outcome.ready_s) <= READY_S_MAX, str(outcome)
        return outcome

    return run
