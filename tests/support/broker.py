"""A pybrokerd process for tests: started, watched, stopped, killed. Nothing sleeps: every wait is a read or a wait with a time-out.

``PYBROKER_TEST_BOOTSTRAP=host:port`` runs what can be run against a foreign broker (Apache Kafka: the oracle of what these tests claim). ``PYBROKERD`` names another program.
"""

import os
import re
import select
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from tests.support.shared import ROOT

FOREIGN: Final = os.environ.get("PYBROKER_TEST_BOOTSTRAP", "")
"""host:port of a broker that is not ours, or nothing."""
PROGRAM: Final = Path(os.environ.get("PYBROKERD", ROOT / ".venv" / "bin" / "pybrokerd"))
READY: Final = re.compile(r"^pybrokerd ready listeners=(?P<listeners>\S+) pid=(?P<pid>\d+) log\.dirs=(?P<log_dirs>.+)$")
START_S_MAX: Final = 20.0
STOP_S_MAX: Final = 20.0

TEST_CONFIG: Final[Mapping[str, str]] = {
    "listeners": "PLAINTEXT://127.0.0.1:0",
    # Kafka's own durability: the fixture's default, so that thousands of small topics do not wait for the disk.
    "pybroker.flush.policy": "os",
    # Records of tests carry a fixed time, which is long ago: retention comes to those tests only that ask for it.
    "log.retention.check.interval.ms": "86400000",
    "pybroker.retention.first.check.ms": "86400000",
}


def ours_only(reason: str) -> pytest.MarkDecorator:
    """Skip against a foreign broker: the test needs our process, or claims something of ours alone. The reason says which."""
    return pytest.mark.skipif(bool(FOREIGN), reason=f"only for pybroker: {reason}")


def parse_address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


class BrokerError(AssertionError):
    """The process did not do what it should. The text has the end of its log."""


class Broker:
    """One pybrokerd on a data directory. ``with Broker(dir) as broker`` starts it, and stops it with a check: alive until then, exit code 0."""

    def __init__(self, data_dir: Path, overrides: Mapping[str, str] | None = None, *, config_file: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.overrides: dict[str, str] = {**TEST_CONFIG, "log.dirs": str(data_dir), **(overrides or {})}
        self.config_file = config_file
        self.environment = {**os.environ, **(environment or {})}
        self.log_path = data_dir.parent / f"{data_dir.name}.log"
        self.program = PROGRAM
        self.process: subprocess.Popen[bytes] | None = None
        self.ready_line = ""
        self.host, self.port = "", 0

    # ---- starting

    def command(self) -> list[str]:
        words = [str(self.program)] + ([str(self.config_file)] if self.config_file else [])
        for key, value in self.overrides.items():
            words += ["--override", f"{key}={value}"]
        return words

    def spawn(self) -> None:
        """Start the process; ``wait_ready`` follows."""
        assert self.process is None
        if not self.program.exists():
            pytest.fail(f"{self.program} is not built: make", pytrace=False)
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
        self.spawn()
        try:
            return self.wait_ready()
        except BaseException:
            self.discard()
            raise

    # ---- watching

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def bootstrap(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, bytes_max: int = 8192) -> str:
        return f"---- {self.log_path.name}\n{self.log_text()[-bytes_max:]}"

    def descriptor_count(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_s(self) -> float:
        """Processor time of all its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self) -> int:
        """Resident memory now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def assert_alive(self) -> None:
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
        if kind is not None:
            alive = self.is_alive
            self.discard()
            if error is not None:
                error.add_note(f"the broker was {'alive' if alive else 'dead'}\n{self.log_tail()}")
        elif self.process is not None:
            self.stop()


class ForeignBroker:
    """A broker that somebody else runs, behind what tests may use of both."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.host, self.port = parse_address(bootstrap)

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    def assert_alive(self) -> None:
        socket.create_connection(self.address, 10).close()


AnyBroker = Broker | ForeignBroker
