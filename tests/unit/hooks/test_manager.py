"""Plugins: what is loaded and refused, the order in which they are asked, and what becomes of those that fail."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pybroker.hooks import ConfigKey, PluginInfo, PolicyViolation, Principal, TopicRequest, hookimpl
from pybroker.hooks.asking import NoPlugins
from pybroker.hooks.calls import FAILURES_MAX, HookFailed, list_of, of
from pybroker.hooks.manager import PluginError, PluginManager

POLICY = "pybroker_topic_policy"
REQUEST = TopicRequest("create", "t", 1, 1, {})
WHO = Principal("alice")


class Quiet:
    """A plugin that does nothing."""

    def __init__(self, name: str = "quiet", **facts: Any) -> None:
        self.info = PluginInfo(name, "1", **facts)

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return self.info


class Says(Quiet):
    """Answers the same to every topic policy, or raises it."""

    def __init__(self, name: str, answer: Any, **facts: Any) -> None:
        super().__init__(name, **facts)
        self.answer = answer
        self.asked = 0

    @hookimpl
    def pybroker_topic_policy(self, request: TopicRequest) -> Any:
        self.asked += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer() if callable(self.answer) else self.answer


@pytest.fixture
def made() -> Iterator[list[PluginManager]]:
    managers: list[PluginManager] = []
    yield managers
    for manager in managers:
        manager.close()


def manager_of(made: list[PluginManager], *plugins: Any) -> PluginManager:
    manager = PluginManager.of([(plugin.info.name, plugin) for plugin in plugins])
    made.append(manager)
    return manager


def ask(manager: PluginManager, **more: Any) -> list[Any]:
    return asyncio.run(manager.all(POLICY, expect=of(PolicyViolation), request=REQUEST, principal=WHO, **more))


def test_answers_come_last_plugin_first(made: list[PluginManager]) -> None:
    one, two = PolicyViolation("one"), PolicyViolation("two")
    manager = manager_of(made, Says("a", one), Says("b", two))
    assert [(answer.plugin, answer.value) for answer in ask(manager)] == [("b", two), ("a", one)]


def test_tryfirst_and_trylast_order(made: list[PluginManager]) -> None:
    class First(Quiet):
        @hookimpl(tryfirst=True)
        def pybroker_topic_policy(self) -> PolicyViolation:
            return PolicyViolation("first")

    manager = manager_of(made, First("early"), Says("late", PolicyViolation("late")))
    assert [answer.plugin for answer in ask(manager)] == ["early", "late"]


def test_a_hook_nobody_has_costs_no_call(made: list[PluginManager]) -> None:
    assert not manager_of(made, Quiet()).has(POLICY)
    assert not NoPlugins().has(POLICY)
    assert manager_of(made, Says("a", None)).has(POLICY)


@pytest.mark.parametrize("error", [ValueError("no\nsuch"), RecursionError("deep"), StopIteration(), SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=lambda error: type(error).__name__)
def test_what_a_plugin_raises_ends_with_it(made: list[PluginManager], error: BaseException) -> None:
    manager = manager_of(made, Says("a", PolicyViolation("fine")), Says("bad", error))
    bad, good = ask(manager)
    assert isinstance(bad.error, HookFailed) and "bad" in str(bad.error) and POLICY in str(bad.error) and "\n" not in str(bad.error)
    assert good.value == PolicyViolation("fine")
    [facts] = [facts for facts in manager.facts(0.0) if facts.plugin == "bad" and facts.hook == POLICY]
    assert (facts.calls, facts.errors) == (1, 1)


@pytest.mark.parametrize("rubbish", ["text", 7, object(), [PolicyViolation("in a list")]], ids=["text", "number", "object", "list"])
def test_rubbish_is_an_error(made: list[PluginManager], rubbish: Any) -> None:
    [answer] = ask(manager_of(made, Says("a", rubbish)))
    assert answer.value is None and "PolicyViolation" in str(answer.error)


def test_a_coroutine_is_run_to_its_end(made: list[PluginManager]) -> None:
    async def later() -> PolicyViolation:
        await asyncio.sleep(0)
        return PolicyViolation("later")

    [answer] = ask(manager_of(made, Says("a", later)))
    assert answer.value == PolicyViolation("later")


def test_who_takes_too_long_is_given_up_and_others_go_on(made: list[PluginManager]) -> None:
    go = threading.Event()
    manager = manager_of(made, Says("a", PolicyViolation("fine")), Says("slow", lambda: go.wait(30) and None, control_deadline_ms=50, threads=1))
    slow, good = ask(manager)
    go.set()
    assert "took longer than 0.05 s" in str(slow.error)
    assert good.value == PolicyViolation("fine")


def test_a_hook_that_fails_in_a_row_is_switched_off_and_tried_again(made: list[PluginManager], monkeypatch: pytest.MonkeyPatch) -> None:
    from pybroker.hooks import calls

    bad = Says("bad", ValueError("no"))
    manager = manager_of(made, bad)
    for _ in range(FAILURES_MAX + 3):
        [answer] = ask(manager)
        assert answer.error
    assert bad.asked == FAILURES_MAX
    later_s = calls.time.monotonic() + calls.OFF_S + 1
    monkeypatch.setattr(calls.time, "monotonic", lambda: later_s)
    bad.answer = None
    assert ask(manager) == []
    assert bad.asked == FAILURES_MAX + 1
    assert ask(manager) == []
    assert bad.asked == FAILURES_MAX + 2


def test_first_stops_at_the_first_answer_or_error(made: list[PluginManager]) -> None:
    class Endpoint(Quiet):
        def __init__(self, name: str, answer: Any) -> None:
            super().__init__(name)
            self.answer = answer

        @hookimpl
        def pybroker_advertised_endpoint(self) -> Any:
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

    hook = "pybroker_advertised_endpoint"
    manager = manager_of(made, Endpoint("a", ("host", 1)), Endpoint("b", ValueError("no")), Endpoint("c", None))
    stopped = asyncio.run(manager.first(hook, connection=None))
    passed = asyncio.run(manager.first(hook, connection=None, skip_errors=True))
    assert stopped is not None and stopped.plugin == "b" and stopped.error
    assert passed is not None and passed.value == ("host", 1)


def test_a_pipe_hands_on_what_was_made(made: list[PluginManager]) -> None:
    class Adds(Quiet):
        @hookimpl
        def pybroker_topic_defaults(self, name: str, configs: dict[str, str]) -> dict[str, str]:
            return {**configs, self.info.name: name}

    manager = manager_of(made, Adds("a"), Adds("b"), Quiet("c"))
    answer = asyncio.run(manager.pipe("pybroker_topic_defaults", name="t", configs={"x": "1"}, principal=WHO))
    assert answer.value == {"x": "1", "a": "t", "b": "t"}


# ---- what is refused


class Newer(Quiet):
    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("newer", "1", api=2)


class Nameless:
    @hookimpl
    def pybroker_topic_policy(self) -> None:
        return None


class Misspelt(Quiet):
    @hookimpl
    def pybroker_topic_polcy(self) -> None:
        return None


class Greedy(Quiet):
    @hookimpl
    def pybroker_topic_policy(self, request: Any, broker: Any) -> None:
        return None


class Wraps(Quiet):
    @hookimpl(wrapper=True)
    def pybroker_topic_policy(self) -> Any:
        return (yield)


class Rubbish(Quiet):
    @hookimpl
    def pybroker_plugin_info(self) -> Any:
        return {"name": "x"}


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        (Newer(), "version 2 of the hook interface"),
        (Nameless(), "has no pybroker_plugin_info"),
        (Misspelt(), "did you mean pybroker_topic_policy?"),
        (Greedy(), "takes broker; it may take request, principal, ctx"),
        (Wraps(), "is a wrapper"),
        (Rubbish(), "answered dict"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_a_plugin_that_cannot_be_used_is_refused_by_name(plugin: Any, words: str) -> None:
    with pytest.raises(PluginError, match="plugin odd") as refused:
        PluginManager.of([("odd", plugin)])
    assert words in str(refused.value)


def test_one_that_is_not_installed_is_told_with_what_is() -> None:
    with pytest.raises(PluginError, match=r"no plugin 'acme' is installed; installed are: "):
        PluginManager.load(["acme"])


def test_config_keys_come_with_their_plugin(made: list[PluginManager]) -> None:
    class Keys(Quiet):
        @hookimpl
        def pybroker_config_keys(self) -> list[ConfigKey]:
            return [ConfigKey("acme.days", "int", "7", "Days.")]

    [(plugin, key)] = manager_of(made, Keys("acme")).config_keys()
    assert (plugin, key.name) == ("acme", "acme.days")


def test_config_keys_that_are_rubbish_stop_the_start(made: list[PluginManager]) -> None:
    class Keys(Quiet):
        @hookimpl
        def pybroker_config_keys(self) -> Any:
            return [("acme.days", "int")]

    with pytest.raises(PluginError, match="a list of ConfigKey"):
        manager_of(made, Keys("acme")).config_keys()


def test_lists_are_checked_item_by_item() -> None:
    assert list_of(int).check([1, 2]) and list_of(int).check(None)
    assert not list_of(int).check([1, "2"]) and not list_of(int).check("12")
