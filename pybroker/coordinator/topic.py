"""An internal topic as the home of a coordinator's state: made when it is first needed, appended to and read by partition.

Transactions: records of a producer's open transaction count when its commit marker comes, and never after an abort marker.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from pybroker.coordinator.effects import Record
from pybroker.metadata.controller import Controller, NewTopic
from pybroker.metadata.records import Topic
from pybroker.protocol import errors

TRANSACTIONAL, CONTROL = 0x10, 0x20
"""Bits of a batch's attributes."""
COMMIT_MARKER = 1

Read = tuple[int, int, bytes | None, bytes | None, int, int, int]
"""Offset, timestamp, key, value, producer id, producer epoch, attributes of the batch."""


class OwnLog(Protocol):
    """The core's way to records of our own."""

    def append(self, topic_id: bytes, partition: int, records: Iterable[Record]) -> "asyncio.Future[int]": ...
    async def read(self, topic_id: bytes, partition: int, offset: int) -> tuple[list[Read], int]: ...
    def bounds(self, topic_id: bytes, partition: int) -> tuple[int, int]: ...


class InternalTopic:
    """One internal topic."""

    def __init__(self, name: str, controller: Controller, own_log: OwnLog) -> None:
        self.name = name
        self._controller = controller
        self._own_log = own_log
        self._making: asyncio.Task[None] | None = None
        self._open: dict[int, dict[int, list[tuple[bytes | None, bytes | None]]]] = {}

    @property
    def topic(self) -> Topic | None:
        """None: nobody has needed it yet."""
        return self._controller.image.by_name.get(self.name)

    async def make(self, partitions: int, configs: Mapping[str, str]) -> Topic:
        """The topic, made now if it is not there. Raises CoordinatorNotAvailable."""
        while (topic := self.topic) is None:
            if self._making is None or self._making.done():
                self._making = asyncio.get_running_loop().create_task(self._make(partitions, configs))
            await asyncio.shield(self._making)
        return topic

    async def _make(self, partitions: int, configs: Mapping[str, str]) -> None:
        [outcome] = await self._controller.create_topics([NewTopic(self.name, partitions, 1, (), configs)])
        if outcome.error is not None and not isinstance(outcome.error, errors.TopicAlreadyExists):
            raise errors.CoordinatorNotAvailable(f"{self.name} cannot be made: {outcome.error}") from outcome.error

    @property
    def _id(self) -> bytes:
        topic = self.topic
        if topic is None:
            raise errors.CoordinatorNotAvailable(f"{self.name} is gone")
        return topic.id

    def append(self, partition: int, records: Iterable[Record]) -> "asyncio.Future[int]":
        """One batch; done when it is durable."""
        try:
            return self._own_log.append(self._id, partition, records)
        except errors.KafkaError as error:
            failed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed

    def start_offset(self, partition: int) -> int:
        """Where reading begins. What was left open by an earlier reading is forgotten."""
        self._open.pop(partition, None)
        return self._own_log.bounds(self._id, partition)[0]

    def has_records(self, partition: int) -> bool:
        start, end = self._own_log.bounds(self._id, partition)
        return end > start

    async def read(self, partition: int, offset: int) -> tuple[list[tuple[bytes | None, bytes | None]], int]:
        """Keys and values from ``offset`` on, without those of transactions that are open or aborted, and the offset to go on from: ``offset`` itself at the end."""
        records, following = await self._own_log.read(self._id, partition, offset)
        waiting = self._open.setdefault(partition, {})
        out: list[tuple[bytes | None, bytes | None]] = []
        for _, _, key, value, producer_id, _, attributes in records:
            if not attributes & (CONTROL | TRANSACTIONAL):
                out.append((key, value))
            elif attributes & CONTROL:
                decided = waiting.pop(producer_id, [])
                if key is not None and int.from_bytes(key[2:4], "big") == COMMIT_MARKER:
                    out += decided
            else:
                waiting.setdefault(producer_id, []).append((key, value))
        return out, following
