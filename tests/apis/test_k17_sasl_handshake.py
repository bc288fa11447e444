"""SaslHandshake over raw frames."""

import pytest

from pybroker.protocol import errors
from tests.hooks.conftest import StartWith, start_with
from tests.support.broker import Broker
from tests.support.logins import SASL_CONFIG, USERS, handshake
from tests.support.wire import Connection, versions

__all__ = ["start_with"]

ILLEGAL, UNSUPPORTED = errors.IllegalSaslState.code, errors.UnsupportedSaslMechanism.code


@pytest.fixture
def broker(start_with: StartWith) -> Broker:
    return start_with({"users": USERS}, SASL_CONFIG)


@pytest.mark.parametrize("version", versions(17))
def test_mechanisms_are_told(broker: Broker, version: int) -> None:
    with Connection(broker.address) as connection:
        answer = handshake(connection, version=version)
        assert (answer.error_code, answer.mechanisms) == (0, ["PLAIN"])


def test_a_second_handshake_closes(broker: Broker) -> None:
    with Connection(broker.address) as connection:
        handshake(connection)
        assert handshake(connection).error_code == ILLEGAL
        connection.assert_closed()


@pytest.mark.parametrize("name", ["GSSAPI", "", "plain", "x" * 1000])
def test_another_mechanism_is_told_what_there_is_and_closes(broker: Broker, name: str) -> None:
    with Connection(broker.address) as connection:
        answer = handshake(connection, name)
        assert (answer.error_code, answer.mechanisms) == (UNSUPPORTED, ["PLAIN"])
        connection.assert_closed()
