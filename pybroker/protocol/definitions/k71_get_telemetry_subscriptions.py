"""API key 71: GetTelemetrySubscriptions."""

from pybroker.protocol.definitions.notation import F, M

KEY = 71
NAME = "GetTelemetrySubscriptions"
REQUEST = M("GetTelemetrySubscriptionsRequest", valid="0", flexible="0+", fields=[
    F("ClientInstanceId", "uuid", "0+"),
])

RESPONSE = M("GetTelemetrySubscriptionsResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ClientInstanceId", "uuid", "0+"),
    F("SubscriptionId", "int32", "0+"),
    F("AcceptedCompressionTypes", "[]int8", "0+"),
    F("PushIntervalMs", "int32", "0+"),
    F("TelemetryMaxBytes", "int32", "0+"),
    F("DeltaTemporality", "bool", "0+"),
    F("RequestedMetrics", "[]string", "0+"),
])
