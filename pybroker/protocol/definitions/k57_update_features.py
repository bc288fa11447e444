"""API key 57: UpdateFeatures."""

from pybroker.protocol.definitions.notation import F, M

KEY = 57
NAME = "UpdateFeatures"
REQUEST = M("UpdateFeaturesRequest", valid="0-2", flexible="0+", fields=[
    F("timeoutMs", "int32", "0+", default="60000"),
    F("FeatureUpdates", "[]FeatureUpdateKey", "0+", fields=[
        F("Feature", "string", "0+", map_key=True),
        F("MaxVersionLevel", "int16", "0+"),
        F("AllowDowngrade", "bool", "0"),
        F("UpgradeType", "int8", "1+", default="1"),
    ]),
    F("ValidateOnly", "bool", "1+", default="false"),
])

RESPONSE = M("UpdateFeaturesResponse", valid="0-2", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+"),
    F("Results", "[]UpdatableFeatureResult", "0-1", ignorable=True, fields=[
        F("Feature", "string", "0+", map_key=True),
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "0+", nullable="0+"),
    ]),
])
