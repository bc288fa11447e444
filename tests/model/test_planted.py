"""The suite's own test: brokers with one bug each are convicted within 50 cycles, by the scenario that is there for such bugs."""

from pathlib import Path
from typing import Final

import pytest

from tests.model import clients, planted, raw
from tests.model.history import Recorder
from tests.model.machine import Machine, Program
from tests.model.planted import BUGS, Bug
from tests.model.raw import RawProducer
from tests.model.scenarios import GROUP, SCENARIOS
from tests.support.kafka import NONE, Client

pytestmark = [pytest.mark.real, pytest.mark.clients, pytest.mark.slow]

CYCLES_MAX: Final = 50
CYCLES_AT_A_TIME: Final = 10
PATIENCE_S: Final = 6.0
"""What clients of a broker that is wrong wait for: to give up is a conviction as well."""


@pytest.mark.root
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_convicted(bug: Bug, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = planted.build(bug, tmp_path)
    assert_looks_right(tmp_path, environment)
    monkeypatch.setattr(clients, "WAIT_S", PATIENCE_S)
    for chunk in range(CYCLES_MAX // CYCLES_AT_A_TIME):
        scratch = tmp_path / f"chunk{chunk}"
        scratch.mkdir()
        try:
            outcome = SCENARIOS[bug.scenario](f"planted/{chunk}", CYCLES_AT_A_TIME, scratch, program=Program(None, environment))
        except Exception:
            return                                                          # a client or a start gave up, each library with words of its own
        if outcome.verdict.anomalies:
            return
    pytest.fail(f"{bug.name} passed {CYCLES_MAX} cycles of {bug.scenario}")


def assert_looks_right(place: Path, environment: dict[str, str]) -> None:
    """Without a fault the bug shows nothing, and it is the broker with the bug that runs."""
    scratch = place / "quiet"
    scratch.mkdir()
    machine = Machine(scratch, scratch, GROUP, Program(None, environment))
    recorder = Recorder()
    try:
        machine.start()
        assert planted.is_planted(machine.broker.pid, place)
        topic = Client(machine.broker).create_topic(2)
        producer = RawProducer("q", recorder, machine.broker, topic, "quiet")
        assert [producer.send(number % 2) for number in range(20)] == [NONE] * 20
        raw.read_all(recorder, machine.broker, topic, 2)
        machine.broker.stop()
    finally:
        machine.discard()


def test_there_are_bugs_for_every_kind_of_crash() -> None:
    assert len(BUGS) >= 8
    assert {bug.scenario for bug in BUGS} == {"kills", "power", "power_relaxed"}
