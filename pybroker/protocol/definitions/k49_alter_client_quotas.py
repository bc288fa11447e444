"""API key 49: AlterClientQuotas."""

from pybroker.protocol.definitions.notation import F, M

KEY = 49
NAME = "AlterClientQuotas"
REQUEST = M("AlterClientQuotasRequest", valid="0-1", flexible="1+", fields=[
    F("Entries", "[]EntryData", "0+", fields=[
        F("Entity", "[]EntityData", "0+", fields=[
            F("EntityType", "string", "0+"),
            F("EntityName", "string", "0+", nullable="0+"),
        ]),
        F("Ops", "[]OpData", "0+", fields=[
            F("Key", "string", "0+"),
            F("Value", "float64", "0+"),
            F("Remove", "bool", "0+"),
        ]),
    ]),
    F("ValidateOnly", "bool", "0+"),
])

RESPONSE = M("AlterClientQuotasResponse", valid="0-1", flexible="1+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Entries", "[]EntryData", "0+", fields=[
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "0+", nullable="0+"),
        F("Entity", "[]EntityData", "0+", fields=[
            F("EntityType", "string", "0+"),
            F("EntityName", "string", "0+", nullable="0+"),
        ]),
    ]),
])
