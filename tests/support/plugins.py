"""Plugins for tests: what pip would have left of a package, on a path of its own, for brokers that run from the source tree.

``acme = FakePlugin(tmp_path, "acme", SOURCE)``; ``Broker(dir, {"pybroker.plugins": "acme"}, environment=environment_of(acme))`` runs with it.
"""

import os
import textwrap
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from pybroker.testing.plugin_folder import Plugin, PluginFolder
from tests.support.shared import ROOT

__all__ = ["FakePlugin", "Plugin", "PluginFolder", "SourcePlugin", "environment_of", "with_plugins"]

HEAD: Final = "from pybroker.hooks import *\nfrom pybroker.hooks import hookimpl\n"


class OnPath(Protocol):
    """Something that a broker finds by these directories."""

    paths: tuple[Path, ...]


class FakePlugin:
    """A plugin of one module. ``source`` is its text: names of ``pybroker.hooks`` are imported for it, and ``pybroker_plugin_info`` is added where it has none
    (``facts``: further arguments of PluginInfo)."""

    def __init__(self, directory: Path, name: str, source: str, facts: str = "") -> None:
        self.name = name
        self._folder = PluginFolder(directory / f"site-{name}")
        self.paths = (self._folder.path,)
        self.write(source, facts)

    def write(self, source: str, facts: str = "") -> None:
        """Another text for the module; read when a broker starts."""
        text = HEAD + textwrap.dedent(source)
        if "def pybroker_plugin_info" not in text:
            text += f"\n\n@hookimpl\ndef pybroker_plugin_info():\n    return PluginInfo({self.name!r}, '1.0'{', ' + facts if facts else ''})\n"
        self._folder.add(self.name, text)


class SourcePlugin:
    """A package of plugins/ as it stands in the source tree. What it depends on must be installed."""

    def __init__(self, directory: Path, package: str) -> None:
        home = ROOT / "plugins" / package
        project = tomllib.loads((home / "pyproject.toml").read_text())["project"]
        made = directory / f"site-{package}"
        self.paths = (made, home / "src")
        _describe(made, package.replace("-", "_"), project["version"], project["entry-points"]["pybroker.plugins"])


def _describe(path: Path, package: str, version: str, points: dict[str, str]) -> None:
    info = path / f"{package}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text("[pybroker.plugins]\n" + "".join(f"{name} = {value}\n" for name, value in points.items()))


def environment_of(*plugins: OnPath) -> dict[str, str]:
    """The environment of a broker that finds these plugins."""
    words = [str(path) for plugin in plugins for path in plugin.paths]
    before = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([*words, before] if before else words)}


def with_plugins(folder: Path, plugins: Mapping[str, Plugin]) -> tuple[dict[str, str], dict[str, str]]:
    """Config and environment of a broker that has these plugins enabled, in this order."""
    made = PluginFolder(folder)
    for name, plugin in plugins.items():
        made.add(name, plugin)
    return made.settings(), made.environment()
