"""API key 0: Produce."""

from pybroker.protocol.definitions.notation import F, M

KEY = 0
NAME = "Produce"
REQUEST = M("ProduceRequest", valid="3-13", flexible="9+", fields=[
    F("TransactionalId", "string", "3+", nullable="3+", default="null", entity="transactionalId"),
    F("Acks", "int16", "0+"),
    F("TimeoutMs", "int32", "0+"),
    F("TopicData", "[]TopicProduceData", "0+", fields=[
        F("Name", "string", "0-12", ignorable=True, map_key=True, entity="topicName"),
        F("TopicId", "uuid", "13+", ignorable=True, map_key=True),
        F("PartitionData", "[]PartitionProduceData", "0+", fields=[
            F("Index", "int32", "0+"),
            F("Records", "records", "0+", nullable="0+"),
        ]),
    ]),
])

RESPONSE = M("ProduceResponse", valid="3-13", flexible="9+", fields=[
    F("Responses", "[]TopicProduceResponse", "0+", fields=[
        F("Name", "string", "0-12", ignorable=True, map_key=True, entity="topicName"),
        F("TopicId", "uuid", "13+", ignorable=True, map_key=True),
        F("PartitionResponses", "[]PartitionProduceResponse", "0+", fields=[
            F("Index", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("BaseOffset", "int64", "0+"),
            F("LogAppendTimeMs", "int64", "2+", default="-1", ignorable=True),
            F("LogStartOffset", "int64", "5+", default="-1", ignorable=True),
            F("RecordErrors", "[]BatchIndexAndErrorMessage", "8+", ignorable=True, fields=[
                F("BatchIndex", "int32", "8+"),
                F("BatchIndexErrorMessage", "string", "8+", nullable="8+", default="null"),
            ]),
            F("ErrorMessage", "string", "8+", nullable="8+", default="null", ignorable=True),
            F("CurrentLeader", "LeaderIdAndEpoch", "10+", tagged="10+", tag=0, fields=[
                F("LeaderId", "int32", "10+", default="-1", entity="brokerId"),
                F("LeaderEpoch", "int32", "10+", default="-1"),
            ]),
        ]),
    ]),
    F("ThrottleTimeMs", "int32", "1+", default="0", ignorable=True),
    F("NodeEndpoints", "[]NodeEndpoint", "10+", tagged="10+", tag=0, fields=[
        F("NodeId", "int32", "10+", map_key=True, entity="brokerId"),
        F("Host", "string", "10+"),
        F("Port", "int32", "10+"),
        F("Rack", "string", "10+", nullable="10+", default="null"),
    ]),
])
