"""SaslHandshake and SaslAuthenticate over raw frames: what lets in, what is told, what closes."""

import pytest

from pybroker.protocol import errors
from pybroker.protocol.messages import k03_metadata as k03
from pybroker.protocol.messages import k18_api_versions as k18
from pybroker.protocol.messages import k36_sasl_authenticate as k36
from tests.hooks.conftest import StartWith, start_with
from tests.support.broker import Broker
from tests.support.groups import wait_until
from tests.support.logins import SASL_CONFIG, USERS, authenticate, handshake, log_in, plain
from tests.support.wire import Closed, Connection, versions

__all__ = ["start_with"]

ILLEGAL, FAILED = errors.IllegalSaslState.code, errors.SaslAuthenticationFailed.code


@pytest.fixture
def broker(start_with: StartWith) -> Broker:
    return start_with({"users": USERS}, SASL_CONFIG)


def names_topics(connection: Connection) -> bool:
    return connection.call(k03.MetadataRequest(topics=None), 12).cluster_id is not None


@pytest.mark.parametrize("version", versions(36))
def test_who_has_the_password_is_let_in(broker: Broker, version: int) -> None:
    with Connection(broker.address) as connection:
        assert handshake(connection).mechanisms == ["PLAIN"]
        answer = authenticate(connection, plain("alice"), version)
        assert (answer.error_code, answer.auth_bytes, answer.session_lifetime_ms) == (0, b"", 0)
        assert names_topics(connection)


def test_versions_may_be_asked_before_and_between(broker: Broker) -> None:
    with Connection(broker.address) as connection:
        for step in (lambda: handshake(connection), lambda: authenticate(connection, plain("bob"))):
            assert connection.call(k18.ApiVersionsRequest(), 0).error_code == 0
            assert step().error_code == 0


@pytest.mark.parametrize(
    "token",
    [plain("alice", "wrong"), plain("nobody"), plain("alice", ""), plain(""), plain("alice", acts_as="bob"), b"", b"\0", b"a\0b\0c\0d", b"\0\xff\0x", plain("alice\n"), plain("a" * 17000)],
    ids=["wrong", "unknown", "no-password", "no-name", "acts-as", "empty", "two-parts", "four-parts", "no-utf-8", "control", "long"],
)
def test_any_other_token_is_refused_alike_and_closes(broker: Broker, token: bytes) -> None:
    with Connection(broker.address) as connection:
        handshake(connection)
        answer = authenticate(connection, token)
        assert (answer.error_code, answer.error_message, answer.auth_bytes) == (FAILED, "Authentication failed", b"")
        connection.assert_closed()


def test_who_may_act_as_himself_says_so(broker: Broker) -> None:
    with Connection(broker.address) as connection:
        handshake(connection)
        assert authenticate(connection, plain("alice", acts_as="alice")).error_code == 0


def test_a_token_before_the_handshake_closes(broker: Broker) -> None:
    with Connection(broker.address) as connection:
        assert authenticate(connection, plain("alice")).error_code == ILLEGAL
        connection.assert_closed()


def test_any_other_request_before_the_login_closes(broker: Broker) -> None:
    with Connection(broker.address) as connection:
        handshake(connection)
        connection.send(k03.MetadataRequest(topics=None), 12)
        connection.assert_closed()


def test_a_token_of_600_kib_closes(broker: Broker) -> None:
    with Connection(broker.address) as connection:
        handshake(connection)
        connection.send_bytes((600 << 10).to_bytes(4, "big"))
        connection.assert_closed()


def test_a_login_without_an_end_is_for_good(broker: Broker) -> None:
    with Connection(broker.address) as connection:
        assert log_in(connection, "alice").error_code == 0
        assert handshake(connection).error_code == ILLEGAL
        assert authenticate(connection, plain("alice")).error_code == ILLEGAL
        assert names_topics(connection)


def test_a_listener_without_logins_says_so(start_with: StartWith) -> None:
    broker = start_with({})
    with Connection(broker.address) as connection:
        assert handshake(connection).error_code == ILLEGAL
        assert authenticate(connection, plain("alice")).error_code == ILLEGAL
        assert names_topics(connection)


def test_passwords_stand_in_no_log(broker: Broker) -> None:
    with Connection(broker.address) as connection:
        log_in(connection, "alice", "a-wrong-password")
    assert "login failed" in broker.log_text() and "a-wrong-password" not in broker.log_text()


@pytest.mark.parametrize(
    "body",
    ["raise RuntimeError('broken')", "return True", "return AuthResult('')", "return AuthResult(None)", "return AuthResult('a', groups='x', attributes=3)",
     "return AuthResult('a', expires_at_s='soon')", "return AuthResult('a', expires_at_s=1.0)", "return AuthResult('a\\x00b')", "return 'alice'", "return None"],
)  # fmt: skip
def test_what_is_no_good_answer_lets_nobody_in(start_with: StartWith, body: str) -> None:
    broker = start_with({"odd": f"@hookimpl\ndef pybroker_authenticate(identity):\n    {body}\n"}, SASL_CONFIG)
    with Connection(broker.address) as connection:
        assert log_in(connection, "alice").error_code == FAILED
        connection.assert_closed()


def test_a_plugin_that_hangs_lets_nobody_in_and_keeps_nobody_else_waiting(start_with: StartWith) -> None:
    hangs = "import threading\n@hookimpl\ndef pybroker_authenticate(identity):\n    if identity == 'slow':\n        threading.Event().wait()\n    return AuthResult(identity)\n"
    broker = start_with({"hangs": hangs}, SASL_CONFIG, facts="control_deadline_ms=500")
    with Connection(broker.address) as slow, Connection(broker.address) as quick:
        handshake(slow)
        token = k36.SaslAuthenticateRequest(auth_bytes=plain("slow"))
        number = slow.send(token, 2)
        assert log_in(quick, "alice").error_code == 0
        assert names_topics(quick)
        assert slow.receive(token, 2, number).error_code == FAILED
        slow.assert_closed()


def test_a_login_that_expires_must_be_made_again_by_the_same_principal(start_with: StartWith) -> None:
    broker = start_with({"users": USERS}, {**SASL_CONFIG, "connections.max.reauth.ms": "2500"})
    with Connection(broker.address) as stays, Connection(broker.address) as changes, Connection(broker.address) as sleeps:
        for connection in (stays, changes, sleeps):
            assert log_in(connection, "alice").session_lifetime_ms == 2500
        assert handshake(stays).error_code == ILLEGAL                       # not more often than once a second
        wait_until(lambda: handshake(stays).error_code == 0 or None, "a second login")
        assert authenticate(stays, plain("alice")).session_lifetime_ms == 2500
        wait_until(lambda: handshake(changes).error_code == 0 or None, "another login")
        assert authenticate(changes, plain("bob")).error_code == FAILED
        changes.assert_closed()
        wait_until(lambda: is_over(sleeps) or None, "the end of the login")
        assert names_topics(stays)


def is_over(connection: Connection) -> bool:
    """The next request closes it."""
    try:
        return not names_topics(connection)
    except Closed:
        return True


def test_a_plugin_says_when_a_login_ends(start_with: StartWith) -> None:
    source = "import time\n@hookimpl\ndef pybroker_authenticate(identity):\n    return AuthResult(identity, expires_at_s=time.time() + 60)\n"
    broker = start_with({"ends": source}, SASL_CONFIG)
    with Connection(broker.address) as connection:
        assert 50_000 < log_in(connection, "alice").session_lifetime_ms <= 60_000


MECHANISM = """
class Ask:
    count = 0
    def step(self, token):
        self.count += 1
        if token == b"break":
            raise RuntimeError("broken")
        if token == b"rubbish":
            return 17
        if token == b"no":
            return Deny("no")
        return SaslStep(b"more", done=False) if token == b"again" else SaslStep(b"%d" % self.count, done=True, identity="carol")

@hookimpl
def pybroker_sasl_mechanisms():
    return {"ASK": lambda connection: Ask()}
"""
ASK_CONFIG = {**SASL_CONFIG, "sasl.enabled.mechanisms": "ASK,PLAIN"}


def test_a_plugin_brings_a_mechanism_of_several_steps(start_with: StartWith) -> None:
    broker = start_with({"ask": MECHANISM}, ASK_CONFIG)
    with Connection(broker.address) as connection:
        assert handshake(connection, "ASK").mechanisms == ["ASK", "PLAIN"]
        assert authenticate(connection, b"again").auth_bytes == b"more"
        assert authenticate(connection, b"done").auth_bytes == b"2"
        assert names_topics(connection)


@pytest.mark.parametrize("token", [b"break", b"rubbish", b"no"])
def test_a_step_that_fails_lets_nobody_in(start_with: StartWith, token: bytes) -> None:
    broker = start_with({"ask": MECHANISM}, ASK_CONFIG)
    with Connection(broker.address) as connection:
        handshake(connection, "ASK")
        assert authenticate(connection, token).error_code == FAILED
        connection.assert_closed()


def test_an_exchange_has_an_end(start_with: StartWith) -> None:
    broker = start_with({"ask": MECHANISM}, ASK_CONFIG)
    with Connection(broker.address) as connection:
        handshake(connection, "ASK")
        answers = [authenticate(connection, b"again").error_code for _ in range(17)]
        assert answers == [0] * 16 + [FAILED]
        connection.assert_closed()


def test_a_principal_may_be_renamed_and_no_rubbish_is_taken_for_one(start_with: StartWith) -> None:
    source = USERS + """
@hookimpl
def pybroker_principal(principal):
    return 5 if principal.name == "bob" else Principal(principal.name.upper())
"""
    broker = start_with({"users": source}, SASL_CONFIG)
    with Connection(broker.address) as connection:
        assert log_in(connection, "alice").error_code == 0
    with Connection(broker.address) as connection:
        assert log_in(connection, "bob").error_code == FAILED
        connection.assert_closed()


def test_a_store_of_credentials_is_asked_first(start_with: StartWith) -> None:
    source = """
from pybroker.security.passwords import hashed

class Store:
    def get(self, user, mechanism):
        return {"dora": Credentials("PLAIN", hashed(b"dora-secret")), "odd": Credentials("PLAIN", b"rubbish")}.get(user)

@hookimpl
def pybroker_credential_store():
    return Store()
"""
    broker = start_with({"store": source}, SASL_CONFIG)
    for user, password, code in (("dora", None, 0), ("dora", "wrong", FAILED), ("nobody", None, FAILED), ("odd", None, FAILED)):
        with Connection(broker.address) as connection:
            assert log_in(connection, user, password).error_code == code
