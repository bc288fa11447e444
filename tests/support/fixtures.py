"""Fixtures of the black-box tests: a broker for the session, brokers of one's own, a client."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.broker import FOREIGN, AnyBroker, Broker, ForeignBroker
from tests.support.kafka import Client
from tests.support.plugins import Plugin
from tests.support.wire import Connection

StartBroker = Callable[..., Broker]


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnyBroker]:
    """One broker for all tests that change nothing of it but their own topics. Ends with: alive, exit code 0."""
    if FOREIGN:
        yield ForeignBroker(FOREIGN)
        return
    broker = Broker(tmp_path_factory.mktemp("shared") / "data")
    broker.start()
    yield broker
    try:
        broker.stop()
    finally:
        broker.discard()


@pytest.fixture
def broker(shared_broker: AnyBroker, request: pytest.FixtureRequest) -> Iterator[AnyBroker]:
    """The shared broker; after the test it is alive and serves another connection."""
    yield shared_broker
    if isinstance(shared_broker, Broker):
        shared_broker.assert_alive()
    assert_serves(shared_broker)


def assert_serves(broker: AnyBroker) -> None:
    """A new connection gets an answer."""
    from pybroker.protocol.messages.k18_api_versions import ApiVersionsRequest

    with Connection(broker.address) as connection:
        assert connection.call(ApiVersionsRequest(), 0).error_code == 0


@pytest.fixture
def client(broker: AnyBroker) -> Iterator[Client]:
    made = Client(broker)
    yield made
    made.close()


@pytest.fixture
def connection(broker: AnyBroker) -> Iterator[Connection]:
    with Connection(broker.address) as made:
        yield made


@pytest.fixture
def start_broker(tmp_path: Path) -> Iterator[StartBroker]:
    """``start_broker({"key": "value"}, name="a", plugins={"acme": AcmePlugin})``: a broker of the test's own; all that still run at the end must stop cleanly.

    A plugin is a class or module (loaded anew in the broker's process), or the text of a module; all are enabled unless ``pybroker.plugins`` is given.
    """
    if FOREIGN:
        pytest.skip("only for pybroker: needs a broker process of its own")
    running: list[Broker] = []

    def start(overrides: Mapping[str, str] | None = None, *, name: str = "data", plugins: Mapping[str, Plugin] | None = None) -> Broker:
        made = Broker(tmp_path / name, overrides, plugins=plugins or {})
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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """The end of the broker's log goes into a failure's report."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed:
        for name in ("shared_broker",):
            broker = getattr(item, "funcargs", {}).get(name)
            if isinstance(broker, Broker):
                report.sections.append(("broker log", broker.log_tail(4096)))
