"""Fixtures for pytest, there in every project whose environment has pybroker. Nothing but pytest is imported before one of them is used.

``pybroker_broker``   a real broker, for the whole session
``pybroker_start``    a function that starts brokers of the test's own
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pybroker.testing.broker import Broker


@pytest.fixture(scope="session")
def pybroker_broker(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Broker]":
    """A broker that all tests share: use topics of your own. It must be alive at the end and stop cleanly."""
    from pybroker.testing.broker import Broker

    with Broker(tmp_path_factory.mktemp("pybroker") / "data") as broker:
        yield broker


@pytest.fixture
def pybroker_start(tmp_path: Any) -> "Iterator[Callable[..., Broker]]":
    """``pybroker_start({"num.partitions": "3"}, plugins=["acme"])``: a broker of the test's own, with what ``Broker`` takes but the directory. All of them must stop cleanly at the end."""
    from contextlib import ExitStack

    from pybroker.testing.broker import Broker

    with ExitStack() as stack:
        count = 0

        def start(settings: Any = None, **more: Any) -> Broker:
            nonlocal count
            count += 1
            return stack.enter_context(Broker(tmp_path / f"pybroker-{count}", settings, **more))

        yield start
