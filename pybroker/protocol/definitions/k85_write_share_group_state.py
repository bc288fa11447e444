"""API key 85: WriteShareGroupState."""

from pybroker.protocol.definitions.notation import F, M

KEY = 85
NAME = "WriteShareGroupState"
REQUEST = M("WriteShareGroupStateRequest", valid="0-1", flexible="0+", fields=[
    F("GroupId", "string", "0+"),
    F("Topics", "[]WriteStateData", "0+", fields=[
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("Partition", "int32", "0+"),
            F("StateEpoch", "int32", "0+"),
            F("LeaderEpoch", "int32", "0+"),
            F("StartOffset", "int64", "0+"),
            F("DeliveryCompleteCount", "int32", "1+", default="-1", ignorable=True),
            F("StateBatches", "[]StateBatch", "0+", fields=[
                F("FirstOffset", "int64", "0+"),
                F("LastOffset", "int64", "0+"),
                F("DeliveryState", "int8", "0+"),
                F("DeliveryCount", "int16", "0+"),
            ]),
        ]),
    ]),
])

RESPONSE = M("WriteShareGroupStateResponse", valid="0-1", flexible="0+", fields=[
    F("Results", "[]WriteStateResult", "0+", fields=[
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]PartitionResult", "0+", fields=[
            F("Partition", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
        ]),
    ]),
])
