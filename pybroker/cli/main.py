"""``pybroker``: the group, and the table of its commands. A command's module is imported when the command is used, not for the list of them.

Exit codes: 0 done, 1 failed (no broker there, an error answered), 2 wrong usage.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple

import click

from pybroker import __version__


class Place(NamedTuple):
    """Where a command is: ``module:attribute``, and its line in the list."""

    target: str
    help: str


COMMANDS: Mapping[str, Place] = {
    "plugin": Place("pybroker.cli.plugin:plugin", "Write plugins: `pybroker plugin new`."),
    "plugins": Place("pybroker.cli.plugins:plugins", "See the plugins of a running broker, and what they do."),
    "status": Place("pybroker.cli.status:status", "See how a running broker is."),
}
"""Every command; to add one, add its line."""


class LazyGroup(click.Group):
    """A group of commands that are imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.target.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.help) for name, place in sorted(COMMANDS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="pybroker", message="%(prog)s %(version)s")
def main() -> None:
    """Tools beside a pybroker. The broker itself is pybrokerd."""
