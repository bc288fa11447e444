"""API key 90: DescribeShareGroupOffsets."""

from pybroker.protocol.definitions.notation import F, M

KEY = 90
NAME = "DescribeShareGroupOffsets"
REQUEST = M("DescribeShareGroupOffsetsRequest", valid="0-1", flexible="0+", fields=[
    F("Groups", "[]DescribeShareGroupOffsetsRequestGroup", "0+", fields=[
        F("GroupId", "string", "0+", entity="groupId"),
        F("Topics", "[]DescribeShareGroupOffsetsRequestTopic", "0+", nullable="0+", fields=[
            F("TopicName", "string", "0+", entity="topicName"),
            F("Partitions", "[]int32", "0+"),
        ]),
    ]),
])

RESPONSE = M("DescribeShareGroupOffsetsResponse", valid="0-1", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Groups", "[]DescribeShareGroupOffsetsResponseGroup", "0+", fields=[
        F("GroupId", "string", "0+", entity="groupId"),
        F("Topics", "[]DescribeShareGroupOffsetsResponseTopic", "0+", fields=[
            F("TopicName", "string", "0+", entity="topicName"),
            F("TopicId", "uuid", "0+"),
            F("Partitions", "[]DescribeShareGroupOffsetsResponsePartition", "0+", fields=[
                F("PartitionIndex", "int32", "0+"),
                F("StartOffset", "int64", "0+"),
                F("LeaderEpoch", "int32", "0+"),
                F("Lag", "int64", "1+", default="-1", ignorable=True),
                F("ErrorCode", "int16", "0+"),
                F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
            ]),
        ]),
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
    ]),
])
