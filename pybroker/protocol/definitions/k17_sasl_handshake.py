"""API key 17: SaslHandshake."""

from pybroker.protocol.definitions.notation import F, M

KEY = 17
NAME = "SaslHandshake"
REQUEST = M("SaslHandshakeRequest", valid="0-1", flexible="none", fields=[
    F("Mechanism", "string", "0+"),
])

RESPONSE = M("SaslHandshakeResponse", valid="0-1", flexible="none", fields=[
    F("ErrorCode", "int16", "0+"),
    F("Mechanisms", "[]string", "0+"),
])
