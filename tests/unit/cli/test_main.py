"""The command's group: every command is there, and none is imported before it is used."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from pybroker.cli.main import COMMANDS, main


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_of_the_table_is_one(name: str) -> None:
    done = CliRunner().invoke(main, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert f"main {name}" in done.output


def test_the_list_imports_no_command() -> None:
    code = "import sys; from pybroker.cli.main import main; main(['--help'], standalone_mode=False); assert not [n for n in sys.modules if n in ('rich', 'pybroker.cli.plugins')]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)


def test_what_there_is_not_is_wrong_usage() -> None:
    assert CliRunner().invoke(main, ["plugin5"]).exit_code == 2
    assert isinstance(main, click.Group)
