"""API key 75: DescribeTopicPartitions."""

from pybroker.protocol.definitions.notation import F, M

KEY = 75
NAME = "DescribeTopicPartitions"
REQUEST = M("DescribeTopicPartitionsRequest", valid="0", flexible="0+", fields=[
    F("Topics", "[]TopicRequest", "0+", fields=[
        F("Name", "string", "0+", entity="topicName"),
    ]),
    F("ResponsePartitionLimit", "int32", "0+", default="2000"),
    F("Cursor", "Cursor", "0+", nullable="0+", default="null", fields=[
        F("TopicName", "string", "0+", entity="topicName"),
        F("PartitionIndex", "int32", "0+"),
    ]),
])

RESPONSE = M("DescribeTopicPartitionsResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+", ignorable=True),
    F("Topics", "[]DescribeTopicPartitionsResponseTopic", "0+", fields=[
        F("ErrorCode", "int16", "0+"),
        F("Name", "string", "0+", nullable="0+", map_key=True, entity="topicName"),
        F("TopicId", "uuid", "0+", ignorable=True),
        F("IsInternal", "bool", "0+", default="false", ignorable=True),
        F("Partitions", "[]DescribeTopicPartitionsResponsePartition", "0+", fields=[
            F("ErrorCode", "int16", "0+"),
            F("PartitionIndex", "int32", "0+"),
            F("LeaderId", "int32", "0+", entity="brokerId"),
            F("LeaderEpoch", "int32", "0+", default="-1", ignorable=True),
            F("ReplicaNodes", "[]int32", "0+", entity="brokerId"),
            F("IsrNodes", "[]int32", "0+", entity="brokerId"),
            F("EligibleLeaderReplicas", "[]int32", "0+", nullable="0+", default="null", entity="brokerId"),
            F("LastKnownElr", "[]int32", "0+", nullable="0+", default="null", entity="brokerId"),
            F("OfflineReplicas", "[]int32", "0+", ignorable=True, entity="brokerId"),
        ]),
        F("TopicAuthorizedOperations", "int32", "0+", default="-2147483648"),
    ]),
    F("NextCursor", "Cursor", "0+", nullable="0+", default="null", fields=[
        F("TopicName", "string", "0+", entity="topicName"),
        F("PartitionIndex", "int32", "0+"),
    ]),
])
