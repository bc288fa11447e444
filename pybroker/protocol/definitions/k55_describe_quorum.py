"""API key 55: DescribeQuorum."""

from pybroker.protocol.definitions.notation import F, M, S

KEY = 55
NAME = "DescribeQuorum"
REQUEST = M("DescribeQuorumRequest", valid="0-2", flexible="0+", fields=[
    F("Topics", "[]TopicData", "0+", fields=[
        F("TopicName", "string", "0+", entity="topicName"),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
        ]),
    ]),
])

RESPONSE = M("DescribeQuorumResponse", valid="0-2", flexible="0+", fields=[
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "2+", nullable="2+", ignorable=True),
    F("Topics", "[]TopicData", "0+", fields=[
        F("TopicName", "string", "0+", entity="topicName"),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("ErrorMessage", "string", "2+", nullable="2+", ignorable=True),
            F("LeaderId", "int32", "0+", entity="brokerId"),
            F("LeaderEpoch", "int32", "0+"),
            F("HighWatermark", "int64", "0+"),
            F("CurrentVoters", "[]ReplicaState", "0+"),
            F("Observers", "[]ReplicaState", "0+"),
        ]),
    ]),
    F("Nodes", "[]Node", "2+", fields=[
        F("NodeId", "int32", "2+", map_key=True, entity="brokerId"),
        F("Listeners", "[]Listener", "2+", fields=[
            F("Name", "string", "2+", map_key=True),
            F("Host", "string", "2+"),
            F("Port", "uint16", "2+"),
        ]),
    ]),
], structs=[
    S("ReplicaState", "0+", [
        F("ReplicaId", "int32", "0+", entity="brokerId"),
        F("ReplicaDirectoryId", "uuid", "2+"),
        F("LogEndOffset", "int64", "0+"),
        F("LastFetchTimestamp", "int64", "1+", default="-1", ignorable=True),
        F("LastCaughtUpTimestamp", "int64", "1+", default="-1", ignorable=True),
    ]),
])
