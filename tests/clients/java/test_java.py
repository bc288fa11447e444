"""The Java clients: admin, an idempotent producer with every codec, a consumer that assigns."""

import subprocess
from pathlib import Path
from shutil import which

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.skipif(which("javac") is None or which("mvn") is None, reason="no JDK with Maven on this machine")]
HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[2] / "build" / "tests" / "java"


@pytest.fixture(scope="module")
def classes() -> str:
    jars = TARGET / "jars"
    if not list(jars.glob("kafka-clients-*.jar")):
        done = subprocess.run(["mvn", "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={jars}"], cwd=HERE, capture_output=True, text=True, timeout=300)
        if done.returncode != 0 and ("Could not transfer" in done.stdout or "Unknown host" in done.stdout):
            pytest.skip("Maven cannot fetch kafka-clients here")
        assert done.returncode == 0, done.stdout
    path = f"{jars}/*"
    done = subprocess.run(["javac", "-cp", path, "-d", str(TARGET), str(HERE / "Scenario.java")], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return f"{TARGET}:{path}"


def test_the_scenario_holds(shared_broker, classes):
    done = subprocess.run(["java", "-Xmx256m", "-cp", classes, "Scenario", shared_broker.bootstrap, "java-scenario"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines() == [
        "created 2", "nodes 1", "retention 604800000", "wrote none", "wrote gzip", "wrote snappy", "wrote lz4", "wrote zstd", "read 1000", "at 500", "ends 0 1000", "from 990 990",
        "deleted",
    ]  # fmt: skip
