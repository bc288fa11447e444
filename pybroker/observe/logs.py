"""Log lines on standard error: ``key=value`` or JSON, one line an event, whatever a client put into it.

    ts=2026-01-02T03:04:05.678Z level=info logger=pybroker.broker.app msg="ready" listeners=PLAINTEXT://127.0.0.1:9092

Bounds: a line has at most LINE_CHARS_MAX characters; a logger writes at most LINES_PER_SECOND_MAX lines a second, then says how many it left out.
"""

import logging
import sys
import time
from typing import Any, TextIO

LINE_CHARS_MAX = 1024
LINES_PER_SECOND_MAX = 100

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

RESERVED = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}
"""Names that a field of a log line cannot have."""
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/,+@[]*%")


class _Formatter(logging.Formatter):
    def __init__(self, style: str) -> None:
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "ts": _timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        fields.update((key, value) for key, value in vars(record).items() if key not in RESERVED)
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = _exception(record.exc_info[1])
        if self._json:
            return _json_line(fields)
        return _clipped(" ".join(f"{key}={_quoted(str(value), key == 'msg')}" for key, value in fields.items()))


def _timestamp(seconds: float) -> str:
    whole = int(seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int((seconds - whole) * 1000):03d}Z"


def _exception(error: BaseException) -> str:
    """Type, text and the last places of the stack, innermost first, on one line."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__}: {error} at {' < '.join(reversed(places[-6:]))}"


def _quoted(text: str, always: bool) -> str:
    if text and not always and _PLAIN.issuperset(text):
        return text
    return '"' + "".join(_escaped(char) for char in text[:LINE_CHARS_MAX]) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char == "\n":
        return "\\n"
    return char if char.isprintable() else char.encode("unicode_escape", "replace").decode("ascii")


def _clipped(line: str) -> str:
    return line if len(line) <= LINE_CHARS_MAX else line[: LINE_CHARS_MAX - 1] + "…"


def _json_line(fields: dict[str, Any]) -> str:
    import json

    room = LINE_CHARS_MAX
    line = json.dumps(fields, default=str)
    while len(line) > LINE_CHARS_MAX and room > 8:          # shorten the longest texts until the line fits
        room //= 2
        line = json.dumps({key: value if len(str(value)) <= room else str(value)[:room] + "…" for key, value in fields.items()}, default=str)
    return line


class _Handler(logging.Handler):
    """Writes lines; a write that fails (the reader is gone, the disk is full) is dropped: logging never ends the broker."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._second = 0
        self._counts: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._is_too_many(record):
                return
            self._stream.write(self.format(record) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass

    def _is_too_many(self, record: logging.LogRecord) -> bool:
        second = int(record.created)
        if second != self._second:
            over = {name: count - LINES_PER_SECOND_MAX for name, count in self._counts.items() if count > LINES_PER_SECOND_MAX}
            self._second, self._counts = second, {}
            for name, count in over.items():
                left_out = logging.LogRecord(name, logging.WARNING, "", 0, "lines left out", (), None)
                left_out.count = count
                self._stream.write(self.format(left_out) + "\n")
        count = self._counts[record.name] = self._counts.get(record.name, 0) + 1
        return count > LINES_PER_SECOND_MAX


def set_up(style: str, level: str, stream: TextIO | None = None) -> None:
    """Send all log lines of this process to ``stream`` (standard error), as ``kv`` or ``json``, from ``level`` on."""
    handler = _Handler(stream if stream is not None else sys.stderr)
    handler.setFormatter(_Formatter(style))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    logging.raiseExceptions = False


def set_level(level: str) -> None:
    """Change the least important level that is written."""
    logging.getLogger().setLevel(LEVELS[level])


# ---- levels of single loggers, for Kafka's BROKER_LOGGER resources; they last until the process ends

KAFKA_LEVELS = {
    "TRACE": logging.DEBUG,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
}
ROOT = "root"


def levels() -> dict[str, str]:
    """The level of each logger of this program by name, in Kafka's words; ``root`` is the one that the others fall back to."""
    words = {number: word for word, number in KAFKA_LEVELS.items() if word != "TRACE"}
    names = sorted(name for name in logging.root.manager.loggerDict if name == "pybroker" or name.startswith("pybroker."))
    found = {ROOT: logging.getLogger(), **{name: logging.getLogger(name) for name in names}}
    return {name: words.get(logger.getEffectiveLevel(), "INFO") for name, logger in found.items()}


def set_logger_level(name: str, level: str | None) -> None:
    """Set one logger's level by Kafka's word; None: as the root's."""
    logging.getLogger(None if name == ROOT else name).setLevel(logging.NOTSET if level is None else KAFKA_LEVELS[level])
