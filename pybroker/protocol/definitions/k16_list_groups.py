"""API key 16: ListGroups."""

from pybroker.protocol.definitions.notation import F, M

KEY = 16
NAME = "ListGroups"
REQUEST = M("ListGroupsRequest", valid="0-5", flexible="3+", fields=[
    F("StatesFilter", "[]string", "4+"),
    F("TypesFilter", "[]string", "5+"),
])

RESPONSE = M("ListGroupsResponse", valid="0-5", flexible="3+", fields=[
    F("ThrottleTimeMs", "int32", "1+", ignorable=True),
    F("ErrorCode", "int16", "0+"),
    F("Groups", "[]ListedGroup", "0+", fields=[
        F("GroupId", "string", "0+", entity="groupId"),
        F("ProtocolType", "string", "0+"),
        F("GroupState", "string", "4+", ignorable=True),
        F("GroupType", "string", "5+", ignorable=True),
    ]),
])
