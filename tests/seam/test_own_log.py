"""Appends of the control plane as futures: many at once, durable before they are told, read back in order."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pybroker.broker.own_log import OwnLog
from pybroker.protocol import errors
from tests.seam.cores import TOPIC_ID, core_module, make_core


def play(directory: Any, scene: Callable[[OwnLog, Any], Coroutine[Any, Any, None]]) -> None:
    made = make_core(directory, sync=True)

    async def go() -> None:
        with ThreadPoolExecutor(1) as pool:
            own = OwnLog(made, core_module.CoreError, pool)

            def on_mail() -> None:
                made.take()
                own.settle(made.take_news()[0])

            asyncio.get_running_loop().add_reader(made.mailbox_fd, on_mail)
            await scene(own, made)
            asyncio.get_running_loop().remove_reader(made.mailbox_fd)

    asyncio.run(asyncio.wait_for(go(), 30))
    made.stop()


def test_appends_are_durable_when_they_are_told(tmp_path):
    async def scene(own: OwnLog, made: Any) -> None:
        offsets = await asyncio.gather(*(own.append(TOPIC_ID, 0, [(b"k%d" % number, b"v")]) for number in range(200)))
        assert offsets == list(range(200))
        assert made.partition(TOPIC_ID, 0).synced_offset == 200
        assert own.bounds(TOPIC_ID, 0) == (0, 200)
        assert made.stats()["syncs"] < 200                                  # those that wait together are synced together

    play(tmp_path, scene)


def test_all_is_read_back(tmp_path):
    async def scene(own: OwnLog, made: Any) -> None:
        for number in range(30):
            await own.append(TOPIC_ID, 0, [(b"%d" % number, b"v" * 100_000)])
        seen, at = [], 0
        while True:
            records, following = await own.read(TOPIC_ID, 0, at)
            if following == at:
                break
            seen += [record[2] for record in records]
            at = following
        assert seen == [b"%d" % number for number in range(30)]

    play(tmp_path, scene)


def test_errors_are_kafkas(tmp_path):
    async def scene(own: OwnLog, made: Any) -> None:
        with pytest.raises(errors.UnknownTopicId):
            await own.append(b"\x02" * 16, 0, [(b"k", b"v")])
        with pytest.raises(errors.UnknownTopicOrPartition):
            await own.append(TOPIC_ID, 9, [(b"k", b"v")])
        with pytest.raises(errors.OffsetOutOfRange):
            await own.read(TOPIC_ID, 0, 5)
        with pytest.raises(errors.UnknownTopicId):
            own.bounds(b"\x02" * 16, 0)

    play(tmp_path, scene)


def test_an_append_nobody_waits_for_any_more_harms_nothing(tmp_path):
    async def scene(own: OwnLog, made: Any) -> None:
        gone = own.append(TOPIC_ID, 0, [(b"k", b"v")])
        gone.cancel()
        assert await own.append(TOPIC_ID, 0, [(b"k", b"v")]) == 1

    play(tmp_path, scene)
