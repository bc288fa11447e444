"""Partitions on their way to another log directory: one after the other, piece by piece, no faster than pybroker.log.dir.move.max.bytes.per.second.

The copying is the core's (csrc/part/move.c). When a partition has moved, the new place is noted in metadata; a stop before that is made good by ``places.finish_moves``.

Thread      control; steps run on a thread of their own, without the GIL
Bounds      one partition at a time; each partition waits at most once
"""

import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from pybroker.broker.loop import asyncio
from pybroker.broker.own_log import kafka_error

if TYPE_CHECKING:
    from pybroker._core.core import Core, CoreError

log = logging.getLogger(__name__)

PIECE_BYTES = 1 << 20
"""Copied by one step."""
IDLE_S = 0.005
"""Wait after a step that had nothing to copy: a sync of the old log is under way."""


class Settings(Protocol):
    """What of the config matters here."""

    def integer(self, name: str) -> int: ...


class Mover:
    """Takes wishes from ``move``; works until ``stop``."""

    def __init__(self, core: "Core", core_error: "type[CoreError]", config: Settings, on_moved: Callable[[bytes, int, int], Awaitable[None]]) -> None:
        """``on_moved(topic id, partition, place)``: notes where a partition lies now."""
        self._core = core
        self._core_error = core_error
        self._config = config
        self._on_moved = on_moved
        self._pool = ThreadPoolExecutor(1, "pb-mover")
        self._waiting: dict[tuple[bytes, int], int] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def move(self, topic_id: bytes, partition: int, place: int) -> None:
        """Have a partition move to the log directory ``place``. Returns when that has begun; one that lies there already stays, and goes nowhere else. Raises KafkaError."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._core.move_begin, topic_id, partition, place)
        except self._core_error as error:
            if error.name == "PB_E_EXISTS":
                return
            raise kafka_error(error) from error
        self._waiting[topic_id, partition] = place
        if self._task is None and not self._stopping.is_set():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """End after the step under way. What is not finished begins anew with the next start."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        self._pool.shutdown(wait=True)

    async def _work(self) -> None:
        while self._waiting and not self._stopping.is_set():
            key = next(iter(self._waiting))
            place = self._waiting.pop(key)
            try:
                if await self._copy(*key):
                    log.info("partition moved to another log directory", extra={"topic_id": key[0].hex(), "partition": key[1], "place": place})
                    await self._on_moved(*key, place)
            except self._core_error as error:
                if error.name != "PB_E_NOENT":              # cancelled, or its topic is gone: nobody waits for it
                    log.warning("partition cannot be moved", extra={"topic_id": key[0].hex(), "partition": key[1], "error": str(error)})
            except Exception as error:
                log.error("partition moved, and its place could not be noted; the next start does", exc_info=error)
        self._task = None

    async def _copy(self, topic_id: bytes, partition: int) -> bool:
        """Whether the partition has moved; not when the broker stops."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        more = True
        while more and not self._stopping.is_set():
            rate = self._config.integer("pybroker.log.dir.move.max.bytes.per.second")
            more, copied = await loop.run_in_executor(self._pool, self._core.move_step, topic_id, partition, min(PIECE_BYTES, rate))
            due_s = max(due_s, loop.time() - 1) + copied / rate
            if more:
                await self._pause(due_s - loop.time() if copied else IDLE_S)
        return not more

    async def _pause(self, wait_s: float) -> None:
        """Until the time is over, or the broker stops."""
        if wait_s > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait_s)
