"""A client of raw frames on the shared broker, and brokers of a test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.broker import Broker
from tests.support.client import Client
from tests.support.fixtures import pytest_runtest_makereport, shared_broker

__all__ = ["pytest_runtest_makereport", "shared_broker"]

MakeBroker = Callable[..., Broker]


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[MakeBroker]:
    """Brokers of the test's own; all that still run are stopped, and must have been alive."""
    made: list[Broker] = []

    def make(overrides: dict[str, object] | None = None, name: str = "data") -> Broker:
        broker = Broker(tmp_path / name, {key: str(value) for key, value in (overrides or {}).items()}).start()
        made.append(broker)
        return broker

    yield make
    for broker in made:
        if broker.process is not None:
            broker.stop()


@pytest.fixture
def client(shared_broker: Broker) -> Iterator[Client]:
    with Client(shared_broker.port) as connection:
        yield connection
    assert shared_broker.is_alive, shared_broker.log_tail()
