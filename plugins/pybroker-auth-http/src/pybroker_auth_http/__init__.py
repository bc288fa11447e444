"""Logins (auth-http) and rights (authz-http) from a service of your own, asked by HTTP: one POST of JSON a question.

Out         to the one URL of the config and nowhere else: redirects are errors, proxies of the environment are not used
In          status 200 and a JSON object of at most BODY_BYTES_MAX; anything else, and silence past the time-out, refuses
Cache       logins that were let in are known by a keyed hash (the key is made at start) for as long as the service says, at most ``auth-http.cache.ttl.ms``; the password itself is in
            memory for the length of the question. Rights are kept by the broker for as long as the service says
"""

import hashlib
import hmac
import http.client
import json
import os
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pybroker.hooks import Action, AuthResult, ConfigKey, ConfigValue, Connection, Context, Decision, Deny, PluginInfo, Principal, hookimpl

__version__ = "0.1.0"
__all__ = ["AuthHttp", "AuthzHttp", "Service", "ServiceError"]

BODY_BYTES_MAX = 1 << 20
CACHE_ENTRIES_MAX = 10_000
TTL_S_DEFAULT, TTL_S_MAX = 60.0, 86_400.0


class ServiceError(Exception):
    """The service gave no answer that counts. One line, without what was asked."""


class Service(NamedTuple):
    """Where questions go."""

    secure: bool
    host: str
    port: int | None
    path: str
    token: str
    timeout_s: float

    @classmethod
    def of(cls, prefix: str, config: Mapping[str, ConfigValue]) -> "Service":
        """From the config of one plugin. Raises ValueError."""
        url = str(config[f"{prefix}.url"] or "")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password or parts.fragment:
            raise ValueError(f"{prefix}.url is not http(s)://host[:port]/path")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        token = str(config[f"{prefix}.token"] or "")
        if not token.isprintable():
            raise ValueError(f"{prefix}.token has characters that no header may have")
        return cls(parts.scheme == "https", parts.hostname, parts.port, path, token, float(config[f"{prefix}.timeout.ms"]) / 1000)  # type: ignore[arg-type]

    def ask(self, question: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """(status, answer); the answer of a status other than 200 is not read. Raises ServiceError."""
        deadline_s = time.monotonic() + self.timeout_s
        link = self._link()
        try:
            headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
            if self.token:
                headers["Authorization"] = f"Bearer {self.token}"
            link.request("POST", self.path, json.dumps(question).encode(), headers)
            response = link.getresponse()
            if response.status != 200:
                return response.status, {}
            return 200, _object(_body(link, response, deadline_s))
        except (OSError, http.client.HTTPException) as error:
            raise ServiceError(f"{self.host}: {type(error).__name__}: {error}") from None
        finally:
            link.close()

    def _link(self) -> http.client.HTTPConnection:
        if self.secure:
            return http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout_s, context=ssl.create_default_context())
        return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_s)


def _body(link: http.client.HTTPConnection, response: http.client.HTTPResponse, deadline_s: float) -> bytes:
    """A byte now and then does not hold the time-out off."""
    parts: list[bytes] = []
    size = 0
    while part := response.read1(65536):
        parts.append(part)
        size += len(part)
        left_s = deadline_s - time.monotonic()
        if size > BODY_BYTES_MAX or left_s <= 0:
            raise ServiceError("the answer is too long" if left_s > 0 else "the answer takes too long")
        if link.sock is not None:
            link.sock.settimeout(left_s)
    return b"".join(parts)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise ServiceError("the answer is no JSON") from None
    if not isinstance(found, dict):
        raise ServiceError("the answer is no JSON object")
    return found


def _keys(prefix: str) -> list[ConfigKey]:
    return [
        ConfigKey(f"{prefix}.url", "string", "", "The one URL that questions go to: http(s)://host[:port]/path."),
        ConfigKey(f"{prefix}.token", "password", "", "Sent as `Authorization: Bearer …`. Empty: no such header."),
        ConfigKey(f"{prefix}.timeout.ms", "int", "2000", "An answer that takes longer refuses.", minimum=10, maximum=4500),
    ]


def _client(connection: Connection) -> dict[str, Any]:
    return {"host": connection.peer_host, "listener": connection.listener, "client_id": connection.client_id}


def _seconds(answer: Mapping[str, Any], name: str, default: float | None) -> float | None:
    """Raises ServiceError."""
    value = answer.get(name, default)
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1e9):
        raise ServiceError(f"{name} is no number of seconds")
    return value


class _Known(NamedTuple):
    result: AuthResult
    until_s: float


class AuthHttp:
    """The plugin for logins. Any thread."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._service: Service | None = None
        self._ttl_s_max = 0.0

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("auth-http", __version__, threads=16, summary="logins by HTTP call-out")

    @hookimpl
    def pybroker_config_keys(self) -> list[ConfigKey]:
        return [*_keys("auth-http"), ConfigKey("auth-http.cache.ttl.ms", "int", "60000", "Longest time that a login which was let in is let in again without a question; 0: never.", minimum=0)]

    @hookimpl
    def pybroker_configure(self, config: Mapping[str, ConfigValue]) -> None:
        service = Service.of("auth-http", config)
        with self._lock:
            self._service, self._ttl_s_max = service, float(config["auth-http.cache.ttl.ms"]) / 1000  # type: ignore[arg-type]
            self._known.clear()

    @hookimpl
    def pybroker_authenticate(self, mechanism: str, identity: str, secret: bytes, connection: Connection, ctx: Context) -> AuthResult | Deny | None:
        assert self._service is not None
        try:
            word = secret.decode()
        except UnicodeDecodeError:
            return Deny("the secret is no UTF-8")
        fingerprint = self._fingerprint(mechanism, identity, secret, connection)
        now_s = ctx.monotonic_s()
        with self._lock:
            known = self._known.get(fingerprint)
        if known is not None and known.until_s > now_s:
            return known.result
        status, answer = self._service.ask({"action": "authenticate", "mechanism": mechanism, "identity": identity, "secret": word, "client": _client(connection)})
        if status in (401, 403) or (status == 200 and answer.get("allow") is False):
            return Deny("the service refuses")
        if status != 200 or answer.get("allow") is not True:
            raise ServiceError(f"status {status}" if status != 200 else "allow is neither true nor false")
        result = _login_of(answer, identity, ctx.now_ms())
        self._remember(fingerprint, result, _seconds(answer, "ttl_s", TTL_S_DEFAULT) or 0.0, now_s)
        return result

    def _fingerprint(self, mechanism: str, identity: str, secret: bytes, connection: Connection) -> bytes:
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in (mechanism.encode(), identity.encode(), secret, connection.peer_host.encode(), connection.listener.encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
        return digest.digest()

    def _remember(self, fingerprint: bytes, result: AuthResult, ttl_s: float, now_s: float) -> None:
        ttl_s = min(ttl_s, self._ttl_s_max)
        if ttl_s <= 0 or result.expires_at_s is not None:                   # one with an end is asked about each time
            return
        with self._lock:
            self._known[fingerprint] = _Known(result, now_s + ttl_s)
            self._known.move_to_end(fingerprint)
            while len(self._known) > CACHE_ENTRIES_MAX:
                self._known.popitem(last=False)


def _login_of(answer: Mapping[str, Any], identity: str, now_ms: int) -> AuthResult:
    principal, groups, attributes = answer.get("principal", identity), answer.get("groups", []), answer.get("attributes", {})
    if not isinstance(principal, str) or not isinstance(groups, list) or not isinstance(attributes, dict):
        raise ServiceError("principal, groups or attributes are not what they should be")
    expires_in_s = _seconds(answer, "expires_in_s", None)
    return AuthResult(principal, tuple(groups), attributes, None if expires_in_s is None else now_ms / 1000 + expires_in_s)


class AuthzHttp:
    """The plugin for rights. Any thread."""

    def __init__(self) -> None:
        self._service: Service | None = None

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("authz-http", __version__, threads=16, summary="rights by HTTP call-out")

    @hookimpl
    def pybroker_config_keys(self) -> list[ConfigKey]:
        return _keys("authz-http")

    @hookimpl
    def pybroker_configure(self, config: Mapping[str, ConfigValue]) -> None:
        self._service = Service.of("authz-http", config)

    @hookimpl
    def pybroker_authorize(self, principal: Principal, actions: list[Action], connection: Connection) -> list[Decision | None]:
        assert self._service is not None
        who = {"type": principal.type, "name": principal.name, "groups": list(principal.groups), "attributes": dict(principal.attributes)}
        wishes = [{"operation": action.operation, "resource_type": action.resource_type, "resource_name": action.resource_name} for action in actions]
        status, answer = self._service.ask({"action": "authorize", "principal": who, "actions": wishes, "client": _client(connection)})
        decisions = answer.get("decisions")
        if status != 200 or not isinstance(decisions, list) or len(decisions) != len(actions):
            raise ServiceError(f"status {status}" if status != 200 else "there is not one decision for each action")
        return [_decision_of(item) for item in decisions]


def _decision_of(item: object) -> Decision | None:
    if item is None:
        return None
    if not isinstance(item, dict) or not isinstance(item.get("allow"), bool):
        raise ServiceError("a decision has no allow that is true or false")
    return Decision(item["allow"], min(_seconds(item, "ttl_s", TTL_S_DEFAULT) or 0.0, TTL_S_MAX))
