"""Plugins for brokers of tests: ``start_broker(plugins={"name": a text, a module or a class})``, or by hand with ``PluginFolder``."""

from collections.abc import Mapping
from pathlib import Path

from pybroker.testing.plugin_folder import Plugin, PluginFolder

__all__ = ["Plugin", "PluginFolder", "with_plugins"]


def with_plugins(folder: Path, plugins: Mapping[str, Plugin]) -> tuple[dict[str, str], dict[str, str]]:
    """Config and environment of a broker that has these plugins enabled, in this order."""
    made = PluginFolder(folder)
    for name, plugin in plugins.items():
        made.add(name, plugin)
    return made.settings(), made.environment()
