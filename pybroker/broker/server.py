"""One running broker: the core, the metadata and the dispatcher, put together and taken apart in order.

Start  directories made -> core made (locks them) -> identities read -> metadata opened -> topics announced -> logs recovered -> sockets bound ->
       loops started -> mailbox read -> questions answered (inspection.py). A failure at any step undoes the ones before it.
Stop   no more questions -> mailbox no longer read -> waiting handlers finished -> core stopped (logs synced, clean mark) -> metadata closed
Thread control, but for Core.stop, Core.checkpoint and the store's writes, which run on two threads of their own
"""

import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from pybroker.apis.context import Caller, Kind, LogDir, PartitionFacts
from pybroker.apis.judging import TOPIC_DEFAULTS, TOPIC_POLICY, principal_of, refused_creations, with_defaults
from pybroker.broker import directories, sockets
from pybroker.broker.broker_config import LOGGER_KEY, SOURCE_LOGGER, BrokerConfig, ConfigEntry, Synonym
from pybroker.broker.cleaner import Cleaner
from pybroker.broker.config import ConfigError, Setting
from pybroker.broker.directories import METADATA_FILE, DirectoryError
from pybroker.broker.dispatcher import Dispatcher
from pybroker.broker.housekeeper import Housekeeper
from pybroker.broker.inspection import Inspection
from pybroker.broker.listeners import Listener
from pybroker.broker.loop import asyncio
from pybroker.broker.mover import Mover
from pybroker.broker.own_log import OwnLog
from pybroker.broker.places import Unfinished, finish_moves
from pybroker.broker.planned_core import PlannedCore
from pybroker.broker.plugins import Plugins
from pybroker.hooks.asking import Hooks
from pybroker.metadata.answers import MetadataAnswers
from pybroker.metadata.config_changes import DELETE, SET, ConfigChange
from pybroker.metadata.controller import Controller, NewTopic, TopicOutcome
from pybroker.metadata.rate import Bucket
from pybroker.metadata.records import INTERNAL_TOPICS, OFFSETS_TOPIC, RESOURCE_TOPIC
from pybroker.metadata.store import SqliteStore, StoreError
from pybroker.metadata.topic_rules import is_legal
from pybroker.observe import logs
from pybroker.protocol import errors

if TYPE_CHECKING:
    from pybroker._core.core import Core, CoreError
    from pybroker.broker.gate import Gate
    from pybroker.broker.sampler import Sampler
    from pybroker.broker.watching import Watching
    from pybroker.coordinator.groups import Groups
    from pybroker.hooks.manager import PluginManager
    from pybroker.security.logins import Logins

log = logging.getLogger(__name__)
T = TypeVar("T")

STOP_WAIT_S = 5.0
"""Seconds that handlers which wait get when the broker stops."""

NAMES_SHOWN_MAX = 10


class StartError(Exception):
    """The broker cannot start. The text is one line."""


class StartStopped(Exception):
    """A signal came while logs were checked; they are as a killed broker leaves them."""


class Server:
    """A broker from start to stop. Satisfies ``pybroker.apis.context.Broker``."""

    def __init__(self, config: BrokerConfig, core_class: "type[Core]", core_error: "type[CoreError]", plugins: "PluginManager | None" = None) -> None:
        self.config = config
        self.plugins = Plugins(plugins, config)
        self.node_id = config.node_id
        self.rack = config.text("broker.rack")
        self.cluster_id = ""
        self.controller: Controller
        self._answers: MetadataAnswers
        self._offline_changes = 0
        self._recovering = False
        self.bound: list[Listener] = []
        self._offline: frozenset[int] = frozenset()
        self._dir_ids: list[str] = []
        self._core_class = core_class
        self._core_error = core_error
        self._core: Core
        self._store: SqliteStore
        self._dispatcher: Dispatcher
        self._names: dict[int, str] = {}
        self._bucket = Bucket()
        self._writer = ThreadPoolExecutor(1, "pb-metadata")
        self._flusher = ThreadPoolExecutor(1, "pb-checkpoint")
        self._timer: asyncio.TimerHandle | None = None
        self._groups: Groups | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self.started_s = time.monotonic()
        self.auditor = self.plugins.auditor()
        self._tasks = self.plugins.tasks()
        self._watching: Watching | None = None
        self._endpoints = self.plugins.endpoints()
        self._gate: Gate | None = None

    # ---- start

    def start(self) -> None:
        """Everything up to serving clients. Call on the running loop's thread. Raises StartError, and then nothing is left open."""
        undo: list[Callable[[], object]] = []
        try:
            self._start(undo)
        except (DirectoryError, StoreError, ConfigError) as error:
            self._undo(undo)
            raise StartError(str(error)) from error
        except BaseException:
            self._undo(undo)
            raise

    @staticmethod
    def _undo(undo: list[Callable[[], object]]) -> None:
        for step in reversed(undo):
            try:
                step()
            except Exception as error:
                log.error("start cannot be undone in full", exc_info=error)

    def _start(self, undo: list[Callable[[], object]]) -> None:
        paths = self.config.log_dirs
        for path in paths:
            directories.make(path)
        clean = all(directories.was_stopped_cleanly(path) for path in paths)
        self._core = self._make_core(paths)
        undo.append(self._core.abort)
        self._core.configure(**self.config.core_settings())
        identities = self._open_metadata(paths, undo)
        self._dir_ids = [identity.directory_id for identity in identities]
        self.planned = PlannedCore(self._core, self.plugins.manager, self.config, lambda name: self.controller.image.config(RESOURCE_TOPIC, name))
        undo.append(self.planned.stop)
        self.controller = Controller(
            store=self._store,
            image=self._store.load(),
            data_plane=self.planned,
            configs=self.config,
            node_id=self.node_id,
            log_dirs=self._dir_ids,
            run=self._in_writer,
            on_broker_config=self._on_broker_config,
        )
        moved, unfinished = finish_moves(paths, self._dir_ids, self.controller.image)
        self.controller.note_moves(moved)
        self._check_places(paths, self._dir_ids)
        if not clean:
            log.info("the last stop was not clean; logs are checked")
            self.controller.begin_epochs()
        self._start_plugins()
        self._announce()
        self._recover(clean)
        for listener in self.config.listeners:
            self._listen(listener)
        self._watching = self._watched(undo)
        self._answers = MetadataAnswers(node_id=self.node_id, cluster_id=self.cluster_id, rack=self.rack)
        self._gate = self._open_gate()
        self._core.start()
        self._own_log = OwnLog(self._core, self._core_error, self._flusher)
        self._dispatcher = Dispatcher(self, self._core, on_appended=self._own_log.settle, on_gone=self._on_gone, on_unused=self.planned.unused, gate=self._gate)
        self._dispatcher.start()
        self._housekeeper = Housekeeper(self._core, self.config, len(paths), self._on_offline, self.planned.apply_retention)
        self._housekeeper.start()
        self._cleaner = Cleaner(self._core, self.config)
        self._cleaner.start()
        self._mover = Mover(self._core, self._core_error, self.config, self.controller.partition_moved)
        self._resuming = asyncio.get_running_loop().create_task(self._resume_moves(unfinished))
        self._schedule_checkpoint()
        if self.plugins.hooks.has("pybroker_ready") or self._tasks is not None:
            self._telling = asyncio.get_running_loop().create_task(self._tell_ready())
        self._inspection = Inspection(paths[0], self._inspect)
        self._inspection.open()
        if self._watching is not None:
            self._watching.start()
        if OFFSETS_TOPIC in self.controller.image.by_name:
            asyncio.get_running_loop().call_soon(lambda: self.groups)   # read on, once clients are served

    def _start_plugins(self) -> None:
        facts = self.plugins.facts
        facts.cluster_id = self.cluster_id
        facts.topics = lambda: {topic.name: len(topic.partitions) for topic in self.controller.image.by_name.values()}
        facts.topic_own = lambda topic: self.controller.image.config(RESOURCE_TOPIC, topic)
        facts.replan = lambda topic: self._on_control(lambda: self.controller.announce_again(topic))
        self._loop = asyncio.get_running_loop()
        self.plugins.start()
        try:
            self.planned.start()
        except (ValueError, self._core_error) as error:
            raise StartError(str(error)) from error

    async def _tell_ready(self) -> None:
        await self.plugins.hooks.tell("pybroker_ready")
        if self._tasks is not None:
            await self._tasks.start()

    def _watched(self, undo: list[Callable[[], object]]) -> "Watching | None":
        """The HTTP listener, bound; what it needs is imported only where there is one."""
        address = self.config.text("pybroker.http.listener")
        if not address:
            return None
        from pybroker.broker import watching
        from pybroker.broker.control_thread import ControlThread

        bound = watching.bind(self.config, address)
        undo.append(bound.close)
        control = ControlThread(asyncio.get_running_loop())
        checks = watching.BrokerChecks(self._core, control, self.config, self.bound[0])
        manager = self.plugins.manager
        others = watching.PluginChecks(manager) if manager is not None and manager.has(watching.HOOK) else None

        def make_sampler() -> "Sampler":
            from pybroker.broker.sampler import Sampler

            return Sampler(self, self._core, self._core_error, control)

        return watching.Watching(bound, make_sampler, checks, others)

    def _open_gate(self) -> "Gate | None":
        """None: nobody logs in, and everybody may do everything."""
        if not any(listener.asks_login for listener in self.config.listeners) and not self.plugins.hooks.has("pybroker_authorize"):
            return None
        from pybroker.broker.gate import Gate

        gate = Gate(broker=self, config=self.config, plugins=self.plugins, core=self._core, listeners=self._names, auditor=self.auditor)
        authorizer = gate.authorizer
        if authorizer is not None:
            self.plugins.facts.invalidate = lambda principal: self._on_control(lambda: authorizer.invalidate(principal))
        return gate

    def _on_control(self, call: Callable[[], None]) -> None:
        """Run on the control thread soon. Any thread."""
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            log.debug("the broker has stopped")

    def _make_core(self, paths: Sequence[str]) -> "Core":
        try:
            return self._core_class(
                node_id=self.node_id,
                loops=self.config.integer("num.network.threads"),
                log_dirs=paths,
                workers=self.config.integer("background.threads"),
                open_segments_max=self.config.integer("pybroker.max.open.segments"),
                on_log=on_core_log,
            )
        except self._core_error as error:
            if error.name == "PB_E_EXISTS":
                place = str(error).rpartition(": ")[0]
                raise StartError(f"{place}: another broker runs on this directory and holds its lock") from error
            raise StartError(str(error)) from error

    def _open_metadata(self, paths: Sequence[str], undo: list[Callable[[], object]]) -> list[directories.Identity]:
        self._store = SqliteStore(os.path.join(paths[0], METADATA_FILE))
        undo.append(self._store.close)
        known = self._store.cluster_id()
        identities = directories.identify(paths, self.node_id, known)
        self.cluster_id = identities[0].cluster_id
        if known is None:
            self._store.set_cluster_id(self.cluster_id)
        return identities

    def _check_places(self, paths: Sequence[str], ids: Sequence[str]) -> None:
        """Every partition lies in a directory we have; directories that no topic claims are named, and left alone."""
        claimed: dict[str, set[str]] = {name: set() for name in ids}
        for topic in (*self.controller.image.by_name.values(), *self.controller.image.removed.values()):
            for part in topic.partitions:
                if part.log_dir not in claimed:
                    raise StartError(f"log directory {part.log_dir} of partition {topic.name}-{part.number} is not among log.dirs ({', '.join(paths)})")
                claimed[part.log_dir].add(f"{topic.name}-{part.number}")
        for path, name in zip(paths, ids, strict=True):
            strangers = directories.unclaimed(path, claimed[name])
            if strangers:
                shown = ",".join(strangers[:NAMES_SHOWN_MAX]) + (",…" if len(strangers) > NAMES_SHOWN_MAX else "")
                log.warning("directories that no topic claims are left alone", extra={"log_dir": path, "count": len(strangers), "names": shown})

    def _announce(self) -> None:
        try:
            self.controller.announce_all()
        except self._core_error as error:
            raise StartError(f"the logs cannot be opened: {error}") from error

    def _recover(self, clean: bool) -> None:
        if clean:
            self._core.recover()
            return
        threads = self.config.integer("num.recovery.threads.per.data.dir") * len(self.config.log_dirs)
        self._recovering = True
        try:
            with ThreadPoolExecutor(threads, "pb-recovery") as pool:                # never this thread: it hears signals meanwhile
                for done in [pool.submit(self._core.recover, part, threads) for part in range(threads)]:
                    done.result()
        except self._core_error as error:
            if error.name == "PB_E_AGAIN":
                raise StartStopped from error
            raise
        finally:
            self._recovering = False

    def interrupt(self) -> None:
        """A signal asks to stop while ``start`` runs: logs are no longer checked, and ``start`` raises StartStopped. Call on the thread that starts."""
        if self._recovering:
            self._core.stop_recovery()

    def _listen(self, listener: Listener) -> None:
        try:
            bound = sockets.open_all(listener, self.config.integer("socket.listen.backlog.size"))
        except OSError as error:
            raise StartError(f"listeners: {listener}: {error.strerror or error}") from error
        for one in bound:
            self._names[self._core.listen(one.socket.detach(), asks_login=listener.asks_login)] = listener.name
        self.bound.append(listener._replace(host=listener.host or bound[0].host, port=bound[0].port))

    def ready_line(self, pid: int) -> str:
        """The one line that says the broker serves."""
        listeners = ",".join(map(str, self.bound))
        return f"pybrokerd ready listeners={listeners} pid={pid} log.dirs={','.join(self.config.log_dirs)}"

    # ---- stop

    async def stop(self) -> None:
        """Stop cleanly. Raises whatever kept the logs from being synced, after everything else is down."""
        loop = asyncio.get_running_loop()
        if self._timer:
            self._timer.cancel()
        await self._inspection.close()
        if self._gate is not None:
            await self._gate.stop()
        await self._dispatcher.stop(STOP_WAIT_S)
        if self._groups is not None:
            self._groups.stop()
        if self._watching is not None:
            await loop.run_in_executor(None, self._watching.stop)
        if self._tasks is not None:
            await self._tasks.stop()
        if self.auditor is not None:
            await self.auditor.stop()
        await self.plugins.stop("stop")
        await loop.run_in_executor(None, self.planned.stop)
        await loop.run_in_executor(None, self._cleaner.stop)
        await self._housekeeper.stop()
        await asyncio.wait([self._resuming])
        await self._mover.stop()
        if self._ticking:
            await asyncio.wait([self._ticking])
        try:
            await loop.run_in_executor(self._flusher, self._core.stop)
        except self._core_error as error:
            if error.name != "PB_E_OFFLINE":
                raise
            log.warning("logs that are off-line were left as they are; their directories are checked at the next start")
        finally:
            try:
                await self.controller.close()
            except StoreError as error:
                log.error("metadata cannot be written at the end", extra={"error": str(error)})
            self._writer.shutdown(wait=True)
            self._flusher.shutdown(wait=True)
            self._store.close()

    # ---- background

    async def _in_writer(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, call)

    def _schedule_checkpoint(self) -> None:
        every_s = max(self.config.integer("log.flush.offset.checkpoint.interval.ms"), 100) / 1000
        self._timer = asyncio.get_running_loop().call_later(every_s, self._begin_checkpoint)

    def _begin_checkpoint(self) -> None:
        self._ticking = asyncio.get_running_loop().create_task(self._checkpoint())

    async def _checkpoint(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._flusher, self._core.checkpoint)
        except Exception as error:
            log.error("recovery points cannot be written", extra={"error": str(error)})
        self._schedule_checkpoint()

    def _on_broker_config(self, changed: set[str]) -> None:
        log.info("config changed", extra={"keys": ",".join(sorted(changed))})
        self._core.configure(**self.config.core_settings())
        if self._groups is not None:
            self._groups.config_changed()
        self.plugins.config_changed(changed)
        if self.planned.is_told_of(changed):
            self._on_control(lambda: self.controller.announce_again(None))
        if "pybroker.log.level" in changed:
            logs.set_level(self.config.text("pybroker.log.level") or "info")

    def reload(self, settings: Mapping[str, Setting]) -> None:
        """Take newly read static settings. Raises ConfigError, and then nothing has changed."""
        changed, fixed = self.config.reload(settings)
        if fixed:
            log.warning("keys that need a restart are unchanged", extra={"keys": ",".join(fixed)})
        if changed:
            self.controller.broker_config_changed(changed)
        log.info("config read again", extra={"changed": len(changed)})

    def _on_offline(self, places: frozenset[int]) -> None:
        self._offline = places

    def _on_gone(self, connection_id: int) -> None:
        if self._groups is not None:
            self._groups.on_gone(connection_id)

    # ---- what handlers ask

    def endpoint(self, caller: Caller) -> tuple[str, int]:
        listener = self._names.get(caller.listener, "")
        told = self._endpoints.find(caller, listener) if self._endpoints is not None else None
        if told is not None:
            return told
        address = self.config.advertised.get(listener)
        return (address.host, address.port) if address else (caller.local_host, caller.local_port)

    def logins(self, caller: Caller) -> "Logins | None":
        return self._gate.logins if self._gate is not None and self._gate.asks_login(caller) else None

    def ask_endpoint(self, caller: Caller) -> Awaitable[None] | None:
        if self._endpoints is None:
            return None
        return self._endpoints.ask(caller, self._names.get(caller.listener, ""), asyncio.get_running_loop().time())

    @property
    def hooks(self) -> Hooks:
        return self.plugins.hooks

    @property
    def known_groups(self) -> "Groups | None":
        """Groups, if anybody has asked for one yet."""
        return self._groups

    @property
    def is_audited(self) -> bool:
        return self.auditor is not None

    def audit(self, kind: Kind, caller: Caller, operation: str, resource: str, *, allowed: bool, detail: str = "", principal: str | None = None) -> None:
        if self.auditor is not None:
            from pybroker.broker.auditor import event_of

            listener = self._names.get(caller.listener, "")
            who = str(principal_of(caller)) if principal is None else principal
            self.auditor.note(event_of(kind, wall_ms(), who, caller.peer_host, listener, operation, resource, allowed=allowed, detail=detail))

    def now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def describe_loggers(self) -> list[ConfigEntry]:
        return [
            ConfigEntry(LOGGER_KEY, name, level, SOURCE_LOGGER, False, (Synonym(name, level, SOURCE_LOGGER),)) for name, level in logs.levels().items()
        ]

    @property
    def groups(self) -> "Groups":
        if self._groups is None:
            from pybroker.coordinator.groups import Groups

            self._groups = Groups(controller=self.controller, config=self.config, own_log=self._own_log, core=self._core, now_ms=self.now_ms, wall_ms=wall_ms)
            self._groups.start()
        return self._groups

    def on_topics_deleted(self, names: Sequence[str]) -> None:
        if self._groups is not None:
            self._groups.topics_deleted(names)

    def log_dirs(self) -> list[LogDir]:
        offline = self._offline
        return [LogDir(path, -1, -1, True) if place in offline else LogDir(path, *_space(path)) for place, path in enumerate(self.config.log_dirs)]

    @property
    def answers(self) -> MetadataAnswers:
        """Metadata responses; they know of partitions that are off-line by now."""
        changes = self._core.offline_changes()
        if changes != self._offline_changes:
            self._offline_changes = changes
            self._answers.set_offline(self._core.offline_partitions())
        return self._answers

    @property
    def offline_partition_count(self) -> int:
        return len(self._core.offline_partitions())

    async def _inspect(self, ask: str, arguments: Mapping[str, object]) -> object:
        from pybroker.broker.inspection_answers import answer

        return await answer(self, ask, arguments)

    def partitions(self, topic_id: bytes) -> Sequence[PartitionFacts]:
        topic = self.controller.image.by_id[topic_id]
        return [self._core.partition(topic_id, part.number) for part in topic.partitions]

    async def delete_records(self, items: Sequence[tuple[bytes, int, int]]) -> "list[tuple[CoreError | None, int]]":
        return await self._housekeeper.delete_records(items)

    async def move_partition(self, topic_id: bytes, partition: int, place: int) -> None:
        await self._mover.move(topic_id, partition, place)

    async def _resume_moves(self, unfinished: Sequence[Unfinished]) -> None:
        for move in unfinished:
            try:
                await self._mover.move(*move)
            except errors.KafkaError as error:
                log.warning("a move between log directories does not go on", extra={"partition": move.partition, "error": str(error)})

    def alter_loggers(self, changes: Sequence[ConfigChange], *, validate_only: bool) -> None:
        known = logs.levels()
        for change in changes:
            check_logger_change(change, known)
        for change in changes if not validate_only else ():
            logs.set_logger_level(change.key, change.value if change.operation == SET else None)

    async def create_automatically(self, names: Sequence[str], caller: Caller) -> Mapping[str, errors.KafkaError]:
        image = self.controller.image
        wanted = [name for name in names if name not in image.by_name and name not in INTERNAL_TOPICS and is_legal(name)]
        room = self.config.integer("pybroker.auto.create.topics.max") - len(image.by_name)
        rate, burst = self.config.integer("pybroker.auto.create.topics.rate"), self.config.integer("pybroker.auto.create.topics.burst")
        granted = self._bucket.take(min(len(wanted), max(room, 0)), rate=rate, burst=burst, now_ms=self.now_ms())
        if granted < len(wanted):
            log.warning("topics are not created automatically: limit reached", extra={"count": len(wanted) - granted})
        wishes = [NewTopic(name) for name in wanted[:granted]]
        if self.hooks.has(TOPIC_DEFAULTS):
            wishes = await with_defaults(self, caller, wishes)
        refused: dict[str, errors.KafkaError] = {}
        if self.hooks.has(TOPIC_POLICY):
            outcomes = (await refused_creations(self, caller, wishes)).values()
            refused = {outcome.name or "": outcome.error for outcome in outcomes if isinstance(outcome.error, errors.PolicyViolation)}
            wishes = [wish for wish in wishes if wish.name not in refused]
        for outcome in await self.controller.create_topics(wishes) if wishes else ():
            self._created_automatically(outcome, caller)
        for name, error in refused.items():
            self._created_automatically(TopicOutcome(name, None, error), caller)
        return refused

    def _created_automatically(self, outcome: TopicOutcome, caller: Caller) -> None:
        if isinstance(outcome.error, errors.TopicAlreadyExists):
            return
        if outcome.error is None:
            log.info("topic created automatically", extra={"topic": outcome.name})
        else:
            log.warning("topic cannot be created automatically", extra={"topic": outcome.name, "error": str(outcome.error)})
        self.audit("admin", caller, "CreateTopics", f"topic:{outcome.name}", allowed=outcome.error is None, detail=f"automatic {outcome.error or ''}".strip())


def wall_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _space(path: str) -> tuple[int, int]:
    try:
        status = os.statvfs(path)
    except OSError:
        return -1, -1
    return status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize


def check_logger_change(change: ConfigChange, known: Mapping[str, str]) -> None:
    """Whether a logger's level may be changed so. Raises InvalidRequest, InvalidConfig, as Kafka does."""
    if change.operation not in (SET, DELETE):
        raise errors.InvalidRequest(f"Operation {change.operation} is not allowed for the BROKER_LOGGER resource")
    if change.key not in known:
        raise errors.InvalidConfig(f"Logger {change.key[:200]} does not exist!")
    if change.operation == DELETE and change.key == logs.ROOT:
        raise errors.InvalidRequest("Removing the log level of the root logger is not allowed")
    if change.operation == SET and change.value not in logs.KAFKA_LEVELS:
        raise errors.InvalidConfig(f"Cannot set the log level of {change.key[:200]}; valid are {', '.join(logs.KAFKA_LEVELS)}")


def on_core_log(level: int, line: str) -> None:
    """A line of the C core: ``event=<what> key=value ...``; anything else stands as it is."""
    words = line.split(" ")
    fields = dict(word.split("=", 1) for word in words if "=" in word)
    core_log = logging.getLogger("pybroker.core")
    if len(fields) == len(words) and "event" in fields:
        event = fields.pop("event")
        core_log.log(level, event, extra={f"core_{key}" if key in logs.RESERVED else key: value for key, value in fields.items()})
    else:
        core_log.log(level, "%s", line)
