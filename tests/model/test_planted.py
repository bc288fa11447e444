"""The suite's own test: brokers with one bug each are convicted within 50 cycles, by the scenario that is there for such bugs."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.model import planted, raw
from tests.model.history import Recorder
from tests.model.machine import DISKS, Machine, Program
from tests.model.planted import BUGS, Bug
from tests.model.raw import RawProducer, fast_place
from tests.model.scenarios import GROUP
from tests.support.kafka import NONE, Client
from tests.support.shared import ROOT

pytestmark = [pytest.mark.real, pytest.mark.clients, pytest.mark.slow]

CYCLES_MAX: Final = 50
CYCLES_AT_A_TIME: Final = 10
PATIENCE_S: Final = 6.0
"""What clients of a broker that is wrong wait for: to give up is a conviction as well."""


def is_convicted(scenario: str, chunk: int, environment: dict[str, str], place: Path) -> bool:
    """Ten cycles in a process of their own: what a broker that is wrong sends may be the end of a client library."""
    command = [sys.executable, "-m", "tests.model.campaign", "--seed", f"planted/{chunk}", "--cycles", str(CYCLES_AT_A_TIME), "--patience", str(PATIENCE_S), scenario]
    command += [word for name, value in environment.items() for word in ("--environment", f"{name}={value}")]
    with fast_place("planted") as disks:                                    # its mounts and brokers go with it, images with this
        done = subprocess.run(["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", *command], cwd=ROOT, env={**os.environ, "TMPDIR": str(place), DISKS: str(disks)}, capture_output=True, text=True, timeout=300)
    assert done.returncode != 2, done.stderr
    return done.returncode != 0


@pytest.mark.root
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_convicted(bug: Bug, tmp_path: Path) -> None:
    environment = planted.build(bug, tmp_path)
    assert_looks_right(tmp_path, environment)
    assert any(is_convicted(bug.scenario, chunk, environment, tmp_path) for chunk in range(CYCLES_MAX // CYCLES_AT_A_TIME)), f"not within {CYCLES_MAX} cycles of {bug.scenario}"


@pytest.mark.root
@pytest.mark.parametrize("scenario", sorted({bug.scenario for bug in BUGS}))
def test_a_broker_without_a_bug_is_acquitted(scenario: str, tmp_path: Path) -> None:
    assert not is_convicted(scenario, 0, {}, tmp_path)


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
