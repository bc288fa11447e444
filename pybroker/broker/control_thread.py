"""The control thread, for other threads that want something of it."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from pybroker.broker.loop import asyncio

T = TypeVar("T")

CONTROL_S = 5.0


class ControlThread:
    """Runs calls on the control thread for others, who wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def ask(self, call: Callable[[], T], timeout_s: float = CONTROL_S) -> T:
        """What ``call`` returns there, or raises. Raises TimeoutError, and RuntimeError when the broker has stopped."""
        future: Future[T] = Future()
        self._loop.call_soon_threadsafe(_settle, future, call)
        return future.result(timeout_s)


def _settle(future: "Future[Any]", call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call())
    except Exception as error:
        future.set_exception(error)
