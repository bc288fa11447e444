"""API key 73: AssignReplicasToDirs."""

from pybroker.protocol.definitions.notation import F, M

KEY = 73
NAME = "AssignReplicasToDirs"
REQUEST = M("AssignReplicasToDirsRequest", valid="0", flexible="0+", fields=[
    F("BrokerId", "int32", "0+", entity="brokerId"),
    F("BrokerEpoch", "int64", "0+", default="-1"),
    F("Directories", "[]DirectoryData", "0+", fields=[
        F("Id", "uuid", "0+"),
        F("Topics", "[]TopicData", "0+", fields=[
            F("TopicId", "uuid", "0+"),
            F("Partitions", "[]PartitionData", "0+", fields=[
                F("PartitionIndex", "int32", "0+"),
            ]),
        ]),
    ]),
])

RESPONSE = M("AssignReplicasToDirsResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("Directories", "[]DirectoryData", "0+", fields=[
        F("Id", "uuid", "0+"),
        F("Topics", "[]TopicData", "0+", fields=[
            F("TopicId", "uuid", "0+"),
            F("Partitions", "[]PartitionData", "0+", fields=[
                F("PartitionIndex", "int32", "0+"),
                F("ErrorCode", "int16", "0+"),
            ]),
        ]),
    ]),
])
