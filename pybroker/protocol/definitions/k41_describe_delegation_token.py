"""API key 41: DescribeDelegationToken."""

from pybroker.protocol.definitions.notation import F, M

KEY = 41
NAME = "DescribeDelegationToken"
REQUEST = M("DescribeDelegationTokenRequest", valid="1-3", flexible="2+", fields=[
    F("Owners", "[]DescribeDelegationTokenOwner", "0+", nullable="0+", fields=[
        F("PrincipalType", "string", "0+"),
        F("PrincipalName", "string", "0+"),
    ]),
])

RESPONSE = M("DescribeDelegationTokenResponse", valid="1-3", flexible="2+", fields=[
    F("ErrorCode", "int16", "0+"),
    F("Tokens", "[]DescribedDelegationToken", "0+", fields=[
        F("PrincipalType", "string", "0+"),
        F("PrincipalName", "string", "0+"),
        F("TokenRequesterPrincipalType", "string", "3+"),
        F("TokenRequesterPrincipalName", "string", "3+"),
        F("IssueTimestamp", "int64", "0+"),
        F("ExpiryTimestamp", "int64", "0+"),
        F("MaxTimestamp", "int64", "0+"),
        F("TokenId", "string", "0+"),
        F("Hmac", "bytes", "0+"),
        F("Renewers", "[]DescribedDelegationTokenRenewer", "0+", fields=[
            F("PrincipalType", "string", "0+"),
            F("PrincipalName", "string", "0+"),
        ]),
    ]),
    F("ThrottleTimeMs", "int32", "0+"),
])
