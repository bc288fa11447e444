"""Log lines: one line an event whatever a client put into it, bounded in length and number."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from pybroker.observe import logs


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    before, level, raising = list(logger.handlers), logger.level, logging.raiseExceptions
    yield logger
    logger.handlers[:], logging.raiseExceptions = before, raising
    logger.setLevel(level)


def written(style: str, message: str, **fields: object) -> str:
    stream = io.StringIO()
    logs.set_up(style, "info", stream)
    logging.getLogger("pybroker.test").info(message, extra=fields)
    return stream.getvalue()


def test_key_value_line(root: logging.Logger) -> None:
    line = written("kv", "ready", listeners="PLAINTEXT://127.0.0.1:9092", text='a "b"', empty="", number=3)
    assert line.startswith("ts=20") and line.endswith(
        'Z level=info logger=pybroker.test msg="ready" listeners=PLAINTEXT://127.0.0.1:9092 text="a \\"b\\"" empty="" number=3\n'
    )


def test_json_line(root: logging.Logger) -> None:
    found = json.loads(written("json", "ready", number=3, client="é\n"))
    assert (found["msg"], found["number"], found["client"], found["level"]) == ("ready", 3, "é\n", "info")


@pytest.mark.parametrize("style", ["kv", "json"])
@pytest.mark.parametrize("nasty", ["a\nlevel=error msg=forged", "\x1b[31m", "\x00", "\u2028", "\r", "x" * 5000, "\udc80"])
def test_a_line_stays_one_printable_short_line(root: logging.Logger, style: str, nasty: str) -> None:
    line = written(style, "request", client_id=nasty)
    assert line.endswith("\n") and len(line.splitlines()) == 1 and len(line) <= logs.LINE_CHARS_MAX + 1
    assert line[:-1].isprintable()


def test_an_exception_is_one_line(root: logging.Logger) -> None:
    stream = io.StringIO()
    logs.set_up("kv", "info", stream)
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        logging.getLogger("pybroker.test").error("failed", exc_info=error)
    assert stream.getvalue().count("\n") == 1 and "ValueError: two\\nlines at test_logs.py:" in stream.getvalue()


def test_a_flood_is_cut_and_counted(root: logging.Logger) -> None:
    stream = io.StringIO()
    logs.set_up("kv", "info", stream)
    handler = root.handlers[0]
    for second in (100, 101):
        for _ in range(logs.LINES_PER_SECOND_MAX + 50 if second == 100 else 1):
            record = logging.LogRecord("pybroker.test", logging.INFO, "", 0, "again", (), None)
            record.created = second
            handler.handle(record)
    lines = stream.getvalue().splitlines()
    assert len(lines) == logs.LINES_PER_SECOND_MAX + 2
    assert 'msg="lines left out" count=50' in lines[-2]


def test_a_broken_stream_does_not_raise(root: logging.Logger) -> None:
    stream = io.StringIO()
    logs.set_up("kv", "info", stream)
    stream.close()
    logging.getLogger("pybroker.test").info("nobody reads this")


def test_level_can_change(root: logging.Logger) -> None:
    stream = io.StringIO()
    logs.set_up("kv", "warning", stream)
    logging.getLogger("pybroker.test").info("no")
    logs.set_level("debug")
    logging.getLogger("pybroker.test").debug("yes")
    assert "yes" in stream.getvalue() and "no" not in stream.getvalue().split("msg=")[1]


def test_levels_of_single_loggers(root: logging.Logger) -> None:
    logs.set_up("kv", "info", io.StringIO())
    logging.getLogger("pybroker.test")
    assert logs.levels()["root"] == "INFO" == logs.levels()["pybroker.test"]
    logs.set_logger_level("pybroker.test", "ERROR")
    assert logs.levels()["pybroker.test"] == "ERROR"
    logs.set_logger_level("pybroker.test", None)
    assert logs.levels()["pybroker.test"] == "INFO"
