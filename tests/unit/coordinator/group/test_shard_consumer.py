"""A shard with groups of both protocols: which one a request is for, what changes its type, what is forgotten."""

import itertools
from typing import Any

import pytest

from pybroker.coordinator.effects import Turn
from pybroker.coordinator.group.classic import ClassicGroups
from pybroker.coordinator.group.classic_rebalance import Settings as ClassicSettings
from pybroker.coordinator.group.consumer import ConsumerGroups
from pybroker.coordinator.group.shard import Commit, Shard
from pybroker.protocol import errors
from pybroker.protocol.messages.consumer_protocol import ConsumerProtocolSubscription
from pybroker.protocol.messages.k11_join_group import JoinGroupRequest, JoinGroupRequestProtocol
from pybroker.protocol.messages.k14_sync_group import SyncGroupRequest
from pybroker.protocol.messages.k68_consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
from tests.unit.coordinator.group.consumer_world import SETTINGS, FakeTopics

RETENTION_MS = 60_000
METADATA = b"\0\1" + bytes(ConsumerProtocolSubscription(topics=["t"]).encode(1))


class Half:
    """One shard, its clock and its log."""

    def __init__(self) -> None:
        self.topics = FakeTopics()
        self.topics.put("t", 4)
        self.ids = itertools.count(1)
        self.now_ms = 1_000_000
        self.log: list[Any] = []
        self.answers: list[tuple[Any, Any]] = []
        self.shard = self.new_shard()

    def new_shard(self) -> Shard:
        settings = ClassicSettings(session_ms_min=1, session_ms_max=1_000_000, members_max=100, initial_delay_ms=0, metadata_bytes_max=1 << 20)
        classic = ClassicGroups(lambda: settings, self.new_id, lambda group_id, member_id: None)
        consumer = ConsumerGroups(self.topics, lambda group_id: SETTINGS, self.new_id)
        return Shard(classic, consumer, retention_ms=lambda: RETENTION_MS, new_id=self.new_id, groups_max=lambda: 10)

    def new_id(self) -> str:
        return f"id-{next(self.ids)}"

    def do(self, work: Any) -> Any:
        turn = Turn(self.now_ms, self.now_ms)
        try:
            return work(turn)
        finally:
            self.log += turn.records
            self.answers += turn.answers

    def beat(self, member: str, epoch: int, **fields: Any) -> Any:
        if epoch == 0:
            fields = {"rebalance_timeout_ms": 1000, "subscribed_topic_names": ["t"], "topic_partitions": [], **fields}
        request = ConsumerGroupHeartbeatRequest(group_id="g", member_id=member, member_epoch=epoch, **fields)
        return self.do(lambda turn: self.shard.consumer_heartbeat(request, 1, "new", "/h", turn))

    def join(self, member: str, token: str, *, version: int = 9, kind: str = "consumer") -> Any:
        protocols = [JoinGroupRequestProtocol(name="range", metadata=METADATA)]
        request = JoinGroupRequest(group_id="g", session_timeout_ms=10_000, rebalance_timeout_ms=10_000, member_id=member, protocol_type=kind, protocols=protocols)
        return self.do(lambda turn: self.shard.join(request, version, "old", "/h", token, turn))

    def replayed(self) -> Shard:
        shard = self.new_shard()
        for record in self.log:
            shard.replay(record.key, record.value)
        assert shard.skipped == 0
        shard.loaded(self.now_ms, self.now_ms)
        return shard


def classic_group(half: Half, kind: str = "consumer") -> str:
    """One member with its join answered; it has yet to sync."""
    member = half.join("", "-", version=9, kind=kind).member_id
    assert half.join(member, "join", kind=kind) is None
    assert half.answers.pop()[1].error_code == 0
    return str(member)


def test_the_first_member_of_the_new_protocol_takes_the_group_with_it() -> None:
    half = Half()
    old = classic_group(half)
    sync = SyncGroupRequest(group_id="g", generation_id=1, member_id=old)
    assert half.do(lambda turn: half.shard.sync(sync, 5, "sync", turn)) is not None or half.answers
    half.answers.clear()
    answer = half.beat("new", 0)
    assert answer.member_epoch == 2
    assert "g" not in half.shard.classic.groups and sorted(half.shard.consumer.groups["g"].members) == sorted([old, "new"])
    shard = half.replayed()
    assert "g" not in shard.classic.groups and sorted(shard.consumer.groups["g"].members) == sorted([old, "new"])


def test_who_waits_for_the_old_group_is_told_to_join_the_new_one() -> None:
    half = Half()
    old = classic_group(half)
    other = half.join("", "-").member_id
    assert half.join(other, "other") is None, "it waits for the first one"
    half.beat("new", 0)
    assert [(token, answer.error_code) for token, answer in half.answers] == [("other", errors.RebalanceInProgress.code)]
    assert half.join(old, "again").error_code == 0


@pytest.mark.parametrize(
    ("kind", "fields", "error"),
    [
        ("connect", {}, errors.GroupIdNotFound),
        ("consumer", {"server_assignor": "nobody's"}, errors.UnsupportedAssignor),
        ("consumer", {"subscribed_topic_regex": "("}, errors.InvalidRegularExpression),
        ("consumer", {"rebalance_timeout_ms": -1}, errors.InvalidRequest),
    ],
)
def test_a_join_that_is_refused_leaves_the_classic_group_alone(kind: str, fields: dict[str, Any], error: type[errors.KafkaError]) -> None:
    half = Half()
    old = classic_group(half, kind)
    written = list(half.log)
    with pytest.raises(error):
        half.beat("new", 0, **fields)
    assert list(half.shard.classic.groups["g"].members) == [old] and half.log == written and "g" not in half.shard.consumer.groups


def test_the_last_member_of_the_new_protocol_gives_the_group_back() -> None:
    half = Half()
    half.beat("new", 0)
    asked = half.join("", "-")
    assert half.join(asked.member_id, "join").generation_id == 3
    half.beat("new", -1)
    group = half.shard.classic.groups["g"]
    assert (list(group.members), group.generation, group.state.value) == ([asked.member_id], 3, "PreparingRebalance")
    assert "g" not in half.shard.consumer.groups
    shard = half.replayed()
    assert list(shard.classic.groups["g"].members) == [asked.member_id] and "g" not in shard.consumer.groups


def test_a_classic_group_has_no_members_of_the_new_protocol() -> None:
    half = Half()
    classic_group(half)
    for epoch in (3, -1):
        with pytest.raises(errors.GroupIdNotFound) as refused:
            half.beat("new", epoch)
        assert refused.value.message == "Group g is not a consumer group."


def test_an_empty_group_is_either() -> None:
    half = Half()
    half.beat("new", 0)
    half.beat("new", -1)
    assert half.join("", "-").error_code == errors.MemberIdRequired.code
    assert "g" in half.shard.classic.groups and "g" not in half.shard.consumer.groups
    assert half.beat("new", 0).member_epoch == 2
    assert "g" in half.shard.consumer.groups and "g" not in half.shard.classic.groups


def test_an_empty_group_without_offsets_is_forgotten() -> None:
    half = Half()
    half.beat("new", 0)
    half.do(lambda turn: half.shard.commit("g", "new", None, 2, 9, [Commit("t", 0, 5, -1, "")], turn))
    half.now_ms += 10 * RETENTION_MS
    half.do(half.shard.expire_offsets)
    assert half.shard.offsets.get("g", "t", 0) is not None, "it is read"
    half.beat("new", -1)
    half.do(half.shard.expire_offsets)
    assert half.shard.group_count == 0
    assert set({record.key: record.value for record in half.log}.values()) == {None}
    half.beat("new", 0)
    half.do(half.shard.expire_offsets)
    assert half.shard.group_count == 1, "it has a member"
