"""API key 72: PushTelemetry."""

from pybroker.protocol.definitions.notation import F, M

KEY = 72
NAME = "PushTelemetry"
REQUEST = M("PushTelemetryRequest", valid="0", flexible="0+", fields=[
    F("ClientInstanceId", "uuid", "0+"),
    F("SubscriptionId", "int32", "0+"),
    F("Terminating", "bool", "0+"),
    F("CompressionType", "int8", "0+"),
    F("Metrics", "bytes", "0+"),
])

RESPONSE = M("PushTelemetryResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
])
