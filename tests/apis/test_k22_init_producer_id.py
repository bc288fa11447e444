"""InitProducerId (API key 22) without transactions: fresh ids, never twice, also across restarts."""

import struct

import pytest

from pybroker.protocol.messages.k22_init_producer_id import InitProducerIdRequest
from tests.support import kafka
from tests.support.broker import AnyBroker, ours_only
from tests.support.fixtures import StartBroker
from tests.support.kafka import Client
from tests.support.wire import connections, framed, string, versions


@pytest.mark.parametrize("version", versions(22))
def test_fresh_id_at_every_version(client: Client, version: int) -> None:
    answers = [client.call(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000), version) for _ in range(3)]
    assert [(answer.error_code, answer.producer_epoch) for answer in answers] == [(kafka.NONE, 0)] * 3
    assert len({answer.producer_id for answer in answers}) == 3 and all(answer.producer_id >= 0 for answer in answers)


@pytest.mark.parametrize("timeout_ms", [-1, 0, 2**31 - 1])
def test_timeout_does_not_matter_without_transactions(client: Client, timeout_ms: int) -> None:
    assert client.call(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=timeout_ms), 4).error_code == kafka.NONE


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize(("producer_id", "epoch"), [(5, -1), (-1, 3)])
def test_id_without_epoch_and_epoch_without_id(client: Client, version: int, producer_id: int, epoch: int) -> None:
    answer = client.call(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1, producer_id=producer_id, producer_epoch=epoch), version)
    assert (answer.error_code, answer.producer_id) == (kafka.INVALID_REQUEST, -1)


def test_known_id_with_epoch_gets_a_fresh_id(client: Client) -> None:
    """KIP-360 asks for a new epoch of the same id only in transactions."""
    producer = client.new_producer_id()
    answer = client.call(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1, producer_id=producer, producer_epoch=0), 4)
    assert (answer.error_code, answer.producer_epoch) == (kafka.NONE, 0) and answer.producer_id != producer


def test_empty_transactional_id(client: Client) -> None:
    answer = client.call(InitProducerIdRequest(transactional_id="", transaction_timeout_ms=1000), 4)
    assert (answer.error_code, answer.producer_id) == (kafka.INVALID_REQUEST, -1)


@ours_only("Kafka has transactions; here they come later, and nothing half-done may look like success")
def test_transactional_id_is_refused_while_there_are_no_transactions(client: Client) -> None:
    answer = client.call(InitProducerIdRequest(transactional_id="t", transaction_timeout_ms=1000), 4)
    assert answer.error_code != kafka.NONE and answer.producer_id == -1


@ours_only("Kafka refuses with a retriable error while it fetches the next block of ids")
def test_many_clients_never_share_an_id(broker: AnyBroker) -> None:
    request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1)
    with connections(broker.address, 20) as opened:
        ids = []
        for _ in range(60):
            sent = [connection.send(request, 4) for connection in opened]
            ids += [connection.receive(request, 4, number).producer_id for connection, number in zip(opened, sent, strict=True)]
    assert len(set(ids)) == 1200


def test_ids_are_never_given_twice_across_restarts(start_broker: StartBroker) -> None:
    broker = start_broker()
    seen: set[int] = set()
    for end in (broker.stop, broker.kill, broker.kill, broker.stop):
        client = Client(broker)
        ids = {client.new_producer_id() for _ in range(5)}
        assert len(ids) == 5 and not ids & seen
        seen |= ids
        end()
        broker.start()


def test_golden_bytes_of_version_0(client: Client) -> None:
    client.connection.send_bytes(framed(struct.pack(">hhi", 22, 0, 2) + string("golden") + string(None) + struct.pack(">i", 1)))
    payload = client.connection.read_frame()
    assert len(payload) == 20 and struct.unpack(">iihqh", payload)[:3] == (2, 0, 0) and struct.unpack(">iihqh", payload)[4] == 0
