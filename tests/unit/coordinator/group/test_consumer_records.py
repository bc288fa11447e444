"""Records of consumer groups against those that a Kafka 4.4 broker wrote: read as it meant them, and written to the same bytes."""

import pytest

from pybroker.coordinator.effects import Record
from pybroker.coordinator.group import consumer_records as records
from pybroker.coordinator.group.consumer_state import ClassicFacts, ConsumerGroup, Current, Facts, Resolved, State
from pybroker.protocol.primitives import ProtocolError

K = "k1795455332"
L = "l1795456750"
R = "r1795454320"
CLASSIC = Facts(
    client_id="raw",
    client_host="/127.0.0.1",
    topics=("c4-1795456750",),
    rebalance_timeout_ms=60_000,
    classic=ClassicFacts(45_000, (("range", bytes.fromhex("000100000001000d63342d31373935343536373530ffffffff00000000")),)),
)
FACTS = Facts(client_id="raw", client_host="/127.0.0.1", topics=("c4-1795455332",), regex="", rebalance_timeout_ms=60_000)

BY_KAFKA = {
    "epoch": ("0003000b6b31373935343535333332", "00000000000200"),
    "member": ("0005000b6b3137393534353533333200026d31", "00000000047261770b2f3132372e302e302e31020e63342d31373935343535333332010000ea600001000100"),
    "classic member": (
        "0005000b6c31373935343536373530001650786378386b7863535232414e6b734c317437573777",
        "00000000047261770b2f3132372e302e302e31020e63342d31373935343536373530010000ea600001002c01"
        "0000afc8020672616e67651e000100000001000d63342d31373935343536373530ffffffff000000000000",
    ),
    "target epoch": ("0006000b6b31373935343535333332", "000000000002010008000001a2097a3004"),
    "target": ("0007000b6b3137393534353533333200026d31", "00000100"),
    "current": ("0008000b6b3137393534353533333200026d31", "0000000000020000000000010100"),
    "regex": (
        "0010000b7231373935343534333230001a75342d313739353435343332307c5f5f636f6e73756d65722e2a",
        "000003135f5f636f6e73756d65725f6f6666736574730e75342d31373935343534333230000000000000010b000001a2096abfcd00",
    ),
}  # fmt: skip


def by_kafka(name: str) -> Record:
    key, value = BY_KAFKA[name]
    return Record(bytes.fromhex(key), bytes.fromhex(value))


def read(*names: str) -> ConsumerGroup:
    group = ConsumerGroup("")
    for name in names:
        record = by_kafka(name)
        assert record.value is not None
        kind = int.from_bytes(record.key[:2], "big")
        group.id = records.group_id(kind, record.key[2:])
        assert records.replay(group, kind, record.key[2:], record.value[2:])
    return group


def test_a_group_of_kafkas_is_read_as_it_was() -> None:
    group = read("epoch", "member", "target epoch", "target", "current")
    assert (group.id, group.epoch, group.target_epoch, group.target_at_ms, group.state) == (K, 2, 2, 1795455332356, "Stable")
    member = group.members["m1"]
    assert member.facts == FACTS
    assert member.current == Current(2, 0, State.STABLE)
    assert group.target == {"m1": {}}


def test_a_classic_member_of_kafkas_is_read_as_it_was() -> None:
    group = read("classic member")
    (member,) = group.members.values()
    assert (member.facts.classic, member.facts._replace(regex=None)) == (CLASSIC.classic, CLASSIC)


def test_a_pattern_of_kafkas_is_read_as_it_was() -> None:
    group = read("regex")
    assert group.regexes == {"u4-1795454320|__consumer.*": Resolved(("__consumer_offsets", "u4-1795454320"), 267, 1795454320589)}


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("epoch", records.epoch(K, 2, 0)),
        ("target epoch", records.target_epoch(K, 2, 1795455332356)),
        ("target", records.target(K, "m1", {})),
        ("current", records.current(K, "m1", Current(2, 0, State.STABLE))),
        ("regex", records.regex(R, "u4-1795454320|__consumer.*", Resolved(("__consumer_offsets", "u4-1795454320"), 267, 1795454320589))),
        ("classic member", records.member(L, "Pxcx8kxcSR2ANksL1t7W7w", CLASSIC._replace(regex=""))),
    ],
)
def test_records_are_written_as_kafka_writes_them(name: str, record: Record) -> None:
    assert record == by_kafka(name)


def test_owned_partitions_carry_their_epochs() -> None:
    topic = bytes(range(16))
    for assigned, epochs in (({topic: {3: 5, 1: 7}}, {3: 5, 1: 7}), ({}, None)):
        current = Current(7, 6, State.UNREVOKED, assigned, {topic: {2: 4}})
        record = records.current("g", "m", current)
        group = ConsumerGroup("g")
        assert record.value is not None
        records.replay(group, records.CURRENT, record.key[2:], record.value[2:])
        assert group.members["m"].current == current
        assert group.owner(topic, 2) == "m" and group.owner(topic, 3) == ("m" if epochs else None)


def test_a_state_of_a_newer_broker_is_unknown() -> None:
    record = records.current("g", "m", Current(7, 6, State.STABLE))
    assert record.value is not None
    value = bytearray(record.value[2:])
    value[8] = 9
    group = ConsumerGroup("g")
    records.replay(group, records.CURRENT, record.key[2:], bytes(value))
    assert group.members["m"].current.state is State.UNKNOWN


@pytest.mark.parametrize("name", BY_KAFKA)
def test_records_that_are_cut_short_are_refused(name: str) -> None:
    record = by_kafka(name)
    assert record.value is not None
    kind = int.from_bytes(record.key[:2], "big")
    for size in range(len(record.value) - 2):
        with pytest.raises(ProtocolError):
            records.replay(ConsumerGroup("g"), kind, record.key[2:], record.value[2:][:size])


def test_in_a_compacted_log_the_last_word_on_a_partition_counts() -> None:
    """Of each member only the newest record is left, in whatever order: a partition is its last taker's."""
    topic = bytes(16)
    group = ConsumerGroup("g")
    group.apply_current("a", Current(1, 0, State.STABLE, {topic: {0: 1}}))
    group.apply_current("b", Current(3, 2, State.STABLE, {topic: {0: 3}}))
    group.apply_current("a", Current(4, 3, State.STABLE, {topic: {1: 4}}))
    assert group.owners == {topic: {0: "b", 1: "a"}}
