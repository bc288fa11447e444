"""API key 81: RemoveRaftVoter."""

from pybroker.protocol.definitions.notation import F, M

KEY = 81
NAME = "RemoveRaftVoter"
REQUEST = M("RemoveRaftVoterRequest", valid="0", flexible="0+", fields=[
    F("ClusterId", "string", "0+", nullable="0+"),
    F("VoterId", "int32", "0+"),
    F("VoterDirectoryId", "uuid", "0+"),
])

RESPONSE = M("RemoveRaftVoterResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+", ignorable=True),
])
