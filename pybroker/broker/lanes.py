"""Plugin lanes: a thread for each plugin that looks at batches (level L3), which takes what waits, asks the plugin, and gives it back.

One drain is up to 256 batches of any topics. Of each batch validators are asked first, then the interceptor once for all that are left, then the partitioner. What a plugin
raises, answers wrongly or does too late is decided by its ``on_error``; the C side (csrc/api/lane.h) gives up requests whose lane hangs, whether this thread comes back or not.

Thread      one a lane; ``Lanes`` belongs to the control thread
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from pybroker.hooks.calls import OFF_S, HookState, Impl, Plugin, clip
from pybroker.hooks.types import Accept, DeadLetter, Drop, Reject, Replace, Route, Verdict

if TYPE_CHECKING:
    from pybroker._core.core import BatchView, Core, Lane

log = logging.getLogger(__name__)

DRAIN_MAX = 256
ITEMS_A_CALL = 512
"""Keys or values that a validator is given at a time: the deadline is one of a call."""
IDLE_MS = 1000
STOP_S = 2.0
FAULTS_TOLD_MAX = 32
POLICY_VIOLATION, REQUEST_TIMED_OUT, INVALID_RECORD = 44, 7, 87


class Check(NamedTuple):
    """A validator of keys or values."""

    which: str
    validate: Callable[[list[bytes | None]], Sequence[str | None]]
    state: HookState


class Binding(NamedTuple):
    """What one plugin has to say of the batches of one topic."""

    checks: tuple[Check, ...] = ()
    interceptor: Impl | None = None
    partition: Callable[[list[bytes | None], list[bytes | None], int], Sequence[int]] | None = None
    partition_state: HookState | None = None


class Failure(Exception):
    """The plugin did not answer as it must. One line."""


class LaneRunner:
    """The lane of one plugin."""

    def __init__(self, plugin: Plugin, core: "Core") -> None:
        self.plugin = plugin
        self.lane: Lane = core.lane(plugin.info.deadline_ms)
        self.bindings: dict[int, Binding] = {}
        """By token. Put in before a chain names the token, taken out when the chain is unused."""
        self._stopping = False
        self._deadline_s = plugin.info.deadline_ms / 1000
        self._thread = threading.Thread(target=self._run, name=f"pb-lane-{plugin.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Have the thread end."""
        self._stopping = True
        self.lane.ring()

    def join(self, timeout_s: float) -> bool:
        """Whether it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping:
                self.lane.wait(IDLE_MS)
                while not self._stopping and (views := self.lane.take(DRAIN_MAX)):
                    try:
                        self._judge(views)
                    except BaseException as error:          # the thread must not die of it: what has no verdict has failed
                        log.error("lane failed", exc_info=error, extra={"plugin": self.plugin.name})
                    self.lane.give_back()
        finally:
            self.lane.close()

    # ---- one drain

    def _judge(self, views: "list[BatchView]") -> None:
        by_token: dict[int, list[BatchView]] = {}
        for view in views:
            by_token.setdefault(view.token, []).append(view)
        asked: list[BatchView] = []
        interceptor: Impl | None = None
        for token, group in by_token.items():
            binding = self.bindings[token]
            if binding.checks:
                group = [view for view in group if self._pass_checks(view, binding.checks)]
            if binding.interceptor is not None:
                interceptor = binding.interceptor           # a plugin has one
                asked += group
            else:
                self._finish(group, binding)
        if interceptor is not None and asked:
            self._intercept(interceptor, asked)

    def _finish(self, views: "list[BatchView]", binding: Binding) -> None:
        """Nobody objects: accepted, or spread over partitions."""
        if binding.partition is None or binding.partition_state is None:
            self.lane.accept(views)
            return
        for view in views:
            partition = partial(_partition, binding.partition, view)
            try:
                view.split(self._call(binding.partition_state, "pybroker_partitioner", partition))
            except (Failure, ValueError, TypeError, OverflowError) as error:
                self._fail(view, error)

    def _pass_checks(self, view: "BatchView", checks: Iterable[Check]) -> bool:
        """Whether every validator is content; the batch has its verdict if not."""
        for check in checks:
            try:
                faults = self._faults(view, check)
            except (Failure, ValueError) as error:
                self._fail(view, error)
                return False
            if faults:
                index, text = faults[0]
                view.refuse(INVALID_RECORD, f"record {index}: {text}", faults[:FAULTS_TOLD_MAX])
                return False
        return True

    def _faults(self, view: "BatchView", check: Check) -> list[tuple[int, str]]:
        items = view.keys() if check.which == "key" else view.values()
        found: list[tuple[int, str]] = []
        for begin in range(0, len(items), ITEMS_A_CALL):
            part = items[begin : begin + ITEMS_A_CALL]
            answers = self._call(check.state, "pybroker_schema_validator", partial(check.validate, part))
            if not isinstance(answers, (list, tuple)) or len(answers) != len(part):
                self._rubbish(check.state, "pybroker_schema_validator", f"answered {_shape(answers)}, not a list of {len(part)}")
            found += [(begin + at, f"{check.which}: {clip(str(answer))}") for at, answer in enumerate(answers) if answer is not None]
            if len(found) >= FAULTS_TOLD_MAX:
                break
        return found

    def _intercept(self, impl: Impl, views: "list[BatchView]") -> None:
        try:
            verdicts = self._call(impl.state, impl.hook, impl.bind({"batches": views}))
            if verdicts is not None and (not isinstance(verdicts, (list, tuple)) or len(verdicts) != len(views)):
                self._rubbish(impl.state, impl.hook, f"answered {_shape(verdicts)}, not a list of {len(views)}")
        except Failure as error:
            for view in views:
                self._fail(view, error)
            return
        accepted: dict[int, list[BatchView]] = {}
        for view, verdict in zip(views, repeat(None) if verdicts is None else verdicts, strict=False):
            if verdict is None or isinstance(verdict, Accept):
                accepted.setdefault(view.token, []).append(view)
                continue
            try:
                _act(view, verdict)
            except (ValueError, TypeError, AttributeError, OverflowError) as error:
                self._note_failed(impl.state, impl.hook, error)
                self._fail(view, error)
        for token, group in accepted.items():
            self._finish(group, self.bindings[token])

    # ---- calls of the plugin

    def _call(self, state: HookState, hook: str, call: Callable[[], Any]) -> Any:
        """What the plugin answers. Raises Failure."""
        began_s = time.monotonic()
        if state.is_off(began_s):
            raise Failure("switched off")
        self.lane.call_begins()
        try:
            answer = call()
        except BaseException as error:
            self._note_failed(state, hook, error, time.monotonic() - began_s)
            raise Failure(clip(f"{type(error).__name__}: {error}")) from None
        finally:
            self.lane.call_ended()
        took_s = time.monotonic() - began_s
        late = took_s > self._deadline_s
        if late:
            log.error("plugin takes too long", extra={"plugin": self.plugin.name, "hook": hook, "took_ms": round(took_s * 1000), "deadline_ms": self.plugin.info.deadline_ms})
        self._note(state, hook, took_s, failed=late, late=late)
        return answer

    def _rubbish(self, state: HookState, hook: str, text: str) -> None:
        error = Failure(text)
        self._note_failed(state, hook, error)
        raise error

    def _note_failed(self, state: HookState, hook: str, error: BaseException, took_s: float = 0.0) -> None:
        log.error("plugin failed", extra={"plugin": self.plugin.name, "hook": hook, "error": clip(f"{type(error).__name__}: {error}")})
        self._note(state, hook, took_s, failed=True, late=False)

    def _note(self, state: HookState, hook: str, took_s: float, *, failed: bool, late: bool) -> None:
        if state.note(took_s, failed=failed, late=late, now_s=time.monotonic()):
            log.error("hook is switched off", extra={"plugin": self.plugin.name, "hook": hook, "for_s": OFF_S})

    def _fail(self, view: "BatchView", error: Exception) -> None:
        """on_error decides. One that is switched off for a while is worth another try of the producer's; the reason stays in the log."""
        off = str(error) == "switched off"
        view.fail(REQUEST_TIMED_OUT if off else POLICY_VIOLATION, f"plugin {self.plugin.name} {'is switched off' if off else 'failed'}")


def _partition(partition: Callable[[list[bytes | None], list[bytes | None], int], Sequence[int]], view: "BatchView") -> list[int]:
    return list(partition(view.keys(), view.values(), view.partition_count))


def _act(view: "BatchView", verdict: Verdict) -> None:
    """A verdict that is not Accept."""
    if isinstance(verdict, Reject):
        view.refuse(int(verdict.code), clip(str(verdict.text)), [(int(fault.index), clip(str(fault.text))) for fault in verdict.records[:FAULTS_TOLD_MAX]])
    elif isinstance(verdict, Replace):
        view.replace(verdict.records)
        view.accept()
    elif isinstance(verdict, Route):
        view.route(verdict.topic, int(verdict.partition))
    elif isinstance(verdict, DeadLetter):
        view.dead_letter(verdict.topic, clip(verdict.reason))
    elif isinstance(verdict, Drop):
        view.drop()
    else:
        raise TypeError(f"{type(verdict).__name__} is no verdict")


def _shape(value: object) -> str:
    return f"a list of {len(value)}" if isinstance(value, (list, tuple)) else type(value).__name__


class Lanes:
    """The lanes of a broker, one for each plugin that needs one."""

    def __init__(self, core: "Core") -> None:
        self._core = core
        self._runners: dict[str, LaneRunner] = {}

    def of(self, plugin: Plugin) -> LaneRunner:
        """The plugin's lane, started when first asked for."""
        runner = self._runners.get(plugin.name)
        if runner is None:
            runner = self._runners[plugin.name] = LaneRunner(plugin, self._core)
        return runner

    def stats(self) -> dict[str, tuple[int, int]]:
        """By plugin: batches handed out, requests given up."""
        return {name: runner.lane.stats() for name, runner in self._runners.items()}

    def forget(self, token: int) -> None:
        """No batch carries this token any more."""
        for runner in self._runners.values():
            runner.bindings.pop(token, None)

    def stop(self) -> None:
        """End all. One that is stuck in its plugin is left behind, with what it holds. Blocks for STOP_S at most."""
        for runner in self._runners.values():
            runner.stop()
        until_s = time.monotonic() + STOP_S
        for name, runner in self._runners.items():
            if not runner.join(max(until_s - time.monotonic(), 0.01)):
                log.error("plugin does not come back, its lane is left behind", extra={"plugin": name})
