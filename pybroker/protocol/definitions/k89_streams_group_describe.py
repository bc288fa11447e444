"""API key 89: StreamsGroupDescribe."""

from pybroker.protocol.definitions.notation import F, M, S

KEY = 89
NAME = "StreamsGroupDescribe"
REQUEST = M("StreamsGroupDescribeRequest", valid="0-1", flexible="0+", fields=[
    F("GroupIds", "[]string", "0+", entity="groupId"),
    F("IncludeAuthorizedOperations", "bool", "0+"),
    F("IncludeTopologyDescription", "bool", "1+", default="false"),
])

RESPONSE = M("StreamsGroupDescribeResponse", valid="0-1", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Groups", "[]DescribedGroup", "0+", fields=[
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
        F("GroupId", "string", "0+", entity="groupId"),
        F("GroupState", "string", "0+"),
        F("GroupEpoch", "int32", "0+"),
        F("AssignmentEpoch", "int32", "0+"),
        F("Topology", "Topology", "0+", nullable="0+", default="null", fields=[
            F("Epoch", "int32", "0+"),
            F("Subtopologies", "[]Subtopology", "0+", nullable="0+", default="null", fields=[
                F("SubtopologyId", "string", "0+"),
                F("SourceTopics", "[]string", "0+", entity="topicName"),
                F("RepartitionSinkTopics", "[]string", "0+", entity="topicName"),
                F("StateChangelogTopics", "[]TopicInfo", "0+"),
                F("RepartitionSourceTopics", "[]TopicInfo", "0+"),
            ]),
        ]),
        F("Members", "[]Member", "0+", fields=[
            F("MemberId", "string", "0+"),
            F("MemberEpoch", "int32", "0+"),
            F("InstanceId", "string", "0+", nullable="0+", default="null"),
            F("RackId", "string", "0+", nullable="0+", default="null"),
            F("ClientId", "string", "0+"),
            F("ClientHost", "string", "0+"),
            F("TopologyEpoch", "int32", "0+"),
            F("ProcessId", "string", "0+"),
            F("UserEndpoint", "Endpoint", "0+", nullable="0+", default="null"),
            F("ClientTags", "[]KeyValue", "0+"),
            F("TaskOffsets", "[]TaskOffset", "0+"),
            F("TaskEndOffsets", "[]TaskOffset", "0+"),
            F("Assignment", "Assignment", "0+"),
            F("TargetAssignment", "Assignment", "0+"),
            F("IsClassic", "bool", "0+"),
        ]),
        F("AuthorizedOperations", "int32", "0+", default="-2147483648"),
        F("TopologyDescription", "TopologyDescription", "1+", nullable="1+", default="null"),
        F("TopologyDescriptionStatus", "int8", "1+", default="0"),
        F("AssignorName", "string", "1+", nullable="1+", default="null", ignorable=True),
    ]),
], structs=[
    S("Endpoint", "0+", [
        F("Host", "string", "0+"),
        F("Port", "uint16", "0+"),
    ]),
    S("TaskOffset", "0+", [
        F("SubtopologyId", "string", "0+"),
        F("Partition", "int32", "0+"),
        F("Offset", "int64", "0+"),
    ]),
    S("Assignment", "0+", [
        F("ActiveTasks", "[]TaskIds", "0+"),
        F("StandbyTasks", "[]TaskIds", "0+"),
        F("WarmupTasks", "[]TaskIds", "0+"),
    ]),
    S("TaskIds", "0+", [
        F("SubtopologyId", "string", "0+"),
        F("Partitions", "[]int32", "0+"),
    ]),
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
    S("TopologyDescription", "1+", [
        F("Subtopologies", "[]TopologyDescriptionSubtopology", "1+"),
        F("GlobalStores", "[]TopologyDescriptionGlobalStore", "1+"),
    ]),
    S("TopologyDescriptionSubtopology", "1+", [
        F("SubtopologyId", "string", "1+"),
        F("Nodes", "[]TopologyDescriptionNode", "1+"),
    ]),
    S("TopologyDescriptionNode", "1+", [
        F("Name", "string", "1+"),
        F("NodeType", "int8", "1+"),
        F("SourceTopics", "[]string", "1+", entity="topicName"),
        F("SinkTopic", "string", "1+", nullable="1+", default="null", entity="topicName"),
        F("Stores", "[]string", "1+"),
        F("Successors", "[]string", "1+"),
    ]),
    S("TopologyDescriptionGlobalStore", "1+", [
        F("Source", "TopologyDescriptionNode", "1+"),
        F("Processor", "TopologyDescriptionNode", "1+"),
    ]),
])
