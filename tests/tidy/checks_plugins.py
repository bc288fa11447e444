"""Rules for the packages in plugins/: what each folder has, and what of pybroker its code may see."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.tidy.checks_python import imported, tree_of

MAY_SEE: Final = frozenset({"hooks", "protocol"})
"""Packages of pybroker that a plugin imports. Its tests may see ``testing`` besides, and tools start as commands."""
README_NAMES: Final = ("quick start", "config")
"""What a README has a heading on, at least."""


def packages(root: Path) -> Iterator[Path]:
    """Folders of plugins/."""
    if (root / "plugins").is_dir():
        yield from sorted(path for path in (root / "plugins").iterdir() if path.is_dir())


def check_plugin_folders(root: Path) -> list[str]:
    """Each has pyproject.toml with a name that is the folder's and an entry point, a README, sources under src and tests."""
    wrong = []
    for folder in packages(root):
        where = folder.relative_to(root).as_posix()
        module = folder.name.replace("-", "_")
        needed = ("pyproject.toml", "README.md", f"src/{module}/__init__.py", f"src/{module}/py.typed")
        missing = [name for name in needed if not (folder / name).is_file()] + ([] if list(folder.glob("tests/test_*.py")) else ["tests/test_*.py"])
        wrong += [f"{where}: no {name}" for name in missing]
        if not re.fullmatch(r"pybroker-[a-z]+-[a-z0-9-]+", folder.name):
            wrong.append(f"{where}: a package is named pybroker-<kind>-<name>")
        if not missing:
            wrong += [f"{where}/pyproject.toml: {text}" for text in _project(folder)]
            headings = " ".join(re.findall(r"^##+ (.*)$", (folder / "README.md").read_text(), re.MULTILINE)).lower()
            wrong += [f"{where}/README.md: no heading on {name}" for name in README_NAMES if name not in headings]
    return wrong


def _project(folder: Path) -> Iterator[str]:
    project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text()).get("project", {})
    if project.get("name") != folder.name:
        yield f"is named {project.get('name')}"
    if not project.get("entry-points", {}).get("pybroker.plugins"):
        yield "has no entry point in pybroker.plugins"
    if not any(re.match(r"pybroker\b(?!-)", need) for need in project.get("dependencies", [])):
        yield "does not depend on pybroker"


def check_plugin_imports(root: Path) -> list[str]:
    """A plugin imports of pybroker what is meant for plugins; its tests what is meant for tests."""
    wrong = []
    for folder in packages(root):
        for part, allowed in (("src", MAY_SEE), ("tests", MAY_SEE | {"testing"})):
            for path in sorted((folder / part).rglob("*.py")):
                for line, name in imported(path.relative_to(folder).as_posix(), tree_of(path)):
                    words = name.split(".")
                    if words[0] == "tests" or (words[0] == "pybroker" and (len(words) == 1 or words[1] not in allowed)):
                        wrong.append(f"{path.relative_to(root)}:{line}: a plugin may not import {name}")
    return wrong
