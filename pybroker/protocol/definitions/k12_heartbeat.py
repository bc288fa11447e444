"""API key 12: Heartbeat."""

from pybroker.protocol.definitions.notation import F, M

KEY = 12
NAME = "Heartbeat"
REQUEST = M("HeartbeatRequest", valid="0-4", flexible="4+", fields=[
    F("GroupId", "string", "0+", entity="groupId"),
    F("GenerationId", "int32", "0+"),
    F("MemberId", "string", "0+"),
    F("GroupInstanceId", "string", "3+", nullable="3+", default="null"),
])

RESPONSE = M("HeartbeatResponse", valid="0-4", flexible="4+", fields=[
    F("ThrottleTimeMs", "int32", "1+", ignorable=True),
    F("ErrorCode", "int16", "0+"),
])
