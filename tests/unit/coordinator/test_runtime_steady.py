"""Loops learn of steady members when the records that made them so are durable, and never of one that has moved on meanwhile."""

import asyncio
from collections.abc import Iterable
from typing import Any

from pybroker.coordinator.effects import Record, Steady, Turn
from pybroker.coordinator.runtime import Shard

MEMBER = Steady("g", "m", None, 7, 5000, True)


class Log:
    """Appends that are durable when the test says so."""

    def __init__(self) -> None:
        self.out: list[asyncio.Future[int]] = []

    def append(self, partition: int, records: Iterable[Record]) -> "asyncio.Future[int]":
        self.out.append(asyncio.get_running_loop().create_future())
        return self.out[-1]

    async def read(self, partition: int, offset: int) -> tuple[list[tuple[bytes | None, bytes | None]], int]:
        return [], offset

    def start_offset(self, partition: int) -> int:
        return 0


class State:
    def replay(self, key: bytes | None, value: bytes | None) -> None:
        raise AssertionError("there is nothing to read")

    def loaded(self, now_ms: int, wall_ms: int) -> None: ...

    def next_deadline_ms(self) -> int | None:
        return None

    def expire(self, turn: Turn) -> None: ...


class Members:
    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Steady] = {}

    def put(self, member: Steady) -> None:
        self.known[member.group_id, member.member_id] = member

    def remove(self, group_id: str, member_id: str) -> None:
        del self.known[group_id, member_id]


class Clocks:
    def now_ms(self) -> int:
        return 1

    def wall_ms(self) -> int:
        return 1


def settle(state: Any, turn: Turn, token: Any) -> str:
    turn.records.append(Record(b"k", b"v"))
    turn.steady.append(MEMBER)
    return "settled"


def move(state: Any, turn: Turn, token: Any) -> str:
    turn.records.append(Record(b"k", b"w"))
    turn.moved.append(("g", "m"))
    return "moved"


async def durable(log: Log) -> None:
    await asyncio.sleep(0)                                   # what this turn of the loop gathered goes out
    log.out.pop(0).set_result(0)
    await asyncio.sleep(0)                                   # callbacks of the future run


async def shard_of(log: Log, members: Members) -> Shard[State]:
    shard = Shard(0, log, State, Clocks(), members)
    await shard.load()
    return shard


def test_loops_are_told_when_it_is_durable() -> None:
    async def run() -> None:
        log, members = Log(), Members()
        shard = await shard_of(log, members)
        shard.ask(settle)
        assert members.known == {}
        await durable(log)
        assert members.known == {("g", "m"): MEMBER}
        shard.ask(move)
        assert members.known == {}, "at once: before anything that it must hear of"

    asyncio.run(run())


def test_a_member_that_moved_on_before_it_was_durable_is_never_told_of() -> None:
    async def run() -> None:
        log, members = Log(), Members()
        shard = await shard_of(log, members)
        shard.ask(settle)
        await asyncio.sleep(0)
        shard.ask(move)                                     # while the first is on its way to the disk
        await durable(log)
        await durable(log)
        assert members.known == {}
        shard.ask(move)
        shard.ask(settle)
        shard.ask(move)
        shard.ask(settle)
        await durable(log)
        assert members.known == {("g", "m"): MEMBER}, "the last word counts"

    asyncio.run(run())
