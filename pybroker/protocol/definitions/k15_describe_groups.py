"""API key 15: DescribeGroups."""

from pybroker.protocol.definitions.notation import F, M

KEY = 15
NAME = "DescribeGroups"
REQUEST = M("DescribeGroupsRequest", valid="0-6", flexible="5+", fields=[
    F("Groups", "[]string", "0+", entity="groupId"),
    F("IncludeAuthorizedOperations", "bool", "3+"),
])

RESPONSE = M("DescribeGroupsResponse", valid="0-6", flexible="5+", fields=[
    F("ThrottleTimeMs", "int32", "1+", ignorable=True),
    F("Groups", "[]DescribedGroup", "0+", fields=[
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "6+", nullable="6+", default="null"),
        F("GroupId", "string", "0+", entity="groupId"),
        F("GroupState", "string", "0+"),
        F("ProtocolType", "string", "0+"),
        F("ProtocolData", "string", "0+"),
        F("Members", "[]DescribedGroupMember", "0+", fields=[
            F("MemberId", "string", "0+"),
            F("GroupInstanceId", "string", "4+", nullable="4+", default="null", ignorable=True),
            F("ClientId", "string", "0+"),
            F("ClientHost", "string", "0+"),
            F("MemberMetadata", "bytes", "0+"),
            F("MemberAssignment", "bytes", "0+"),
        ]),
        F("AuthorizedOperations", "int32", "3+", default="-2147483648"),
    ]),
])
