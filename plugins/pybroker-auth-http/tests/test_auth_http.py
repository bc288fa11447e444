"""Call-outs to a service of the test: what lets in, what refuses, what is asked again."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pybroker_auth_http import AuthHttp, AuthzHttp, ServiceError

from pybroker.hooks import Action, AuthResult, Decision, Deny, Principal
from pybroker.protocol.errors import KafkaError
from pybroker.testing import Broker
from pybroker.testing.hooks import Harness, connection


class Service:
    """Answers as the test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.answer: Callable[[dict[str, Any]], tuple[int, bytes, dict[str, str]]] = lambda _question: (500, b"", {})
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(question)
                outer.headers.append(self.headers)
                status, body, headers = outer.answer(question)
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    return                                                  # the asker has gone

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/ask"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def say(self, status: int, answer: object = None, **headers: str) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.answer = lambda _question: (status, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def hang(self) -> None:
        def wait(_question: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
            self.release.wait(10)
            return 200, b'{"allow": true}', {}

        self.answer = wait

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.close()


def auth(service: Service, **more: str) -> Harness:
    return Harness(AuthHttp(), {"auth-http.url": service.url, "auth-http.timeout.ms": "300", **more})


def login(plugin: Harness, user: str = "alice", password: str = "wonder") -> object:
    return plugin.ask("pybroker_authenticate", mechanism="PLAIN", identity=user, secret=password.encode(), connection=connection())


def test_the_service_says_who_comes_in_and_as_whom(service: Service) -> None:
    service.say(200, {"allow": True, "principal": "Alice", "groups": ["staff"], "attributes": {"team": "a"}})
    with auth(service, **{"auth-http.token": "s3cret"}) as plugin:
        assert login(plugin) == AuthResult("Alice", ("staff",), {"team": "a"})
    question = service.asked[0]
    assert (question["action"], question["mechanism"], question["identity"], question["secret"]) == ("authenticate", "PLAIN", "alice", "wonder")
    assert service.headers[0]["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(("status", "answer"), [(200, {"allow": False}), (401, None), (403, None)])
def test_the_service_refuses(service: Service, status: int, answer: object) -> None:
    service.say(status, answer)
    with auth(service) as plugin:
        assert isinstance(login(plugin), Deny)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(500, None), (302, None), (204, None), (200, b"no json"), (200, []), (200, {}), (200, {"allow": 1}), (200, {"allow": True, "groups": 3}),
     (200, {"allow": True, "expires_in_s": "soon"}), (200, {"allow": True, "principal": None}), (200, b'{"allow": true, "x": "' + b"x" * (1 << 20) + b'"}')],
)  # fmt: skip
def test_what_is_no_answer_is_an_error(service: Service, status: int, answer: object) -> None:
    service.say(status, answer, Location=service.url)
    with auth(service) as plugin, pytest.raises(ServiceError):
        login(plugin)
    assert len(service.asked) == 1, "no redirect is followed"


def test_silence_is_an_error(service: Service) -> None:
    service.hang()
    with auth(service) as plugin, pytest.raises(ServiceError):
        login(plugin)


def test_a_login_is_let_in_again_without_a_question_until_its_time_is_over(service: Service) -> None:
    service.say(200, {"allow": True, "ttl_s": 30})
    with auth(service) as plugin:
        for _ in range(3):
            assert login(plugin) == AuthResult("alice")
        assert len(service.asked) == 1
        plugin.clock.advance(31)
        login(plugin)
        assert len(service.asked) == 2
        service.say(401)
        assert isinstance(login(plugin, password="other"), Deny), "another password is asked about"
        assert isinstance(login(plugin, user="bob"), Deny)


@pytest.mark.parametrize(("answer", "ttl_ms"), [({"allow": True, "ttl_s": 0}, "60000"), ({"allow": True}, "0"), ({"allow": True, "expires_in_s": 60}, "60000")])
def test_what_may_not_be_kept_is_asked_each_time(service: Service, answer: object, ttl_ms: str) -> None:
    service.say(200, answer)
    with auth(service, **{"auth-http.cache.ttl.ms": ttl_ms}) as plugin:
        login(plugin)
        login(plugin)
    assert len(service.asked) == 2


@pytest.mark.parametrize("url", ["", "ftp://host/x", "http://", "http://user:word@host/", "file:///etc/passwd", "http://host/#part"])
def test_a_url_that_is_none_stops_the_start(url: str) -> None:
    with pytest.raises(Exception, match=r"auth-http\.url"), Harness(AuthHttp(), {"auth-http.url": url}):
        pass


ACTIONS = [Action("Read", "Topic", "t"), Action("Write", "Topic", "t"), Action("Describe", "Group", "g")]


def rights(plugin: Harness) -> object:
    return plugin.ask("pybroker_authorize", principal=Principal("alice"), actions=ACTIONS, connection=connection())


def test_rights_are_decided_in_order(service: Service) -> None:
    service.say(200, {"decisions": [{"allow": True, "ttl_s": 5}, {"allow": False}, None]})
    with Harness(AuthzHttp(), {"authz-http.url": service.url}) as plugin:
        assert rights(plugin) == [Decision(True, 5), Decision(False, 60.0), None]
    assert service.asked[0]["actions"][2] == {"operation": "Describe", "resource_type": "Group", "resource_name": "g"}


@pytest.mark.parametrize("answer", [{}, {"decisions": []}, {"decisions": [None]}, {"decisions": [{"allow": "yes"}] * 3}, {"decisions": [1, 2, 3]}, {"decisions": [{"allow": True, "ttl_s": -1}] * 3}])
def test_decisions_that_are_none_are_errors(service: Service, answer: object) -> None:
    service.say(200, answer)
    with Harness(AuthzHttp(), {"authz-http.url": service.url}) as plugin, pytest.raises(ServiceError):
        rights(plugin)


def test_a_broker_asks_for_logins_and_rights(service: Service, pybroker_start: Callable[..., Broker]) -> None:
    def answer(question: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
        if question["action"] == "authenticate":
            return 200, json.dumps({"allow": question["secret"] == "wonder"}).encode(), {}
        return 200, json.dumps({"decisions": [{"allow": wish["resource_name"] != "theirs"} for wish in question["actions"]]}).encode(), {}

    service.answer = answer
    settings = {"listeners": "SASL_PLAINTEXT://127.0.0.1:0", "sasl.enabled.mechanisms": "PLAIN", "auth-http.url": service.url, "authz-http.url": service.url}
    broker = pybroker_start(settings, plugins=["auth-http", "authz-http"])
    with broker.client(login=("alice", "wonder")) as client:
        client.create_topic("hers")
        client.produce("hers", [b"one"])
        assert [stored.value for stored in client.read("hers")] == [b"one"]
        asked = len(service.asked)
        client.produce("hers", [b"two"])
        assert len(service.asked) == asked, "a right that was given is not asked for again"
    with pytest.raises(KafkaError):
        broker.client(login=("alice", "land"))
    assert "wonder" not in broker.log_text() and ServiceError.__name__ not in broker.log_text()
