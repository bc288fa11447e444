"""API key 83: InitializeShareGroupState."""

from pybroker.protocol.definitions.notation import F, M

KEY = 83
NAME = "InitializeShareGroupState"
REQUEST = M("InitializeShareGroupStateRequest", valid="0", flexible="0+", fields=[
    F("GroupId", "string", "0+"),
    F("Topics", "[]InitializeStateData", "0+", fields=[
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("Partition", "int32", "0+"),
            F("StateEpoch", "int32", "0+"),
            F("StartOffset", "int64", "0+"),
        ]),
    ]),
])

RESPONSE = M("InitializeShareGroupStateResponse", valid="0", flexible="0+", fields=[
    F("Results", "[]InitializeStateResult", "0+", fields=[
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]PartitionResult", "0+", fields=[
            F("Partition", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
        ]),
    ]),
])
