"""API key 38: CreateDelegationToken."""

from pybroker.protocol.definitions.notation import F, M

KEY = 38
NAME = "CreateDelegationToken"
REQUEST = M("CreateDelegationTokenRequest", valid="1-3", flexible="2+", fields=[
    F("OwnerPrincipalType", "string", "3+", nullable="3+"),
    F("OwnerPrincipalName", "string", "3+", nullable="3+"),
    F("Renewers", "[]CreatableRenewers", "0+", fields=[
        F("PrincipalType", "string", "0+"),
        F("PrincipalName", "string", "0+"),
    ]),
    F("MaxLifetimeMs", "int64", "0+"),
])

RESPONSE = M("CreateDelegationTokenResponse", valid="1-3", flexible="2+", fields=[
    F("ErrorCode", "int16", "0+"),
    F("PrincipalType", "string", "0+"),
    F("PrincipalName", "string", "0+"),
    F("TokenRequesterPrincipalType", "string", "3+"),
    F("TokenRequesterPrincipalName", "string", "3+"),
    F("IssueTimestampMs", "int64", "0+"),
    F("ExpiryTimestampMs", "int64", "0+"),
    F("MaxTimestampMs", "int64", "0+"),
    F("TokenId", "string", "0+"),
    F("Hmac", "bytes", "0+"),
    F("ThrottleTimeMs", "int32", "0+"),
])
