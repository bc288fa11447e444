"""Pages of the reference that are made from the sources: config keys, API keys and versions, errors, the command line.

A file is written only when its text changed, so that Sphinx reads anew what is new.
"""

import importlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pybroker.broker import arguments, config
from pybroker.protocol.codegen import model
from pybroker.protocol.definitions import errors, served

UPDATES = {"r": "at start", "b": "per broker, while it runs", "c": "for all brokers, while they run", "t": "per topic, while it runs"}
KINDS = {
    "broker": "Keys of the broker: in the properties file, the environment or on the command line.",
    "topic": "Keys of a topic: given when it is made, or altered later. Unset, the broker's key of the second line holds.",
    "group": "Keys of a consumer group.",
    "client-metrics": "Keys of a subscription to clients' metrics.",
}


def escaped(text: str) -> str:
    """Text that reStructuredText leaves as it is."""
    return "".join(f"\\{char}" if char in "\\*`|_<>" else char for char in text)


def literal(text: str) -> str:
    return f"``{text}``" if text.strip() else "*empty*"


def heading(text: str, line: str = "=") -> list[str]:
    return [text, line * len(text), ""]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], widths: str = "auto") -> Iterator[str]:
    """A list table; a cell may have several lines."""
    yield from [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in [heads, *rows]:
        for number, cell in enumerate(row):
            first, *others = cell.split("\n")
            yield f"   {'*' if number == 0 else ' '} - {first}".rstrip()
            yield from (f"       {line}" for line in others)
    yield ""


def config_page(kind: str) -> list[str]:
    """All keys of a kind; those that the broker acts on come first."""
    keys = config.keys(kind).values()
    lines = [*heading(f"Config keys: {kind}"), KINDS[kind], "", "Names, units, defaults and ranges are Kafka's; those that begin with ``pybroker.`` are ours.", ""]
    for title, acted in (("Acted on", True), ("Accepted and listed only", False)):
        chosen = [key for key in keys if key.acted is acted]
        if chosen:
            lines += heading(title, "-")
            for key in chosen:
                lines += config_entry(key)
    return lines


def config_entry(key: config.ConfigKey) -> list[str]:
    default = "none" if key.default is None else literal(key.default)
    facts = [config._range_words(key), f"default {default}", f"changes take effect {UPDATES[key.update]}" if key.update != "r" else "read at start"]
    if key.synonyms:
        facts.append("falls back to " + ", ".join(literal(name) for name in key.synonyms))
    return [f"``{key.name}``", f"   {escaped(key.text)}", "", f"   {'; '.join([escaped(facts[0]), *facts[1:]])}.", ""]


def keys_page() -> list[str]:
    """API keys: what is advertised, on which plane, from which version on it is flexible."""
    rows = []
    for module in model.load():
        key = module.key
        if key is None or key not in served.SERVED_NOW:
            continue
        low, high = served.RANGES[key]
        text = f"{low}-{high}" if low != high else str(low)
        if key == 0:
            text += f" (answered from {served.PRODUCE_SERVED_FROM})"
        name = importlib.import_module(f"pybroker.protocol.definitions.{module.name}").NAME
        rows.append((str(key), name, text, "data, in C" if key in served.DATA_PLANE else "control, in Python"))
    return [
        *heading("API keys and versions"),
        "What ApiVersions lists. A key that has no handler is not listed, so that a client falls back or says what is missing.",
        "",
        *table(("Key", "Name", "Versions", "Plane"), rows),
    ]


def errors_page() -> list[str]:
    rows = [(str(code), literal(name), "yes" if retriable else "no", "yes" if refresh else "no") for code, name, retriable, refresh, _ in errors.ERRORS]
    return [
        *heading("Error codes"),
        "Kafka's codes. Retriable: the same request may succeed later. Refresh: the client should ask for metadata first.",
        "",
        *table(("Code", "Name", "Retriable", "Refresh"), rows),
    ]


def command_page() -> list[str]:
    usage = [f"   {line}".rstrip() for line in arguments.USAGE.rstrip().splitlines()]
    return [
        *heading("pybrokerd"),
        ".. code-block:: text",
        "",
        *usage,
        "",
        "When it can serve, it prints one line on stdout:",
        "",
        ".. code-block:: text",
        "",
        "   pybrokerd ready listeners=PLAINTEXT://127.0.0.1:9092 pid=4711 log.dirs=/var/lib/pybroker",
        "",
        "All else goes to stderr, as ``key=value`` or JSON (``pybroker.log.format``). SIGTERM and SIGINT stop it cleanly.",
        "",
    ]


def write(folder: Path) -> None:
    """All pages, into a folder that git does not keep."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {f"config-{kind}": config_page(kind) for kind in KINDS}
    pages |= {"api-keys": keys_page(), "errors": errors_page(), "pybrokerd": command_page()}
    for name, lines in pages.items():
        text = "\n".join(lines)
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
