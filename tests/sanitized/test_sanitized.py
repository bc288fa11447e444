"""The broker itself under address and undefined-behaviour sanitizers: a debug build, and a slice of the API tests against it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLICE = "(k00 or k01 or bad or test_batches) and not w04"
"""w04 measures memory, which the sanitizer multiplies."""


@pytest.mark.slow
def test_a_slice_of_the_api_tests_under_sanitizers(tmp_path):
    environment = {**os.environ, "PYBROKER_DEBUG": "1"}
    built = subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    report = tmp_path / "asan"
    environment = {**os.environ, "PYBROKERD": str(ROOT / "build" / "debug" / "run"), "ASAN_OPTIONS": f"detect_leaks=0:log_path={report}",
                   "UBSAN_OPTIONS": f"print_stacktrace=1:halt_on_error=1:log_path={report}"}  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/apis", "tests/hooks/test_batches.py", "-k", SLICE]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    reports = "".join(path.read_text() for path in tmp_path.glob("asan*"))
    assert not reports, reports[-8000:]
    assert done.returncode == 0, done.stdout[-8000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) > 100, done.stdout[-2000:]
