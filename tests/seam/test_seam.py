"""The seam between C and Python: loops never take the GIL, and go on while somebody else holds it.

The core runs inside of this process, so that the test can hold the GIL against it; the client is another process.
"""

import ctypes
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.seam.cores import assert_idle, listen, make_core, wait_mailbox
from tests.support.client import ONE_RECORD, Client

STOP_WITH_WAITING_REQUESTS = """
import os, select, socket, sys
sys.path.insert(0, os.getcwd())
from pybroker._core.core import Core
os.mkdir("{directory}")
core = Core(node_id=1, loops=2, log_dirs=["{directory}"], workers=1, open_segments_max=10, on_log=print)
listener = socket.create_server(("127.0.0.1", 0))
listener.setblocking(False)
print(listener.getsockname()[1], flush=True)
core.listen(listener.detach())
core.start()
while core.stats()["requests_control"] < 5:
    select.select([core.mailbox_fd], [], [], 0.01)
sys.stdin.readline()
taken = core.take(2)
print(core.stats()["mails_waiting"])
core.stop()
del core, taken
print("stopped")
"""
HOLD_S = 1.0
REQUEST_MS_MAX = 100.0


@pytest.fixture
def core(tmp_path: Path) -> Iterator[tuple[object, int]]:
    """A core with one topic, serving on a port; its counters of what waits must be back at 0 in the end."""
    made = make_core(tmp_path)
    port = listen(made)
    made.start()
    yield made, port
    made.stop()
    assert_idle(made)


def newest_thread_state() -> int:
    """Number of the Python thread state of a new thread: states are numbered one by one, also those that a foreign thread gets by taking the GIL."""
    get, get_id = ctypes.pythonapi.PyThreadState_Get, ctypes.pythonapi.PyThreadState_GetID
    get.restype, get_id.restype, get_id.argtypes = ctypes.c_void_p, ctypes.c_uint64, [ctypes.c_void_p]
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(get_id(get())))
    thread.start()
    thread.join()
    return found[0]


def hammer(port: int, seconds: float) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("hammer.py")), str(port), str(seconds)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def result(process: "subprocess.Popen[str]") -> dict[str, float]:
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return json.loads(out)


def test_requests_go_on_while_python_holds_the_gil(core):
    _, port = core
    process = hammer(port, 2 * HOLD_S)
    ctypes.PyDLL(None).usleep(int(HOLD_S * 1e6))                            # PyDLL keeps the GIL over the call
    found = result(process)
    assert found["count"] > 500
    assert found["longest_ms"] < REQUEST_MS_MAX


def test_loop_threads_never_take_the_gil(core):
    made, port = core
    before = newest_thread_state()
    found = result(hammer(port, 0.5))
    after = newest_thread_state()
    assert found["count"] > 100
    assert made.stats()["requests"] >= found["count"]
    assert after - before == 1, "a thread that is not Python's has taken the GIL"


def test_that_a_foreign_thread_with_the_gil_would_be_seen():
    before = newest_thread_state()
    libc = ctypes.CDLL(None)
    callback = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(lambda _: None)
    handle = ctypes.c_ulong()
    assert libc.pthread_create(ctypes.byref(handle), None, callback, None) == 0
    assert libc.pthread_join(handle, None) == 0
    assert newest_thread_state() - before > 1


def test_steady_state_allocates_nothing(core):
    made, port = core
    with Client(port) as client:
        def both(count: int) -> None:
            for offset in range(count):
                assert client.produce("seam", ONE_RECORD).error_code == 0
                assert client.fetch("seam", offset).error_code == 0

        both(50)
        before = made.stats()["pool_growths"]
        both(500)
        assert made.stats()["pool_growths"] - before == 0


def test_a_request_nobody_answers_closes_its_connection(core):
    from pybroker.protocol.messages import load

    made, port = core
    with Client(port) as client:
        client.send(load(3).MetadataRequest(topics=None), 9)
        wait_mailbox(made)
        requests = made.take()
        assert [(request.api_key, request.api_version, request.client_id, request.local_port) for request in requests] == [(3, 9, "raw", port)]
        del requests
        assert client.is_closed()


def test_requests_that_nobody_takes_are_let_go_at_the_end(tmp_path):
    from pybroker.protocol.messages import load

    script = tmp_path / "stop.py"
    script.write_text(STOP_WITH_WAITING_REQUESTS.format(directory=tmp_path / "data"))
    process = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[2])
    assert process.stdout is not None
    port = int(process.stdout.readline())
    clients = [Client(port) for _ in range(5)]
    for client in clients:
        client.send(load(3).MetadataRequest(topics=None), 9)
    assert process.communicate("stop\n", timeout=30)[0] == "5\nstopped\n"
    assert process.returncode == 0
    for client in clients:
        client.socket.close()


def test_answers_reach_the_connection_that_asked(core):
    from pybroker.protocol.messages import load

    made, port = core
    asked = load(3).MetadataRequest(topics=None)
    clients = [Client(port) for _ in range(20)]
    for client in clients:
        client.send(asked, 9)
    waiting = []
    while len(waiting) < 20:
        wait_mailbox(made)
        waiting += made.take()
    for request in reversed(waiting):
        request.reply(load(3).MetadataResponse(cluster_id=str(request.peer_port)).encode(9))
        with pytest.raises(RuntimeError):
            request.reply(b"")
    for client in clients:
        assert client.receive(asked, 9, 1).cluster_id == str(client.socket.getsockname()[1])
        client.socket.close()


@pytest.mark.skipif(not os.path.exists("/usr/bin/strace"), reason="strace is not installed")
@pytest.mark.parametrize(("work", "limit"), [("produce", 4.1), ("fetch", 4.1)])
def test_system_calls_per_request(start_broker, work, limit, tmp_path):
    """Steady state, one connection: epoll_wait, recv, pwritev or pread, send."""
    broker = start_broker({"num.network.threads": "1", "pybroker.flush.policy": "os"})
    count = 1000
    with Client(broker.port) as client:
        client.create_topic("gate")
        assert client.produce("gate", ONE_RECORD).error_code == 0

        def run(times: int) -> None:
            for _ in range(times):
                answer = client.produce("gate", ONE_RECORD) if work == "produce" else client.fetch("gate", 0)
                assert answer.error_code == 0

        run(100)
        summary = tmp_path / "strace"
        tracer = subprocess.Popen(["strace", "-f", "-c", "-o", str(summary), "-p", str(broker.pid)], stderr=subprocess.PIPE, text=True)
        assert tracer.stderr is not None
        line = tracer.stderr.readline()
        if "attached" not in line:
            tracer.kill()
            pytest.skip(f"strace cannot attach: {line.strip()}")
        run(count)
        tracer.terminate()
        tracer.wait(10)
    calls = {words[-1]: int(words[3]) for words in map(str.split, summary.read_text().splitlines()) if len(words) >= 5 and words[3].isdigit() and words[-1] != "total"}
    total = sum(calls.values())
    assert total / count <= limit, calls
    assert total / count >= 3, calls
