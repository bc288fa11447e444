"""The group coordinator as handlers see it: finds the shard of a group, makes the offsets topic when it is first needed, keeps time.

Thread  control
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from pybroker.coordinator.effects import Steady, Turn
from pybroker.coordinator.group.assignors import BUILT_IN, Assignor
from pybroker.coordinator.group.classic import ClassicGroups
from pybroker.coordinator.group.classic_rebalance import Settings as ClassicSettings
from pybroker.coordinator.group.consumer import ConsumerGroups
from pybroker.coordinator.group.consumer_change import Settings as ConsumerSettings
from pybroker.coordinator.group.lag import Picture, picture
from pybroker.coordinator.group.offsets import Offset
from pybroker.coordinator.group.shard import Shard as State
from pybroker.coordinator.runtime import Outcome, Runtime, Shard, shard_of
from pybroker.coordinator.topic import InternalTopic, OwnLog
from pybroker.metadata.controller import Controller
from pybroker.metadata.image import Image
from pybroker.metadata.records import OFFSETS_TOPIC, RESOURCE_GROUP
from pybroker.protocol import errors

log = logging.getLogger(__name__)

ASSIGNORS: dict[str, Assignor] = dict(BUILT_IN)
OWN_SETTINGS = (
    ("consumer.heartbeat.interval.ms", "heartbeat_interval_ms", "group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"),
    ("consumer.session.timeout.ms", "session_timeout_ms", "group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms"),
    ("consumer.assignment.interval.ms", "assignment_interval_ms", "group.consumer.min.assignment.interval.ms", "group.consumer.max.assignment.interval.ms"),
)
"""What a group may have of its own, the setting that it is, and the broker's bounds."""

Work = Callable[[State, Turn, Any], Any]


class Config(Protocol):
    """The broker's config."""

    def integer(self, name: str) -> int: ...
    def text(self, name: str) -> str | None: ...
    def entries(self, name: str) -> tuple[str, ...]: ...


class Core(Protocol):
    """The loops' table of steady members."""

    def put_member(self, group: bytes, member: bytes, instance: bytes | None, generation: int, interval_ms: int, consumer: bool) -> bool: ...
    def remove_member(self, group: bytes, member: bytes) -> None: ...
    def member_heard_ns(self, group: bytes, member: bytes) -> int: ...


class _Members:
    """The table by text."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def put(self, member: Steady) -> None:
        instance = None if member.instance_id is None else member.instance_id.encode()
        self._core.put_member(member.group_id.encode(), member.member_id.encode(), instance, member.generation, member.interval_ms, member.consumer)

    def remove(self, group_id: str, member_id: str) -> None:
        self._core.remove_member(group_id.encode(), member_id.encode())

    def heard_ms(self, group_id: str, member_id: str) -> int | None:
        heard_ns = self._core.member_heard_ns(group_id.encode(), member_id.encode())
        return None if heard_ns < 0 else heard_ns // 1_000_000


class Groups:
    """All groups of this broker."""

    def __init__(self, *, controller: Controller, config: Config, own_log: OwnLog, core: Core, now_ms: Callable[[], int], wall_ms: Callable[[], int]) -> None:
        """``now_ms`` monotonic, ``wall_ms`` since 1970."""
        self._controller = controller
        self._config = config
        self._members = _Members(core)
        self._now_ms, self._wall_ms = now_ms, wall_ms
        self._own_log = own_log
        self._topic = InternalTopic(OFFSETS_TOPIC, controller, own_log)
        self._runtime: Runtime[State] | None = None
        self._parked: dict[int, list[tuple[str, asyncio.Future[Any]]]] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self._classic_settings: ClassicSettings | None = None
        self._consumer_settings: ConsumerSettings | None = None
        self._image = controller.image                      # what the groups know of
        self._noticing = False
        controller.watch(self._on_image)

    # ---- start, stop, time

    def now_ms(self) -> int:
        return self._now_ms()

    def wall_ms(self) -> int:
        return self._wall_ms()

    def start(self) -> None:
        """Begin to read what there is, in the background; requests come in between."""
        self._expiry = asyncio.get_running_loop().call_later(self._config.integer("offsets.retention.check.interval.ms") / 1000, self._expire)
        if self._topic.topic is not None:
            asyncio.get_running_loop().call_soon(self._read_all)

    def _read_all(self) -> None:
        begin_ms = self._now_ms()
        loading = []
        for shard in self._need_runtime().shards:
            try:
                if self._topic.has_records(shard.partition):
                    loading.append(shard.load())
            except errors.KafkaError as error:
                log.error("state of groups cannot be read", extra={"partition": shard.partition, "error": str(error)})
        if loading:
            asyncio.gather(*loading, return_exceptions=True).add_done_callback(lambda _done: self._all_read(begin_ms))

    def _all_read(self, begin_ms: int) -> None:
        states = list(self._runtime.loaded()) if self._runtime else []
        counts = {"groups": sum(state.group_count for state in states), "offsets": sum(1 for _ in self.each_offset()), "skipped": sum(state.skipped for state in states)}
        log.info("groups are read", extra={**counts, "took_ms": self._now_ms() - begin_ms})

    def stop(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        if self._runtime is not None:
            self._runtime.stop()

    def _expire(self) -> None:
        self._expiry = asyncio.get_running_loop().call_later(self._config.integer("offsets.retention.check.interval.ms") / 1000, self._expire)
        for shard in self._runtime.shards if self._runtime else ():
            shard.run(lambda state, turn: state.expire_offsets(turn))

    # ---- settings

    def classic_settings(self) -> ClassicSettings:
        if self._classic_settings is None:
            whole = self._config.integer
            self._classic_settings = ClassicSettings(
                session_ms_min=whole("group.min.session.timeout.ms"),
                session_ms_max=whole("group.max.session.timeout.ms"),
                members_max=min(whole("group.max.size"), whole("pybroker.group.members.max")),
                initial_delay_ms=whole("group.initial.rebalance.delay.ms"),
                metadata_bytes_max=whole("pybroker.group.metadata.bytes.max"),
            )
        return self._classic_settings

    def consumer_settings(self, group_id: str) -> ConsumerSettings:
        """What the config says for one group of the consumer protocol: its own values, or the broker's. Own ones beyond bounds that came later are drawn into them."""
        if self._consumer_settings is None:
            self._consumer_settings = self._read_consumer_settings()
        own: Mapping[str, str] = self._controller.image.config(RESOURCE_GROUP, group_id)
        if not own:
            return self._consumer_settings
        whole = self._config.integer
        values: dict[str, Any] = {}
        for name, field, low, high in OWN_SETTINGS:
            if name in own:
                values[field] = min(max(int(own[name]), whole(low)), whole(high))
        return self._consumer_settings._replace(**values)

    def _read_consumer_settings(self) -> ConsumerSettings:
        whole = self._config.integer
        policy = (self._config.text("group.consumer.migration.policy") or "").upper()
        classic = self.classic_settings()
        return ConsumerSettings(
            heartbeat_interval_ms=whole("group.consumer.heartbeat.interval.ms"),
            session_timeout_ms=whole("group.consumer.session.timeout.ms"),
            assignment_interval_ms=whole("group.consumer.assignment.interval.ms"),
            members_max=min(whole("group.consumer.max.size"), whole("pybroker.group.members.max")),
            classic_members_max=classic.members_max,
            classic_session_min_ms=classic.session_ms_min,
            classic_session_max_ms=classic.session_ms_max,
            assignors=self._read_assignors(),
            may_upgrade=policy in ("UPGRADE", "BIDIRECTIONAL"),
            may_downgrade=policy in ("DOWNGRADE", "BIDIRECTIONAL"),
        )

    def _read_assignors(self) -> Mapping[str, Assignor]:
        """Those that the config names, in its order; one that there is not is left out, and all of ours stand in for none."""
        names = self._config.entries("group.consumer.assignors")
        if unknown := [name for name in names if name not in ASSIGNORS]:
            log.warning("assignors are not known", extra={"names": ",".join(unknown), "known": ",".join(ASSIGNORS)})
        return {name: ASSIGNORS[name] for name in names if name in ASSIGNORS} or ASSIGNORS

    def config_changed(self) -> None:
        """Some config of the broker is another one now."""
        self._classic_settings = self._consumer_settings = None
        for shard in self._runtime.shards if self._runtime else ():
            shard.run(lambda state, turn: state.consumer.settings_changed(turn))

    # ---- news of topics, and of groups' own config

    def _on_image(self) -> None:
        """What changes until the loop's next round is told at once."""
        if not self._noticing:
            self._noticing = True
            asyncio.get_running_loop().call_soon(self._notice)

    def _notice(self) -> None:
        self._noticing = False
        before, now = self._image, self._controller.image
        self._image = now
        if self._runtime is None:
            return
        if before.by_name is not now.by_name:
            for shard in self._runtime.shards:
                shard.run(lambda state, turn: state.consumer.topics_changed(now, turn))
        if before.configs is not now.configs:
            for group_id in _changed_groups(before, now):
                self._shard(group_id).run(lambda state, turn, group_id=group_id: state.consumer.settings_changed(turn, group_id))  # type: ignore[misc]

    # ---- shards

    def _new_state(self) -> State:
        new_id = _new_member_id
        classic = ClassicGroups(self.classic_settings, new_id, self._members.heard_ms)
        consumer = ConsumerGroups(self._controller.image, self.consumer_settings, new_id, self._members.heard_ms)
        return State(classic, consumer, retention_ms=self._retention_ms, new_id=new_id, groups_max=self._groups_left)

    def _retention_ms(self) -> int:
        return self._config.integer("offsets.retention.minutes") * 60_000

    def _groups_left(self) -> int:
        count = sum(state.group_count for state in self._runtime.loaded()) if self._runtime else 0
        return self._config.integer("pybroker.groups.max") - count

    def _need_runtime(self) -> Runtime[State]:
        """The topic is there."""
        topic = self._topic.topic
        assert topic is not None
        if self._runtime is None or len(self._runtime.shards) != len(topic.partitions):
            self._runtime = Runtime([Shard(index, self._topic, self._new_state, self, self._members) for index in range(len(topic.partitions))])
        return self._runtime

    async def prepare(self) -> None:
        """Make the offsets topic if it is not there. Raises CoordinatorNotAvailable."""
        configs = {"cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": str(self._config.integer("offsets.topic.segment.bytes"))}
        await self._topic.make(self._config.integer("offsets.topic.num.partitions"), configs)
        self._need_runtime()

    def speaks(self, protocol: str) -> bool:
        """Whether a group protocol is on."""
        return protocol in self._config.entries("group.coordinator.rebalance.protocols")

    @property
    def is_prepared(self) -> bool:
        return self._topic.topic is not None

    def _shard(self, group_id: str) -> Shard[State]:
        shards = self._need_runtime().shards
        return shards[shard_of(group_id, len(shards))]

    # ---- requests

    def ask(self, group_id: str, work: Work, *, at_once: bool = False, connection_id: int | None = None) -> Outcome:
        """Do something with the shard of a group; see Shard.ask. ``connection_id``: whose going away ends the wait of a parked request."""
        if not self.is_prepared:
            return asyncio.get_running_loop().create_task(self._ask_later(group_id, work, at_once, connection_id))
        if connection_id is None:
            return self._shard(group_id).ask(self._with_topics(work), at_once=at_once)
        found = work

        def parking(state: State, turn: Turn, token: Any) -> Any:
            answer = found(state, turn, token)
            if answer is None:
                self._park(connection_id, group_id, token)
            return answer

        return self._shard(group_id).ask(self._with_topics(parking), at_once=at_once)

    def _with_topics(self, work: Work) -> Work:
        image = self._controller.image

        def go(state: State, turn: Turn, token: Any) -> Any:
            state.consumer.topics = image
            return work(state, turn, token)

        return go

    async def _ask_later(self, group_id: str, work: Work, at_once: bool, connection_id: int | None) -> Any:
        await self.prepare()
        outcome = self.ask(group_id, work, at_once=at_once, connection_id=connection_id)
        return await outcome if isinstance(outcome, asyncio.Future) else outcome

    def _park(self, connection_id: int, group_id: str, token: "asyncio.Future[Any]") -> None:
        self._parked.setdefault(connection_id, []).append((group_id, token))
        token.add_done_callback(lambda _done: self._unpark(connection_id, token))

    def _unpark(self, connection_id: int, token: "asyncio.Future[Any]") -> None:
        left = [entry for entry in self._parked.pop(connection_id, []) if entry[1] is not token]
        if left:
            self._parked[connection_id] = left

    def on_gone(self, connection_id: int) -> None:
        """The peer of a connection left while a request of it waits."""
        for group_id, token in list(self._parked.get(connection_id, ())):
            self._shard(group_id).run(lambda state, turn, group_id=group_id, token=token: state.classic.disconnected(group_id, token, turn))  # type: ignore[misc]
            if not token.done():
                token.cancel()

    async def states(self) -> Sequence[State]:
        """All shards, read from the log. Raises CoordinatorLoadInProgress."""
        if not self.is_prepared:
            return []
        runtime = self._need_runtime()
        await runtime.load_all()
        return list(runtime.loaded())

    def topics_deleted(self, names: Sequence[str]) -> None:
        """Offsets of topics that are gone are forgotten; all groups, when it is their own topic."""
        if OFFSETS_TOPIC in names and self._runtime is not None:
            for shard in self._runtime.shards:
                shard.drop()
            self._runtime = None
        for shard in self._runtime.shards if self._runtime else ():
            shard.run(lambda state, turn: state.offsets.remove_topics(names, turn))

    # ---- watching

    def lag(self) -> Picture:
        """How far every group that has been read is behind. Asks the core once per partition that is read: about a microsecond each."""
        return picture(self.each_offset(), self._end_offset, self._config.integer("pybroker.group.lag.entries.max"))

    def committed(self) -> list[tuple[str, Mapping[str, Mapping[int, Offset]]]]:
        """Each group with what it has committed, by topic and partition: what is kept, not a copy. For those who look at it piece by piece on the control thread."""
        return [(group_id, topics) for state in (self._runtime.loaded() if self._runtime else ()) for group_id, topics in state.offsets.groups.items()]

    def _end_offset(self, topic: str, partition: int) -> int | None:
        found = self._controller.image.by_name.get(topic)
        if found is None or not 0 <= partition < len(found.partitions):
            return None
        try:
            return self._own_log.bounds(found.id, partition)[1]
        except errors.KafkaError:
            return None

    def each_offset(self) -> Iterator[tuple[str, str, int, Offset]]:
        """Group, topic, partition and what is committed, of all groups that have been read."""
        for state in self._runtime.loaded() if self._runtime else ():
            for group_id, topics in state.offsets.groups.items():
                for topic, partitions in topics.items():
                    for partition, one in partitions.items():
                        yield group_id, topic, partition, one


def check_group_id(group_id: str, *, may_be_empty: bool = False) -> None:
    """Raises InvalidGroupId for an empty one. Anything else that fits a string of the protocol may be a group, as in Kafka."""
    if not group_id and not may_be_empty:
        raise errors.InvalidGroupId()


def _changed_groups(before: Image, now: Image) -> set[str]:
    """Groups whose own config is another one now."""
    places = {place for place in before.configs.keys() | now.configs.keys() if place[0] == RESOURCE_GROUP}
    return {name for kind, name in places if before.config(kind, name) != now.config(kind, name)}


def _new_member_id() -> str:
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
