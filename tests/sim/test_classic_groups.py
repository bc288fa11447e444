"""Seeded runs of a classic group; see classic_world.   PYBROKER_SIM_SEEDS=100000 for more, PYBROKER_SIM_SEED=n for one."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from pybroker.coordinator.group import classic, classic_rebalance
from tests.sim.classic_world import Broken, World

SEEDS = int(os.environ.get("PYBROKER_SIM_SEEDS", "2000"))
STEPS = 400


@pytest.mark.slow
def test_no_seed_breaks_an_invariant() -> None:
    one = os.environ.get("PYBROKER_SIM_SEED")
    generations = commits = 0
    for seed in [int(one)] if one else range(1, SEEDS + 1):
        world = World(seed)
        try:
            world.run(STEPS)
        except Exception as error:
            raise AssertionError(f"PYBROKER_SIM_SEED={seed}: at {world.now} ms: {type(error).__name__}: {error}") from error
        generations += len(world.given)
        commits += len(world.committed)
    assert one or (generations > 2 * SEEDS and commits > 2 * SEEDS), "hardly anything happened"


def _settle_without_a_record(group: Any, turn: Any) -> None:
    group.move(classic.State.STABLE, turn.wall_ms)
    for member in group.members.values():
        if member.sync is not None:
            turn.answers.append((member.sync, classic_rebalance.synced(group, member)))
            member.sync = None


@pytest.mark.parametrize(
    ("place", "name", "mistake"),
    [
        (classic.ClassicGroups, "_member_due", lambda self, group, member, turn: None),
        (classic, "_check_generation", lambda group, generation: None),
        (classic, "settle", _settle_without_a_record),
        (classic.ClassicGroups, "_members_left", lambda self, group, turn: None),
    ],
    ids=["sessions-never-end", "any-generation-may-commit", "assignment-is-not-recorded", "who-leaves-is-not-replaced"],
)
def test_a_coordinator_with_a_mistake_is_found(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, mistake: Callable[..., None]) -> None:
    monkeypatch.setattr(place, name, mistake)
    with pytest.raises(Broken):
        for seed in range(1, 301):
            World(seed).run(600)
