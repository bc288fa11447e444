"""API key 58: Envelope."""

from pybroker.protocol.definitions.notation import F, M

KEY = 58
NAME = "Envelope"
REQUEST = M("EnvelopeRequest", valid="0", flexible="0+", fields=[
    F("RequestData", "bytes", "0+"),
    F("RequestPrincipal", "bytes", "0+", nullable="0+"),
    F("ClientHostAddress", "bytes", "0+"),
])

RESPONSE = M("EnvelopeResponse", valid="0", flexible="0+", fields=[
    F("ResponseData", "bytes", "0+", nullable="0+", default="null"),
    F("ErrorCode", "int16", "0+"),
])
