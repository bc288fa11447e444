"""Lines, rotation, rights, and what a full disk or somebody else's hands do to the file."""

import dataclasses
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pybroker_audit_file import BYTES, COUNT, PATH, SYNC, log_file, plugin
from pybroker_audit_file.log_file import LogFile, line_of

from pybroker.hooks import AuditEvent
from pybroker.testing import Broker
from pybroker.testing.hooks import Harness


def event(resource: str = "topic:a", **fields: Any) -> AuditEvent:
    made = AuditEvent(1_700_000_000_123, "admin", "User:a", "::1", "PLAINTEXT", "CreateTopics", resource, True, "partitions=1")
    return dataclasses.replace(made, **fields)


def lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "audit.log"


def test_an_event_is_a_line(path: Path) -> None:
    with Harness(plugin, {PATH: str(path)}) as asked:
        asked.tell("pybroker_audit", events=[event(), event(kind="lost", count=7)])
    assert lines(path) == [
        {
            "time": "2023-11-14T22:13:20.123Z",
            "kind": "admin",
            "principal": "User:a",
            "peer": "::1",
            "listener": "PLAINTEXT",
            "operation": "CreateTopics",
            "resource": "topic:a",
            "allowed": True,
            "detail": "partitions=1",
        },
        {"time": "2023-11-14T22:13:20.123Z", "kind": "lost", "count": 7},
    ]


@pytest.mark.parametrize("text", ["a\nb", "a\r\n", "\u2028\u2029\x85", '"},{"x":"', "\x00\x1b[2J", "größe", "\udcff"])
def test_no_text_breaks_a_line(text: str) -> None:
    line = line_of(event(text, principal=text, detail=text))
    assert line.count(b"\n") == 1 and line.isascii() and all(byte >= 32 for byte in line[:-1])
    assert json.loads(line)["resource"] == text


def test_only_the_owner_reads_it(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("")
    path.chmod(0o644)
    with Harness(plugin, {PATH: str(path), BYTES: "4096"}) as asked:
        for _ in range(60):
            asked.tell("pybroker_audit", events=[event()])
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600} and len(list(path.parent.iterdir())) > 1


def test_files_are_rotated_by_size_and_the_oldest_goes(path: Path) -> None:
    with Harness(plugin, {PATH: str(path), BYTES: "4096", COUNT: "2"}) as asked:
        for number in range(200):
            asked.tell("pybroker_audit", events=[event(f"t{number}")])
        assert asked.metric("rotations") > 3 and asked.metric("events") == 200
    assert sorted(file.name for file in path.parent.iterdir()) == ["audit.log", "audit.log.1", "audit.log.2"]
    assert all(file.stat().st_size <= 4096 for file in path.parent.iterdir())
    kept = [line["resource"] for name in ("audit.log.2", "audit.log.1", "audit.log") for line in lines(path.parent / name)]
    assert kept == [f"t{number}" for number in range(200 - len(kept), 200)], "what is there is the newest, in order, without a gap"


def test_a_batch_may_need_several_files(path: Path) -> None:
    made = LogFile(path, 4096, 50, sync=False)
    made.open()
    assert made.write([line_of(event(f"t{number}")) for number in range(100)]) >= 4
    made.close()
    names = [f"audit.log.{number}" for number in range(50, 0, -1)] + ["audit.log"]
    assert [line["resource"] for name in names if (path.parent / name).exists() for line in lines(path.parent / name)] == [f"t{number}" for number in range(100)]


def test_fewer_files_than_before(path: Path) -> None:
    path.parent.mkdir()
    for number in range(1, 9):
        (path.parent / f"audit.log.{number}").write_text("{}\n")
    made = LogFile(path, 4096, 2, sync=False)
    made.open()
    made.write([line_of(event()) for _ in range(30)])
    made.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["audit.log", "audit.log.1", "audit.log.2"]


def test_none_may_be_kept(path: Path) -> None:
    made = LogFile(path, 4096, 0, sync=False)
    made.open()
    made.write([line_of(event(f"t{number}")) for number in range(100)])
    made.close()
    assert [file.name for file in path.parent.iterdir()] == ["audit.log"] and lines(path)[-1]["resource"] == "t99"


def test_a_full_disk_leaves_no_half_line_and_later_events_are_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def half(fd: int, data: bytes) -> int:
        if len(data) > 60:
            return real(fd, data[:60])
        raise OSError(errno.ENOSPC, "No space left on device")

    with Harness(plugin, {PATH: str(path)}) as asked:
        asked.tell("pybroker_audit", events=[event("before")])
        with monkeypatch.context() as patched:
            patched.setattr(log_file.os, "write", half)
            for _ in range(3):
                with pytest.raises(OSError, match="No space"):
                    asked.tell("pybroker_audit", events=[event("gone")])
        assert [line["resource"] for line in lines(path)] == ["before"]
        asked.tell("pybroker_audit", events=[event("after")])
    assert [line["resource"] for line in lines(path)] == ["before", "after"]


def test_what_a_crash_left_of_a_line_is_ended(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(line_of(event("whole")) + b'{"time": "2023')
    with Harness(plugin, {PATH: str(path)}) as asked:
        asked.tell("pybroker_audit", events=[event("next")])
    whole, torn, following = path.read_bytes().splitlines()
    assert json.loads(whole)["resource"] == "whole" and torn == b'{"time": "2023' and json.loads(following)["resource"] == "next"


def test_a_file_that_was_moved_away_is_made_anew(path: Path) -> None:
    with Harness(plugin, {PATH: str(path)}) as asked:
        asked.tell("pybroker_audit", events=[event("old")])
        path.rename(path.with_suffix(".moved"))
        asked.tell("pybroker_audit", events=[event("new")])
        path.unlink()
        asked.tell("pybroker_audit", events=[event("newer")])
    assert [line["resource"] for line in lines(path)] == ["newer"]
    assert [line["resource"] for line in lines(path.with_suffix(".moved"))] == ["old"]


@pytest.mark.parametrize(("policy", "syncs"), [("batch", 2), ("none", 0)])
def test_syncs_are_by_the_key(path: Path, monkeypatch: pytest.MonkeyPatch, policy: str, syncs: int) -> None:
    seen: list[int] = []
    monkeypatch.setattr(log_file.os, "fdatasync", seen.append)
    with Harness(plugin, {PATH: str(path), SYNC: policy}) as asked:
        for _ in range(2):
            asked.tell("pybroker_audit", events=[event(), event()])
    assert len(seen) == syncs


def test_a_sync_that_fails_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Harness(plugin, {PATH: str(path), SYNC: "batch"}) as asked:
        monkeypatch.setattr(log_file.os, "fdatasync", fail)
        with pytest.raises(OSError, match="Input/output"):
            asked.tell("pybroker_audit", events=[event()])


@pytest.mark.parametrize("kind", ["directory", "link", "pipe", "nowhere"])
def test_a_path_that_cannot_be_written_stops_the_start(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "audit.log"
    if kind == "directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "audit.log"
    with pytest.raises(ValueError, match=r"audit\.log"), Harness(plugin, {PATH: str(path)}):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_the_path_may_change_while_it_runs(path: Path) -> None:
    other = path.with_name("other.log")
    with Harness(plugin, {PATH: str(path)}) as asked:
        asked.tell("pybroker_audit", events=[event("one")])
        asked.reconfigure({PATH: str(other)})
        asked.tell("pybroker_audit", events=[event("two")])
    assert [line["resource"] for line in lines(path)] == ["one"] and [line["resource"] for line in lines(other)] == ["two"]


def test_a_broker_writes_what_was_done(pybroker_start: Callable[..., Broker]) -> None:
    broker = pybroker_start({}, plugins=["audit-file"])
    with broker.client() as client:
        client.create_topic("orders", partitions=3)
    broker.stop()
    told = lines(broker.data_dir / "plugins" / "audit-file" / "audit.log")
    assert [(line["operation"], line["resource"], line["allowed"], line["principal"]) for line in told] == [("CreateTopics", "topic:orders", True, "User:ANONYMOUS")]
