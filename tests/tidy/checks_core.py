"""Rules for the place where C and Python meet (pybroker/_core)."""

import re
from pathlib import Path
from typing import Final

GIL_FILES: Final = frozenset({"mailbox.pyx", "errors.pyx"})
LINES_MAX: Final = 2200
"""_core stays small: an extension of 10,000 lines costs a minute per edit, and rules do not belong into it."""


def _code(path: Path) -> list[str]:
    """Lines without comments and docstrings; the count of lines stays."""
    text = re.sub(r'"""(?:.|\n)*?"""', lambda match: "\n" * match.group().count("\n"), path.read_text())
    return [line.split("#")[0].rstrip() for line in text.splitlines()]


def check_gil(root: Path) -> list[str]:
    """``with gil`` stands in mailbox.pyx and errors.pyx only."""
    wrong = []
    for path in sorted((root / "pybroker" / "_core").glob("*.p[yx]*")):
        if path.name not in GIL_FILES and path.suffix in {".pyx", ".pxd"}:
            wrong += [f"_core/{path.name}:{number}: with gil" for number, line in enumerate(_code(path), 1) if re.search(r"\bwith\s+gil\b", line)]
    return wrong


def check_declarations(root: Path) -> list[str]:
    """A .pxd declares: no function with a body in it, nothing that runs, extern blocks without the GIL."""
    wrong = []
    for path in sorted((root / "pybroker" / "_core").glob("*.pxd")):
        for number, line in enumerate(_code(path), 1):
            words = line.strip()
            where = f"_core/{path.name}:{number}"
            if re.match(r"(cdef|cpdef|def|async def)\b.*\(.*\).*:$", words) or words.startswith("def ") or re.match(r"cdef\s+inline\b", words):
                wrong.append(f"{where}: a body in a declaration file: {words}")
            elif re.match(r"cdef extern\b", words) and not words.endswith("nogil:"):
                wrong.append(f"{where}: an extern block that needs the GIL")
            elif re.match(r"(DEF|IF)\b", words):
                wrong.append(f"{where}: {words.split()[0]} is no longer Cython: use cdef enum")
            elif re.match(r"(if|for|while|try|print|return|raise)\b", words):
                wrong.append(f"{where}: something that runs: {words}")
    return wrong


def check_size(root: Path) -> list[str]:
    """The whole of _core's Cython has a named size."""
    lines = sum(len(path.read_text().splitlines()) for path in (root / "pybroker" / "_core").glob("*.p[yx]*") if path.suffix in {".pyx", ".pxd"})
    return [f"_core: {lines} lines of Cython; at most {LINES_MAX}"] if lines > LINES_MAX else []


def check_stub(root: Path) -> list[str]:
    """core.pyi says what core has: every public class and function of the .pyx files, and nothing else."""
    core = root / "pybroker" / "_core"
    pattern = re.compile(r"^(?:cdef class|class|def|cpdef \w+)\s+([A-Za-z]\w*)")
    made = {match[1] for path in core.glob("*.pyx") for line in _code(path) if (match := pattern.match(line))}
    said = {match[1] for line in _code(core / "core.pyi") if (match := pattern.match(line))}
    return [f"_core/core.pyi: {name} is missing" for name in sorted(made - said)] + [f"_core/core.pyi: {name} is not in any .pyx" for name in sorted(said - made)]
