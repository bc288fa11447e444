"""ConsumerProtocolAssignment, ConsumerProtocolSubscription."""

from pybroker.protocol.definitions.notation import F, M

CONSUMER_PROTOCOL_ASSIGNMENT = M("ConsumerProtocolAssignment", valid="0-3", flexible="none", fields=[
    F("AssignedPartitions", "[]TopicPartition", "0+", fields=[
        F("Topic", "string", "0+", map_key=True, entity="topicName"),
        F("Partitions", "[]int32", "0+"),
    ]),
    F("UserData", "bytes", "0+", nullable="0+", default="null"),
])

CONSUMER_PROTOCOL_SUBSCRIPTION = M("ConsumerProtocolSubscription", valid="0-3", flexible="none", fields=[
    F("Topics", "[]string", "0+"),
    F("UserData", "bytes", "0+", nullable="0+", default="null"),
    F("OwnedPartitions", "[]TopicPartition", "1+", ignorable=True, fields=[
        F("Topic", "string", "1+", map_key=True, entity="topicName"),
        F("Partitions", "[]int32", "1+"),
    ]),
    F("GenerationId", "int32", "2+", default="-1", ignorable=True),
    F("RackId", "string", "3+", nullable="3+", default="null", ignorable=True),
])
