"""The broker as others watch it: the HTTP listener with /metrics, /healthz and /readyz, put together and taken apart.

/healthz  the control thread answers, and plugins' checks that are not about readiness. Whoever restarts brokers asks this
/readyz   all of that, and: log directories take records, clients get answers, plugins' other checks

Thread      control for start and stop; pages are made on threads of the HTTP server
"""

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from pybroker.broker.config import ConfigError
from pybroker.broker.control_thread import ControlThread
from pybroker.broker.listeners import is_loopback, join
from pybroker.hooks.asking import Answer
from pybroker.hooks.calls import Call, HookFailed, HookState, Impl, list_of, of
from pybroker.hooks.types import Check, CheckResult
from pybroker.observe.health import Checks, Probe
from pybroker.observe.http import HttpServer, Page, Wsgi

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from pybroker._core.core import Core
    from pybroker.broker.broker_config import BrokerConfig
    from pybroker.broker.listeners import Listener
    from pybroker.broker.sampler import Sampler
    from pybroker.hooks.manager import PluginManager

log = logging.getLogger(__name__)

HOOK = "pybroker_health_checks"
CHECKS_MAX = 64
"""Checks of one plugin."""
CHECK_S = 2.0
STATES = ("good", "full: it takes no records", "off-line")
API_VERSIONS = b"\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x00\xff\xff"
"""ApiVersions, version 0, without a client id: every listener answers it, before login too."""


def bind(config: "BrokerConfig", text: str) -> socket.socket:
    """The socket of ``pybroker.http.listener``. Raises ConfigError."""
    host, port = _parsed(text)
    if not is_loopback(host) and not config.boolean("pybroker.http.allow.remote"):
        raise ConfigError(f"pybroker.http.listener: {text} can be reached from other machines, and asks for no login; pybroker.http.allow.remote=true allows it")
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(f"pybroker.http.listener: {text}: {error.strerror or error}") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(16)
    except OSError as error:
        bound.close()
        raise ConfigError(f"pybroker.http.listener: {text}: {error.strerror or error}") from error
    return bound


def _parsed(text: str) -> tuple[str, int]:
    host, colon, port = text.strip().rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65535):
        raise ConfigError(f"pybroker.http.listener: {text[:100]} is not host:port")
    return host, int(port)


class Watching:
    """The listener from ``start`` to ``stop``."""

    def __init__(self, bound: socket.socket, make_sampler: "Callable[[], Sampler]", checks: "BrokerChecks", plugin_checks: "PluginChecks | None") -> None:
        """``make_sampler``: called when metrics are first asked for; what it imports is not light."""
        self._make_sampler = make_sampler
        self._metrics: Wsgi | None = None
        self._making = threading.Lock()
        others: Callable[[bool], list[Probe]] = plugin_checks.probes if plugin_checks else lambda readiness: []
        alive = Checks(lambda: [*checks.alive(), *others(False)])
        ready = Checks(lambda: [*checks.alive(), *checks.ready(), *others(False), *others(True)])
        pages: Mapping[str, Page | Wsgi] = {"/healthz": _page(alive), "/readyz": _page(ready), "/metrics": Wsgi(self._serve_metrics)}
        host, port = bound.getsockname()[:2]
        self.address = join(host, port)
        self._server = HttpServer(bound, pages)

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()
        log.info("http listener ready", extra={"address": self.address})

    def stop(self) -> None:
        """Hang up. Blocks for a moment; not on the control thread."""
        self._server.stop()

    def _serve_metrics(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        with self._making:
            if self._metrics is None:
                from pybroker.observe.metrics import application

                self._metrics = Wsgi(application(self._make_sampler().take))
        return self._metrics.application(environ, start_response)


def _page(checks: Checks) -> Page:
    def page() -> tuple[int, str, bytes]:
        report = checks.report()
        return 200 if report.healthy else 503, "application/json", report.as_json()

    return page


class BrokerChecks:
    """What the broker asks of itself."""

    def __init__(self, core: "Core", control: ControlThread, config: "BrokerConfig", listener: "Listener") -> None:
        """``listener``: the first one, with the port it got."""
        self._core = core
        self._control = control
        self._config = config
        self._listener = listener

    def alive(self) -> list[Probe]:
        return [Probe("control", self._control_answers)]

    def ready(self) -> list[Probe]:
        return [Probe("log-dirs", self._log_dirs), Probe("listener", self._listener_answers)]

    def _control_answers(self) -> tuple[bool, str]:
        try:
            self._control.ask(lambda: None, CHECK_S)
        except TimeoutError:
            return False, f"no answer within {CHECK_S:g} s"
        return True, ""

    def _log_dirs(self) -> tuple[bool, str]:
        paths = self._config.log_dirs
        states = self._control.ask(lambda: [self._core.log_dir(place) for place in range(len(paths))], CHECK_S)
        bad = [f"{path} is {STATES[state]} ({free} bytes free)" for path, (state, free) in zip(paths, states, strict=True) if state]
        return not bad, "; ".join(bad)

    def _listener_answers(self) -> tuple[bool, str]:
        """A connection to the first listener: a loop takes it, reads and answers."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._listener.host, self._listener.host)
        if self._listener.protocol not in ("PLAINTEXT", "SASL_PLAINTEXT"):
            return True, "not asked: it speaks TLS"
        try:
            with socket.create_connection((host, self._listener.port), CHECK_S) as connection:
                connection.sendall(API_VERSIONS)
                answered = bool(connection.recv(4))
        except OSError as error:
            return False, f"{self._listener}: {error.strerror or error}"
        return answered, "" if answered else f"{self._listener} hung up"


class PluginChecks:
    """Checks that plugins bring. One that cannot be had is unhealthy, and asked for again."""

    def __init__(self, manager: "PluginManager") -> None:
        self._manager = manager
        self._known: dict[str, list[tuple[Check, HookState]]] = {}

    def probes(self, readiness: bool) -> list[Probe]:
        """Those about readiness, or the others."""
        found: list[Probe] = []
        for impl in self._manager.impls(HOOK):
            if impl.plugin.name not in self._known:
                answer = self._asked(impl)
                if answer.error:
                    found += [Probe(impl.plugin.name, lambda answer=answer: (False, str(answer.error)))] if readiness else []  # type: ignore[misc]
                    continue
            for check, state in self._known[impl.plugin.name]:
                if check.readiness == readiness:
                    found.append(Probe(f"{impl.plugin.name}/{check.name}", lambda impl=impl, check=check, state=state: _call(impl, check, state)))  # type: ignore[misc]
        return found

    def _asked(self, impl: Impl) -> Answer:
        answer = self._manager.ask_now(impl, expect=list_of(Check))
        if answer.error:
            return answer
        checks = list(answer.value or ())
        if len(checks) > CHECKS_MAX or not all(isinstance(check.name, str) and callable(check.call) for check in checks):
            return answer._replace(error=ValueError(f"{HOOK} of plugin {impl.plugin.name}: checks need a name and a function, and there may be {CHECKS_MAX}"))
        self._known[impl.plugin.name] = [(check, impl.plugin.states.setdefault(f"{HOOK}/{check.name[:64]}", HookState())) for check in checks]
        return answer


def _call(impl: Impl, check: Check, state: HookState) -> tuple[bool, str]:
    one = Impl(impl.plugin, f"{HOOK}/{check.name[:64]}", check.call, frozenset(), state)
    try:
        result = Call(one, {}, of(CheckResult), min(CHECK_S, impl.plugin.info.control_deadline_ms / 1000)).block()
    except HookFailed as error:
        return False, str(error)
    return (bool(result.healthy), str(result.text)) if result is not None else (False, "it says nothing")
