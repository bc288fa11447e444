"""The log cleaner's threads: when compaction does a piece of its work, and how fast.

What is compacted, and how, is the core's (csrc/broker/cleaner.c); here are the clock and the throttle. Keys: ``log.cleaner.enable``, ``log.cleaner.threads``,
``log.cleaner.backoff.ms``, ``log.cleaner.io.max.bytes.per.second`` (bytes read and written, all threads together), ``log.cleaner.dedupe.buffer.size`` (likewise),
``log.cleaner.io.buffer.load.factor``. All but the first may change while the broker runs; threads are added or ended within a back-off.

Thread      one each, without the GIL while the core works
"""

import logging
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pybroker._core.core import Core

log = logging.getLogger(__name__)

PIECE_BYTES = 1 << 20
"""Read and written by one call of the core: a hundredth of a second of a disk."""
THREADS_MAX = 64
IDLE_PIECE_S = 0.01
"""Wait behind a piece that read and wrote nothing: a sync of the same log may be under way."""
PAUSE_S_MAX = 60.0
"""Longest wait for the throttle: a change of it is seen by then."""


class Settings(Protocol):
    """What of the config matters here."""

    def integer(self, name: str) -> int: ...
    def boolean(self, name: str) -> bool: ...
    def value(self, name: str) -> object: ...


class Cleaner:
    """Asks the core for pieces of compaction from ``start`` to ``stop``."""

    def __init__(self, core: "Core", config: Settings) -> None:
        self._core = core
        self._config = config
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin, unless log.cleaner.enable says otherwise."""
        if self._config.boolean("log.cleaner.enable"):
            self._fill()

    def stop(self) -> None:
        """End: a run under way is given up, the log stays as it is. Waits for the threads; any thread but theirs."""
        self._stopping.set()
        if self._threads:
            self._core.stop_cleaning()
        for thread in self._threads:
            thread.join()

    def _wanted(self) -> int:
        return min(self._config.integer("log.cleaner.threads"), THREADS_MAX)

    def _fill(self) -> None:
        """Threads up to the wanted number; one at least looks whether more are wanted."""
        with self._lock:
            while not self._stopping.is_set() and len(self._threads) < max(self._wanted(), 1):
                thread = threading.Thread(target=self._run, args=(len(self._threads),), name=f"pb-cleaner-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _number(self, name: str) -> float:
        return float(str(self._config.value(name)))

    def pause_s(self, done_bytes: int) -> float:
        """Seconds that ``done_bytes`` of one thread cost by the throttle."""
        rate = self._number("log.cleaner.io.max.bytes.per.second")
        return PAUSE_S_MAX if rate <= 0 else min(done_bytes * max(self._wanted(), 1) / rate, PAUSE_S_MAX)

    def _run(self, worker: int) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self.turn(worker))

    def turn(self, worker: int) -> float:
        """One piece of work: seconds to wait before the next."""
        backoff_s = self._config.integer("log.cleaner.backoff.ms") / 1000
        if worker >= self._wanted():
            return backoff_s
        try:
            buffer_bytes = self._config.integer("log.cleaner.dedupe.buffer.size") // self._wanted()
            more, done_bytes = self._core.clean(worker, buffer_bytes, self._number("log.cleaner.io.buffer.load.factor"), PIECE_BYTES)
        except Exception as error:
            if not self._stopping.is_set():
                log.warning("compaction was given up", extra={"error": str(error)})
            return backoff_s
        if not more:
            if worker == 0:
                self._fill()
            return backoff_s
        return self.pause_s(done_bytes) if done_bytes else IDLE_PIECE_S
