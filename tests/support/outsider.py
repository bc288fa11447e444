"""pybroker and its plugins as somebody gets them who has never seen this tree: wheels, installed into an environment of their own."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tests.support.shared import ROOT

PACKAGES = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))
"""Folders of the packages of this tree."""
WITHOUT_TREE = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYBROKERD")}


def run(words: Sequence[str | Path], *, cwd: Path, timeout_s: float = 120.0, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command without anything of this tree in its environment; its output, errors among it, in ``stdout``."""
    return subprocess.run(
        [str(word) for word in words], cwd=cwd, env={**WITHOUT_TREE, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout_s
    )


def must(words: Sequence[str | Path], *, cwd: Path, timeout_s: float = 120.0, **environment: str) -> str:
    """The output of a command that must succeed."""
    done = run(words, cwd=cwd, timeout_s=timeout_s, **environment)
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}"
    return done.stdout


def wheel_of_pybroker(folder: Path) -> Path:
    """Built from what is compiled already, apart from all that earlier builds left lying about."""
    place = folder / "building"
    place.mkdir(parents=True)
    words = ["setup.py", "-q", "egg_info", "--egg-base", place, "build", "--build-base", place / "build", "bdist_wheel", "--bdist-dir", place / "wheel", "--dist-dir", folder]
    must([sys.executable, *words], cwd=ROOT, timeout_s=300)
    shutil.rmtree(place)
    (wheel,) = folder.glob("pybroker-*.whl")
    return wheel


def wheels_of(packages: Iterable[Path], folder: Path) -> list[Path]:
    """Wheels of packages, in the order of their folders' names. Their folders are left as they are."""
    copies = folder / "sources"
    for package in packages:
        shutil.copytree(package, copies / package.name, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    found = sorted(copies.iterdir()) if copies.exists() else []
    if found:
        must([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, *found], cwd=folder)
        shutil.rmtree(copies)
    return sorted(path for path in folder.glob("*.whl") if not path.name.startswith("pybroker-"))


def index_is_out_of_reach(output: str) -> bool:
    """Whether this is why pip failed. In CI that is no excuse."""
    return not os.environ.get("CI") and ("Failed to establish a new connection" in output or "NameResolutionError" in output)


class Outsider:
    """An environment, and how to use it."""

    def __init__(self, path: Path) -> None:
        venv.create(path, symlinks=True)
        self.path = path
        self.python = path / "bin" / "python"

    def install(self, *what: str | Path) -> None:
        """With all that it needs, from the index. Skips where there is none to reach, but in CI."""
        done = run([sys.executable, "-m", "pip", "--python", self.python, "install", "-q", "--disable-pip-version-check", *what], cwd=self.path, timeout_s=300)
        if done.returncode != 0 and index_is_out_of_reach(done.stdout):
            pytest.skip("the package index cannot be reached")
        assert done.returncode == 0, done.stdout

    def program(self, name: str) -> Path:
        return self.path / "bin" / name
