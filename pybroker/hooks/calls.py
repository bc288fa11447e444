"""Calling plugins: deadlines, switches for those that fail, and counts. The one place where what a plugin raises ends.

Thread      any; the control thread uses the methods that are awaited, threads of the background those that block
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pybroker.hooks.types import Context, PluginInfo
from pybroker.hooks.workers import Workers

log = logging.getLogger(__name__)

FAILURES_MAX = 5
"""Failures in a row after which a hook is switched off."""
OFF_S = 30.0
"""Time until it is tried again."""
TEXT_CHARS_MAX = 300


class HookFailed(Exception):
    """A hook of a plugin raised, answered rubbish, took too long or is switched off. The text is one line that names both."""


@dataclass(slots=True)
class HookState:
    """Counts of one hook of one plugin, and its switch. Guarded by ``lock``."""

    calls: int = 0
    errors: int = 0
    timeouts: int = 0
    seconds: float = 0.0
    failures: int = 0
    """In a row."""
    off_until_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_off(self, now_s: float) -> bool:
        """Switched off: it is not asked. When its time is over one call is let through, the next ones as soon as that went well."""
        with self.lock:
            if self.failures < FAILURES_MAX:
                return False
            if now_s < self.off_until_s:
                return True
            self.off_until_s = now_s + OFF_S
            return False

    def is_off_at(self, now_s: float) -> bool:
        """Whether it is switched off, without trying it."""
        return self.failures >= FAILURES_MAX and now_s < self.off_until_s

    def note(self, seconds: float, *, failed: bool, late: bool, now_s: float) -> bool:
        """A call ended. True: with this failure the hook is switched off."""
        with self.lock:
            self.calls += 1
            self.seconds += seconds
            self.errors += failed
            self.timeouts += late
            self.failures = self.failures + 1 if failed else 0
            self.off_until_s = now_s + OFF_S if failed else 0.0
            return self.failures == FAILURES_MAX


class Plugin:
    """One enabled plugin, or the broker's own defaults (``builtin``)."""

    def __init__(self, name: str, info: PluginInfo, implementation: Any, *, builtin: bool = False) -> None:
        """``name``: as ``pybroker.plugins`` has it."""
        self.name = name
        self.info = info
        self.implementation = implementation
        self.builtin = builtin
        self.context: Context | None = None
        self.workers = Workers(name, info.threads)
        self.states: dict[str, HookState] = {}


class Impl(NamedTuple):
    """One implementation of a hook."""

    plugin: Plugin
    hook: str
    function: Callable[..., Any]
    arguments: frozenset[str]
    state: HookState

    def bind(self, values: dict[str, Any]) -> Callable[[], Any]:
        """The call, with those of the values that the implementation takes."""
        wanted = {name: values[name] for name in self.arguments if name != "ctx"}
        if "ctx" in self.arguments:
            wanted["ctx"] = self.plugin.context
        function = self.function
        return lambda: function(**wanted)


class Expect(NamedTuple):
    """What an answer must be: ``check`` says whether it is, ``words`` tells people."""

    words: str
    check: Callable[[Any], bool]


ANYTHING = Expect("anything", lambda _value: True)


def of(*kinds: type) -> Expect:
    """An instance of one of these, or None."""
    return Expect(" or ".join(kind.__name__ for kind in kinds), lambda value: value is None or isinstance(value, kinds))


def list_of(*kinds: type) -> Expect:
    """A list (or tuple) of these, or None."""
    return Expect(
        "a list of " + " or ".join(kind.__name__ for kind in kinds),
        lambda value: value is None or (isinstance(value, (list, tuple)) and all(isinstance(item, kinds) for item in value)),
    )


class Call:
    """One call of one implementation, from beginning to end."""

    def __init__(self, impl: Impl, values: dict[str, Any], expect: Expect, deadline_s: float | None = None) -> None:
        self._impl = impl
        self._values = values
        self._expect = expect
        self._deadline_s = impl.plugin.info.control_deadline_ms / 1000 if deadline_s is None else deadline_s
        self._began_s = 0.0

    async def wait(self) -> Any:
        """The answer, on the control thread. Raises HookFailed."""
        if self._impl.plugin.builtin:
            return self._inline()
        future = self._begin()
        try:
            value = await asyncio.wait_for(asyncio.wrap_future(future), self._deadline_s)
        except TimeoutError:
            if future.done() and not future.cancelled():
                raise self._failed(future.exception()) from None
            raise self._late() from None
        except Exception as error:
            raise self._failed(error) from error
        return self._checked(value)

    def block(self) -> Any:
        """The answer, on a thread that may wait. Raises HookFailed."""
        if self._impl.plugin.builtin:
            return self._inline()
        future = self._begin()
        try:
            value = future.result(self._deadline_s)
        except FutureTimeout:
            if future.done():
                raise self._failed(future.exception()) from None
            future.cancel()
            raise self._late() from None
        except Exception as error:
            raise self._failed(error) from error
        return self._checked(value)

    def _inline(self) -> Any:
        return self._impl.bind(self._values)()

    def _begin(self) -> "Future[Any]":
        impl = self._impl
        self._began_s = time.monotonic()
        if impl.state.is_off(self._began_s):
            raise HookFailed(f"{impl.hook} of plugin {impl.plugin.name} is switched off after {FAILURES_MAX} failures in a row")
        try:
            return impl.plugin.workers.submit(impl.bind(self._values))
        except Exception as error:
            raise self._failed(error) from error

    def _checked(self, value: Any) -> Any:
        try:
            fits = self._expect.check(value)
        except Exception:
            fits = False
        if not fits:
            raise self._failed(TypeError(f"answered {type(value).__name__}, which is not {self._expect.words}"))
        self._note(failed=False, late=False)
        return value

    def _failed(self, error: BaseException | None) -> HookFailed:
        impl = self._impl
        text = clip(f"{type(error).__name__}: {error}")
        log.error("plugin failed", extra={"plugin": impl.plugin.name, "hook": impl.hook, "error": text})
        log.debug("where", exc_info=error)
        self._note(failed=True, late=False)
        return HookFailed(f"{impl.hook} of plugin {impl.plugin.name}: {text}")

    def _late(self) -> HookFailed:
        impl = self._impl
        log.error("plugin takes too long", extra={"plugin": impl.plugin.name, "hook": impl.hook, "deadline_s": self._deadline_s})
        self._note(failed=True, late=True)
        return HookFailed(f"{impl.hook} of plugin {impl.plugin.name} took longer than {self._deadline_s:g} s")

    def _note(self, *, failed: bool, late: bool) -> None:
        now_s = time.monotonic()
        impl = self._impl
        if impl.state.note(now_s - self._began_s, failed=failed, late=late, now_s=now_s):
            log.error("hook is switched off", extra={"plugin": impl.plugin.name, "hook": impl.hook, "for_s": OFF_S})


def clip(text: str) -> str:
    """A plugin's words as they may stand in a log line or an answer."""
    line = " ".join(text.split())
    return line if len(line) <= TEXT_CHARS_MAX else line[: TEXT_CHARS_MAX - 1] + "…"
