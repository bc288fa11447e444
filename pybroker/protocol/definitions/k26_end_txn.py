"""API key 26: EndTxn."""

from pybroker.protocol.definitions.notation import F, M

KEY = 26
NAME = "EndTxn"
REQUEST = M("EndTxnRequest", valid="0-5", flexible="3+", fields=[
    F("TransactionalId", "string", "0+", entity="transactionalId"),
    F("ProducerId", "int64", "0+", entity="producerId"),
    F("ProducerEpoch", "int16", "0+"),
    F("Committed", "bool", "0+"),
])

RESPONSE = M("EndTxnResponse", valid="0-5", flexible="3+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ProducerId", "int64", "5+", default="-1", ignorable=True, entity="producerId"),
    F("ProducerEpoch", "int16", "5+", default="-1", ignorable=True),
])
