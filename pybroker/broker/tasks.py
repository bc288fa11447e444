"""Background tasks of plugins: called again and again while clients are served, on threads of their own.

What a task raises is logged and counted, and it is called again when its time comes; one that takes longer than its interval delays nobody but itself.

Bounds      TASKS_MAX tasks of a plugin, EVERY_S_MIN seconds apart at least; as many threads as ``PluginInfo.threads``, besides those that answer hooks
Thread      control; tasks on the plugin's
"""

import logging
import time
from typing import TYPE_CHECKING

from pybroker.broker.loop import asyncio
from pybroker.hooks.calls import HookState, clip, list_of
from pybroker.hooks.types import Periodic
from pybroker.hooks.workers import Workers

if TYPE_CHECKING:
    from pybroker.hooks.calls import Plugin
    from pybroker.hooks.manager import PluginManager

log = logging.getLogger(__name__)

HOOK = "pybroker_background_tasks"
TASKS_MAX = 64
EVERY_S_MIN = 0.05
SLOW_S = 60.0
"""A call that takes longer than this, and than its interval, is told of once."""


class Tasks:
    """All tasks of all plugins."""

    def __init__(self, manager: "PluginManager") -> None:
        self._manager = manager
        self._workers: list[Workers] = []
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Ask for the tasks and begin. A plugin that fails here has none."""
        for impl in self._manager.impls(HOOK):
            answer = await self._manager.ask(impl, expect=list_of(Periodic))
            tasks = [task for task in answer.value or () if self._is_usable(impl.plugin, task)]
            if len(tasks) > TASKS_MAX:
                log.error("plugin has too many background tasks", extra={"plugin": impl.plugin.name, "count": len(tasks), "most": TASKS_MAX})
            elif tasks:
                workers = Workers(f"{impl.plugin.name}-tasks", min(len(tasks), impl.plugin.info.threads))
                self._workers.append(workers)
                loop = asyncio.get_running_loop()
                self._running += [loop.create_task(self._repeat(impl.plugin, task, workers)) for task in tasks]

    @staticmethod
    def _is_usable(plugin: "Plugin", task: Periodic) -> bool:
        good = isinstance(task.name, str) and isinstance(task.every_s, (int, float)) and EVERY_S_MIN <= task.every_s < 1e9 and callable(task.call)
        if not good:
            log.error("background task cannot be used", extra={"plugin": plugin.name, "task": clip(repr(task))})
        return good

    async def _repeat(self, plugin: "Plugin", task: Periodic, workers: Workers) -> None:
        state = plugin.states.setdefault(f"{HOOK}/{task.name[:64]}", HookState())
        while True:
            await asyncio.sleep(task.every_s)
            await self._call(plugin, task, workers, state)

    async def _call(self, plugin: "Plugin", task: Periodic, workers: Workers, state: HookState) -> None:
        began_s, error = time.monotonic(), None
        try:
            future = asyncio.wrap_future(workers.submit(lambda: task.call(plugin.context)))  # type: ignore[arg-type]
            _done, late = await asyncio.wait([future], timeout=max(SLOW_S, task.every_s))
            if late:
                log.warning("background task takes long", extra={"plugin": plugin.name, "task": task.name})
            await future
        except Exception as raised:
            error = raised
            log.error("background task failed", extra={"plugin": plugin.name, "task": task.name, "error": clip(f"{type(raised).__name__}: {raised}")})
            log.debug("where", exc_info=raised)
        now_s = time.monotonic()
        state.note(now_s - began_s, failed=error is not None, late=False, now_s=now_s)

    async def stop(self) -> None:
        """No further calls; one that is under way is left behind."""
        for running in self._running:
            running.cancel()
        if self._running:
            await asyncio.wait(self._running)
        for workers in self._workers:
            workers.close()
