"""API key 64: UnregisterBroker."""

from pybroker.protocol.definitions.notation import F, M

KEY = 64
NAME = "UnregisterBroker"
REQUEST = M("UnregisterBrokerRequest", valid="0", flexible="0+", fields=[
    F("BrokerId", "int32", "0+", entity="brokerId"),
])

RESPONSE = M("UnregisterBrokerResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+"),
])
