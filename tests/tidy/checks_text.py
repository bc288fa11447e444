"""Rules for every text of the project: no leftovers, no places of one machine, scripts that any shell reads."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FOLDERS: Final = ("csrc", "pybroker", "tests", "script", "bench", "docs", "plugins", ".ci", "")
SKIPPED: Final = frozenset({"node_modules", "__pycache__", "messages", "build", "target", "results", "fuzz"})
SUFFIXES: Final = frozenset({".c", ".h", ".py", ".pyi", ".pyx", ".pxd", ".md", ".rst", ".toml", ".in", ".sh", ".js", ".mjs", ".go", ".java", ".cfg", ".txt", "", ".inc"})

# Put together, so that this file does not find itself.
LEFTOVERS: Final = re.compile(r"\b(" + "|".join(("FIX" + "ME", "TO" + "DO", "XX" + "X", "HA" + "CK")) + r")\b")
PLACES: Final = re.compile(r"(?<![\w.])/(?:" + "|".join(("wo" + "rk", "ho" + "me", "ro" + "ot")) + r")/[a-zA-Z.]")
REFERENCE: Final = re.compile(r"PYBROKER_" + "SHARED|" + r"\.\./" + "shared")


def texts(root: Path) -> Iterator[tuple[str, Path]]:
    """(place, file) of each text of the project."""
    for folder in FOLDERS:
        base = root / folder if folder else root
        if not base.is_dir():
            continue
        for path in sorted(base.rglob("*") if folder else base.glob("*")):
            below = path.relative_to(root)
            if path.is_file() and path.suffix in SUFFIXES and not SKIPPED.intersection(below.parts[:-1]):
                yield below.as_posix(), path


def _lines(root: Path, pattern: re.Pattern[str], says: str, skip: tuple[str, ...] = ()) -> list[str]:
    wrong = []
    for place, path in texts(root):
        if place.startswith(skip):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if match := pattern.search(line):
                wrong.append(f"{place}:{number}: {says}: {match.group()}")
    return wrong


def check_leftovers(root: Path) -> list[str]:
    """Nothing is left for later in the sources: it is done, or an issue says so."""
    return _lines(root, LEFTOVERS, "left for later")


def check_places(root: Path) -> list[str]:
    """No path of one machine."""
    return _lines(root, PLACES, "a place of one machine")


def check_reference(root: Path) -> list[str]:
    """Only tests and comparisons know the reference data beside the checkout; they skip without it."""
    return _lines(root, REFERENCE, "the project stands without it", skip=("tests/", "bench/", "docs/"))


def check_scripts(root: Path) -> list[str]:
    """Scripts begin with #!/bin/sh, stop at the first error and parse; with shellcheck where there is one."""
    wrong = []
    for path in sorted([*(root / "script").glob("*"), *(root / ".ci").glob("*")]):
        place, text = path.relative_to(root).as_posix(), path.read_text()
        if not text.startswith("#!/bin/sh\n"):
            wrong.append(f"{place}: not #!/bin/sh")
        if "\nset -eu\n" not in text:
            wrong.append(f"{place}: no set -eu")
        if not path.stat().st_mode & 0o111:
            wrong.append(f"{place}: not executable")
        done = subprocess.run(["/bin/sh", "-n", str(path)], capture_output=True, text=True)
        if done.returncode != 0:
            wrong.append(f"{place}: {done.stderr.strip()}")
    return wrong
