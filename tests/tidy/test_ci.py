"""In CI nothing that script/bootstrap can install is missing, so that no test there skips for want of it."""

import importlib.util
import os
from shutil import which

import pytest

pytestmark = pytest.mark.skipif(not os.environ.get("CI"), reason="only in CI: elsewhere a missing tool is a skip")


@pytest.mark.parametrize("program", ["gcc", "kcat", "node", "npm", "strace", "valgrind", "clang", "apt-cache"])
def test_program_is_there(program: str) -> None:
    assert which(program)


@pytest.mark.parametrize("module", ["aiokafka", "confluent_kafka", "cramjam", "hypothesis", "kafka", "kio", "lz4", "mypy", "ruff", "snappy", "sphinx", "zstandard"])
def test_module_is_there(module: str) -> None:
    assert importlib.util.find_spec(module)
