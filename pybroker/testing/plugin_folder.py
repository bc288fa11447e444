"""Plugins that a broker finds as if they were installed: a folder with the metadata of a package for each, put before a broker's path.

On disk     <folder>/<module>.py               the text, or a few lines that load the file the object stands in
            <folder>/<name>-0.dist-info/       METADATA and entry_points.txt, as an installer leaves them
"""

import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from pybroker.hooks import ENTRY_POINT_GROUP

Plugin = str | ModuleType | type | Callable[[], Any]
"""A plugin as a test has it: the text of a module, a module, a class, or a function that makes one."""

_LOADER = '''\
"""Loads {what} of {path} in the broker's process."""

import importlib.util
import operator
import sys

sys.path.extend(place for place in {paths!r} if place not in sys.path)
module = sys.modules.get({module!r})
if module is None:
    spec = importlib.util.spec_from_file_location({module!r}, {path!r})
    module = sys.modules[{module!r}] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
'''


class PluginFolder:
    """Plugins for brokers that start with ``environment()``; which of them a broker enables, ``pybroker.plugins`` says as always.

    A class or a module is loaded anew in the broker's process from the file it stands in, so it must be at the top level of that file, and shares no memory with the test.
    """

    def __init__(self, path: Path) -> None:
        """``path``: made if it is missing."""
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.names: list[str] = []

    def add(self, name: str, plugin: Plugin) -> Self:
        """Make ``plugin`` available as ``name``, in place of one of that name. Raises ValueError for a class or function that cannot be found again from its file."""
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name):
            raise ValueError(f"{name!r} is no name for a plugin")
        module = "test_plugin_" + re.sub(r"\W", "_", name)
        text, attribute = (plugin, "") if isinstance(plugin, str) else _loader(plugin)
        (self.path / f"{module}.py").write_text(text)
        info = self.path / f"{module}-0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 0\n")
        (info / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\n{name} = {module}{attribute}\n")
        if name not in self.names:
            self.names.append(name)
        return self

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a broker must have in its environment, besides what ``base`` has (default: this process's)."""
        before = (os.environ if base is None else base).get("PYTHONPATH")
        return {"PYTHONPATH": os.pathsep.join([str(self.path), *([before] if before else [])])}

    def settings(self) -> dict[str, str]:
        """Config that enables all of them, in the order in which they were added."""
        return {"pybroker.plugins": ",".join(self.names)}


def _loader(plugin: ModuleType | type | Callable[[], Any]) -> tuple[str, str]:
    """The module that loads it, and what its entry point names in there."""
    if isinstance(plugin, ModuleType):
        module, what = plugin.__name__, ""
    elif inspect.isclass(plugin) or inspect.isfunction(plugin):
        module, what = plugin.__module__, plugin.__qualname__
    else:
        raise ValueError(f"a plugin is the text of a module, a module, a class or a function that makes one; {type(plugin).__name__} cannot go to another process")
    if "<locals>" in what or "<lambda>" in what:
        raise ValueError(f"{what} cannot be found from outside: put it at the top level of its module")
    file = inspect.getsourcefile(plugin)
    if file is None:
        raise ValueError(f"{what or module} has no file")
    text = _LOADER.format(what=what or module, path=os.path.abspath(file), module=module, paths=[os.path.abspath(place or ".") for place in sys.path])
    if not what:
        return text + "plugin = module\n", ":plugin"
    return text + f"plugin = operator.attrgetter({what!r})(module)" + ("" if inspect.isclass(plugin) else "()") + "\n", ":plugin"
