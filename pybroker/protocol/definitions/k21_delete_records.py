"""API key 21: DeleteRecords."""

from pybroker.protocol.definitions.notation import F, M

KEY = 21
NAME = "DeleteRecords"
REQUEST = M("DeleteRecordsRequest", valid="0-2", flexible="2+", fields=[
    F("Topics", "[]DeleteRecordsTopic", "0+", fields=[
        F("Name", "string", "0+", entity="topicName"),
        F("Partitions", "[]DeleteRecordsPartition", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("Offset", "int64", "0+"),
        ]),
    ]),
    F("TimeoutMs", "int32", "0+"),
])

RESPONSE = M("DeleteRecordsResponse", valid="0-2", flexible="2+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Topics", "[]DeleteRecordsTopicResult", "0+", fields=[
        F("Name", "string", "0+", map_key=True, entity="topicName"),
        F("Partitions", "[]DeleteRecordsPartitionResult", "0+", fields=[
            F("PartitionIndex", "int32", "0+", map_key=True),
            F("LowWatermark", "int64", "0+"),
            F("ErrorCode", "int16", "0+"),
        ]),
    ]),
])
