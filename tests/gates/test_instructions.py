"""Instructions in user space per request, counted by callgrind: exact, whatever else the machine does. The ceilings are what was measured, and a tenth.

Two runs of different length are taken from each other, so that start and stop do not count.
"""

import re
import subprocess
from pathlib import Path
from shutil import which

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
CEILING = {"produce": 5500, "fetch": 4900}
JUDGED_MORE_MAX = 800
"""What an authorizer adds to a request whose rights are known."""
SHORT, LONG = 200, 1200

pytestmark = pytest.mark.skipif(which("valgrind") is None, reason="valgrind is not installed")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    target = tmp_path_factory.mktemp("gates") / "requests"
    library = ROOT / "build" / "release" / "libpb.a"
    command = ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", *[f"-I{ROOT / place}" for place in ("csrc", "build/gen", "pybroker/_core")],
               HERE / "requests.c", library, "-lz", "-lsnappy", "-llz4", "-lzstd", "-lpthread", "-o", target]  # fmt: skip
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def instructions(program: Path, work: str, count: int, directory: Path) -> int:
    directory.mkdir()
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}.out", str(program), work, str(count), str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found, done.stderr
    return int(found[1])


@pytest.mark.parametrize("work", ["produce", "fetch"])
def test_instructions_per_small_request(program, work, tmp_path):
    short = instructions(program, work, SHORT, tmp_path / "short")
    each = (instructions(program, work, LONG, tmp_path / "long") - short) / (LONG - SHORT)
    print(f"{work}: {each:.0f} instructions per request")
    assert each <= CEILING[work]
    assert each >= CEILING[work] / 3, "far below the ceiling: is the request served at all? else lower the ceiling"


@pytest.mark.parametrize("work", ["produce", "fetch"])
def test_instructions_of_rights_that_are_known(program, work, tmp_path):
    def each(name):
        return (instructions(program, name, LONG, tmp_path / f"{name}-long") - instructions(program, name, SHORT, tmp_path / f"{name}-short")) / (LONG - SHORT)

    more = each(f"{work}-judged") - each(work)
    print(f"{work}: {more:.0f} instructions more per request with an authorizer")
    assert 50 < more <= JUDGED_MORE_MAX, "nothing at all: is it judged?"


@pytest.mark.parametrize("work", ["produce", "fetch"])
def test_rights_that_are_known_cost_no_system_call(program, work, tmp_path):
    assert system_calls(program, f"{work}-judged", tmp_path / "judged") == system_calls(program, work, tmp_path / "plain")


def system_calls(program: Path, work: str, directory: Path) -> int:
    """Of all further requests of a longer run."""
    counts = []
    for count in (SHORT, LONG):
        place = directory / str(count)
        place.mkdir(parents=True)
        command = ["valgrind", "--tool=none", "--trace-syscalls=yes", str(program), work, str(count), str(place)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-1000:]
        counts.append(len(re.findall(r"^SYSCALL\[\d+,1\]", done.stderr, re.MULTILINE)))
    return counts[1] - counts[0]
