"""The build: a step runs again when it must and only then, fails with the tool's words, and refuses Cython that takes the GIL."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import setuptools

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """setup.py as a module, on a tree of the test's own."""
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    spec = importlib.util.spec_from_file_location("setup_of_pybroker", ROOT / "setup.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "BUILD", tmp_path / "build")
    monkeypatch.setattr(module, "CORE", tmp_path / "pybroker" / "_core")
    return module


def age(path: Path, seconds: int) -> None:
    """Make a file as old as that; clocks of file systems are coarse."""
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns - seconds * 10**9))


def test_a_step_runs_when_something_changed_and_only_then(build: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_text("1")
    age(source, 10)
    words = ["cp", source, target]
    assert build.step(target, words, [source])
    assert not build.step(target, words, [source])
    assert build.step(target, ["cp", "-p", source, target], [source])       # another command
    assert not build.step(target, ["cp", "-p", source, target], [source])
    age(target, 100)
    assert build.step(target, ["cp", "-p", source, target], [source])       # older than its input
    target.unlink()
    assert build.step(target, ["cp", "-p", source, target], [source])
    assert build.step(target, ["cp", "-p", source, target], [source, tmp_path / "gone"])


def test_a_failed_step_says_why_and_is_repeated(build: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "in.c", tmp_path / "in.o"
    source.write_text("int main(void) { return nothing; }\n")
    for _ in range(2):
        with pytest.raises(SystemExit) as failure:
            build.compile_c(source, target, [])
        assert "nothing" in str(failure.value) and "gcc" in str(failure.value)
    source.write_text("int main(void) { return 0; }\n")
    build.compile_c(source, target, [])
    assert target.exists()


def test_an_object_follows_its_headers(build: Any, tmp_path: Path) -> None:
    header, source, target = tmp_path / "a.h", tmp_path / "a.c", tmp_path / "a.o"
    header.write_text("#define VALUE 1\n")
    source.write_text('#include "a.h"\nint value = VALUE;\n')
    build.compile_c(source, target, [])
    first = target.read_bytes()
    age(target, 100)
    header.write_text("#define VALUE 2\n")
    build.compile_c(source, target, [])
    assert target.read_bytes() != first
    header.unlink()
    with pytest.raises(SystemExit):
        build.compile_c(source, target, [])


def test_a_warning_ends_the_build(build: Any, tmp_path: Path) -> None:
    source = tmp_path / "a.c"
    source.write_text("short narrow(long wide);\nshort narrow(long wide) { return wide; }\n")
    with pytest.raises(SystemExit, match="conversion"):
        build.compile_c(source, tmp_path / "a.o", build.OF_PEOPLE)


@pytest.mark.parametrize(("ending", "is_refused"), [("noexcept nogil", False), ("nogil", True)], ids=["noexcept", "takes-the-gil"])
def test_a_performance_hint_ends_the_build(build: Any, tmp_path: Path, ending: str, is_refused: bool) -> None:
    build.CORE.mkdir(parents=True)
    (tmp_path / "build").mkdir()
    text = f"cdef void f(int a) {ending}:\n    pass\n\ncdef void g() noexcept nogil:\n    f(1)\n\ndef run():\n    with nogil:\n        g()\n"
    (build.CORE / "core.pyx").write_text(text)
    if is_refused:
        with pytest.raises(SystemExit, match="performance hint"):
            build.cythonize()
        assert not (tmp_path / "build" / "core.c").exists()
    else:
        assert build.cythonize().exists()


def test_a_file_in_use_is_replaced_as_a_whole(build: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "new", tmp_path / "bin" / "program"
    target.parent.mkdir()
    shutil.copy("/bin/true", target)
    shutil.copy("/bin/false", source)
    age(target, 100)
    with open(target, "rb") as running:
        build.put(source, target)
        assert running.read() == Path("/bin/true").read_bytes()
    assert subprocess.run([str(target)]).returncode == 1


def test_a_build_with_nothing_to_do_touches_nothing() -> None:
    words = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    results = [path for path in (ROOT / "build").rglob("*") if path.suffix in {".o", ".a", ".so"}]
    before = {path: path.stat().st_mtime_ns for path in results}
    done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
    assert {path: path.stat().st_mtime_ns for path in results} == before
    assert done.stdout == ""


@pytest.mark.slow
def test_the_wheel_of_the_sdist_is_complete(tmp_path: Path) -> None:
    """What is generated is in the wheel and not in the sdist; the program lies among the scripts; nothing of the build's own is shipped."""
    tree = tmp_path / "tree"
    words = [sys.executable, "setup.py", "-q", "sdist", "--dist-dir", str(tmp_path)]
    subprocess.run([*words[:3], "egg_info", "--egg-base", str(tmp_path), *words[3:]], cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    shutil.unpack_archive(archive, tree)
    (source,) = tree.iterdir()
    assert (source / "pybroker" / "protocol" / "codegen" / "c.py").exists()
    assert (source / "csrc" / "base" / "deps").exists()
    assert not (source / "pybroker" / "protocol" / "messages").exists()
    assert not [path for path in source.rglob("*") if path.name == "node_modules" or path.suffix in {".so", ".pyc"}]
    subprocess.run([sys.executable, "setup.py", "-q", "bdist_wheel", "--dist-dir", str(tmp_path)], cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        (program,) = (name for name in names if name.endswith(".data/scripts/pybrokerd"))
        assert file.read(program).startswith(b"\x7fELF")
        assert file.getinfo(program).external_attr >> 16 & 0o111
    assert "pybroker/protocol/messages/k03_metadata.py" in names
    assert any(name.startswith("pybroker/_core/core.") and name.endswith(".so") for name in names)
    assert [name for name in names if name.endswith((".pyx", ".pxd", ".c", ".h"))] == ["pybroker/hooks/include/pybroker_native.h"]      # which plugins compile against
    assert "pybroker/cli/templates/native/_native.c.txt" in names
