"""The config of a running broker: layers, contradictions (K03, K04), open listeners (S01), dynamic changes (K08), reload (K10), descriptions."""

import pytest

from pybroker.broker.broker_config import RESTART_KEYS, BrokerConfig, ConfigEntry
from pybroker.broker.config import ConfigError, Setting, gather, keys


def made(*overrides: str) -> BrokerConfig:
    return BrokerConfig(gather(None, overrides, {}))


def settings(**values: str) -> dict[str, Setting]:
    return {name.replace("_", "."): Setting(text, "f:1") for name, text in values.items()}


def entry(entries: list[ConfigEntry], name: str) -> ConfigEntry:
    return next(one for one in entries if one.name == name)


def test_without_any_setting_only_loopback_is_opened() -> None:
    config = made()
    assert [str(listener) for listener in config.listeners] == ["PLAINTEXT://127.0.0.1:9092"]
    assert config.node_id == 1 and config.warnings == []
    assert config.log_dirs[0].endswith("/pybroker-data")


@pytest.mark.parametrize("address", ["PLAINTEXT://:9092", "PLAINTEXT://0.0.0.0:9092", "PLAINTEXT://[::]:9092", "PLAINTEXT://192.168.1.2:9092", "PLAINTEXT://kafka:9092"])
def test_open_listener_needs_an_explicit_word_and_prints_one_warning(address: str) -> None:
    with pytest.raises(ConfigError, match=r"pybroker\.allow\.open\.listeners=true"):
        made(f"listeners={address}")
    assert len(made(f"listeners={address}", "pybroker.allow.open.listeners=true").warnings) == 1


@pytest.mark.parametrize("address", ["PLAINTEXT://localhost:0", "PLAINTEXT://127.0.0.2:1", "PLAINTEXT://[::1]:9092"])
def test_loopback_needs_no_word(address: str) -> None:
    assert made(f"listeners={address}").warnings == []


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["log.segment.bytes=1048576", "message.max.bytes=2000000"], "message.max.bytes: 2000000 is more than log.segment.bytes"),
        (["min.insync.replicas=2", "default.replication.factor=1"], "min.insync.replicas: 2 is more than"),
        (["group.min.session.timeout.ms=10", "group.max.session.timeout.ms=5"], "group.min.session.timeout.ms: 10 is more than"),
        (["group.consumer.session.timeout.ms=70000"], "group.consumer.session.timeout.ms: 70000 is more than"),
        (["node.id=1", "broker.id=2"], "differ"),
        (["process.roles=controller"], "name broker among the roles"),
        (["log.dirs=", "log.dir="], "names no directory"),
        (["listeners="], "no listener"),
        (["listeners=PLAINTEXT"], "is not NAME://host:port"),
        (["listeners=PLAINTEXT://localhost:99999"], "port is a number"),
        (["listeners=PLAINTEXT://::1:9092"], "stands in brackets"),
        (["listeners=INSIDE://localhost:9092"], "no entry in listener.security.protocol.map"),
        (["listeners=PLAINTEXT://localhost:1,PLAINTEXT://localhost:2"], "is used twice"),
        (["listeners=A://localhost:1,B://localhost:1", "listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT"], "are the same address"),
        (["listener.security.protocol.map=A:PLAIN"], "is not NAME:PROTOCOL"),
        (["listeners=SSL://localhost:1"], "SSL is not built into this version"),
        (["advertised.listeners=PLAINTEXT://0.0.0.0:9092"], "no client can connect"),
        (["advertised.listeners=PLAINTEXT://:9092"], "no client can connect"),
        (["advertised.listeners=PLAINTEXT://host:0"], "port 0"),
        (["advertised.listeners=SSL://host:1"], "is not among listeners"),
        (["log.segment.bytes=4096"], "from 1048576 to"),
        (["socket.send.buffer.bytes=0"], "neither -1 nor a size"),
    ],
)
def test_contradictions_are_refused_with_their_place(overrides: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(*overrides)
    assert words in str(caught.value) and str(caught.value).startswith("--override: ") and "\n" not in str(caught.value)


def test_a_smaller_segment_is_allowed_when_the_least_is_lowered() -> None:
    assert made("log.segment.bytes=4096", "pybroker.segment.bytes.min=1024").integer("log.segment.bytes") == 4096


def test_a_small_segment_alone_does_not_contradict_kafkas_own_default_message() -> None:
    assert made("log.segment.bytes=1048576").integer("message.max.bytes") == 1048588


def test_kafkas_own_kraft_file_is_understood() -> None:
    config = made(
        "process.roles=broker,controller",
        "node.id=1",
        "controller.quorum.bootstrap.servers=localhost:9093",
        "listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
        "inter.broker.listener.name=PLAINTEXT",
        "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
        "controller.listener.names=CONTROLLER",
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
    )
    assert [listener.name for listener in config.listeners] == ["PLAINTEXT"]
    assert list(config.advertised) == ["PLAINTEXT"]
    assert any("CONTROLLER" in warning for warning in config.warnings)


def test_keys_that_nothing_acts_on_are_named_in_one_warning() -> None:
    assert made("queued.max.requests=3", "num.io.threads=2", "num.partitions=2").warnings == [
        "accepted but not acted on by this version: num.io.threads, queued.max.requests"
    ]


def test_broker_id_alone_is_the_node_id() -> None:
    assert made("broker.id=7").node_id == 7


@pytest.mark.parametrize(
    ("overrides", "key", "value"),
    [
        ([], "retention.ms", 604_800_000),
        (["log.retention.hours=1"], "retention.ms", 3_600_000),
        (["log.retention.hours=1", "log.retention.minutes=1"], "retention.ms", 60_000),
        (["log.retention.hours=1", "log.retention.minutes=1", "log.retention.ms=5"], "retention.ms", 5),
        (["log.retention.hours=-1"], "retention.ms", -1),
        (["log.roll.hours=2"], "segment.ms", 7_200_000),
        (["log.roll.jitter.hours=1"], "segment.jitter.ms", 3_600_000),
        (["log.flush.scheduler.interval.ms=9"], "flush.ms", 9),
        (["log.flush.interval.ms=8", "log.flush.scheduler.interval.ms=9"], "flush.ms", 8),
        (["message.max.bytes=77"], "max.message.bytes", 77),
    ],
)
def test_topics_fall_back_to_the_brokers_value_in_their_unit(overrides: list[str], key: str, value: int) -> None:
    assert made(*overrides).topic_value(key, {}) == value


def test_a_topics_own_value_wins() -> None:
    assert made("log.retention.hours=1").topic_value("retention.ms", {"retention.ms": "5"}) == 5


def test_topic_settings_follow_policy_codec_and_level() -> None:
    config = made("compression.zstd.level=7")
    plain = config.topic_settings({}, internal=False)
    assert (plain["codec_wanted"], plain["keys_required"], plain["log_append_time"], plain["internal"]) == (-1, 0, 0, 0)
    own = {"compression.type": "zstd", "cleanup.policy": "compact,delete", "message.timestamp.type": "LogAppendTime"}
    other = config.topic_settings(own, internal=True)
    assert (other["codec_wanted"], other["codec_level"], other["keys_required"], other["log_append_time"], other["internal"]) == (4, 7, 1, 1, 1)
    assert config.topic_settings({"compression.type": "uncompressed"}, internal=False)["codec_wanted"] == 0


@pytest.mark.parametrize(
    "own",
    [
        {"segment.bytes": "100"},
        {"segment.bytes": "1048576", "max.message.bytes": "1048577"},
        {"min.compaction.lag.ms": "5", "max.compaction.lag.ms": "4"},
        {"no.such.key": "1"},
        {"cleanup.policy": "shred"},
        {"leader.replication.throttled.replicas": "1:2,x"},
        {"retention.ms": "-2"},
    ],
)
def test_topic_values_that_cannot_be(own: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        made().check_topic(own)


def test_idle_limit_below_zero_is_none() -> None:
    assert made("connections.max.idle.ms=-1").core_settings()["connection_idle_ms_max"] == (1 << 63) - 1


# ---- dynamic layers


def test_dynamic_values_win_over_static_ones_and_own_over_all() -> None:
    config = made("message.max.bytes=1000", "log.segment.bytes=1048576")
    assert config.set_dynamic({"message.max.bytes": "2000"}, {}) == {"message.max.bytes"}
    assert config.integer("message.max.bytes") == 2000
    assert config.set_dynamic({"message.max.bytes": "2000"}, {"message.max.bytes": "3000"}) == {"message.max.bytes"}
    assert config.topic_value("max.message.bytes", {}) == 3000
    assert config.set_dynamic({}, {}) == {"message.max.bytes"}
    assert config.integer("message.max.bytes") == 1000
    assert config.set_dynamic({}, {}) == set()


@pytest.mark.parametrize(
    ("changed", "for_all", "words"),
    [
        ({"num.partitions": "2"}, False, "cannot change while the broker runs"),
        ({"listeners": "PLAINTEXT://localhost:1"}, False, "cannot change while the broker runs"),
        ({"message.max.bytes": "x"}, True, "is not a whole number"),
        ({"ssl.keystore.type": "PEM"}, True, "for one broker only"),
        ({"nonsense": "1"}, True, "no such broker config"),
        ({"log.segment.bytes": "1048576", "message.max.bytes": "2000000"}, False, "is more than"),
    ],
)
def test_dynamic_changes_that_are_refused(changed: dict[str, str], for_all: bool, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        made().check_dynamic(changed, for_all=for_all)


def test_a_dynamic_change_is_checked_against_the_other_layers() -> None:
    config = made("log.segment.bytes=1048576")
    with pytest.raises(ConfigError, match="is more than log"):
        config.check_dynamic({"message.max.bytes": "2000000"}, for_all=True)


# ---- reload


def test_reload_takes_what_may_change_and_names_what_needs_a_restart() -> None:
    config = BrokerConfig(settings(message_max_bytes="1000", num_partitions="1"))
    changed, fixed = config.reload(settings(message_max_bytes="2000", num_partitions="5"))
    assert (changed, fixed) == ({"message.max.bytes"}, ["num.partitions"])
    assert (config.integer("message.max.bytes"), config.integer("num.partitions")) == (2000, 1)


def test_reload_of_a_broken_config_changes_nothing() -> None:
    config = BrokerConfig(settings(message_max_bytes="1000"))
    with pytest.raises(ConfigError):
        config.reload(settings(message_max_bytes="2000", num_partitions="none"))
    assert config.integer("message.max.bytes") == 1000


def test_a_key_that_is_gone_from_the_file_falls_back() -> None:
    config = BrokerConfig(settings(message_max_bytes="1000"))
    assert config.reload({}) == ({"message.max.bytes"}, [])
    assert config.integer("message.max.bytes") == 1048588


# ---- descriptions


def test_every_broker_key_is_described_with_its_source() -> None:
    config = made("num.partitions=3", "log.retention.minutes=5", "message.max.bytes=9")
    config.set_dynamic({"message.max.bytes": "10"}, {"message.max.bytes": "11"})
    entries = config.describe_broker()
    assert [one.name for one in entries] == sorted(keys("broker"))
    assert (entry(entries, "num.partitions").value, entry(entries, "num.partitions").source) == ("3", 4)
    assert entry(entries, "num.partitions").read_only and not entry(entries, "message.max.bytes").read_only
    assert [(one.value, one.source) for one in entry(entries, "message.max.bytes").synonyms] == [("11", 2), ("10", 3), ("9", 4), ("1048588", 5)]
    assert entry(entries, "log.cleaner.threads").source == 5
    assert all(entry(entries, name).read_only for name in RESTART_KEYS)


def test_secrets_are_not_described() -> None:
    config = made("ssl.key.password=hunter2")
    assert "hunter2" not in repr(config.describe_broker())


def test_defaults_of_all_brokers_are_described_alone() -> None:
    config = made()
    config.set_dynamic({"log.cleaner.threads": "2"}, {"message.max.bytes": "11"})
    assert [(one.name, one.value, one.source) for one in config.describe_broker_defaults()] == [("log.cleaner.threads", "2", 3)]


def test_topic_keys_are_described_as_kafka_does() -> None:
    config = made("log.retention.hours=1", "message.max.bytes=9")
    entries = config.describe_topic({"segment.ms": "5"})
    assert [one.name for one in entries] == sorted(keys("topic"))
    assert (entry(entries, "segment.ms").value, entry(entries, "segment.ms").source) == ("5", 1)
    assert (entry(entries, "max.message.bytes").value, entry(entries, "max.message.bytes").source) == ("9", 4)
    assert entry(entries, "max.message.bytes").synonyms[0].name == "message.max.bytes"
    assert (entry(entries, "retention.ms").value, entry(entries, "retention.ms").synonyms) == ("3600000", ())


def test_topic_descriptions_follow_a_change() -> None:
    config = made()
    assert entry(config.describe_topic({}), "max.message.bytes").value == "1048588"
    config.set_dynamic({"message.max.bytes": "10"}, {})
    assert entry(config.describe_topic({}), "max.message.bytes").value == "10"


def test_groups_list_all_keys() -> None:
    entries = made().describe_other(32, {"consumer.session.timeout.ms": "46000"})
    assert [one.name for one in entries] == sorted(keys("group"))
    assert (entry(entries, "consumer.session.timeout.ms").value, entry(entries, "consumer.session.timeout.ms").source) == ("46000", 8)
    assert entry(entries, "share.session.timeout.ms").source == 5
