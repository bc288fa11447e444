"""API key 84: ReadShareGroupState."""

from pybroker.protocol.definitions.notation import F, M

KEY = 84
NAME = "ReadShareGroupState"
REQUEST = M("ReadShareGroupStateRequest", valid="0", flexible="0+", fields=[
    F("GroupId", "string", "0+"),
    F("Topics", "[]ReadStateData", "0+", fields=[
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("Partition", "int32", "0+"),
            F("LeaderEpoch", "int32", "0+"),
        ]),
    ]),
])

RESPONSE = M("ReadShareGroupStateResponse", valid="0", flexible="0+", fields=[
    F("Results", "[]ReadStateResult", "0+", fields=[
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]PartitionResult", "0+", fields=[
            F("Partition", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
            F("StateEpoch", "int32", "0+"),
            F("StartOffset", "int64", "0+"),
            F("StateBatches", "[]StateBatch", "0+", fields=[
                F("FirstOffset", "int64", "0+"),
                F("LastOffset", "int64", "0+"),
                F("DeliveryState", "int8", "0+"),
                F("DeliveryCount", "int16", "0+"),
            ]),
        ]),
    ]),
])
