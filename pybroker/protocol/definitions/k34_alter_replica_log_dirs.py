"""API key 34: AlterReplicaLogDirs."""

from pybroker.protocol.definitions.notation import F, M

KEY = 34
NAME = "AlterReplicaLogDirs"
REQUEST = M("AlterReplicaLogDirsRequest", valid="1-2", flexible="2+", fields=[
    F("Dirs", "[]AlterReplicaLogDir", "0+", fields=[
        F("Path", "string", "0+", map_key=True),
        F("Topics", "[]AlterReplicaLogDirTopic", "0+", fields=[
            F("Name", "string", "0+", map_key=True, entity="topicName"),
            F("Partitions", "[]int32", "0+"),
        ]),
    ]),
])

RESPONSE = M("AlterReplicaLogDirsResponse", valid="1-2", flexible="2+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("Results", "[]AlterReplicaLogDirTopicResult", "0+", fields=[
        F("TopicName", "string", "0+", entity="topicName"),
        F("Partitions", "[]AlterReplicaLogDirPartitionResult", "0+", fields=[
            F("PartitionIndex", "int32", "0+"),
            F("ErrorCode", "int16", "0+"),
        ]),
    ]),
])
