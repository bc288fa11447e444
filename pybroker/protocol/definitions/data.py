"""Records, files and blobs that are no request: control records, snapshots, the metadata of a quorum, principals."""

from pybroker.protocol.definitions.notation import F, M, S

ABORTED_TXN = M("AbortedTxn", valid="0", flexible="none", fields=[
    F("ProducerId", "int64", "0+"),
    F("FirstOffset", "int64", "0+"),
    F("LastOffset", "int64", "0+"),
    F("LastStableOffset", "int64", "0+"),
])

CONTROL_RECORD_TYPE_SCHEMA = M("ControlRecordTypeSchema", valid="0", flexible="none", fields=[
    F("Type", "int16", "0+"),
])

DEFAULT_PRINCIPAL_DATA = M("DefaultPrincipalData", valid="0", flexible="0+", fields=[
    F("Type", "string", "0+"),
    F("Name", "string", "0+"),
    F("TokenAuthenticated", "bool", "0+"),
])

END_TXN_MARKER = M("EndTxnMarker", valid="0", flexible="none", fields=[
    F("CoordinatorEpoch", "int32", "0+"),
])

K_RAFT_VERSION_RECORD = M("KRaftVersionRecord", valid="0", flexible="0+", fields=[
    F("Version", "int16", "0+"),
    F("KRaftVersion", "int16", "0+"),
])

LEADER_CHANGE_MESSAGE = M("LeaderChangeMessage", valid="0-1", flexible="0+", fields=[
    F("Version", "int16", "0+"),
    F("LeaderId", "int32", "0+", entity="brokerId"),
    F("Voters", "[]Voter", "0+"),
    F("GrantingVoters", "[]Voter", "0+"),
], structs=[
    S("Voter", "0+", [
        F("VoterId", "int32", "0+"),
        F("VoterDirectoryId", "uuid", "1+"),
    ]),
])

SNAPSHOT_FOOTER_RECORD = M("SnapshotFooterRecord", valid="0", flexible="0+", fields=[
    F("Version", "int16", "0+"),
])

SNAPSHOT_HEADER_RECORD = M("SnapshotHeaderRecord", valid="0", flexible="0+", fields=[
    F("Version", "int16", "0+"),
    F("LastContainedLogTimestamp", "int64", "0+"),
])

VOTERS_RECORD = M("VotersRecord", valid="0", flexible="0+", fields=[
    F("Version", "int16", "0+"),
    F("Voters", "[]Voter", "0+", fields=[
        F("VoterId", "int32", "0+", entity="brokerId"),
        F("VoterDirectoryId", "uuid", "0+"),
        F("Endpoints", "[]Endpoint", "0+", fields=[
            F("Name", "string", "0+", map_key=True),
            F("Host", "string", "0+"),
            F("Port", "uint16", "0+"),
        ]),
        F("KRaftVersionFeature", "KRaftVersionFeature", "0+", fields=[
            F("MinSupportedVersion", "int16", "0+"),
            F("MaxSupportedVersion", "int16", "0+"),
        ]),
    ]),
])
