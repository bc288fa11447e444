"""API key 35: DescribeLogDirs."""

from pybroker.protocol.definitions.notation import F, M

KEY = 35
NAME = "DescribeLogDirs"
REQUEST = M("DescribeLogDirsRequest", valid="1-5", flexible="2+", fields=[
    F("Topics", "[]DescribableLogDirTopic", "0+", nullable="0+", fields=[
        F("Topic", "string", "0+", map_key=True, entity="topicName"),
        F("Partitions", "[]int32", "0+"),
    ]),
])

RESPONSE = M("DescribeLogDirsResponse", valid="1-5", flexible="2+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "3+", ignorable=True),
    F("Results", "[]DescribeLogDirsResult", "0+", fields=[
        F("ErrorCode", "int16", "0+"),
        F("LogDir", "string", "0+"),
        F("Topics", "[]DescribeLogDirsTopic", "0+", fields=[
            F("Name", "string", "0+", entity="topicName"),
            F("Partitions", "[]DescribeLogDirsPartition", "0+", fields=[
                F("PartitionIndex", "int32", "0+"),
                F("PartitionSize", "int64", "0+"),
                F("OffsetLag", "int64", "0+"),
                F("IsFutureKey", "bool", "0+"),
            ]),
        ]),
        F("TotalBytes", "int64", "4+", default="-1", ignorable=True),
        F("UsableBytes", "int64", "4+", default="-1", ignorable=True),
        F("IsCordoned", "bool", "5+", default="false", ignorable=True),
    ]),
])
