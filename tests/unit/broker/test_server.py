"""A broker put together and taken apart around a core that only takes notes."""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pybroker.broker.broker_config import BrokerConfig
from pybroker.broker.config import ConfigError, Setting, gather
from pybroker.broker.directories import CLEAN_MARK
from pybroker.broker.server import Server, StartError, StartStopped, check_logger_change, on_core_log
from pybroker.metadata.config_changes import APPEND, DELETE, SET, ConfigChange
from pybroker.metadata.controller import NewTopic
from pybroker.protocol import errors


class FakeError(Exception):
    """As the core's error, with its name."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class FakeCore:
    """Notes what it is told; ``fail`` names a call that raises."""

    fail: dict[str, Exception] = {}
    made: list["FakeCore"] = []
    on_recover: Callable[[], None] | None = None

    def __init__(self, **options: Any) -> None:
        self._raise("init")
        self.options = options
        self.calls: list[str] = []
        self.stop_asked = threading.Event()
        self.settings: dict[str, int] = {}
        self.topics: dict[bytes, str] = {}
        self.epochs: dict[str, list[int]] = {}
        self.ports: list[int] = []
        self.mailbox_fd = os.eventfd(0, os.EFD_NONBLOCK)
        FakeCore.made.append(self)

    def _raise(self, call: str) -> None:
        if call in FakeCore.fail:
            raise FakeCore.fail[call]

    def configure(self, **settings: int) -> None:
        self.settings.update(settings)

    def put_topic(self, topic_id: bytes, name: str, partitions: Any, settings: dict[str, int], hooks: Any) -> None:
        self._raise("put_topic")
        self.topics[topic_id] = name
        self.epochs[name] = [epoch for _index, _dir, epoch in partitions]

    def remove_topic(self, topic_id: bytes) -> None:
        del self.topics[topic_id]

    def recover(self, part: int = 0, parts: int = 1) -> None:
        self.calls.append(f"recover {part}/{parts}")
        if FakeCore.on_recover:
            FakeCore.on_recover()
            assert self.stop_asked.wait(20)
            raise FakeError("PB_E_AGAIN", "recovery")

    def stop_recovery(self) -> None:
        self.stop_asked.set()

    def offline_changes(self) -> int:
        return 0

    def listen(self, fd: int, *, asks_login: bool = False) -> int:
        with socket.socket(fileno=fd) as taken:
            self.ports.append(taken.getsockname()[1])
        self.calls.append("listen")
        return len(self.ports) - 1

    def start(self) -> None:
        self._raise("start")
        self.calls.append("start")

    def take(self, limit: int = 256) -> list[Any]:
        return []

    def take_news(self) -> tuple[list[Any], list[int], list[int], list[int]]:
        return [], [], [], []

    def stop(self) -> None:
        self._raise("stop")
        self.calls.append("stop")
        os.close(self.mailbox_fd)
        for path in self.options["log_dirs"]:
            Path(path, CLEAN_MARK).write_text("")

    def abort(self) -> None:
        self.calls.append("abort")
        os.close(self.mailbox_fd)

    def clean(self, worker: int, map_bytes_max: int, load_factor: float, bytes_max: int) -> tuple[bool, int]:
        return False, 0

    def stop_cleaning(self) -> None:
        pass

    def keep(self, work: int) -> int:
        return 0

    def log_dir(self, place: int) -> tuple[int, int]:
        return 0, 1 << 30

    def checkpoint(self) -> None:
        self.calls.append("checkpoint")

    def partition(self, topic_id: bytes, index: int) -> Any:
        return SimpleNamespace(size_bytes=7, log_dir=0, offline=False)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    FakeCore.fail, FakeCore.made, FakeCore.on_recover = {}, [], None
    yield


def server(path: Path, *overrides: str) -> Server:
    words = ["listeners=PLAINTEXT://127.0.0.1:0", f"log.dirs={path}", *overrides]
    names = [word.partition("=")[0] for word in overrides]
    config = BrokerConfig(gather(None, [word for place, word in enumerate(words) if place >= 2 or word.partition("=")[0] not in names], {}))
    return Server(config, FakeCore, FakeError)  # type: ignore[arg-type]


def run(one: Server, during: Callable[[Server], Any] | None = None) -> FakeCore:
    async def go() -> None:
        one.start()
        if during:
            result = during(one)
            if asyncio.iscoroutine(result):
                await result
        await one.stop()

    asyncio.run(go())
    return FakeCore.made[-1]


def test_steps_of_start_and_stop_are_in_order(tmp_path: Path) -> None:
    core = run(server(tmp_path / "a"), lambda one: one.controller.create_topics([NewTopic("t")]))
    assert core.calls == ["recover 0/1", "listen", "start", "stop"]
    assert core.settings["flush_policy"] == 1 and core.options["node_id"] == 1
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [CLEAN_MARK, "meta.properties", "metadata.sqlite"]
    again = run(server(tmp_path / "a"))
    assert list(again.topics.values()) == ["t"] and again.epochs["t"] == [0]


def test_a_signal_ends_the_checking_of_logs(tmp_path: Path) -> None:
    run(server(tmp_path / "a"), lambda one: one.controller.create_topics([NewTopic("t")]))
    (tmp_path / "a" / CLEAN_MARK).unlink()
    (tmp_path / "a" / "t-0").mkdir()
    one = server(tmp_path / "a")
    before = signal.signal(signal.SIGUSR1, lambda *_: one.interrupt())
    FakeCore.on_recover = lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
    try:
        with pytest.raises(StartStopped):
            run(one)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert "abort" in FakeCore.made[-1].calls and "listen" not in FakeCore.made[-1].calls
    assert not (tmp_path / "a" / CLEAN_MARK).exists()


def test_the_ready_line(tmp_path: Path) -> None:
    lines: list[str] = []
    core = run(server(tmp_path / "a"), lambda one: lines.append(one.ready_line(4711)))
    assert lines == [f"pybrokerd ready listeners=PLAINTEXT://127.0.0.1:{core.ports[0]} pid=4711 log.dirs={tmp_path}/a"]


def test_after_an_unclean_stop_logs_are_checked_by_several_threads_in_a_new_epoch(tmp_path: Path) -> None:
    run(server(tmp_path / "a"), lambda one: one.controller.create_topics([NewTopic("t", 2)]))
    (tmp_path / "a" / CLEAN_MARK).unlink()
    (tmp_path / "a" / "t-0").mkdir()
    core = run(server(tmp_path / "a", "num.recovery.threads.per.data.dir=3"))
    assert sorted(core.calls[:3]) == ["recover 0/3", "recover 1/3", "recover 2/3"] and core.epochs["t"] == [1, 1]


@pytest.mark.parametrize("call", ["init", "put_topic", "start"])
def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path, call: str) -> None:
    run(server(tmp_path / "a"), lambda one: one.controller.create_topics([NewTopic("t")]))
    before = set(os.listdir("/proc/self/fd"))
    FakeCore.fail = {call: FakeError("PB_E_IO", "broken")}
    with pytest.raises((StartError, FakeError)):
        run(server(tmp_path / "a"))
    assert set(os.listdir("/proc/self/fd")) == before
    FakeCore.fail = {}
    assert list(run(server(tmp_path / "a")).topics.values()) == ["t"]


def test_a_directory_that_another_broker_holds_is_refused_by_name(tmp_path: Path) -> None:
    FakeCore.fail = {"init": FakeError("PB_E_EXISTS", f"{tmp_path}/a: exists already")}
    with pytest.raises(StartError, match=rf"^{tmp_path}/a: another broker runs on this directory"):
        run(server(tmp_path / "a"))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == []


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(StartError, match=r"listeners: PLAINTEXT://127.0.0.1:.* in use"):
        run(server(tmp_path / "a", f"listeners=PLAINTEXT://127.0.0.1:{taken.getsockname()[1]}"))
    assert FakeCore.made[-1].calls[-1] == "abort"


def test_metadata_of_another_cluster_are_refused(tmp_path: Path) -> None:
    run(server(tmp_path / "a"))
    meta = tmp_path / "a" / "meta.properties"
    meta.write_text(meta.read_text().replace("cluster.id=", "cluster.id=X"))
    with pytest.raises(StartError, match=r"different clusters"):
        run(server(tmp_path / "a"))


def test_a_log_directory_that_is_missing_from_the_config_is_refused(tmp_path: Path) -> None:
    both = f"log.dirs={tmp_path}/a,{tmp_path}/b"
    run(server(tmp_path, both), lambda one: one.controller.create_topics([NewTopic("t", 2)]))
    with pytest.raises(StartError, match=r"of partition t-1 is not among log.dirs"):
        run(server(tmp_path / "a"))
    run(server(tmp_path, f"log.dirs={tmp_path}/a,{tmp_path}/b,{tmp_path}/c"))


def test_directories_that_no_topic_claims_are_named_and_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a" / "old-0").mkdir(parents=True)
    run(server(tmp_path / "a"))
    named = [record for record in caplog.records if "no topic claims" in record.message]
    assert len(named) == 1 and vars(named[0])["names"] == "old-0"
    assert (tmp_path / "a" / "old-0").is_dir()


def test_a_stop_that_fails_is_told_after_all_is_closed(tmp_path: Path) -> None:
    one = server(tmp_path / "a")
    FakeCore.fail = {"stop": FakeError("PB_E_IO", "cannot sync")}
    with pytest.raises(FakeError):
        run(one)
    assert one._store._db is None


# ---- what handlers ask


def caller(listener: int = 0) -> Any:
    return SimpleNamespace(listener=listener, local_host="10.0.0.1", local_port=9)


def test_clients_are_told_the_address_they_came_by_unless_one_is_advertised(tmp_path: Path) -> None:
    found: list[object] = []
    run(server(tmp_path / "a"), lambda one: found.append(one.endpoint(caller())))
    listeners = ["listeners=PLAINTEXT://127.0.0.1:0,B://127.0.0.1:0", "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,B:PLAINTEXT"]
    with_names = server(tmp_path / "b", *listeners, "advertised.listeners=B://kafka.example:9999")
    run(with_names, lambda one: found.extend((one.endpoint(caller(0)), one.endpoint(caller(1)))))
    assert found == [("10.0.0.1", 9), ("10.0.0.1", 9), ("kafka.example", 9999)]


def test_automatic_creation_has_a_burst_and_a_most(tmp_path: Path) -> None:
    async def ask(one: Server) -> None:
        one.now_ms = lambda: 5  # type: ignore[method-assign]
        await one.create_automatically([f"t{n}" for n in range(10)], caller())
        assert len(one.controller.image.by_name) == 4
        one.now_ms = lambda: 1_000_005  # type: ignore[method-assign]
        await one.create_automatically([f"u{n}" for n in range(10)], caller())
        assert len(one.controller.image.by_name) == 6
        await one.create_automatically(["v", "../x", "__consumer_offsets", "t0"], caller())
        assert len(one.controller.image.by_name) == 6

    run(server(tmp_path / "a", "pybroker.auto.create.topics.burst=4", "pybroker.auto.create.topics.max=6"), ask)


def test_names_that_cannot_be_take_nothing_from_the_burst(tmp_path: Path) -> None:
    async def ask(one: Server) -> None:
        await one.create_automatically(["..", "a/b", "__consumer_offsets", "a"], caller())
        assert list(one.controller.image.by_name) == ["a"]

    run(server(tmp_path / "a", "pybroker.auto.create.topics.burst=1"), ask)


def test_log_dirs_and_partitions(tmp_path: Path) -> None:
    async def ask(one: Server) -> None:
        await one.controller.create_topics([NewTopic("t", 3)])
        assert [part.size_bytes for part in one.partitions(one.controller.image.by_name["t"].id)] == [7, 7, 7]
        (place,) = one.log_dirs()
        assert place.path == f"{tmp_path}/a" and place.total_bytes > place.usable_bytes > 0

    run(server(tmp_path / "a"), ask)


# ---- reload and loggers


def test_a_reload_reaches_the_core_and_a_broken_one_does_not(tmp_path: Path) -> None:
    base = {"listeners": Setting("PLAINTEXT://127.0.0.1:0", "f:1"), "log.dirs": Setting(f"{tmp_path}/a", "f:2")}

    def ask(one: Server) -> None:
        one.reload({**base, "max.connections": Setting("5", "f:3")})
        assert FakeCore.made[-1].settings["connections_max"] == 5
        with pytest.raises(ConfigError):
            one.reload({**base, "max.connections": Setting("6", "f:3"), "nonsense": Setting("", "f:4")})
        assert FakeCore.made[-1].settings["connections_max"] == 5 == one.config.integer("max.connections")

    run(server(tmp_path / "a"), ask)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (ConfigChange("pybroker.x", SET, "DEBUG"), 0),
        (ConfigChange("pybroker.x", DELETE, None), 0),
        (ConfigChange("pybroker.x", SET, "LOUD"), 40),
        (ConfigChange("pybroker.x", SET, None), 40),
        (ConfigChange("pybroker.y", SET, "DEBUG"), 40),
        (ConfigChange("pybroker.x", APPEND, "DEBUG"), 42),
        (ConfigChange("root", DELETE, None), 42),
    ],
)
def test_levels_of_loggers(change: ConfigChange, code: int) -> None:
    try:
        check_logger_change(change, {"root": "INFO", "pybroker.x": "INFO"})
        found = 0
    except errors.KafkaError as error:
        found = error.code
    assert found == code


def test_lines_of_the_core_become_fields(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        on_core_log(20, "event=recovered topic=a name=b cut=3")
        on_core_log(30, "just words, 100% of them")
    first, second = caplog.records
    assert (first.message, vars(first)["topic"], vars(first)["core_name"], vars(first)["cut"]) == ("recovered", "a", "b", "3")
    assert second.message == "just words, 100% of them"
