"""InitProducerId, DescribeCluster, DescribeLogDirs, and what the dispatcher does with requests that go wrong."""

import asyncio
import logging
from types import SimpleNamespace

import pytest

from pybroker.broker.dispatcher import BODY_BYTES_MAX
from pybroker.metadata.controller import NewTopic
from pybroker.protocol.messages.k22_init_producer_id import InitProducerIdRequest
from pybroker.protocol.messages.k35_describe_log_dirs import DescribableLogDirTopic, DescribeLogDirsRequest
from pybroker.protocol.messages.k60_describe_cluster import DescribeClusterRequest

from .conftest import Broker, Request


@pytest.mark.parametrize("version", range(6))
def test_producer_ids_are_new_each_time(broker: Broker, version: int) -> None:
    answers = [broker.ask(InitProducerIdRequest(transactional_id=None), version) for _ in range(3)]
    assert [(one.error_code, one.producer_id, one.producer_epoch) for one in answers] == [(0, n, 0) for n in range(3)]


def test_a_producer_that_had_an_id_gets_a_new_one(broker: Broker) -> None:
    answer = broker.ask(InitProducerIdRequest(transactional_id=None, producer_id=77, producer_epoch=3), 5)
    assert (answer.error_code, answer.producer_id, answer.producer_epoch) == (0, 0, 0)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (InitProducerIdRequest(transactional_id="t"), 35),
        (InitProducerIdRequest(transactional_id=""), 42),
        (InitProducerIdRequest(transactional_id=None, producer_id=5), 42),
        (InitProducerIdRequest(transactional_id=None, producer_epoch=5), 42),
    ],
)
def test_producers_that_get_none(broker: Broker, request_: InitProducerIdRequest, code: int) -> None:
    answer = broker.ask(request_, 5)
    assert (answer.error_code, answer.producer_id, answer.producer_epoch) == (code, -1, -1)


@pytest.mark.parametrize("version", range(3))
def test_cluster(broker: Broker, version: int) -> None:
    answer = broker.ask(DescribeClusterRequest(include_cluster_authorized_operations=True), version)
    assert (answer.error_code, answer.cluster_id, answer.controller_id, answer.cluster_authorized_operations) == (0, "CLUSTER", 1, 8096)
    assert [(one.broker_id, one.host, one.port, one.rack) for one in answer.brokers] == [(1, "10.1.2.3", 4711, "r1")]
    assert broker.ask(DescribeClusterRequest(), version).cluster_authorized_operations == -(1 << 31)


@pytest.mark.parametrize(("endpoint", "code"), [(2, 114), (3, 115), (0, 115)])
def test_cluster_of_controllers_is_not_here(broker: Broker, endpoint: int, code: int) -> None:
    answer = broker.ask(DescribeClusterRequest(endpoint_type=endpoint), 1)
    assert (answer.error_code, answer.endpoint_type, answer.brokers) == (code, 1, [])


@pytest.mark.parametrize("version", range(1, 6))
def test_log_dirs(broker: Broker, version: int) -> None:
    broker.create(NewTopic("a", 3), NewTopic("b", 1))
    answer = broker.ask(DescribeLogDirsRequest(topics=None), version)
    assert [(one.log_dir, one.error_code) for one in answer.results] == [("/a", 0), ("/b", 0)]
    found = [[(topic.name, [(part.partition_index, part.partition_size) for part in topic.partitions]) for topic in one.topics] for one in answer.results]
    assert found == [[("a", [(0, 1000), (2, 1002)])], [("a", [(1, 1001)]), ("b", [(0, 1000)])]]
    if version >= 4:
        assert [(one.total_bytes, one.usable_bytes) for one in answer.results] == [(100, 50), (-1, -1)]


def test_log_dirs_of_some_partitions(broker: Broker) -> None:
    broker.create(NewTopic("a", 3), NewTopic("b", 1))
    wanted = [DescribableLogDirTopic(topic="a", partitions=[1, 9]), DescribableLogDirTopic(topic="none", partitions=[0])]
    answer = broker.ask(DescribeLogDirsRequest(topics=wanted), 5)
    assert [[topic.name for topic in one.topics] for one in answer.results] == [[], ["a"]]


# ---- dispatcher


def test_an_unknown_key_closes(broker: Broker) -> None:
    assert broker.raw(999, 0, b"") is None


@pytest.mark.parametrize("key", [3, 19, 20, 22, 32, 33, 35, 37, 44, 60, 75])
def test_bytes_that_are_no_request_close(broker: Broker, key: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert broker.raw(key, {20: 1, 19: 2, 32: 1, 35: 1}.get(key, 0), b"\xff") is None
    assert [record.message for record in caplog.records] == ["request cannot be read"]


def test_a_body_beyond_the_limit_closes(broker: Broker) -> None:
    assert broker.raw(19, 7, bytes(BODY_BYTES_MAX + 1)) is None


def test_a_handler_that_breaks_is_told_as_unknown_error_and_logged(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    broker.controller.image = SimpleNamespace()  # type: ignore[assignment]
    with caplog.at_level(logging.ERROR):
        answer = broker.ask(InitProducerIdRequest(transactional_id=None), 5)
    assert answer.error_code == -1
    assert [record.message for record in caplog.records] == ["handler failed"]


def test_an_answer_that_cannot_be_sent_costs_its_own_connection_only(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    class Gone(Request):
        def reply(self, body: bytes | bytearray | memoryview, *, throttle_ms: int = 0) -> None:
            raise MemoryError("no memory for the answer")

    body = bytes(DescribeClusterRequest().encode(0))
    gone, other = Gone(60, 0, body), Request(60, 0, body)
    for request in (gone, other):
        broker.dispatcher.dispatch(request)
    assert gone.answers == [None] and other.answers[0] is not None
    assert [record.message for record in caplog.records] == ["answer cannot be sent"]


def test_stopping_waits_for_handlers_then_cancels_them(broker: Broker) -> None:
    async def go() -> list[bytes | None]:
        never = asyncio.Event()

        async def hang(call: object) -> int:
            await never.wait()
            return 0

        broker.controller._run = hang
        request = Request(22, 0, bytes(InitProducerIdRequest(transactional_id=None).encode(0)))
        broker.dispatcher.dispatch(request)
        await broker.dispatcher.stop(0.01)
        return request.answers

    assert asyncio.run(go()) == [None]
