"""API key 48: DescribeClientQuotas."""

from pybroker.protocol.definitions.notation import F, M

KEY = 48
NAME = "DescribeClientQuotas"
REQUEST = M("DescribeClientQuotasRequest", valid="0-1", flexible="1+", fields=[
    F("Components", "[]ComponentData", "0+", fields=[
        F("EntityType", "string", "0+"),
        F("MatchType", "int8", "0+"),
        F("Match", "string", "0+", nullable="0+"),
    ]),
    F("Strict", "bool", "0+"),
])

RESPONSE = M("DescribeClientQuotasResponse", valid="0-1", flexible="1+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+"),
    F("Entries", "[]EntryData", "0+", nullable="0+", fields=[
        F("Entity", "[]EntityData", "0+", fields=[
            F("EntityType", "string", "0+"),
            F("EntityName", "string", "0+", nullable="0+"),
        ]),
        F("Values", "[]ValueData", "0+", fields=[
            F("Key", "string", "0+"),
            F("Value", "float64", "0+"),
        ]),
    ]),
])
