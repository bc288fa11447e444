"""A small HTTP listener for /metrics, /healthz and /readyz: read-only, on threads of its own.

Bounds      THREADS requests at a time and QUEUE_MAX that wait, others are hung up on; REQUEST_S from the accept for all bytes of a request, line and headers as the standard library bounds them
Thread      one that accepts, THREADS that answer; made and closed by the control thread
"""

import io
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

THREADS, QUEUE_MAX = 4, 16
REQUEST_S = 5.0
ANSWER_S = 20.0
"""How long a client may take to read a piece of the answer."""

Page = Callable[[], tuple[int, str, bytes]]
"""Status, content type and body."""
_REASONS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error", 503: "Service Unavailable"}


class _UntilDeadline(io.RawIOBase):
    """Bytes of a socket until a time that the whole request must keep."""

    def __init__(self, connection: socket.socket, end_s: float) -> None:
        self._connection = connection
        self._end_s = end_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(ANSWER_S)


class _Handler(WSGIRequestHandler):
    server_version = "pybroker"
    sys_version = ""
    timeout = ANSWER_S

    def setup(self) -> None:
        super().setup()
        assert isinstance(self.server, _Server)
        self.rfile = io.BufferedReader(_UntilDeadline(self.connection, self.server.turn.accepted_s + REQUEST_S))

    def address_string(self) -> str:
        return str(self.client_address[0])                  # never a question to the name service

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("http request", extra={"peer": self.client_address[0], "text": (format % args)[:200]})


class _Server(WSGIServer):
    allow_reuse_address = True
    request_queue_size = QUEUE_MAX

    def __init__(self, bound: socket.socket) -> None:
        socketserver.BaseServer.__init__(self, bound.getsockname()[:2], _Handler)
        self.address_family = bound.family
        self.socket = bound
        self.server_name, self.server_port = bound.getsockname()[:2]
        self.setup_environ()
        self._pool = ThreadPoolExecutor(THREADS, "pb-http")
        self._room = threading.Semaphore(THREADS + QUEUE_MAX)
        self.turn = threading.local()
        """Of a thread of the pool: when the connection that it serves was accepted."""

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._pool.submit(self._process, request, client_address, time.monotonic())

    def _process(self, request: Any, client_address: Any, accepted_s: float) -> None:
        self.turn.accepted_s = accepted_s
        try:
            self.finish_request(request, client_address)
        except OSError as error:
            log.debug("http peer left", extra={"peer": client_address[0], "error": str(error)})
        except Exception as error:
            log.error("http request failed", exc_info=error)
        finally:
            self.shutdown_request(request)
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.error("http request cannot be taken", exc_info=True)

    def close(self) -> None:
        self.server_close()
        self._pool.shutdown(wait=False, cancel_futures=True)


class HttpServer:
    """The listener, from ``start`` to ``stop``."""

    def __init__(self, bound: socket.socket, pages: "Mapping[str, Page | Wsgi]") -> None:
        """``bound`` listens already, and is taken. ``pages`` by path."""
        self._server = _Server(bound)
        self._server.set_app(_front(pages))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="pb-http", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Hang up. Blocks for a moment."""
        self._server.shutdown()
        self._server.close()
        self._thread.join(5)


class Wsgi:
    """A page that a library serves."""

    def __init__(self, application: "WSGIApplication") -> None:
        self.application = application


def _front(pages: Mapping[str, Any]) -> "WSGIApplication":
    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        page = pages.get(environ["PATH_INFO"])
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _answer(start_response, 405, "text/plain; charset=utf-8", b"only GET and HEAD\n", [("Allow", "GET, HEAD")])
        if page is None:
            return _answer(start_response, 404, "text/plain; charset=utf-8", (" ".join(sorted(pages)) + "\n").encode())
        try:
            if isinstance(page, Wsgi):
                body = list(page.application({**environ, "REQUEST_METHOD": "GET"}, start_response))
            else:
                body = list(_answer(start_response, *page()))
        except Exception as error:
            log.error("page cannot be made", extra={"path": environ["PATH_INFO"], "error": f"{type(error).__name__}: {error}"})
            return _answer(start_response, 503, "text/plain; charset=utf-8", b"the broker cannot answer now\n")
        return [] if environ["REQUEST_METHOD"] == "HEAD" else body

    return application


def _answer(start_response: "StartResponse", status: int, kind: str, body: bytes, more: list[tuple[str, str]] | None = None) -> Iterable[bytes]:
    start_response(f"{status} {_REASONS[status]}", [("Content-Type", kind), ("Content-Length", str(len(body))), *(more or ())])
    return [body]
