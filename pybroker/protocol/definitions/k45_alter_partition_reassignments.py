"""API key 45: AlterPartitionReassignments."""

from pybroker.protocol.definitions.notation import F, M

KEY = 45
NAME = "AlterPartitionReassignments"
REQUEST = M("AlterPartitionReassignmentsRequest", valid="0-1", flexible="0+", fields=[
    F("TimeoutMs", "int32", "0+", default="60000"),
    F("AllowReplicationFactorChange", "bool", "1+", default="true"),
    F("Topics", "[]ReassignableTopic", "0+", fields=[
        F("Name", "string", "0+", entity="topicName"),
        F("Partitions", "[]ReassignablePartition", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("Replicas", "[]int32", "0+", nullable="0+", default="null", entity="brokerId"),
        ]),
    ]),
])

RESPONSE = M("AlterPartitionReassignmentsResponse", valid="0-1", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("AllowReplicationFactorChange", "bool", "1+", default="true", ignorable=True),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+"),
    F("Responses", "[]ReassignableTopicResponse", "0+", fields=[
        F("Name", "string", "0+", entity="topicName"),
        F("Partitions", "[]ReassignablePartitionResponse", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("ErrorMessage", "string", "0+", nullable="0+"),
        ]),
    ]),
])
