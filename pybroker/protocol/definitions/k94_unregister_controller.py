"""API key 94: UnregisterController."""

from pybroker.protocol.definitions.notation import F, M

KEY = 94
NAME = "UnregisterController"
REQUEST = M("UnregisterControllerRequest", valid="0", flexible="0+", fields=[
    F("ControllerId", "int32", "0+"),
])

RESPONSE = M("UnregisterControllerResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+"),
])
