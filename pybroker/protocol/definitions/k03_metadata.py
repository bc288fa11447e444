"""API key 3: Metadata."""

from pybroker.protocol.definitions.notation import F, M

KEY = 3
NAME = "Metadata"
REQUEST = M("MetadataRequest", valid="0-13", flexible="9+", fields=[
    F("Topics", "[]MetadataRequestTopic", "0+", nullable="1+", fields=[
        F("TopicId", "uuid", "10+", ignorable=True),
        F("Name", "string", "0+", nullable="10+", entity="topicName"),
    ]),
    F("AllowAutoTopicCreation", "bool", "4+", default="true"),
    F("IncludeClusterAuthorizedOperations", "bool", "8-10"),
    F("IncludeTopicAuthorizedOperations", "bool", "8+"),
])

RESPONSE = M("MetadataResponse", valid="0-13", flexible="9+", fields=[
    F("ThrottleTimeMs", "int32", "3+", ignorable=True),
    F("Brokers", "[]MetadataResponseBroker", "0+", fields=[
        F("NodeId", "int32", "0+", map_key=True, entity="brokerId"),
        F("Host", "string", "0+"),
        F("Port", "int32", "0+"),
        F("Rack", "string", "1+", nullable="1+", default="null", ignorable=True),
    ]),
    F("ClusterId", "string", "2+", nullable="2+", default="null", ignorable=True),
    F("ControllerId", "int32", "1+", default="-1", ignorable=True, entity="brokerId"),
    F("Topics", "[]MetadataResponseTopic", "0+", fields=[
        F("ErrorCode", "int16", "0+"),
        F("Name", "string", "0+", nullable="12+", map_key=True, entity="topicName"),
        F("TopicId", "uuid", "10+", ignorable=True),
        F("IsInternal", "bool", "1+", default="false", ignorable=True),
        F("Partitions", "[]MetadataResponsePartition", "0+", fields=[
            F("ErrorCode", "int16", "0+"),
            F("PartitionIndex", "int32", "0+"),
            F("LeaderId", "int32", "0+", entity="brokerId"),
            F("LeaderEpoch", "int32", "7+", default="-1", ignorable=True),
            F("ReplicaNodes", "[]int32", "0+", entity="brokerId"),
            F("IsrNodes", "[]int32", "0+", entity="brokerId"),
            F("OfflineReplicas", "[]int32", "5+", ignorable=True, entity="brokerId"),
        ]),
        F("TopicAuthorizedOperations", "int32", "8+", default="-2147483648"),
    ]),
    F("ClusterAuthorizedOperations", "int32", "8-10", default="-2147483648"),
    F("ErrorCode", "int16", "13+", ignorable=True),
])
