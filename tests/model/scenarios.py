"""The runs by name: what the tests play in their short form and ``make campaign`` in any length."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final, Protocol

from tests.model import clients
from tests.model.history import Log
from tests.model.judge import Rules
from tests.model.machine import Adversary, Machine, Program, loop_disk
from tests.model.run import PARTITIONS, TOPIC, Outcome, Run
from tests.model.shim import WallClock

GROUP: Final = {"pybroker.flush.policy": "group"}
OS: Final = {"pybroker.flush.policy": "os"}

CLEAN_STOPS: Final = 0.1
"""Share of cycles that end with a clean stop instead, besides the second: the crash after it must not be taken for one."""

Progress = Callable[[], None]
"""Called after each cycle."""


class Scenario(Protocol):
    """A run of some cycles from a seed, its files below scratch."""

    def __call__(self, seed: str, cycles: int, scratch: Path, progress: Progress = ..., program: Program = ...) -> Outcome: ...


OURS: Final = Program()


def nothing() -> None:
    """No progress to show."""


@contextmanager
def _kept_when_wrong(run: Run) -> Iterator[None]:
    """History and files stay where something raises."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"{run.name}: seed {run.seed}; kept in {run.scratch / 'kept'}")
        run.keep(run.scratch / "kept")
        raise
    finally:
        run.machine.discard()


def _finish(run: Run, rules: Rules, cycles: int, begin: float) -> Outcome:
    """The final read, a clean stop, the verdict."""
    outcome = run.judge(rules, cycles, begin)
    run.machine.broker.stop()
    if outcome.verdict.anomalies:
        run.keep(run.scratch / "kept")
    return outcome


def _kills(name: str, seed: str, cycles: int, scratch: Path, progress: Progress, program: Program, *, idempotent: bool) -> Outcome:
    begin = time.monotonic()
    machine = Machine(scratch, scratch, GROUP, program)
    run = Run(name, seed, machine, scratch, idempotent=idempotent)

    def kill(cycle: int) -> None:
        if cycle == 1 or run.random.random() < CLEAN_STOPS:
            run.stop_cleanly()
        else:
            machine.kill()
        machine.start()

    with _kept_when_wrong(run):
        machine.start()
        run.make_topic()
        run.play(cycles, kill, "kill", each=progress)
        return _finish(run, Rules(duplicates_of_unknown=not idempotent), cycles, begin)


def kills(seed: str, cycles: int, scratch: Path, progress: Progress = nothing, program: Program = OURS) -> Outcome:
    """kill -9 under idempotent producers: nothing acknowledged is lost, nothing is there twice, nothing changes places."""
    return _kills("kills", seed, cycles, scratch, progress, program, idempotent=True)


def kills_plain(seed: str, cycles: int, scratch: Path, progress: Progress = nothing, program: Program = OURS) -> Outcome:
    """kill -9 under producers that are not idempotent and do not repeat: nothing acknowledged is lost; twice is only what ended as unknown."""
    return _kills("kills_plain", seed, cycles, scratch, progress, program, idempotent=False)


def power(seed: str, cycles: int, scratch: Path, progress: Progress = nothing, program: Program = OURS) -> Outcome:
    """Power cuts with the default flush policy, every second one with pages written out at random before: what was acknowledged is there, and of what was not synced a good begin."""
    begin = time.monotonic()
    with loop_disk() as disk:
        machine = Machine(disk.path, scratch, GROUP, program)
        run = Run("power", seed, machine, scratch, followers=False, weak=(PARTITIONS - 2, PARTITIONS - 1))
        adversarial = iter(cycle % 2 == 1 for cycle in range(cycles))

        def cut(cycle: int) -> None:
            if cycle == 1 or run.random.random() < CLEAN_STOPS:
                run.stop_cleanly()
            else:
                machine.cut_power(disk)
            machine.start()

        with _kept_when_wrong(run):
            machine.start()
            run.make_topic()
            run.play(cycles, cut, "powercut", around=lambda: Adversary(machine.broker.data_dir, f"{seed}/{run.recorder.acked}") if next(adversarial) else nullcontext(), each=progress)
            return _finish(run, Rules(), cycles, begin)


def power_relaxed(seed: str, cycles: int, scratch: Path, progress: Progress = nothing, program: Program = OURS) -> Outcome:
    """Power cuts where the page cache is enough for an answer: of each partition a prefix without gaps is left. Every cycle has a new topic's worth of history."""
    worst: Outcome | None = None
    for cycle in range(cycles):
        place = scratch / f"cycle{cycle}"
        place.mkdir()
        outcome = _power_once(f"{seed}/{cycle}", place, program, adversarial=cycle % 2 == 1)
        progress()
        if worst is None or outcome.verdict.anomalies:
            worst = outcome
        if outcome.verdict.anomalies:
            break
    assert worst is not None
    return worst


def _power_once(seed: str, scratch: Path, program: Program, *, adversarial: bool) -> Outcome:
    begin = time.monotonic()
    with loop_disk(64) as disk:
        machine = Machine(disk.path, scratch, OS, program)
        run = Run("power_relaxed", seed, machine, scratch, followers=False)
        with _kept_when_wrong(run):
            machine.start()
            run.make_topic()
            workers = run.start_clients()
            with Adversary(machine.broker.data_dir, seed) if adversarial else nullcontext():
                for _ in range(4):
                    run.until_next_fault()
            machine.cut_power(disk)
            run.recorder.close_clients()
            for worker in workers:
                worker.abandon()
            for worker in workers:
                worker.join()
            machine.start()
            return _finish(run, Rules(prefix=True), 1, begin)


JUMPS_S: Final = (3600.0, -3600.0, 10 * 365.25 * 86400, -7200.0, 0.0)
"""Where the clock on the wall jumps to, in turn: seconds from the right time."""


def clock(seed: str, cycles: int, scratch: Path, progress: Progress = nothing, program: Program = OURS) -> Outcome:
    """The clock on the wall jumps and comes back while clients go on, with rolls and retention at work: nobody notices, nothing is deleted. Ends with a kill."""
    begin = time.monotonic()
    wall = WallClock(scratch / "clock")
    # Rolls by time and a look at retention as often as they come. Clients whose clock is right are far ahead of the broker's at times: that alone is no error here.
    often = {"log.retention.check.interval.ms": "100", "log.roll.ms": "3600000", "log.retention.ms": "86400000", "log.message.timestamp.after.max.ms": str(2**63 - 1)}
    machine = Machine(scratch, scratch, {**GROUP, **often}, program._replace(environment={**program.environment, **wall.environment()}))
    run = Run("clock", seed, machine, scratch)

    def jump(cycle: int) -> None:
        wall.set(JUMPS_S[cycle % len(JUMPS_S)])
        run.recorder.pause(0.3)                                             # some rounds of what looks at the clock

    with _kept_when_wrong(run):
        machine.start()
        run.make_topic()
        run.play(cycles, jump, "clock", each=progress)
        wall.set(0)
        machine.kill()
        machine.start()
        outcome = _finish(run, Rules(), cycles, begin)
        assert all(log.start == 0 for log in outcome.events if isinstance(log, Log)), "records were deleted while the clock was wrong"
        return outcome


SCENARIOS: Final[dict[str, Scenario]] = {"kills": kills, "kills_plain": kills_plain, "power": power, "power_relaxed": power_relaxed, "clock": clock}

__all__ = ["PARTITIONS", "SCENARIOS", "TOPIC", "clients"]
