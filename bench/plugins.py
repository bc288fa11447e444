"""What plugins cost: broker processor time per GB of 16 KiB batches by level, and what a plugin that spins in Python does to topics that it has nothing to say of.

    bench/plugins.py [--only PART[,PART…]] [--json FILE] [--rounds N]

Parts
    levels   256 connections with one batch of 16 KiB each out at a time, the levels in turns: none (no plugin), idle (plugins enabled, whose scope is another topic), L1 (a function in C looks
             at each batch), L2 (record rules), L3 (Python accepts as they come: a few at a time), L3 full (it waits until more than a hundred have come),
             L3 values (Python reads all values and accepts). CPU-s/GB of the broker, and µs a batch beside none
    spin     produce and fetch on one topic, while a plugin spins in Python for 10 s on a batch of another: p50 and p99 with and without

The load comes from load.c of the tools folder (PYBROKER_TOOLS, or ../shared/tools) on the same machine; only the broker's processor time is counted. Numbers want a machine with nothing else on it. A table goes to stdout, everything as JSON to FILE.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pybroker.hooks import get_include  # noqa: E402
from pybroker.testing.plugin_folder import PluginFolder  # noqa: E402
from tests.support.batches import Record, batch  # noqa: E402
from tests.support.broker import Broker  # noqa: E402
from tests.support.client import Client  # noqa: E402

TOOLS: Final = Path(os.environ.get("PYBROKER_TOOLS", ROOT.parent / "shared" / "tools"))
BATCH: Final = batch([Record(os.urandom(1000), key=b"key") for _ in range(16)])
Row = dict[str, Any]

HEAD: Final = """
from pybroker.hooks import *
from pybroker.hooks import hookimpl

@hookimpl
def pybroker_plugin_info():
    return PluginInfo({name!r}, "1", scope=Scope(({scope!r},)), deadline_ms=20000)
"""
NATIVE_C: Final = r"""
#include <stddef.h>
#include <pybroker_native.h>
static int16_t check(void *state, const struct pybroker_native_batch *batch, const char **text) {
    (void)state; (void)text;
    uint32_t sum = 0;
    for (int32_t i = 61; i < batch->size_bytes; i += 64) sum += batch->bytes[i];
    return sum == 1 ? 87 : 0;
}
const struct pybroker_native_v1 hooks = { sizeof(struct pybroker_native_v1), NULL, check, NULL, NULL };
"""
NATIVE: Final = """
import ctypes

library = ctypes.CDLL({library!r})
new = ctypes.pythonapi.PyCapsule_New
new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
NAME = b"pybroker.native.v1"

@hookimpl
def pybroker_native_hooks():
    return {{"batch": Native(new(ctypes.addressof(ctypes.c_char.in_dll(library, "hooks")), NAME, None))}}
"""
RULES: Final = """
@hookimpl
def pybroker_record_rules(topic):
    return RecordRules(value_required=True, value_bytes_max=2000)
"""
ACCEPTS: Final = """
@hookimpl
def pybroker_batch_interceptor(batches):
    return None
"""
GATHERS: Final = """
import time

@hookimpl
def pybroker_batch_interceptor(batches):
    if len(batches) < 128:
        time.sleep(0.02)
"""
READS: Final = """
@hookimpl
def pybroker_batch_interceptor(batches):
    for batch in batches:
        batch.values()
    return None
"""
SPINS: Final = """
import time

@hookimpl
def pybroker_batch_interceptor(batches):
    until = time.monotonic() + 10
    while time.monotonic() < until:
        pass
"""


def broker_with(folder: Path, plugins: Mapping[str, tuple[str, str]], **overrides: str) -> Broker:
    """``plugins``: scope and text by name. Acknowledged from the page cache: the disk is not what is measured."""
    folder.mkdir()
    made = PluginFolder(folder / "site")
    for name, (scope, text) in plugins.items():
        made.add(name, HEAD.format(name=name, scope=scope) + text)
    settings = made.settings() if plugins else {}
    return Broker(folder / "broker", {"pybroker.flush.policy": "os", "num.network.threads": "1", **settings, **overrides}, environment=made.environment())


def native_library(folder: Path) -> str:
    source, library = folder / "native.c", folder / "native.so"
    source.write_text(NATIVE_C)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", f"-I{get_include()}", "-o", str(library), str(source)], check=True)
    return str(library)


def load(broker: Broker, megabytes: int) -> tuple[float, float]:
    """CPU-s/GB of the broker, and batches a second: 256 connections keep a loop busy, so that what waits is taken together, as under load."""
    words = [ROOT / "build" / "load", "produce", "-h", broker.bootstrap, "-t", "bench", "-c", "256", "-d", "1", "-b", "16384", "-v", "1000"]
    subprocess.run([*words, "-n", str(64 << 20)], check=True, capture_output=True)
    before, begin = broker.cpu_s(), time.perf_counter()
    subprocess.run([*words, "-n", str(megabytes << 20)], check=True, capture_output=True)
    cpu, took = broker.cpu_s() - before, time.perf_counter() - begin
    return cpu / ((megabytes << 20) / 1e9), (megabytes << 20) / 16384 / took


def levels(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    texts: dict[str, dict[str, tuple[str, str]]] = {
        "none": {},
        "idle": {"rules": ("other", RULES), "accepts": ("other", ACCEPTS), "native": ("other", NATIVE.format(library=native_library(folder)))},
        "L1": {"native": ("*", NATIVE.format(library=native_library(folder)))},
        "L2": {"rules": ("*", RULES)},
        "L3": {"accepts": ("*", ACCEPTS)},
        "L3 full": {"gathers": ("*", GATHERS)},
        "L3 values": {"reads": ("*", READS)},
    }
    with ExitStack() as stack:
        brokers = {}
        for number, (name, plugins) in enumerate(texts.items()):
            brokers[name] = stack.enter_context(broker_with(folder / str(number), plugins))
            with Client(brokers[name].port) as client:
                client.create_topic("bench")
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in brokers}
        for _ in range(arguments.rounds):
            for name, broker in brokers.items():
                found[name].append(load(broker, arguments.megabytes))
        rows: list[Row] = []
        for name, turns in found.items():
            cpu = statistics.median(turn[0] for turn in turns)
            rows.append({"part": "levels", "level": name, "cpu_s_per_gb": cpu, "batches_per_s": statistics.median(turn[1] for turn in turns)})
            rows[-1]["us_a_batch_beside_none"] = (cpu - rows[0]["cpu_s_per_gb"]) * 16.384
        return rows


def times(port: int, seconds: float) -> dict[str, float]:
    """µs of produce and fetch, one after the other."""
    took: dict[str, list[int]] = {"produce": [], "fetch": []}
    small = batch([Record(b"value" * 20, key=b"key")])
    with Client(port) as client:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            last = client.produce("other", small).base_offset
            at = last
            calls: dict[str, Callable[[], Any]] = {"produce": lambda: client.produce("other", small), "fetch": lambda at=at: client.fetch("other", at)}  # type: ignore[misc]
            for what, call in calls.items():
                begin = time.perf_counter_ns()
                call()
                took[what].append(time.perf_counter_ns() - begin)
    return {f"{what}_{name}_us": sorted(values)[int(len(values) * part)] / 1000 for what, values in took.items() for name, part in (("p50", 0.5), ("p99", 0.99))}


def spin(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    with broker_with(folder / "spin", {"spins": ("bench", SPINS)}) as broker:
        with Client(broker.port) as client:
            client.create_topic("bench")
            client.create_topic("other")
        times(broker.port, 2)
        rows = [{"part": "spin", "plugin": "rests", **times(broker.port, 8)}]
        with Client(broker.port) as client:
            victim = threading.Thread(target=lambda: client.produce("bench", BATCH))
            client.socket.settimeout(60)
            victim.start()
            rows.append({"part": "spin", "plugin": "spins", **times(broker.port, 8)})
            victim.join()
        return rows


PARTS: Final = {part.__name__: part for part in (levels, spin)}


def show(row: Row) -> str:
    return f"{row['part']:<8} " + "  ".join(f"{key}={value:.3f}" if isinstance(value, float) else f"{key}={value}" for key, value in row.items() if key != "part")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), metavar="PART,…")
    parser.add_argument("--rounds", type=int, default=7, help="turns of part levels")
    parser.add_argument("--megabytes", type=int, default=1024, help="produced in each turn")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if not (TOOLS / "load.c").exists():
        parser.error(f"load.c is not at {TOOLS}: set PYBROKER_TOOLS")
    subprocess.run(["cc", "-O3", "-pthread", "-o", str(ROOT / "build" / "load"), str(TOOLS / "load.c")], check=True)
    rows: list[Row] = []
    for name in arguments.only.split(","):
        with tempfile.TemporaryDirectory(prefix="plugins-", dir=ROOT / "build") as folder:
            found = PARTS[name](arguments, Path(folder))
        for row in found:
            print(show(row), flush=True)
        rows += found
    if arguments.json:
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
        arguments.json.write_text(json.dumps({"commit": commit, "cores": os.cpu_count(), "command": " ".join(sys.argv), "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
