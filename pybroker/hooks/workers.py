"""Threads of one plugin: what it is asked runs there, so that nothing of the broker waits longer than the deadline.

Thread      any may submit; functions run on daemon threads, at most ``count`` at a time, started when first needed. A coroutine that a function returns is run to its end on the
            same thread, on an event loop that the thread keeps
Bounds      QUEUE_MAX calls wait; beyond that, and while every thread has outlived its deadline, a call is refused at once
"""

import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

QUEUE_MAX = 256
IDLE_S = 30.0
"""A thread with nothing to do ends after this time."""


class Busy(Exception):
    """Every thread of the plugin is taken, and as many calls wait as may."""


class Failed(Exception):
    """The plugin raised what is no Exception (SystemExit, KeyboardInterrupt, …). The text names it."""


class Workers:
    """A few daemon threads and their queue."""

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = max(count, 1)
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._under_way = 0
        self._closed = False

    def submit(self, call: Callable[[], Any]) -> "Future[Any]":
        """Run ``call`` soon. Raises Busy."""
        future: Future[Any] = Future()
        with self._lock:
            if self._closed or self._under_way >= self._count + QUEUE_MAX:
                raise Busy(f"{self._under_way} calls of plugin {self._name} are under way")
            self._under_way += 1
            start = self._idle == 0 and self._threads < self._count
            if start:
                self._threads += 1
        self._queue.put((future, call))
        if start:
            threading.Thread(target=self._run, name=f"pb-plugin-{self._name}", daemon=True).start()
        return future

    @property
    def thread_count(self) -> int:
        """Threads that run now."""
        return self._threads

    def close(self) -> None:
        """No further calls; threads that are not stuck end."""
        with self._lock:
            self._closed = True
            threads = self._threads
        for _ in range(threads):
            self._queue.put(None)

    def _run(self) -> None:
        import asyncio

        with asyncio.Runner() as runner:
            while (item := self._next()) is not None:
                future, call = item
                if future.set_running_or_notify_cancel():
                    _fulfil(future, call, runner)
                with self._lock:
                    self._under_way -= 1

    def _next(self) -> "tuple[Future[Any], Callable[[], Any]] | None":
        with self._lock:
            self._idle += 1
        try:
            return self._queue.get(timeout=IDLE_S)
        except Empty:
            return self._leave()
        finally:
            with self._lock:
                self._idle -= 1

    def _leave(self) -> "tuple[Future[Any], Callable[[], Any]] | None":
        """End, unless something came in the last moment."""
        with self._lock:
            try:
                return self._queue.get_nowait()
            except Empty:
                self._threads -= 1
                return None


def _fulfil(future: "Future[Any]", call: Callable[[], Any], runner: "asyncio.Runner") -> None:
    try:
        result = call()
        if inspect.iscoroutine(result):
            result = runner.run(result)
    except Exception as error:
        future.set_exception(error)
    except BaseException as error:
        future.set_exception(Failed(f"{type(error).__name__}: {error}"))
    else:
        future.set_result(result)
