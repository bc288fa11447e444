"""Builds the C core, the extension and the program.

build_ext     generate protocol code -> compile csrc into one static library -> cythonize -> link pybroker._core.core -> link pybrokerd
build_tests   the static library and the C tests against it (tests/csrc), with sanitizers when PYBROKER_DEBUG=1

A step runs again when one of its inputs is newer than its result, or when its command line changed; the compiler's .d files say what an object depends on.
PYBROKER_DEBUG=1: sanitizers, assertions, objects of their own under build/debug, and there a tree to put on PYTHONPATH; the release is left alone.
"""

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from setuptools import Command, Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.install_scripts import install_scripts

ROOT = Path(__file__).resolve().parent
DEBUG = os.environ.get("PYBROKER_DEBUG") == "1"
BUILD = ROOT / "build" / ("debug" if DEBUG else "release")
GENERATED = ROOT / "build" / "gen"
PACKAGE = ROOT / "pybroker"
MESSAGES = PACKAGE / "protocol" / "messages"
CORE = PACKAGE / "_core"
TESTS = ROOT / "tests" / "csrc"
PROGRAM = BUILD / "pybrokerd"

COMPILER = os.environ.get("CC", "gcc")
LIBRARIES = ["-luv", "-lz", "-lsnappy", "-llz4", "-lzstd", "-lpthread"]
INCLUDES = [f"-I{path}" for path in (ROOT / "csrc", PACKAGE / "hooks" / "include", GENERATED, CORE)]
PYTHON_INCLUDE = f"-I{sysconfig.get_paths()['include']}"
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Werror"]
COMMON = ["-std=gnu11", "-D_GNU_SOURCE", "-g", "-fvisibility=hidden", "-fno-plt"]
RELEASE = ["-O3", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3", "-fstack-protector-strong", "-fno-semantic-interposition"]
ADDRESS = ["-O1", "-fsanitize=address", "-fno-omit-frame-pointer", "-DPB_DEBUG"]
UNDEFINED = ["-fsanitize=undefined", "-fno-sanitize-recover=undefined"]
# Code that Cython generates is checked for addresses only, and its warnings are not ours.
OF_CYTHON = COMMON + (ADDRESS if DEBUG else RELEASE) + ["-w"]
OF_PEOPLE = COMMON + ([*ADDRESS, *UNDEFINED] if DEBUG else RELEASE) + WARNINGS
LINK = ["-Wl,-z,relro,-z,now", *(["-fsanitize=address,undefined"] if DEBUG else [])]

Word = str | Path


# ---- steps


@contextmanager
def alone() -> Iterable[None]:
    """One build at a time in a tree: a second one waits, then finds nothing left to do."""
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(words: list[str]) -> None:
    """Run, and end the build with the command and its output when it fails."""
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(words)}\n{done.stdout}")
    if done.stdout.strip():
        print(done.stdout, end="", flush=True)


def named_by_depfile(depfile: Path) -> list[Path]:
    """What an object depends on, as its compiler wrote it down; a file that is not there where it did not."""
    if not depfile.exists():
        return [depfile]
    return [ROOT / name for name in depfile.read_text().replace("\\\n", " ").split(":", 1)[1].split()]


def is_stale(target: Path, command: str, inputs: Iterable[Path]) -> bool:
    """Whether a result is missing, older than an input, or of another command."""
    record = target.with_name(target.name + ".cmd")
    if not target.exists() or not record.exists() or record.read_text() != command:
        return True
    made = target.stat().st_mtime_ns
    return any(not path.exists() or path.stat().st_mtime_ns > made for path in inputs)


def step(target: Path, words: list[Word], inputs: Iterable[Path], action: Callable[[list[str]], None] = run) -> bool:
    """Make target by a command when it is stale. True where it was."""
    texts = [str(word) for word in words]
    command = shlex.join(texts)
    if not is_stale(target, command, inputs):
        return False
    record = target.with_name(target.name + ".cmd")
    record.unlink(missing_ok=True)                    # an attempt that fails or is cut short is repeated
    target.parent.mkdir(parents=True, exist_ok=True)
    action(texts)
    os.utime(target)
    record.write_text(command)
    return True


def put(source: Path, target: Path) -> None:
    """Copy over a file that may be running or loaded: the old one stays whole for those that have it open."""
    if target.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns and target.stat().st_size == source.stat().st_size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f"{target.name}.new")
    shutil.copy(source, new)
    os.replace(new, target)


# ---- what is built


def generate() -> None:
    """Messages in C and Python, when a definition or the generator changed."""
    protocol = PACKAGE / "protocol"
    sources = sorted([*protocol.glob("definitions/**/*.py"), *protocol.glob("codegen/*.py")])
    words: list[Word] = [sys.executable, "-B", "-m", "pybroker.protocol.codegen", "--out-c", GENERATED, "--out-py", MESSAGES]
    named: list[Word] = [path.relative_to(protocol) for path in sources]
    last = GENERATED / "stamp.cmd"
    if last.exists() and not last.read_text().endswith(shlex.join(map(str, named))):
        shutil.rmtree(MESSAGES, ignore_errors=True)   # a definition that is gone leaves no module behind

    def make(texts: list[str]) -> None:
        run(texts[: len(words)])
        (GENERATED / "stamp").touch()

    missing = [] if (MESSAGES / "__init__.py").exists() else [MESSAGES / "__init__.py"]
    step(GENERATED / "stamp", [*words, *named], [*sources, *missing], make)


def compile_c(source: Path, target: Path, flags: list[str]) -> None:
    """One object; its .d file beside it."""
    launcher = shutil.which("ccache")
    depfile = target.with_suffix(".d")
    words = [*([launcher] if launcher else []), COMPILER, *flags, "-MMD", "-MF", depfile, "-c", source, "-o", target]
    step(target, words, named_by_depfile(depfile))


def object_of(source: Path) -> Path:
    base = GENERATED if source.is_relative_to(GENERATED) else ROOT
    return BUILD / "obj" / source.relative_to(base.parent if base == GENERATED else base).with_suffix(".o")


def compile_all(sources: list[Path], flags: list[str]) -> list[Path]:
    """Objects of many sources, as many at a time as there are cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda source: compile_c(source, object_of(source), flags), sources))
    return [object_of(source) for source in sources]


def build_library() -> Path:
    """csrc, the generated C and the real environment as one static library."""
    sources = sorted([*(ROOT / "csrc").glob("*/*.c"), *GENERATED.glob("*.c"), CORE / "env_posix.c"])
    objects = compile_all(sources, [*OF_PEOPLE, "-fPIC", *INCLUDES])
    library = BUILD / "libpb.a"

    def make(texts: list[str]) -> None:
        library.unlink(missing_ok=True)               # ar adds to an archive; a source that is gone must go
        run(texts)

    step(library, ["ar", "rcs", library, *objects], objects, make)
    return library


def cythonize() -> Path:
    """core.pyx, with what it includes, as C. A performance hint is an error: it means that the GIL is taken after a call."""
    target = BUILD / "core.c"
    directives = [word for value in ("boundscheck=False", "wraparound=False", "embedsignature=True") for word in ("-X", value)]
    words = [sys.executable, "-m", "cython", "-3", "-I", ROOT, *directives, "--module-name", "pybroker._core.core", CORE / "core.pyx", "-o", target]

    def make(texts: list[str]) -> None:
        done = subprocess.run(texts, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0 or "performance hint" in done.stderr:
            target.unlink(missing_ok=True)
            sys.exit(f"{shlex.join(texts)}\n{done.stdout}{done.stderr}")

    step(target, words, sorted([*CORE.glob("*.pyx"), *CORE.glob("*.pxd")]), make)
    return target


def build_extension() -> Path:
    """pybroker._core.core, with the whole of the C core in it."""
    library, source, target = build_library(), cythonize(), BUILD / "core.o"
    compile_c(source, target, [*OF_CYTHON, "-fPIC", *INCLUDES, PYTHON_INCLUDE])
    extension = BUILD / f"core{sysconfig.get_config_var('EXT_SUFFIX')}"
    step(extension, [COMPILER, "-shared", *LINK, target, library, *LIBRARIES, "-o", extension], [target, library])
    return extension


def python_link() -> list[str]:
    """How a program links the Python it embeds."""
    directory, version = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("LDVERSION")
    words = [f"-L{directory}", f"-L{sysconfig.get_config_var('LIBPL')}", f"-lpython{version}", *sysconfig.get_config_var("LIBS").split(), "-lm"]
    if not directory.startswith(("/usr/lib", "/lib")):
        words.append(f"-Wl,-rpath,{directory}")
    return words


def build_program() -> None:
    """pybrokerd, for the Python that runs this."""
    target = BUILD / "pybrokerd.o"
    compile_c(CORE / "pybrokerd.c", target, [*OF_PEOPLE, "-fPIE", PYTHON_INCLUDE])
    step(PROGRAM, [COMPILER, "-pie", *LINK, "-Wl,--export-dynamic", target, *python_link(), "-o", PROGRAM], [target])


def place_debug_tree(extension: Path) -> None:
    """build/debug/lib/pybroker: the package by links, with the debug extension in place of the other; build/debug/run starts the program with it."""
    package = BUILD / "lib" / "pybroker"
    shutil.rmtree(package, ignore_errors=True)
    (package / "_core").mkdir(parents=True)
    for source in [*PACKAGE.iterdir(), *CORE.iterdir()]:
        if source != CORE and source.name != "__pycache__" and source.suffix != ".so":
            (package / source.relative_to(PACKAGE)).symlink_to(source)
    (package / "_core" / extension.name).symlink_to(extension)
    program = Path(sys.prefix) / "bin" / "pybrokerd-debug"
    put(PROGRAM, program)
    script = BUILD / "run"
    script.write_text(
        "#!/bin/sh\n# The sanitized pybrokerd. Leaks are looked for by the C tests: Python keeps memory to the end on purpose.\n"
        f'export PYTHONPATH={shlex.quote(str(BUILD / "lib"))}"${{PYTHONPATH:+:$PYTHONPATH}}" ASAN_OPTIONS="${{ASAN_OPTIONS:-detect_leaks=0}}" UBSAN_OPTIONS="${{UBSAN_OPTIONS:-print_stacktrace=1}}"\n'
        f'exec {shlex.quote(str(program))} "$@"\n'
    )
    script.chmod(0o755)


def place_metadata(version: str) -> None:
    """What an installer would leave in the environment besides the package: the command ``pybroker``, and metadata, so that packages which need pybroker find it there."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    site = Path(sysconfig.get_paths()["purelib"])
    for old in site.glob("pybroker-*.dist-info"):
        shutil.rmtree(old)
    info = site / f"pybroker-{version}.dist-info"
    info.mkdir()
    needs = "".join(f"Requires-Dist: {name}\n" for name in project["dependencies"])
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pybroker\nVersion: {version}\n{needs}")
    (info / "INSTALLER").write_text("setup.py\n")
    groups = {"console_scripts": project["scripts"], **project["entry-points"]}
    (info / "entry_points.txt").write_text("".join(f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in points.items()) for group, points in groups.items()))
    for name, place in project["scripts"].items():
        module, _, function = place.partition(":")
        script = Path(sys.prefix) / "bin" / name
        script.write_text(f"#!{sys.executable}\nimport sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n")
        script.chmod(0o755)


def build_c_tests() -> None:
    """build/<mode>/tests/<folder>/test_<file>, one program per file of tests/csrc."""
    library = build_library()
    helpers, tests = sorted(TESTS.glob("*.c")), sorted(TESTS.glob("*/test_*.c"))
    # Numbers in tests are literals: a check of their conversion says nothing.
    compile_all([*helpers, *tests], [*OF_PEOPLE, "-Wno-conversion", *INCLUDES, f"-I{TESTS}"])

    def link(source: Path) -> None:
        target = BUILD / "tests" / source.relative_to(TESTS).with_suffix("")
        objects = [object_of(source), *map(object_of, helpers)]
        step(target, [COMPILER, *LINK, *objects, library, *LIBRARIES, "-o", target], [*objects, library])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(link, tests))


# ---- as setuptools calls it


class BuildPy(build_py):
    """Generated modules are there before the modules are gathered."""

    def run(self) -> None:
        with alone():
            generate()
        if "pybroker.protocol.messages" not in self.packages:
            self.packages.append("pybroker.protocol.messages")
        super().run()


class BuildCore(build_ext):
    """All of it; setuptools only says where the extension goes."""

    def run(self) -> None:
        with alone():
            generate()
            built = build_extension()
            build_program()
            if DEBUG:
                place_debug_tree(built)
                return
            put(built, CORE / built.name if self.inplace else Path(self.get_ext_fullpath("pybroker._core.core")))
            if self.inplace and sys.prefix != sys.base_prefix:
                put(PROGRAM, Path(sys.prefix) / "bin" / "pybrokerd")
                place_metadata(self.distribution.get_version())


class BuildTests(Command):
    """The C tests."""

    description = "build the C tests of tests/csrc"
    user_options: list[tuple[str, str | None, str]] = []

    def initialize_options(self) -> None:
        """No options."""

    def finalize_options(self) -> None:
        """No options."""

    def run(self) -> None:
        with alone():
            generate()
            build_c_tests()


class InstallProgram(install_scripts):
    """The program among the scripts of a wheel."""

    def run(self) -> None:
        super().run()
        target = Path(self.install_dir) / "pybrokerd"
        put(PROGRAM, target)
        self.outfiles.append(str(target))


setup(
    ext_modules=[Extension("pybroker._core.core", sources=[])],
    cmdclass={"build_py": BuildPy, "build_ext": BuildCore, "build_tests": BuildTests, "install_scripts": InstallProgram},
)
