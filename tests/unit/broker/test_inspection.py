"""The door for questions: who may come in, what is answered, and what happens to those who ask wrongly."""

import asyncio
import json
import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pybroker.broker import inspection
from pybroker.broker.inspection import CONNECTIONS_MAX, LINE_BYTES_MAX, NAME, Inspection, QuestionError


async def reply(ask: str, arguments: Mapping[str, object]) -> object:
    if ask == "fails":
        raise RuntimeError("inside")
    if ask == "refuses":
        raise QuestionError("no such thing")
    return {"asked": ask, **arguments}


def serve(directory: Path, scenario: Callable[[Inspection], Awaitable[None]]) -> None:
    """Run a scenario against an open door; afterwards nothing of it is left."""

    async def run() -> None:
        door = Inspection(str(directory), reply)
        door.open()
        try:
            await asyncio.wait_for(scenario(door), 20)
        finally:
            await door.close()

    asyncio.run(run())


async def ask(door: Inspection, line: bytes) -> Any:
    reader, writer = await asyncio.open_unix_connection(door.path)
    writer.write(line)
    try:
        return json.loads(await reader.readline())
    finally:
        writer.close()


def test_questions_are_answered_in_order_on_one_connection(tmp_path: Path) -> None:
    async def scenario(door: Inspection) -> None:
        assert stat.S_IMODE(os.lstat(door.path).st_mode) == 0o600
        reader, writer = await asyncio.open_unix_connection(door.path)
        writer.write(b'{"ask": "one"}\n{"ask": "two", "topic": "t"}\n')
        assert json.loads(await reader.readline()) == {"answer": {"asked": "one"}}
        assert json.loads(await reader.readline()) == {"answer": {"asked": "two", "topic": "t"}}
        writer.close()

    serve(tmp_path, scenario)
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"rubbish\n", "a line of JSON"),
        (b"\xff\xfe\n", "a line of JSON"),
        (b"[" * 60_000 + b"\n", "a line of JSON"),
        (b"[1]\n", '"ask"'),
        (b'{"ask": 7}\n', '"ask"'),
        (b'{"ask": "refuses"}\n', "no such thing"),
        (b'{"ask": "fails"}\n', "the broker failed: RuntimeError: inside"),
        (b"x" * (LINE_BYTES_MAX + 2), f"at most {LINE_BYTES_MAX} bytes"),
    ],
    ids=["text", "binary", "deep", "list", "number", "refused", "failed", "long"],
)
def test_a_bad_question_gets_an_error_and_the_next_one_an_answer(tmp_path: Path, line: bytes, says: str) -> None:
    async def scenario(door: Inspection) -> None:
        assert says in (await ask(door, line))["error"]
        assert await ask(door, b'{"ask": "fine"}\n') == {"answer": {"asked": "fine"}}

    serve(tmp_path, scenario)


def test_more_connections_than_may_be_are_told_so(tmp_path: Path) -> None:
    async def scenario(door: Inspection) -> None:
        opened = [await asyncio.open_unix_connection(door.path) for _ in range(CONNECTIONS_MAX)]
        for reader, writer in opened:                       # each has been taken in
            writer.write(b'{"ask": "here"}\n')
            assert "answer" in json.loads(await reader.readline())
        assert "connections ask" in (await ask(door, b'{"ask": "me too"}\n'))["error"]
        for _reader, writer in opened:
            writer.close()

    serve(tmp_path, scenario)


def test_one_that_says_nothing_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "IDLE_S", 0.01)

    async def scenario(door: Inspection) -> None:
        reader, writer = await asyncio.open_unix_connection(door.path)
        assert await reader.read() == b""
        writer.close()

    serve(tmp_path, scenario)


def test_a_socket_that_a_killed_broker_left_is_replaced(tmp_path: Path) -> None:
    old = socket.socket(socket.AF_UNIX)
    old.bind(str(tmp_path / NAME))
    old.close()

    async def scenario(door: Inspection) -> None:
        assert "answer" in await ask(door, b'{"ask": "new"}\n')

    serve(tmp_path, scenario)


def test_another_file_of_that_name_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / NAME).write_text("mine")

    async def scenario(door: Inspection) -> None:
        pass

    with caplog.at_level(logging.WARNING):
        serve(tmp_path, scenario)
    assert (tmp_path / NAME).read_text() == "mine"
    assert "no questions are answered" in caplog.text


def test_a_path_too_long_for_an_address_is_reached_all_the_same(tmp_path: Path) -> None:
    place = tmp_path / ("a" * 60) / ("b" * 60)
    place.mkdir(parents=True)

    async def scenario(door: Inspection) -> None:
        handle = os.open(place, os.O_PATH)
        try:
            reader, writer = await asyncio.open_unix_connection(inspection.address(door.path, handle))
        finally:
            os.close(handle)
        writer.write(b'{"ask": "far"}\n')
        assert json.loads(await reader.readline()) == {"answer": {"asked": "far"}}
        writer.close()

    serve(place, scenario)
    assert not (place / NAME).exists()
