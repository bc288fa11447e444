"""Rules for C: layers, calls that only the environment may make, symbols. Each check takes a tree and returns what is wrong, a line each."""
# ruff: noqa: SIM905 - tables of words are read by people

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LAYERS: Final = ("base", "wire", "record", "io", "log", "part", "hook", "net", "api", "broker")
"""The folders of csrc, from the bottom up. A folder may include what stands before it, as far as its ``deps`` file names it."""

GENERATED: Final = frozenset({"pb_msg.h", "api_table.inc"})

EVERYWHERE: Final = frozenset(
    {"assert.h", "errno.h", "inttypes.h", "limits.h", "pthread.h", "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h"}
)
"""Headers that bring words and numbers. stdio.h is for snprintf, pthread.h for mutexes: what else they have is banned below."""

ONLY_IN: Final[dict[str, tuple[str, ...]]] = {
    "sys/uio.h": ("base", "net"),
    "immintrin.h": ("base",),
    "arm_acle.h": ("base",),
    "sys/auxv.h": ("base",),
    "pybroker_native.h": ("hook",),
    "zlib.h": ("record",),
    "snappy-c.h": ("record",),
    "lz4frame.h": ("record",),
    "zstd.h": ("record",),
    "unistd.h": ("net", "broker"),
    "arpa/inet.h": ("net",),
    "netinet/in.h": ("net",),
    "netinet/tcp.h": ("net",),
    "sys/socket.h": ("net",),
    "sys/sendfile.h": ("net",),
    "sys/un.h": ("net",),
}
"""Headers of the system and of libraries, and the folders that may use them."""

BANNED: Final[dict[str, str]] = {
    **dict.fromkeys("time clock clock_gettime gettimeofday times localtime gmtime strftime".split(), "a clock: use env->now_ns"),
    **dict.fromkeys("rand rand_r random srand srandom drand48 getrandom getentropy arc4random".split(), "random numbers: use env->random"),
    **dict.fromkeys("malloc calloc realloc free strdup strndup posix_memalign aligned_alloc alloca".split(), "memory: use env"),
    **dict.fromkeys("pthread_create pthread_join thrd_create fork vfork execv execve system popen posix_spawn".split(), "threads and processes: use env->submit_work"),
    **dict.fromkeys("sleep usleep nanosleep clock_nanosleep poll select epoll_wait pthread_cond_wait sem_wait".split(), "waiting: the core is driven from outside"),
    **dict.fromkeys("sprintf vsprintf strcpy strcat strncpy strncat stpcpy gets scanf sscanf strtok".split(), "no bound, or a bound that is easily wrong"),
    **dict.fromkeys("atoi atol atoll atof".split(), "no errors: use strtoll"),
    **dict.fromkeys("setjmp longjmp signal sigaction exit _exit atexit getenv setenv putenv".split(), "the process belongs to the program"),
    **dict.fromkeys("printf puts putchar perror fputs fprintf vfprintf fwrite abort".split(), "output: use env->log; errors are returned"),
    **dict.fromkeys("open openat creat fopen fdopen freopen read write pread pwrite preadv pwritev readv fsync fdatasync sync_file_range".split(), "files: use env"),
    **dict.fromkeys("ftruncate truncate fallocate posix_fallocate unlink unlinkat rename renameat link symlink mkdir rmdir remove".split(), "files: use env"),
    **dict.fromkeys("opendir readdir scandir stat fstat lstat fstatat statvfs access flock fcntl mmap munmap msync lseek dup dup2 pipe ioctl".split(), "files: use env"),
    **dict.fromkeys("assert".split(), "use PB_ASSERT, which stays in releases"),
}
"""Calls that csrc does not make, and what to do instead."""

OF_SOCKETS: Final = frozenset(
    "socket bind listen accept accept4 connect shutdown recv recvfrom recvmsg send sendto sendmsg writev sendfile splice setsockopt getsockopt getsockname getpeername close".split()
)
"""System calls for net/ alone."""

ALLOWED: Final[dict[tuple[str, str], str]] = {
    ("base/assert.c", "fprintf"): "the one line before the end",
    ("base/assert.c", "abort"): "the end",
    ("base/assert.c", "stderr"): "where that line goes",
    ("broker/loop.c", "close"): "a socket on its way from loop to loop when there is no more room",
}
"""Exceptions by file and call, with the reason."""

_NOT_CODE: Final = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
_INCLUDE: Final = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def code_of(text: str) -> str:
    """The text without comments, strings and characters; lines stay where they are."""
    return _NOT_CODE.sub(lambda match: "\n" * match.group().count("\n") or " ", text)


def files(root: Path) -> Iterator[tuple[str, Path]]:
    """(place below csrc, file)."""
    for path in sorted((root / "csrc").rglob("*")):
        if path.suffix in {".c", ".h", ".inc"}:
            yield path.relative_to(root / "csrc").as_posix(), path


def line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def read_deps(folder: Path) -> set[str]:
    lines = (line.split("#")[0] for line in (folder / "deps").read_text().splitlines())
    return {word for line in lines for word in line.split()}


def check_layers(root: Path) -> list[str]:
    """Each folder of csrc is a known layer, and its deps file names nothing that stands above it."""
    wrong = []
    for folder in sorted(path for path in (root / "csrc").iterdir() if path.is_dir()):
        if folder.name not in LAYERS:
            wrong.append(f"csrc/{folder.name}: not a layer; the order is {' '.join(LAYERS)}")
        elif not (folder / "deps").is_file():
            wrong.append(f"csrc/{folder.name}/deps: missing")
        else:
            below = {*LAYERS[: LAYERS.index(folder.name)], *(("gen",) if folder.name in ("api", "broker") else ()), *(("pb.h",) if folder.name == "broker" else ())}
            wrong += [f"csrc/{folder.name}/deps: {name} does not stand below" for name in sorted(read_deps(folder) - below)]
    return wrong


def check_includes(root: Path) -> list[str]:
    """Includes of other folders are named in deps; headers of the system stand where they may."""
    wrong = []
    for place, path in files(root):
        folder = place.split("/")[0] if "/" in place else ""
        deps = read_deps(path.parent) if (path.parent / "deps").is_file() else set()
        text = path.read_text()
        for match in _INCLUDE.finditer(text):
            where = f"csrc/{place}:{line_of(text, match.start())}"
            kind, name = match.groups()
            if kind == "<":
                if name not in EVERYWHERE and folder not in ONLY_IN.get(name, ()):
                    wrong.append(f"{where}: <{name}> may not be included here")
            elif name in ("Python.h", "uv.h"):
                wrong.append(f"{where}: the core knows no {name}")
            elif folder == "" and not name.startswith("base/"):
                wrong.append(f"{where}: pb.h shows nothing but base")
            elif folder != "":
                asked = "gen" if name in GENERATED else name.split("/")[0]
                if asked not in deps | {folder}:
                    wrong.append(f"{where}: {name} is not in csrc/{folder}/deps")
    return wrong


def check_calls(root: Path) -> list[str]:
    """No clock, file, thread, random number, memory or process but through env; sockets in net/ only; nothing without bounds."""
    wrong = []
    for place, path in files(root):
        code = code_of(path.read_text())
        for match in re.finditer(r"(?<![\w.])(?<!->)([A-Za-z_]\w*)[ \t]*\(", code):
            name = match[1]
            if (place, name) in ALLOWED:
                continue
            where = f"csrc/{place}:{line_of(code, match.start())}"
            if name in BANNED:
                wrong.append(f"{where}: {name}(): {BANNED[name]}")
            elif name in OF_SOCKETS and not place.startswith("net/") and name not in declared_members(code):
                wrong.append(f"{where}: {name}(): sockets belong to net/")
    return wrong


def declared_members(code: str) -> set[str]:
    """Names of function pointers in structs: (*name)(…)."""
    return set(re.findall(r"\(\s*\*\s*(\w+)\s*\)\s*\(", code))


def check_headings(root: Path) -> list[str]:
    """A header begins with its place and what it is: /* folder/name.h — …"""
    wrong = []
    for place, path in files(root):
        if path.suffix == ".h" and not path.read_text().startswith((f"/* {place} — ", f"/* csrc/{place} — ")):
            wrong.append(f"csrc/{place}: does not begin with «/* {place} — »")
    return wrong


def symbols(library: Path) -> list[tuple[str, str, str, str]]:
    """(object, name, class, section) of every symbol that an object of the library defines."""
    done = subprocess.run(["nm", "--defined-only", "-f", "sysv", "-A", str(library)], capture_output=True, text=True, check=True)
    found = []
    for line in done.stdout.splitlines():
        parts = [part.strip() for part in line.split("|")]
        if len(parts) == 7:
            _, unit, name = parts[0].rsplit(":", 2)
            found.append((unit, name, parts[2], parts[6]))
    return found


PURE: Final = frozenset(
    "memchr memcmp memcpy memmove memset strchr strcmp strcspn strlen strncmp strnlen strrchr strspn strtol strtoll bsearch qsort snprintf vsnprintf".split()
)
"""What any folder may ask of libc: bytes in, bytes out."""

OF_THE_COMPILER: Final = frozenset("_GLOBAL_OFFSET_TABLE_ __stack_chk_fail __errno_location __cpu_model __cpu_indicator_init getauxval __assert_fail".split())
OF_NETWORK_ADDRESSES: Final = frozenset({"inet_ntop", "inet_pton", "htons", "ntohs", "htonl", "ntohl"})
OF_LOCKS: Final = re.compile(r"pthread_(mutex|rwlock)_\w+")
OF_CODECS: Final = re.compile(r"(ZSTD|LZ4F|snappy)_\w+|(inflate|deflate)\w*|crc32\w*")
OF_SANITIZERS: Final = ("__asan", "__ubsan", "__sanitizer")


def undefined(library: Path) -> list[tuple[str, str]]:
    """(object, name) of what each object asks others for."""
    done = subprocess.run(["nm", "--undefined-only", "-f", "posix", "-A", str(library)], capture_output=True, text=True, check=True)
    return [(match[1], match[2]) for line in done.stdout.splitlines() if (match := re.match(r".*\[(.+?)\]: (\S+)", line))]


def check_undefined(root: Path, library: Path) -> list[str]:
    """What the objects of csrc ask libc and libraries for. Sees what check_calls cannot: a call by a macro, an address that is taken."""
    places = {Path(place).with_suffix(".o").name: place for place, path in files(root) if path.suffix == ".c"}
    wrong = []
    for unit, name in undefined(library):
        place = places.get(unit)
        if place is None or name.startswith(("pb_", *OF_SANITIZERS)) or name in OF_THE_COMPILER or OF_LOCKS.fullmatch(name):
            continue                                                        # generated code, or env_posix.c: the one place for all this
        plain = re.sub(r"^__(\w+)_chk$", r"\1", name)
        folder = place.split("/")[0]
        if plain in PURE or (place, plain) in ALLOWED or (folder == "record" and OF_CODECS.fullmatch(plain)):
            continue
        if folder == "net" and plain in OF_SOCKETS | OF_NETWORK_ADDRESSES:
            continue
        wrong.append(f"csrc/{place}: needs {name}: {BANNED.get(plain, 'not among what the core may ask for')}")
    return wrong


def check_symbols(root: Path, library: Path) -> list[str]:
    """Global names begin with pb_ or pb__; what begins with pb_ is declared in pb.h or in base; there is no writable data: no globals anywhere."""
    wrong = []
    shown = "\n".join(code_of(path.read_text()) for path in [root / "csrc" / "pb.h", *sorted((root / "csrc" / "base").glob("*.h"))])
    for unit, name, kind, section in symbols(library):
        if name.startswith((".", "__odr_asan", "__asan", "__ubsan", "__x86", "DW.ref")):
            continue
        if kind.isupper() and not name.startswith("pb_"):
            wrong.append(f"{unit}: {name} is global and begins neither with pb_ nor with pb__")
        elif kind.isupper() and not name.startswith("pb__") and not unit.startswith("env_posix") and not re.search(rf"\b{re.escape(name)}\b", shown):
            wrong.append(f"{unit}: {name} is not declared in pb.h: between folders it is pb__, in a file static")
        if section in (".data", ".bss", "*COM*", ".tbss", ".tdata") or (section.startswith((".data.", ".bss.")) and not section.startswith(".data.rel.ro")):
            wrong.append(f"{unit}: {name} is a variable outside every struct ({section})")
    return wrong
