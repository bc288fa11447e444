"""API key 61: DescribeProducers."""

from pybroker.protocol.definitions.notation import F, M

KEY = 61
NAME = "DescribeProducers"
REQUEST = M("DescribeProducersRequest", valid="0", flexible="0+", fields=[
    F("Topics", "[]TopicRequest", "0+", fields=[
        F("Name", "string", "0+", map_key=True, entity="topicName"),
        F("PartitionIndexes", "[]int32", "0+"),
    ]),
])

RESPONSE = M("DescribeProducersResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Topics", "[]TopicResponse", "0+", fields=[
        F("Name", "string", "0+", entity="topicName"),
        F("Partitions", "[]PartitionResponse", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
            F("ActiveProducers", "[]ProducerState", "0+", fields=[
                F("ProducerId", "int64", "0+", entity="producerId"),
                F("ProducerEpoch", "int32", "0+"),
                F("LastSequence", "int32", "0+", default="-1"),
                F("LastTimestamp", "int64", "0+", default="-1"),
                F("CoordinatorEpoch", "int32", "0+"),
                F("CurrentTxnStartOffset", "int64", "0+", default="-1"),
            ]),
        ]),
    ]),
])
