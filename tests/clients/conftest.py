"""Real client libraries against a running broker."""

from tests.support.consumer_groups import consumer_groups
from tests.support.fixtures import broker, client, connection, pytest_runtest_makereport, shared_broker, start_broker
from tests.support.groups import group_broker, groups

__all__ = ["broker", "client", "connection", "consumer_groups", "group_broker", "groups", "pytest_runtest_makereport", "shared_broker", "start_broker"]
