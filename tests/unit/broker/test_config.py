"""Keys, values and ranges; K01, K02, K09."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybroker.broker import config
from pybroker.broker.config import ConfigError, Setting, check_all, find, gather, keys

KINDS = ("broker", "topic", "group", "client-metrics")


def reference() -> list[list[str]]:
    path = Path(os.environ.get("PYBROKER_SHARED", Path(__file__).parents[4] / "shared")) / "kafka-configs.tsv"
    if not path.exists():
        pytest.skip(f"no reference data at {path}")
    rows = [line.split("\t") for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return rows[1:]


def test_every_kafka_key_is_known_with_its_type_weight_and_mode() -> None:
    types = {"boolean": "b", "string": "s", "int": "i", "short": "h", "long": "l", "double": "d", "list": "L", "class": "c", "password": "p"}
    modes = {"read-only": "r", "per-broker": "b", "cluster-wide": "c", "": "t"}
    for kind, name, type_, _default, _allowed, weight, update, synonyms in reference():
        key = keys(kind)[name]
        assert (key.type, key.weight, key.update) == (types[type_], weight[0], modes[update]), name
        if kind == "topic":
            assert list(key.synonyms) == synonyms.split(), name


OF_KAFKAS_AUTHORIZER = {"super.users"}
"""Read by Kafka's own authorizer, and therefore not among the broker's keys that the reference lists."""


def test_keys_that_kafka_does_not_have_begin_with_our_name() -> None:
    known = {(row[0], row[1]) for row in reference()}
    for kind in KINDS:
        for name in keys(kind):
            assert (kind, name) in known or name.startswith("pybroker.") or name in OF_KAFKAS_AUTHORIZER, name


DIFFERENT = {
    "max.decompressed.message.bytes",
    "listeners", "log.dir", "node.id", "process.roles", "controller.listener.names", "num.network.threads", "max.connections", "max.connections.per.ip",
    "socket.send.buffer.bytes", "socket.receive.buffer.bytes", "socket.listen.backlog.size", "background.threads",
    "group.initial.rebalance.delay.ms", "sasl.enabled.mechanisms",
}  # fmt: skip


def test_defaults_are_kafkas_but_for_the_named_ones() -> None:
    different = set()
    for kind, name, _type, default, *_rest in reference():
        expected = {"<null>": None, "<required>": None, '""': ""}.get(default, default)
        if keys(kind)[name].default != expected:
            different.add(name)
    assert different == DIFFERENT


def test_every_default_is_within_its_range_and_every_key_has_one_line_of_text() -> None:
    for kind in KINDS:
        for key in keys(kind).values():
            assert key.text.endswith(".") and "\n" not in key.documentation
            assert ("does not act on it" in key.documentation) != key.acted
            if key.default is not None:
                config.parse(key, key.default)


def test_topic_keys_fall_back_to_broker_keys_that_exist() -> None:
    for key in keys("topic").values():
        for name in key.synonyms:
            assert name in keys("broker")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("num.partitions", " 7 ", 7),
        ("num.partitions", "+7", 7),
        ("num.partitions", "2147483647", 2147483647),
        ("log.retention.bytes", "-1", -1),
        ("auto.create.topics.enable", "False", False),
        ("log.cleaner.min.cleanable.ratio", "1e-1", 0.1),
        ("log.dirs", "/a, /b ,/c", ("/a", "/b", "/c")),
        ("sasl.enabled.mechanisms", "", ()),
        ("compression.gzip.level", "-1", -1),
        ("group.consumer.migration.policy", "Upgrade", "Upgrade"),
        ("log.cleanup.policy", "compact,delete", ("compact", "delete")),
        ("log.cleanup.policy", "delete,delete", ("delete", "delete")),
    ],
)
def test_values_that_are_fine(name: str, text: str, value: object) -> None:
    assert config.parse(find("broker", name), text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("num.partitions", text)
        for text in ("", "0", "-1", "1e9", "10 MB", "NaN", "1.0", "0x10", "1_000", "२", "²", "9223372036854775808", "1" * 5000, "$(id)", "file:///etc/passwd")
    ]
    + [
        ("auto.create.topics.enable", "yes"),
        ("auto.create.topics.enable", "1"),
        ("log.cleaner.min.cleanable.ratio", "1.1"),
        ("log.cleaner.min.cleanable.ratio", "nan"),
        ("log.cleaner.min.cleanable.ratio", "inf"),
        ("log.cleaner.min.cleanable.ratio", "1_0"),
        ("compression.gzip.level", "0"),
        ("compression.gzip.level", "10"),
        ("compression.type", "brotli"),
        ("log.cleanup.policy", "purge"),
        ("log.dirs", "/a,,/b"),
        ("offsets.topic.replication.factor", "40000"),
        ("broker.rack", "x" * 40000),
    ],
)
def test_wrong_values_name_key_and_range_on_one_short_line(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(find("broker", name), text)
    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_secret_is_never_in_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(find("broker", "ssl.key.password"), "hunter2" * 10000)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("name", "near"), [("num.partitons", "num.partitions"), ("log.dir.s", "log.dirs"), ("listener", "listeners")])
def test_unknown_key_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean {near}"):
        find("broker", name)


def test_unknown_key_with_no_likeness_is_refused_plainly() -> None:
    with pytest.raises(ConfigError, match=r"no such broker config$"):
        find("broker", "zzzzzzzzzzzzzzzzzzz")


def test_keys_for_one_listener_are_known_by_their_base() -> None:
    assert find("broker", "listener.name.internal.ssl.keystore.type").name == "ssl.keystore.type"
    assert find("broker", "listener.name.internal.plain.sasl.jaas.config").name == "sasl.jaas.config"
    with pytest.raises(ConfigError):
        find("broker", "listener.name.internal.num.partitions")


def test_later_sources_win_and_keep_their_place(tmp_path: Path) -> None:
    path = tmp_path / "server.properties"
    path.write_text("num.partitions=1\nlog.retention.hours=1\nlog.dirs=/a\n")
    found = gather(str(path), ["log.dirs=/c=d"], {"PYBROKER_CONFIG_LOG_RETENTION_HOURS": "2", "PYBROKER_CONFIG_LOG_DIRS": "/b", "OTHER": "x"})
    assert found == {
        "num.partitions": Setting("1", f"{path}:1"),
        "log.retention.hours": Setting("2", "PYBROKER_CONFIG_LOG_RETENTION_HOURS"),
        "log.dirs": Setting("/c=d", "--override"),
    }


@pytest.mark.parametrize("override", ["", "x", "=1", " =1"])
def test_overrides_without_a_key_are_refused(override: str) -> None:
    with pytest.raises(ConfigError, match="--override"):
        gather(None, [override], {})


def test_an_override_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="given twice"):
        gather(None, ["num.partitions=1", "num.partitions=2"], {})


def test_first_bad_value_is_named_with_its_place() -> None:
    with pytest.raises(ConfigError, match=r"^server.properties:3: num.partitions: 'x' is not"):
        check_all({"num.partitions": Setting("x", "server.properties:3")})


def test_every_key_can_be_written_as_an_environment_variable() -> None:
    for name in keys("broker"):
        assert name == name.lower() and "_" not in name


@given(st.sampled_from(sorted(keys("broker"))), st.text(max_size=40))
def test_any_text_is_a_value_or_a_clear_error(name: str, text: str) -> None:
    key = find("broker", name)
    try:
        config.parse(key, text)
    except ConfigError as error:
        assert str(error).startswith(name)


def test_the_tables_are_not_read_at_import() -> None:
    code = "import sys; import pybroker.broker.config as c; assert not c._keys; assert 'difflib' not in sys.modules and 'asyncio' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
