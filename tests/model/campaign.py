"""Long runs: ``python -m tests.model.campaign --seed 7 --cycles 1000 kills power``. A bar while it goes on, a line when it is done, a way to repeat when it is not."""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.model import clients
from tests.model.machine import Program
from tests.model.scenarios import SCENARIOS

BAR = 40


class Bar:
    """Progress on a terminal; nothing where stderr is none."""

    def __init__(self, name: str, cycles: int) -> None:
        self.name = name
        self.cycles = cycles
        self.done = 0
        self.begin = time.monotonic()

    def step(self) -> None:
        self.done += 1
        if sys.stderr.isatty() or self.done == self.cycles or self.done % 100 == 0:
            full = BAR * self.done // self.cycles
            left_s = (time.monotonic() - self.begin) / self.done * (self.cycles - self.done)
            print(f"\r{self.name:14} [{'#' * full}{'.' * (BAR - full)}] {self.done}/{self.cycles}, {left_s:.0f} s left ", end="", file=sys.stderr, flush=True)


def main(words: list[str]) -> int:
    """0: nothing found. 1: an anomaly. 2: wrong arguments."""
    parser = argparse.ArgumentParser(prog="campaign", description="Faults against a running broker, with a history that is judged.")
    parser.add_argument("--seed", default="1", help="anything; the same seed plays the same faults")
    parser.add_argument("--cycles", type=int, default=100, help="faults per scenario")
    parser.add_argument("--program", type=Path, help="another pybrokerd, such as build/debug/run")
    parser.add_argument("--environment", action="append", default=[], metavar="NAME=VALUE", help="what the broker's environment has besides")
    parser.add_argument("--patience", type=float, default=clients.WAIT_S, help="seconds that clients wait for anything")
    parser.add_argument("scenario", nargs="*", help=f"of {', '.join(SCENARIOS)}; all by default")
    options = parser.parse_args(words)
    if unknown := set(options.scenario) - SCENARIOS.keys():
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    program = Program(options.program, dict(word.split("=", 1) for word in options.environment))
    clients.WAIT_S = options.patience
    bad = 0
    for name in options.scenario or SCENARIOS:
        scratch = Path(tempfile.mkdtemp(prefix=f"pybroker-{name}-"))
        bar = Bar(name, options.cycles)
        outcome = SCENARIOS[name](options.seed, options.cycles, scratch, bar.step, program)
        print(f"\r{outcome}", flush=True)
        if outcome.verdict.anomalies:
            print(f"kept in {scratch / 'kept'}; again: make campaign SEED={options.seed} CYCLES={options.cycles} S={name}", flush=True)
            bad += 1
        else:
            shutil.rmtree(scratch)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
