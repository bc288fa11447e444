"""Checks of health: what fails is unhealthy, time is bounded, and asking often asks once."""

import json

from pybroker.observe.health import BUDGET_S, KEPT_S, TEXT_CHARS_MAX, Checks, Probe


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_all_must_be_well() -> None:
    report = Checks(lambda: [Probe("a", lambda: (True, "")), Probe("b", lambda: (False, "no\nspace"))]).report()
    assert not report.healthy
    assert json.loads(report.as_json()) == {"healthy": False, "checks": [{"name": "a", "healthy": True, "text": ""}, {"name": "b", "healthy": False, "text": "no space"}]}
    assert Checks(list).report().healthy


def test_what_raises_is_unhealthy_with_its_reason() -> None:
    def fail() -> tuple[bool, str]:
        raise ValueError("x" * 1000)

    [result] = Checks(lambda: [Probe("a", fail)]).report().results
    assert not result.healthy and result.text.startswith("ValueError: x") and len(result.text) == TEXT_CHARS_MAX


def test_an_answer_is_kept_for_a_moment() -> None:
    clock, asked = Clock(), [0]

    def ask() -> tuple[bool, str]:
        asked[0] += 1
        return True, ""

    checks = Checks(lambda: [Probe("a", ask)], clock)
    assert checks.report() is checks.report() and asked == [1]
    clock.now_s += KEPT_S
    checks.report()
    assert asked == [2]


def test_the_budget_is_for_all_together() -> None:
    clock = Clock()

    def slow() -> tuple[bool, str]:
        clock.now_s += BUDGET_S / 2
        return True, ""

    results = Checks(lambda: [Probe(name, slow) for name in "abc"], clock).report().results
    assert [result.healthy for result in results] == [True, True, False] and "took too long" in results[2].text
