"""API key 63: BrokerHeartbeat."""

from pybroker.protocol.definitions.notation import F, M

KEY = 63
NAME = "BrokerHeartbeat"
REQUEST = M("BrokerHeartbeatRequest", valid="0-2", flexible="0+", fields=[
    F("BrokerId", "int32", "0+", entity="brokerId"),
    F("BrokerEpoch", "int64", "0+", default="-1"),
    F("CurrentMetadataOffset", "int64", "0+"),
    F("WantFence", "bool", "0+"),
    F("WantShutDown", "bool", "0+"),
    F("OfflineLogDirs", "[]uuid", "1+", tagged="1+", tag=0),
    F("CordonedLogDirs", "[]uuid", "2+", nullable="2+", tagged="2+", tag=1, default="null"),
])

RESPONSE = M("BrokerHeartbeatResponse", valid="0-2", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("IsCaughtUp", "bool", "0+", default="false"),
    F("IsFenced", "bool", "0+", default="true"),
    F("ShouldShutDown", "bool", "0+"),
])
