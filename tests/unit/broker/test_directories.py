"""Log directories before the core opens them: F09, F10, F11 and the ones that no topic claims."""

import stat
from pathlib import Path

import pytest

from pybroker.broker import directories
from pybroker.broker.directories import DirectoryError, Identity, identify, make, new_id, unclaimed, was_stopped_cleanly


def write(path: Path, **values: str) -> None:
    path.mkdir(exist_ok=True)
    text = "".join(f"{name.replace('_', '.')}={value}\n" for name, value in values.items())
    (path / "meta.properties").write_text(text)


def test_new_directories_get_one_cluster_and_an_id_each(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a", "b")]
    for path in paths:
        make(path)
    first = identify(paths, 3, None)
    assert first[0].cluster_id == first[1].cluster_id and first[0].directory_id != first[1].directory_id
    assert identify(paths, 3, None) == first == identify(paths, 3, first[0].cluster_id)
    lines = (tmp_path / "a" / "meta.properties").read_text().splitlines()
    assert lines == ["version=1", f"cluster.id={first[0].cluster_id}", "node.id=3", f"directory.id={first[0].directory_id}"]
    assert stat.S_IMODE((tmp_path / "a" / "meta.properties").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


def test_a_directory_that_is_added_later_joins_the_cluster(tmp_path: Path) -> None:
    write(tmp_path / "a", version="1", cluster_id="CLUSTER", node_id="3", directory_id="D")
    make(str(tmp_path / "b"))
    found = identify([str(tmp_path / "a"), str(tmp_path / "b")], 3, "CLUSTER")
    assert found[0] == Identity("CLUSTER", "D") and found[1].cluster_id == "CLUSTER"


def test_a_directory_written_by_kafka_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.mkdir()
    (path / "meta.properties").write_text("#\n#Tue Jan 02 10:00:00 UTC 2026\ncluster.id=q1Sh-9_ISia_zwGINzRvyQ\nversion=1\nnode.id=1\ndirectory.id=x\n")
    assert identify([str(path)], 1, None) == [Identity("q1Sh-9_ISia_zwGINzRvyQ", "x")]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"version": "2", "cluster_id": "C", "node_id": "3"}, "version 2 is not one this program understands"),
        ({"cluster_id": "C", "node_id": "3"}, "version missing"),
        ({"version": "1", "cluster_id": "C", "node_id": "4"}, "belongs to node 4, this is node 3"),
        ({"version": "1", "cluster_id": "C"}, "belongs to node unknown"),
        ({"version": "1", "node_id": "3"}, "cluster.id is missing"),
        ({"version": "1", "cluster_id": "OTHER", "node_id": "3", "directory_id": "D"}, "different clusters"),
    ],
)
def test_what_is_refused_is_not_touched(tmp_path: Path, values: dict[str, str], words: str) -> None:
    write(tmp_path / "a", **values)
    make(str(tmp_path / "b"))
    before = (tmp_path / "a" / "meta.properties").read_text()
    with pytest.raises(DirectoryError, match=words):
        identify([str(tmp_path / "b"), str(tmp_path / "a")], 3, "KNOWN")
    assert (tmp_path / "a" / "meta.properties").read_text() == before
    assert list((tmp_path / "b").iterdir()) == []


def test_a_copied_directory_is_refused(tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / name, version="1", cluster_id="C", node_id="3", directory_id="D")
    with pytest.raises(DirectoryError, match=r"copy"):
        identify([str(tmp_path / "a"), str(tmp_path / "b")], 3, None)


def test_a_binary_meta_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "meta.properties").write_bytes(b"\x00\x01")
    with pytest.raises(DirectoryError, match=r"meta.properties:1"):
        identify([str(tmp_path)], 3, None)


def test_a_place_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(DirectoryError):
        make(str(tmp_path / "a"))
    with pytest.raises(DirectoryError):
        make(str(tmp_path / "a" / "b"))


def test_only_partition_directories_count_as_unclaimed(tmp_path: Path) -> None:
    for name in ("a-0", "a-1", "b.c-12", "x-0.0123-delete", "__cluster_metadata-0", "plain", "a-b"):
        (tmp_path / name).mkdir()
    (tmp_path / "c-0").write_text("a file")
    (tmp_path / "d-0").symlink_to(tmp_path / "a-0")
    assert unclaimed(str(tmp_path), {"a-0"}) == ["a-1", "b.c-12"]


def test_the_clean_mark_or_emptiness_is_clean(tmp_path: Path) -> None:
    assert was_stopped_cleanly(str(tmp_path))
    (tmp_path / "a-0").mkdir()
    assert not was_stopped_cleanly(str(tmp_path))
    (tmp_path / directories.CLEAN_MARK).write_text("")
    assert was_stopped_cleanly(str(tmp_path))


def test_ids_look_like_kafkas() -> None:
    ids = {new_id() for _ in range(300)}
    assert len(ids) == 300 and all(len(one) == 22 and not one.startswith("-") and "=" not in one for one in ids)
