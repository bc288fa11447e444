"""API key 13: LeaveGroup."""

from pybroker.protocol.definitions.notation import F, M

KEY = 13
NAME = "LeaveGroup"
REQUEST = M("LeaveGroupRequest", valid="0-5", flexible="4+", fields=[
    F("GroupId", "string", "0+", entity="groupId"),
    F("MemberId", "string", "0-2"),
    F("Members", "[]MemberIdentity", "3+", fields=[
        F("MemberId", "string", "3+"),
        F("GroupInstanceId", "string", "3+", nullable="3+", default="null"),
        F("Reason", "string", "5+", nullable="5+", default="null", ignorable=True),
    ]),
])

RESPONSE = M("LeaveGroupResponse", valid="0-5", flexible="4+", fields=[
    F("ThrottleTimeMs", "int32", "1+", ignorable=True),
    F("ErrorCode", "int16", "0+"),
    F("Members", "[]MemberResponse", "3+", fields=[
        F("MemberId", "string", "3+"),
        F("GroupInstanceId", "string", "3+", nullable="3+"),
        F("ErrorCode", "int16", "3+"),
    ]),
])
