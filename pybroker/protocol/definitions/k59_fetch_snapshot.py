"""API key 59: FetchSnapshot."""

from pybroker.protocol.definitions.notation import F, M

KEY = 59
NAME = "FetchSnapshot"
REQUEST = M("FetchSnapshotRequest", valid="0-1", flexible="0+", fields=[
    F("ClusterId", "string", "0+", nullable="0+", tagged="0+", tag=0, default="null"),
    F("ReplicaId", "int32", "0+", default="-1", entity="brokerId"),
    F("MaxBytes", "int32", "0+", default="0x7fffffff"),
    F("Topics", "[]TopicSnapshot", "0+", fields=[
        F("Name", "string", "0+", entity="topicName"),
        F("Partitions", "[]PartitionSnapshot", "0+", fields=[
            F("Partition", "int32", "0+"),
            F("CurrentLeaderEpoch", "int32", "0+"),
            F("SnapshotId", "SnapshotId", "0+", fields=[
                F("EndOffset", "int64", "0+"),
                F("Epoch", "int32", "0+"),
            ]),
            F("Position", "int64", "0+"),
            F("ReplicaDirectoryId", "uuid", "1+", tagged="1+", tag=0, ignorable=True),
        ]),
    ]),
])

RESPONSE = M("FetchSnapshotResponse", valid="0-1", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+", ignorable=True),
    F("ErrorCode", "int16", "0+"),
    F("Topics", "[]TopicSnapshot", "0+", fields=[
        F("Name", "string", "0+", entity="topicName"),
        F("Partitions", "[]PartitionSnapshot", "0+", fields=[
            F("Index", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("SnapshotId", "SnapshotId", "0+", fields=[
                F("EndOffset", "int64", "0+"),
                F("Epoch", "int32", "0+"),
            ]),
            F("CurrentLeader", "LeaderIdAndEpoch", "0+", tagged="0+", tag=0, fields=[
                F("LeaderId", "int32", "0+", entity="brokerId"),
                F("LeaderEpoch", "int32", "0+"),
            ]),
            F("Size", "int64", "0+"),
            F("Position", "int64", "0+"),
            F("UnalignedRecords", "records", "0+"),
        ]),
    ]),
    F("NodeEndpoints", "[]NodeEndpoint", "1+", tagged="1+", tag=0, fields=[
        F("NodeId", "int32", "1+", map_key=True, entity="brokerId"),
        F("Host", "string", "1+"),
        F("Port", "uint16", "1+"),
    ]),
])
