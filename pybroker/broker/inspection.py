"""The door for those who look in from this machine: ``pybroker.sock`` in the first log directory. Who may read that directory's files may ask, nobody else (0600).

Form        a line of JSON for each question, ``{"ask": "status"}`` with what the question takes beside it; the answer is a line, ``{"answer": …}`` or ``{"error": "…"}``
Bounds      CONNECTIONS_MAX at a time, a question of LINE_BYTES_MAX, IDLE_S between two; beyond that the connection is closed, with an error where that can be said
Invariants  the directory's lock is ours, so a socket that lies there is of a broker that is gone, and is replaced; anything else of that name is left alone
            the broker serves without this door: where it cannot be opened, one line says so
Thread      control
"""

import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping

from pybroker.broker.loop import asyncio

log = logging.getLogger(__name__)

NAME = "pybroker.sock"
CONNECTIONS_MAX = 8
LINE_BYTES_MAX = 65536
IDLE_S = 10.0
PATH_BYTES_MAX = 107
"""Of an address of a unix socket. A longer path is reached through the directory's descriptor."""

Answerer = Callable[[str, Mapping[str, object]], Awaitable[object]]


class QuestionError(Exception):
    """A question that cannot be answered. The text is one line for who asked."""


class Inspection:
    """Answers questions from ``open`` to ``close``."""

    def __init__(self, directory: str, answer: Answerer) -> None:
        """``answer(question, its arguments)``: what JSON can carry. Raises QuestionError."""
        self.path = os.path.join(directory, NAME)
        self._answer = answer
        self._identity = (0, 0)
        self._socket: socket.socket | None = None
        self._opening: asyncio.Task[asyncio.Server] | None = None
        self._serving: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Listen: from here on questions wait, and are answered as soon as the loop runs."""
        try:
            self._remove_stale()
            self._socket = self._bind()
        except OSError as error:
            log.warning("no questions are answered", extra={"path": self.path, "error": error.strerror or str(error)})
            return
        self._opening = asyncio.get_running_loop().create_task(asyncio.start_unix_server(self._connected, sock=self._socket, limit=LINE_BYTES_MAX))

    def _remove_stale(self) -> None:
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode):
            raise OSError("something else lies there")
        os.unlink(self.path)

    def _bind(self) -> socket.socket:
        """A socket that listens, readable and writable for its owner alone before anybody can connect."""
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        directory = os.open(os.path.dirname(self.path) or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            made.setblocking(False)
            made.bind(address(self.path, directory))
            os.chmod(self.path, 0o600)
            found = os.lstat(self.path)
            self._identity = (found.st_dev, found.st_ino)
            made.listen(CONNECTIONS_MAX)
        except OSError:
            made.close()
            raise
        finally:
            os.close(directory)
        return made

    async def close(self) -> None:
        """No further questions; the socket's file goes."""
        if self._opening is None:
            return
        server = await self._opening
        server.close()
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)
        try:
            found = os.lstat(self.path)
            if (found.st_dev, found.st_ino) == self._identity:
                os.unlink(self.path)
        except FileNotFoundError:
            pass                                            # somebody was faster

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._serving) >= CONNECTIONS_MAX:
            writer.write(_line({"error": f"more than {CONNECTIONS_MAX} connections ask at a time"}))
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await asyncio.wait_for(reader.readline(), IDLE_S):
                writer.write(await self._answered(line))
                await asyncio.wait_for(writer.drain(), IDLE_S)
        except ValueError:
            writer.write(_line({"error": f"a question has at most {LINE_BYTES_MAX} bytes"}))
        except (OSError, TimeoutError):
            pass                                            # it has gone, or says nothing
        finally:
            writer.close()

    async def _answered(self, line: bytes) -> bytes:
        try:
            return _line({"answer": await self._answer(*_question(line))})
        except QuestionError as error:
            return _line({"error": str(error)})
        except Exception as error:
            log.error("a question cannot be answered", exc_info=error)
            return _line({"error": f"the broker failed: {type(error).__name__}: {error}"})


def address(path: str, directory: int) -> str:
    """Where a socket is bound or reached: its path, or the way through an open descriptor of its directory where the path is too long for an address."""
    return path if len(os.fsencode(path)) <= PATH_BYTES_MAX else f"/proc/self/fd/{directory}/{os.path.basename(path)}"


def _question(line: bytes) -> tuple[str, Mapping[str, object]]:
    import json  # here: nobody may ever ask

    try:
        asked = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise QuestionError("a question is a line of JSON") from error
    if not isinstance(asked, dict) or not isinstance(asked.get("ask"), str):
        raise QuestionError('a question is an object with its name in "ask"')
    return asked.pop("ask"), asked


def _line(answer: Mapping[str, object]) -> bytes:
    import json

    return json.dumps(answer).encode() + b"\n"
