"""API key 10: FindCoordinator."""

from pybroker.protocol.definitions.notation import F, M

KEY = 10
NAME = "FindCoordinator"
REQUEST = M("FindCoordinatorRequest", valid="0-6", flexible="3+", fields=[
    F("Key", "string", "0-3"),
    F("KeyType", "int8", "1+", default="0"),
    F("CoordinatorKeys", "[]string", "4+"),
])

RESPONSE = M("FindCoordinatorResponse", valid="0-6", flexible="3+", fields=[
    F("ThrottleTimeMs", "int32", "1+", ignorable=True),
    F("ErrorCode", "int16", "0-3"),
    F("ErrorMessage", "string", "1-3", nullable="1-3", ignorable=True),
    F("NodeId", "int32", "0-3", entity="brokerId"),
    F("Host", "string", "0-3"),
    F("Port", "int32", "0-3"),
    F("Coordinators", "[]Coordinator", "4+", fields=[
        F("Key", "string", "4+"),
        F("NodeId", "int32", "4+", entity="brokerId"),
        F("Host", "string", "4+"),
        F("Port", "int32", "4+"),
        F("ErrorCode", "int16", "4+"),
        F("ErrorMessage", "string", "4+", nullable="4+", ignorable=True),
    ]),
])
