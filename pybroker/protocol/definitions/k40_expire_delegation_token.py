"""API key 40: ExpireDelegationToken."""

from pybroker.protocol.definitions.notation import F, M

KEY = 40
NAME = "ExpireDelegationToken"
REQUEST = M("ExpireDelegationTokenRequest", valid="1-2", flexible="2+", fields=[
    F("Hmac", "bytes", "0+"),
    F("ExpiryTimePeriodMs", "int64", "0+"),
])

RESPONSE = M("ExpireDelegationTokenResponse", valid="1-2", flexible="2+", fields=[
    F("ErrorCode", "int16", "0+"),
    F("ExpiryTimestampMs", "int64", "0+"),
    F("ThrottleTimeMs", "int32", "0+"),
])
