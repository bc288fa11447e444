"""The command line of pybrokerd, as Kafka's start script takes it. Own code: argparse costs a tenth of the whole start."""

from collections.abc import Sequence
from typing import NamedTuple

USAGE = """\
usage: pybrokerd [server.properties] [--override key=value]... [--check-config] [--version] [--help]

  server.properties      file with config keys, in the form Kafka's broker reads; without one: loopback port 9092, data in ./pybroker-data
  --override key=value   set one key above the file; may be repeated
  --check-config         check the config, say so and end
  --version              print the version and end
  --help                 print this and end

A key can also be set by an environment variable: PYBROKER_CONFIG_NUM_PARTITIONS=3 is num.partitions=3. Order: file, environment, --override.
Exit codes: 0 stopped as asked, 1 failed while starting or running, 2 wrong usage or config.
"""


class UsageError(ValueError):
    """A command line that cannot be understood. The text is one line."""


class Arguments(NamedTuple):
    """What the command line asks for."""

    path: str | None
    overrides: tuple[str, ...]
    action: str
    """``run``, ``check``, ``version`` or ``help``."""


def parse(words: Sequence[str]) -> Arguments:
    """Read the words after the program's name. Raises UsageError."""
    path: str | None = None
    overrides: list[str] = []
    action = "run"
    waiting = iter(words)
    for word in waiting:
        if word == "--override":
            value = next(waiting, None)
            if value is None:
                raise UsageError("--override needs key=value after it")
            overrides.append(value)
        elif word.startswith("--override="):
            overrides.append(word.removeprefix("--override="))
        elif word in ("--help", "-h"):
            return Arguments(None, (), "help")
        elif word == "--version":
            return Arguments(None, (), "version")
        elif word == "--check-config":
            action = "check"
        elif word.startswith("-"):
            raise UsageError(f"unknown option {word[:100]!r}; see --help")
        elif path is not None:
            raise UsageError(f"two config files: {path!r} and {word[:100]!r}")
        else:
            path = word
    return Arguments(path, tuple(overrides), action)
