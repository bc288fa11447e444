"""Rules for Python: who may import whom, what is never called, where a clock may be read."""

import ast
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

LAYERS: Final[dict[str, frozenset[str]]] = {
    "": frozenset(),
    "_core": frozenset(),
    "protocol": frozenset(),
    "hooks": frozenset({"protocol"}),
    "metadata": frozenset({"protocol"}),
    "observe": frozenset({"protocol"}),
    "coordinator": frozenset({"protocol", "metadata"}),
    "security": frozenset({"protocol", "metadata", "hooks"}),
    "apis": frozenset({"coordinator", "metadata", "security", "hooks", "protocol"}),
    "defaults": frozenset({"hooks", "protocol"}),
    "broker": frozenset({"_core", "apis", "coordinator", "defaults", "hooks", "metadata", "observe", "protocol", "security"}),
    "cli": frozenset({"broker", "defaults", "observe", "protocol", "hooks", "metadata"}),
    "testing": frozenset({"broker", "hooks", "protocol"}),
}
"""What each package of pybroker may import, besides itself and pybroker's own __init__."""

RUNTIME: Final = frozenset({"pluggy", "prometheus_client", "pybroker", "re2"})
"""What the broker imports from outside the standard library."""
TOOLS: Final[dict[str, frozenset[str]]] = {"cli": frozenset({"click", "rich"}), "testing": frozenset({"pytest"})}
"""What packages that the broker never imports may import besides."""

BANNED_MODULES: Final = frozenset({"pickle", "marshal", "shelve", "dill", "yaml", "imp", "telnetlib"})
BANNED_CALLS: Final[dict[str, str]] = {
    "eval": "runs text",
    "exec": "runs text",
    "compile": "runs text",
    "os.system": "runs a shell",
    "os.popen": "runs a shell",
    "subprocess.getoutput": "runs a shell",
    "tempfile.mktemp": "a name that another may take",
}
NO_CLOCK: Final = frozenset({"apis", "coordinator", "metadata"})
"""Packages that are told the time."""
CLOCKS: Final = frozenset({"time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "datetime.now", "datetime.utcnow", "datetime.datetime.now"})
LOG_CALLS: Final = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
PRINTS: Final = frozenset({"broker/app.py", "broker/arguments.py", "protocol/codegen/__main__.py"})
"""Files that write to stdout or stderr because a person or a script reads it there. All else logs."""


@cache
def _parsed(path: Path, changed_ns: int) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def tree_of(path: Path) -> ast.Module:
    return _parsed(path, path.stat().st_mtime_ns)


def modules(root: Path, folder: str = "pybroker") -> Iterator[tuple[str, Path]]:
    """(place below folder, file), without generated ones."""
    for path in sorted((root / folder).rglob("*.py")):
        place = path.relative_to(root / folder).as_posix()
        if not place.startswith("protocol/messages/") and "node_modules" not in place:
            yield place, path


def dotted(node: ast.expr) -> str:
    """a.b.c of a name or attribute, or nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def imported(place: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, full name of the module) of each import, wherever it stands; relative ones resolved."""
    package = ["pybroker", *place.split("/")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == "pybroker":
                for name in node.names:
                    yield node.lineno, f"pybroker.{name.name}"
            else:
                yield node.lineno, module


def check_imports(root: Path) -> list[str]:
    """Packages of pybroker import what stands below them, and from outside only what the project depends on."""
    wrong = []
    for place, path in modules(root):
        package = place.split("/")[0] if "/" in place else ""
        if package not in LAYERS:
            wrong.append(f"pybroker/{package}: not a known layer")
            continue
        for line, name in imported(place, tree_of(path)):
            parts = name.split(".")
            where = f"pybroker/{place}:{line}"
            if parts[0] != "pybroker":
                if parts[0] not in sys.stdlib_module_names | RUNTIME | TOOLS.get(package, frozenset()):
                    wrong.append(f"{where}: {parts[0]} is not a dependency of the broker")
                continue
            target = parts[1] if len(parts) > 1 and ((root / "pybroker" / parts[1]).is_dir() or parts[1] in LAYERS) else ""
            if target not in LAYERS[package] | {package, ""}:
                wrong.append(f"{where}: {package or 'pybroker'} may not import {name}")
            if place.startswith("protocol/codegen/") and target not in ("protocol", ""):
                wrong.append(f"{where}: the generator runs before anything is built")
    return wrong


def _each_call(root: Path, folder: str, rule: Callable[[str, ast.Call], str]) -> list[str]:
    wrong = []
    for place, path in modules(root, folder):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and (text := rule(place, node)):
                wrong.append(f"{folder}/{place}:{node.lineno}: {text}")
    return wrong


def check_banned(root: Path) -> list[str]:
    """Nothing that runs text, unpickles or starts a shell, in the product and its tools."""

    def rule(place: str, node: ast.Call) -> str:
        name = dotted(node.func)
        if name in BANNED_CALLS:
            return f"{name}(): {BANNED_CALLS[name]}"
        if any(word.arg == "shell" and isinstance(word.value, ast.Constant) and word.value.value is True for word in node.keywords):
            return "shell=True"
        return ""

    wrong = []
    for folder in ("pybroker", "plugins", "tests"):
        wrong += _each_call(root, folder, rule)
        for place, path in modules(root, folder):
            wrong += [f"{folder}/{place}:{line}: {name} is not used here" for line, name in imported(place, tree_of(path)) if name.split(".")[0] in BANNED_MODULES]
    return wrong


def check_clocks(root: Path) -> list[str]:
    """Handlers, coordinators and metadata read no clock: now_ms is an argument."""

    def rule(place: str, node: ast.Call) -> str:
        name = dotted(node.func)
        return f"{name}(): the time is passed in" if place.split("/")[0] in NO_CLOCK and name in CLOCKS else ""

    return _each_call(root, "pybroker", rule)


def check_logging(root: Path) -> list[str]:
    """A log call has a constant message; what varies is in ``extra``. Nothing prints but what talks to a person."""

    def rule(place: str, node: ast.Call) -> str:
        name = dotted(node.func)
        if name == "print" and place not in PRINTS:
            return "print(): use logging"
        owner, _, verb = name.rpartition(".")
        if verb in LOG_CALLS and owner.split(".")[-1].strip("_").lower() in {"log", "logger", "logging"} and node.args and isinstance(node.args[0], ast.JoinedStr | ast.BinOp | ast.Call):
            return f"{name}(): the message is not put together, what varies goes into extra"
        return ""

    return _each_call(root, "pybroker", rule)


def check_sleeps(root: Path) -> list[str]:
    """No test sleeps: it awaits an event with a time-out. asyncio.sleep(0) lets others run and is none."""

    def rule(place: str, node: ast.Call) -> str:
        name = dotted(node.func)
        nothing = bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
        return f"{name}(): await what is to happen, with a time-out" if name.rpartition(".")[2] == "sleep" and not (name == "asyncio.sleep" and nothing) else ""

    wrong = _each_call(root, "tests", rule) + [line for line in _each_call(root, "plugins", rule) if "/tests/" in line]
    for path in sorted((root / "tests").rglob("*.[ch]")):
        if "node_modules" not in path.parts:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                wrong += [f"{path.relative_to(root)}:{number}: {name}()" for name in ("sleep", "usleep", "nanosleep") if f" {name}(" in f" {line.strip()}"]
    return wrong
