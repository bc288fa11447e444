"""Rules for the docs: the reference names all there is, and what a page names is there."""

import ast
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.tidy.checks_configs import limits, rows
from tests.tidy.checks_protocol import DEFINITIONS, constants, keyed

PAGE_OF_LOCKS: Final = "docs/design/threads.rst"
PLACES: Final = re.compile(r"`{1,2}((?:[\w-]+/)+[\w.-]+\.(?:c|h|py|pyx|pxd|pyi|rst|md|inc))`{1,2}")
HOOK_CHARS_MIN: Final = 20
BASES: Final = ("", "csrc", "pybroker", "docs", "tests")


def pages(root: Path) -> list[Path]:
    """Every page that people wrote."""
    return [path for path in [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.rst"))] if "generated" not in path.parts]


def check_reference_pages(root: Path) -> list[str]:
    """The pages made from the sources have every key that is served with its versions, every config key, every error and every bound."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-B", "-c", "import pathlib, sys, reference_pages; reference_pages.write(pathlib.Path(sys.argv[1]))", folder]
        environment = {**os.environ, "PYTHONPATH": f"{root / 'docs'}{os.pathsep}{root}"}
        done = subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            return [f"docs/reference_pages.py: {done.stderr.strip()}"]
        made = {path.stem: path.read_text() for path in Path(folder).glob("*.rst")}
    served, definitions = constants(root / DEFINITIONS / "served.py"), keyed(root, f"{DEFINITIONS}/k*.py")
    wrong = []
    for key in served["SERVED_NOW"]:
        name = str(constants(definitions[key]).get("NAME"))
        low, high = served["RANGES"][key]
        versions = str(low) if low == high else f"{low}-{high}"
        if not re.search(rf"\* - {key}\n +- {name}\n +- {versions}\b", made.get("api-keys", "")):
            wrong.append(f"docs/reference: no row for key {key}, {name}, versions {versions}")
    for row in rows(root):
        if f"``{row.name}``\n" not in made.get(f"config-{row.kind.lower().replace('_', '-')}", ""):
            wrong.append(f"docs/reference: no entry for config key {row.name}")
    for error in constants(root / DEFINITIONS / "errors.py")["ERRORS"]:
        if f"``{error[1]}``" not in made.get("errors", ""):
            wrong.append(f"docs/reference: no row for error {error[1]}")
    source = root / "pybroker" / "hooks" / "hookspecs.py"
    for node in ast.parse(source.read_text() if source.exists() else "").body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("pybroker_"):
            if f"def {node.name}({ast.unparse(node.args)})" not in made.get("hooks", ""):
                wrong.append(f"docs/reference: no entry for {node.name} with its arguments")
            if len(ast.get_docstring(node) or "") < HOOK_CHARS_MIN:
                wrong.append(f"{source.relative_to(root)}:{node.lineno}: {node.name} does not say when it is asked")
    wrong += [f"docs/reference: no row for the bound {name}" for _, name in limits(root) if f"``{name}``" not in made.get("limits", "")]
    return wrong


def check_places_named(root: Path) -> list[str]:
    """A file that a page names is there, or is one that the page has its reader write."""
    wrong = []
    for page in pages(root):
        written = set(re.findall(r"^\s+:caption: (\S+)$", page.read_text(), re.MULTILINE))
        for number, line in enumerate(page.read_text().splitlines(), 1):
            for place in PLACES.findall(line):
                if place not in written and "kNN" not in place and "build/" not in place and not any((root / base / place).exists() for base in BASES):
                    wrong.append(f"{page.relative_to(root)}:{number}: there is no {place}")
    return wrong


def check_locks(root: Path) -> list[str]:
    """Every lock of the core has its place in the order that the docs write down, by the file that declares it."""
    text = (root / PAGE_OF_LOCKS).read_text() if (root / PAGE_OF_LOCKS).exists() else ""
    wrong = []
    for folder in ("csrc", "pybroker/_core"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".c", ".h", ".pyx", ".pxd"):
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                place = path.relative_to(root).as_posix().removeprefix("csrc/").removeprefix("pybroker/")
                if re.match(r"\s+(pthread_mutex_t|pthread_rwlock_t|pthread_spinlock_t)\s+\w+", line) and f"``{place}``" not in text:
                    wrong.append(f"{path.relative_to(root)}:{number}: a lock that {PAGE_OF_LOCKS} does not name")
    return wrong
