"""API key 25: AddOffsetsToTxn."""

from pybroker.protocol.definitions.notation import F, M

KEY = 25
NAME = "AddOffsetsToTxn"
REQUEST = M("AddOffsetsToTxnRequest", valid="0-4", flexible="3+", fields=[
    F("TransactionalId", "string", "0+", entity="transactionalId"),
    F("ProducerId", "int64", "0+", entity="producerId"),
    F("ProducerEpoch", "int16", "0+"),
    F("GroupId", "string", "0+", entity="groupId"),
])

RESPONSE = M("AddOffsetsToTxnResponse", valid="0-4", flexible="3+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
])
