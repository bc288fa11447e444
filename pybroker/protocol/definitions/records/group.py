"""Records of __consumer_offsets: a key whose first int16 is the record type, and its value."""

from pybroker.protocol.definitions.notation import F, M, S


LEGACY_OFFSET_COMMIT_KEY = M("LegacyOffsetCommitKey", valid="0", flexible="none", fields=[
    F("group", "string", "0"),
    F("topic", "string", "0"),
    F("partition", "int32", "0"),
])

LEGACY_OFFSET_COMMIT_VALUE = M("LegacyOffsetCommitValue", valid="0", flexible="none", fields=[
    F("offset", "int64", "0"),
    F("metadata", "string", "0"),
    F("commitTimestamp", "int64", "0"),
])

OFFSET_COMMIT_KEY = M("OffsetCommitKey", valid="0", flexible="none", fields=[
    F("group", "string", "0"),
    F("topic", "string", "0"),
    F("partition", "int32", "0"),
])

OFFSET_COMMIT_VALUE = M("OffsetCommitValue", valid="0-4", flexible="4+", fields=[
    F("offset", "int64", "0+"),
    F("leaderEpoch", "int32", "3+", default="-1", ignorable=True),
    F("metadata", "string", "0+"),
    F("commitTimestamp", "int64", "0+"),
    F("expireTimestamp", "int64", "1", default="-1", ignorable=True),
    F("topicId", "uuid", "4+", tagged="4+", tag=0, ignorable=True),
])

GROUP_METADATA_KEY = M("GroupMetadataKey", valid="0", flexible="none", fields=[
    F("group", "string", "0"),
])

GROUP_METADATA_VALUE = M("GroupMetadataValue", valid="0-4", flexible="4+", fields=[
    F("protocolType", "string", "0+"),
    F("generation", "int32", "0+"),
    F("protocol", "string", "0+", nullable="0+"),
    F("leader", "string", "0+", nullable="0+"),
    F("currentStateTimestamp", "int64", "2+", default="-1", ignorable=True),
    F("members", "[]MemberMetadata", "0+"),
], structs=[
    S("MemberMetadata", "0+", [
        F("memberId", "string", "0+"),
        F("groupInstanceId", "string", "3+", nullable="3+", default="null", ignorable=True),
        F("clientId", "string", "0+"),
        F("clientHost", "string", "0+"),
        F("rebalanceTimeout", "int32", "1+", default="-1", ignorable=True),
        F("sessionTimeout", "int32", "0+"),
        F("subscription", "bytes", "0+"),
        F("assignment", "bytes", "0+"),
    ]),
])

CONSUMER_GROUP_METADATA_KEY = M("ConsumerGroupMetadataKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
])

CONSUMER_GROUP_METADATA_VALUE = M("ConsumerGroupMetadataValue", valid="0", flexible="0+", fields=[
    F("Epoch", "int32", "0+"),
    F("MetadataHash", "int64", "0+", tagged="0+", tag=0, default="0"),
])

CONSUMER_GROUP_PARTITION_METADATA_KEY = M("ConsumerGroupPartitionMetadataKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
])

CONSUMER_GROUP_PARTITION_METADATA_VALUE = M("ConsumerGroupPartitionMetadataValue", valid="0", flexible="0+", fields=[
    F("Topics", "[]TopicMetadata", "0+", fields=[
        F("TopicId", "uuid", "0+"),
        F("TopicName", "string", "0+"),
        F("NumPartitions", "int32", "0+"),
        F("PartitionMetadata", "[]PartitionMetadata", "0+", fields=[
            F("Partition", "int32", "0+"),
            F("Racks", "[]string", "0+"),
        ]),
    ]),
])

CONSUMER_GROUP_MEMBER_METADATA_KEY = M("ConsumerGroupMemberMetadataKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
    F("MemberId", "string", "0"),
])

CONSUMER_GROUP_MEMBER_METADATA_VALUE = M("ConsumerGroupMemberMetadataValue", valid="0", flexible="0+", fields=[
    F("InstanceId", "string", "0+", nullable="0+"),
    F("RackId", "string", "0+", nullable="0+"),
    F("ClientId", "string", "0+"),
    F("ClientHost", "string", "0+"),
    F("SubscribedTopicNames", "[]string", "0+"),
    F("SubscribedTopicRegex", "string", "0+", nullable="0+"),
    F("RebalanceTimeoutMs", "int32", "0+", default="-1"),
    F("ServerAssignor", "string", "0+", nullable="0+"),
    F("ClassicMemberMetadata", "ClassicMemberMetadata", "0+", nullable="0+", tagged="0+", tag=0, default="null", fields=[
        F("SessionTimeoutMs", "int32", "0+"),
        F("SupportedProtocols", "[]ClassicProtocol", "0+", fields=[
            F("Name", "string", "0+"),
            F("Metadata", "bytes", "0+"),
        ]),
    ]),
])

CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA_KEY = M("ConsumerGroupTargetAssignmentMetadataKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
])

CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA_VALUE = M("ConsumerGroupTargetAssignmentMetadataValue", valid="0", flexible="0+", fields=[
    F("AssignmentEpoch", "int32", "0+"),
    F("AssignmentTimestamp", "int64", "0+", tagged="0+", tag=0, default="0", ignorable=True),
])

CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER_KEY = M("ConsumerGroupTargetAssignmentMemberKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
    F("MemberId", "string", "0"),
])

CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER_VALUE = M("ConsumerGroupTargetAssignmentMemberValue", valid="0", flexible="0+", fields=[
    F("TopicPartitions", "[]TopicPartition", "0+", fields=[
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]int32", "0+"),
    ]),
])

CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT_KEY = M("ConsumerGroupCurrentMemberAssignmentKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
    F("MemberId", "string", "0"),
])

CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT_VALUE = M("ConsumerGroupCurrentMemberAssignmentValue", valid="0", flexible="0+", fields=[
    F("MemberEpoch", "int32", "0+"),
    F("PreviousMemberEpoch", "int32", "0+"),
    F("State", "int8", "0+"),
    F("AssignedPartitions", "[]TopicPartitions", "0+"),
    F("PartitionsPendingRevocation", "[]TopicPartitions", "0+"),
], structs=[
    S("TopicPartitions", "0+", [
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]int32", "0+"),
        F("AssignmentEpochs", "[]int32", "0+", nullable="0+", tagged="0+", tag=0, default="null"),
    ]),
])

SHARE_GROUP_MEMBER_METADATA_KEY = M("ShareGroupMemberMetadataKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
    F("MemberId", "string", "0"),
])

SHARE_GROUP_MEMBER_METADATA_VALUE = M("ShareGroupMemberMetadataValue", valid="0", flexible="0+", fields=[
    F("RackId", "string", "0+", nullable="0+"),
    F("ClientId", "string", "0+"),
    F("ClientHost", "string", "0+"),
    F("SubscribedTopicNames", "[]string", "0+"),
])

SHARE_GROUP_METADATA_KEY = M("ShareGroupMetadataKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
])

SHARE_GROUP_METADATA_VALUE = M("ShareGroupMetadataValue", valid="0", flexible="0+", fields=[
    F("Epoch", "int32", "0+"),
    F("MetadataHash", "int64", "0+"),
])

SHARE_GROUP_TARGET_ASSIGNMENT_METADATA_KEY = M("ShareGroupTargetAssignmentMetadataKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
])

SHARE_GROUP_TARGET_ASSIGNMENT_METADATA_VALUE = M("ShareGroupTargetAssignmentMetadataValue", valid="0", flexible="0+", fields=[
    F("AssignmentEpoch", "int32", "0+"),
    F("AssignmentTimestamp", "int64", "0+", tagged="0+", tag=0, default="0", ignorable=True),
])

SHARE_GROUP_TARGET_ASSIGNMENT_MEMBER_KEY = M("ShareGroupTargetAssignmentMemberKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
    F("MemberId", "string", "0"),
])

SHARE_GROUP_TARGET_ASSIGNMENT_MEMBER_VALUE = M("ShareGroupTargetAssignmentMemberValue", valid="0", flexible="0+", fields=[
    F("TopicPartitions", "[]TopicPartition", "0+", fields=[
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]int32", "0+"),
    ]),
])

SHARE_GROUP_CURRENT_MEMBER_ASSIGNMENT_KEY = M("ShareGroupCurrentMemberAssignmentKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
    F("MemberId", "string", "0"),
])

SHARE_GROUP_CURRENT_MEMBER_ASSIGNMENT_VALUE = M("ShareGroupCurrentMemberAssignmentValue", valid="0", flexible="0+", fields=[
    F("MemberEpoch", "int32", "0+"),
    F("PreviousMemberEpoch", "int32", "0+"),
    F("State", "int8", "0+"),
    F("AssignedPartitions", "[]TopicPartitions", "0+"),
], structs=[
    S("TopicPartitions", "0+", [
        F("TopicId", "uuid", "0+"),
        F("Partitions", "[]int32", "0+"),
    ]),
])

SHARE_GROUP_STATE_PARTITION_METADATA_KEY = M("ShareGroupStatePartitionMetadataKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
])

SHARE_GROUP_STATE_PARTITION_METADATA_VALUE = M("ShareGroupStatePartitionMetadataValue", valid="0", flexible="0+", fields=[
    F("InitializingTopics", "[]TopicPartitionsInfo", "0+"),
    F("InitializedTopics", "[]TopicPartitionsInfo", "0+"),
    F("DeletingTopics", "[]TopicInfo", "0+"),
], structs=[
    S("TopicPartitionsInfo", "0+", [
        F("TopicId", "uuid", "0+"),
        F("TopicName", "string", "0+"),
        F("Partitions", "[]int32", "0+"),
    ]),
    S("TopicInfo", "0+", [
        F("TopicId", "uuid", "0+"),
        F("TopicName", "string", "0+"),
    ]),
])

CONSUMER_GROUP_REGULAR_EXPRESSION_KEY = M("ConsumerGroupRegularExpressionKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
    F("RegularExpression", "string", "0"),
])

CONSUMER_GROUP_REGULAR_EXPRESSION_VALUE = M("ConsumerGroupRegularExpressionValue", valid="0", flexible="0+", fields=[
    F("Topics", "[]string", "0+"),
    F("Version", "int64", "0+"),
    F("Timestamp", "int64", "0+"),
])

STREAMS_GROUP_METADATA_KEY = M("StreamsGroupMetadataKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
])

STREAMS_GROUP_METADATA_VALUE = M("StreamsGroupMetadataValue", valid="0", flexible="0+", fields=[
    F("Epoch", "int32", "0+"),
    F("MetadataHash", "int64", "0+"),
    F("ValidatedTopologyEpoch", "int32", "0+", tagged="0+", tag=0, default="-1"),
    F("LastAssignmentConfigs", "[]LastAssignmentConfig", "0+", nullable="0+", tagged="0+", tag=1, default="null"),
    F("StoredDescriptionTopologyEpoch", "int32", "0+", tagged="0+", tag=2, default="-1"),
    F("FailedDescriptionTopologyEpoch", "int32", "0+", tagged="0+", tag=3, default="-1"),
], structs=[
    S("LastAssignmentConfig", "0+", [
        F("Key", "string", "0+"),
        F("Value", "string", "0+"),
    ]),
])

STREAMS_GROUP_MEMBER_METADATA_KEY = M("StreamsGroupMemberMetadataKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
    F("MemberId", "string", "0"),
])

STREAMS_GROUP_MEMBER_METADATA_VALUE = M("StreamsGroupMemberMetadataValue", valid="0", flexible="0+", fields=[
    F("InstanceId", "string", "0+", nullable="0+"),
    F("RackId", "string", "0+", nullable="0+"),
    F("ClientId", "string", "0+"),
    F("ClientHost", "string", "0+"),
    F("RebalanceTimeoutMs", "int32", "0+", default="-1"),
    F("TopologyEpoch", "int32", "0+"),
    F("ProcessId", "string", "0+"),
    F("UserEndpoint", "Endpoint", "0+", nullable="0+", default="null"),
    F("ClientTags", "[]KeyValue", "0+"),
], structs=[
    S("Endpoint", "0+", [
        F("Host", "string", "0+"),
        F("Port", "uint16", "0+"),
    ]),
    S("KeyValue", "0+", [
        F("Key", "string", "0+"),
        F("Value", "string", "0+"),
    ]),
])

STREAMS_GROUP_TARGET_ASSIGNMENT_METADATA_KEY = M("StreamsGroupTargetAssignmentMetadataKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
])

STREAMS_GROUP_TARGET_ASSIGNMENT_METADATA_VALUE = M("StreamsGroupTargetAssignmentMetadataValue", valid="0", flexible="0+", fields=[
    F("AssignmentEpoch", "int32", "0+"),
    F("AssignmentTimestamp", "int64", "0+", tagged="0+", tag=0, default="0", ignorable=True),
])

STREAMS_GROUP_TARGET_ASSIGNMENT_MEMBER_KEY = M("StreamsGroupTargetAssignmentMemberKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
    F("MemberId", "string", "0"),
])

STREAMS_GROUP_TARGET_ASSIGNMENT_MEMBER_VALUE = M("StreamsGroupTargetAssignmentMemberValue", valid="0", flexible="0+", fields=[
    F("ActiveTasks", "[]TaskIds", "0+"),
    F("StandbyTasks", "[]TaskIds", "0+"),
    F("WarmupTasks", "[]TaskIds", "0+"),
], structs=[
    S("TaskIds", "0+", [
        F("SubtopologyId", "string", "0+"),
        F("Partitions", "[]int32", "0+"),
    ]),
])

STREAMS_GROUP_CURRENT_MEMBER_ASSIGNMENT_KEY = M("StreamsGroupCurrentMemberAssignmentKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
    F("MemberId", "string", "0"),
])

STREAMS_GROUP_CURRENT_MEMBER_ASSIGNMENT_VALUE = M("StreamsGroupCurrentMemberAssignmentValue", valid="0", flexible="0+", fields=[
    F("MemberEpoch", "int32", "0+"),
    F("PreviousMemberEpoch", "int32", "0+"),
    F("State", "int8", "0+"),
    F("ActiveTasks", "[]TaskIds", "0+"),
    F("StandbyTasks", "[]TaskIds", "0+"),
    F("WarmupTasks", "[]TaskIds", "0+"),
    F("ActiveTasksPendingRevocation", "[]TaskIds", "0+"),
    F("StandbyTasksPendingRevocation", "[]TaskIds", "0+"),
    F("WarmupTasksPendingRevocation", "[]TaskIds", "0+"),
], structs=[
    S("TaskIds", "0+", [
        F("SubtopologyId", "string", "0+"),
        F("Partitions", "[]int32", "0+"),
        F("AssignmentEpochs", "[]int32", "0+", nullable="0+", tagged="0+", tag=0, default="null"),
    ]),
])

STREAMS_GROUP_TOPOLOGY_KEY = M("StreamsGroupTopologyKey", valid="0", flexible="none", fields=[
    F("GroupId", "string", "0"),
])

STREAMS_GROUP_TOPOLOGY_VALUE = M("StreamsGroupTopologyValue", valid="0", flexible="0+", fields=[
    F("Epoch", "int32", "0+"),
    F("Subtopologies", "[]Subtopology", "0+", fields=[
        F("SubtopologyId", "string", "0+"),
        F("SourceTopics", "[]string", "0+"),
        F("SourceTopicRegex", "[]string", "0+"),
        F("StateChangelogTopics", "[]TopicInfo", "0+"),
        F("RepartitionSinkTopics", "[]string", "0+"),
        F("RepartitionSourceTopics", "[]TopicInfo", "0+"),
        F("CopartitionGroups", "[]CopartitionGroup", "0+", fields=[
            F("SourceTopics", "[]int16", "0+"),
            F("SourceTopicRegex", "[]int16", "0+"),
            F("RepartitionSourceTopics", "[]int16", "0+"),
        ]),
    ]),
], structs=[
    S("TopicConfig", "0+", [
        F("key", "string", "0+"),
        F("value", "string", "0+"),
    ]),
    S("TopicInfo", "0+", [
        F("Name", "string", "0+"),
        F("Partitions", "int32", "0+"),
        F("ReplicationFactor", "int16", "0+"),
        F("TopicConfigs", "[]TopicConfig", "0+"),
    ]),
])

# Record type (first int16 of the key) to key and value.
RECORD_TYPES = {
    0: (LEGACY_OFFSET_COMMIT_KEY, LEGACY_OFFSET_COMMIT_VALUE),
    1: (OFFSET_COMMIT_KEY, OFFSET_COMMIT_VALUE),
    2: (GROUP_METADATA_KEY, GROUP_METADATA_VALUE),
    3: (CONSUMER_GROUP_METADATA_KEY, CONSUMER_GROUP_METADATA_VALUE),
    4: (CONSUMER_GROUP_PARTITION_METADATA_KEY, CONSUMER_GROUP_PARTITION_METADATA_VALUE),
    5: (CONSUMER_GROUP_MEMBER_METADATA_KEY, CONSUMER_GROUP_MEMBER_METADATA_VALUE),
    6: (CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA_KEY, CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA_VALUE),
    7: (CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER_KEY, CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER_VALUE),
    8: (CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT_KEY, CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT_VALUE),
    10: (SHARE_GROUP_MEMBER_METADATA_KEY, SHARE_GROUP_MEMBER_METADATA_VALUE),
    11: (SHARE_GROUP_METADATA_KEY, SHARE_GROUP_METADATA_VALUE),
    12: (SHARE_GROUP_TARGET_ASSIGNMENT_METADATA_KEY, SHARE_GROUP_TARGET_ASSIGNMENT_METADATA_VALUE),
    13: (SHARE_GROUP_TARGET_ASSIGNMENT_MEMBER_KEY, SHARE_GROUP_TARGET_ASSIGNMENT_MEMBER_VALUE),
    14: (SHARE_GROUP_CURRENT_MEMBER_ASSIGNMENT_KEY, SHARE_GROUP_CURRENT_MEMBER_ASSIGNMENT_VALUE),
    15: (SHARE_GROUP_STATE_PARTITION_METADATA_KEY, SHARE_GROUP_STATE_PARTITION_METADATA_VALUE),
    16: (CONSUMER_GROUP_REGULAR_EXPRESSION_KEY, CONSUMER_GROUP_REGULAR_EXPRESSION_VALUE),
    17: (STREAMS_GROUP_METADATA_KEY, STREAMS_GROUP_METADATA_VALUE),
    19: (STREAMS_GROUP_MEMBER_METADATA_KEY, STREAMS_GROUP_MEMBER_METADATA_VALUE),
    20: (STREAMS_GROUP_TARGET_ASSIGNMENT_METADATA_KEY, STREAMS_GROUP_TARGET_ASSIGNMENT_METADATA_VALUE),
    21: (STREAMS_GROUP_TARGET_ASSIGNMENT_MEMBER_KEY, STREAMS_GROUP_TARGET_ASSIGNMENT_MEMBER_VALUE),
    22: (STREAMS_GROUP_CURRENT_MEMBER_ASSIGNMENT_KEY, STREAMS_GROUP_CURRENT_MEMBER_ASSIGNMENT_VALUE),
    23: (STREAMS_GROUP_TOPOLOGY_KEY, STREAMS_GROUP_TOPOLOGY_VALUE),
}
