"""What becomes of requests between mailbox and answer: coroutines, parked futures, the bound on handlers, news that is taken whatever waits."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pybroker.broker import dispatcher as module
from pybroker.broker.dispatcher import Dispatcher
from pybroker.protocol import errors
from pybroker.protocol.messages import load

HEARTBEAT = 12


class Request:
    api_key, api_version, client_id, listener = HEARTBEAT, 4, "test", 0
    local_host = peer_host = "127.0.0.1"
    local_port = 9092
    peer_port = 40000

    def __init__(self, connection_id: int) -> None:
        self.connection_id = connection_id
        self.body = bytes(load(HEARTBEAT).HeartbeatRequest(group_id=str(connection_id)).encode(4))
        self.ends: list[Any] = []

    def reply(self, body: bytes) -> None:
        self.ends.append(load(HEARTBEAT).HeartbeatResponse.decode(body, 4)[0].error_code)

    def close(self) -> None:
        self.ends.append("closed")


class Mailbox:
    def __init__(self) -> None:
        self.mailbox_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.requests: list[Request] = []
        self.appended: list[tuple[int, Any]] = []
        self.gone: list[int] = []

    def put(self, count: int) -> list[Request]:
        made = [Request(number) for number in range(count)]
        self.requests += made
        os.eventfd_write(self.mailbox_fd, 1)
        return made

    def take(self, limit: int = 256) -> list[Request]:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.mailbox_fd)
        taken, self.requests = self.requests[:limit], self.requests[limit:]
        if limit and self.requests:
            os.eventfd_write(self.mailbox_fd, 1)
        return taken

    def take_news(self) -> tuple[list[tuple[int, Any]], list[int], list[int], list[int]]:
        news = self.appended, self.gone, [], []
        self.appended, self.gone = [], []
        return news


class World:
    """A dispatcher whose one handler does as the test says."""

    def __init__(self, handle: Callable[[Any], Any]) -> None:
        self.mailbox = Mailbox()
        self.appended: list[Any] = []
        self.gone: list[int] = []
        self.dispatcher = Dispatcher(SimpleNamespace(is_audited=False), self.mailbox, on_appended=self.appended.extend, on_gone=self.gone.append, on_unused=lambda chain_id: None)  # type: ignore[arg-type]
        handler = ModuleType("handler")
        handler.REQUEST = load(HEARTBEAT).HeartbeatRequest  # type: ignore[attr-defined]
        handler.handle = lambda broker, message, caller: handle(int(message.group_id))  # type: ignore[attr-defined]
        handler.refuse = lambda message, version, error: load(HEARTBEAT).HeartbeatResponse(error_code=error.code)  # type: ignore[attr-defined]
        self.dispatcher._handlers[HEARTBEAT] = handler


def answer(error_code: int = 0) -> Any:
    return load(HEARTBEAT).HeartbeatResponse(error_code=error_code)


def play(handle: Callable[[Any], Any], scene: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def go() -> None:
        world = World(handle)
        world.dispatcher.start()
        await scene(world)
        await world.dispatcher.stop(1)
        os.close(world.mailbox.mailbox_fd)

    asyncio.run(asyncio.wait_for(go(), 20))


async def until(fact: Callable[[], bool]) -> None:
    while not fact():
        await asyncio.sleep(0)


def test_a_parked_request_is_answered_when_its_future_is() -> None:
    parked: dict[int, asyncio.Future[Any]] = {}

    def handle(number: int) -> Any:
        parked[number] = asyncio.get_running_loop().create_future()
        return parked[number]

    async def scene(world: World) -> None:
        requests = world.mailbox.put(4)
        await until(lambda: len(parked) == 4)
        assert [request.ends for request in requests] == [[], [], [], []]
        parked[2].set_result(answer(27))
        parked[1].set_exception(errors.UnknownMemberId())
        parked[0].cancel()
        parked[3].set_exception(ValueError("a mistake"))
        await until(lambda: all(request.ends for request in requests))
        assert [request.ends for request in requests] == [["closed"], [25], [27], [-1]]

    play(handle, scene)


def test_parked_requests_do_not_keep_others_out() -> None:
    def handle(number: int) -> Any:
        return asyncio.get_running_loop().create_future() if number < 3000 else answer()

    async def scene(world: World) -> None:
        requests = world.mailbox.put(3001)
        await until(lambda: bool(requests[-1].ends))

    play(handle, scene)


def test_news_comes_through_while_as_many_handlers_wait_as_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else handlers that wait for an append would wait for ever."""
    monkeypatch.setattr(module, "OUTSTANDING_MAX", 10)
    durable = asyncio.Event()

    async def handle(number: int) -> Any:
        await durable.wait()
        return answer()

    async def scene(world: World) -> None:
        requests = world.mailbox.put(300)
        await until(lambda: len(world.dispatcher._tasks) >= 10)
        await asyncio.sleep(0)
        assert len(world.mailbox.requests) > 0
        world.mailbox.appended, world.mailbox.gone = [(7, None)], [3]
        os.eventfd_write(world.mailbox.mailbox_fd, 1)
        await until(lambda: world.appended == [(7, None)] and world.gone == [3])
        assert len(world.mailbox.requests) > 0
        durable.set()
        await until(lambda: all(request.ends == [0] for request in requests))

    play(handle, scene)


def test_a_stop_takes_news_for_handlers_that_wait_and_no_more_requests() -> None:
    waits = asyncio.Event()

    async def handle(number: int) -> Any:
        await waits.wait()
        return answer()

    async def scene(world: World) -> None:
        [first] = world.mailbox.put(1)
        await until(lambda: len(world.dispatcher._tasks) == 1)
        stopping = asyncio.create_task(world.dispatcher.stop(5))
        await asyncio.sleep(0)
        [late] = world.mailbox.put(1)
        world.mailbox.appended = [(1, None)]
        await until(lambda: world.appended == [(1, None)])
        waits.set()
        await stopping
        assert (first.ends, late.ends) == ([0], [])

    play(handle, scene)
