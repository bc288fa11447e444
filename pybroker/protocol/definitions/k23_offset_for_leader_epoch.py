"""API key 23: OffsetForLeaderEpoch."""

from pybroker.protocol.definitions.notation import F, M

KEY = 23
NAME = "OffsetForLeaderEpoch"
REQUEST = M("OffsetForLeaderEpochRequest", valid="2-4", flexible="4+", fields=[
    F("ReplicaId", "int32", "3+", default="-2", ignorable=True, entity="brokerId"),
    F("Topics", "[]OffsetForLeaderTopic", "0+", fields=[
        F("Topic", "string", "0+", map_key=True, entity="topicName"),
        F("Partitions", "[]OffsetForLeaderPartition", "0+", fields=[
            F("Partition", "int32", "0+"),
            F("CurrentLeaderEpoch", "int32", "2+", default="-1", ignorable=True),
            F("LeaderEpoch", "int32", "0+"),
        ]),
    ]),
])

RESPONSE = M("OffsetForLeaderEpochResponse", valid="2-4", flexible="4+", fields=[
    F("ThrottleTimeMs", "int32", "2+", ignorable=True),
    F("Topics", "[]OffsetForLeaderTopicResult", "0+", fields=[
        F("Topic", "string", "0+", map_key=True, entity="topicName"),
        F("Partitions", "[]EpochEndOffset", "0+", fields=[
            F("ErrorCode", "int16", "0+"),
            F("Partition", "int32", "0+"),
            F("LeaderEpoch", "int32", "1+", default="-1", ignorable=True),
            F("EndOffset", "int64", "0+", default="-1"),
        ]),
    ]),
])
