"""Records of __share_group_state: a key whose first int16 is the record type, and its value."""

from pybroker.protocol.definitions.notation import F, M


SHARE_SNAPSHOT_KEY = M("ShareSnapshotKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
    F("TopicId", "uuid", "0"),
    F("Partition", "int32", "0"),
])

SHARE_SNAPSHOT_VALUE = M("ShareSnapshotValue", valid="0", flexible="0+", fields=[
    F("SnapshotEpoch", "int32", "0+"),
    F("StateEpoch", "int32", "0+"),
    F("LeaderEpoch", "int32", "0+"),
    F("StartOffset", "int64", "0+"),
    F("DeliveryCompleteCount", "int32", "0+", tagged="0+", tag=0, default="-1"),
    F("CreateTimestamp", "int64", "0+"),
    F("WriteTimestamp", "int64", "0+"),
    F("StateBatches", "[]StateBatch", "0+", fields=[
        F("FirstOffset", "int64", "0+"),
        F("LastOffset", "int64", "0+"),
        F("DeliveryState", "int8", "0+"),
        F("DeliveryCount", "int16", "0+"),
    ]),
])

SHARE_UPDATE_KEY = M("ShareUpdateKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
    F("TopicId", "uuid", "0"),
    F("Partition", "int32", "0"),
])

SHARE_UPDATE_VALUE = M("ShareUpdateValue", valid="0", flexible="0+", fields=[
    F("SnapshotEpoch", "int32", "0+"),
    F("LeaderEpoch", "int32", "0+"),
    F("StartOffset", "int64", "0+"),
    F("DeliveryCompleteCount", "int32", "0+", tagged="0+", tag=0, default="-1"),
    F("StateBatches", "[]StateBatch", "0+", fields=[
        F("FirstOffset", "int64", "0+"),
        F("LastOffset", "int64", "0+"),
        F("DeliveryState", "int8", "0+"),
        F("DeliveryCount", "int16", "0+"),
    ]),
])

# Record type (first int16 of the key) to key and value.
RECORD_TYPES = {
    0: (SHARE_SNAPSHOT_KEY, SHARE_SNAPSHOT_VALUE),
    1: (SHARE_UPDATE_KEY, SHARE_UPDATE_VALUE),
}
