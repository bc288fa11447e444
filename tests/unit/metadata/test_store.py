"""The SQLite store: what is applied is there after a reopening, conditional on the version, all or nothing."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybroker.metadata.image import Image
from pybroker.metadata.records import (
    AddPartitions,
    Change,
    ForgetRemoved,
    Partition,
    PutConfig,
    PutProducerIds,
    PutTopic,
    RaiseLeaderEpochs,
    RemoveTopic,
    Topic,
)  # fmt: skip
from pybroker.metadata.store import SCHEMA, SqliteStore, StoreConflict, StoreError


def topic(name: str, count: int = 1, number: int = 1) -> Topic:
    return Topic(bytes([number]) * 16, name, tuple(Partition(index, 1, 0, 0, (1,), (1,), "dirA" if index % 2 == 0 else "dirB") for index in range(count)))


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "metadata.sqlite")


@pytest.fixture
def store(path: str) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


def picture(image: Image) -> object:
    return (image.version, image.by_name, image.by_id, image.configs, image.removed, image.next_producer_id, image.partition_count)


STEPS: list[list[Change]] = [
    [PutTopic(topic("a", 3, 1)), PutTopic(topic("b.c", 1, 2)), PutConfig(2, "a", "retention.ms", "5")],
    [AddPartitions(bytes([1]) * 16, (Partition(3, 1, 0, 0, (1,), (1,), "dirB"),)), PutProducerIds(1000)],
    [PutConfig(4, "", "log.cleaner.threads", "2"), PutConfig(2, "a", "retention.ms", None), PutConfig(2, "a", "segment.ms", "7")],
    [RaiseLeaderEpochs(1)],
    [RemoveTopic(bytes([1]) * 16)],
    [PutTopic(topic("a", 2, 3)), ForgetRemoved(bytes([1]) * 16)],
]


def test_image_and_store_agree_after_every_step(store: SqliteStore, path: str) -> None:
    image = store.load()
    assert picture(image) == (0, {}, {}, {}, {}, 0, 0)
    for changes in STEPS:
        image = image.with_changes(changes, store.apply(changes, image.version))
        loaded = store.load()
        if image.removed:                                   # of a removed topic only places are kept
            assert [(name, [part.log_dir for part in one.partitions]) for name, one in loaded.removed.items()] == [
                (name, [part.log_dir for part in one.partitions]) for name, one in image.removed.items()
            ]
            loaded.removed = image.removed
        assert picture(loaded) == picture(image)
    store.close()
    again = SqliteStore(path)
    assert picture(again.load()) == picture(image)
    again.close()


def test_a_change_from_an_old_version_changes_nothing(store: SqliteStore) -> None:
    version = store.apply([PutTopic(topic("a"))], 0)
    with pytest.raises(StoreConflict):
        store.apply([RemoveTopic(bytes([1]) * 16)], 0)
    assert list(store.load().by_name) == ["a"] and store.load().version == version == 1


def test_a_failing_change_undoes_those_before_it(store: SqliteStore) -> None:
    store.apply([PutTopic(topic("a"))], 0)
    with pytest.raises(StoreError):
        store.apply([PutTopic(topic("b", 1, 2)), PutTopic(topic("a", 1, 3))], 1)
    with pytest.raises(StoreError):
        store.apply([PutTopic(topic("b", 1, 2)), RemoveTopic(b"?" * 16)], 1)
    assert list(store.load().by_name) == ["a"] and store.load().version == 1
    assert store.apply([], 1) == 2


def test_the_file_is_private_and_synced_in_full(store: SqliteStore, path: str) -> None:
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_change_survives_a_kill(path: str) -> None:
    child = os.fork()
    if child == 0:
        SqliteStore(path).apply([PutTopic(topic("a"))], 0)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    store = SqliteStore(path)
    assert list(store.load().by_name) == ["a"]
    store.close()


def test_a_newer_format_is_refused_and_not_touched(path: str) -> None:
    SqliteStore(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version={SCHEMA + 1}")
    db.close()
    before = Path(path).read_bytes()
    with pytest.raises(StoreError, match=r"newer"):
        SqliteStore(path)
    assert Path(path).read_bytes() == before


def test_other_files_are_refused_by_name(path: str, tmp_path: Path) -> None:
    Path(path).write_bytes(b"no database at all, but long enough to look at" * 100)
    with pytest.raises(StoreError, match=r"metadata.sqlite"):
        SqliteStore(path)
    other = str(tmp_path / "other")
    db = sqlite3.connect(other)
    db.execute("CREATE TABLE t (a)")
    db.close()
    with pytest.raises(StoreError, match=r"not written by this program"):
        SqliteStore(other)
    with pytest.raises(StoreError):
        SqliteStore(str(tmp_path / "none" / "x"))
    (tmp_path / "link").symlink_to(other)
    with pytest.raises(StoreError):
        SqliteStore(str(tmp_path / "link"))


def test_two_programs_cannot_hold_it(store: SqliteStore, path: str) -> None:
    store.apply([PutProducerIds(1)], 0)
    with pytest.raises(StoreError):
        SqliteStore(path).load()


def test_damage_is_told_not_hidden(store: SqliteStore, path: str) -> None:
    store.apply([PutTopic(topic("a", 3))], 0)
    store._connection.execute("DELETE FROM partitions WHERE idx = 1")
    with pytest.raises(StoreError, match=r"gaps"):
        store.load()


def test_cluster_id_is_written_once(store: SqliteStore) -> None:
    assert store.cluster_id() is None
    store.set_cluster_id("C")
    assert store.cluster_id() == "C"
    with pytest.raises(StoreError):
        store.set_cluster_id("D")


def test_a_closed_store_says_so(store: SqliteStore) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match=r"closed"):
        store.apply([], 0)
