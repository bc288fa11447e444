"""API key 86: DeleteShareGroupState."""

from pybroker.protocol.definitions.notation import F, M

KEY = 86
NAME = "DeleteShareGroupState"
REQUEST = M("DeleteShareGroupStateRequest", valid="0", flexible="0+", fields=[
    F("GroupId", "string", "0+"),
    F("Topics", "[]DeleteStateData", "0+", fields=[
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("Partition", "int32", "0+"),
        ]),
    ]),
])

RESPONSE = M("DeleteShareGroupStateResponse", valid="0", flexible="0+", fields=[
    F("Results", "[]DeleteStateResult", "0+", fields=[
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]PartitionResult", "0+", fields=[
            F("Partition", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
        ]),
    ]),
])
