"""API key 22: InitProducerId."""

from pybroker.protocol.definitions.notation import F, M

KEY = 22
NAME = "InitProducerId"
REQUEST = M("InitProducerIdRequest", valid="0-6", flexible="2+", fields=[
    F("TransactionalId", "string", "0+", nullable="0+", entity="transactionalId"),
    F("TransactionTimeoutMs", "int32", "0+"),
    F("ProducerId", "int64", "3+", default="-1", entity="producerId"),
    F("ProducerEpoch", "int16", "3+", default="-1"),
    F("Enable2Pc", "bool", "6+", default="false"),
    F("KeepPreparedTxn", "bool", "6+", default="false"),
], latest_unstable=True)

RESPONSE = M("InitProducerIdResponse", valid="0-6", flexible="2+", fields=[
    F("ThrottleTimeMs", "int32", "0+", ignorable=True),
    F("ErrorCode", "int16", "0+"),
    F("ProducerId", "int64", "0+", default="-1", entity="producerId"),
    F("ProducerEpoch", "int16", "0+"),
    F("OngoingTxnProducerId", "int64", "6+", default="-1", entity="producerId"),
    F("OngoingTxnProducerEpoch", "int16", "6+", default="-1"),
])
