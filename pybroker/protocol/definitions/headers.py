"""RequestHeader, ResponseHeader."""

from pybroker.protocol.definitions.notation import F, M

REQUEST_HEADER = M("RequestHeader", valid="1-2", flexible="2+", fields=[
    F("RequestApiKey", "int16", "0+"),
    F("RequestApiVersion", "int16", "0+"),
    F("CorrelationId", "int32", "0+"),
    F("ClientId", "string", "1+", nullable="1+", flexible="none"),
])

RESPONSE_HEADER = M("ResponseHeader", valid="0-1", flexible="1+", fields=[
    F("CorrelationId", "int32", "0+"),
])
