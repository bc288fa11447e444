"""Black-box API tests: raw frames to a running broker."""

from tests.support.fixtures import broker, client, connection, pytest_runtest_makereport, shared_broker, start_broker

__all__ = ["broker", "client", "connection", "pytest_runtest_makereport", "shared_broker", "start_broker"]
