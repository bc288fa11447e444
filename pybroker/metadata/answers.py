"""Metadata responses, encoded once per change and sent from memory after that.

A topic's part depends on version and on whether operations are listed, not on who asks: it is kept per topic, so that a change costs one topic.
The answer for all topics is kept whole per address by which clients come in.

Bounds  VARIANTS_MAX forms of topic parts; WHOLE_BYTES_MAX of whole answers
Thread  control
"""

from typing import Any, cast

from pybroker.metadata.encoded import EncodedArray, encoded
from pybroker.metadata.image import Image
from pybroker.metadata.records import Partition, Topic
from pybroker.protocol import errors
from pybroker.protocol.messages.k03_metadata import MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic

VARIANTS_MAX = 4
WHOLE_BYTES_MAX = 8 << 20

_TOPIC_OPERATIONS = sum(1 << number for number in (3, 4, 5, 6, 7, 8, 10, 11))


class Asker:
    """What an answer depends on besides the topics."""

    __slots__ = ("cluster_operations", "host", "port", "topic_operations", "version")

    def __init__(self, *, version: int, host: str, port: int, topic_operations: bool, cluster_operations: int) -> None:
        self.version = version
        self.host = host
        self.port = port
        self.topic_operations = topic_operations
        self.cluster_operations = cluster_operations

    @property
    def key(self) -> tuple[object, ...]:
        return (self.version, self.host, self.port, self.topic_operations, self.cluster_operations)


class MetadataAnswers:
    """Makes and keeps Metadata responses of one broker."""

    def __init__(self, *, node_id: int, cluster_id: str, rack: str | None) -> None:
        self._node_id = node_id
        self._cluster_id = cluster_id
        self._rack = rack
        self._parts: dict[tuple[int, bool], dict[bytes, tuple[Topic, bytes]]] = {}
        self._whole: dict[tuple[object, ...], bytes] = {}
        self._whole_image: Image | None = None
        self._offline: frozenset[tuple[bytes, int]] = frozenset()

    def set_offline(self, partitions: frozenset[tuple[bytes, int]]) -> None:
        """Partitions, by topic id and index, whose logs cannot be served: from now on they have no leader."""
        if partitions != self._offline:
            self._offline = partitions
            self._parts.clear()
            self._whole.clear()

    def is_offline(self, topic_id: bytes, partition: int) -> bool:
        """Whether the log of this partition cannot be served."""
        return (topic_id, partition) in self._offline

    def all_topics(self, image: Image, asker: Asker) -> bytes:
        """The response with every topic."""
        if self._whole_image is None or self._whole_image.by_id is not image.by_id:
            self._whole_image = image
            self._whole.clear()
        answer = self._whole.get(asker.key)
        if answer is None:
            parts = [self._part(topic, asker) for topic in image.by_id.values()]
            self._drop_old_parts(image, asker)
            answer = self._response(EncodedArray(len(parts), b"".join(parts)), asker)
            if sum(map(len, self._whole.values())) + len(answer) > WHOLE_BYTES_MAX:
                self._whole.clear()
            if len(answer) <= WHOLE_BYTES_MAX:
                self._whole[asker.key] = answer
        return answer

    def some_topics(self, found: list[Topic], missing: list[MetadataResponseTopic], asker: Asker) -> bytes:
        """The response with these topics, and with those for which there is only an error."""
        parts = [self._part(topic, asker) for topic in found]
        parts += [encoded(topic, asker.version) for topic in missing]
        return self._response(EncodedArray(len(parts), b"".join(parts)), asker)

    def _response(self, topics: EncodedArray, asker: Asker) -> bytes:
        response = MetadataResponse(
            brokers=[MetadataResponseBroker(node_id=self._node_id, host=asker.host, port=asker.port, rack=self._rack)],
            cluster_id=self._cluster_id,
            controller_id=self._node_id,
            topics=cast(Any, topics),
            cluster_authorized_operations=asker.cluster_operations,
        )
        return bytes(response.encode(asker.version))

    def _part(self, topic: Topic, asker: Asker) -> bytes:
        parts = self._parts_of(asker)
        held = parts.get(topic.id)
        if held is not None and held[0] is topic:
            return held[1]
        data = encoded(self._struct(topic, asker), asker.version)
        parts[topic.id] = (topic, data)
        return data

    def _parts_of(self, asker: Asker) -> dict[bytes, tuple[Topic, bytes]]:
        variant = (asker.version, asker.topic_operations)
        parts = self._parts.get(variant)
        if parts is None:
            if len(self._parts) >= VARIANTS_MAX:
                del self._parts[next(iter(self._parts))]
            parts = self._parts[variant] = {}
        return parts

    def _drop_old_parts(self, image: Image, asker: Asker) -> None:
        parts = self._parts_of(asker)
        if len(parts) > len(image.by_id):
            for topic_id in parts.keys() - image.by_id.keys():
                del parts[topic_id]

    def _struct(self, topic: Topic, asker: Asker) -> MetadataResponseTopic:
        partitions = [_partition(part, self.is_offline(topic.id, part.number)) for part in topic.partitions]
        struct = MetadataResponseTopic(name=topic.name, topic_id=topic.id, is_internal=topic.internal, partitions=partitions)
        if asker.topic_operations:
            struct.topic_authorized_operations = _TOPIC_OPERATIONS
        return struct


def _partition(part: Partition, offline: bool) -> MetadataResponsePartition:
    """As the Java broker's controller has it: a replica on a failed disk is off-line, and a partition of which it was the last has no leader."""
    return MetadataResponsePartition(
        error_code=0 if part.leader >= 0 and not offline else errors.LeaderNotAvailable.code,
        partition_index=part.number,
        leader_id=-1 if offline else part.leader,
        leader_epoch=part.leader_epoch,
        replica_nodes=list(part.replicas),
        isr_nodes=list(part.isr),
        offline_replicas=list(part.replicas) if offline else [],
    )
