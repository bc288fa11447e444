"""Each decoder of bytes from wire or disk against libFuzzer, for PYBROKER_FUZZ_SECONDS (60) each, as many at a time as there are cores."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fuzz.targets import TARGETS, Outcome, build, fuzz, missing

SECONDS = int(os.environ.get("PYBROKER_FUZZ_SECONDS", "60"))
CANARY_SECONDS_MAX = 60

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """All targets but the canary, run side by side."""
    if lack := missing():
        pytest.skip(lack)
    build(list(TARGETS))
    names = [name for name in TARGETS if name != "canary"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return {outcome.name: outcome for outcome in pool.map(lambda name: fuzz(name, SECONDS), names)}


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "canary"])
def test_no_input_breaks(outcomes: dict[str, Outcome], name: str) -> None:
    assert outcomes[name].ok, outcomes[name].text[-8000:]
    assert outcomes[name].executions > 50 * SECONDS, "hardly anything was tried"


def test_the_canary_is_found() -> None:
    if lack := missing():
        pytest.skip(lack)
    build(["canary"])
    outcome = fuzz("canary", CANARY_SECONDS_MAX)
    assert not outcome.ok
    assert "deadly signal" in outcome.text
