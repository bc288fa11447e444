"""API key 31: DeleteAcls."""

from pybroker.protocol.definitions.notation import F, M

KEY = 31
NAME = "DeleteAcls"
REQUEST = M("DeleteAclsRequest", valid="1-3", flexible="2+", fields=[
    F("Filters", "[]DeleteAclsFilter", "0+", fields=[
        F("ResourceTypeFilter", "int8", "0+"),
        F("ResourceNameFilter", "string", "0+", nullable="0+"),
        F("PatternTypeFilter", "int8", "1+", default="3"),
        F("PrincipalFilter", "string", "0+", nullable="0+"),
        F("HostFilter", "string", "0+", nullable="0+"),
        F("Operation", "int8", "0+"),
        F("PermissionType", "int8", "0+"),
    ]),
])

RESPONSE = M("DeleteAclsResponse", valid="1-3", flexible="2+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("FilterResults", "[]DeleteAclsFilterResult", "0+", fields=[
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "0+", nullable="0+"),
        F("MatchingAcls", "[]DeleteAclsMatchingAcl", "0+", fields=[
            F("ErrorCode", "int16", "0+"),
            F("ErrorMessage", "string", "0+", nullable="0+"),
            F("ResourceType", "int8", "0+"),
            F("ResourceName", "string", "0+"),
            F("PatternType", "int8", "1+", default="3"),
            F("Principal", "string", "0+"),
            F("Host", "string", "0+"),
            F("Operation", "int8", "0+"),
            F("PermissionType", "int8", "0+"),
        ]),
    ]),
])
