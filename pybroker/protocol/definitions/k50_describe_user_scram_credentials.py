"""API key 50: DescribeUserScramCredentials."""

from pybroker.protocol.definitions.notation import F, M

KEY = 50
NAME = "DescribeUserScramCredentials"
REQUEST = M("DescribeUserScramCredentialsRequest", valid="0", flexible="0+", fields=[
    F("Users", "[]UserName", "0+", nullable="0+", fields=[
        F("Name", "string", "0+"),
    ]),
])

RESPONSE = M("DescribeUserScramCredentialsResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+"),
    F("Results", "[]DescribeUserScramCredentialsResult", "0+", fields=[
        F("User", "string", "0+"),
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "0+", nullable="0+"),
        F("CredentialInfos", "[]CredentialInfo", "0+", fields=[
            F("Mechanism", "int8", "0+"),
            F("Iterations", "int32", "0+"),
        ]),
    ]),
])
