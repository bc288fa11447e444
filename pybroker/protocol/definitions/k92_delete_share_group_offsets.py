"""API key 92: DeleteShareGroupOffsets."""

from pybroker.protocol.definitions.notation import F, M

KEY = 92
NAME = "DeleteShareGroupOffsets"
REQUEST = M("DeleteShareGroupOffsetsRequest", valid="0", flexible="0+", fields=[
    F("GroupId", "string", "0+", entity="groupId"),
    F("Topics", "[]DeleteShareGroupOffsetsRequestTopic", "0+", fields=[
        F("TopicName", "string", "0+", entity="topicName"),
    ]),
])

RESPONSE = M("DeleteShareGroupOffsetsResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
    F("Responses", "[]DeleteShareGroupOffsetsResponseTopic", "0+", fields=[
        F("TopicName", "string", "0+", entity="topicName"),
        F("TopicId", "uuid", "0+"),
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
    ]),
])
