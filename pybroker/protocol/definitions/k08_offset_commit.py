"""API key 8: OffsetCommit."""

from pybroker.protocol.definitions.notation import F, M

KEY = 8
NAME = "OffsetCommit"
REQUEST = M("OffsetCommitRequest", valid="2-10", flexible="8+", fields=[
    F("GroupId", "string", "0+", entity="groupId"),
    F("GenerationIdOrMemberEpoch", "int32", "1+", default="-1", ignorable=True),
    F("MemberId", "string", "1+", ignorable=True),
    F("GroupInstanceId", "string", "7+", nullable="7+", default="null"),
    F("RetentionTimeMs", "int64", "2-4", default="-1", ignorable=True),
    F("Topics", "[]OffsetCommitRequestTopic", "0+", fields=[
        F("Name", "string", "0-9", ignorable=True, entity="topicName"),
        F("TopicId", "uuid", "10+", ignorable=True),
        F("Partitions", "[]OffsetCommitRequestPartition", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("CommittedOffset", "int64", "0+"),
            F("CommittedLeaderEpoch", "int32", "6+", default="-1", ignorable=True),
            F("CommittedMetadata", "string", "0+", nullable="0+"),
        ]),
    ]),
])

RESPONSE = M("OffsetCommitResponse", valid="2-10", flexible="8+", fields=[
    F("ThrottleTimeMs", "int32", "3+", ignorable=True),
    F("Topics", "[]OffsetCommitResponseTopic", "0+", fields=[
        F("Name", "string", "0-9", ignorable=True, entity="topicName"),
        F("TopicId", "uuid", "10+", ignorable=True),
        F("Partitions", "[]OffsetCommitResponsePartition", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
        ]),
    ]),
])
