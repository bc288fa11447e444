"""Bugs on purpose: each a small change to a copy of one C file, built into a broker of its own that the suite must convict.

A bug is text for text in one file, so that the sources know nothing of it and a change that moves the place makes the test say so. Only what changed is compiled again, with the
commands that the build wrote down; the rest of the core comes from the built library.
"""

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.support.shared import ROOT

BUILD: Final = ROOT / "build" / "release"
PACKAGE: Final = ROOT / "pybroker"


class Edit(NamedTuple):
    """One place: a text that stands exactly once in a file, and what stands there instead."""

    old: str
    new: str


class Bug(NamedTuple):
    """A broker that is wrong in one way, and the scenario that finds it."""

    name: str
    scenario: str
    source: str
    edits: Sequence[Edit]


BUGS: Final[Sequence[Bug]] = (
    Bug("acknowledge_before_sync", "power", "csrc/part/partition.c", (
        Edit("if (rc < 0 || pb__log_synced_offset(partition->log) >= offset) {", "if (rc < 0 || offset >= 0) {"),)),
    Bug("dedup_skipped", "kills", "csrc/log/log_append.c", (
        Edit("pb__producers_check(&log->producers, batch, group->batches, group->count, &append->base_offset);", "0;"),)),
    Bug("duplicates_answered_one_off", "kills", "csrc/log/log_append.c", (
        Edit("append->duplicate = rc > 0;", "append->duplicate = rc > 0;\n    if (rc > 0) append->base_offset++;"),)),
    Bug("producers_forgotten_by_recovery", "kills", "csrc/log/log_recover.c", (
        Edit("if (rc >= 0 && !clean) rc = pb__log_apply_producer(log, segment, &batch);", ""),)),
    Bug("torn_tail_kept", "power", "csrc/log/log_recover.c", (
        Edit("pb__scan_open(&scan, log, segment, segment->end_pos, size, !clean);", "pb__scan_open(&scan, log, segment, segment->end_pos, size, false);"),)),
    Bug("good_tail_cut", "kills", "csrc/log/log_recover.c", (
        Edit("if ((rc = check_offset(log, segment, &batch)) < 0) break;",
             "if ((rc = check_offset(log, segment, &batch)) < 0 || (!clean && scan.pos >= size && (rc = PB_E_CORRUPT_BATCH) < 0)) break;"),)),
    Bug("hole_kept", "power_relaxed", "csrc/log/log_recover.c", (
        Edit("bool is_hole = rc >= 0 && !is_last &&", "bool is_hole = false && !is_last &&"),)),
    Bug("recovery_point_ahead_of_sync", "power_relaxed", "csrc/log/log.c", (
        Edit("int64_t pb__log_recovery_point(const struct pb_log *log) { return log->synced_offset; }", "int64_t pb__log_recovery_point(const struct pb_log *log) { return log->end_offset; }"),)),
    Bug("only_the_last_segment_synced", "power", "csrc/log/log_sync.c", (
        Edit("for (int32_t i = 0; i < log->segment_count && ticket->file_count < PB_LOG_SYNC_FILES_MAX; i++) {",
             "for (int32_t i = log->segment_count - 1; i >= 0 && i < log->segment_count && ticket->file_count < PB_LOG_SYNC_FILES_MAX; i++) {"),)),
    Bug("clean_mark_stays", "power", "csrc/broker/log_dirs.c", (
        Edit("if (env->file_unlink(env->context, path) < 0) return PB_E_IO;", "if (path[0] == 0) return PB_E_IO;"),)),
)  # fmt: skip


def edited(bug: Bug) -> str:
    """The file with the bug in it. AssertionError where the place is no longer there."""
    text = (ROOT / bug.source).read_text()
    for edit in bug.edits:
        assert text.count(edit.old) == 1, f"{bug.name}: {bug.source} has {text.count(edit.old)} times:\n{edit.old}\nPlant it anew in {Path(__file__).name}."
        text = text.replace(edit.old, edit.new)
    return text


def build(bug: Bug, place: Path) -> dict[str, str]:
    """A broker with the bug below ``place``. Returns the environment that runs pybrokerd with it."""
    source, made = place / Path(bug.source).name, place / "planted.o"
    source.write_text(edited(bug))
    words = command_of(BUILD / "obj" / Path(bug.source).with_suffix(".o"))
    words[words.index("-c") + 1], words[words.index("-o") + 1], words[words.index("-MF") + 1] = str(source), str(made), str(place / "planted.d")
    run([word for word in words if word != "-Werror"])
    extension = next(BUILD.glob("core.*.so"))
    words = command_of(extension)
    words[words.index("-o") + 1] = str(place / extension.name)
    words.insert(words.index(str(BUILD / "libpb.a")), str(made))            # before the library: the linker takes what it finds first
    run(words)
    lay_out(place, extension.name)
    return {"PYTHONPATH": str(place / "lib")}


def command_of(target: Path) -> list[str]:
    """How the build made it, without a compiler's launcher."""
    words = shlex.split(target.with_name(target.name + ".cmd").read_text())
    return words[1:] if os.path.basename(words[0]) == "ccache" else words


def run(words: Sequence[str]) -> None:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stderr}"


def lay_out(place: Path, extension: str) -> None:
    """lib/pybroker: the package by links, with the planted extension in it."""
    package, core = place / "lib" / "pybroker", PACKAGE / "_core"
    (package / "_core").mkdir(parents=True)
    for source in [*PACKAGE.iterdir(), *core.iterdir()]:
        if source != core and source.name != "__pycache__" and source.suffix != ".so":
            (package / source.relative_to(PACKAGE)).symlink_to(source)
    (package / "_core" / extension).symlink_to(place / extension)


def is_planted(pid: int, place: Path) -> bool:
    """Whether a process runs on the extension of a place."""
    return str(place) in Path(f"/proc/{pid}/maps").read_text()
