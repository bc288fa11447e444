"""DescribeCluster (API key 60)."""

import pytest

from pybroker.protocol.messages.k60_describe_cluster import DescribeClusterRequest
from tests.support import kafka
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client
from tests.support.wire import versions

NO_OPERATIONS = -(2**31)
MISMATCHED_ENDPOINT_TYPE, UNSUPPORTED_ENDPOINT_TYPE = 114, 115


@pytest.mark.parametrize("version", versions(60))
def test_cluster_at_every_version(client: Client, version: int) -> None:
    answer = client.call(DescribeClusterRequest(include_fenced_brokers=version >= 2), version)
    metadata = client.metadata([])
    assert (answer.error_code, answer.error_message, answer.cluster_id, answer.controller_id) == (kafka.NONE, None, metadata.cluster_id, metadata.controller_id)
    assert [(row.broker_id, row.host, row.port, row.rack) for row in answer.brokers] == [(row.node_id, row.host, row.port, row.rack) for row in metadata.brokers]
    assert answer.cluster_authorized_operations == NO_OPERATIONS and answer.endpoint_type == 1
    assert not any(row.is_fenced for row in answer.brokers)


def test_authorized_operations_on_request(client: Client) -> None:
    answer = client.call(DescribeClusterRequest(include_cluster_authorized_operations=True), 0)
    assert answer.cluster_authorized_operations > 0


@pytest.mark.parametrize(("endpoint_type", "code"), [(2, MISMATCHED_ENDPOINT_TYPE), (0, UNSUPPORTED_ENDPOINT_TYPE), (7, UNSUPPORTED_ENDPOINT_TYPE)])
def test_endpoints_that_are_not_a_brokers(client: Client, endpoint_type: int, code: int) -> None:
    answer = client.call(DescribeClusterRequest(endpoint_type=endpoint_type), 1)
    assert answer.error_code == code and answer.error_message and answer.brokers == []


def test_rack_and_advertised_address(start_broker: StartBroker) -> None:
    client = Client(start_broker({"broker.rack": "r1", "node.id": "9", "advertised.listeners": "PLAINTEXT://kafka.example.org:9999"}))
    answer = client.call(DescribeClusterRequest(), 2)
    assert [(row.broker_id, row.host, row.port, row.rack) for row in answer.brokers] == [(9, "kafka.example.org", 9999, "r1")]
    assert answer.controller_id == 9
