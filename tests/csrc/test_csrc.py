"""C unit tests: each tests/csrc/<folder>/test_<file>.c with the core under address and undefined-behaviour sanitizers; one case per TEST."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "tests"
OBJECTS = BUILD / "obj"
GENERATED = ROOT / "build" / "gen"
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-DPB_DEBUG"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
INCLUDES = [f"-I{path}" for path in (ROOT / "csrc", GENERATED, HERE)]
LIBRARIES = ["-lz", "-lsnappy", "-llz4", "-lzstd", "-lpthread"]
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1", "UBSAN_OPTIONS": "print_stacktrace=1"}


def run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def newest(paths) -> int:
    return max(path.stat().st_mtime_ns for path in paths)


@cache
def headers() -> int:
    return newest([*ROOT.glob("csrc/*/*.h"), ROOT / "csrc" / "pb.h", *HERE.glob("*.h"), *GENERATED.glob("*.h")])


def compile_object(source: Path) -> Path:
    target = OBJECTS / (str(source.relative_to(ROOT)).replace("/", "_") + ".o")
    if not target.exists() or target.stat().st_mtime_ns < max(source.stat().st_mtime_ns, headers()):
        target.parent.mkdir(parents=True, exist_ok=True)
        run("gcc", *FLAGS, *WARNINGS, *INCLUDES, "-c", source, "-o", target)
    return target


@cache
def library() -> Path:
    """The core and the simulated world, with sanitizers."""
    sources = [*sorted(ROOT.glob("csrc/*/*.c")), *sorted(GENERATED.glob("*.c")), HERE / "sim_env.c"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_object, sources))
    target = BUILD / "libpb_test.a"
    if not target.exists() or target.stat().st_mtime_ns < newest(objects):
        target.unlink(missing_ok=True)
        run("ar", "rcs", target, *objects)
    return target


@cache
def program(source: Path) -> Path:
    target = BUILD / source.stem
    made = compile_object(source)
    if not target.exists() or target.stat().st_mtime_ns < newest([made, library()]):
        run("gcc", *FLAGS, made, library(), *LIBRARIES, "-o", target)
    return target


def cases():
    """Names as they stand in the sources: TEST(name)."""
    for source in sorted(HERE.glob("*/test_*.c")):
        for line in source.read_text().splitlines():
            if line.startswith("TEST("):
                yield pytest.param(source, line[5 : line.index(")")], id=f"{source.parent.name}-{source.stem[5:]}-{line[5 : line.index(')')]}")


@pytest.mark.parametrize(("source", "name"), cases())
def test_c(source, name):
    done = subprocess.run([str(program(source)), name], capture_output=True, text=True, env=ENVIRONMENT, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_failing_check_fails(tmp_path):
    source = tmp_path / "bad.c"
    source.write_text('#include "harness.h"\nTEST(wrong) { CHECK_EQ(1 + 1, 3); }\n')
    run("gcc", *FLAGS, *INCLUDES, source, "-o", tmp_path / "bad")
    done = subprocess.run([str(tmp_path / "bad")], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 1
    assert "1 + 1 is 2" in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
