"""The program: command line, config, start, signals, stop. Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage or config."""

import gc
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pybroker import __version__
from pybroker.broker.arguments import USAGE, Arguments, UsageError, parse

if TYPE_CHECKING:
    from pybroker.broker.broker_config import BrokerConfig
    from pybroker.broker.server import Server
    from pybroker.hooks.manager import PluginManager

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
COLLECTION_THRESHOLDS = 20_000, 20, 100
"""Python's collector looks for cycles less often than it does by itself (700, 10, 10): requests make many objects and no cycles, coordinators keep many."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run pybrokerd with the words after its name (default: those of the process). Returns the exit code."""
    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
    except UsageError as error:
        return _refuse(str(error))
    if arguments.action == "help":
        sys.stdout.write(USAGE)
        return EXIT_OK
    if arguments.action == "version":
        sys.stdout.write(f"pybrokerd {__version__}\n")
        return EXIT_OK
    return _run(arguments, os.environ)


def _refuse(text: str) -> int:
    sys.stderr.write(f"pybrokerd: {text}\n")
    return EXIT_USAGE


def _run(arguments: Arguments, environment: Mapping[str, str]) -> int:
    from pybroker.broker import plugins
    from pybroker.broker.broker_config import BrokerConfig
    from pybroker.broker.config import ConfigError, gather

    try:
        settings = gather(arguments.path, arguments.overrides, environment)
        manager = plugins.load(settings)
        config = BrokerConfig(settings)
    except ConfigError as error:
        return _refuse(str(error))
    if arguments.action == "check":
        for warning in config.warnings:
            sys.stderr.write(f"pybrokerd: warning: {warning}\n")
        sys.stdout.write("pybrokerd: config is usable\n")
        return EXIT_OK
    from pybroker.broker.loop import asyncio
    from pybroker.observe import logs

    os.umask(0o077)
    logs.set_up(config.text("pybroker.log.format") or "kv", config.text("pybroker.log.level") or "info")
    with asyncio.Runner() as runner:
        return runner.run(_serve(config, manager, arguments, environment))


async def _serve(config: "BrokerConfig", manager: "PluginManager | None", arguments: Arguments, environment: Mapping[str, str]) -> int:
    import logging

    from pybroker._core.core import Core, CoreError
    from pybroker.broker.loop import asyncio
    from pybroker.broker.server import Server, StartError, StartStopped

    log = logging.getLogger(__name__)
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    server = Server(config, Core, CoreError, manager)

    def interrupt(*_: object) -> None:
        stopping.set()
        server.interrupt()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)                    # the loop runs no handler of its own while the broker starts
    signal.signal(signal.SIGHUP, signal.SIG_IGN)            # until there is something to reload
    for warning in config.warnings:
        log.warning(warning)
    try:
        server.start()
    except StartError as error:
        log.error("cannot start", extra={"error": str(error)})
        return EXIT_FAILED
    except StartStopped:
        log.warning("stopped while logs were checked; the next start checks them again")
        return EXIT_OK
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, _reload, server, arguments, environment)
    sys.stdout.write(server.ready_line(os.getpid()) + "\n")
    sys.stdout.flush()
    gc.freeze()                                             # what a start made stays: no collection looks at it again
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    log.info("ready", extra={"version": __version__, "node_id": server.node_id, "cluster_id": server.cluster_id})
    await stopping.wait()
    log.info("stopping")
    try:
        await server.stop()
    except Exception as error:
        log.error("the stop was not clean", exc_info=error)
        return EXIT_FAILED
    log.info("stopped")
    return EXIT_OK


def _reload(server: "Server", arguments: Arguments, environment: Mapping[str, str]) -> None:
    import logging

    from pybroker.broker.config import ConfigError, gather

    try:
        server.reload(gather(arguments.path, arguments.overrides, environment))
    except ConfigError as error:
        logging.getLogger(__name__).error("config is not read again, the old one stays", extra={"error": str(error)})
