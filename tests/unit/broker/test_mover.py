"""Moves one after the other, at their speed; the core only takes notes."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pybroker.broker.mover import Mover
from pybroker.protocol import errors


class CoreError(Exception):
    """As the core's."""

    def __init__(self, name: str, code: int) -> None:
        super().__init__(name)
        self.name = name
        self.code = code


class Core:
    """Each partition has so many steps."""

    def __init__(self) -> None:
        self.steps: dict[tuple[bytes, int], int] = {}
        self.begun: list[tuple[bytes, int, int]] = []
        self.order: list[tuple[bytes, int]] = []
        self.refuses: CoreError | None = None
        self.breaks: CoreError | None = None
        self.stepped = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def move_begin(self, topic_id: bytes, partition: int, place: int) -> None:
        if self.refuses:
            raise self.refuses
        self.begun.append((topic_id, partition, place))
        self.steps[topic_id, partition] = 3

    def move_step(self, topic_id: bytes, partition: int, bytes_max: int) -> tuple[bool, int]:
        self.loop.call_soon_threadsafe(self.stepped.set)
        if self.breaks:
            raise self.breaks
        self.order.append((topic_id, partition))
        self.steps[topic_id, partition] -= 1
        return self.steps[topic_id, partition] > 0, bytes_max


class Config:
    """One key."""

    rate = 1 << 40

    def integer(self, name: str) -> int:
        assert name == "pybroker.log.dir.move.max.bytes.per.second"
        return self.rate


def play(scene: Callable[[Mover, Core, Config, "asyncio.Queue[Any]"], Coroutine[Any, Any, None]]) -> None:
    async def go() -> None:
        moved: asyncio.Queue[Any] = asyncio.Queue()

        async def on_moved(*what: Any) -> None:
            moved.put_nowait(what)

        core, config = Core(), Config()
        mover = Mover(core, CoreError, config, on_moved)  # type: ignore[arg-type]
        await scene(mover, core, config, moved)
        await mover.stop()

    asyncio.run(asyncio.wait_for(go(), 20))


def test_one_after_the_other_and_each_is_noted() -> None:
    async def scene(mover: Mover, core: Core, config: Config, moved: "asyncio.Queue[Any]") -> None:
        for number in range(3):
            await mover.move(b"t", number, 1)
        assert [await moved.get() for _ in range(3)] == [(b"t", number, 1) for number in range(3)]
        assert core.order == [(b"t", number) for number in range(3) for _ in range(3)]

    play(scene)


def test_one_that_lies_there_already_is_fine_and_others_are_told() -> None:
    async def scene(mover: Mover, core: Core, config: Config, moved: "asyncio.Queue[Any]") -> None:
        core.refuses = CoreError("PB_E_EXISTS", -1)
        await mover.move(b"t", 0, 0)
        core.refuses = CoreError("PB_E_OFFLINE", 56)
        with pytest.raises(errors.KafkaStorageError):
            await mover.move(b"t", 0, 1)
        assert core.begun == []

    play(scene)


@pytest.mark.parametrize("name", ["PB_E_NOENT", "PB_E_IO"])
def test_a_move_that_ends_badly_holds_no_other_up(name: str) -> None:
    async def scene(mover: Mover, core: Core, config: Config, moved: "asyncio.Queue[Any]") -> None:
        core.breaks = CoreError(name, 56)
        await mover.move(b"t", 0, 1)
        await core.stepped.wait()
        core.breaks = None
        await mover.move(b"t", 1, 1)
        assert await moved.get() == (b"t", 1, 1)

    play(scene)


def test_the_throttle_holds_it_back_and_a_stop_does_not_wait_for_it() -> None:
    async def scene(mover: Mover, core: Core, config: Config, moved: "asyncio.Queue[Any]") -> None:
        config.rate = 1000
        begin_s = asyncio.get_running_loop().time()
        await mover.move(b"t", 0, 1)
        await core.stepped.wait()
        await mover.stop()
        assert asyncio.get_running_loop().time() - begin_s < 0.9            # a step of 1000 bytes would have it wait for a second
        assert core.order == [(b"t", 0)] and moved.empty()

    play(scene)
