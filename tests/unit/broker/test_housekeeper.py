"""When the core is asked for what; the core only takes notes."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pybroker.broker import housekeeper
from pybroker.broker.housekeeper import DISKS, PARTITIONS, RETENTION, Housekeeper


class Config:
    """Two keys."""

    def __init__(self, check_ms: int, first_ms: int) -> None:
        self.values = {"log.retention.check.interval.ms": check_ms, "pybroker.retention.first.check.ms": first_ms}

    def integer(self, name: str) -> int:
        return self.values[name]


class Core:
    """Notes the work; tells of it by an event."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.work: list[int] = []
        self.answer = 0
        self.fails = False
        self.states = [0, 0]
        self.thread = ""
        self.deleted: list[int] = []
        self._loop = loop
        self.rounds: asyncio.Queue[int] = asyncio.Queue()

    def keep(self, work: int) -> int:
        self.thread = threading.current_thread().name
        self.work.append(work)
        self._loop.call_soon_threadsafe(self.rounds.put_nowait, work)
        if self.fails:
            raise RuntimeError("the disk is on fire")
        return self.answer

    def log_dir(self, place: int) -> tuple[int, int]:
        return self.states[place], 1

    def delete_records(self, items: Any) -> list[tuple[None, int]]:
        self.deleted.append(len(items))
        return [(None, offset) for _topic, _partition, offset in items]


def play(monkeypatch: pytest.MonkeyPatch, check_ms: int, scene: Callable[[Housekeeper, Core, list[frozenset[int]]], Coroutine[Any, Any, None]], *, first_ms: int = 3_600_000) -> None:
    monkeypatch.setattr(housekeeper, "TICK_S", 0.005)
    monkeypatch.setattr(housekeeper, "PARTITIONS_S", 0.05)

    async def go() -> None:
        core = Core(asyncio.get_running_loop())
        told: list[frozenset[int]] = []
        made = Housekeeper(core, Config(check_ms, first_ms), 2, told.append)  # type: ignore[arg-type]
        made.start()
        await scene(made, core, told)
        await made.stop()
        seen = len(core.work)
        await asyncio.sleep(0)
        assert len(core.work) == seen

    asyncio.run(asyncio.wait_for(go(), 20))


async def until(core: Core, wanted: int) -> None:
    while await core.rounds.get() & wanted != wanted:
        pass


def test_disks_often_partitions_sometimes_retention_when_due(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(made: Housekeeper, core: Core, told: list[frozenset[int]]) -> None:
        await until(core, RETENTION)
        assert core.work[0] == DISKS
        assert core.work[-1] == DISKS | PARTITIONS | RETENTION
        assert core.work.count(DISKS) > 10
        assert DISKS | PARTITIONS in core.work
        assert core.thread.startswith("pb-keeper")

    play(monkeypatch, 200, scene)


def test_postponed_retention_is_asked_for_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(made: Housekeeper, core: Core, told: list[frozenset[int]]) -> None:
        core.answer = RETENTION
        for _ in range(3):
            await until(core, RETENTION)

    play(monkeypatch, 3_600_000, scene, first_ms=10)


def test_a_round_that_fails_is_followed_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(made: Housekeeper, core: Core, told: list[frozenset[int]]) -> None:
        core.fails = True
        for _ in range(3):
            await until(core, DISKS)

    play(monkeypatch, 3_600_000, scene)


def test_directories_that_go_off_line_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(made: Housekeeper, core: Core, told: list[frozenset[int]]) -> None:
        await until(core, DISKS)
        core.states = [0, 2]
        for _ in range(4):
            await until(core, DISKS)
        assert told == [frozenset({1})]

    play(monkeypatch, 3_600_000, scene)


def test_many_records_to_delete_go_in_calls_of_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(made: Housekeeper, core: Core, told: list[frozenset[int]]) -> None:
        outcomes = await made.delete_records([(b"t", number, number) for number in range(600)])
        assert [offset for _error, offset in outcomes] == list(range(600))
        assert core.deleted == [256, 256, 88]

    play(monkeypatch, 3_600_000, scene)
