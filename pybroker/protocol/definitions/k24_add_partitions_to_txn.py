"""API key 24: AddPartitionsToTxn."""

from pybroker.protocol.definitions.notation import F, M, S

KEY = 24
NAME = "AddPartitionsToTxn"
REQUEST = M("AddPartitionsToTxnRequest", valid="0-5", flexible="3+", fields=[
    F("Transactions", "[]AddPartitionsToTxnTransaction", "4+", fields=[
        F("TransactionalId", "string", "4+", map_key=True, entity="transactionalId"),
        F("ProducerId", "int64", "4+", entity="producerId"),
        F("ProducerEpoch", "int16", "4+"),
        F("VerifyOnly", "bool", "4+", default="false"),
        F("Topics", "[]AddPartitionsToTxnTopic", "4+"),
    ]),
    F("V3AndBelowTransactionalId", "string", "0-3", entity="transactionalId"),
    F("V3AndBelowProducerId", "int64", "0-3", entity="producerId"),
    F("V3AndBelowProducerEpoch", "int16", "0-3"),
    F("V3AndBelowTopics", "[]AddPartitionsToTxnTopic", "0-3"),
], structs=[
    S("AddPartitionsToTxnTopic", "0+", [
        F("Name", "string", "0+", map_key=True, entity="topicName"),
        F("Partitions", "[]int32", "0+"),
    ]),
])

RESPONSE = M("AddPartitionsToTxnResponse", valid="0-5", flexible="3+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "4+", ignorable=True),
    F("ResultsByTransaction", "[]AddPartitionsToTxnResult", "4+", fields=[
        F("TransactionalId", "string", "4+", map_key=True, entity="transactionalId"),
        F("TopicResults", "[]AddPartitionsToTxnTopicResult", "4+"),
    ]),
    F("ResultsByTopicV3AndBelow", "[]AddPartitionsToTxnTopicResult", "0-3"),
], structs=[
    S("AddPartitionsToTxnTopicResult", "0+", [
        F("Name", "string", "0+", map_key=True, entity="topicName"),
        F("ResultsByPartition", "[]AddPartitionsToTxnPartitionResult", "0+"),
    ]),
    S("AddPartitionsToTxnPartitionResult", "0+", [
        F("PartitionIndex", "int32", "0+", map_key=True),
        F("PartitionErrorCode", "int16", "0+"),
    ]),
])
