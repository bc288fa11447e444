"""API key 11: JoinGroup."""

from pybroker.protocol.definitions.notation import F, M

KEY = 11
NAME = "JoinGroup"
REQUEST = M("JoinGroupRequest", valid="0-9", flexible="6+", fields=[
    F("GroupId", "string", "0+", entity="groupId"),
    F("SessionTimeoutMs", "int32", "0+"),
    F("RebalanceTimeoutMs", "int32", "1+", default="-1", ignorable=True),
    F("MemberId", "string", "0+"),
    F("GroupInstanceId", "string", "5+", nullable="5+", default="null"),
    F("ProtocolType", "string", "0+"),
    F("Protocols", "[]JoinGroupRequestProtocol", "0+", fields=[
        F("Name", "string", "0+", map_key=True),
        F("Metadata", "bytes", "0+"),
    ]),
    F("Reason", "string", "8+", nullable="8+", default="null", ignorable=True),
])

RESPONSE = M("JoinGroupResponse", valid="0-9", flexible="6+", fields=[
    F("ThrottleTimeMs", "int32", "2+", ignorable=True),
    F("ErrorCode", "int16", "0+"),
    F("GenerationId", "int32", "0+", default="-1"),
    F("ProtocolType", "string", "7+", nullable="7+", default="null", ignorable=True),
    F("ProtocolName", "string", "0+", nullable="7+"),
    F("Leader", "string", "0+"),
    F("SkipAssignment", "bool", "9+", default="false"),
    F("MemberId", "string", "0+"),
    F("Members", "[]JoinGroupResponseMember", "0+", fields=[
        F("MemberId", "string", "0+"),
        F("GroupInstanceId", "string", "5+", nullable="5+", default="null", ignorable=True),
        F("Metadata", "bytes", "0+"),
    ]),
])
