"""API key 70: ControllerRegistration."""

from pybroker.protocol.definitions.notation import F, M

KEY = 70
NAME = "ControllerRegistration"
REQUEST = M("ControllerRegistrationRequest", valid="0", flexible="0+", fields=[
    F("ControllerId", "int32", "0+"),
    F("IncarnationId", "uuid", "0+"),
    F("ZkMigrationReady", "bool", "0+"),
    F("Listeners", "[]Listener", "0+", fields=[
        F("Name", "string", "0+", map_key=True),
        F("Host", "string", "0+"),
        F("Port", "uint16", "0+"),
        F("SecurityProtocol", "int16", "0+"),
    ]),
    F("Features", "[]Feature", "0+", fields=[
        F("Name", "string", "0+", map_key=True),
        F("MinSupportedVersion", "int16", "0+"),
        F("MaxSupportedVersion", "int16", "0+"),
    ]),
])

RESPONSE = M("ControllerRegistrationResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+"),
])
