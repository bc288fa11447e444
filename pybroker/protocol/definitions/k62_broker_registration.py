"""API key 62: BrokerRegistration."""

from pybroker.protocol.definitions.notation import F, M

KEY = 62
NAME = "BrokerRegistration"
REQUEST = M("BrokerRegistrationRequest", valid="0-4", flexible="0+", fields=[
    F("BrokerId", "int32", "0+", entity="brokerId"),
    F("ClusterId", "string", "0+"),
    F("IncarnationId", "uuid", "0+"),
    F("Listeners", "[]Listener", "0+", fields=[
        F("Name", "string", "0+", map_key=True),
        F("Host", "string", "0+"),
        F("Port", "uint16", "0+"),
        F("SecurityProtocol", "int16", "0+"),
    ]),
    F("Features", "[]Feature", "0+", fields=[
        F("Name", "string", "0+", map_key=True),
        F("MinSupportedVersion", "int16", "0+"),
        F("MaxSupportedVersion", "int16", "0+"),
    ]),
    F("Rack", "string", "0+", nullable="0+"),
    F("IsMigratingZkBroker", "bool", "1+", default="false"),
    F("LogDirs", "[]uuid", "2+", ignorable=True),
    F("PreviousBrokerEpoch", "int64", "3+", default="-1", ignorable=True),
])

RESPONSE = M("BrokerRegistrationResponse", valid="0-4", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("BrokerEpoch", "int64", "0+", default="-1"),
])
