"""The fuzz targets, how they are built, how one is run.

    python -m tests.fuzz.targets [--seconds 60] [NAME …]        (make fuzz T=NAME SECONDS=60)

libFuzzer with address and undefined-behaviour sanitizers; clang builds the core anew for it under build/fuzz. New inputs stay in build/fuzz/corpus/NAME, seeds are committed
in tests/fuzz/corpus. A finding stays in build/fuzz/found with the command that plays it again.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "fuzz"
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-msse4.2", "-mpclmul", "-fno-sanitize-recover=all", "-I", str(ROOT), "-I", str(ROOT / "csrc"), "-I", str(ROOT / "pybroker" / "hooks" / "include"), "-I", str(ROOT / "build" / "gen")]
SANITIZE = "address,undefined"
LIBRARIES = ["-lz", "-lsnappy", "-llz4", "-lzstd", "-lpthread", "-lm"]
INPUT_S_MAX, MEMORY_MIB_MAX = 1, 512
"""One input may take a second. Memory is that of the whole process, sanitizer and corpus included."""


@dataclass(frozen=True, slots=True)
class Target:
    """One program: its source, and what it is compiled with."""

    name: str
    source: str
    defines: Mapping[str, str]
    input_bytes_max: int = 4096


TARGETS = {
    target.name: target
    for target in (
        Target("batch", "target_batch.c", {}),
        *(Target(f"codec_{name}", "target_codec.c", {"FUZZ_CODEC": str(number)}) for number, name in enumerate(("gzip", "snappy", "lz4", "zstd"), 1)),
        Target("offset_index", "target_derived.c", {"FUZZ_SUFFIX": '".index"'}, 512),
        Target("time_index", "target_derived.c", {"FUZZ_SUFFIX": '".timeindex"'}, 512),
        Target("snapshot", "target_derived.c", {"FUZZ_SUFFIX": '".snapshot"'}, 512),
        Target("segment", "target_segment.c", {}),
        Target("checkpoint", "target_checkpoint.c", {}, 1024),
        Target("epochs", "target_epochs.c", {}, 512),
        Target("frame", "target_frame.c", {}),
        Target("canary", "target_canary.c", {}),
    )
}


def missing() -> str:
    """What this machine lacks, or nothing."""
    if shutil.which("clang") is None:
        return "clang is not installed"
    BUILD.mkdir(parents=True, exist_ok=True)
    probe = subprocess.run(["clang", "-fsanitize=fuzzer", "-x", "c", "-", "-o", str(BUILD / "probe")], input=b"int LLVMFuzzerTestOneInput(const char *b, long n) { return b && n < 0; }", capture_output=True)
    return "" if probe.returncode == 0 else "clang has no libFuzzer (libclang-rt-*-dev)"


def _compile(source: Path, target: Path, extra: Sequence[str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    command = ["clang", *FLAGS, f"-fsanitize=fuzzer-no-link,{SANITIZE}", *extra, "-MMD", "-c", str(source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")


def _is_stale(target: Path) -> bool:
    """Older than a file it was made from, by the list that the compiler wrote."""
    listed = target.with_suffix(".d")
    if not target.exists() or not listed.exists():
        return True
    made = target.stat().st_mtime
    names = listed.read_text().replace("\\\n", " ").split()[1:]
    return any(not Path(name).exists() or Path(name).stat().st_mtime > made for name in names)


def build(names: Sequence[str]) -> None:
    """Compile what is stale, link the programs."""
    core = [*sorted((ROOT / "csrc").glob("*/*.c")), ROOT / "build" / "gen" / "pb_msg.c", ROOT / "tests" / "csrc" / "sim_env.c"]
    jobs: list[tuple[Path, Path, list[str]]] = [(source, BUILD / "obj" / source.relative_to(ROOT).with_suffix(".o"), []) for source in core]
    objects = [job[1] for job in jobs]
    for name in names:
        target = TARGETS[name]
        jobs.append((HERE / target.source, BUILD / "obj" / f"{name}.o", [f"-D{key}={value}" for key, value in target.defines.items()]))
    stale = [job for job in jobs if _is_stale(job[1])]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: _compile(*job), stale))
    for name in names:
        own, program = BUILD / "obj" / f"{name}.o", BUILD / name
        if program.exists() and all(part.stat().st_mtime <= program.stat().st_mtime for part in (own, *objects)):
            continue
        command = ["clang", f"-fsanitize=fuzzer,{SANITIZE}", "-o", str(program), str(own), *map(str, objects), *LIBRARIES]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of a target came to."""

    name: str
    ok: bool
    text: str

    @property
    def executions(self) -> int:
        counts = [int(line.split()[1]) for line in self.text.splitlines() if line.startswith("stat::number_of_executed_units:")]
        return counts[0] if counts else 0


def fuzz(name: str, seconds: int) -> Outcome:
    """Run one target. What it finds lies in build/fuzz/found/NAME-*."""
    corpus, found, seeds = BUILD / "corpus" / name, BUILD / "found", HERE / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    command = [
        str(BUILD / name), f"-max_total_time={seconds}", f"-timeout={INPUT_S_MAX}", f"-rss_limit_mb={MEMORY_MIB_MAX}", f"-max_len={TARGETS[name].input_bytes_max}",
        f"-artifact_prefix={found / name}-", "-print_final_stats=1", "-verbosity=1", str(corpus), *([str(seeds)] if seeds.is_dir() else []),
    ]  # fmt: skip
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, timeout=seconds + 120)
    return Outcome(name, done.returncode == 0, done.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TARGETS)}; all but the canary when left out")
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    names = arguments.names or [name for name in TARGETS if name != "canary"]
    if unknown := [name for name in names if name not in TARGETS]:
        parser.error(f"no such target: {', '.join(unknown)}")
    if lack := missing():
        print(lack, file=sys.stderr)
        return 2
    build(names)
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for outcome in pool.map(lambda name: fuzz(name, arguments.seconds), names):
            print(f"{outcome.name:14} {'ok' if outcome.ok else 'FAILED'}  {outcome.executions} inputs", flush=True)
            if not outcome.ok:
                print(outcome.text[-6000:])
            failed += not outcome.ok
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
