"""What was done, by whom, told to the plugins that keep it: each has a ring of its own, so that a slow or broken one loses its own events and no other's.

Bounds      EVENTS_MAX events wait for each plugin, texts clipped to TEXT_CHARS_MAX; the newest are dropped beyond that, and an event ``lost`` says how many, in the place where
            they are missing. The same for a batch that a plugin failed to take
Thread      control; plugins run on their own threads
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pybroker.apis.context import Kind
from pybroker.hooks.types import AuditEvent

if TYPE_CHECKING:
    from pybroker.hooks.calls import Impl
    from pybroker.hooks.manager import PluginManager

log = logging.getLogger(__name__)

HOOK = "pybroker_audit"
EVENTS_MAX = 10_000
BATCH_MAX = 500
DELAY_S = 1.0
"""An event is told at most this long after it happened."""
STOP_S = 3.0
"""How long a stop waits for the last events to be told."""
TEXT_CHARS_MAX = 400


class Auditor:
    """The rings of all plugins that keep an audit."""

    def __init__(self, manager: "PluginManager") -> None:
        """``manager`` has an implementation of the hook."""
        self._rings = [Ring(manager, impl) for impl in manager.impls(HOOK)]

    def note(self, event: AuditEvent) -> None:
        """Tell it soon. Never waits, never fails."""
        for ring in self._rings:
            ring.put(event)

    @property
    def lost(self) -> int:
        """Events that were not told to some plugin."""
        return sum(ring.lost for ring in self._rings)

    @property
    def waiting(self) -> int:
        """Events in all rings."""
        return sum(len(ring) for ring in self._rings)

    async def stop(self) -> None:
        """Tell what waits, as far as time allows."""
        await asyncio.gather(*(ring.stop() for ring in self._rings))


class Ring:
    """Events that wait for one plugin."""

    def __init__(self, manager: "PluginManager", impl: "Impl") -> None:
        self._manager = manager
        self._impl = impl
        self._events: deque[AuditEvent] = deque()
        self._dropped = 0                                   # since the last event in the ring
        self._dropped_ms = 0
        self._full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.lost = 0

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: AuditEvent) -> None:
        if len(self._events) >= EVENTS_MAX:
            self._lose(event)
            return
        self._events.append(event)
        if len(self._events) >= BATCH_MAX:
            self._full.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def _lose(self, event: AuditEvent) -> None:
        if not self._dropped:
            log.warning("audit events are lost", extra={"plugin": self._impl.plugin.name, "waiting": len(self._events)})
        self._dropped += event.count
        self._dropped_ms = event.time_ms
        self.lost += event.count

    async def _run(self) -> None:
        while self._events:
            if len(self._events) < BATCH_MAX and not self._stopping:
                self._full.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), DELAY_S)
            if not await self._tell() and self._stopping:
                break
        self._task = None

    async def _tell(self) -> bool:
        batch = [self._events.popleft() for _ in range(min(len(self._events), BATCH_MAX))]
        if self._dropped:
            self._events.append(lost_event(self._dropped_ms, self._dropped))
            self._dropped = 0
        answer = await self._manager.ask(self._impl, events=batch)
        if answer.error is None:
            return True
        self.lost += sum(event.count for event in batch if event.kind != "lost")
        self._events.appendleft(lost_event(batch[-1].time_ms, sum(event.count for event in batch)))
        return False

    async def stop(self) -> None:
        self._stopping = True
        self._full.set()
        if self._task is not None:
            _done, late = await asyncio.wait([self._task], timeout=STOP_S)
            for task in late:
                task.cancel()
                log.warning("audit events are not told", extra={"plugin": self._impl.plugin.name, "count": len(self._events)})


def lost_event(time_ms: int, count: int) -> AuditEvent:
    """Says that ``count`` events are missing."""
    return AuditEvent(time_ms, "lost", "", "", "", "", "", False, "", count)


def text(words: str) -> str:
    """What a client said, on one line, in characters that can be printed: others (and the backslash) as Python escapes them. Clipped."""
    short = words if len(words) <= TEXT_CHARS_MAX else words[: TEXT_CHARS_MAX - 1] + "…"
    if short.isprintable() and "\\" not in short:
        return short
    return "".join(one if one.isprintable() and one != "\\" else _escaped(one) for one in short)


def _escaped(one: str) -> str:
    return "\\\\" if one == "\\" else repr(one)[1:-1]


def event_of(kind: Kind, time_ms: int, principal: str, peer_host: str, listener: str, operation: str, resource: str, *, allowed: bool, detail: str) -> AuditEvent:
    """An event whose texts are safe to write anywhere."""
    return AuditEvent(time_ms, kind, text(principal), text(peer_host), text(listener), text(operation), text(resource), allowed, text(detail))


def joined(parts: Sequence[str]) -> str:
    """Details in one text; no longer than what will be clipped anyway."""
    made = ""
    for part in parts:
        made = f"{made} {part}" if made else part
        if len(made) > TEXT_CHARS_MAX:
            break
    return made
