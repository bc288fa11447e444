"""Who is let in by the file, what a change of it does, and what a bad one does not."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest
from pybroker_auth_htpasswd import Htpasswd, parse

from pybroker.hooks import AuthResult, Deny
from pybroker.protocol.errors import KafkaError
from pybroker.testing import Broker
from pybroker.testing.hooks import Harness, connection


def line(user: str, password: str, prefix: bytes = b"2b") -> str:
    return f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4, prefix)).decode()}\n"


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    path.write_text("# people\n\n" + line("alice", "wonder") + line("bob", "builder").replace("$2b$", "$2y$"))
    return path


def login(plugin: Harness, user: str, password: str, mechanism: str = "PLAIN") -> object:
    return plugin.ask("pybroker_authenticate", mechanism=mechanism, identity=user, secret=password.encode(), connection=connection())


def write(path: Path, text: str) -> None:
    """A new file in the old one's place."""
    other = path.with_suffix(".new")
    other.write_text(text)
    os.replace(other, path)


def test_the_right_password_is_let_in_and_nothing_else(users: Path) -> None:
    with Harness(Htpasswd(), {"auth-htpasswd.file": str(users)}) as plugin:
        assert login(plugin, "alice", "wonder") == AuthResult("alice")
        assert login(plugin, "bob", "builder") == AuthResult("bob")
        for user, password in (("alice", "builder"), ("Alice", "wonder"), ("carol", "wonder"), ("", ""), ("alice", "wonder" + "x" * 80)):
            assert isinstance(login(plugin, user, password), Deny)
        assert login(plugin, "alice", "wonder", "OTHER") is None


def test_no_password_is_cut(users: Path) -> None:
    write(users, line("long", "x" * 72))
    with Harness(Htpasswd(), {"auth-htpasswd.file": str(users)}) as plugin:
        assert login(plugin, "long", "x" * 72) == AuthResult("long")
        assert isinstance(login(plugin, "long", "x" * 73), Deny)


def test_a_change_is_seen_by_the_next_login(users: Path) -> None:
    with Harness(Htpasswd(), {"auth-htpasswd.file": str(users)}) as plugin:
        write(users, line("carol", "singer"))
        assert login(plugin, "carol", "singer") == AuthResult("carol")
        assert isinstance(login(plugin, "alice", "wonder"), Deny)


@pytest.mark.parametrize("bad", ["dave:{SHA}abc\n", "dave\n", "dave:$2b$99$" + "a" * 53 + "\n", "dave:$2b$04$" + "!" * 53 + "\n", ":x\n"])
def test_a_bad_line_is_told_and_the_users_stay(users: Path, bad: str, caplog: pytest.LogCaptureFixture) -> None:
    with Harness(Htpasswd(), {"auth-htpasswd.file": str(users)}) as plugin:
        write(users, line("carol", "singer") + bad)
        assert login(plugin, "alice", "wonder") == AuthResult("alice")
        assert login(plugin, "alice", "wonder") == AuthResult("alice")
        assert isinstance(login(plugin, "carol", "singer"), Deny)
    told = [record for record in caplog.records if record.message == "users stay as they were"]
    assert len(told) == 1 and "line 2" in vars(told[0])["error"]


def test_a_file_that_goes_and_comes_back(users: Path) -> None:
    with Harness(Htpasswd(), {"auth-htpasswd.file": str(users)}) as plugin:
        text = users.read_text()
        users.unlink()
        assert login(plugin, "alice", "wonder") == AuthResult("alice")
        write(users, text + line("carol", "singer"))
        assert login(plugin, "carol", "singer") == AuthResult("carol")


def test_a_name_that_stands_twice_is_a_bad_line() -> None:
    with pytest.raises(ValueError, match="line 2"):
        parse((line("a", "b") + line("a", "c")).encode())


def test_a_name_that_is_not_there_takes_as_long(users: Path) -> None:
    """Medians of many tries, within a fifth of each other: a hash of cost 4 takes about a millisecond."""
    with Harness(Htpasswd(), {"auth-htpasswd.file": str(users)}) as plugin:

        def median_s(user: str) -> float:
            found = []
            for _ in range(301):
                began_s = time.perf_counter()
                login(plugin, user, "wrong")
                found.append(time.perf_counter() - began_s)
            return sorted(found)[150]

        known_s, unknown_s = median_s("alice"), median_s("nobody")
        assert abs(known_s - unknown_s) < 0.2 * known_s


def test_a_broker_lets_in_whom_the_file_names(users: Path, pybroker_start: Callable[..., Broker]) -> None:
    settings = {"listeners": "SASL_PLAINTEXT://127.0.0.1:0", "sasl.enabled.mechanisms": "PLAIN", "auth-htpasswd.file": str(users)}
    broker = pybroker_start(settings, plugins=["auth-htpasswd"])
    with broker.client(login=("alice", "wonder")) as client:
        client.create_topic("hers")
    with pytest.raises(KafkaError):
        broker.client(login=("alice", "land"))
