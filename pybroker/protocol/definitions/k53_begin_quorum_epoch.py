"""API key 53: BeginQuorumEpoch."""

from pybroker.protocol.definitions.notation import F, M

KEY = 53
NAME = "BeginQuorumEpoch"
REQUEST = M("BeginQuorumEpochRequest", valid="0-1", flexible="1+", fields=[
    F("ClusterId", "string", "0+", nullable="0+", default="null"),
    F("VoterId", "int32", "1+", default="-1", ignorable=True, entity="brokerId"),
    F("Topics", "[]TopicData", "0+", fields=[
        F("TopicName", "string", "0+", entity="topicName"),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("VoterDirectoryId", "uuid", "1+", ignorable=True),
            F("LeaderId", "int32", "0+", entity="brokerId"),
            F("LeaderEpoch", "int32", "0+"),
        ]),
    ]),
    F("LeaderEndpoints", "[]LeaderEndpoint", "1+", ignorable=True, fields=[
        F("Name", "string", "1+", map_key=True),
        F("Host", "string", "1+"),
        F("Port", "uint16", "1+"),
    ]),
])

RESPONSE = M("BeginQuorumEpochResponse", valid="0-1", flexible="1+", fields=[
    F("ErrorCode", "int16", "0+"),
    F("Topics", "[]TopicData", "0+", fields=[
        F("TopicName", "string", "0+", entity="topicName"),
        F("Partitions", "[]PartitionData", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
            F("LeaderId", "int32", "0+", entity="brokerId"),
            F("LeaderEpoch", "int32", "0+"),
        ]),
    ]),
    F("NodeEndpoints", "[]NodeEndpoint", "1+", tagged="1+", tag=0, fields=[
        F("NodeId", "int32", "1+", map_key=True, entity="brokerId"),
        F("Host", "string", "1+"),
        F("Port", "uint16", "1+"),
    ]),
])
