"""Every change of metadata goes through here: checked, written to the store, made known to the data plane, then to readers.

Invariants  C1 one change at a time (a lock, first come first served); each names the version it was made from
            C2 store, then data plane, then image: what a client can see exists, and what the store lost no client has seen
            C3 a removed topic stays noted in the store until the data plane has moved its files away
Thread      control; the store's writes run through ``run``, off the event loop, so that a slow disk stalls changes and nothing else
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from pybroker.metadata.config_changes import ConfigChange, changed_values, check_resource
from pybroker.metadata.image import Image
from pybroker.metadata.records import (
    RESOURCE_BROKER,
    RESOURCE_CLIENT_METRICS,
    RESOURCE_TOPIC,
    ZERO_ID,
    AddPartitions,
    Change,
    ForgetRemoved,
    MovePartition,
    Partition,
    PutConfig,
    PutProducerIds,
    PutTopic,
    RaiseLeaderEpochs,
    RemoveTopic,
    Topic,
)  # fmt: skip
from pybroker.metadata.store import Store
from pybroker.metadata.topic_rules import (
    PARTITIONS_PER_REQUEST_MAX,
    DirectoryPicker,
    check_assignments,
    check_counts,
    check_growth,
    check_name,
    check_replicas,
)  # fmt: skip
from pybroker.protocol import errors

log = logging.getLogger(__name__)

PRODUCER_ID_BLOCK = 1000
"""Producer ids taken from the store at a time, as in Kafka."""

DEFAULT_COUNT = -1

JUDGE_ROUNDS_MAX = 3
"""Times that a change of config is decided on, because others changed the same values meanwhile."""

Judge = Callable[[Mapping[str, str], Mapping[str, str]], Awaitable[None]]
"""Raises a KafkaError where own values may not go from these to those."""


class DataPlane(Protocol):
    """What the C core does with topics."""

    def put_topic(self, topic_id: bytes, name: str, partitions: Sequence[tuple[int, int, int]], settings: dict[str, int]) -> None: ...

    def remove_topic(self, topic_id: bytes) -> None: ...


class ConfigRules(Protocol):
    """What the broker's config says of topics, and which changes it allows. Checks raise ValueError with one line."""

    def integer(self, name: str) -> int: ...

    def check_topic(self, own: Mapping[str, str]) -> None: ...

    def check_dynamic(self, changed: Mapping[str, str], *, for_all: bool) -> None: ...

    def check_other(self, kind: int, name: str, own: Mapping[str, str]) -> None: ...

    def is_list(self, kind: int, key: str) -> bool: ...

    def default_of(self, kind: int, key: str) -> str | None: ...

    def topic_settings(self, own: Mapping[str, str], *, internal: bool) -> dict[str, int]: ...

    def set_dynamic(self, default: Mapping[str, str], own: Mapping[str, str]) -> set[str]: ...


class NewTopic(NamedTuple):
    """A wish for a topic. Counts of -1 are the broker's defaults; ``assignments`` are (partition, nodes)."""

    name: str
    partitions: int = DEFAULT_COUNT
    replicas: int = DEFAULT_COUNT
    assignments: Sequence[tuple[int, Sequence[int]]] = ()
    configs: Mapping[str, str] = {}


class Growth(NamedTuple):
    """A wish for ``total`` partitions in all; ``assignments`` are the nodes of each new one."""

    name: str
    total: int
    assignments: Sequence[Sequence[int]] | None = None


class TopicOutcome(NamedTuple):
    """What became of one topic of a request: the topic as it is now (or would be), or the error."""

    name: str | None
    topic: Topic | None
    error: errors.KafkaError | None = None


class Controller:
    """Owns the current image; makes the next."""

    def __init__(
        self,
        *,
        store: Store,
        image: Image,
        data_plane: DataPlane,
        configs: ConfigRules,
        node_id: int,
        log_dirs: Sequence[str],
        run: Callable[[Callable[[], int]], Awaitable[int]],
        on_broker_config: Callable[[set[str]], None],
    ) -> None:
        """``log_dirs``: directory ids in the data plane's order. ``run``: calls a function that blocks. ``on_broker_config``: names that changed."""
        self._image = image
        self._watchers: list[Callable[[], None]] = []
        self._store = store
        self._data_plane = data_plane
        self._configs = configs
        self._node_id = node_id
        self._log_dirs = {name: place for place, name in enumerate(log_dirs)}
        self._run = run
        self._on_broker_config = on_broker_config
        self._lock = asyncio.Lock()
        self._producer_ids = range(0)
        self._plain_settings: dict[bool, dict[str, int]] = {}
        self._places: DirectoryPicker | None = None
        self._moved_away: set[bytes] = set()                # removed topics whose note in the store may go

    @property
    def image(self) -> Image:
        """What stands now."""
        return self._image

    @image.setter
    def image(self, image: Image) -> None:
        self._image = image
        for tell in self._watchers:
            tell()

    def watch(self, tell: Callable[[], None]) -> None:
        """Call this after every change of the image. It must be quick and must not raise."""
        self._watchers.append(tell)

    # ---- at start

    def announce_all(self) -> None:
        """Tell the data plane of every topic; finish removals that a crash cut short. Before clients are served."""
        self._take_broker_config()
        for topic in self.image.removed.values():
            self._announce(topic)
            self._data_plane.remove_topic(topic.id)
        for topic in self.image.by_name.values():
            self._announce(topic)
        if self.image.removed:
            self._commit_now([ForgetRemoved(topic_id) for topic_id in self.image.removed])

    def begin_epochs(self) -> None:
        """After an unclean stop: every partition we lead begins a new leader epoch. Before announce_all."""
        if self.image.partition_count:
            self._commit_now([RaiseLeaderEpochs(self._node_id)])

    def _commit_now(self, changes: Sequence[Change]) -> None:
        version = self._store.apply(changes, self.image.version)
        self.image = self.image.with_changes(changes, version)

    def _announce(self, topic: Topic) -> None:
        parts = [(part.number, self._log_dirs[part.log_dir], part.leader_epoch) for part in topic.partitions]
        self._data_plane.put_topic(topic.id, topic.name, parts, self._settings_of(topic))

    def announce_again(self, name: str | None) -> None:
        """Tell the data plane of a topic, or all of them, once more: what hangs on it besides its config may have changed. Fine when there is none of that name."""
        found = self.image.by_name.values() if name is None else filter(None, [self.image.by_name.get(name)])
        for topic in list(found):
            self._announce(topic)

    def _settings_of(self, topic: Topic) -> dict[str, int]:
        own = self.image.config(RESOURCE_TOPIC, topic.name)
        if own:
            return self._configs.topic_settings(own, internal=topic.internal)
        settings = self._plain_settings.get(topic.internal)
        if settings is None:
            settings = self._plain_settings[topic.internal] = self._configs.topic_settings({}, internal=topic.internal)
        return settings

    async def _commit(self, changes: Sequence[Change]) -> Image:
        """Write the changes, with what is left of earlier removals. The caller holds the lock and publishes the image that is returned."""
        moved_away = list(self._moved_away)
        every = [*changes, *(ForgetRemoved(topic_id) for topic_id in moved_away)]
        base = self.image
        try:
            version = await self._run(lambda: self._store.apply(every, base.version))
        except BaseException:
            self._places = None
            raise
        self._moved_away.difference_update(moved_away)
        return base.with_changes(every, version)

    async def close(self) -> None:
        """Write what is still to be noted. Raises StoreError."""
        async with self._lock:
            if self._moved_away:
                self.image = await self._commit([])

    # ---- topics

    async def create_topics(self, wishes: Sequence[NewTopic], *, validate_only: bool = False) -> list[TopicOutcome]:
        """Create topics; one outcome per wish, in order. Names must differ. Raises PolicyViolation for more partitions than one request may bring."""
        async with self._lock:
            planned = [self._plan_topic(wish) for wish in wishes]
            topics = [outcome.topic for outcome in planned if outcome.topic]
            self._check_amount(sum(len(topic.partitions) for topic in topics))
            if validate_only or not topics:
                return [outcome._replace(topic=outcome.topic._replace(id=ZERO_ID)) if outcome.topic else outcome for outcome in planned]
            picker = self._picker()
            placed = {topic.name: self._placed(topic, picker) for topic in topics}
            changes: list[Change] = [PutTopic(topic) for topic in placed.values()]
            for wish in wishes:
                if wish.name in placed:
                    changes += [PutConfig(RESOURCE_TOPIC, wish.name, key, value) for key, value in wish.configs.items()]
            image = await self._commit(changes)
            refused = await self._publish(image, list(placed.values()))
            return [
                TopicOutcome(outcome.name, None, refused[outcome.name])
                if outcome.name in refused
                else outcome._replace(topic=placed[outcome.topic.name])
                if outcome.topic
                else outcome
                for outcome in planned
            ]

    def _plan_topic(self, wish: NewTopic) -> TopicOutcome:
        try:
            return TopicOutcome(wish.name, Topic(ZERO_ID, wish.name, self._plan_partitions(wish)))
        except errors.KafkaError as error:
            return TopicOutcome(wish.name, None, error)

    def _plan_partitions(self, wish: NewTopic) -> tuple[Partition, ...]:
        check_name(wish.name)
        if wish.name in self.image.by_name:
            raise errors.TopicAlreadyExists(f"Topic '{wish.name}' already exists.")
        other = self.image.colliding(wish.name)
        if other is not None:
            raise errors.InvalidTopicException(f"Topic '{wish.name}' collides with existing topic: {other}")
        try:
            self._configs.check_topic(wish.configs)
        except ValueError as error:
            raise errors.InvalidConfig(str(error)) from error
        brokers = frozenset((self._node_id,))
        if wish.assignments:
            nodes = check_assignments(wish.assignments, wish.partitions, wish.replicas, brokers)
        else:
            replicas = self._configs.integer("default.replication.factor") if wish.replicas == DEFAULT_COUNT else wish.replicas
            check_counts(wish.partitions, replicas, len(brokers))
            count = self._configs.integer("num.partitions") if wish.partitions == DEFAULT_COUNT else wish.partitions
            self._check_amount(count)
            nodes = [(self._node_id,)] * count
        return tuple(self._partition(index, replicas_of) for index, replicas_of in enumerate(nodes))

    @staticmethod
    def _partition(index: int, replicas: tuple[int, ...]) -> Partition:
        return Partition(index, replicas[0], 0, 0, replicas, replicas, "")

    def _check_amount(self, partitions: int) -> None:
        if partitions > PARTITIONS_PER_REQUEST_MAX:
            raise errors.PolicyViolation("Excessively large number of partitions per request.")
        most = self._configs.integer("pybroker.max.partitions")
        if self.image.partition_count + partitions > most:
            raise errors.PolicyViolation(f"This broker may have {most} partitions (pybroker.max.partitions).")

    def _picker(self) -> DirectoryPicker:
        """Counts of partitions per directory, taken once and kept up; forgotten when a change fails."""
        if self._places is None:
            counts = dict.fromkeys(self._log_dirs, 0)
            for topic in self.image.by_name.values():
                for part in topic.partitions:
                    counts[part.log_dir] += 1
            self._places = DirectoryPicker(counts)
        return self._places

    def _give_back(self, topics: Sequence[Topic]) -> None:
        for topic in topics if self._places else ():
            for part in topic.partitions:
                self._picker().give_back(part.log_dir)

    @staticmethod
    def _placed(topic: Topic, picker: DirectoryPicker) -> Topic:
        parts = tuple(part._replace(log_dir=picker.pick()) for part in topic.partitions)
        return topic._replace(id=new_topic_id(), partitions=parts)

    async def _publish(self, image: Image, topics: Sequence[Topic]) -> dict[str | None, errors.KafkaError]:
        """Hand new or grown topics to the data plane, then show the image. A new topic that the data plane refuses is taken out of the store again."""
        before = self.image
        refused: dict[str | None, errors.KafkaError] = {}
        self.image = image
        for topic in topics:
            try:
                self._announce(topic)
            except Exception as error:
                log.error("topic cannot be made", extra={"topic": topic.name, "error": str(error)})
                refused[topic.name] = errors.KafkaStorageError(f"The topic cannot be stored: {error}")
        undo = [topic.id for topic in topics if topic.name in refused and topic.id not in before.by_id]
        if undo:
            self._moved_away.update(undo)
            self._give_back([image.by_id[topic_id] for topic_id in undo])
            self.image = await self._commit([RemoveTopic(topic_id) for topic_id in undo])
        return refused

    async def delete_topics(self, topic_ids: Sequence[bytes]) -> dict[bytes, errors.KafkaError | None]:
        """Delete topics by id; those that are not there get UnknownTopicId. Raises StoreError."""
        async with self._lock:
            found = [topic_id for topic_id in dict.fromkeys(topic_ids) if topic_id in self.image.by_id]
            outcome: dict[bytes, errors.KafkaError | None] = {topic_id: errors.UnknownTopicId() for topic_id in topic_ids}
            if not found:
                return outcome
            gone = [self.image.by_id[topic_id] for topic_id in found]
            self.image = await self._commit([RemoveTopic(topic_id) for topic_id in found])
            self._give_back(gone)
            for topic_id in found:
                outcome[topic_id] = None
                self._remove_files(topic_id)
            return outcome

    def _remove_files(self, topic_id: bytes) -> None:
        try:
            self._data_plane.remove_topic(topic_id)
        except Exception as error:
            log.error("files of a deleted topic are still there; the next start removes them", extra={"topic_id": topic_id.hex(), "error": str(error)})
        else:
            self._moved_away.add(topic_id)

    def note_moves(self, moves: Sequence[MovePartition]) -> None:
        """Partitions that were found in another log directory. Before announce_all."""
        if moves:
            self._commit_now(moves)

    async def partition_moved(self, topic_id: bytes, partition: int, place: int) -> None:
        """The partition lies in the log directory ``place`` now. Raises StoreError."""
        async with self._lock:
            log_dir = next(name for name, number in self._log_dirs.items() if number == place)
            if topic_id in self.image.by_id:
                self.image = await self._commit([MovePartition(topic_id, partition, log_dir)])
                self._places = None

    async def create_partitions(self, wishes: Sequence[Growth], *, validate_only: bool = False) -> list[TopicOutcome]:
        """Add partitions; one outcome per wish, in order. Names must differ. Raises PolicyViolation as create_topics."""
        async with self._lock:
            planned = [self._plan_growth(wish) for wish in wishes]
            added = {outcome.name: outcome.topic.partitions for outcome in planned if outcome.topic}
            self._check_amount(sum(map(len, added.values())))
            if validate_only or not added:
                return planned
            picker = self._picker()
            changes = [
                AddPartitions(outcome.topic.id, tuple(part._replace(log_dir=picker.pick()) for part in outcome.topic.partitions))
                for outcome in planned
                if outcome.topic
            ]
            image = await self._commit(changes)
            refused = await self._publish(image, [image.by_id[change.topic_id] for change in changes])
            return [TopicOutcome(outcome.name, None, refused[outcome.name]) if outcome.name in refused else outcome for outcome in planned]

    def _plan_growth(self, wish: Growth) -> TopicOutcome:
        try:
            topic = self.image.by_name.get(wish.name)
            if topic is None:
                raise errors.UnknownTopicOrPartition()
            current = len(topic.partitions)
            check_growth(wish.name, current, wish.total, wish.assignments)
            self._check_amount(wish.total - current)
            brokers = frozenset((self._node_id,))
            count = len(topic.partitions[0].replicas)
            nodes = wish.assignments if wish.assignments is not None else [topic.partitions[0].replicas] * (wish.total - current)
            parts = tuple(self._partition(current + place, check_replicas(replicas, brokers, count)) for place, replicas in enumerate(nodes))
            return TopicOutcome(wish.name, topic._replace(partitions=parts))
        except errors.KafkaError as error:
            return TopicOutcome(wish.name, None, error)

    # ---- configs

    async def alter_configs(
        self, kind: int, name: str, changes: Sequence[ConfigChange], *, replace_all: bool, validate_only: bool = False, judge: Judge | None = None
    ) -> None:
        """Change the values of one resource, all or none. ``replace_all``: what is not named is taken away. ``judge`` is asked without the lock, and again when the values it saw are
        no longer what they are. Raises a KafkaError (what ``judge`` raises, too), StoreError."""
        judged: tuple[Mapping[str, str], Mapping[str, str]] | None = None
        for _ in range(JUDGE_ROUNDS_MAX):
            async with self._lock:
                before, after = self._planned_values(kind, name, changes, replace_all=replace_all)
                if judge is None or judged == (before, after):
                    if not validate_only:
                        await self._put_values(kind, name, before, after)
                    return
            await judge(before, after)
            judged = before, after
        raise errors.RequestTimedOut("The values changed each time before the change was decided on.")

    def _planned_values(self, kind: int, name: str, changes: Sequence[ConfigChange], *, replace_all: bool) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Own values before and after the changes."""
        check_resource(kind, name, self.image, self._node_id)
        before = self.image.config(kind, name)
        after = changed_values({} if replace_all else before, changes, kind, self._configs)
        try:
            self._check_values(kind, name, after)
        except ValueError as error:
            told = errors.InvalidRequest if kind == RESOURCE_CLIENT_METRICS else errors.InvalidConfig
            raise told(str(error)) from error
        return before, after

    async def _put_values(self, kind: int, name: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        records: list[Change] = [PutConfig(kind, name, key, None) for key in before if key not in after]
        records += [PutConfig(kind, name, key, value) for key, value in after.items() if before.get(key) != value]
        if records:
            self.image = await self._commit(records)
            self._take_config(kind, name)

    def _check_values(self, kind: int, name: str, values: Mapping[str, str]) -> None:
        if kind == RESOURCE_TOPIC:
            self._configs.check_topic(values)
        elif kind == RESOURCE_BROKER:
            self._configs.check_dynamic(values, for_all=name == "")
        else:
            self._configs.check_other(kind, name, values)

    def _take_config(self, kind: int, name: str) -> None:
        if kind == RESOURCE_TOPIC:
            self._announce(self.image.by_name[name])
        elif kind == RESOURCE_BROKER:
            changed = self._take_broker_config()
            if changed:
                self.broker_config_changed(changed)

    def _take_broker_config(self) -> set[str]:
        return self._configs.set_dynamic(self.image.config(RESOURCE_BROKER, ""), self.image.config(RESOURCE_BROKER, str(self._node_id)))

    def broker_config_changed(self, changed: set[str]) -> None:
        """Effective broker values changed: tell the data plane what follows for it and for each topic whose settings moved."""
        old, self._plain_settings = self._plain_settings, {}
        self._on_broker_config(changed)
        for topic in self.image.by_name.values():
            if self.image.config(RESOURCE_TOPIC, topic.name) or self._settings_of(topic) != old.get(topic.internal):
                self._announce(topic)

    # ---- producer ids

    async def next_producer_id(self) -> int:
        """A producer id that was never given out before, across restarts too. Raises StoreError."""
        if not self._producer_ids:
            async with self._lock:
                if not self._producer_ids:
                    first = self.image.next_producer_id
                    self.image = await self._commit([PutProducerIds(first + PRODUCER_ID_BLOCK)])
                    self._producer_ids = range(first, first + PRODUCER_ID_BLOCK)
        given = self._producer_ids[0]
        self._producer_ids = self._producer_ids[1:]
        return given


def new_topic_id() -> bytes:
    """A random id (UUID version 4) that does not begin with ``-`` in its text form, as in Kafka: command lines would take it for an option."""
    while True:
        raw = bytearray(secrets.token_bytes(16))
        raw[6] = raw[6] & 0x0F | 0x40
        raw[8] = raw[8] & 0x3F | 0x80
        if raw[0] >> 2 != 62:                               # 62 is "-" in URL-safe base64
            return bytes(raw)
