"""API key 76: ShareGroupHeartbeat."""

from pybroker.protocol.definitions.notation import F, M, S

KEY = 76
NAME = "ShareGroupHeartbeat"
REQUEST = M("ShareGroupHeartbeatRequest", valid="1", flexible="0+", fields=[
    F("GroupId", "string", "0+", entity="groupId"),
    F("MemberId", "string", "0+"),
    F("MemberEpoch", "int32", "0+"),
    F("RackId", "string", "0+", nullable="0+", default="null"),
    F("SubscribedTopicNames", "[]string", "0+", nullable="0+", default="null", entity="topicName"),
])

RESPONSE = M("ShareGroupHeartbeatResponse", valid="1", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
    F("MemberId", "string", "0+", nullable="0+", default="null"),
    F("MemberEpoch", "int32", "0+"),
    F("HeartbeatIntervalMs", "int32", "0+"),
    F("Assignment", "Assignment", "0+", nullable="0+", default="null", fields=[
        F("TopicPartitions", "[]TopicPartitions", "0+"),
    ]),
], structs=[
    S("TopicPartitions", "0+", [
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]int32", "0+"),
    ]),
])
