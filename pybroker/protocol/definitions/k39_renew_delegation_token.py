"""API key 39: RenewDelegationToken."""

from pybroker.protocol.definitions.notation import F, M

KEY = 39
NAME = "RenewDelegationToken"
REQUEST = M("RenewDelegationTokenRequest", valid="1-2", flexible="2+", fields=[
    F("Hmac", "bytes", "0+"),
    F("RenewPeriodMs", "int64", "0+"),
])

RESPONSE = M("RenewDelegationTokenResponse", valid="1-2", flexible="2+", fields=[
    F("ErrorCode", "int16", "0+"),
    F("ExpiryTimestampMs", "int64", "0+"),
    F("ThrottleTimeMs", "int32", "0+"),
])
