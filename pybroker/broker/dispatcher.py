"""Mailbox -> handler -> answer. The one border where exceptions become Kafka error codes.

Invariants  E1 every request taken is answered or closed exactly once, whatever the handler does
            E2 at most OUTSTANDING_MAX handlers run at a time; beyond that requests are left in the mailbox, and the core stops reading those connections
            E3 news of the core (appends that are durable, peers that left) is taken also then: handlers wait for it
Thread      control
Handlers    give the response, or its bytes, or a coroutine that does; or a future of it, for what may wait long (a join): one that costs no task and does not count for E2
Order       the core holds a connection's next requests back while one is out, so answers need no order of their own here
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

from pybroker.apis.context import Broker
from pybroker.broker.loop import asyncio
from pybroker.metadata.store import StoreError
from pybroker.protocol import errors
from pybroker.protocol.primitives import ProtocolError

log = logging.getLogger(__name__)

OUTSTANDING_MAX = 1000
WARNINGS_PER_PEER_MAX, PEERS_REMEMBERED_MAX = 10, 1000
"""Lines a second about mistakes of one peer, and how many peers are counted."""
TAKE_MAX = 256
"""Requests taken at a time, so that timers and signals get their turn."""

BODY_BYTES_MAX = 16 << 20
"""Largest request of the control plane. Requests are decoded on the one thread that serves everybody; what people really send is a hundredth of it."""

HANDLERS = {
    3: "k03_metadata",
    8: "k08_offset_commit",
    9: "k09_offset_fetch",
    10: "k10_find_coordinator",
    11: "k11_join_group",
    12: "k12_heartbeat",
    13: "k13_leave_group",
    14: "k14_sync_group",
    15: "k15_describe_groups",
    16: "k16_list_groups",
    17: "k17_sasl_handshake",
    19: "k19_create_topics",
    20: "k20_delete_topics",
    21: "k21_delete_records",
    22: "k22_init_producer_id",
    32: "k32_describe_configs",
    33: "k33_alter_configs",
    34: "k34_alter_replica_log_dirs",
    35: "k35_describe_log_dirs",
    36: "k36_sasl_authenticate",
    37: "k37_create_partitions",
    42: "k42_delete_groups",
    44: "k44_incremental_alter_configs",
    47: "k47_offset_delete",
    60: "k60_describe_cluster",
    68: "k68_consumer_group_heartbeat",
    69: "k69_consumer_group_describe",
    75: "k75_describe_topic_partitions",
}
"""Module of each key's handler; imported when the key is first asked for."""


class Request(Protocol):
    """A request as the core hands it over."""

    api_key: int
    api_version: int
    client_id: str | None
    connection_id: int
    listener: int
    local_host: str
    local_port: int
    peer_host: str
    peer_port: int
    body: bytes
    principal: Any

    def reply(self, body: bytes | bytearray | memoryview) -> None: ...

    def trust(self, subject: int = 0, login_until_ns: int = 0) -> None: ...

    def end(self) -> None: ...

    def close(self) -> None: ...


class Mailbox(Protocol):
    """The core's side of the border."""

    mailbox_fd: int

    def take(self, limit: int = 256) -> list[Any]: ...

    def take_news(self) -> tuple[list[tuple[int, Any]], list[int], list[int], list[int]]: ...


QUESTIONS = -1
"""Key of questions of the loops about rights."""


class Gate(Protocol):
    """What stands before the handlers of a broker where clients log in, or have rights."""

    @property
    def guards(self) -> bool:
        """Rights are asked for."""

    def admit(self, request: Any) -> None:
        """Put in who sent the request."""

    async def handle(self, handler: ModuleType, message: Any, request: Any) -> Any:
        """As the handler does, for a client with these rights."""

    async def answer(self, request: Any) -> bytes:
        """Questions about rights."""

    def closed(self, connection_id: int) -> None:
        """A connection that began a login, or was asked about, is no more."""


class Dispatcher:
    """Takes requests from the mailbox and sees each to its end."""

    def __init__(self, broker: Broker, mailbox: Mailbox, *, on_appended: Callable[[list[tuple[int, Any]]], None], on_gone: Callable[[int], None], on_unused: Callable[[int], None], gate: Gate | None = None) -> None:
        """``on_appended``: outcomes of appends, as the core tells them. ``on_gone``: a connection whose peer left while a request of it waits. ``on_unused``: a hook chain
        that no batch goes by any more."""
        self._broker = broker
        self._mailbox = mailbox
        self._on_appended = on_appended
        self._on_gone = on_gone
        self._on_unused = on_unused
        self._gate = gate
        self._handlers: dict[int, ModuleType] = {}
        self._checked: set[ModuleType] = set()              # handlers that judge a request before it is decoded
        self._telling: set[ModuleType] = set()              # handlers that tell clients where to connect to
        self._tasks: set[asyncio.Task[None]] = set()
        self._warned: dict[str, tuple[float, int]] = {}     # peer -> (begin of its second, lines in it)
        self._reading = False
        self._stopping = False
        self._paused = False                                # too many handlers wait

    def start(self) -> None:
        """Begin to take requests on the running loop."""
        self._reading = True
        asyncio.get_running_loop().add_reader(self._mailbox.mailbox_fd, self.on_mail)

    async def stop(self, wait_s: float) -> None:
        """Take no more; let handlers that wait finish for ``wait_s`` seconds, then cancel them."""
        self._stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=wait_s)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=wait_s)
        if self._reading:
            asyncio.get_running_loop().remove_reader(self._mailbox.mailbox_fd)
        self._reading = False

    def on_mail(self) -> None:
        """The mailbox has something."""
        for request in self._mailbox.take(0 if self._paused or self._stopping else TAKE_MAX):
            self.dispatch(request)
        appended, gone, unused, closed = self._mailbox.take_news()
        if appended:
            self._on_appended(appended)
        for connection_id in gone:
            self._on_gone(connection_id)
        for chain_id in unused:
            self._on_unused(chain_id)
        for connection_id in closed:
            if self._gate is not None:
                self._gate.closed(connection_id)
        if len(self._tasks) >= OUTSTANDING_MAX:
            self._paused = True

    def dispatch(self, request: Request) -> None:
        """See one request to its end, now or in a task of its own."""
        if self._gate is not None:
            if request.api_key == QUESTIONS:
                self._spawn(self._answer_questions(self._gate, request))
                return
            self._gate.admit(request)
        handler = self._handler(request.api_key)
        if handler is None:
            request.close()
            return
        if len(request.body) > BODY_BYTES_MAX:
            self._warn("request is too large", request, ValueError(f"{len(request.body)} bytes"))
            request.close()
            return
        try:
            if handler in self._checked and handler.is_too_large(request.body, request.api_version):
                raise ProtocolError("more elements than are answered")
            message, _end = handler.REQUEST.decode(request.body, request.api_version)
        except ProtocolError as error:
            self._warn("request cannot be read", request, error)
            request.close()
            return
        if handler in self._telling and (asking := self._broker.ask_endpoint(request)) is not None:
            result = self._once(asking, handler, message, request)
        else:
            try:
                result = self._handle(handler, message, request)
            except Exception as error:
                self._fail(handler, message, request, error)
                return
        if isinstance(result, Coroutine):
            self._spawn(self._finish(handler, message, request, result))
        elif isinstance(result, asyncio.Future):
            result.add_done_callback(partial(self._on_parked, handler, message, request))
        else:
            self._answer(handler, message, request, result)

    def _handler(self, api_key: int) -> ModuleType | None:
        handler = self._handlers.get(api_key)
        if handler is None and api_key in HANDLERS:
            handler = self._handlers[api_key] = import_module(f"pybroker.apis.{HANDLERS[api_key]}")
            if hasattr(handler, "is_too_large"):
                self._checked.add(handler)
            if hasattr(handler, "TELLS_ENDPOINT"):
                self._telling.add(handler)
        return handler

    async def _once(self, known: Awaitable[None], handler: ModuleType, message: Any, request: Request) -> Any:
        """The handler, once that is known which it cannot wait for itself."""
        await known
        result = self._handle(handler, message, request)
        return await result if isinstance(result, Awaitable) else result

    def _handle(self, handler: ModuleType, message: Any, request: Request) -> Any:
        if self._gate is not None and self._gate.guards:
            return self._gate.handle(handler, message, request)
        return handler.handle(self._broker, message, request)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    @staticmethod
    async def _answer_questions(gate: Gate, request: Request) -> None:
        """Nobody but the loop hears of it: without an answer the connection closes."""
        try:
            request.reply(await gate.answer(request))
        except asyncio.CancelledError:
            request.close()
            raise
        except Exception as error:
            log.error("rights cannot be told", exc_info=error, extra=_facts(request, error))
            request.close()

    async def _finish(self, handler: ModuleType, message: Any, request: Request, waiting: Coroutine[Any, Any, Any]) -> None:
        try:
            result = await waiting
        except asyncio.CancelledError:
            request.close()
            raise
        except Exception as error:
            self._fail(handler, message, request, error)
        else:
            if isinstance(result, asyncio.Future):                          # may be served, and waits: no task of ours does
                result.add_done_callback(partial(self._on_parked, handler, message, request))
            else:
                self._answer(handler, message, request, result)

    def _on_done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if self._paused and len(self._tasks) < OUTSTANDING_MAX // 2:
            self._paused = False
            asyncio.get_running_loop().call_soon(self.on_mail)

    def _on_parked(self, handler: ModuleType, message: Any, request: Request, done: "asyncio.Future[Any]") -> None:
        if done.cancelled():
            request.close()
        elif error := done.exception():
            if not isinstance(error, Exception):
                request.close()
                raise error
            self._fail(handler, message, request, error)
        else:
            self._answer(handler, message, request, done.result())

    def _answer(self, handler: ModuleType, message: Any, request: Request, response: Any) -> None:
        """Encode and send; ``response`` is a message or its bytes. None: the handler wants the connection closed."""
        if response is None:
            request.close()
            return
        try:
            body = response if isinstance(response, (bytes, bytearray)) else response.encode(request.api_version)
        except Exception as error:
            self._fail(handler, message, request, error)
            return
        if self._broker.is_audited:
            self._audit(handler, message, response, request)
        self._send(request, body)

    def _audit(self, handler: ModuleType, message: Any, response: Any, request: Request) -> None:
        """What a request changed, or would have. Handlers of keys that change something say it in ``changes``."""
        if not hasattr(handler, "changes"):
            return
        try:
            for change in handler.changes(self._broker, message, response):
                self._broker.audit("admin", request, change.operation, change.resource, allowed=change.error == 0, detail=change.text)
        except Exception as error:
            log.error("audit failed", exc_info=error, extra=_facts(request, error))

    @staticmethod
    def _send(request: Request, body: bytes | bytearray) -> None:
        """Hand the answer to the core. One that cannot be sent costs its own connection and nothing else."""
        try:
            request.reply(body)
        except Exception as error:
            log.error("answer cannot be sent", extra=_facts(request, error))
            request.close()

    def _warn(self, text: str, request: Request, error: Exception) -> None:
        """One line about a peer's mistake; at most WARNINGS_PER_PEER_MAX a second for each peer, the rest is not written."""
        now_s = asyncio.get_running_loop().time()
        since_s, lines = self._warned.get(request.peer_host, (now_s, 0))
        since_s, lines = (now_s, 1) if now_s - since_s >= 1 else (since_s, lines + 1)
        if len(self._warned) >= PEERS_REMEMBERED_MAX and request.peer_host not in self._warned:
            self._warned.clear()
        self._warned[request.peer_host] = (since_s, lines)
        if lines <= WARNINGS_PER_PEER_MAX:
            log.warning(text, extra=_facts(request, error))

    def _fail(self, handler: ModuleType, message: Any, request: Request, error: Exception) -> None:
        """Tell the client of an exception in the form its request has for errors; close where that does not work either."""
        if isinstance(error, errors.KafkaError):
            told = error
        elif isinstance(error, StoreError):
            log.error("metadata cannot be stored", extra=_facts(request, error))
            told = errors.KafkaStorageError("The broker cannot store its metadata.")
        else:
            log.error("handler failed", exc_info=error, extra=_facts(request, error))
            told = errors.UnknownServerError()
        try:
            response = handler.refuse(message, request.api_version, told)
            body = response.encode(request.api_version)
        except Exception as second:
            log.error("error cannot be told", exc_info=second, extra=_facts(request, second))
            request.close()
            return
        if self._broker.is_audited:
            self._audit(handler, message, response, request)
        self._send(request, body)


def _facts(request: Request, error: Exception) -> dict[str, object]:
    return {
        "api_key": request.api_key,
        "api_version": request.api_version,
        "client_id": request.client_id,
        "peer": request.peer_host,
        "error": str(error),
    }
