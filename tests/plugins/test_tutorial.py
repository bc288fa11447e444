"""The tutorial on plugins, done as its reader does it: from an empty folder to a wheel that another environment has installed."""

import shutil
import socket
from pathlib import Path

import pytest

from tests.support.outsider import index_is_out_of_reach, run, wheel_of_pybroker
from tests.support.pages import Block, blocks, missing, script
from tests.support.shared import ROOT

PAGE = ROOT / "docs" / "tutorial" / "first-plugin.rst"
pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def test_the_page_works_as_it_is_written(tmp_path: Path) -> None:
    if shutil.which("kcat") is None:
        pytest.skip("kcat is not installed")
    wheel = wheel_of_pybroker(tmp_path / "wheels")
    (tmp_path / "constraints").write_text(f"pybroker @ {wheel.as_uri()}\n")       # what the index would give a reader
    port = free_port()
    found = list(blocks(PAGE.read_text().replace("127.0.0.1:9092", f"127.0.0.1:{port}")))
    assert {block.kind for block in found} == {"sh", "python", "text"}
    folder = tmp_path / "empty"
    folder.mkdir()
    done = run(
        ["bash", "-c", script(found)],
        cwd=folder,
        timeout_s=300,
        PIP_CONSTRAINT=str(tmp_path / "constraints"),
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PYBROKER_CONFIG_LISTENERS=f"PLAINTEXT://127.0.0.1:{port}",
    )
    if done.returncode != 0 and index_is_out_of_reach(done.stdout):
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stdout
    assert missing(found, done.stdout) == []


def test_a_line_that_does_not_come_out_is_found() -> None:
    found = [Block("sh", "", "echo one; echo two", 1), Block("text", "", "o…e\ntwo", 4), Block("text", "", "three", 8)]
    output = "\n@@@ block 0\none\ntwo\n\n@@@ block 1\n\n@@@ block 2\n"
    assert [line.split(" did not")[0] for line in missing(found, output)] == ["line 8: «three»"]
