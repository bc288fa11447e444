"""API key 65: DescribeTransactions."""

from pybroker.protocol.definitions.notation import F, M

KEY = 65
NAME = "DescribeTransactions"
REQUEST = M("DescribeTransactionsRequest", valid="0", flexible="0+", fields=[
    F("TransactionalIds", "[]string", "0+", entity="transactionalId"),
])

RESPONSE = M("DescribeTransactionsResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("TransactionStates", "[]TransactionState", "0+", fields=[
        F("ErrorCode", "int16", "0+"),
        F("TransactionalId", "string", "0+", entity="transactionalId"),
        F("TransactionState", "string", "0+"),
        F("TransactionTimeoutMs", "int32", "0+"),
        F("TransactionStartTimeMs", "int64", "0+"),
        F("ProducerId", "int64", "0+", entity="producerId"),
        F("ProducerEpoch", "int16", "0+"),
        F("Topics", "[]TopicData", "0+", fields=[
            F("Topic", "string", "0+", map_key=True, entity="topicName"),
            F("Partitions", "[]int32", "0+"),
        ]),
    ]),
])
