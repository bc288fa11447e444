"""API key 29: DescribeAcls."""

from pybroker.protocol.definitions.notation import F, M

KEY = 29
NAME = "DescribeAcls"
REQUEST = M("DescribeAclsRequest", valid="1-3", flexible="2+", fields=[
    F("ResourceTypeFilter", "int8", "0+"),
    F("ResourceNameFilter", "string", "0+", nullable="0+"),
    F("PatternTypeFilter", "int8", "1+", default="3"),
    F("PrincipalFilter", "string", "0+", nullable="0+"),
    F("HostFilter", "string", "0+", nullable="0+"),
    F("Operation", "int8", "0+"),
    F("PermissionType", "int8", "0+"),
])

RESPONSE = M("DescribeAclsResponse", valid="1-3", flexible="2+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+"),
    F("Resources", "[]DescribeAclsResource", "0+", fields=[
        F("ResourceType", "int8", "0+"),
        F("ResourceName", "string", "0+"),
        F("PatternType", "int8", "1+", default="3"),
        F("Acls", "[]AclDescription", "0+", fields=[
            F("Principal", "string", "0+"),
            F("Host", "string", "0+"),
            F("Operation", "int8", "0+"),
            F("PermissionType", "int8", "0+"),
        ]),
    ]),
])
