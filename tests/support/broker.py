"""A pybrokerd process for the tests of this project: ``pybroker.testing.Broker``, watched more closely; and brokers that somebody else runs.

``PYBROKER_TEST_BOOTSTRAP=host:port`` runs what can be run against a foreign broker (Apache Kafka: the oracle of what these tests claim). ``PYBROKERD`` names another program.
"""

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from pybroker.testing import broker as public
from pybroker.testing.broker import READY, START_S_MAX, STOP_S_MAX, TEST_CONFIG, BrokerError, parse_address
from pybroker.testing.plugin_folder import Plugin
from tests.support.shared import ROOT

__all__ = ["FOREIGN", "PROGRAM", "READY", "START_S_MAX", "STOP_S_MAX", "TEST_CONFIG", "AnyBroker", "Broker", "BrokerError", "ForeignBroker", "ours_only", "parse_address"]

FOREIGN: Final = os.environ.get("PYBROKER_TEST_BOOTSTRAP", "")
"""host:port of a broker that is not ours, or nothing."""
PROGRAM: Final = Path(os.environ.get("PYBROKERD", ROOT / ".venv" / "bin" / "pybrokerd"))


def ours_only(reason: str) -> pytest.MarkDecorator:
    """Skip against a foreign broker: the test needs our process, or claims something of ours alone. The reason says which."""
    return pytest.mark.skipif(bool(FOREIGN), reason=f"only for pybroker: {reason}")


class Broker(public.Broker):
    """One pybrokerd of this tree."""

    def __init__(
        self,
        data_dir: Path,
        overrides: Mapping[str, str] | None = None,
        *,
        plugins: Sequence[str] | Mapping[str, Plugin] = (),
        config_file: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(data_dir, overrides, plugins=plugins, config_file=config_file, environment=environment, program=PROGRAM)

    def descriptor_count(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_s(self) -> float:
        """Processor time of all its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self) -> int:
        """Resident memory now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


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
