"""API key 46: ListPartitionReassignments."""

from pybroker.protocol.definitions.notation import F, M

KEY = 46
NAME = "ListPartitionReassignments"
REQUEST = M("ListPartitionReassignmentsRequest", valid="0", flexible="0+", fields=[
    F("TimeoutMs", "int32", "0+", default="60000"),
    F("Topics", "[]ListPartitionReassignmentsTopics", "0+", nullable="0+", default="null", fields=[
        F("Name", "string", "0+", entity="topicName"),
        F("PartitionIndexes", "[]int32", "0+"),
    ]),
])

RESPONSE = M("ListPartitionReassignmentsResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+"),
    F("Topics", "[]OngoingTopicReassignment", "0+", fields=[
        F("Name", "string", "0+", entity="topicName"),
        F("Partitions", "[]OngoingPartitionReassignment", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("Replicas", "[]int32", "0+", entity="brokerId"),
            F("AddingReplicas", "[]int32", "0+", entity="brokerId"),
            F("RemovingReplicas", "[]int32", "0+", entity="brokerId"),
        ]),
    ]),
])
