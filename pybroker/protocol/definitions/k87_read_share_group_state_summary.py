"""API key 87: ReadShareGroupStateSummary."""

from pybroker.protocol.definitions.notation import F, M

KEY = 87
NAME = "ReadShareGroupStateSummary"
REQUEST = M("ReadShareGroupStateSummaryRequest", valid="0-1", flexible="0+", fields=[
    F("GroupId", "string", "0+"),
    F("Topics", "[]ReadStateSummaryData", "0+", fields=[
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("Partition", "int32", "0+"),
            F("LeaderEpoch", "int32", "0+"),
        ]),
    ]),
])

RESPONSE = M("ReadShareGroupStateSummaryResponse", valid="0-1", flexible="0+", fields=[
    F("Results", "[]ReadStateSummaryResult", "0+", fields=[
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]PartitionResult", "0+", fields=[
            F("Partition", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
            F("StateEpoch", "int32", "0+"),
            F("LeaderEpoch", "int32", "0+"),
            F("StartOffset", "int64", "0+"),
            F("DeliveryCompleteCount", "int32", "1+", default="-1", ignorable=True),
        ]),
    ]),
])
