"""Classic groups with time in the hand: sessions, rebalance time-outs, newcomers that are waited for, static members, the record."""

from typing import Any

import pytest

from pybroker.coordinator.effects import Turn
from pybroker.coordinator.group import classic_records
from pybroker.coordinator.group.classic import ClassicGroups
from pybroker.coordinator.group.classic_rebalance import ARRIVAL_GAP_MS, ARRIVALS_MS_MAX, NEW_MEMBER_MS_MAX, Settings
from pybroker.coordinator.group.classic_state import MOVES, State
from pybroker.protocol import errors
from pybroker.protocol.messages.k11_join_group import JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse
from pybroker.protocol.messages.k12_heartbeat import HeartbeatRequest
from pybroker.protocol.messages.k13_leave_group import MemberIdentity
from pybroker.protocol.messages.k14_sync_group import SyncGroupRequest, SyncGroupRequestAssignment

SESSION_MS, REBALANCE_MS = 10_000, 60_000


class Bench:
    """Groups, a clock, and the answers by the name of whoever waits."""

    def __init__(self, **settings: int) -> None:
        values = {"session_ms_min": 6000, "session_ms_max": 1_800_000, "members_max": 100, "initial_delay_ms": 0, "metadata_bytes_max": 1000, **settings}
        self.now_ms, self.ids = 0, 0
        self.heard: dict[str, int] = {}
        self.groups = ClassicGroups(lambda: Settings(**values), self._new_id, lambda _group, member: self.heard.get(member))
        self.answers: dict[str, Any] = {}
        self.steady: set[str] = set()
        self.records: list[Any] = []

    def _new_id(self) -> str:
        self.ids += 1
        return f"id{self.ids}"

    def _take(self, turn: Turn) -> None:
        self.answers.update(dict(turn.answers))
        self.records += turn.records
        self.steady -= {member for _, member in turn.moved}
        self.steady |= {one.member_id for one in turn.steady}

    def at(self, now_ms: int) -> None:
        """Time goes on; what is due happens on the way."""
        while (due := self.groups.next_deadline_ms()) is not None and due <= now_ms:
            self.now_ms = max(self.now_ms, due)
            turn = Turn(self.now_ms, self.now_ms)
            self.groups.expire(turn)
            self._take(turn)
        self.now_ms = now_ms

    def join(self, who: str, member_id: str = "", *, version: int = 3, instance: str | None = None, protocols: tuple[tuple[str, bytes], ...] = (("range", b"m"),)) -> Any:
        """The answer, or None while it waits. Version 3: without the round for an id."""
        request = JoinGroupRequest(group_id="g", session_timeout_ms=SESSION_MS, rebalance_timeout_ms=REBALANCE_MS, member_id=member_id, group_instance_id=instance, protocol_type="consumer",
                                   protocols=[JoinGroupRequestProtocol(name=name, metadata=metadata) for name, metadata in protocols])  # fmt: skip
        turn = Turn(self.now_ms, self.now_ms)
        answer = self.groups.join(request, version, who, "/host", who, turn)
        self._take(turn)
        return answer if answer is not None else self.answers.pop(who, None)

    def sync(self, who: str, joined: JoinGroupResponse, parts: dict[str, bytes] | None = None) -> Any:
        rows = [SyncGroupRequestAssignment(member_id=name, assignment=part) for name, part in (parts or {}).items()]
        request = SyncGroupRequest(group_id="g", generation_id=joined.generation_id, member_id=joined.member_id, assignments=rows)
        turn = Turn(self.now_ms, self.now_ms)
        answer = self.groups.sync(request, who, turn)
        self._take(turn)
        return answer if answer is not None else self.answers.pop(who, None)

    def beat(self, joined: JoinGroupResponse) -> int:
        turn = Turn(self.now_ms, self.now_ms)
        try:
            code: int = self.groups.heartbeat(HeartbeatRequest(group_id="g", generation_id=joined.generation_id, member_id=joined.member_id), turn).error_code
        except errors.KafkaError as error:
            code = error.code
        self._take(turn)
        return code

    def alone(self, who: str = "a") -> JoinGroupResponse:
        """A stable group of one."""
        joined = self.join(who)
        assert self.sync(who, joined, {joined.member_id: b"all"}).assignment == b"all"
        return joined  # type: ignore[no-any-return]

    @property
    def group(self) -> Any:
        return self.groups.groups["g"]


def test_a_lone_member_has_everything_without_any_wait() -> None:
    bench = Bench()
    joined = bench.join("a")
    assert (joined.error_code, joined.generation_id, joined.leader, len(joined.members)) == (0, 1, joined.member_id, 1)
    assert bench.sync("a", joined, {joined.member_id: b"all"}).assignment == b"all"
    assert (bench.group.state, bench.now_ms, bench.steady) == (State.STABLE, 0, {joined.member_id})


def test_ten_that_start_together_need_two_rebalances() -> None:
    """The first has a generation of its own; all that come in short distances share the next."""
    bench = Bench()
    first = bench.alone("m0")
    for number in range(1, 10):
        bench.at(bench.now_ms + ARRIVAL_GAP_MS // 2)
        assert bench.join(f"m{number}") is None
    assert bench.beat(first) == errors.RebalanceInProgress.code
    assert bench.join("m0", first.member_id) is None
    bench.at(bench.now_ms + ARRIVAL_GAP_MS)
    joined = [bench.answers.pop(f"m{number}") for number in range(10)]
    assert {one.generation_id for one in joined} == {2}
    assert sorted(len(one.members) for one in joined) == [0] * 9 + [10]


def test_newcomers_are_not_waited_for_for_ever() -> None:
    bench = Bench()
    first = bench.alone("m0")
    bench.join("m1")
    bench.join("m0", first.member_id)
    begin_ms, number = bench.now_ms, 2
    while "m0" not in bench.answers and number < 100:
        bench.at(bench.now_ms + ARRIVAL_GAP_MS // 2)
        if "m0" not in bench.answers:
            bench.join(f"m{number}")
        number += 1
    assert bench.now_ms - begin_ms <= ARRIVALS_MS_MAX + ARRIVAL_GAP_MS


def test_a_newcomer_to_an_old_group_is_not_waited_for() -> None:
    bench = Bench()
    first = bench.alone()
    for _ in range(5):
        bench.at(bench.now_ms + 3000)
        assert bench.beat(first) == 0
    assert bench.join("b") is None
    assert bench.join("a", first.member_id).generation_id == 2
    assert bench.answers["b"].generation_id == 2


def test_kafkas_delay_holds_the_first_rebalance_open_while_more_come() -> None:
    bench = Bench(initial_delay_ms=3000)
    assert bench.join("a") is None
    bench.at(2000)
    assert bench.join("b") is None
    bench.at(4999)
    assert not bench.answers
    bench.at(5000)
    assert {one.generation_id for one in bench.answers.values()} == {1}


def test_a_session_ends_without_heartbeats() -> None:
    bench = Bench()
    joined = bench.alone()
    bench.at(SESSION_MS - 1)
    assert bench.beat(joined) == 0
    bench.at(2 * SESSION_MS - 2)
    assert bench.group.state is State.STABLE
    bench.at(2 * SESSION_MS - 1)
    assert (bench.group.state, bench.group.members, bench.steady) == (State.EMPTY, {}, set())
    assert bench.beat(joined) == errors.UnknownMemberId.code


def test_heartbeats_that_loops_answered_keep_the_session() -> None:
    bench = Bench()
    joined = bench.alone()
    bench.heard[joined.member_id] = 9000
    bench.at(9000 + SESSION_MS - 1)
    assert bench.group.state is State.STABLE
    bench.at(9000 + SESSION_MS)
    assert bench.group.state is State.EMPTY


def test_who_does_not_join_again_in_time_is_out() -> None:
    bench = Bench()
    first = bench.alone()
    bench.join("b")
    for at_ms in range(5000, REBALANCE_MS, 5000):
        bench.at(at_ms)
        assert bench.beat(first) == errors.RebalanceInProgress.code         # it is there, and does nothing
    bench.at(REBALANCE_MS)
    assert [one.member_id for one in bench.answers["b"].members] == [bench.answers["b"].member_id]
    assert bench.beat(first) == errors.UnknownMemberId.code


def test_a_join_that_is_parked_outlives_its_session() -> None:
    """The member waits for the broker, not the broker for the member; a new one is kept for five minutes."""
    bench = Bench()
    first = bench.alone()
    bench.join("b")
    bench.at(SESSION_MS - 1)
    bench.beat(first)
    assert bench.join("a", first.member_id).generation_id == 2              # 10 s after the group began: b was waited for no longer
    assert SESSION_MS < NEW_MEMBER_MS_MAX


def test_an_id_that_is_never_used_is_forgotten() -> None:
    bench = Bench()
    answer = bench.join("a", version=4)
    assert (answer.error_code, bench.group.pending.keys()) == (errors.MemberIdRequired.code, {answer.member_id})
    bench.at(SESSION_MS)
    assert "g" not in bench.groups.groups


def test_a_client_that_vanishes_with_a_parked_join_is_forgotten_at_once() -> None:
    bench = Bench()
    first = bench.alone()
    bench.join("b")
    bench.join("a", first.member_id)
    turn = Turn(bench.now_ms, bench.now_ms)
    bench.groups.disconnected("g", "b", turn)
    bench._take(turn)
    bench.at(bench.now_ms + ARRIVAL_GAP_MS)
    assert bench.answers["a"].generation_id == 2
    assert list(bench.group.members) == [first.member_id]


def test_a_static_member_that_vanishes_keeps_its_place() -> None:
    bench = Bench()
    joined = bench.join("a", instance="one")
    bench.sync("a", joined, {joined.member_id: b"mine"})
    bench.join("b", instance="two")
    turn = Turn(bench.now_ms, bench.now_ms)
    bench.groups.disconnected("g", "b", turn)
    assert set(bench.group.statics) == {"one", "two"}


def test_a_static_member_comes_back_without_a_rebalance() -> None:
    bench = Bench()
    joined = bench.join("a", instance="one")
    bench.sync("a", joined, {joined.member_id: b"mine"})
    again = bench.join("a2", instance="one", version=9)
    assert (again.error_code, again.generation_id, again.skip_assignment) == (0, 1, True)
    assert again.member_id != joined.member_id
    assert bench.sync("a2", again).assignment == b"mine"
    assert bench.beat(joined) == errors.UnknownMemberId.code


@pytest.mark.parametrize(
    ("preferences", "chosen"),
    [
        ([("range", "roundrobin"), ("range", "roundrobin")], "range"),
        ([("roundrobin", "range"), ("range", "roundrobin"), ("roundrobin", "range")], "roundrobin"),
        ([("cooperative-sticky", "range"), ("range",)], "range"),
        ([("cooperative-sticky", "range"), ("cooperative-sticky",)], "cooperative-sticky"),
    ],
)
def test_the_assignor_most_like_best_of_those_all_have(preferences: list[tuple[str, ...]], chosen: str) -> None:
    """How a group goes from one assignor to another: members that have both, then members that have the new one alone."""
    bench = Bench()
    bench.groups.settings = lambda: Settings(6000, 1_800_000, 100, 0, 10_000)
    joined = bench.join("m0", protocols=tuple((name, b"") for name in preferences[0]))
    for number, names in enumerate(preferences[1:], 1):
        bench.join(f"m{number}", protocols=tuple((name, b"") for name in names))
    answer = bench.join("m0", joined.member_id, protocols=tuple((name, b"") for name in preferences[0]))
    bench.at(bench.now_ms + ARRIVAL_GAP_MS)
    assert (answer or bench.answers["m0"]).protocol_name == chosen


def test_members_and_their_metadata_are_bounded() -> None:
    bench = Bench(members_max=2)
    bench.join("a")
    bench.join("b")
    with pytest.raises(errors.GroupMaxSizeReached):
        bench.join("c")
    bench = Bench(metadata_bytes_max=100)
    bench.join("a", protocols=(("range", bytes(60)),))
    with pytest.raises(errors.GroupMaxSizeReached, match="100 bytes"):
        bench.join("b", protocols=(("range", bytes(60)),))


def test_leaving_by_instance_or_id_and_who_is_not_there() -> None:
    bench = Bench()
    joined = bench.join("a", instance="one")
    bench.sync("a", joined, {})
    turn = Turn(0, 0)
    rows = bench.groups.leave("g", [MemberIdentity(member_id="x"), MemberIdentity(member_id="x", group_instance_id="one"), MemberIdentity(member_id="", group_instance_id="one"),
                                    MemberIdentity(member_id="", group_instance_id="none")], turn)  # fmt: skip
    assert [row.error_code for row in rows] == [errors.UnknownMemberId.code, errors.FencedInstanceId.code, 0, errors.UnknownMemberId.code]
    assert bench.group.state is State.EMPTY


def test_the_record_tells_the_group() -> None:
    bench = Bench()
    joined = bench.alone()
    other = ClassicGroups(bench.groups.settings, bench._new_id, lambda group, member: None)
    for record in bench.records:
        other.replay(record.key[2:], record.value)
    other.loaded(1_000_000, 0)
    group = other.groups["g"]
    assert (group.state, group.generation, group.protocol, group.leader, group.members[joined.member_id].assignment) == (State.STABLE, 1, "range", joined.member_id, b"all")
    assert other.next_deadline_ms() == 1_000_000 + SESSION_MS               # a whole session from now on
    other.replay(classic_records.tombstone("g").key[2:], None)
    assert not other.groups


def test_every_state_that_can_be_left_leads_on() -> None:
    assert set(MOVES) == set(State)
    reached, found = {State.EMPTY}, {State.EMPTY}
    while found:
        found = {after for state in found for after in MOVES[state]} - reached
        reached |= found
    assert reached == set(State)
