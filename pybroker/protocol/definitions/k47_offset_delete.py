"""API key 47: OffsetDelete."""

from pybroker.protocol.definitions.notation import F, M

KEY = 47
NAME = "OffsetDelete"
REQUEST = M("OffsetDeleteRequest", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0+", entity="groupId"),
    F("Topics", "[]OffsetDeleteRequestTopic", "0+", fields=[
        F("Name", "string", "0+", map_key=True, entity="topicName"),
        F("Partitions", "[]OffsetDeleteRequestPartition", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
        ]),
    ]),
])

RESPONSE = M("OffsetDeleteResponse", valid="0", flexible="none", fields=[
    F("ErrorCode", "int16", "0+"),
    F("ThrottleTimeMs", "int32", "0+", ignorable=True),
    F("Topics", "[]OffsetDeleteResponseTopic", "0+", fields=[
        F("Name", "string", "0+", map_key=True, entity="topicName"),
        F("Partitions", "[]OffsetDeleteResponsePartition", "0+", fields=[
            F("PartitionIndex", "int32", "0+", map_key=True),
            F("ErrorCode", "int16", "0+"),
        ]),
    ]),
])
