"""``pybroker plugin new``: a package that works, to begin with."""

import keyword
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import NamedTuple

import click

from pybroker.cli.output import Failure


class Kind(NamedTuple):
    """What a new package does, in a sentence; its config keys, a line each; and what pybrokerd needs besides to try it."""

    summary: str
    keys: tuple[str, ...] = ()
    flags: str = ""


KINDS: Mapping[str, Kind] = {
    "auth": Kind(
        "Logins by name and password, from a file of salted keys.",
        ("`$name.file`: file with a line for each user: `name:salt:key`",),
        " --override listeners=SASL_PLAINTEXT://127.0.0.1:9092 --override sasl.enabled.mechanisms=PLAIN",
    ),
    "authorize": Kind("Everybody may use the topics and groups that begin with their own name and a dot."),
    "interceptor": Kind("Refuses batches with values that are too large.", ("`$name.value.max.bytes`: most bytes of a value (1000)",)),
    "native": Kind("Values on topics json-* must begin like a JSON object; checked in C."),
    "partitioner": Kind(
        "Records whose keys begin alike go to the same partition.",
        ("`$name.separator`, of a topic: what ends the part of a key that counts; with `pybroker.repartition=true` the broker spreads batches itself",),
    ),
    "policy": Kind(
        "New topics must be named by a pattern, and stay small.",
        ("`$name.pattern`: regular expression for names of topics", "`$name.partitions.max`: most partitions of a topic (100)"),
    ),
    "retention": Kind("Keeps records of a topic for some days.", ("`$name.days`, of a topic: days that its records are kept; 0 leaves it to the broker",)),
    "serde": Kind("Payloads as lines of CSV, for `pybroker produce` and `consume`."),
    "validator": Kind(
        "Values must be JSON objects that have some fields.",
        ("of a topic: `pybroker.value.schema.type=$name` and `pybroker.value.schema=id,name` (or `pybroker.key…`)",),
    ),
}
TEMPLATES = "templates"


@click.group()
def plugin() -> None:
    """Write plugins."""


@plugin.command()
@click.argument("name")
@click.option("--kind", required=True, type=click.Choice(sorted(KINDS)), help="What the plugin has a say on.")
@click.option("--dir", "parent", default=".", type=click.Path(exists=True, file_okay=False), help="Where the folder NAME is made.  [default: here]")
def new(name: str, kind: str, parent: str) -> None:
    """Write a package NAME (letters, digits, dashes): a plugin that works, with its tests, README and pyproject.toml."""
    module = module_of(name)
    target = Path(parent, name)
    if target.exists():
        raise Failure(f"{target} is there already")
    try:
        write(target, name, module, kind)
    except OSError as error:
        raise Failure(f"{target}: {error.strerror or error}") from error
    click.echo(f"{target} is a plugin of kind {kind}. Next:\n\n    cd {target}\n    pip install -e '.[test]'\n    pytest\n")


def module_of(name: str) -> str:
    """The module of a package. Raises UsageError for a name that cannot be one."""
    module = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > 60 or keyword.iskeyword(module):
        raise click.UsageError(f"{name!r} is no name for a package: lower-case letters, digits and single dashes, as in acme-retention")
    if name == "pybroker":
        raise click.UsageError("pybroker is the broker's own package; take a name of yours")
    return module


def write(target: Path, name: str, module: str, kind: str) -> None:
    """All files at once, or none. Raises OSError."""
    words = {"name": name, "module": module, "summary": KINDS[kind].summary, "flags": KINDS[kind].flags}
    words["keys"] = "\n".join(f"- {Template(line).substitute(words)}" for line in KINDS[kind].keys) or "None."
    made = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent))
    try:
        for place, source in _files(kind, module):
            path = made / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(source.read_text()).substitute(words))
        if kind == "native":
            from pybroker.hooks import get_include

            shutil.copy(Path(get_include(), "pybroker_native.h"), made / "src" / module)
        made.chmod(0o777 & ~_umask())
        os.rename(made, target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _files(kind: str, module: str) -> Iterator[tuple[str, Traversable]]:
    """Where each file goes, and its template."""
    root = files("pybroker.cli") / TEMPLATES
    places = {
        "plugin.py.txt": f"src/{module}/__init__.py",
        "test.py.txt": f"tests/test_{module}.py",
        "setup.py.txt": "setup.py",
        "_native.pyi.txt": f"src/{module}/_native.pyi",
        "_native.c.txt": f"src/{module}/_native.c",
    }
    for source in (root / "common").iterdir():
        yield source.name.removesuffix(".txt"), source
    yield f"src/{module}/py.typed", root / "py.typed"
    for source in (root / kind).iterdir():
        yield places[source.name], source


def _umask() -> int:
    """The process's; there is no way to read it but to set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
