"""API key 18: ApiVersions."""

from pybroker.protocol.definitions.notation import F, M

KEY = 18
NAME = "ApiVersions"
REQUEST = M("ApiVersionsRequest", valid="0-5", flexible="3+", fields=[
    F("ClientSoftwareName", "string", "3+", ignorable=True),
    F("ClientSoftwareVersion", "string", "3+", ignorable=True),
    F("ClusterId", "string", "5+", nullable="5+", default="null", ignorable=True),
    F("NodeId", "int32", "5+", default="-1", ignorable=True),
])

RESPONSE = M("ApiVersionsResponse", valid="0-5", flexible="3+", fields=[
    F("ErrorCode", "int16", "0+"),
    F("ApiKeys", "[]ApiVersion", "0+", fields=[
        F("ApiKey", "int16", "0+", map_key=True),
        F("MinVersion", "int16", "0+"),
        F("MaxVersion", "int16", "0+"),
    ]),
    F("ThrottleTimeMs", "int32", "1+", ignorable=True),
    F("SupportedFeatures", "[]SupportedFeatureKey", "3+", tagged="3+", tag=0, ignorable=True, fields=[
        F("Name", "string", "3+", map_key=True),
        F("MinVersion", "int16", "3+"),
        F("MaxVersion", "int16", "3+"),
    ]),
    F("FinalizedFeaturesEpoch", "int64", "3+", tagged="3+", tag=1, default="-1", ignorable=True),
    F("FinalizedFeatures", "[]FinalizedFeatureKey", "3+", tagged="3+", tag=2, ignorable=True, fields=[
        F("Name", "string", "3+", map_key=True),
        F("MaxVersionLevel", "int16", "3+"),
        F("MinVersionLevel", "int16", "3+"),
    ]),
    F("ZkMigrationReady", "bool", "3+", tagged="3+", tag=3, default="false", ignorable=True),
])
