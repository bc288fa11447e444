"""Logging in over a raw connection, and plugins that know a few users."""

from typing import Any, Final

from pybroker.protocol.messages import k17_sasl_handshake as k17
from pybroker.protocol.messages import k36_sasl_authenticate as k36
from tests.support.kafka import Client

SASL_CONFIG: Final = {"listeners": "SASL_PLAINTEXT://127.0.0.1:0", "sasl.enabled.mechanisms": "PLAIN", "connection.failed.authentication.delay.ms": "0"}

USERS: Final = """
PASSWORDS = {"alice": b"alice-secret", "bob": b"bob-secret", "admin": b"admin-secret"}

@hookimpl
def pybroker_authenticate(mechanism, identity, secret, connection):
    if identity not in PASSWORDS:
        return None
    return AuthResult(identity) if PASSWORDS[identity] == secret else Deny("wrong password")
"""
"""The source of a plugin with three users: password ``<name>-secret``."""


def plain(user: str, password: str | None = None, *, acts_as: str = "") -> bytes:
    """A PLAIN message."""
    return f"{acts_as}\0{user}\0{f'{user}-secret' if password is None else password}".encode()


def handshake(connection: Any, mechanism: str = "PLAIN", version: int = 1) -> Any:
    return connection.call(k17.SaslHandshakeRequest(mechanism=mechanism), version)


def authenticate(connection: Any, token: bytes, version: int = 2) -> Any:
    return connection.call(k36.SaslAuthenticateRequest(auth_bytes=token), version)


def log_in(connection: Any, user: str, password: str | None = None) -> Any:
    """Handshake and PLAIN; the answer to the token."""
    assert handshake(connection).error_code == 0
    return authenticate(connection, plain(user, password))


def client_of(broker: Any, user: str) -> Client:
    """A client that has logged in."""
    made = Client(broker)
    answer = log_in(made, user)
    assert answer.error_code == 0, answer
    return made
