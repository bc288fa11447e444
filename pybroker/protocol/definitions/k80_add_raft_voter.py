"""API key 80: AddRaftVoter."""

from pybroker.protocol.definitions.notation import F, M

KEY = 80
NAME = "AddRaftVoter"
REQUEST = M("AddRaftVoterRequest", valid="0-1", flexible="0+", fields=[
    F("ClusterId", "string", "0+", nullable="0+"),
    F("TimeoutMs", "int32", "0+"),
    F("VoterId", "int32", "0+"),
    F("VoterDirectoryId", "uuid", "0+"),
    F("Listeners", "[]Listener", "0+", fields=[
        F("Name", "string", "0+", map_key=True),
        F("Host", "string", "0+"),
        F("Port", "uint16", "0+"),
    ]),
    F("AckWhenCommitted", "bool", "1+", default="true"),
])

RESPONSE = M("AddRaftVoterResponse", valid="0-1", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+", ignorable=True),
])
