"""API key 33: AlterConfigs."""

from pybroker.protocol.definitions.notation import F, M

KEY = 33
NAME = "AlterConfigs"
REQUEST = M("AlterConfigsRequest", valid="0-2", flexible="2+", fields=[
    F("Resources", "[]AlterConfigsResource", "0+", fields=[
        F("ResourceType", "int8", "0+", map_key=True),
        F("ResourceName", "string", "0+", map_key=True),
        F("Configs", "[]AlterableConfig", "0+", fields=[
            F("Name", "string", "0+", map_key=True),
            F("Value", "string", "0+", nullable="0+"),
        ]),
    ]),
    F("ValidateOnly", "bool", "0+"),
])

RESPONSE = M("AlterConfigsResponse", valid="0-2", flexible="2+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Responses", "[]AlterConfigsResourceResponse", "0+", fields=[
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "0+", nullable="0+"),
        F("ResourceType", "int8", "0+"),
        F("ResourceName", "string", "0+"),
    ]),
])
