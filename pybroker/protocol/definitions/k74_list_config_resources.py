"""API key 74: ListConfigResources."""

from pybroker.protocol.definitions.notation import F, M

KEY = 74
NAME = "ListConfigResources"
REQUEST = M("ListConfigResourcesRequest", valid="0-1", flexible="0+", fields=[
    F("ResourceTypes", "[]int8", "1+"),
])

RESPONSE = M("ListConfigResourcesResponse", valid="0-1", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ConfigResources", "[]ConfigResource", "0+", fields=[
        F("ResourceName", "string", "0+"),
        F("ResourceType", "int8", "1+", default="16", ignorable=True),
    ]),
])
