"""API key 14: SyncGroup."""

from pybroker.protocol.definitions.notation import F, M

KEY = 14
NAME = "SyncGroup"
REQUEST = M("SyncGroupRequest", valid="0-5", flexible="4+", fields=[
    F("GroupId", "string", "0+", entity="groupId"),
    F("GenerationId", "int32", "0+"),
    F("MemberId", "string", "0+"),
    F("GroupInstanceId", "string", "3+", nullable="3+", default="null"),
    F("ProtocolType", "string", "5+", nullable="5+", default="null", ignorable=True),
    F("ProtocolName", "string", "5+", nullable="5+", default="null", ignorable=True),
    F("Assignments", "[]SyncGroupRequestAssignment", "0+", fields=[
        F("MemberId", "string", "0+"),
        F("Assignment", "bytes", "0+"),
    ]),
])

RESPONSE = M("SyncGroupResponse", valid="0-5", flexible="4+", fields=[
    F("ThrottleTimeMs", "int32", "1+", ignorable=True),
    F("ErrorCode", "int16", "0+"),
    F("ProtocolType", "string", "5+", nullable="5+", default="null", ignorable=True),
    F("ProtocolName", "string", "5+", nullable="5+", default="null", ignorable=True),
    F("Assignment", "bytes", "0+"),
])
