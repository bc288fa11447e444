"""Housekeeping: when the core looks at its disks, removes what is too old, and closes segments that nobody writes to.

The work is the core's (csrc/broker/housekeeping.c) and runs on a thread of its own without the GIL; here is only the clock. Rounds follow one another, never overlap.

===================  ============================================  ====================================================
each                 what                                          why so often
===================  ============================================  ====================================================
TICK_S               free space of the log directories             writes stop before a disk is full, and go on within seconds
PARTITIONS_S         removed files that are due, idle segments     file.delete.delay.ms and segment.ms need no better
check interval       retention                                     log.retention.check.interval.ms; the first one by pybroker.retention.first.check.ms
===================  ============================================  ====================================================

Clock       all intervals are of the monotonic clock. Retention by time needs the wall clock: while that has jumped and not kept the new time for
            pybroker.clock.settle.ms, the core postpones retention, and is asked again every tick
Thread      control; the core's calls run on the threads of a pool
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from pybroker.broker.loop import asyncio

if TYPE_CHECKING:
    from pybroker._core.core import Core, CoreError

log = logging.getLogger(__name__)

DISKS, PARTITIONS, RETENTION = 1, 2, 4
"""Kinds of work, as the core numbers them."""
TICK_S = 1.0
PARTITIONS_S = 5.0
DELETE_RECORDS_MAX = 256
"""Partitions that one call of the core takes."""
OFFLINE = 2
"""State of a log directory that failed."""


class Settings(Protocol):
    """What of the config matters here."""

    def integer(self, name: str) -> int: ...


class Housekeeper:
    """Asks the core for rounds of housekeeping from ``start`` to ``stop``."""

    def __init__(
        self, core: "Core", config: Settings, log_dir_count: int, on_offline: Callable[[frozenset[int]], None], apply_policies: Callable[[], None] = lambda: None
    ) -> None:
        """``on_offline``: places of the log directories that are off-line, whenever there are more of them. ``apply_policies``: what plugins say of retention, behind the core's;
        it may wait."""
        self._apply_policies = apply_policies
        self._core = core
        self._config = config
        self._log_dir_count = log_dir_count
        self._on_offline = on_offline
        self._pool = ThreadPoolExecutor(2, "pb-keeper")     # a round may take long; DeleteRecords goes beside it
        self._timer: asyncio.TimerHandle | None = None
        self._round: asyncio.Task[None] | None = None
        self._offline: frozenset[int] = frozenset()
        self._partitions_at = self._retention_at = 0.0

    def start(self) -> None:
        """Begin, on the running loop."""
        now_s = asyncio.get_running_loop().time()
        self._partitions_at = now_s + PARTITIONS_S
        self._retention_at = now_s + min(self._check_interval_s(), self._config.integer("pybroker.retention.first.check.ms") / 1000)
        self._schedule()

    async def stop(self) -> None:
        """End; a round under way is waited for."""
        if self._timer:
            self._timer.cancel()
        if self._round:
            await asyncio.wait([self._round])
            if self._timer:
                self._timer.cancel()
        self._pool.shutdown(wait=True)

    def _check_interval_s(self) -> float:
        return self._config.integer("log.retention.check.interval.ms") / 1000

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(min(TICK_S, self._retention_at - loop.time()), 0.01), self._begin)

    def _begin(self) -> None:
        self._round = asyncio.get_running_loop().create_task(self._tick())

    def _due(self, now_s: float) -> int:
        work = DISKS
        if now_s >= self._partitions_at:
            self._partitions_at = now_s + PARTITIONS_S
            work |= PARTITIONS
        if now_s >= self._retention_at:
            work |= PARTITIONS | RETENTION
        return work

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        work = self._due(loop.time())
        postponed = 0
        try:
            postponed = await loop.run_in_executor(self._pool, self._core.keep, work)
            self._look_at_dirs()
            if work & RETENTION and not postponed:
                await loop.run_in_executor(self._pool, self._apply_policies)
        except Exception as error:
            log.error("housekeeping failed", extra={"error": str(error)})
        if work & RETENTION:
            self._retention_at = loop.time() + (TICK_S if postponed else self._check_interval_s())
        self._schedule()

    def _look_at_dirs(self) -> None:
        offline = frozenset(place for place in range(self._log_dir_count) if self._core.log_dir(place)[0] == OFFLINE)
        if offline != self._offline:
            self._offline = offline
            self._on_offline(offline)

    async def delete_records(self, items: Sequence[tuple[bytes, int, int]]) -> "list[tuple[CoreError | None, int]]":
        """Move log starts up: (topic id, partition, first offset that stays) to (error or None, log start), in order. Durable when it returns."""
        loop = asyncio.get_running_loop()
        done: list[tuple[CoreError | None, int]] = []
        for first in range(0, len(items), DELETE_RECORDS_MAX):
            done += await loop.run_in_executor(self._pool, self._core.delete_records, items[first : first + DELETE_RECORDS_MAX])
        return done
