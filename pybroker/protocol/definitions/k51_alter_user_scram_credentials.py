"""API key 51: AlterUserScramCredentials."""

from pybroker.protocol.definitions.notation import F, M

KEY = 51
NAME = "AlterUserScramCredentials"
REQUEST = M("AlterUserScramCredentialsRequest", valid="0", flexible="0+", fields=[
    F("Deletions", "[]ScramCredentialDeletion", "0+", fields=[
        F("Name", "string", "0+"),
        F("Mechanism", "int8", "0+"),
    ]),
    F("Upsertions", "[]ScramCredentialUpsertion", "0+", fields=[
        F("Name", "string", "0+"),
        F("Mechanism", "int8", "0+"),
        F("Iterations", "int32", "0+"),
        F("Salt", "bytes", "0+"),
        F("SaltedPassword", "bytes", "0+"),
    ]),
])

RESPONSE = M("AlterUserScramCredentialsResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Results", "[]AlterUserScramCredentialsResult", "0+", fields=[
        F("User", "string", "0+"),
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "0+", nullable="0+"),
    ]),
])
