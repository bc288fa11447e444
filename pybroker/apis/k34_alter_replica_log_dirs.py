"""AlterReplicaLogDirs (key 34, versions 1-2): partitions move to another log directory while they serve."""

import logging
from collections.abc import Iterable

from pybroker.apis.changes import Change, first_error, listed
from pybroker.apis.context import Broker, Caller
from pybroker.protocol import errors
from pybroker.protocol.messages.k34_alter_replica_log_dirs import (
    AlterReplicaLogDirPartitionResult,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
    AlterReplicaLogDirTopicResult,
)  # fmt: skip

REQUEST = AlterReplicaLogDirsRequest

log = logging.getLogger(__name__)


async def handle(broker: Broker, request: AlterReplicaLogDirsRequest, caller: Caller) -> AlterReplicaLogDirsResponse:
    """Begin each move, or say why not. What is named twice goes where it is sent last, as in Kafka. A move to where it lies ends a move to elsewhere."""
    wishes = {(topic.name, index): place.path for place in request.dirs for topic in place.topics for index in topic.partitions}
    places = {place.path: number for number, place in enumerate(broker.log_dirs())}
    topics: dict[str, AlterReplicaLogDirTopicResult] = {}
    for (name, index), path in wishes.items():
        code = 0
        try:
            await _begin(broker, name, index, places.get(path))
        except errors.KafkaError as error:
            log.warning("partition is not moved", extra={"topic": name, "partition": index, "log_dir": path, "error": str(error)})
            code = error.code
        result = topics.setdefault(name, AlterReplicaLogDirTopicResult(topic_name=name, partitions=[]))
        result.partitions.append(AlterReplicaLogDirPartitionResult(partition_index=index, error_code=code))
    return AlterReplicaLogDirsResponse(results=list(topics.values()))


async def _begin(broker: Broker, name: str, index: int, place: int | None) -> None:
    if place is None:
        raise errors.LogDirNotFound()
    if broker.log_dirs()[place].offline:
        raise errors.KafkaStorageError("The log directory is off-line.")
    topic = broker.controller.image.by_name.get(name)
    if topic is None or not 0 <= index < len(topic.partitions):
        raise errors.UnknownTopicOrPartition()
    await broker.move_partition(topic.id, index, place)


def refuse(request: AlterReplicaLogDirsRequest, version: int, error: errors.KafkaError) -> AlterReplicaLogDirsResponse:
    """The same error for every partition."""
    topics: dict[str, AlterReplicaLogDirTopicResult] = {}
    for name, index in dict.fromkeys((topic.name, index) for place in request.dirs for topic in place.topics for index in topic.partitions):
        result = topics.setdefault(name, AlterReplicaLogDirTopicResult(topic_name=name, partitions=[]))
        result.partitions.append(AlterReplicaLogDirPartitionResult(partition_index=index, error_code=error.code))
    return AlterReplicaLogDirsResponse(results=list(topics.values()))


def changes(broker: Broker, request: AlterReplicaLogDirsRequest, response: AlterReplicaLogDirsResponse) -> Iterable[Change]:
    """One a topic, with its partitions and where they go."""
    paths = {(topic.name, index): place.path for place in request.dirs for topic in place.topics for index in topic.partitions}
    for topic in response.results:
        detail = listed(f"{part.partition_index}:{paths[topic.topic_name, part.partition_index]}" for part in topic.partitions)
        yield Change("AlterReplicaLogDirs", f"topic:{topic.topic_name}", first_error(part.error_code for part in topic.partitions), detail)
