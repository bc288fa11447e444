"""Every package of this tree from its wheel, in a clean environment, the way an outsider gets it."""

import json
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from pybroker.cli.plugin import KINDS
from tests.support.outsider import PACKAGES, Outsider, must, run, wheel_of_pybroker, wheels_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of each kind, as `pybroker plugin new` writes it."""
    from click.testing import CliRunner

    from pybroker.cli.main import main

    folder = tmp_path_factory.mktemp("generated")
    for kind in KINDS:
        done = CliRunner().invoke(main, ["plugin", "new", f"new-{kind}", "--kind", kind, "--dir", str(folder)])
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory, generated: Path) -> tuple[Path, list[Path]]:
    """pybroker's, and those of all packages."""
    folder = tmp_path_factory.mktemp("wheels")
    return wheel_of_pybroker(folder), wheels_of([*PACKAGES, *generated.iterdir()], folder)


@pytest.fixture(scope="module")
def outsider(tmp_path_factory: pytest.TempPathFactory, wheels: tuple[Path, list[Path]]) -> Outsider:
    """An environment with all of them, and what their tests need."""
    made = Outsider(tmp_path_factory.mktemp("outsider") / "env")
    pybroker, others = wheels
    made.install(pybroker, *(f"{wheel}[test]" for wheel in others), "pytest")
    return made


def test_the_wheel_has_all_that_the_programs_need(wheels: tuple[Path, list[Path]]) -> None:
    with zipfile.ZipFile(wheels[0]) as file:
        names = set(file.namelist())
    assert {"pybroker/hooks/include/pybroker_native.h", "pybroker/cli/templates/native/_native.c.txt", "pybroker/py.typed", "pybroker/cli/templates/py.typed"} <= names
    assert any(name.endswith(".data/scripts/pybrokerd") for name in names)


def test_both_programs_are_there(outsider: Outsider, tmp_path: Path) -> None:
    assert must([outsider.program("pybrokerd"), "--version"], cwd=tmp_path).startswith("pybrokerd ")
    assert must([outsider.program("pybroker"), "--version"], cwd=tmp_path).startswith("pybroker ")


def test_the_environment_is_complete(outsider: Outsider, tmp_path: Path) -> None:
    """Every package has what it says it needs, and pybroker is not taken from this tree."""
    must([sys.executable, "-m", "pip", "--python", outsider.python, "check"], cwd=tmp_path)
    place = must([outsider.python, "-c", "import pybroker; print(pybroker.__file__)"], cwd=tmp_path)
    assert place.startswith(str(outsider.path))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_package_s_own_tests_pass(outsider: Outsider, package: Path, tmp_path: Path) -> None:
    shutil.copytree(package / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    must([outsider.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], cwd=tmp_path, timeout_s=300)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_s_own_tests_pass(outsider: Outsider, generated: Path, kind: str, tmp_path: Path) -> None:
    shutil.copytree(generated / f"new-{kind}" / "tests", tmp_path / "tests")
    must([outsider.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], cwd=tmp_path)


SMOKE = """
import json, subprocess, sys
from pybroker.testing import Broker
with Broker() as broker:
    with broker.client() as client:
        client.create_topic("t")
        assert client.produce("t", ["value"]).error == ""
        assert [record.value for record in client.read("t")] == [b"value"]
    words = [sys.executable.replace("python", "pybroker"), "plugins", "list", "--json", "--data-dir", str(broker.data_dir)]
    print(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
"""


def test_a_broker_serves_with_all_of_them_installed_and_none_enabled(outsider: Outsider, tmp_path: Path) -> None:
    rows = json.loads(must([outsider.python, "-c", SMOKE], cwd=tmp_path))["plugins"]
    assert len(rows) >= len(PACKAGES) + len(KINDS)
    assert not any(row["enabled"] for row in rows) and all(row["package"] and row["version"] for row in rows)


def test_every_plugin_can_be_enabled_by_the_name_of_its_entry_point(outsider: Outsider, tmp_path: Path) -> None:
    code = "from importlib.metadata import entry_points; print(*sorted(point.name for point in entry_points(group='pybroker.plugins')))"
    names = must([outsider.python, "-c", code], cwd=tmp_path).split()
    assert len(names) >= len(PACKAGES) + len(KINDS)
    for name in names:
        done = run([outsider.program("pybrokerd"), "--check-config", "--override", f"pybroker.plugins={name}"], cwd=tmp_path)
        assert "config is usable" in done.stdout, f"{name}: {done.stdout}"


def test_new_packages_are_in_house_style(generated: Path, tmp_path: Path) -> None:
    """ruff and, strictly, mypy are content with what authors begin with."""
    must([sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "E,F,W,UP,B,SIM,C4,PIE", "--line-length", "180", "--target-version", "py311", "."], cwd=generated)
    modules = sorted(generated.glob("*/src/*"))
    assert len(modules) == len(KINDS)
    must([sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path, *modules], cwd=generated, MYPYPATH=":".join(str(module.parent) for module in modules))
