"""API key 27: WriteTxnMarkers."""

from pybroker.protocol.definitions.notation import F, M

KEY = 27
NAME = "WriteTxnMarkers"
REQUEST = M("WriteTxnMarkersRequest", valid="1-2", flexible="1+", fields=[
    F("Markers", "[]WritableTxnMarker", "0+", fields=[
        F("ProducerId", "int64", "0+", entity="producerId"),
        F("ProducerEpoch", "int16", "0+"),
        F("TransactionResult", "bool", "0+"),
        F("Topics", "[]WritableTxnMarkerTopic", "0+", fields=[
            F("Name", "string", "0+", entity="topicName"),
            F("PartitionIndexes", "[]int32", "0+"),
        ]),
        F("CoordinatorEpoch", "int32", "0+"),
        F("TransactionVersion", "int8", "2+", default="0", ignorable=True),
    ]),
])

RESPONSE = M("WriteTxnMarkersResponse", valid="1-2", flexible="1+", fields=[
    F("Markers", "[]WritableTxnMarkerResult", "0+", fields=[
        F("ProducerId", "int64", "0+", entity="producerId"),
        F("Topics", "[]WritableTxnMarkerTopicResult", "0+", fields=[
            F("Name", "string", "0+", entity="topicName"),
            F("Partitions", "[]WritableTxnMarkerPartitionResult", "0+", fields=[
                F("PartitionIndex", "int32", "0+"),
                F("ErrorCode", "int16", "0+"),
            ]),
        ]),
    ]),
])
