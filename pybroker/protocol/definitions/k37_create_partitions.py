"""API key 37: CreatePartitions."""

from pybroker.protocol.definitions.notation import F, M

KEY = 37
NAME = "CreatePartitions"
REQUEST = M("CreatePartitionsRequest", valid="0-3", flexible="2+", fields=[
    F("Topics", "[]CreatePartitionsTopic", "0+", fields=[
        F("Name", "string", "0+", map_key=True, entity="topicName"),
        F("Count", "int32", "0+"),
        F("Assignments", "[]CreatePartitionsAssignment", "0+", nullable="0+", fields=[
            F("BrokerIds", "[]int32", "0+", entity="brokerId"),
        ]),
    ]),
    F("TimeoutMs", "int32", "0+"),
    F("ValidateOnly", "bool", "0+"),
])

RESPONSE = M("CreatePartitionsResponse", valid="0-3", flexible="2+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Results", "[]CreatePartitionsTopicResult", "0+", fields=[
        F("Name", "string", "0+", entity="topicName"),
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
    ]),
])
