"""Brokers side by side on this machine: pybroker, Apache Kafka and the floor broker, alternating in one run.

    bench/compare.py [arguments of side_by_side.py, such as --only produce_16k_d5 --bursts 3]

Builds the neutral load generator and the floor broker, then runs side_by_side.py of the tools folder (PYBROKER_TOOLS, or ../shared/tools). Kafka needs Java and Maven;
leave it out with --no-kafka. Tables go to stdout; copy what is worth keeping to bench/results, with machine, command and commit.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(os.environ.get("PYBROKER_TOOLS", ROOT.parent / "shared" / "tools"))
WORK = ROOT / "build" / "bench"
PYBROKER = (
    f"pybroker={ROOT}/.venv/bin/pybrokerd --override listeners=PLAINTEXT://127.0.0.1:{{port}} --override log.dirs={{data}} "
    "--override pybroker.flush.policy=os --override num.network.threads=1"
)


def main(arguments: list[str]) -> int:
    if not (TOOLS / "side_by_side.py").exists():
        print(f"the comparison tools are not at {TOOLS}: set PYBROKER_TOOLS", file=sys.stderr)
        return 2
    WORK.mkdir(parents=True, exist_ok=True)
    for name in ("load", "limit", "floor_broker"):
        subprocess.run(["gcc", "-O3", "-march=native", "-pthread", "-o", str(WORK / name), str(TOOLS / f"{name}.c")], check=True)
    for script in TOOLS.glob("*.py"):
        shutil.copy2(script, WORK)
    brokers = ["--broker", f"floor={WORK}/floor_broker {{port}} {{data}}"]
    if "--no-kafka" in arguments:
        arguments.remove("--no-kafka")
    else:
        brokers += ["--broker", "kafka"]
    command = [sys.executable, str(WORK / "side_by_side.py"), "--data", str(WORK / "data"), *brokers, "--broker", PYBROKER, *arguments]
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
