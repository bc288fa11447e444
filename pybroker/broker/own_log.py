"""Records of the broker's own in internal topics: appended by the control plane, told of when durable, read back at start.

Thread      control; ``read`` runs its disk access on a thread of the pool it is given
Order       appends to one partition are written in the order of the calls; what is told of them may come in any order
Bounds      as many appends wait as the callers let; each coordinator has one out per partition
"""

from collections.abc import Iterable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from pybroker.broker.loop import asyncio
from pybroker.protocol import errors

if TYPE_CHECKING:
    from pybroker._core.core import Core, CoreError, Record

READ_BYTES = 1 << 20
"""Bytes of log that one read brings."""


class OwnLog:
    """The core's own-record calls as futures."""

    def __init__(self, core: "Core", core_error: "type[CoreError]", pool: Executor) -> None:
        self._core = core
        self._core_error = core_error
        self._pool = pool
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._offsets: dict[int, int] = {}
        self._ticket = 0

    def append(self, topic_id: bytes, partition: int, records: "Iterable[tuple[bytes, bytes | None]]") -> "asyncio.Future[int]":
        """One batch. The result is its base offset, once the records are as durable as pybroker.flush.policy asks; a KafkaError when they are not and never will be."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._ticket += 1
        try:
            offset, durable = self._core.append(topic_id, partition, records, self._ticket)
        except self._core_error as error:
            done.set_exception(kafka_error(error))
            return done
        if durable:
            done.set_result(offset)
        else:
            self._waiting[self._ticket] = done
            self._offsets[self._ticket] = offset
        return done

    def settle(self, outcomes: "Iterable[tuple[int, CoreError | None]]") -> None:
        """What the core tells of appends."""
        for ticket, error in outcomes:
            done, offset = self._waiting.pop(ticket), self._offsets.pop(ticket)
            if done.cancelled():
                continue
            if error is None:
                done.set_result(offset)
            else:
                done.set_exception(kafka_error(error))

    async def read(self, topic_id: bytes, partition: int, offset: int) -> "tuple[list[Record], int]":
        """Records from ``offset`` on, about READ_BYTES of them, and the offset to go on from; that is ``offset`` at the end. Raises KafkaError."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._core.read, topic_id, partition, offset, READ_BYTES)
        except self._core_error as error:
            raise kafka_error(error) from error

    def bounds(self, topic_id: bytes, partition: int) -> tuple[int, int]:
        """Log start offset and end offset. Raises KafkaError."""
        try:
            info = self._core.partition(topic_id, partition)
        except self._core_error as error:
            raise kafka_error(error) from error
        return info.start_offset, info.end_offset


def kafka_error(error: "CoreError") -> errors.KafkaError:
    """The error a client would be told."""
    kind: type[errors.KafkaError] = errors.BY_CODE.get(error.code, errors.KafkaError)
    return kind(str(error))
