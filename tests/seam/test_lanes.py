"""Lanes: Python judges produced batches on a thread of its own. Verdicts, order, deadlines, batches that are kept, connections that go, stops in the middle."""

import gc
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pybroker.broker.lanes import Binding, Check, LaneRunner
from pybroker.hooks import DeadLetter, Drop, PluginInfo, Record, RecordFault, Reject, Replace, Route
from pybroker.hooks.calls import FAILURES_MAX, HookState, Impl, Plugin
from pybroker.protocol import errors
from tests.seam.cores import SETTINGS, TOPIC_ID, assert_idle, core_module, listen, make_core
from tests.support import batches
from tests.support.batches import all_records, batch, parse_batches
from tests.support.client import PRODUCE_VERSION, Client
from tests.support.groups import wait_until

OTHER_ID = b"\x02" * 16
CLOSED, OPEN, DEAD_LETTER = 0, 1, 2
NONE, POLICY, INVALID, TIMED_OUT = 0, errors.PolicyViolation.code, errors.InvalidRecord.code, errors.RequestTimedOut.code
Interceptor = Callable[[list[Any]], Any]


class Stage:
    """A core with the topics "seam" (one partition, or more) and "other", a lane, and a client."""

    def __init__(self, directory: Path) -> None:
        self.core = make_core(directory)
        self.core.put_topic(OTHER_ID, "other", [(0, 0, 0), (1, 0, 0)], SETTINGS)
        self.port = listen(self.core)
        self.runners: list[LaneRunner] = []
        self.chains: list[Any] = []
        self.unused: list[int] = []
        self.core.start()

    def plugin(self, name: str = "acme", **facts: Any) -> LaneRunner:
        runner = LaneRunner(Plugin(name, PluginInfo(name, "1", **facts), None), self.core)
        self.runners.append(runner)
        return runner

    def hang_on(self, *runners: LaneRunner, partitions: int = 1, on_error: int = CLOSED, **chain: Any) -> None:
        """The topic's chain: these lanes, each bound already under token 1."""
        self.chains = [self.core.hook_chain(len(self.unused) + 1, lanes=[(runner.lane, 1, on_error) for runner in runners], **chain)]
        self.core.put_topic(TOPIC_ID, "seam", [(index, 0, 0) for index in range(partitions)], SETTINGS, self.chains[0])

    def intercept(self, function: Interceptor, *, on_error: int = CLOSED, dead_letter: str = "", **facts: Any) -> LaneRunner:
        runner = self.plugin(**facts)
        runner.bindings[1] = Binding(interceptor=impl(runner, function))
        self.hang_on(runner, on_error=on_error, dead_letter=dead_letter)
        return runner

    def client(self) -> Client:
        return Client(self.port)

    def values(self, topic_id: bytes = TOPIC_ID, partition: int = 0) -> list[bytes | None]:
        return [record[3] for record in self.core.read(topic_id, partition, 0, 1 << 20)[0]]

    def end(self) -> None:
        for runner in self.runners:
            runner.stop()
        for runner in self.runners:
            assert runner.join(10)
        self.core.stop()
        assert_idle(self.core)


def impl(runner: LaneRunner, function: Interceptor) -> Impl:
    return Impl(runner.plugin, "pybroker_batch_interceptor", lambda batches: function(batches), frozenset({"batches"}), HookState())


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.end()


def records(*values: bytes, **more: Any) -> bytes:
    return batch([batches.Record(value, key=b"k", headers=(("h", b"1"),)) for value in values], **more)


# ---- verdicts


def test_an_accepted_batch_is_stored_where_it_was_sent(stage: Stage) -> None:
    seen: list[Any] = []

    def look(views: list[Any]) -> None:
        for view in views:
            seen.append((view.topic, view.partition, view.record_count, view.codec, view.producer_id, view.client_id, list(view.records()), view.keys(), view.values(), bytes(view.raw[:8])))

    stage.intercept(look)
    with stage.client() as client:
        answer = client.produce("seam", records(b"one", b"two", codec="gzip"))
        assert (answer.error_code, answer.base_offset) == (NONE, 0)
        assert client.produce("seam", records(b"three")).base_offset == 2
    topic, partition, count, codec, producer, _client, found, keys, values, head = seen[0]
    assert (topic, partition, count, codec, producer, keys, values, head) == ("seam", 0, 2, "gzip", -1, [b"k", b"k"], [b"one", b"two"], bytes(8))
    assert [(record.offset_delta, record.key, record.value, record.headers) for record in found] == [(0, b"k", b"one", (("h", b"1"),)), (1, b"k", b"two", (("h", b"1"),))]
    assert stage.values() == [b"one", b"two", b"three"]


@pytest.mark.parametrize(
    ("verdict", "code", "text", "told"),
    [
        (Reject("no such thing"), INVALID, "no such thing", []),
        (Reject("why", POLICY, (RecordFault(1, "that one"),)), POLICY, "why", [(1, "that one")]),
        (Reject("ü" * 500), INVALID, None, []),
    ],
    ids=["plain", "records", "long"],
)
def test_a_rejected_batch_is_told_why(stage: Stage, verdict: Reject, code: int, text: str | None, told: list[tuple[int, str]]) -> None:
    stage.intercept(lambda views: [verdict for _ in views])
    with stage.client() as client:
        answer = client.produce("seam", records(b"one", b"two"))
    assert (answer.error_code, answer.base_offset, [(error.batch_index, error.batch_index_error_message) for error in answer.record_errors]) == (code, -1, told)
    assert answer.error_message == text if text else answer.error_message.startswith("ü" * 100)
    assert stage.values() == []


def test_records_take_the_place_of_a_batchs(stage: Stage) -> None:
    def twice(views: list[Any]) -> list[Any]:
        return [Replace([record._replace(value=record.value * 2, headers=(("n", None), ("m", b"")), timestamp_ms=record.timestamp_ms + 5) for record in view.records()]) for view in views]

    stage.intercept(twice)
    with stage.client() as client:
        assert client.produce("seam", records(b"a", b"b", codec="zstd")).base_offset == 0
        stored = client.fetch("seam", 0).records
    [one] = parse_batches(stored)
    assert one.codec == "zstd"
    assert [(record.value, record.key, list(record.headers)) for record in all_records(parse_batches(stored))] == [(b"aa", b"k", [("n", None), ("m", b"")]), (b"bb", b"k", [("n", None), ("m", b"")])]


def test_an_idempotent_producers_count_stays(stage: Stage) -> None:
    verdicts: list[Any] = []
    stage.intercept(lambda views: [verdicts[0] for _ in views])
    whole = Record(0, 5, b"k", b"v", ())
    sent = {"producer_id": 7, "producer_epoch": 0, "base_sequence": 0}
    with stage.client() as client:
        verdicts[:] = [Replace([whole])]
        assert client.produce("seam", records(b"a", b"b", **sent)).error_code == POLICY
        verdicts[:] = [Replace([whole, whole])]
        assert client.produce("seam", records(b"a", b"b", **sent)).base_offset == 0
        assert client.produce("seam", records(b"a", b"b", **sent)).base_offset == 0, "a repetition"
    assert stage.values() == [b"v", b"v"]


@pytest.mark.parametrize(
    ("verdict", "place"),
    [(Route("other", 1), (OTHER_ID, 1)), (DeadLetter("other"), (OTHER_ID, 0)), (DeadLetter(), (OTHER_ID, 0)), (Drop(), None)],
    ids=["route", "dead letter", "the topic's dead letters", "drop"],
)
def test_what_goes_elsewhere_went_well_without_an_offset(stage: Stage, verdict: Any, place: tuple[bytes, int] | None) -> None:
    stage.intercept(lambda views: [verdict for _ in views], dead_letter="other")
    with stage.client() as client:
        answer = client.produce("seam", records(b"one"))
    assert (answer.error_code, answer.base_offset) == (NONE, -1)
    assert stage.values() == []
    if place:
        assert stage.values(*place) == [b"one"]


def test_dead_letters_forget_their_producer(stage: Stage) -> None:
    stage.intercept(lambda views: [DeadLetter("other") for _ in views])
    with stage.client() as client:
        for sequence in (5, 3, 5):
            assert client.produce("seam", records(b"x", producer_id=7, producer_epoch=0, base_sequence=sequence)).error_code == NONE
    assert len(stage.values(OTHER_ID)) == 3
    assert {record[4] for record in stage.core.read(OTHER_ID, 0, 0, 1 << 20)[0]} == {-1}


@pytest.mark.parametrize("verdict", [Route("nowhere", 0), Route("other", 9), DeadLetter("nowhere"), DeadLetter()], ids=["topic", "partition", "letters", "no letters"])
def test_a_place_that_is_not_there_refuses(stage: Stage, verdict: Any) -> None:
    stage.intercept(lambda views: [verdict for _ in views])
    with stage.client() as client:
        assert client.produce("seam", records(b"one")).error_code == POLICY


def test_a_producer_with_a_sequence_is_not_routed(stage: Stage) -> None:
    stage.intercept(lambda views: [Route("other", 0) for _ in views])
    with stage.client() as client:
        assert client.produce("seam", records(b"one", producer_id=7, producer_epoch=0, base_sequence=0)).error_code == POLICY


# ---- plugins that fail


def fails(_views: list[Any]) -> Any:
    raise RecursionError("deep")


@pytest.mark.parametrize(
    "function",
    [fails, lambda views: 7, lambda views: [], lambda views: ["yes"] * len(views), lambda views: [Reject] * len(views), lambda views: [Replace([("bad",)])] * len(views), lambda views: [Route("other", "x")]],
    ids=["raises", "number", "too few", "text", "class", "records", "partition"],
)
@pytest.mark.parametrize("on_error", [CLOSED, OPEN, DEAD_LETTER], ids=["closed", "open", "dead letter"])
def test_on_error_decides_for_a_plugin_that_failed(stage: Stage, function: Interceptor, on_error: int) -> None:
    stage.intercept(function, on_error=on_error, dead_letter="other")
    with stage.client() as client:
        answer = client.produce("seam", records(b"one"))
    assert answer.error_code == (POLICY if on_error == CLOSED else NONE)
    assert stage.values() == ([b"one"] if on_error == OPEN else [])
    assert stage.values(OTHER_ID) == ([b"one"] if on_error == DEAD_LETTER else [])


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()], ids=lambda error: type(error).__name__)
def test_the_lane_outlives_what_is_no_exception(stage: Stage, error: BaseException) -> None:
    raised = [error]

    def once(_views: list[Any]) -> None:
        if raised:
            raise raised.pop()

    stage.intercept(once)
    with stage.client() as client:
        assert [client.produce("seam", records(b"one")).error_code for _ in range(2)] == [POLICY, NONE]


def test_failures_in_a_row_switch_the_hook_off(stage: Stage) -> None:
    asked = []

    def bad(views: list[Any]) -> None:
        asked.append(len(views))
        raise ValueError("no")

    stage.intercept(bad)
    with stage.client() as client:
        codes = [client.produce("seam", records(b"one")).error_code for _ in range(FAILURES_MAX + 3)]
    assert codes == [POLICY] * FAILURES_MAX + [TIMED_OUT] * 3
    assert len(asked) == FAILURES_MAX


def test_a_lane_that_hangs_costs_one_deadline_and_nobody_else(stage: Stage) -> None:
    go, asked = threading.Event(), threading.Event()

    def hang(views: list[Any]) -> None:
        asked.set()
        go.wait(30)

    stage.intercept(hang, deadline_ms=100)
    with stage.client() as client, stage.client() as second, stage.client() as third:
        begin = time.monotonic()
        client.send(client.produce_request("seam", records(b"one")), PRODUCE_VERSION)
        assert asked.wait(10)
        assert third.produce("other", records(b"else")).base_offset == 0, "other topics are served meanwhile"
        assert client.read_frame()[4 + 4 + 1 :]
        assert 0.1 <= time.monotonic() - begin < 5
        begin = time.monotonic()
        assert second.produce("seam", records(b"two")).error_code == TIMED_OUT
        assert time.monotonic() - begin < 0.1, "at once: the lane hangs still"
        go.set()
        end = time.monotonic() + 10
        while (code := second.produce("seam", records(b"three")).error_code) == TIMED_OUT and time.monotonic() < end:
            pass
        assert code == NONE
    assert stage.values() == [b"three"]


def test_a_batch_that_was_given_up_is_stored_whole_when_errors_are_open(stage: Stage) -> None:
    go = threading.Event()
    stage.intercept(lambda views: go.wait(30) and None, deadline_ms=50, on_error=OPEN)
    with stage.client() as client:
        assert client.produce("seam", records(b"one")).base_offset == 0
        go.set()
    assert stage.values() == [b"one"]


# ---- views, connections, stops


def test_a_kept_batch_stays_as_it_is(stage: Stage) -> None:
    kept: list[Any] = []
    stage.intercept(kept.extend)
    with stage.client() as client:
        client.produce("seam", records(b"one" * 100))
        for _ in range(50):
            client.produce("seam", records(b"two" * 100))
    view = kept[0]
    assert view.values() == [b"one" * 100] and view.topic == "seam"
    assert view.raw.readonly
    with pytest.raises(RuntimeError, match="given back"):
        view.accept()
    buffer = view.raw
    del view
    kept.clear()
    gc.collect()
    assert len(buffer) > 300, "the bytes live as long as somebody looks at them"


def wait_for_a_batch(stage: Stage) -> tuple[Client, threading.Event]:
    """A connection whose batch the plugin looks at until the event is set."""
    go, asked = threading.Event(), threading.Event()

    def wait(views: list[Any]) -> None:
        asked.set()
        go.wait(10)

    stage.intercept(wait, deadline_ms=20_000)
    client = stage.client()
    client.send(client.produce_request("seam", records(b"one")), PRODUCE_VERSION)
    assert asked.wait(10)
    return client, go


def test_a_request_before_a_half_close_is_served(stage: Stage) -> None:
    client, go = wait_for_a_batch(stage)
    client.socket.shutdown(socket.SHUT_WR)
    go.set()
    assert client.read_frame()
    client.close()
    assert stage.values() == [b"one"]


def test_a_reset_while_the_batch_is_judged_harms_nobody(stage: Stage) -> None:
    client, go = wait_for_a_batch(stage)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    go.set()
    with stage.client() as other:
        assert other.produce("seam", records(b"two")).error_code == NONE
    assert stage.values()[-1] == b"two"


def test_answers_of_one_connection_keep_their_order(stage: Stage) -> None:
    stage.intercept(lambda views: None)
    with stage.client() as client:
        requests = [client.produce_request(topic, records(topic.encode())) for topic in ("seam", "other") * 20]
        sent = [client.send(request, PRODUCE_VERSION) for request in requests]
        answers = [client.receive(request, PRODUCE_VERSION, number) for request, number in zip(requests, sent, strict=True)]
    assert [answer.responses[0].partition_responses[0].base_offset for answer in answers] == [index // 2 for index in range(40)]


def test_many_connections_are_judged_in_one_call(stage: Stage) -> None:
    sizes: list[int] = []
    go, asked = threading.Event(), threading.Event()

    def count(views: list[Any]) -> None:
        sizes.append(len(views))
        asked.set()
        go.wait(10)

    stage.intercept(count, deadline_ms=20_000)
    clients = [stage.client() for _ in range(40)]
    for number, client in enumerate(clients):
        client.send(client.produce_request("seam", records(b"x")), PRODUCE_VERSION)
        if number == 0:
            assert asked.wait(10)
    wait_until(lambda: True if stage.core.stats()["requests"] == len(clients) else None, "all requests are in")
    go.set()
    for client in clients:
        client.read_frame()
        client.close()
    assert sum(sizes) == 40 and sizes[0] == 1 and len(sizes) <= 3


def test_more_than_a_stage_holds_comes_back_at_once(stage: Stage) -> None:
    """A stage takes 1 MiB: it is flushed in the middle of the requests that come back together."""
    go, asked = threading.Event(), threading.Event()

    def wait(views: list[Any]) -> None:
        asked.set()
        go.wait(10)

    stage.intercept(wait, deadline_ms=20_000)
    clients = [stage.client() for _ in range(120)]
    values = [bytes([number]) * 40_000 for number in range(len(clients))]
    requests = [client.produce_request("seam", records(value)) for client, value in zip(clients, values, strict=True)]
    sent = [client.send(request, PRODUCE_VERSION) for client, request in zip(clients, requests, strict=True)]
    assert asked.wait(10)
    wait_until(lambda: True if stage.core.stats()["requests"] == len(clients) else None, "all requests are in")
    go.set()
    for client, request, number in zip(clients, requests, sent, strict=True):
        assert client.receive(request, PRODUCE_VERSION, number).responses[0].partition_responses[0].error_code == NONE
        client.close()
    stored: list[bytes | None] = []
    while len(stored) < len(values):
        stored += [record[3] for record in stage.core.read(TOPIC_ID, 0, len(stored), 1 << 20)[0]]
    assert sorted(value or b"" for value in stored) == sorted(values)


def test_a_stop_does_not_wait_for_a_lane_that_hangs(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    go, asked = threading.Event(), threading.Event()

    def hang(views: list[Any]) -> None:
        asked.set()
        go.wait(30)

    runner = stage.intercept(hang, deadline_ms=20_000)
    client = stage.client()
    client.send(client.produce_request("seam", records(b"one")), PRODUCE_VERSION)
    assert asked.wait(10)
    runner.stop()
    assert not runner.join(0.05)
    stage.core.stop()
    assert stage.core.stats()["connections_open"] == 0
    client.close()
    go.set()
    assert runner.join(10), "it comes back to a core that has stopped"


# ---- several plugins, validators, partitioners


def test_lanes_are_asked_one_after_the_other_until_one_objects(stage: Stage) -> None:
    asked: list[str] = []

    def lane(name: str, verdict: Any) -> LaneRunner:
        runner = stage.plugin(name)

        def judge(views: list[Any]) -> list[Any]:
            asked.append(f"{name} {views[0].values()[0].decode()}")
            return [verdict(view) for view in views]

        runner.bindings[1] = Binding(interceptor=impl(runner, judge))
        return runner

    change = lane("change", lambda view: Replace([record._replace(value=record.value + b"!") for record in view.records()]))
    object_ = lane("object", lambda view: Reject("no") if view.values() == [b"bad!"] else None)
    last = lane("last", lambda view: None)
    stage.hang_on(change, object_, last)
    with stage.client() as client:
        assert [client.produce("seam", records(value)).error_code for value in (b"good", b"bad")] == [NONE, INVALID]
    assert asked == ["change good", "object good!", "last good!", "change bad", "object bad!"]
    assert stage.values() == [b"good!"]
    assert stage.chains[0].counts() == [(2, 0), (2, 1), (1, 0)]


def check(runner: LaneRunner, which: str, function: Callable[[list[bytes | None]], Any]) -> None:
    runner.bindings[1] = Binding(checks=(Check(which, function, HookState()),))


def test_a_validator_names_the_records_it_refuses(stage: Stage) -> None:
    runner = stage.plugin()
    check(runner, "value", lambda items: [None if item == b"ok" else f"not ok: {item!r}" for item in items])
    stage.hang_on(runner)
    with stage.client() as client:
        answer = client.produce("seam", records(b"ok", b"no", b"ok", b"nay", codec="lz4"))
        assert client.produce("seam", records(b"ok")).base_offset == 0
    assert answer.error_code == INVALID and answer.error_message == "record 1: value: not ok: b'no'"
    assert [(error.batch_index, error.batch_index_error_message) for error in answer.record_errors] == [(1, "value: not ok: b'no'"), (3, "value: not ok: b'nay'")]


def test_a_validator_that_answers_too_little_has_failed(stage: Stage) -> None:
    runner = stage.plugin()
    check(runner, "key", lambda items: [])
    stage.hang_on(runner)
    with stage.client() as client:
        assert client.produce("seam", records(b"ok")).error_code == POLICY


def test_a_partitioner_spreads_the_records_of_a_batch(stage: Stage) -> None:
    runner = stage.plugin()
    runner.bindings[1] = Binding(partition=lambda keys, values, count: [int(value) % count for value in values], partition_state=HookState())
    stage.hang_on(runner, partitions=3, partitioner="lane")
    with stage.client() as client:
        for codec in ("none", "snappy"):
            answer = client.produce("seam", records(*(str(number).encode() for number in range(7)), codec=codec))
            assert (answer.error_code, answer.base_offset) == (NONE, -1)
        assert client.produce("seam", records(b"1", producer_id=7, producer_epoch=0, base_sequence=0)).error_code == POLICY, "a sequence belongs to one partition"
    assert [stage.values(partition=index) for index in range(3)] == [[b"0", b"3", b"6"] * 2, [b"1", b"4"] * 2, [b"2", b"5"] * 2]


@pytest.mark.parametrize("answer", [[0], [0, 9], [0, -1], ["x", "y"], None], ids=str)
def test_a_partitioner_that_gives_rubbish_stores_nothing(stage: Stage, answer: Any) -> None:
    runner = stage.plugin()
    runner.bindings[1] = Binding(partition=lambda keys, values, count: answer, partition_state=HookState())
    stage.hang_on(runner, partitions=3, partitioner="lane")
    with stage.client() as client:
        assert client.produce("seam", records(b"a", b"b")).error_code == POLICY
    assert stage.values() == []


def test_keys_are_spread_in_c_as_kafkas_clients_do(stage: Stage) -> None:
    """Vectors by kafka-python's default partitioner."""
    from kafka.partitioner.default import murmur2

    stage.hang_on(partitions=5, partitioner="key")
    keys = [f"key-{number}".encode() for number in range(40)] + [b"", b"\xff\x00", b"a" * 101]
    with stage.client() as client:
        assert client.produce("seam", batch([batches.Record(key, key=key) for key in keys])).error_code == NONE
        assert client.produce("seam", batch([batches.Record(b"none", key=None)])).error_code == NONE
    for index in range(5):
        expected = [key for key in keys if (murmur2(key) & 0x7FFFFFFF) % 5 == index]
        assert stage.values(partition=index) == expected + ([b"none"] if index == 0 else [])


# ---- chains


def test_a_chain_nobody_goes_by_is_told_of(stage: Stage) -> None:
    runner = stage.intercept(lambda views: None)
    with stage.client() as client:
        client.produce("seam", records(b"one"))
        stage.chains.clear()
        stage.core.put_topic(TOPIC_ID, "seam", [(0, 0, 0)], SETTINGS)
        gc.collect()
        assert client.produce("seam", records(b"two")).base_offset == 1
    assert stage.core.take_news()[2] == [1]
    assert runner.lane.stats()[0] == 1


def test_a_topic_that_is_deleted_lets_go_of_its_chain(stage: Stage) -> None:
    stage.intercept(lambda views: None)
    stage.chains.clear()
    stage.core.remove_topic(TOPIC_ID)
    gc.collect()
    assert stage.core.take_news()[2] == [1]


def test_rules_refuse_records_in_c(stage: Stage) -> None:
    from pybroker.hooks import RecordRules

    rules = RecordRules(key_required=True, value_utf8=True, value_bytes_min=2, value_bytes_max=6, headers={"kind": frozenset({b"a", b"b"}), "id": frozenset()})
    stage.hang_on(rules=[rules])

    def send(value: bytes | None, key: bytes | None = b"k", headers: Any = (("kind", b"b"), ("id", None))) -> tuple[int, Any]:
        with stage.client() as client:
            answer = client.produce("seam", batch([batches.Record(b"fine", key=b"k", headers=(("kind", b"a"), ("id", b"1"))), batches.Record(value, key=key, headers=headers)], codec="gzip"))
            return answer.error_code, [(error.batch_index, error.batch_index_error_message) for error in answer.record_errors]

    assert send(b"ok") == (NONE, [])
    assert send(None) == (NONE, []), "a null value has no contents to look at"
    assert send("äöü".encode()) == (NONE, [])
    for refused, text in [
        (send(b"ok", key=None), "the record has no key"),
        (send(b"x"), "the value is too short"),
        (send(b"1234567"), "the value is too long"),
        (send(b"\xc0\xaf"), "the value is not UTF-8"),
        (send(b"\xed\xa0\x80"), "the value is not UTF-8"),
        (send(b"ok", headers=(("id", b""),)), "a header is missing, or has a value that is not allowed"),
        (send(b"ok", headers=(("kind", b"c"), ("id", b""))), "a header is missing, or has a value that is not allowed"),
    ]:
        assert refused == (INVALID, [(1, text)])


def test_schema_ids_and_prefixes(stage: Stage) -> None:
    from pybroker.hooks import RecordRules

    stage.hang_on(rules=[RecordRules(schema_ids=frozenset({7, 300, 1 << 31})), RecordRules(value_prefix=b"\0")])
    with stage.client() as client:
        codes = [client.produce("seam", records(value)).error_code for value in (b"\0\0\0\0\x07x", b"\0\0\0\x01\x2c", b"\0\x80\0\0\0", b"\0\0\0\0\x08x", b"\x01\0\0\0\x07x", b"\0\0", b"")]
    assert codes == [NONE, NONE, NONE, INVALID, INVALID, INVALID, INVALID]


def test_a_refusal_refuses_everything(stage: Stage) -> None:
    stage.hang_on(refusal="the schema is broken")
    with stage.client() as client:
        answer = client.produce("seam", records(b"one"))
    assert (answer.error_code, answer.error_message) == (POLICY, "the schema is broken")


def test_there_is_room_for_eight_of_a_kind(stage: Stage) -> None:
    from pybroker.hooks import RecordRules

    stage.core.hook_chain(9, rules=[RecordRules()] * 8)
    with pytest.raises(core_module.CoreError, match="limit"):
        stage.core.hook_chain(9, rules=[RecordRules()] * 9)
    with pytest.raises(ValueError, match="PyCapsule"):
        stage.core.hook_chain(9, natives=[object()])
