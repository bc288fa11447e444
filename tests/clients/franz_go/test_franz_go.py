"""franz-go: an idempotent producer with every codec, a consumer with fetch sessions and topic ids."""

import os
import subprocess
from pathlib import Path
from shutil import which

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.skipif(which("go") is None, reason="no Go on this machine")]
HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[2] / "build" / "tests" / "franz"


@pytest.fixture(scope="module")
def program() -> Path:
    TARGET.mkdir(parents=True, exist_ok=True)
    for name in ("go.mod", "main.go"):
        (TARGET / name).write_text((HERE / name).read_text())
    environment = {**os.environ, "GOFLAGS": "-mod=mod"}
    done = subprocess.run(["go", "build", "-o", "franz", "."], cwd=TARGET, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return TARGET / "franz"


def test_the_scenario_holds(shared_broker, program):
    done = subprocess.run([str(program), shared_broker.bootstrap, "franz-scenario"], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["wrote none", "wrote gzip", "wrote snappy", "wrote lz4", "wrote zstd", "read 1000"]
