"""DescribeCluster (key 60, versions 0-2)."""

from pybroker.apis.context import CLUSTER_OPERATIONS, UNKNOWN_OPERATIONS, Broker, Caller
from pybroker.protocol import errors
from pybroker.protocol.messages.k60_describe_cluster import DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse

REQUEST = DescribeClusterRequest
TELLS_ENDPOINT = True

_ENDPOINT_BROKERS, _ENDPOINT_CONTROLLERS = 1, 2


def handle(broker: Broker, request: DescribeClusterRequest, caller: Caller) -> DescribeClusterResponse:
    """This one broker, under the address by which the client came."""
    if request.endpoint_type == _ENDPOINT_CONTROLLERS:
        raise errors.MismatchedEndpointType("The request was sent to an endpoint of the wrong type: this is a broker.")
    if request.endpoint_type != _ENDPOINT_BROKERS:
        raise errors.UnsupportedEndpointType(f"Unsupported endpoint type {request.endpoint_type}")
    host, port = broker.endpoint(caller)
    return DescribeClusterResponse(
        cluster_id=broker.cluster_id,
        controller_id=broker.node_id,
        brokers=[DescribeClusterBroker(broker_id=broker.node_id, host=host, port=port, rack=broker.rack)],
        cluster_authorized_operations=CLUSTER_OPERATIONS if request.include_cluster_authorized_operations else UNKNOWN_OPERATIONS,
    )


def refuse(request: DescribeClusterRequest, version: int, error: errors.KafkaError) -> DescribeClusterResponse:
    """The error without a cluster."""
    return DescribeClusterResponse(error_code=error.code, error_message=error.message, cluster_id="", brokers=[])
