"""API key 56: AlterPartition."""

from pybroker.protocol.definitions.notation import F, M

KEY = 56
NAME = "AlterPartition"
REQUEST = M("AlterPartitionRequest", valid="2-3", flexible="0+", fields=[
    F("BrokerId", "int32", "0+", entity="brokerId"),
    F("BrokerEpoch", "int64", "0+", default="-1"),
    F("Topics", "[]TopicData", "0+", fields=[
        F("TopicId", "uuid", "2+", ignorable=True),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("LeaderEpoch", "int32", "0+"),
            F("NewIsr", "[]int32", "0-2", entity="brokerId"),
            F("NewIsrWithEpochs", "[]BrokerState", "3+", fields=[
                F("BrokerId", "int32", "3+", entity="brokerId"),
                F("BrokerEpoch", "int64", "3+", default="-1"),
            ]),
            F("LeaderRecoveryState", "int8", "1+", default="0"),
            F("PartitionEpoch", "int32", "0+"),
        ]),
    ]),
])

RESPONSE = M("AlterPartitionResponse", valid="2-3", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("Topics", "[]TopicData", "0+", fields=[
        F("TopicId", "uuid", "2+", ignorable=True),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("LeaderId", "int32", "0+", entity="brokerId"),
            F("LeaderEpoch", "int32", "0+"),
            F("Isr", "[]int32", "0+", entity="brokerId"),
            F("LeaderRecoveryState", "int8", "1+", default="0", ignorable=True),
            F("PartitionEpoch", "int32", "0+"),
        ]),
    ]),
])
