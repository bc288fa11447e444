"""Asking a running broker on this machine, by the socket in its first log directory."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pybroker.broker.config import ConfigError, gather
from pybroker.broker.inspection import NAME, address
from pybroker.cli.output import Failure

F = TypeVar("F", bound=Callable[..., Any])

ANSWER_S_MAX = 15.0
DEFAULT_DIRECTORY = "./pybroker-data"


def broker_options(function: F) -> F:
    """``--data-dir`` and ``--config``, as arguments ``data_dir`` and ``config``, which ``ask`` takes."""
    with_config = click.option("--config", type=click.Path(exists=True, dir_okay=False), help="The broker's properties file, which names its data directory.")(function)
    return click.option("--data-dir", type=click.Path(file_okay=False), help=f"The broker's (first) data directory.  [default: {DEFAULT_DIRECTORY}]")(with_config)


def directory_of(data_dir: str | None, config: str | None) -> str:
    """The directory that the options name; else what the environment says as it would to the broker; else the broker's default."""
    if data_dir is not None and config is not None:
        raise click.UsageError("--data-dir and --config name the same thing; give one")
    if data_dir is not None:
        return data_dir
    try:
        settings = gather(config, (), os.environ)
    except ConfigError as error:
        raise Failure(str(error)) from error
    for name in ("log.dirs", "log.dir"):
        first = settings[name].text.split(",")[0].strip() if name in settings else ""
        if first:
            return first
    return DEFAULT_DIRECTORY


def ask(data_dir: str | None, config: str | None, question: str, **arguments: object) -> Any:
    """A broker's answer. Raises Failure."""
    directory = directory_of(data_dir, config)
    path = str(Path(directory, NAME))
    try:
        line = _exchange(directory, path, json.dumps({"ask": question, **arguments}).encode() + b"\n")
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise Failure(f"no broker runs on {directory}; --data-dir or --config says where it is") from error
    except TimeoutError as error:
        raise Failure(f"{path}: no answer within {ANSWER_S_MAX:g} s") from error
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}") from error
    if not line:
        raise Failure(f"{path}: the broker closed the connection without an answer")
    answer = json.loads(line)
    if "error" in answer:
        raise Failure(str(answer["error"]))
    return answer["answer"]


def _exchange(directory: str, path: str, question: bytes) -> bytes:
    handle = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
            made.settimeout(ANSWER_S_MAX)
            made.connect(address(path, handle))
            made.sendall(question)
            with made.makefile("rb") as answer:
                return answer.readline()
    finally:
        os.close(handle)
