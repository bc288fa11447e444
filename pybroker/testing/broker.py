"""A real broker for tests: a process on a free port, ready in a fraction of a second, stopped cleanly or killed. Nothing sleeps: every wait is a read or a wait with a time-out.

``PYBROKERD`` names another program than the one of this environment.
"""

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from pybroker.testing.plugin_folder import Plugin, PluginFolder

if TYPE_CHECKING:
    from pybroker.testing.client import Client

READY: Final = re.compile(r"^pybrokerd ready listeners=(?P<listeners>\S+) pid=(?P<pid>\d+) log\.dirs=(?P<log_dirs>.+)$")
START_S_MAX: Final = 20.0
STOP_S_MAX: Final = 20.0

TEST_CONFIG: Final[Mapping[str, str]] = {
    "listeners": "PLAINTEXT://127.0.0.1:0",
    # Kafka's own durability, so that thousands of small topics do not wait for the disk.
    "pybroker.flush.policy": "os",
    # Records of tests carry a fixed time, which is long ago: retention comes to those tests only that ask for it.
    "log.retention.check.interval.ms": "86400000",
    "pybroker.retention.first.check.ms": "86400000",
}
"""What a broker of tests has unless it is told otherwise."""


class BrokerError(AssertionError):
    """The process did not do what it should. The text has the end of its log."""


class Broker:
    """One pybrokerd on a data directory. ``with Broker(dir) as broker`` starts it, and stops it with a check: alive until then, exit code 0."""

    def __init__(
        self,
        data_dir: Path | None = None,
        overrides: Mapping[str, str] | None = None,
        *,
        plugins: Sequence[str] | Mapping[str, Plugin] = (),
        config_file: Path | None = None,
        environment: Mapping[str, str] | None = None,
        program: Path | None = None,
    ) -> None:
        """``data_dir``: None is one that goes with the broker. ``overrides``: config above TEST_CONFIG. ``plugins``: names of installed ones to enable, in this order; or name to a
        text, module, class or function (see PluginFolder)."""
        self._own_dir = TemporaryDirectory(prefix="pybroker-", ignore_cleanup_errors=True) if data_dir is None else None
        self.data_dir = Path(self._own_dir.name, "data") if self._own_dir else Path(data_dir or "")
        self.log_path = self.data_dir.parent / f"{self.data_dir.name}.log"
        enabled, path = _plugins(self.data_dir.parent / f"{self.data_dir.name}-plugins", plugins)
        self.overrides: dict[str, str] = {**TEST_CONFIG, "log.dirs": str(self.data_dir), **enabled, **(overrides or {})}
        self.config_file = config_file
        self.environment = {**os.environ, **path, **(environment or {})}
        self.program = (program or Path(os.environ.get("PYBROKERD") or Path(sys.executable).with_name("pybrokerd"))).absolute()
        self.process: subprocess.Popen[bytes] | None = None
        self.ready_line = ""
        self.host, self.port = "", 0

    # ---- starting

    def command(self) -> list[str]:
        """The words that start it."""
        words = [str(self.program)] + ([str(self.config_file)] if self.config_file else [])
        for key, value in self.overrides.items():
            words += ["--override", f"{key}={value}"]
        return words

    def spawn(self) -> None:
        """Start the process; ``wait_ready`` follows."""
        assert self.process is None
        if not self.program.exists():
            raise BrokerError(f"{self.program} is not there: pybroker is not installed (or not built) in this environment")
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=self.environment, cwd=self.data_dir.parent, start_new_session=True
            )

    def wait_ready(self, timeout_s: float = START_S_MAX) -> Self:
        """Await the one line on stdout."""
        assert self.process is not None and self.process.stdout is not None
        line = b""
        pipe = self.process.stdout.fileno()
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([pipe], [], [], timeout_s)
            if not readable:
                raise BrokerError(f"no ready line within {timeout_s} s\n{self.log_tail()}")
            got = os.read(pipe, 1)
            if not got:
                raise BrokerError(f"pybrokerd ended with {self.process.wait()} before it was ready\n{self.log_tail()}")
            line += got
        self.ready_line = line.decode().rstrip("\n")
        match = READY.match(self.ready_line)
        if match is None:
            raise BrokerError(f"not a ready line: {self.ready_line!r}")
        assert int(match["pid"]) == self.process.pid
        self.host, self.port = parse_address(match["listeners"].split(",")[0].partition("://")[2])
        return self

    def start(self) -> Self:
        """Start the process, and wait until it serves. Raises BrokerError."""
        self.spawn()
        try:
            return self.wait_ready()
        except BaseException:
            self.discard()
            raise

    # ---- using

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port

    @property
    def bootstrap(self) -> str:
        """``host:port``, as clients want it."""
        return f"{self.host}:{self.port}"

    def client(self, *, client_id: str = "test", login: tuple[str, str] | None = None) -> "Client":
        """A connection of this broker's (client.py); close it, or use it in a ``with``."""
        from pybroker.testing.client import Client

        return Client(self.address, client_id=client_id, login=login)

    # ---- watching

    @property
    def pid(self) -> int:
        """Of its process, while it runs."""
        assert self.process is not None
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    def log_text(self) -> str:
        """All that it logged."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, bytes_max: int = 8192) -> str:
        """The end of its log, with a head line."""
        return f"---- {self.log_path.name}\n{self.log_text()[-bytes_max:]}"

    def assert_alive(self) -> None:
        """Raises BrokerError when its process has ended."""
        if not self.is_alive:
            code = self.process.returncode if self.process is not None else None
            raise BrokerError(f"the broker died (exit code {code})\n{self.log_tail()}")

    # ---- stopping

    def _ended(self) -> int:
        assert self.process is not None and self.process.stdout is not None
        try:
            code = self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise BrokerError(f"the broker did not stop within {STOP_S_MAX} s\n{self.log_tail()}") from None
        finally:
            self.process.stdout.close()
        self.process = None
        return code

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask it to stop; it must have lived until now and end with 0."""
        self.assert_alive()
        assert self.process is not None
        self.process.send_signal(number)
        code = self._ended()
        if code != 0:
            raise BrokerError(f"exit code {code} after {signal.Signals(number).name}\n{self.log_tail()}")

    def kill(self) -> None:
        """kill -9: what a crash is to the files."""
        self.assert_alive()
        assert self.process is not None
        self.process.kill()
        assert self._ended() == -signal.SIGKILL

    def discard(self) -> None:
        """End it in whatever state it is, after a failure."""
        if self.process is not None:
            self.process.kill()
            self._ended()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is not None:
                alive = self.is_alive
                self.discard()
                if error is not None:
                    error.add_note(f"the broker was {'alive' if alive else 'dead'}\n{self.log_tail()}")
            elif self.process is not None:
                self.stop()
        finally:
            if self._own_dir is not None:
                self._own_dir.cleanup()


def _plugins(folder: Path, plugins: Sequence[str] | Mapping[str, Plugin]) -> tuple[dict[str, str], dict[str, str]]:
    """Config and environment that enable them."""
    if not isinstance(plugins, Mapping):
        return ({"pybroker.plugins": ",".join(plugins)} if plugins else {}), {}
    if not plugins:
        return {}, {}
    made = PluginFolder(folder)
    for name, plugin in plugins.items():
        made.add(name, plugin)
    return made.settings(), made.environment()


def parse_address(text: str) -> tuple[str, int]:
    """``[::1]:9092`` as host and port."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
