"""C unit tests: each tests/csrc/<folder>/test_<file>.c with the core under address and undefined-behaviour sanitizers; one case per TEST.

The programs are built by the project's own build (setup.py build_tests), so that an edit compiles what it touches.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAMS = ROOT / "build" / "debug" / "tests"
ENVIRONMENT = {**os.environ, "PYBROKER_DEBUG": "1", "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
CASE_SECONDS_MAX = 120


def run(*command: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, env=ENVIRONMENT, timeout=600)


def program_of(source: Path) -> Path:
    return PROGRAMS / source.relative_to(HERE).with_suffix("")


def sources() -> list[Path]:
    return sorted(HERE.glob("*/test_*.c"))


def cases() -> Iterator[Any]:
    """Names as they stand in the sources: TEST(name) at the start of a line."""
    for source in sources():
        for name in re.findall(r"^TEST\((\w+)\)", source.read_text(), re.MULTILINE):
            yield pytest.param(source, name, id=f"{source.parent.name}-{source.stem[5:]}-{name}")


@pytest.fixture(scope="session")
def programs() -> Path:
    """All test programs, built; one failure of the compiler fails each case with its words."""
    done = run(sys.executable, "setup.py", "-q", "build_tests")
    assert done.returncode == 0, done.stdout + done.stderr
    return PROGRAMS


@pytest.mark.parametrize(("source", "name"), list(cases()))
def test_c(programs: Path, source: Path, name: str) -> None:
    done = subprocess.run([str(program_of(source)), name], capture_output=True, text=True, env=ENVIRONMENT, timeout=CASE_SECONDS_MAX)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("source", sources(), ids=lambda source: f"{source.parent.name}-{source.stem[5:]}")
def test_every_test_of_a_program_is_a_case(programs: Path, source: Path) -> None:
    listed = set(run(program_of(source), "--list").stdout.split())
    assert listed == {case.values[1] for case in cases() if case.values[0] == source}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("CHECK_EQ(1 + 1, 3);", "1 + 1 is 2"),
        ("CHECK(1 > 2);", "not true: 1 > 2"),
        ("uint8_t bytes[3] = {0}; CHECK(harness_guarded(bytes, 3)[3] == 0);", "SEGV"),
        ("int *taken = malloc(4); CHECK(taken != NULL); free(taken); CHECK(*(volatile int *)taken == 0);", "heap-use-after-free"),
        ("void *volatile lost = malloc(4); CHECK(lost != NULL); lost = NULL;", "LeakSanitizer"),
        ("volatile int large = 2147483647, sum = large + 1; CHECK(sum < 0);", "signed integer overflow"),
    ],
    ids=["equal", "check", "guard-page", "use-after-free", "leak", "overflow"],
)
def test_a_wrong_test_fails(tmp_path: Path, body: str, says: str) -> None:
    source = tmp_path / "bad.c"
    source.write_text(f'#include "harness.h"\nTEST(wrong) {{ {body} }}\n')
    sanitize = ["-std=gnu11", "-D_GNU_SOURCE", "-g", "-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    built = run("gcc", *sanitize, "-w", f"-I{HERE}", source, "-o", tmp_path / "bad")
    assert built.returncode == 0, built.stderr
    done = run(tmp_path / "bad", "wrong")
    assert done.returncode != 0
    assert says in done.stderr
