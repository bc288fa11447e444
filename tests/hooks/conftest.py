"""Brokers with plugins made for the test."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.broker import FOREIGN, Broker
from tests.support.fixtures import pytest_runtest_makereport
from tests.support.plugins import FakePlugin, environment_of

StartWith = Callable[..., Broker]

__all__ = ["StartWith", "pytest_runtest_makereport", "start_with"]


@pytest.fixture
def start_with(tmp_path: Path) -> Iterator[StartWith]:
    """``start_with({"name": SOURCE}, {"key": "value"}, facts="threads=1")``: a broker with these plugins, enabled in this order; it must stop cleanly."""
    if FOREIGN:
        pytest.skip("only for pybroker: plugins")
    running: list[Broker] = []

    def start(sources: Mapping[str, str], overrides: Mapping[str, str] | None = None, *, facts: str = "") -> Broker:
        fakes = [FakePlugin(tmp_path, name, source, facts) for name, source in sources.items()]
        enabled = {"pybroker.plugins": ",".join(sources)} if sources else {}
        made = Broker(tmp_path / "data", {**enabled, **(overrides or {})}, environment=environment_of(*fakes))
        running.append(made)
        return made.start()

    yield start
    try:
        for made in running:
            if made.process is not None:
                made.stop()
    finally:
        for made in running:
            made.discard()
