"""kill -9 and power cuts at moments that a seed decides, under real clients that go on: what the design promises for each, over many cycles on one data directory."""

import pytest

from tests.model.conftest import Play

pytestmark = [pytest.mark.real, pytest.mark.clients, pytest.mark.slow]


def test_nothing_is_lost_doubled_or_moved_by_kill_9_under_idempotent_producers(play: Play) -> None:
    play("kills", seed="1", cycles=40)


def test_nothing_acknowledged_is_lost_by_kill_9_without_idempotence(play: Play) -> None:
    outcome = play("kills_plain", seed="1", cycles=10)
    assert outcome.verdict.unknown > 0, "no send was interrupted: the kills hit nothing"


@pytest.mark.root
def test_nothing_acknowledged_is_lost_with_the_power(play: Play) -> None:
    play("power", seed="1", cycles=40)


@pytest.mark.root
def test_a_prefix_without_gaps_is_left_by_a_power_cut_when_the_page_cache_was_enough(play: Play) -> None:
    play("power_relaxed", seed="1", cycles=10)


def test_a_clock_that_jumps_and_comes_back_changes_nothing(play: Play) -> None:
    play("clock", seed="1", cycles=5)
