"""A broker without core and sockets: real config, real controller over a real store, a data plane that takes notes."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pybroker.apis.context import LogDir
from pybroker.broker.broker_config import BrokerConfig, ConfigEntry
from pybroker.broker.config import gather
from pybroker.broker.dispatcher import HANDLERS, Dispatcher
from pybroker.hooks.asking import Hooks, NoPlugins
from pybroker.metadata.answers import MetadataAnswers
from pybroker.metadata.config_changes import ConfigChange
from pybroker.metadata.controller import Controller, NewTopic
from pybroker.metadata.store import SqliteStore
from pybroker.protocol.errors import KafkaError


@dataclass
class Part:
    """Size and place of one partition."""

    size_bytes: int
    log_dir: int
    offline: bool = False
    future_dir: int = -1
    future_size_bytes: int = 0
    future_lag: int = 0


class Plane:
    """A data plane that notes what it is told."""

    def __init__(self) -> None:
        self.topics: dict[bytes, list[tuple[int, int, int]]] = {}

    def put_topic(self, topic_id: bytes, name: str, partitions: Sequence[tuple[int, int, int]], settings: dict[str, int]) -> None:
        self.topics[topic_id] = list(partitions)

    def remove_topic(self, topic_id: bytes) -> None:
        del self.topics[topic_id]


@dataclass
class Request:
    """A request as the core hands it over; keeps its answer."""

    api_key: int
    api_version: int
    body: bytes
    client_id: str | None = "test"
    connection_id: int = 1
    listener: int = 0
    local_host: str = "10.1.2.3"
    local_port: int = 4711
    peer_host: str = "10.1.2.4"
    peer_port: int = 40000
    answers: list[bytes | None] = field(default_factory=list)

    def reply(self, body: bytes | bytearray | memoryview, *, throttle_ms: int = 0) -> None:
        self.answers.append(bytes(body))

    def close(self) -> None:
        self.answers.append(None)


class Broker:
    """What handlers see, and the means to ask it."""

    node_id = 1
    cluster_id = "CLUSTER"
    rack = "r1"
    mailbox_fd = -1

    def __init__(self, path: str, *overrides: str) -> None:
        self.config = BrokerConfig(gather(None, overrides, {}))
        self.plane = Plane()
        self.store = SqliteStore(path)
        self.controller = Controller(
            store=self.store,
            image=self.store.load(),
            data_plane=self.plane,
            configs=self.config,
            node_id=1,
            log_dirs=("dirA", "dirB"),
            run=self._run,
            on_broker_config=lambda changed: None,
        )
        self.answers = MetadataAnswers(node_id=1, cluster_id=self.cluster_id, rack=self.rack)
        self.dispatcher = Dispatcher(self, self, on_appended=lambda outcomes: None, on_gone=lambda connection_id: None, on_unused=lambda chain_id: None)
        self.automatic: list[list[str]] = []
        self.hooks: Hooks = NoPlugins()
        self.is_audited = False
        self.audited: list[tuple[str, str, str, bool, str]] = []

    async def _run(self, call: Callable[[], int]) -> int:
        await asyncio.sleep(0)
        return call()

    def take(self, limit: int = 256) -> list[Any]:
        return []

    def take_news(self) -> tuple[list[Any], list[int], list[int], list[int]]:
        return [], [], [], []

    def on_topics_deleted(self, names: Sequence[str]) -> None:
        pass

    def endpoint(self, caller: Any) -> tuple[str, int]:
        return caller.local_host, caller.local_port

    def ask_endpoint(self, caller: Any) -> None:
        return None

    def now_ms(self) -> int:
        return 0

    def describe_loggers(self) -> list[ConfigEntry]:
        return []

    def log_dirs(self) -> list[LogDir]:
        return [LogDir("/a", 100, 50), LogDir("/b", -1, -1)]

    def partitions(self, topic_id: bytes) -> list[Part]:
        return [Part(1000 + index, log_dir) for index, log_dir, _epoch in self.plane.topics[topic_id]]

    def alter_loggers(self, changes: Sequence[ConfigChange], *, validate_only: bool) -> None:
        raise AssertionError("not asked in these tests")

    async def create_automatically(self, names: Sequence[str], caller: Any) -> Mapping[str, KafkaError]:
        self.automatic.append(list(names))
        await self.controller.create_topics([NewTopic(name) for name in names if name != "never"])
        return {}

    def audit(self, kind: str, caller: Any, operation: str, resource: str, *, allowed: bool, detail: str = "", principal: str | None = None) -> None:
        self.audited.append((kind, operation, resource, allowed, detail))

    # ---- asking

    def create(self, *topics: NewTopic) -> None:
        outcomes = asyncio.run(self.controller.create_topics(topics))
        assert all(outcome.error is None for outcome in outcomes)

    def raw(self, key: int, version: int, body: bytes) -> bytes | None:
        """The answer to a request's bytes; None: the connection was closed."""
        request = Request(key, version, body)

        async def go() -> None:
            self.dispatcher.dispatch(request)
            if not request.answers:
                await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()))

        asyncio.run(go())
        assert len(request.answers) == 1
        return request.answers[0]

    def ask(self, message: Any, version: int) -> Any:
        """The decoded answer to a message; every byte of it is accounted for."""
        body = self.raw(message.API_KEY, version, bytes(message.encode(version)))
        assert body is not None, "the connection was closed"
        response_class = getattr(import_module(f"pybroker.protocol.messages.{HANDLERS[message.API_KEY]}"), type(message).__name__.replace("Request", "Response"))
        response, end = response_class.decode(body, version)
        assert end == len(body)
        return response


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    made: list[Broker] = []

    def one(*overrides: str) -> Broker:
        made.append(Broker(str(tmp_path / f"{len(made)}.sqlite"), *overrides))
        return made[-1]

    yield one
    for broker in made:
        broker.store.close()


@pytest.fixture
def broker(make: Callable[..., Broker]) -> Broker:
    return make()


def by_name(items: Sequence[Any]) -> Mapping[str, Any]:
    """Results by their name; no name twice."""
    found = {item.name: item for item in items}
    assert len(found) == len(items)
    return found
