"""K01-K06, K10: config that cannot be. The broker refuses to start with one clear line that names the place, exit code 2 (1 where only starting can tell), and leaves nothing."""

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.broker import FOREIGN, PROGRAM, Broker
from tests.support.fixtures import StartBroker, assert_serves
from tests.support.kafka import BROKER_RESOURCE, Client

pytestmark = pytest.mark.skipif(bool(FOREIGN), reason="only for pybroker: its own program is started")
USAGE, FAILED = 2, 1
LINE_BYTES_MAX = 1024


def run(tmp_path: Path, words: Sequence[str], *, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Start where it must fail at once."""
    return subprocess.run([PROGRAM, *words], cwd=tmp_path, capture_output=True, text=True, timeout=20, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL)


def refused(tmp_path: Path, words: Sequence[str], *names: str, code: int = USAGE, environment: dict[str, str] | None = None) -> str:
    """One line on stderr that has all the names; nothing on stdout, no data directory."""
    before = set(tmp_path.iterdir())
    done = run(tmp_path, words, environment=environment)
    assert done.returncode == code, done
    lines = done.stderr.splitlines()
    assert done.stdout == "" and len(lines) == 1, done
    assert len(lines[0]) <= LINE_BYTES_MAX
    for name in names:
        assert name in lines[0], f"{name!r} is not in: {lines[0]}"
    assert set(tmp_path.iterdir()) - before <= {tmp_path / "data"} and not (tmp_path / "pybroker-data").exists()
    return lines[0]


def override(tmp_path: Path, *settings: str) -> list[str]:
    words = ["--override", f"log.dirs={tmp_path / 'data'}"]
    if not any(setting.startswith("listeners=") for setting in settings):
        words += ["--override", "listeners=PLAINTEXT://127.0.0.1:0"]
    for setting in settings:
        words += ["--override", setting]
    return words


def file(tmp_path: Path, text: str | bytes) -> list[str]:
    path = tmp_path / "server.properties"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return [str(path)]


# ---- K01: keys


@pytest.mark.parametrize(
    ("key", "nearest"),
    [("num.partition", "num.partitions"), ("log.dir.s", "log.dirs"), ("listener", "listeners"), ("log.retention.hour", "log.retention.hours"), ("auto.create.topic.enable", "auto.create.topics.enable")],
)
def test_k01_typo_names_the_nearest_key(tmp_path: Path, key: str, nearest: str) -> None:
    refused(tmp_path, override(tmp_path, f"{key}=1"), key, nearest)


@pytest.mark.parametrize("key", ["no.such.thing.at.all", "zookeeper.connect", "x", "NUM.PARTITIONS", "num partitions"])
def test_k01_unknown_key(tmp_path: Path, key: str) -> None:
    refused(tmp_path, override(tmp_path, f"{key}=1"), key)


def test_k01_unknown_key_in_a_file_names_the_line(tmp_path: Path) -> None:
    refused(tmp_path, file(tmp_path, "# a comment\nnum.partitions=1\n\nnum.partitons=2\n"), "server.properties:4", "num.partitons", "num.partitions")


# ---- K02: values


@pytest.mark.parametrize(
    "setting",
    [
        "num.partitions=many",
        "num.partitions=0",
        "num.partitions=-1",
        "num.partitions=2147483648",
        "num.partitions=9223372036854775808",
        "num.partitions=1e9",
        "num.partitions=1.5",
        "num.partitions=",
        "num.partitions=NaN",
        "num.partitions=0x10",
        "num.partitions=1_000",
        "num.partitions=٣",
        "message.max.bytes=10 MB",
        "message.max.bytes=-1",
        "log.retention.ms=9223372036854775808",
        "log.segment.bytes=0",
        "log.cleaner.min.cleanable.ratio=1.5",
        "log.cleaner.min.cleanable.ratio=nan",
        "auto.create.topics.enable=yes",
        "auto.create.topics.enable=",
        "compression.type=rar",
        "log.cleanup.policy=shred",
        "log.message.timestamp.type=Never",
        "num.network.threads=0",
        "socket.request.max.bytes=0",
        "pybroker.flush.policy=sometimes",
    ],
)
def test_k02_value_that_is_none(tmp_path: Path, setting: str) -> None:
    refused(tmp_path, override(tmp_path, setting), setting.partition("=")[0])


@pytest.mark.parametrize(("setting", "words"), [("num.partitions=0", "1"), ("compression.type=rar", "zstd"), ("socket.request.max.bytes=0", "1")])
def test_k02_range_is_named(tmp_path: Path, setting: str, words: str) -> None:
    assert words in refused(tmp_path, override(tmp_path, setting), setting.partition("=")[0]).replace(setting.partition("=")[2], "", 1)


def test_k02_value_in_the_environment_is_named(tmp_path: Path) -> None:
    refused(tmp_path, override(tmp_path), "num.partitions", "PYBROKER_CONFIG_NUM_PARTITIONS", environment={"PYBROKER_CONFIG_NUM_PARTITIONS": "many"})


def test_k02_long_value_is_cut_in_the_message(tmp_path: Path) -> None:
    refused(tmp_path, override(tmp_path, "num.partitions=" + "9" * 100_000), "num.partitions")


@pytest.mark.parametrize("word", ["num.partitions", "=5", "", "num.partitions:5"])
def test_k02_override_that_is_none(tmp_path: Path, word: str) -> None:
    refused(tmp_path, override(tmp_path, word))


@pytest.mark.parametrize("words", [["--no-such-option"], ["--override"], ["a.properties", "b.properties"]])
def test_command_line_that_is_none(tmp_path: Path, words: list[str]) -> None:
    refused(tmp_path, words)


def test_key_given_twice_on_the_command_line(tmp_path: Path) -> None:
    refused(tmp_path, override(tmp_path, "num.partitions=1", "num.partitions=2"), "num.partitions", "twice")


# ---- K03: pairs


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (("log.segment.bytes=1048576", "message.max.bytes=2000000"), ("log.segment.bytes", "message.max.bytes")),
        (("min.insync.replicas=2", "default.replication.factor=1"), ("min.insync.replicas", "default.replication.factor")),
        (("node.id=1", "broker.id=2"), ("node.id", "broker.id")),
        (("group.min.session.timeout.ms=9000", "group.max.session.timeout.ms=8000"), ("group.min.session.timeout.ms", "group.max.session.timeout.ms")),
    ],
)
def test_k03_contradictions(tmp_path: Path, settings: tuple[str, ...], names: tuple[str, ...]) -> None:
    refused(tmp_path, override(tmp_path, *settings), *names)


# ---- K04: addresses


def test_k04_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused(tmp_path, override(tmp_path, f"listeners=PLAINTEXT://127.0.0.1:{port}"), str(port), code=FAILED)
        assert "in use" in line.lower()


def test_k04_address_that_is_not_local(tmp_path: Path) -> None:
    done = run(tmp_path, override(tmp_path, "listeners=PLAINTEXT://192.0.2.1:9092", "pybroker.allow.open.listeners=true"))
    assert done.returncode == FAILED and done.stdout == "" and "192.0.2.1" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("listeners", "name"),
    [
        ("PLAINTEXT://127.0.0.1:9092,PLAINTEXT://127.0.0.1:9093", "PLAINTEXT"),
        ("PLAINTEXT://127.0.0.1:9092,SSL://127.0.0.1:9092", "9092"),
        ("127.0.0.1:9092", "127.0.0.1:9092"),
        ("PLAINTEXT://127.0.0.1", "127.0.0.1"),
        ("PLAINTEXT://127.0.0.1:port", "port"),
        ("PLAINTEXT://127.0.0.1:65536", "65536"),
        ("PLAINTEXT://127.0.0.1:-1", "-1"),
        ("OTHER://127.0.0.1:9092", "OTHER"),
        ("PLAINTEXT://::1:9092", "::1"),
        ("PLAINTEXT://a b:9092", "a b"),
        ("", "listeners"),
        ("SSL://127.0.0.1:9092", "SSL"),
        ("PLAINTEXT://0.0.0.0:9092", "pybroker.allow.open.listeners"),
        ("PLAINTEXT://:9092", "pybroker.allow.open.listeners"),
    ],
)
def test_k04_listeners_that_are_none(tmp_path: Path, listeners: str, name: str) -> None:
    refused(tmp_path, override(tmp_path, f"listeners={listeners}"), "listeners", name)


@pytest.mark.parametrize("address", ["PLAINTEXT://0.0.0.0:9092", "PLAINTEXT://[::]:9092", "PLAINTEXT://host:0", "OTHER://host:9092", "PLAINTEXT://host"])
def test_k04_advertised_addresses_that_are_none(tmp_path: Path, address: str) -> None:
    refused(tmp_path, override(tmp_path, f"advertised.listeners={address}"), "advertised.listeners")


def test_k04_data_directory_of_another_broker(start_broker: StartBroker, tmp_path: Path) -> None:
    broker = start_broker()
    done = run(tmp_path, override(tmp_path))
    lines = [line for line in done.stderr.splitlines() if "level=error" in line or line.startswith("pybrokerd:")]
    assert done.returncode == FAILED and done.stdout == "" and len(lines) == 1 and str(broker.data_dir) in lines[0]
    assert_serves(broker)


# ---- K05: TLS is not built into this version; whatever is set for it, no listener is opened without it


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_k05_protocol_that_is_not_there_is_refused_not_ignored(tmp_path: Path, protocol: str) -> None:
    refused(tmp_path, override(tmp_path, "ssl.keystore.location=/no/such/file", f"listeners={protocol}://127.0.0.1:0"), protocol)


def test_k05_passwords_cross_the_network_in_clear_only_if_that_is_meant(tmp_path: Path) -> None:
    refused(tmp_path, override(tmp_path, "sasl.enabled.mechanisms=PLAIN", "listeners=SASL_PLAINTEXT://0.0.0.0:0"), "pybroker.allow.plain.without.tls")


# ---- K06: files


def test_k06_file_that_is_missing(tmp_path: Path) -> None:
    refused(tmp_path, ["no-such.properties"], "no-such.properties")


def test_k06_directory_instead_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    refused(tmp_path, ["folder"], "folder", "directory")


def test_k06_fifo_instead_of_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path, ["pipe"], "pipe")


def test_k06_file_of_a_hundred_mebibytes(tmp_path: Path) -> None:
    path = tmp_path / "large.properties"
    with path.open("wb") as large:
        large.truncate(100 << 20)
    refused(tmp_path, [str(path)], "large.properties")


def test_k06_file_that_may_not_be_read(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads every file")
    words = file(tmp_path, "num.partitions=1\n")
    Path(words[0]).chmod(0)
    refused(tmp_path, words, "server.properties")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"num.partitions=1\n\x00\x01\x02", 2),
        (b"\x7fELF\x02\x01\x01", 1),
        (b"\xef\xbb\xbfnum.partitions=1\n", 1),
        (b"\xff\xfen\0u\0m\0", 1),
        (b"# fine\nbroker.rack=\xff\xfe\n", 2),
        (b"num.partitions=1\nlog.retention.hours=5\nnum.partitions=2\n", 3),
        (b"num.partitions=1\nnum.partitions=1\n", 2),
        (b"=5\n", 1),
        (b"num.partitions=1\nbroker.rack=\\u12\n", 2),
        (b"# a\n\n\nnum.partitions=\\\n", 4),
        (b"num.partitions=1\ninclude other.properties\n", 2),
        (b"num.partitions=many\n", 1),
    ],
)
def test_k06_files_that_are_none_are_refused_with_the_line(tmp_path: Path, text: bytes, line: int) -> None:
    refused(tmp_path, file(tmp_path, text), f"server.properties:{line}")


def test_k06_file_as_java_writes_it_is_read(tmp_path: Path, start_broker: StartBroker) -> None:
    path = tmp_path / "server.properties"
    path.write_text("# comment\r\n! another\r\n  num.partitions : 3\r\nbroker.rack r\\u00e4ck\\\n    -1\nlog.retention.hours=\\\n  12\n")
    broker = Broker(tmp_path / "data", config_file=path)
    with broker:
        client = Client(broker)
        [row] = client.metadata([]).brokers
        assert row.rack == "räck-1"
        found = client.configs("1", ["num.partitions", "log.retention.hours"], resource_type=BROKER_RESOURCE)
        assert (found["num.partitions"].value, found["log.retention.hours"].value) == ("3", "12")
        client.close()


@pytest.mark.parametrize("words", [["--check-config"], ["--check-config", "--override", "num.partitions=3"]])
def test_check_config_says_yes_and_ends(tmp_path: Path, words: list[str]) -> None:
    done = run(tmp_path, [*words, *override(tmp_path)])
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1 and not (tmp_path / "data").exists()


def test_check_config_says_no(tmp_path: Path) -> None:
    refused(tmp_path, ["--check-config", *override(tmp_path, "num.partitions=0")], "num.partitions")


@pytest.mark.parametrize("value", ["$(touch owned)", "`touch owned`", "__import__('os').system('touch owned')", "!!python/object/apply:os.system ['touch owned']", "file:///etc/passwd", "${env:HOME}"])
def test_k09_values_are_text_and_nothing_else(tmp_path: Path, value: str) -> None:
    broker = Broker(tmp_path / "data", {"broker.rack": value})
    with broker:
        client = Client(broker)
        assert client.metadata([]).brokers[0].rack == value
        client.close()
    assert not (tmp_path / "owned").exists()


# ---- K10: reading again


def test_k10_broken_file_leaves_the_old_config_and_says_so_once(tmp_path: Path) -> None:
    words = file(tmp_path, "log.retention.ms=1111\n")
    broker = Broker(tmp_path / "data", config_file=Path(words[0]))
    with broker:
        client = Client(broker)

        def retention() -> str:
            return str(client.configs("1", ["log.retention.ms"], resource_type=BROKER_RESOURCE)["log.retention.ms"].value)

        for text in ("log.retention.ms=soon\n", "no.such.key=1\n", "\x00"):
            file(tmp_path, text)
            errors = count_errors(broker)
            os.kill(broker.pid, signal.SIGHUP)
            wait_for(broker, lambda errors=errors: count_errors(broker) > errors)
            assert count_errors(broker) == errors + 1 and retention() == "1111"
        file(tmp_path, "log.retention.ms=2222\n")
        os.kill(broker.pid, signal.SIGHUP)
        wait_for(broker, lambda: retention() == "2222")
        client.close()


def count_errors(broker: Broker) -> int:
    return sum("level=error" in line for line in broker.log_text().splitlines())


def wait_for(broker: Broker, done: object, tries_max: int = 2000) -> None:
    """Each try is a request to the broker, which serves signals in between."""
    for _ in range(tries_max):
        if done():  # type: ignore[operator]
            return
        assert_serves(broker)
    pytest.fail(f"nothing happened after SIGHUP\n{broker.log_tail()}")


def test_k10_sighup_without_a_file_changes_nothing(start_broker: StartBroker) -> None:
    broker = start_broker()
    os.kill(broker.pid, signal.SIGHUP)
    assert_serves(broker)
    assert count_errors(broker) == 0


# ---- starting and stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_both_signals_stop_it_cleanly(start_broker: StartBroker, number: int) -> None:
    broker = start_broker()
    client = Client(broker)
    topic = client.create_topic()
    client.fill(topic, 3)
    broker.stop(number)
    broker.start()
    assert Client(broker).end_offset(topic) == 3
    assert "not clean" not in broker.log_text()


def test_stop_with_requests_waiting_is_clean(start_broker: StartBroker) -> None:
    broker = start_broker()
    client = Client(broker)
    topic = client.create_topic()
    client.connection.send(client.fetch_request([(topic, 0, 0)], version=12, min_bytes=1, max_wait_ms=60_000), 12)
    other = Client(broker)
    assert other.end_offset(topic) == 0
    broker.stop()


def test_version_and_help(tmp_path: Path) -> None:
    for word, begin in (("--version", "pybrokerd "), ("--help", "usage: pybrokerd")):
        done = run(tmp_path, [word])
        assert done.returncode == 0 and done.stdout.startswith(begin) and done.stderr == ""


def test_log_in_json(start_broker: StartBroker) -> None:
    import json

    broker = start_broker({"pybroker.log.format": "json"})
    broker.stop()
    lines = [json.loads(line) for line in broker.log_text().splitlines()]
    assert lines and all({"ts", "level", "msg"} <= set(line) for line in lines)
