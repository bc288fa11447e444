"""API key 79: ShareAcknowledge."""

from pybroker.protocol.definitions.notation import F, M

KEY = 79
NAME = "ShareAcknowledge"
REQUEST = M("ShareAcknowledgeRequest", valid="1-2", flexible="0+", fields=[
    F("GroupId", "string", "0+", nullable="0+", default="null", entity="groupId"),
    F("MemberId", "string", "0+", nullable="0+"),
    F("ShareSessionEpoch", "int32", "0+"),
    F("IsRenewAck", "bool", "2+", default="false"),
    F("Topics", "[]AcknowledgeTopic", "0+", fields=[
        F("TopicId", "uuid", "0+", map_key=True),
        F("Partitions", "[]AcknowledgePartition", "0+", fields=[
            F("PartitionIndex", "int32", "0+", map_key=True),
            F("AcknowledgementBatches", "[]AcknowledgementBatch", "0+", fields=[
                F("FirstOffset", "int64", "0+"),
                F("LastOffset", "int64", "0+"),
                F("AcknowledgeTypes", "[]int8", "0+"),
            ]),
        ]),
    ]),
])

RESPONSE = M("ShareAcknowledgeResponse", valid="1-2", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
    F("AcquisitionLockTimeoutMs", "int32", "2+", ignorable=True),
    F("Responses", "[]ShareAcknowledgeTopicResponse", "0+", fields=[
        F("TopicId", "uuid", "0+", map_key=True),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
            F("CurrentLeader", "LeaderIdAndEpoch", "0+", fields=[
                F("LeaderId", "int32", "0+"),
                F("LeaderEpoch", "int32", "0+"),
            ]),
        ]),
    ]),
    F("NodeEndpoints", "[]NodeEndpoint", "0+", fields=[
        F("NodeId", "int32", "0+", map_key=True, entity="brokerId"),
        F("Host", "string", "0+"),
        F("Port", "int32", "0+"),
        F("Rack", "string", "0+", nullable="0+", default="null"),
    ]),
])
