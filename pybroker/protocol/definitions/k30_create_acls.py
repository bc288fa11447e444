"""API key 30: CreateAcls."""

from pybroker.protocol.definitions.notation import F, M

KEY = 30
NAME = "CreateAcls"
REQUEST = M("CreateAclsRequest", valid="1-3", flexible="2+", fields=[
    F("Creations", "[]AclCreation", "0+", fields=[
        F("ResourceType", "int8", "0+"),
        F("ResourceName", "string", "0+"),
        F("ResourcePatternType", "int8", "1+", default="3"),
        F("Principal", "string", "0+"),
        F("Host", "string", "0+"),
        F("Operation", "int8", "0+"),
        F("PermissionType", "int8", "0+"),
    ]),
])

RESPONSE = M("CreateAclsResponse", valid="1-3", flexible="2+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Results", "[]AclCreationResult", "0+", fields=[
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "0+", nullable="0+"),
    ]),
])
