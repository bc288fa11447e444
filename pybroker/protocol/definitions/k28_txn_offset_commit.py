"""API key 28: TxnOffsetCommit."""

from pybroker.protocol.definitions.notation import F, M

KEY = 28
NAME = "TxnOffsetCommit"
REQUEST = M("TxnOffsetCommitRequest", valid="0-6", flexible="3+", fields=[
    F("TransactionalId", "string", "0+", entity="transactionalId"),
    F("GroupId", "string", "0+", entity="groupId"),
    F("ProducerId", "int64", "0+", entity="producerId"),
    F("ProducerEpoch", "int16", "0+"),
    F("GenerationIdOrMemberEpoch", "int32", "3+", default="-1"),
    F("MemberId", "string", "3+", default=""),
    F("GroupInstanceId", "string", "3+", nullable="3+", default="null"),
    F("Topics", "[]TxnOffsetCommitRequestTopic", "0+", fields=[
        F("Name", "string", "0-5", ignorable=True, entity="topicName"),
        F("TopicId", "uuid", "6+", ignorable=True),
        F("Partitions", "[]TxnOffsetCommitRequestPartition", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("CommittedOffset", "int64", "0+"),
            F("CommittedLeaderEpoch", "int32", "2+", default="-1", ignorable=True),
            F("CommittedMetadata", "string", "0+", nullable="0+"),
        ]),
    ]),
])

RESPONSE = M("TxnOffsetCommitResponse", valid="0-6", flexible="3+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Topics", "[]TxnOffsetCommitResponseTopic", "0+", fields=[
        F("Name", "string", "0-5", ignorable=True, entity="topicName"),
        F("TopicId", "uuid", "6+", ignorable=True),
        F("Partitions", "[]TxnOffsetCommitResponsePartition", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
        ]),
    ]),
])
