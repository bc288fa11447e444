"""`pybroker plugin new`: names that can be, folders that are whole or not there, and what each kind brings."""

import ast
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pybroker.cli.main import main
from pybroker.cli.plugin import KINDS


def new(folder: Path, name: str, kind: str = "retention") -> Result:
    return CliRunner().invoke(main, ["plugin", "new", name, "--kind", kind, "--dir", str(folder)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_whole(tmp_path: Path, kind: str) -> None:
    done = new(tmp_path, "acme-tools", kind)
    assert done.exit_code == 0 and "pip install -e" in done.output
    folder = tmp_path / "acme-tools"
    settings = tomllib.loads((folder / "pyproject.toml").read_text())
    assert settings["project"]["entry-points"]["pybroker.plugins"] == {"acme-tools": "acme_tools"}
    assert settings["project"]["description"] in (folder / "README.md").read_text()
    for path in [*folder.glob("src/acme_tools/*.py"), *folder.glob("tests/test_*.py"), *folder.glob("setup.py")]:
        ast.parse(path.read_text())
    for path in folder.rglob("*"):
        assert path.is_dir() or "$" not in path.read_text(), f"{path}: a place that was not filled in"
    assert (folder / "tests" / "test_acme_tools.py").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"acme-tools"}
    assert folder.stat().st_mode & 0o500 == 0o500


def test_native_code_brings_the_header_it_is_built_with(tmp_path: Path) -> None:
    assert new(tmp_path, "acme", "native").exit_code == 0
    assert "struct pybroker_native_v1" in (tmp_path / "acme" / "src" / "acme" / "pybroker_native.h").read_text()


@pytest.mark.parametrize("name", ["Acme", "acme_x", "-acme", "acme-", "a--b", "7up", "class", "acme.x", "../acme", "a/b", "", "pybroker", "a" * 61, "acmé"])
def test_a_name_that_no_package_can_have_is_wrong_usage(tmp_path: Path, name: str) -> None:
    done = new(tmp_path, name)
    assert done.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    done = new(tmp_path, "acme")
    assert done.exit_code == 1 and "is there already" in done.output
    assert list((tmp_path / "acme").iterdir()) == []


def test_a_kind_there_is_not_is_told_with_those_there_are(tmp_path: Path) -> None:
    done = new(tmp_path, "acme", "magic")
    assert done.exit_code == 2 and "retention" in done.output


def test_a_place_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pybroker.cli.plugin.os.rename", fails)
    done = new(tmp_path, "acme")
    assert done.exit_code == 1 and "No space left" in done.output
    assert list(tmp_path.iterdir()) == []
