"""API key 20: DeleteTopics."""

from pybroker.protocol.definitions.notation import F, M

KEY = 20
NAME = "DeleteTopics"
REQUEST = M("DeleteTopicsRequest", valid="1-6", flexible="4+", fields=[
    F("Topics", "[]DeleteTopicState", "6+", fields=[
        F("Name", "string", "6+", nullable="6+", default="null", entity="topicName"),
        F("TopicId", "uuid", "6+"),
    ]),
    F("TopicNames", "[]string", "0-5", ignorable=True, entity="topicName"),
    F("TimeoutMs", "int32", "0+"),
])

RESPONSE = M("DeleteTopicsResponse", valid="1-6", flexible="4+", fields=[
    F("ThrottleTimeMs", "int32", "1+", ignorable=True),
    F("Responses", "[]DeletableTopicResult", "0+", fields=[
        F("Name", "string", "0+", nullable="6+", map_key=True, entity="topicName"),
        F("TopicId", "uuid", "6+", ignorable=True),
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "5+", nullable="5+", default="null", ignorable=True),
    ]),
])
