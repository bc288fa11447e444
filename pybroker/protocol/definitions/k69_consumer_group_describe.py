"""API key 69: ConsumerGroupDescribe."""

from pybroker.protocol.definitions.notation import F, M, S

KEY = 69
NAME = "ConsumerGroupDescribe"
REQUEST = M("ConsumerGroupDescribeRequest", valid="0-1", flexible="0+", fields=[
    F("GroupIds", "[]string", "0+", entity="groupId"),
    F("IncludeAuthorizedOperations", "bool", "0+"),
])

RESPONSE = M("ConsumerGroupDescribeResponse", valid="0-1", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Groups", "[]DescribedGroup", "0+", fields=[
        F("ErrorCode", "int16", "0+"),
        F("ErrorMessage", "string", "0+", nullable="0+", default="null"),
        F("GroupId", "string", "0+", entity="groupId"),
        F("GroupState", "string", "0+"),
        F("GroupEpoch", "int32", "0+"),
        F("AssignmentEpoch", "int32", "0+"),
        F("AssignorName", "string", "0+"),
        F("Members", "[]Member", "0+", fields=[
            F("MemberId", "string", "0+"),
            F("InstanceId", "string", "0+", nullable="0+", default="null"),
            F("RackId", "string", "0+", nullable="0+", default="null"),
            F("MemberEpoch", "int32", "0+"),
            F("ClientId", "string", "0+"),
            F("ClientHost", "string", "0+"),
            F("SubscribedTopicNames", "[]string", "0+", entity="topicName"),
            F("SubscribedTopicRegex", "string", "0+", nullable="0+", default="null"),
            F("Assignment", "Assignment", "0+"),
            F("TargetAssignment", "Assignment", "0+"),
            F("MemberType", "int8", "1+", default="-1", ignorable=True),
        ]),
        F("AuthorizedOperations", "int32", "0+", default="-2147483648"),
    ]),
], structs=[
    S("TopicPartitions", "0+", [
        F("TopicId", "uuid", "0+"),
        F("TopicName", "string", "0+", entity="topicName"),
        F("Partitions", "[]int32", "0+"),
    ]),
    S("Assignment", "0+", [
        F("TopicPartitions", "[]TopicPartitions", "0+"),
    ]),
])
