"""API key 19: CreateTopics."""

from pybroker.protocol.definitions.notation import F, M

KEY = 19
NAME = "CreateTopics"
REQUEST = M("CreateTopicsRequest", valid="2-7", flexible="5+", fields=[
    F("Topics", "[]CreatableTopic", "0+", fields=[
        F("Name", "string", "0+", map_key=True, entity="topicName"),
        F("NumPartitions", "int32", "0+"),
        F("ReplicationFactor", "int16", "0+"),
        F("Assignments", "[]CreatableReplicaAssignment", "0+", fields=[
            F("PartitionIndex", "int32", "0+", map_key=True),
            F("BrokerIds", "[]int32", "0+", entity="brokerId"),
        ]),
        F("Configs", "[]CreatableTopicConfig", "0+", fields=[
            F("Name", "string", "0+", map_key=True),
            F("Value", "string", "0+", nullable="0+"),
        ]),
    ]),
    F("timeoutMs", "int32", "0+", default="60000"),
    F("validateOnly", "bool", "1+", default="false"),
])

RESPONSE = M("CreateTopicsResponse", valid="2-7", flexible="5+", fields=[
    F("ThrottleTimeMs", "int32", "2+", ignorable=True),
    F("Topics", "[]CreatableTopicResult", "0+", fields=[
        F("Name", "string", "0+", map_key=True, entity="topicName"),
        F("TopicId", "uuid", "7+", ignorable=True),
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "1+", nullable="0+", ignorable=True),
        F("TopicConfigErrorCode", "int16", "5+", tagged="5+", tag=0, ignorable=True),
        F("NumPartitions", "int32", "5+", default="-1", ignorable=True),
        F("ReplicationFactor", "int16", "5+", default="-1", ignorable=True),
        F("Configs", "[]CreatableTopicConfigs", "5+", nullable="5+", ignorable=True, fields=[
            F("Name", "string", "5+"),
            F("Value", "string", "5+", nullable="5+"),
            F("ReadOnly", "bool", "5+"),
            F("ConfigSource", "int8", "5+", default="-1", ignorable=True),
            F("IsSensitive", "bool", "5+"),
        ]),
    ]),
])
