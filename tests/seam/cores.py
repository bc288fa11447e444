"""Cores inside of the test's own process, with one topic."""

import select
import socket
from pathlib import Path
from typing import Any

import pytest

core_module = pytest.importorskip("pybroker._core.core", reason="the core is not built")
TOPIC_ID = b"\x01" * 16
SETTINGS = {
    **dict.fromkeys(core_module.TOPIC_SETTINGS, 0),
    "batch_bytes_max": 1 << 20, "decompressed_bytes_max": 1 << 26, "timestamp_before_max_ms": 2**63 - 1, "timestamp_after_max_ms": 2**63 - 1, "codec_wanted": -1,
    "segment_bytes": 1 << 30, "segment_ms": 2**62, "segment_index_bytes": 1 << 20, "index_interval_bytes": 4096, "flush_messages": 2**63 - 1, "flush_ms": 2**63 - 1,
    "producer_id_expiration_ms": 86400000, "retention_ms": -1, "retention_bytes": -1,
}  # fmt: skip
IDLE = ("connections_open", "replies_waiting", "fetches_waiting", "produces_waiting", "files_pinned", "receive_bytes_held")


def make_core(directory: Path, *, sync: bool = False) -> Any:
    """Not started; one topic "seam" of one partition."""
    made = core_module.Core(node_id=1, loops=2, log_dirs=[str(directory)], workers=2, open_segments_max=100, on_log=lambda level, line: None)
    made.configure(flush_policy=int(sync))
    made.put_topic(TOPIC_ID, "seam", [(0, 0, 0)], SETTINGS)
    return made


def listen(made: Any, *, asks_login: bool = False) -> int:
    """A listener on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    port = int(listener.getsockname()[1])
    made.listen(listener.detach(), asks_login=asks_login)
    return port


def wait_mailbox(made: Any) -> None:
    """Until the mailbox rings."""
    assert select.select([made.mailbox_fd], [], [], 10)[0]


def assert_idle(made: Any) -> None:
    """Nothing is held or waits any more."""
    stats = made.stats()
    assert {name: stats[name] for name in IDLE} == dict.fromkeys(IDLE, 0)
