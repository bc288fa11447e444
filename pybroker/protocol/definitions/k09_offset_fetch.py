"""API key 9: OffsetFetch."""

from pybroker.protocol.definitions.notation import F, M

KEY = 9
NAME = "OffsetFetch"
REQUEST = M("OffsetFetchRequest", valid="1-10", flexible="6+", fields=[
    F("GroupId", "string", "0-7", entity="groupId"),
    F("Topics", "[]OffsetFetchRequestTopic", "0-7", nullable="2-7", fields=[
        F("Name", "string", "0-7", entity="topicName"),
        F("PartitionIndexes", "[]int32", "0-7"),
    ]),
    F("Groups", "[]OffsetFetchRequestGroup", "8+", fields=[
        F("GroupId", "string", "8+", entity="groupId"),
        F("MemberId", "string", "9+", nullable="9+", default="null", ignorable=True),
        F("MemberEpoch", "int32", "9+", default="-1", ignorable=True),
        F("Topics", "[]OffsetFetchRequestTopics", "8+", nullable="8+", fields=[
            F("Name", "string", "8-9", ignorable=True, entity="topicName"),
            F("TopicId", "uuid", "10+", ignorable=True),
            F("PartitionIndexes", "[]int32", "8+"),
        ]),
    ]),
    F("RequireStable", "bool", "7+", default="false"),
])

RESPONSE = M("OffsetFetchResponse", valid="1-10", flexible="6+", fields=[
    F("ThrottleTimeMs", "int32", "3+", ignorable=True),
    F("Topics", "[]OffsetFetchResponseTopic", "0-7", fields=[
        F("Name", "string", "0-7", entity="topicName"),
        F("Partitions", "[]OffsetFetchResponsePartition", "0-7", fields=[
            F("PartitionIndex", "int32", "0-7"),
            F("CommittedOffset", "int64", "0-7"),
            F("CommittedLeaderEpoch", "int32", "5-7", default="-1", ignorable=True),
            F("Metadata", "string", "0-7", nullable="0-7"),
            F("ErrorCode", "int16", "0-7"),
        ]),
    ]),
    F("ErrorCode", "int16", "2-7", default="0", ignorable=True),
    F("Groups", "[]OffsetFetchResponseGroup", "8+", fields=[
        F("GroupId", "string", "8+", entity="groupId"),
        F("Topics", "[]OffsetFetchResponseTopics", "8+", fields=[
            F("Name", "string", "8-9", ignorable=True, entity="topicName"),
            F("TopicId", "uuid", "10+", ignorable=True),
            F("Partitions", "[]OffsetFetchResponsePartitions", "8+", fields=[
                F("PartitionIndex", "int32", "8+"),
                F("CommittedOffset", "int64", "8+"),
                F("CommittedLeaderEpoch", "int32", "8+", default="-1", ignorable=True),
                F("Metadata", "string", "8+", nullable="8+"),
                F("ErrorCode", "int16", "8+"),
            ]),
        ]),
        F("ErrorCode", "int16", "8+", default="0"),
    ]),
])
