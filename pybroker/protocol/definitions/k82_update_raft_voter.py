"""API key 82: UpdateRaftVoter."""

from pybroker.protocol.definitions.notation import F, M

KEY = 82
NAME = "UpdateRaftVoter"
REQUEST = M("UpdateRaftVoterRequest", valid="0", flexible="0+", fields=[
    F("ClusterId", "string", "0+", nullable="0+"),
    F("CurrentLeaderEpoch", "int32", "0+"),
    F("VoterId", "int32", "0+"),
    F("VoterDirectoryId", "uuid", "0+"),
    F("Listeners", "[]Listener", "0+", fields=[
        F("Name", "string", "0+", map_key=True),
        F("Host", "string", "0+"),
        F("Port", "uint16", "0+"),
    ]),
    F("KRaftVersionFeature", "KRaftVersionFeature", "0+", fields=[
        F("MinSupportedVersion", "int16", "0+"),
        F("MaxSupportedVersion", "int16", "0+"),
    ]),
])

RESPONSE = M("UpdateRaftVoterResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("CurrentLeader", "CurrentLeader", "0+", tagged="0+", tag=0, fields=[
        F("LeaderId", "int32", "0+", default="-1", entity="brokerId"),
        F("LeaderEpoch", "int32", "0+", default="-1"),
        F("Host", "string", "0+"),
        F("Port", "int32", "0+"),
    ]),
])
