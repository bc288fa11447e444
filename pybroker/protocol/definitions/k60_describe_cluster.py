"""API key 60: DescribeCluster."""

from pybroker.protocol.definitions.notation import F, M

KEY = 60
NAME = "DescribeCluster"
REQUEST = M("DescribeClusterRequest", valid="0-2", flexible="0+", fields=[
    F("IncludeClusterAuthorizedOperations", "bool", "0+"),
    F("EndpointType", "int8", "1+", default="1"),
    F("IncludeFencedBrokers", "bool", "2+"),
])

RESPONSE = M("DescribeClusterResponse", valid="0-2", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
    F("EndpointType", "int8", "1+", default="1"),
    F("ClusterId", "string", "0+"),
    F("ControllerId", "int32", "0+", default="-1", entity="brokerId"),
    F("Brokers", "[]DescribeClusterBroker", "0+", fields=[
        F("BrokerId", "int32", "0+", map_key=True, entity="brokerId"),
        F("Host", "string", "0+"),
        F("Port", "int32", "0+"),
        F("Rack", "string", "0+", nullable="0+", default="null"),
        F("IsFenced", "bool", "2+"),
    ]),
    F("ClusterAuthorizedOperations", "int32", "0+", default="-2147483648"),
])
