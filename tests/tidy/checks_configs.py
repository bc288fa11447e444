"""Rules for what the broker says of itself: a config key that is acted on reaches the code that acts, and a bound that is named is kept."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

TABLE: Final = "pybroker/broker/config_keys.py"
BROKER_CONFIG: Final = "pybroker/broker/broker_config.py"
KINDS: Final = ("BROKER", "TOPIC", "GROUP", "CLIENT_METRICS")
COLUMNS: Final = 8
TEXT_CHARS_MIN: Final = 12
TYPES: Final = frozenset("bsihldLcp")
UPDATES: Final = frozenset("rbct")


class Row(NamedTuple):
    """One key of the table, and the line it stands in."""

    line: int
    kind: str
    name: str
    type: str
    update: str
    acted: str
    synonyms: tuple[str, ...]
    text: str


def rows(root: Path) -> Iterator[Row]:
    """Every row of the table. One with the wrong number of columns has an empty type."""
    for node in ast.parse((root / TABLE).read_text()).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if not (isinstance(target, ast.Name) and target.id in KINDS and isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)):
            continue
        wanted = COLUMNS + (target.id == "TOPIC")
        text = str(node.value.value)
        start = (node.value.end_lineno or 0) - text.count("\n")
        for number, line in enumerate(text.splitlines(), start):
            words = line.split("|")
            if len(words) != wanted:
                yield Row(number, target.id, words[0], "", "", "", (), "")
            else:
                synonyms = tuple(words[7].split()) if target.id == "TOPIC" else ()
                yield Row(number, target.id, words[0], words[1], words[5], words[6], synonyms, words[-1])


def check_config_rows(root: Path) -> list[str]:
    """Every config key has all its columns and a text of its own; names are unique within their kind."""
    wrong, seen = [], set()
    for row in rows(root):
        where = f"{TABLE}:{row.line}: {row.name}"
        if row.type not in TYPES or row.update not in UPDATES or row.acted not in ("+", "-"):
            wrong.append(f"{where}: not name|type|default|range|weight|update|acted|text")
        elif len(row.text) < TEXT_CHARS_MIN or not row.text.endswith("."):
            wrong.append(f"{where}: no text that says what it is for")
        if (row.kind, row.name) in seen:
            wrong.append(f"{where}: twice")
        seen.add((row.kind, row.name))
    return wrong


# ---- acted on


def _named(root: Path) -> list[re.Pattern[str]]:
    """What the code asks for: every text constant that looks like a key, and f-strings with anything in their gaps."""
    found = set()
    for path in sorted((root / "pybroker").rglob("*.py")):
        place = path.relative_to(root).as_posix()
        if place == TABLE or "/messages/" in place or "/definitions/" in place:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[a-z][a-z.]+", node.value):
                found.add(re.escape(node.value))
            elif isinstance(node, ast.JoinedStr):
                parts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[a-z0-9]+" for part in node.values]
                if "." in "".join(parts) and not any(" " in part for part in parts):
                    found.add("".join(parts))
    return [re.compile(pattern) for pattern in sorted(found)]


def _feeds(root: Path) -> dict[str, str]:
    """Config key -> setting of the core, as topic_settings and core_settings put it: {"flush_ms": number("flush.ms", own)}."""
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse((root / BROKER_CONFIG).read_text())):
        if not (isinstance(node, ast.FunctionDef) and node.name in ("topic_settings", "core_settings")):
            continue
        for inner in ast.walk(node):
            if isinstance(inner, ast.Dict):
                for key, value in zip(inner.keys, inner.values, strict=True):
                    names = [leaf.value for leaf in ast.walk(value) if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)]
                    if isinstance(key, ast.Constant) and names:
                        found[names[0]] = str(key.value)
    return found


def _is_used(setting: str, sources: dict[str, str]) -> bool:
    """Whether the core does more with a setting than to carry it: the field it is put into is read somewhere."""
    every = "\n".join(sources.values())
    used = re.findall(rf"(?:\.(\w+)\s*=[^\n;]*)?\bPB_(?:TOPIC|SETTING)_{re.escape(setting)}\b(?:: broker->[\w.]*?(\w+) = )?", every)
    fields = [left or right for left, right in used]
    return any(not field or re.search(rf"(?:->|\.){field}\b(?!\s*=[^=])", every) for field in fields)


def check_acted(root: Path) -> list[str]:
    """A key that says it is acted on is asked for by name, or stands in for a topic's key that is; and where it goes to the core, the core reads it."""
    table = list(rows(root))
    patterns, feeds = _named(root), _feeds(root)
    sources = {path.as_posix(): path.read_text() for path in sorted((root / "csrc").rglob("*.[ch]")) if path.name != "pb.h"}
    topic = {row.name: row for row in table if row.kind == "TOPIC"}
    unread = {name for name, setting in feeds.items() if not _is_used(setting, sources)}
    stands_for: dict[str, list[str]] = {}
    for row in topic.values():
        for name in row.synonyms:
            stands_for.setdefault(name, []).append(row.name)
    wrong = []
    for row in table:
        if row.acted != "+":
            continue
        where = f"{TABLE}:{row.line}: {row.name} says it is acted on"
        ways = stands_for.get(row.name, []) if row.kind == "BROKER" else []
        if row.name in unread or (ways and all(name in unread for name in ways)):
            wrong.append(f"{where}, but csrc never reads {feeds.get(row.name) or feeds[ways[0]]}")
        elif not any(topic[name].acted == "+" for name in ways) and not any(pattern.fullmatch(row.name) for pattern in patterns):
            wrong.append(f"{where}, but nothing asks for it")
    return wrong


# ---- bounds


def limits(root: Path) -> Iterator[tuple[int, str]]:
    """(line, name) of every bound of base/limits.h."""
    for number, line in enumerate((root / "csrc" / "base" / "limits.h").read_text().splitlines(), 1):
        if match := re.match(r"\s+(PB_[A-Z0-9_]+)\s*=", line):
            yield number, match[1]


def check_limits(root: Path) -> list[str]:
    """A bound that has a name is one that something keeps to."""
    sources = [path for folder in ("csrc", "pybroker/_core") for path in (root / folder).rglob("*") if path.suffix in (".c", ".h", ".pyx")]
    text = "\n".join(path.read_text() for path in sources if path.name != "limits.h")
    return [f"csrc/base/limits.h:{number}: {name} bounds nothing" for number, name in limits(root) if not re.search(rf"\b{name}\b", text)]
