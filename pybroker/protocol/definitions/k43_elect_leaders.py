"""API key 43: ElectLeaders."""

from pybroker.protocol.definitions.notation import F, M

KEY = 43
NAME = "ElectLeaders"
REQUEST = M("ElectLeadersRequest", valid="0-2", flexible="2+", fields=[
    F("ElectionType", "int8", "1+"),
    F("TopicPartitions", "[]TopicPartitions", "0+", nullable="0+", fields=[
        F("Topic", "string", "0+", map_key=True, entity="topicName"),
        F("Partitions", "[]int32", "0+"),
    ]),
    F("TimeoutMs", "int32", "0+", default="60000"),
])

RESPONSE = M("ElectLeadersResponse", valid="0-2", flexible="2+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "1+"),
    F("ReplicaElectionResults", "[]ReplicaElectionResult", "0+", fields=[
        F("Topic", "string", "0+", entity="topicName"),
        F("PartitionResult", "[]PartitionResult", "0+", fields=[
            F("PartitionId", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("ErrorMessage", "string", "0+", nullable="0+"),
        ]),
    ]),
])
