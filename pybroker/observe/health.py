"""How the broker is: checks, asked one after the other, and what they said together.

Bounds      checks get BUDGET_S together, what is left over is unhealthy; an answer is kept for KEPT_S, so that asking often costs nothing
Thread      of the HTTP server
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

BUDGET_S = 8.0
KEPT_S = 1.0
TEXT_CHARS_MAX = 300


class Result(NamedTuple):
    """What one check said."""

    name: str
    healthy: bool
    text: str = ""


class Probe(NamedTuple):
    """One check: ``call`` says whether it is well, and a line; what it raises is unhealthy. It must come back within seconds."""

    name: str
    call: Callable[[], tuple[bool, str]]


class Report(NamedTuple):
    """All of them."""

    results: tuple[Result, ...]

    @property
    def healthy(self) -> bool:
        return all(result.healthy for result in self.results)

    def as_json(self) -> bytes:
        """For people and probes."""
        checks = [{"name": result.name, "healthy": result.healthy, "text": result.text} for result in self.results]
        return json.dumps({"healthy": self.healthy, "checks": checks}).encode() + b"\n"


class Checks:
    """Probes of one question (alive? ready?), and the last answer."""

    def __init__(self, probes: Callable[[], Sequence[Probe]], clock_s: Callable[[], float] = time.monotonic) -> None:
        self._probes = probes
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._last = Report(())
        self._until_s = 0.0

    def report(self) -> Report:
        """How it is. Those who ask at the same time get the same answer."""
        with self._lock:
            if self._clock_s() >= self._until_s:
                self._last = self._asked()
                self._until_s = self._clock_s() + KEPT_S
            return self._last

    def _asked(self) -> Report:
        end_s = self._clock_s() + BUDGET_S
        return Report(tuple(_result(probe) if self._clock_s() < end_s else Result(probe.name, False, "not asked: others took too long") for probe in self._probes()))


def _result(probe: Probe) -> Result:
    try:
        healthy, text = probe.call()
    except Exception as error:
        healthy, text = False, f"{type(error).__name__}: {error}"
    return Result(probe.name, healthy, " ".join(text.split())[:TEXT_CHARS_MAX])
