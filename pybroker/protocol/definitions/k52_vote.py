"""API key 52: Vote."""

from pybroker.protocol.definitions.notation import F, M

KEY = 52
NAME = "Vote"
REQUEST = M("VoteRequest", valid="0-2", flexible="0+", fields=[
    F("ClusterId", "string", "0+", nullable="0+", default="null"),
    F("VoterId", "int32", "1+", default="-1", ignorable=True, entity="brokerId"),
    F("Topics", "[]TopicData", "0+", fields=[
        F("TopicName", "string", "0+", entity="topicName"),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("ReplicaEpoch", "int32", "0+"),
            F("ReplicaId", "int32", "0+", entity="brokerId"),
            F("ReplicaDirectoryId", "uuid", "1+", ignorable=True),
            F("VoterDirectoryId", "uuid", "1+", ignorable=True),
            F("LastOffsetEpoch", "int32", "0+"),
            F("LastOffset", "int64", "0+"),
            F("PreVote", "bool", "2+"),
        ]),
    ]),
])

RESPONSE = M("VoteResponse", valid="0-2", flexible="0+", fields=[
    F("ErrorCode", "int16", "0+"),
    F("Topics", "[]TopicData", "0+", fields=[
        F("TopicName", "string", "0+", entity="topicName"),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("LeaderId", "int32", "0+", entity="brokerId"),
            F("LeaderEpoch", "int32", "0+"),
            F("VoteGranted", "bool", "0+"),
        ]),
    ]),
    F("NodeEndpoints", "[]NodeEndpoint", "1+", tagged="1+", tag=0, fields=[
        F("NodeId", "int32", "1+", map_key=True, entity="brokerId"),
        F("Host", "string", "1+"),
        F("Port", "uint16", "1+"),
    ]),
])
