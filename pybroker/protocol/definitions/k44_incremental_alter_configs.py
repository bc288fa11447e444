"""API key 44: IncrementalAlterConfigs."""

from pybroker.protocol.definitions.notation import F, M

KEY = 44
NAME = "IncrementalAlterConfigs"
REQUEST = M("IncrementalAlterConfigsRequest", valid="0-1", flexible="1+", fields=[
    F("Resources", "[]AlterConfigsResource", "0+", fields=[
        F("ResourceType", "int8", "0+", map_key=True),
        F("ResourceName", "string", "0+", map_key=True),
        F("Configs", "[]AlterableConfig", "0+", fields=[
            F("Name", "string", "0+", map_key=True),
            F("ConfigOperation", "int8", "0+", map_key=True),
            F("Value", "string", "0+", nullable="0+"),
        ]),
    ]),
    F("ValidateOnly", "bool", "0+"),
])

RESPONSE = M("IncrementalAlterConfigsResponse", valid="0-1", flexible="1+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Responses", "[]AlterConfigsResourceResponse", "0+", fields=[
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "0+", nullable="0+"),
        F("ResourceType", "int8", "0+"),
        F("ResourceName", "string", "0+"),
    ]),
])
