"""The facts of metadata and the changes to them. Everything that a store keeps is one of these records."""

from typing import NamedTuple

ZERO_ID = bytes(16)

RESOURCE_TOPIC, RESOURCE_BROKER, RESOURCE_LOGGER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP = 2, 4, 8, 16, 32
"""Kinds of config resources, as Kafka numbers them."""

OFFSETS_TOPIC = "__consumer_offsets"
INTERNAL_TOPICS = frozenset({OFFSETS_TOPIC, "__transaction_state", "__share_group_state"})


class Partition(NamedTuple):
    """One partition. ``log_dir`` is the directory id of meta.properties; ``epoch`` counts changes of leader or replicas."""

    number: int
    leader: int
    leader_epoch: int
    epoch: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    log_dir: str


class Topic(NamedTuple):
    """One topic. ``partitions`` is in order of number, without gaps."""

    id: bytes
    name: str
    partitions: tuple[Partition, ...]

    @property
    def internal(self) -> bool:
        return self.name in INTERNAL_TOPICS


class PutTopic(NamedTuple):
    """A new topic with its partitions."""

    topic: Topic


class AddPartitions(NamedTuple):
    """More partitions of a topic; their indexes follow those it has."""

    topic_id: bytes
    partitions: tuple[Partition, ...]


class RemoveTopic(NamedTuple):
    """A topic goes. A note of it stays until ForgetRemoved, so that a crash in between leaves no files behind."""

    topic_id: bytes


class ForgetRemoved(NamedTuple):
    """The files of a removed topic are out of the way."""

    topic_id: bytes


class PutConfig(NamedTuple):
    """One config value of a resource; None takes it away."""

    kind: int
    name: str
    key: str
    value: str | None


class PutProducerIds(NamedTuple):
    """Producer ids below ``next_id`` are given out."""

    next_id: int


class MovePartition(NamedTuple):
    """A partition lies in another log directory now."""

    topic_id: bytes
    number: int
    log_dir: str


class RaiseLeaderEpochs(NamedTuple):
    """Every partition led by ``leader`` begins a new leader epoch: what it had not synced may be gone."""

    leader: int


Change = PutTopic | AddPartitions | RemoveTopic | ForgetRemoved | PutConfig | PutProducerIds | MovePartition | RaiseLeaderEpochs
