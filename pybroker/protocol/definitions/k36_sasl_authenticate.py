"""API key 36: SaslAuthenticate."""

from pybroker.protocol.definitions.notation import F, M

KEY = 36
NAME = "SaslAuthenticate"
REQUEST = M("SaslAuthenticateRequest", valid="0-2", flexible="2+", fields=[
    F("AuthBytes", "bytes", "0+"),
])

RESPONSE = M("SaslAuthenticateResponse", valid="0-2", flexible="2+", fields=[
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+"),
    F("AuthBytes", "bytes", "0+"),
    F("SessionLifetimeMs", "int64", "1+", default="0", ignorable=True),
])
