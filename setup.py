"""Builds the C core, the extension and the program.

build_ext: generate protocol code -> compile csrc into one static library -> cythonize -> link pybroker._core.core -> link pybrokerd. Objects are built
anew only when a file they depend on changed. PYBROKER_DEBUG=1: sanitizers, assertions, objects of their own under build/debug.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.install_scripts import install_scripts

ROOT = Path(__file__).resolve().parent
DEBUG = os.environ.get("PYBROKER_DEBUG") == "1"
BUILD = ROOT / "build" / ("debug" if DEBUG else "release")
GENERATED = ROOT / "build" / "gen"
MESSAGES = ROOT / "pybroker" / "protocol" / "messages"
CORE = ROOT / "pybroker" / "_core"
PROGRAM = ROOT / "build" / "pybrokerd"
LIBRARIES = ["uv", "z", "snappy", "lz4", "zstd", "pthread"]
INCLUDES = [ROOT / "csrc", GENERATED, CORE]
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Werror"]
COMMON = ["-std=gnu11", "-D_GNU_SOURCE", "-g", "-fPIC", "-fvisibility=hidden", "-fno-plt"]
RELEASE = ["-O3", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3", "-fstack-protector-strong", "-fno-semantic-interposition"]
SANITIZED = ["-O1", "-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-DPB_DEBUG"]
LINK = ["-Wl,-z,relro,-z,now"] + (["-fsanitize=address,undefined"] if DEBUG else [])
FLAGS = COMMON + (SANITIZED if DEBUG else RELEASE)
COMPILER = os.environ.get("CC", "gcc")


def run(command: list[object]) -> None:
    """Run, and end the build with its output when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}\n{done.stdout}")
    if done.stdout.strip():
        print(done.stdout, end="")


def is_stale(target: Path, sources: list[Path]) -> bool:
    """Whether target is missing or older than a source."""
    if not target.exists():
        return True
    built = target.stat().st_mtime_ns
    return any(not source.exists() or source.stat().st_mtime_ns > built for source in sources)


def depends(depfile: Path) -> list[Path]:
    """Files named by a .d file of the compiler."""
    if not depfile.exists():
        return [Path("/missing")]
    return [ROOT / name for name in depfile.read_text().replace("\\\n", " ").split(":", 1)[1].split()]


def generate() -> None:
    """Messages in C and Python, when a definition or the generator changed."""
    stamp = GENERATED / "stamp"
    protocol = ROOT / "pybroker" / "protocol"
    sources = [*protocol.glob("definitions/**/*.py"), *protocol.glob("codegen/*.py")]
    if is_stale(stamp, sources) or not (MESSAGES / "__init__.py").exists():
        run([sys.executable, "-B", "-m", "pybroker.protocol.codegen", "--out-c", GENERATED, "--out-py", MESSAGES])
        stamp.touch()


def object_of(source: Path) -> Path:
    return BUILD / "obj" / source.relative_to(ROOT).with_suffix(".o")


def compile_one(source: Path) -> None:
    target = object_of(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    includes = [f"-I{path}" for path in INCLUDES]
    run([*launcher(), COMPILER, *FLAGS, *WARNINGS, *includes, "-MMD", "-MF", target.with_suffix(".d"), "-c", source, "-o", target])


def launcher() -> list[str]:
    """ccache where there is one."""
    found = shutil.which("ccache")
    return [found] if found else []


def build_library() -> Path:
    """csrc and the generated C as one static library."""
    sources = sorted([*(ROOT / "csrc").glob("*/*.c"), *GENERATED.glob("*.c"), CORE / "env_posix.c"])
    flags = BUILD / "flags"
    wanted = " ".join([COMPILER, *FLAGS, *WARNINGS])
    if not flags.exists() or flags.read_text() != wanted:
        flags.parent.mkdir(parents=True, exist_ok=True)
        flags.write_text(wanted)
    stale = [source for source in sources if is_stale(object_of(source), [flags, *depends(object_of(source).with_suffix(".d"))])]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, stale))
    library = BUILD / "libpb.a"
    objects = [object_of(source) for source in sources]
    if is_stale(library, objects):
        library.unlink(missing_ok=True)
        run(["ar", "rcs", library, *objects])
    return library


def cythonize() -> Path:
    """core.pyx, with what it includes, as C. A performance hint is an error: it means the GIL is taken."""
    target = BUILD / "core.c"
    sources = [*CORE.glob("*.pyx"), *CORE.glob("*.pxd"), ROOT / "csrc" / "pb.h"]
    if not is_stale(target, sources):
        return target
    directives = ["-X", "language_level=3", "-X", "boundscheck=False", "-X", "wraparound=False", "-X", "embedsignature=True"]
    words = [sys.executable, "-m", "cython", "-3", "-I", str(ROOT), *directives, "--module-name", "pybroker._core.core", str(CORE / "core.pyx"), "-o", str(target)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0 or "performance hint" in done.stderr:
        target.unlink(missing_ok=True)
        sys.exit(f"cython: {done.stdout}{done.stderr}")
    return target


def python_link() -> list[str]:
    """How a program links the Python it embeds."""
    directory, version = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("LDVERSION")
    words = [f"-L{directory}", f"-L{sysconfig.get_config_var('LIBPL')}", f"-lpython{version}", *sysconfig.get_config_var("LIBS").split(), "-lm"]
    if not directory.startswith(("/usr/lib", "/lib")):
        words.append(f"-Wl,-rpath,{directory}")
    return words


def build_program() -> None:
    """pybrokerd: built for the environment it is installed into, because it links that Python."""
    source, target = CORE / "pybrokerd.c", PROGRAM
    if is_stale(target, [source]):
        target.parent.mkdir(parents=True, exist_ok=True)
        include = sysconfig.get_paths()["include"]
        hardening = ["-O2", "-g", "-std=gnu11", "-D_GNU_SOURCE", "-fPIE", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong"]
        run([COMPILER, *hardening, "-Wall", "-Wextra", "-Werror", f"-I{include}", source, "-o", target, "-pie", "-Wl,-z,relro,-z,now", "-Wl,--export-dynamic", *python_link()])


class BuildCore(build_ext):
    """The steps above; setuptools only says where the extension goes."""

    def run(self) -> None:
        generate()
        super().run()
        build_program()
        program = Path(sys.prefix) / "bin" / "pybrokerd"
        if self.inplace and sys.prefix != sys.base_prefix and is_stale(program, [PROGRAM]):
            program.unlink(missing_ok=True)
            shutil.copy2(PROGRAM, program)

    def build_extension(self, extension: Extension) -> None:
        library, source = build_library(), cythonize()
        target = Path(self.get_ext_fullpath(extension.name))
        built = BUILD / target.name
        if is_stale(built, [library, source]):
            include = sysconfig.get_paths()["include"]
            includes = [f"-I{path}" for path in [*INCLUDES, include]]
            object_file = BUILD / "core.o"
            # Generated code: warnings are for people's code.
            run([*launcher(), COMPILER, *FLAGS, "-w", *includes, "-c", source, "-o", object_file])
            run([COMPILER, "-shared", *LINK, object_file, library, *[f"-l{name}" for name in LIBRARIES], "-o", built])
        target.parent.mkdir(parents=True, exist_ok=True)
        if is_stale(target, [built]):
            target.unlink(missing_ok=True)
            shutil.copy2(built, target)


class InstallProgram(install_scripts):
    """The program among the scripts of a wheel."""

    def run(self) -> None:
        super().run()
        directory = Path(self.install_dir)
        directory.mkdir(parents=True, exist_ok=True)
        if PROGRAM.exists():
            shutil.copy2(PROGRAM, directory / "pybrokerd")
            self.outfiles.append(str(directory / "pybrokerd"))


setup(
    ext_modules=[Extension("pybroker._core.core", sources=[])],
    cmdclass={"build_ext": BuildCore, "install_scripts": InstallProgram},
)
