"""API key 67: AllocateProducerIds."""

from pybroker.protocol.definitions.notation import F, M

KEY = 67
NAME = "AllocateProducerIds"
REQUEST = M("AllocateProducerIdsRequest", valid="0", flexible="0+", fields=[
    F("BrokerId", "int32", "0+", entity="brokerId"),
    F("BrokerEpoch", "int64", "0+", default="-1"),
])

RESPONSE = M("AllocateProducerIdsResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ProducerIdStart", "int64", "0+", entity="producerId"),
    F("ProducerIdLen", "int32", "0+"),
])
