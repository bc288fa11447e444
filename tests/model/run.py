"""One run: a broker, clients that never stop, a fault per cycle at a moment that the seed decides, a final read by other clients, a judgement.

A run is told by its seed and the number of its cycles; what the machine's timing adds cannot be repeated, so a run that fails leaves its history and its data directory, and says
how to play the same again.
"""

import random
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from tests.model import clients, history, raw
from tests.model.clients import Target, Worker
from tests.model.history import Fault, Recorder
from tests.model.judge import Rules, Verdict, judge
from tests.model.machine import SMALL_TOPIC, Machine
from tests.support.kafka import Client

TOPIC: Final = "model"
PARTITIONS: Final = 6
ACKS_MAX: Final = 250
"""Acknowledgements between two faults: one to that many."""
PAUSE_S_MAX: Final = 0.03
READY_S_MAX: Final = 10.0
"""A broker that takes longer to come back is wrong, however busy the machine is. The figure is reported besides."""


class Play(Protocol):
    """Plays one fault on a machine that serves; it serves again when this returns."""

    def __call__(self, cycle: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    name: str
    seed: str
    cycles: int
    verdict: Verdict
    ready_s: Sequence[float]
    seconds: float
    events: Sequence[history.Event] = field(repr=False, default=())

    def __str__(self) -> str:
        ready = sorted(self.ready_s)
        figures = f"ready p50 {ready[len(ready) // 2] * 1000:.0f} ms, worst {ready[-1] * 1000:.0f} ms" if ready else ""
        return f"{self.name}: seed {self.seed}, {self.cycles} cycles in {self.seconds:.1f} s; {figures}; {self.verdict}"


class Run:
    """The parts of a run that lives on one data directory."""

    def __init__(self, name: str, seed: str, machine: Machine, scratch: Path, *, idempotent: bool = True, followers: bool = True, weak: Sequence[int] = ()) -> None:
        self.name = name
        self.seed = seed
        self.machine = machine
        self.scratch = scratch
        self.idempotent = idempotent
        self.followers = followers
        self.weak = weak
        self.recorder = Recorder()
        self.workers: list[Worker] = []
        self.random = random.Random(f"{seed}/{name}")

    def target(self) -> Target:
        return Target(self.machine.broker.bootstrap, TOPIC, PARTITIONS, self.seed, idempotent=self.idempotent, weak=self.weak)

    def make_topic(self) -> None:
        client = Client(self.machine.broker)
        try:
            client.create_topic(PARTITIONS, SMALL_TOPIC, name=TOPIC)
        finally:
            client.close()

    def clients(self) -> list[Worker]:
        target = self.target()
        made = clients.producers(self.recorder, target)
        return [*made, clients.Follower("f1", self.recorder, target)] if self.followers else made

    def start_clients(self) -> list[Worker]:
        """All of them, each at work."""
        workers = self.clients()
        for worker in workers:
            worker.start()
        self.recorder.wait_begun({worker.name for worker in workers if not isinstance(worker, clients.Follower)}, clients.WAIT_S)
        return workers

    def until_next_fault(self) -> None:
        """Some acknowledgements, then a moment."""
        self.recorder.wait_acks(self.random.randint(1, ACKS_MAX), clients.WAIT_S)
        self.recorder.pause(PAUSE_S_MAX * self.random.random())

    def play(self, cycles: int, fault: Play, kind: str, *, around: Callable[[], AbstractContextManager[object]] = nullcontext, each: Callable[[], None] = lambda: None) -> None:
        """``cycles`` faults under load, then rest. ``around`` is entered for the time before each fault."""
        self.workers = workers = self.start_clients()
        try:
            for cycle in range(cycles):
                with around():
                    self.until_next_fault()
                begin = time.monotonic()
                fault(cycle)
                self.recorder.note(Fault(kind, begin, time.monotonic()))
                each()
            self.recorder.wait_acks(1, clients.WAIT_S)
        finally:
            clients.stop_all(workers)
        if self.recorder.broken is not None:
            raise self.recorder.broken

    def stop_cleanly(self) -> None:
        """A clean stop while producers hold. A snapshot tells of one batch per producer, as Kafka's do: a producer with more under way would not be known again."""
        for worker in self.workers:
            worker.holding = True
        self.recorder.wait_quiet(clients.WAIT_S)
        self.machine.broker.stop()
        for worker in self.workers:
            worker.holding = False

    def judge(self, rules: Rules, cycles: int, begin: float) -> Outcome:
        clients.read_all(self.recorder, self.machine.broker.bootstrap, TOPIC, PARTITIONS, self.seed)
        raw.probe(self.recorder, self.machine.broker, TOPIC, PARTITIONS, self.random)
        verdict = judge(self.recorder.events, rules)
        return Outcome(self.name, self.seed, cycles, verdict, self.machine.ready_s, time.monotonic() - begin, self.recorder.events)

    def keep(self, place: Path) -> None:
        """The history and the files, for people to look at."""
        place.mkdir(parents=True, exist_ok=True)
        history.write(self.recorder.events, place / "history.jsonl")
        if self.machine.broker.data_dir.is_dir():
            shutil.copytree(self.machine.broker.data_dir, place / "data", dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
