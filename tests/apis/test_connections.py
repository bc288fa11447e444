"""Limits on connections: in all, and for each address."""

import pytest

from pybroker.protocol.messages import load
from tests.support.broker import ours_only
from tests.support.client import Client, Closed

pytestmark = ours_only("starts brokers with limits of its own")
VERSIONS = load(18).ApiVersionsRequest(client_software_name="test", client_software_version="1.0")


@pytest.mark.parametrize("limit", ["max.connections", "max.connections.per.ip"])
def test_connections_beyond_the_limit_are_closed_and_room_comes_back(start_broker, limit):
    broker = start_broker({limit: "5"})
    held = [Client(broker.port) for _ in range(5)]
    for client in held:
        assert client.call(VERSIONS, 3).error_code == 0
    with Client(broker.port) as refused:
        assert refused.is_closed()
    held[0].socket.close()
    for _ in range(1000):                                                   # the broker sees the end of one within a few turns
        with Client(broker.port) as again:
            try:
                if again.call(VERSIONS, 3).error_code == 0:
                    break
            except Closed:
                continue
    else:
        pytest.fail("no room came back")
    for client in held[1:]:
        assert client.call(VERSIONS, 3).error_code == 0
        client.socket.close()


def test_addresses_are_counted_one_by_one(start_broker):
    broker = start_broker({"max.connections.per.ip": "1", "listeners": "PLAINTEXT://127.0.0.1:0"})
    with Client(broker.port) as first:
        assert first.call(VERSIONS, 3).error_code == 0
        with Client(broker.port) as second:
            assert second.is_closed()
