"""API key 2: ListOffsets."""

from pybroker.protocol.definitions.notation import F, M

KEY = 2
NAME = "ListOffsets"
REQUEST = M("ListOffsetsRequest", valid="1-11", flexible="6+", fields=[
    F("ReplicaId", "int32", "0+", entity="brokerId"),
    F("IsolationLevel", "int8", "2+"),
    F("Topics", "[]ListOffsetsTopic", "0+", fields=[
        F("Name", "string", "0+", entity="topicName"),
        F("Partitions", "[]ListOffsetsPartition", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("CurrentLeaderEpoch", "int32", "4+", default="-1", ignorable=True),
            F("Timestamp", "int64", "0+"),
        ]),
    ]),
    F("TimeoutMs", "int32", "10+", ignorable=True),
])

RESPONSE = M("ListOffsetsResponse", valid="1-11", flexible="6+", fields=[
    F("ThrottleTimeMs", "int32", "2+", ignorable=True),
    F("Topics", "[]ListOffsetsTopicResponse", "0+", fields=[
        F("Name", "string", "0+", entity="topicName"),
        F("Partitions", "[]ListOffsetsPartitionResponse", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("Timestamp", "int64", "1+", default="-1"),
            F("Offset", "int64", "1+", default="-1"),
            F("LeaderEpoch", "int32", "4+", default="-1"),
        ]),
    ]),
])
