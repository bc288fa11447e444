"""DescribeLogDirs (key 35, versions 1-5)."""

from collections.abc import Iterator

from pybroker.apis.context import Broker, Caller
from pybroker.metadata.records import Topic
from pybroker.protocol import errors
from pybroker.protocol.messages.k35_describe_log_dirs import (
    DescribeLogDirsPartition,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
)  # fmt: skip

REQUEST = DescribeLogDirsRequest


def handle(broker: Broker, request: DescribeLogDirsRequest, caller: Caller) -> DescribeLogDirsResponse:
    """Each log directory with the partitions asked for that lie in it; null asks for all. One that is off-line has an error in place of partitions."""
    places = broker.log_dirs()
    results = [
        DescribeLogDirsResult(
            error_code=errors.KafkaStorageError.code if place.offline else 0,
            log_dir=place.path,
            topics=[],
            total_bytes=place.total_bytes,
            usable_bytes=place.usable_bytes,
        )
        for place in places
    ]
    for topic, wanted in _wanted(broker, request):
        rows: dict[int, list[DescribeLogDirsPartition]] = {}
        for index, part in enumerate(broker.partitions(topic.id)):
            if (wanted is None or index in wanted) and not part.offline:    # a log that is off-line is in no list, as the Java broker has it
                row = DescribeLogDirsPartition(partition_index=index, partition_size=part.size_bytes, offset_lag=0, is_future_key=False)
                rows.setdefault(part.log_dir, []).append(row)
                if part.future_dir >= 0:
                    future = DescribeLogDirsPartition(
                        partition_index=index, partition_size=part.future_size_bytes, offset_lag=part.future_lag, is_future_key=True
                    )
                    rows.setdefault(part.future_dir, []).append(future)
        for log_dir, partitions in rows.items():
            results[log_dir].topics.append(DescribeLogDirsTopic(name=topic.name, partitions=partitions))
    return DescribeLogDirsResponse(results=results)


def _wanted(broker: Broker, request: DescribeLogDirsRequest) -> Iterator[tuple[Topic, frozenset[int] | None]]:
    image = broker.controller.image
    if request.topics is None:
        for topic in image.by_name.values():
            yield topic, None
        return
    asked: dict[str, set[int]] = {}
    for entry in request.topics:
        asked.setdefault(entry.topic, set()).update(entry.partitions)
    for name, indexes in asked.items():
        if name in image.by_name:
            yield image.by_name[name], frozenset(indexes)


def refuse(request: DescribeLogDirsRequest, version: int, error: errors.KafkaError) -> DescribeLogDirsResponse:
    """The error alone; before version 3 there is no place for it but an empty list."""
    return DescribeLogDirsResponse(error_code=error.code, results=[])
