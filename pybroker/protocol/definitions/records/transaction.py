"""Records of __transaction_state: a key whose first int16 is the record type, and its value."""

from pybroker.protocol.definitions.notation import F, M


TRANSACTION_LOG_KEY = M("TransactionLogKey", valid="0", flexible="none", fields=[
    F("TransactionalId", "string", "0"),
])

TRANSACTION_LOG_VALUE = M("TransactionLogValue", valid="0-1", flexible="1+", fields=[
    F("ProducerId", "int64", "0+"),
    F("PreviousProducerId", "int64", "0+", tagged="1+", tag=0, default="-1"),
    F("NextProducerId", "int64", "0+", tagged="1+", tag=1, default="-1"),
    F("ProducerEpoch", "int16", "0+"),
    F("NextProducerEpoch", "int16", "0+", tagged="1+", tag=3, default="-1"),
    F("TransactionTimeoutMs", "int32", "0+"),
    F("TransactionStatus", "int8", "0+"),
    F("TransactionPartitions", "[]PartitionsSchema", "0+", nullable="0+", fields=[
        F("Topic", "string", "0+"),
        F("PartitionIds", "[]int32", "0+"),
    ]),
    F("TransactionLastUpdateTimestampMs", "int64", "0+"),
    F("TransactionStartTimestampMs", "int64", "0+"),
    F("ClientTransactionVersion", "int16", "0+", tagged="1+", tag=2, default="0"),
])

# Record type (first int16 of the key) to key and value.
RECORD_TYPES = {
    0: (TRANSACTION_LOG_KEY, TRANSACTION_LOG_VALUE),
}
