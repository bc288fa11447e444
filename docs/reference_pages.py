"""Pages of the reference that are made from the sources: config keys, API keys and versions, errors, bounds, hooks, the command line.

A file is written only when its text changed, so that Sphinx reads anew what is new.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pybroker import hooks
from pybroker.broker import arguments, config
from pybroker.hooks import hookspecs, types
from pybroker.protocol.codegen import model
from pybroker.protocol.definitions import errors, served

UPDATES = {"r": "at start", "b": "per broker, while it runs", "c": "for all brokers, while they run", "t": "per topic, while it runs"}
WEIGHTS = {"h": "high", "m": "medium", "l": "low"}
UNITS = {"ms": "milliseconds", "seconds": "seconds", "minutes": "minutes", "hours": "hours", "bytes": "bytes", "second": "bytes per second", "percentage": "percent"}
"""What the last word of a key's name says of its numbers."""
SOURCES = Path(__file__).resolve().parents[1] / "csrc" / "base"
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


def unit(key: config.ConfigKey) -> str:
    """The unit of a number, or nothing."""
    if key.type not in config._INTEGER_BITS and key.type != "d":
        return ""
    if key.name == "pybroker.segment.bytes.min":
        return "bytes"
    return UNITS.get(key.name.rpartition(".")[2], "")


def config_entry(key: config.ConfigKey) -> list[str]:
    default = "none" if key.default is None else literal(key.default)
    facts = [config._range_words(key), f"default {default}", f"changes take effect {UPDATES[key.update]}" if key.update != "r" else "read at start"]
    if unit(key):
        facts.insert(1, f"unit {unit(key)}")
    facts.append(f"importance {WEIGHTS[key.weight]}")
    if key.synonyms:
        facts.append("falls back to " + ", ".join(literal(name) for name in key.synonyms))
    return [f"``{key.name}``", f"   {escaped(key.text)}", "", f"   {'; '.join([escaped(facts[0]), *facts[1:]])}.", ""]


def keys_page() -> list[str]:
    """API keys: what is advertised, on which plane, from which version on it is flexible; then what is not served."""
    rows, others = [], []
    for module in model.load():
        key = module.key
        if key is None:
            continue
        source = importlib.import_module(f"pybroker.protocol.definitions.{module.name}")
        if key not in served.SERVED_NOW:
            others.append((str(key), source.NAME))
            continue
        low, high = served.RANGES[key]
        text = f"{low}-{high}" if low != high else str(low)
        if key == 0:
            text += f" (answered from {served.PRODUCE_SERVED_FROM})"
        flexible = source.REQUEST.flexible
        place = f"csrc/api/{module.name}.c" if key in served.DATA_PLANE else f"pybroker/apis/{module.name}.py"
        rows.append((str(key), source.NAME, text, "never" if flexible == "none" else f"from {flexible.rstrip('+')}", "data" if key in served.DATA_PLANE else "control", literal(place)))
    return [
        *heading("API keys and versions"),
        "What ApiVersions lists. Keys of the data plane are answered in C on the connection's loop, those of the control plane in Python. Flexible: with compact lengths and tagged fields.",
        "",
        *table(("Key", "Name", "Versions", "Flexible", "Plane", "Handler"), rows),
        "",
        *heading("Defined and not served", "-"),
        "These are not listed in ApiVersions, so that a client falls back or says what is missing. A request for one closes its connection.",
        "",
        *table(("Key", "Name"), others),
    ]


def errors_page() -> list[str]:
    rows = [(str(code), literal(name), "yes" if retriable else "no", "yes" if refresh else "no") for code, name, retriable, refresh, _ in errors.ERRORS]
    return [
        *heading("Error codes"),
        "Kafka's codes. Retriable: the same request may succeed later. Refresh: the client should ask for metadata first.",
        "",
        *table(("Code", "Name", "Retriable", "Refresh"), rows),
    ]


def core_errors_page() -> list[str]:
    """What log lines of the core call an error, and what a client is told of it."""
    pattern = re.compile(r'^\s*X\((PB_E_\w+),\s*-\d+,\s*(-?\d+),\s*"([^"]+)"\)', re.MULTILINE)
    names = {code: name for code, name, *_ in errors.ERRORS}
    rows = [(literal(name), escaped(text), literal(names[int(code)])) for name, code, text in pattern.findall((SOURCES / "err.h").read_text())]
    return [
        *heading("Errors of the core"),
        "As log lines of the core name them (``error=PB_E_IO``), and the Kafka error that a client gets when one reaches it.",
        "",
        *table(("Name", "Meaning", "Kafka's error"), rows),
    ]


def limits_page() -> list[str]:
    """Bounds that are no config keys, each with the comment above it."""
    rows, comment = [], ""
    for block in re.findall(r"/\*(.*?)\*/|(PB_[A-Z0-9_]+)\s*=\s*([^,]+),", (SOURCES / "limits.h").read_text().partition("enum {")[2], re.DOTALL):
        if block[0]:
            comment = re.sub(r" \((?:[A-Z]\d\d(?:, )?)+\)", "", " ".join(re.sub(r"\n\s*\* ", "\n", block[0]).split()))
        else:
            rows.append((literal(block[1]), escaped(block[2].strip()), escaped(comment)))
            comment = ""
    return [
        *heading("Bounds"),
        "What the core holds at most where no config key says so, with the sum behind it. At a bound the broker stops reading or answers with an error; it does not grow.",
        "",
        *table(("Name", "Value", "Why"), rows, "30 15 55"),
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


def hooks_page() -> list[str]:
    """Every hook with its arguments and its text, then what hooks receive and return."""
    head, *paragraphs = inspect.cleandoc(hookspecs.__doc__ or "").split("\n\n")
    lines = [*heading("Hooks"), head, ""]
    for paragraph in paragraphs:
        lines += ["::", "", *(f"   {line}".rstrip() for line in re.sub(r"[*`]", "", paragraph).splitlines()), ""] if paragraph.startswith("Mode ") else [*paragraph.splitlines(), ""]
    tree = ast.parse(Path(hookspecs.__file__).read_text())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in hookspecs.SPECS:
            lines += hook_entry(node)
    lines += [*heading("What hooks receive and return", "-"), "From ``pybroker.hooks``. Units are in the names.", ""]
    for name, value in vars(types).items():
        if name in hooks.__all__ and inspect.isclass(value):
            lines += [*heading(name, "~"), ".. code-block:: python", "", *(f"   {line}".rstrip() for line in inspect.getsource(value).splitlines()), ""]
    return lines


def hook_entry(node: ast.FunctionDef) -> list[str]:
    spec = hookspecs.SPECS[node.name]
    returns = ast.unparse(node.returns).strip("'") if node.returns else "None"
    pipe = f" of ``{spec.value}``" if spec.value else ""
    return [
        *heading(f"``{node.name}``", "-"),
        ".. code-block:: python",
        "",
        f"   def {node.name}({ast.unparse(node.args)}) -> {returns}",
        "",
        f"*{spec.mode}*{pipe}, *{spec.path}*. {' '.join((ast.get_docstring(node) or '').split())}",
        "",
    ]


def tools_page() -> list[str]:
    """``pybroker`` and each of its commands, as ``--help`` shows them."""
    import click

    from pybroker.cli.main import main

    lines = [*heading("pybroker"), "The command for people, beside the broker. Exit codes: 0 done, 1 failed, 2 wrong usage.", ""]
    waiting: list[tuple[click.Command, click.Context]] = [(main, click.Context(main, info_name="pybroker", max_content_width=100, terminal_width=100))]
    for command, context in waiting:
        lines += [*heading(context.command_path, "-"), ".. code-block:: text", "", *(f"   {line}".rstrip() for line in command.get_help(context).splitlines()), ""]
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                waiting.append((found, click.Context(found, info_name=name, parent=context, max_content_width=100, terminal_width=100)))
    return lines


def testing_page() -> list[str]:
    """What ``pybroker.testing`` has for authors of plugins: each name with its arguments and its text."""
    from pybroker.testing import broker, client, fixtures, plugin_folder
    from pybroker.testing import hooks as driving

    lines = [*heading("pybroker.testing"), "Brokers and hooks in tests. The fixtures are there for pytest wherever pybroker is installed.", ""]
    lines += [*heading("Fixtures", "-"), *(line for name in ("pybroker_broker", "pybroker_start") for line in described(name, inspect.unwrap(getattr(fixtures, name)), ""))]
    for place in (broker.Broker, client.Client, plugin_folder.PluginFolder, driving.Harness, driving.Clock):
        lines += [*heading(f"{place.__module__}.{place.__name__}", "-"), *described(place.__name__, place.__init__, place.__doc__ or "")]
        for name, value in vars(place).items():
            if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                lines += described(name, value, "")
    lines += heading("pybroker.testing.hooks: what hooks are given", "-")
    for name in ("batch", "connection", "segments"):
        lines += described(name, getattr(driving, name), "")
    return lines


def described(name: str, value: object, text: str) -> list[str]:
    """A function, method or property: how it is called, and its text."""
    call = f"{name}{_arguments(value)}" if callable(value) else name
    words = " ".join([*inspect.cleandoc(text).split(), *inspect.cleandoc(getattr(value, "__doc__", None) or "").split()])
    return [f"``{call}``", f"   {words}", ""]


def _arguments(value: object) -> str:
    """(a, b=1, *, c): names and defaults; the types stand in the source."""
    signature = inspect.signature(value)  # type: ignore[arg-type]
    kept = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values() if parameter.name != "self"]
    return re.sub(r"<\w+\.(\w+): \d+>", r"\1", str(signature.replace(parameters=kept, return_annotation=inspect.Signature.empty)))


def write(folder: Path) -> None:
    """All pages, into a folder that git does not keep."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {f"config-{kind}": config_page(kind) for kind in KINDS}
    pages |= {"api-keys": keys_page(), "errors": errors_page(), "core-errors": core_errors_page(), "limits": limits_page(), "pybrokerd": command_page(), "pybroker": tools_page(), "testing": testing_page(), "hooks": hooks_page()}
    for name, lines in pages.items():
        text = "\n".join(lines)
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
