"""Committed offsets: Kafka's records, expiry, and what a shard does with records that cannot be read."""

import pytest

from pybroker.coordinator.effects import Turn
from pybroker.coordinator.group.classic import ClassicGroups
from pybroker.coordinator.group.classic_rebalance import Settings
from pybroker.coordinator.group.consumer import ConsumerGroups
from pybroker.coordinator.group.offsets import Offset, Offsets, key_of, read_key, read_value, value_of
from pybroker.coordinator.group.shard import Commit, Shard
from pybroker.coordinator.runtime import java_hash, shard_of
from pybroker.metadata.image import Image
from pybroker.protocol.messages import records_group as rg
from pybroker.protocol.primitives import ProtocolError

DAY_MS = 86_400_000
RETENTION_MS = 7 * DAY_MS
ONE = Offset(55, 3, "méta", 1_700_000_000_000)


def shard() -> Shard:
    classic = ClassicGroups(lambda: Settings(6000, 60_000, 10, 0, 1000), lambda: "id", lambda group, member: None)
    consumer = ConsumerGroups(Image(version=0), lambda group: None, lambda: "id")  # type: ignore[arg-type, return-value]
    return Shard(classic, consumer, retention_ms=lambda: RETENTION_MS, new_id=lambda: "id", groups_max=lambda: 10)


@pytest.mark.parametrize("one", [ONE, Offset(0, -1, "", 0), Offset(2**63 - 1, 2**31 - 1, "x" * 4096, 2**62), ONE._replace(expires_ms=5, leader_epoch=-1)])
def test_records_are_kafkas(one: Offset) -> None:
    key, value = key_of("grüppe", "topic", 7), value_of(one)
    name = rg.OffsetCommitKey.decode(key, 0, 2)[0]
    assert (key[:2], name.group, name.topic, name.partition) == (b"\0\1", "grüppe", "topic", 7)
    found, end = rg.OffsetCommitValue.decode(value, int.from_bytes(value[:2], "big"), 2)
    assert end == len(value)
    assert Offset(found.offset, found.leader_epoch, found.metadata, found.commit_timestamp, found.expire_timestamp) == one == read_value(value)
    assert read_key(key[2:]) == ("grüppe", "topic", 7)


@pytest.mark.parametrize("version", range(5))
def test_every_version_of_a_value_is_read(version: int) -> None:
    value = rg.OffsetCommitValue(offset=5, metadata="m", commit_timestamp=9)
    assert read_value(version.to_bytes(2, "big") + bytes(value.encode(version))) == Offset(5, -1, "m", 9)


@pytest.mark.parametrize("cut", range(len(key_of("group", "topic", 1)) - 2))
def test_a_key_that_is_cut_is_refused(cut: int) -> None:
    with pytest.raises(ProtocolError):
        read_key(key_of("group", "topic", 1)[2:][:cut])


def test_records_that_cannot_be_read_are_counted_and_left_out() -> None:
    one = shard()
    good = (key_of("g", "t", 0), value_of(ONE))
    bad = [(None, b"x"), (b"", b""), (b"\0\x63", b"x"), (b"\0\1\0\5gr", value_of(ONE)), (key_of("g", "t", 1), b"\0\x63abc"), (key_of("g", "t", 1), b""), (b"\0\2\0\1g", b"\0\3\0"),
           (b"\0\1\0\1\xff\0\1t\0\0\0\0", value_of(ONE)), (b"\0\3\0\1g", b"\0\0"), (b"\x7f\xff", None)]  # fmt: skip
    for key, value in [*bad[:5], good, *bad[5:]]:
        one.replay(key, value)
    assert one.skipped == len(bad)
    assert one.offsets.get("g", "t", 0) == ONE


def test_offsets_of_simple_consumers_age_from_their_commit() -> None:
    one, turn = shard(), Turn(0, 0)
    one.commit("g", "", None, -1, 8, [Commit("t", 0, 5, 0, "")], turn)
    later = Turn(0, DAY_MS)
    one.commit("g", "", None, -1, 8, [Commit("t", 1, 5, 0, "")], later)
    due = Turn(0, RETENTION_MS)
    one.expire_offsets(due)
    assert list(one.offsets.each("g")) == [("t", 1)]
    assert [(record.key, record.value) for record in due.records] == [(key_of("g", "t", 0), None)]
    one.expire_offsets(Turn(0, RETENTION_MS + DAY_MS))
    assert not one.offsets.groups


def test_offsets_of_a_group_age_from_the_end_of_its_last_member() -> None:
    one = shard()
    one.commit("g", "", None, -1, 8, [Commit("t", 0, 5, 0, "")], Turn(0, 0))
    value = rg.GroupMetadataValue(protocol_type="consumer", generation=3, protocol=None, leader=None, current_state_timestamp=5 * DAY_MS, members=[])
    one.replay(b"\0\2" + bytes(rg.GroupMetadataKey(group="g").encode(0)), b"\0\3" + bytes(value.encode(3)))
    one.expire_offsets(Turn(0, RETENTION_MS + 4 * DAY_MS))
    assert list(one.offsets.each("g")) == [("t", 0)]
    turn = Turn(0, RETENTION_MS + 5 * DAY_MS)
    one.expire_offsets(turn)
    assert (one.offsets.groups, one.classic.groups) == ({}, {})
    assert [record.value for record in turn.records] == [None, None]


def test_topics_that_go_take_their_offsets_along() -> None:
    offsets, turn = Offsets(), Turn(0, 0)
    for group in ("a", "b"):
        for topic in ("t", "u"):
            offsets.put(group, topic, 0, ONE, turn)
    gone = Turn(0, 0)
    offsets.remove_topics(["t", "none"], gone)
    assert [list(offsets.each(group)) for group in ("a", "b")] == [[("u", 0)], [("u", 0)]]
    assert {record.key for record in gone.records} == {key_of("a", "t", 0), key_of("b", "t", 0)}


@pytest.mark.parametrize(("text", "value"), [("", 0), ("a", 97), ("group", 98629247), ("grüppe😀", None), ("polygenelubricants", -(2**31))])
def test_groups_lie_where_java_puts_them(text: str, value: int | None) -> None:
    expected = 0
    for unit in memoryview(text.encode("utf-16-le")).cast("H"):
        expected = (31 * expected + unit) & 0xFFFFFFFF
    expected -= (expected >> 31) << 32
    assert java_hash(text) == expected
    if value is not None:
        assert java_hash(text) == value
    assert 0 <= shard_of(text, 50) < 50
