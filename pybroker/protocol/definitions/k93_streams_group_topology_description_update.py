"""API key 93: StreamsGroupTopologyDescriptionUpdate."""

from pybroker.protocol.definitions.notation import F, M, S

KEY = 93
NAME = "StreamsGroupTopologyDescriptionUpdate"
REQUEST = M("StreamsGroupTopologyDescriptionUpdateRequest", valid="0", flexible="0+", fields=[
    F("GroupId", "string", "0+", entity="groupId"),
    F("MemberId", "string", "0+"),
    F("TopologyEpoch", "int32", "0+"),
    F("TopologyDescription", "TopologyDescription", "0+"),
], structs=[
    S("TopologyDescription", "0+", [
        F("Subtopologies", "[]TopologyDescriptionSubtopology", "0+"),
        F("GlobalStores", "[]TopologyDescriptionGlobalStore", "0+"),
    ]),
    S("TopologyDescriptionSubtopology", "0+", [
        F("SubtopologyId", "string", "0+"),
        F("Nodes", "[]TopologyDescriptionNode", "0+"),
    ]),
    S("TopologyDescriptionNode", "0+", [
        F("Name", "string", "0+"),
        F("NodeType", "int8", "0+"),
        F("SourceTopics", "[]string", "0+", entity="topicName"),
        F("SinkTopic", "string", "0+", nullable="0+", default="null", entity="topicName"),
        F("Stores", "[]string", "0+"),
        F("Successors", "[]string", "0+"),
    ]),
    S("TopologyDescriptionGlobalStore", "0+", [
        F("Source", "TopologyDescriptionNode", "0+"),
        F("Processor", "TopologyDescriptionNode", "0+"),
    ]),
])

RESPONSE = M("StreamsGroupTopologyDescriptionUpdateResponse", valid="0", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
])
