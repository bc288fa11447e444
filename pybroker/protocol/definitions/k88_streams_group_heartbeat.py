"""API key 88: StreamsGroupHeartbeat."""

from pybroker.protocol.definitions.notation import F, M, S

KEY = 88
NAME = "StreamsGroupHeartbeat"
REQUEST = M("StreamsGroupHeartbeatRequest", valid="0-1", flexible="0+", fields=[
    F("GroupId", "string", "0+", entity="groupId"),
    F("MemberId", "string", "0+"),
    F("MemberEpoch", "int32", "0+"),
    F("EndpointInformationEpoch", "int32", "0+"),
    F("InstanceId", "string", "0+", nullable="0+", default="null"),
    F("RackId", "string", "0+", nullable="0+", default="null"),
    F("RebalanceTimeoutMs", "int32", "0+", default="-1"),
    F("Topology", "Topology", "0+", nullable="0+", default="null", fields=[
        F("Epoch", "int32", "0+"),
        F("Subtopologies", "[]Subtopology", "0+", fields=[
            F("SubtopologyId", "string", "0+"),
            F("SourceTopics", "[]string", "0+", entity="topicName"),
            F("SourceTopicRegex", "[]string", "0+"),
            F("StateChangelogTopics", "[]TopicInfo", "0+"),
            F("RepartitionSinkTopics", "[]string", "0+", entity="topicName"),
            F("RepartitionSourceTopics", "[]TopicInfo", "0+"),
            F("CopartitionGroups", "[]CopartitionGroup", "0+", fields=[
                F("SourceTopics", "[]int16", "0+"),
                F("SourceTopicRegex", "[]int16", "0+"),
                F("RepartitionSourceTopics", "[]int16", "0+"),
            ]),
        ]),
    ]),
    F("ActiveTasks", "[]TaskIds", "0+", nullable="0+", default="null"),
    F("StandbyTasks", "[]TaskIds", "0+", nullable="0+", default="null"),
    F("WarmupTasks", "[]TaskIds", "0+", nullable="0+", default="null"),
    F("ProcessId", "string", "0+", nullable="0+", default="null"),
    F("UserEndpoint", "Endpoint", "0+", nullable="0+", default="null"),
    F("ClientTags", "[]KeyValue", "0+", nullable="0+", default="null"),
    F("TaskOffsets", "[]TaskOffset", "0+", nullable="0+", default="null"),
    F("TaskEndOffsets", "[]TaskOffset", "0+", nullable="0+", default="null"),
    F("ShutdownApplication", "bool", "0+", default="false"),
], structs=[
    S("KeyValue", "0+", [
        F("Key", "string", "0+"),
        F("Value", "string", "0+"),
    ]),
    S("TopicInfo", "0+", [
        F("Name", "string", "0+", entity="topicName"),
        F("Partitions", "int32", "0+"),
        F("ReplicationFactor", "int16", "0+"),
        F("TopicConfigs", "[]KeyValue", "0+"),
    ]),
    S("Endpoint", "0+", [
        F("Host", "string", "0+"),
        F("Port", "uint16", "0+"),
    ]),
    S("TaskOffset", "0+", [
        F("SubtopologyId", "string", "0+"),
        F("Partition", "int32", "0+"),
        F("Offset", "int64", "0+"),
    ]),
    S("TaskIds", "0+", [
        F("SubtopologyId", "string", "0+"),
        F("Partitions", "[]int32", "0+"),
    ]),
])

RESPONSE = M("StreamsGroupHeartbeatResponse", valid="0-1", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
    F("MemberId", "string", "0+"),
    F("MemberEpoch", "int32", "0+"),
    F("HeartbeatIntervalMs", "int32", "0+"),
    F("AcceptableRecoveryLagLegacy", "int32", "0"),
    F("TaskOffsetIntervalMs", "int32", "0+"),
    F("AcceptableRecoveryLag", "int64", "1+", default="-1", ignorable=True),
    F("Status", "[]Status", "0+", nullable="0+"),
    F("ActiveTasks", "[]TaskIds", "0+", nullable="0+", default="null"),
    F("StandbyTasks", "[]TaskIds", "0+", nullable="0+", default="null"),
    F("WarmupTasks", "[]TaskIds", "0+", nullable="0+", default="null"),
    F("TopologyDescriptionRequired", "bool", "1+", default="false"),
    F("EndpointInformationEpoch", "int32", "0+"),
    F("PartitionsByUserEndpoint", "[]EndpointToPartitions", "0+", nullable="0+", default="null", fields=[
        F("UserEndpoint", "Endpoint", "0+"),
        F("ActivePartitions", "[]TopicPartition", "0+"),
        F("StandbyPartitions", "[]TopicPartition", "0+"),
    ]),
], structs=[
    S("Status", "0+", [
        F("StatusCode", "int8", "0+"),
        F("StatusDetail", "string", "0+"),
    ]),
    S("TopicPartition", "0+", [
        F("Topic", "string", "0+", entity="topicName"),
        F("Partitions", "[]int32", "0+"),
    ]),
    S("TaskIds", "0+", [
        F("SubtopologyId", "string", "0+"),
        F("Partitions", "[]int32", "0+"),
    ]),
    S("Endpoint", "0+", [
        F("Host", "string", "0+"),
        F("Port", "uint16", "0+"),
    ]),
])
