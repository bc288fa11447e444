"""API key 91: AlterShareGroupOffsets."""

from pybroker.protocol.definitions.notation import F, M

KEY = 91
NAME = "AlterShareGroupOffsets"
REQUEST = M("AlterShareGroupOffsetsRequest", valid="0", flexible="0+", fields=[
    F("GroupId", "string", "0+", entity="groupId"),
    F("Topics", "[]AlterShareGroupOffsetsRequestTopic", "0+", fields=[
        F("TopicName", "string", "0+", map_key=True, entity="topicName"),
        F("Partitions", "[]AlterShareGroupOffsetsRequestPartition", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("StartOffset", "int64", "0+"),
        ]),
    ]),
])

RESPONSE = M("AlterShareGroupOffsetsResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
    F("Responses", "[]AlterShareGroupOffsetsResponseTopic", "0+", fields=[
        F("TopicName", "string", "0+", map_key=True, entity="topicName"),
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]AlterShareGroupOffsetsResponsePartition", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
        ]),
    ]),
])
