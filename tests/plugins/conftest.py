"""Plugins in a running broker."""

from tests.support.fixtures import pytest_runtest_makereport, start_broker

__all__ = ["pytest_runtest_makereport", "start_broker"]
