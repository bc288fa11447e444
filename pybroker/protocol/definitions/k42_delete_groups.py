"""API key 42: DeleteGroups."""

from pybroker.protocol.definitions.notation import F, M

KEY = 42
NAME = "DeleteGroups"
REQUEST = M("DeleteGroupsRequest", valid="0-3", flexible="2+", fields=[
    F("GroupsNames", "[]string", "0+", entity="groupId"),
])

RESPONSE = M("DeleteGroupsResponse", valid="0-3", flexible="2+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Results", "[]DeletableGroupResult", "0+", fields=[
        F("GroupId", "string", "0+", map_key=True, entity="groupId"),
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "3+", nullable="3+", default="null", ignorable=True),
    ]),
])
