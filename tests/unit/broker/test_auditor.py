"""The rings of the audit: batches, bounds, what is said of events that are lost, and texts that are safe to write."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pybroker.broker import auditor as module
from pybroker.broker.auditor import BATCH_MAX, EVENTS_MAX, Auditor, event_of
from pybroker.hooks import AuditEvent, PluginInfo, hookimpl
from pybroker.hooks.calls import FAILURES_MAX
from pybroker.hooks.manager import PluginManager


class Keeper:
    """Keeps what it is told; ``fail`` is raised while it is set, ``gate`` holds it up while it is closed."""

    def __init__(self, name: str, **facts: Any) -> None:
        self.info = PluginInfo(name, "1", **facts)
        self.batches: list[list[AuditEvent]] = []
        self.fail: BaseException | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.told = threading.Event()

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return self.info

    @hookimpl
    def pybroker_audit(self, events: list[AuditEvent]) -> None:
        self.told.set()
        self.gate.wait(20)
        if self.fail is not None:
            raise self.fail
        self.batches.append(list(events))

    def names(self) -> list[str]:
        return [event.resource if event.kind != "lost" else f"lost {event.count}" for batch in self.batches for event in batch]


def event(number: int) -> AuditEvent:
    return event_of("admin", 1000 + number, "User:a", "::1", "PLAINTEXT", "CreateTopics", f"t{number}", allowed=True, detail="")


def play(keepers: list[Keeper], scene: Callable[[Auditor], Coroutine[Any, Any, None]]) -> Auditor:
    manager = PluginManager.of([(keeper.info.name, keeper) for keeper in keepers])
    auditor = Auditor(manager)

    async def go() -> None:
        await scene(auditor)
        await auditor.stop()

    try:
        asyncio.run(go())
    finally:
        for keeper in keepers:
            keeper.gate.set()
        manager.close()
    return auditor


def wait_for(event: threading.Event) -> Coroutine[Any, Any, bool]:
    return asyncio.to_thread(event.wait, 10)


def test_events_arrive_in_order_and_in_batches() -> None:
    keeper = Keeper("a")

    async def scene(auditor: Auditor) -> None:
        for number in range(2 * BATCH_MAX + 7):
            auditor.note(event(number))

    assert play([keeper], scene).lost == 0
    assert keeper.names() == [f"t{number}" for number in range(2 * BATCH_MAX + 7)]
    assert max(map(len, keeper.batches)) == BATCH_MAX


def test_a_lone_event_is_told_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DELAY_S", 0.01)
    keeper = Keeper("a")

    async def scene(auditor: Auditor) -> None:
        auditor.note(event(1))
        assert await wait_for(keeper.told)
        assert keeper.names() == ["t1"] or not auditor.waiting

    play([keeper], scene)
    assert keeper.names() == ["t1"]


def test_a_full_ring_drops_the_newest_and_says_how_many() -> None:
    keeper = Keeper("a")
    keeper.gate.clear()

    async def scene(auditor: Auditor) -> None:
        for number in range(BATCH_MAX):
            auditor.note(event(number))
        assert await wait_for(keeper.told)                  # the first batch is out, and hangs
        for number in range(EVENTS_MAX + 30):
            auditor.note(event(BATCH_MAX + number))
        assert auditor.waiting == EVENTS_MAX and auditor.lost == 30
        keeper.gate.set()

    assert play([keeper], scene).lost == 30
    assert keeper.names()[-1] == "lost 30" and keeper.names()[-2] == f"t{BATCH_MAX + EVENTS_MAX - 1}"
    assert len(keeper.names()) == BATCH_MAX + EVENTS_MAX + 1


@pytest.mark.parametrize("error", [OSError(28, "no space"), SystemExit(1), StopIteration(), RecursionError()], ids=lambda error: type(error).__name__)
def test_a_batch_that_fails_is_counted_and_the_next_says_so(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DELAY_S", 0.01)
    keeper, other = Keeper("a"), Keeper("b")
    keeper.fail = error

    async def scene(auditor: Auditor) -> None:
        auditor.note(event(1))
        auditor.note(event(2))
        while auditor.lost < 2:
            await asyncio.sleep(0)
        keeper.fail = None
        auditor.note(event(3))

    assert play([keeper, other], scene).lost == 2
    assert keeper.names() == ["lost 2", "t3"]
    assert other.names() == ["t1", "t2", "t3"], "what one plugin loses another has"


def test_one_that_fails_for_good_does_not_keep_the_stop() -> None:
    keeper = Keeper("a")
    keeper.fail = OSError(28, "no space")

    async def scene(auditor: Auditor) -> None:
        for number in range(BATCH_MAX * (FAILURES_MAX + 2)):
            auditor.note(event(number))

    assert play([keeper], scene).lost >= BATCH_MAX
    assert keeper.batches == []


def test_one_that_hangs_delays_no_other() -> None:
    slow, quick = Keeper("slow", control_deadline_ms=60_000), Keeper("quick")
    slow.gate.clear()

    async def scene(auditor: Auditor) -> None:
        for number in range(BATCH_MAX):
            auditor.note(event(number))
        assert await wait_for(quick.told)
        slow.gate.set()

    play([slow, quick], scene)
    assert len(quick.names()) == len(slow.names()) == BATCH_MAX


def test_what_a_plugin_does_to_a_batch_is_its_own_business() -> None:
    class Greedy(Keeper):
        @hookimpl
        def pybroker_audit(self, events: list[AuditEvent]) -> None:
            super().pybroker_audit(events)
            events.clear()

    greedy, other = Greedy("greedy"), Keeper("other")

    async def scene(auditor: Auditor) -> None:
        auditor.note(event(1))

    play([greedy, other], scene)
    assert greedy.names() == other.names() == ["t1"]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("plain name", "plain name"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\x1b[31mred\x00", "\\x1b[31mred\\x00"),
        ("back\\slash", "back\\\\slash"),
        ("\u202egnp\u2028", "\\u202egnp\\u2028"),
        ("lone \udcff", "lone \\udcff"),
        ("größe", "größe"),
        ("x" * 1000, "x" * 399 + "…"),
    ],
)
def test_texts_are_one_line_of_printable_characters(said: str, written: str) -> None:
    made = event_of("denial", 1, said, said, said, said, said, allowed=False, detail=said)
    assert {made.principal, made.peer_host, made.listener, made.operation, made.resource, made.detail} == {written}
