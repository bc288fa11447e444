"""Brokers of a test's own."""

from tests.frames.conftest import make_broker, pytest_runtest_makereport

__all__ = ["make_broker", "pytest_runtest_makereport"]
