"""Addresses that plugins choose: every answer that names the broker carries them; asked once per client's place; nobody else waits; failures give the default."""

from pathlib import Path

import pytest

from pybroker.protocol.messages import k03_metadata as k03
from pybroker.protocol.messages import k10_find_coordinator as k10
from pybroker.protocol.messages import k60_describe_cluster as k60
from tests.hooks.conftest import StartWith
from tests.support.broker import Broker, ours_only
from tests.support.kafka import Client

pytestmark = ours_only("plugins")

COUNTS = """
import os

@hookimpl
def pybroker_startup(ctx):
    os.makedirs(ctx.data_dir)

@hookimpl
def pybroker_advertised_endpoint(connection, ctx):
    with open(os.path.join(ctx.data_dir, "asked"), "a") as out:
        out.write(f"{connection.listener} {connection.peer_host} {connection.local_port} {connection.principal}\\n")
    return ("proxy.example", 19092)
"""


def told(client: Client) -> list[tuple[str, int]]:
    broker = client.call(k03.MetadataRequest(topics=None), 12).brokers[0]
    coordinator = client.call(k10.FindCoordinatorRequest(key_type=0, coordinator_keys=["g"]), 6).coordinators[0]
    cluster = client.call(k60.DescribeClusterRequest(), 0).brokers[0]
    return [(broker.host, broker.port), (coordinator.host, coordinator.port), (cluster.host, cluster.port)]


def asked(broker: Broker) -> list[str]:
    return Path(broker.data_dir, "plugins", "proxy", "asked").read_text().splitlines()


def test_every_answer_carries_it_and_it_is_asked_once(start_with: StartWith) -> None:
    broker = start_with({"proxy": COUNTS})
    for _ in range(3):
        client = Client(broker)
        assert told(client) == [("proxy.example", 19092)] * 3
        client.close()
    assert asked(broker) == [f"PLAINTEXT 127.0.0.1 {broker.port} User:ANONYMOUS"]


def test_many_that_come_together_ask_once(start_with: StartWith) -> None:
    broker = start_with({"proxy": COUNTS.replace("    with open", "    __import__('threading').Event().wait(0.2)\n    with open")})
    clients = [Client(broker) for _ in range(20)]
    request = k60.DescribeClusterRequest()
    numbers = [client.connection.send(request, 0) for client in clients]
    for client, number in zip(clients, numbers, strict=True):
        assert client.connection.receive(request, 0, number).brokers[0].host == "proxy.example"
        client.close()
    assert len(asked(broker)) == 1


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError('no')",
        "raise SystemExit(1)",
        "raise RecursionError",
        "return 'proxy:9092'",
        "return ('proxy', 0)",
        "return ('proxy', '9092')",
        "return ('a b', 9092)",
        "return ('', 9092)",
        "return ('x' * 300, 9092)",
        "return ('line\\n', 9092)",
        "return None",
        "import threading; threading.Event().wait(60)",
    ],
)
def test_what_fails_gives_the_default(start_with: StartWith, body: str) -> None:
    broker = start_with({"proxy": f"@hookimpl\ndef pybroker_advertised_endpoint(connection):\n    {body}\n"}, facts="control_deadline_ms=200")
    client = Client(broker)
    assert told(client) == [(broker.host, broker.port)] * 3
    client.close()


def test_a_plugin_that_hangs_keeps_only_its_asker_waiting(start_with: StartWith) -> None:
    source = "@hookimpl\ndef pybroker_advertised_endpoint():\n    __import__('threading').Event().wait(60)\n"
    broker = start_with({"proxy": source}, facts="control_deadline_ms=1500")
    waiting, other = Client(broker), Client(broker)
    request = k60.DescribeClusterRequest()
    number = waiting.connection.send(request, 0)
    assert other.try_create_topic().error_code == 0, "the control thread serves others"
    assert waiting.connection.receive(request, 0, number).brokers[0].host == broker.host
    waiting.close()
    other.close()
