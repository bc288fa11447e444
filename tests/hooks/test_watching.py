"""/metrics, /healthz and /readyz of a running broker, with and without plugins; what plugins that fail do to them; what the listener refuses."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pybroker.protocol.messages import k08_offset_commit as k08
from pybroker.protocol.messages import k10_find_coordinator as k10
from tests.hooks.conftest import StartWith
from tests.support.batches import Record, batch
from tests.support.broker import Broker, BrokerError, ours_only
from tests.support.kafka import Client

pytestmark = ours_only("metrics and health")

HTTP = {"pybroker.http.listener": "127.0.0.1:0"}


def address_of(broker: Broker) -> tuple[str, int]:
    found = re.search(r'"http listener ready" address=(\S+):(\d+)', broker.log_text())
    assert found, broker.log_tail()
    return found[1], int(found[2])


def get(broker: Broker, path: str, method: str = "GET") -> tuple[int, bytes]:
    host, port = address_of(broker)
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}{path}", method=method), timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def samples(broker: Broker) -> dict[str, float]:
    """Series with labels as they stand in the text, to their values."""
    status, text = get(broker, "/metrics")
    assert status == 200, text
    found: dict[str, float] = {}
    for line in text.decode().splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert name not in found, f"{name} stands twice"
            found[name] = float(value)
    return found


def checks(broker: Broker, path: str) -> tuple[int, dict[str, tuple[bool, str]]]:
    status, body = get(broker, path)
    told = json.loads(body)
    assert told["healthy"] == (status == 200)
    return status, {check["name"]: (check["healthy"], check["text"]) for check in told["checks"]}


@pytest.fixture
def plain(start_with: StartWith) -> Iterator[Broker]:
    yield start_with({}, HTTP)


def test_metrics_tell_what_was_done(plain: Broker) -> None:
    client = Client(plain)
    topic = client.create_topic(2)
    for _ in range(3):
        client.produced(topic, batch([Record(b"k", b"v")]), partition=1)
    part = k08.OffsetCommitRequestPartition(partition_index=1, committed_offset=1)
    request = k08.OffsetCommitRequest(group_id="g", generation_id_or_member_epoch=-1, member_id="", topics=[k08.OffsetCommitRequestTopic(name=topic, partitions=[part])])
    client.call(k10.FindCoordinatorRequest(key_type=0, coordinator_keys=["g"]), 6)
    client.wait_served("__consumer_offsets", 50)
    assert client.call(request, 8).topics[0].partitions[0].error_code == 0
    told = samples(plain)
    assert told[f'pybroker_partition_end_offset{{partition="1",topic="{topic}"}}'] == 3
    assert told[f'pybroker_partition_high_watermark{{partition="1",topic="{topic}"}}'] == 3
    assert told[f'pybroker_partition_start_offset{{partition="0",topic="{topic}"}}'] == 0
    assert told[f'pybroker_partition_size_bytes{{partition="1",topic="{topic}"}}'] > 200
    assert told[f'pybroker_group_lag{{group="g",partition="1",topic="{topic}"}}'] == 2
    assert told[f'pybroker_group_committed_offset{{group="g",partition="1",topic="{topic}"}}'] == 1
    assert (told["pybroker_groups"], told["pybroker_topics"], told["pybroker_partitions"]) == (1, 2, 52)
    assert told["pybroker_batches_appended_total"] >= 3 and told["pybroker_connections_open"] == 1
    assert told[f'pybroker_log_dir_state{{log_dir="{plain.data_dir}"}}'] == 0
    assert told["process_resident_memory_bytes"] > 1e6 and told["process_open_fds"] > 5 and told["process_cpu_seconds_total"] > 0
    assert not any(name.startswith("pybroker_plugin_calls") for name in told)
    client.close()


def test_partitions_beyond_the_bound_are_counted(start_with: StartWith) -> None:
    broker = start_with({}, {**HTTP, "pybroker.metrics.partitions.max": "3"})
    client = Client(broker)
    client.create_topic(5)
    client.close()
    told = samples(broker)
    assert len([name for name in told if name.startswith("pybroker_partition_end_offset{")]) == 3
    assert (told["pybroker_partitions_left_out"], told["pybroker_partitions"]) == (2, 5)


def test_it_only_reads(plain: Broker) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert get(plain, "/metrics", method)[0] == 405
    assert get(plain, "/metrics", "HEAD") == (200, b"")
    assert get(plain, "/elsewhere")[0] == 404


def test_without_the_key_there_is_no_listener(start_with: StartWith) -> None:
    broker = start_with({})
    assert "http listener" not in broker.log_text()
    assert not [name for name in os.listdir(f"/proc/{broker.pid}/task") if Path(f"/proc/{broker.pid}/task/{name}/comm").read_text().startswith("pb-http")]


@pytest.mark.parametrize(
    ("address", "words"), [("0.0.0.0:0", "other machines"), ("example.com:80", "other machines"), ("127.0.0.1", "not host:port"), ("127.0.0.1:99999", "not host:port")]
)
def test_an_address_that_must_not_be_stops_the_start(tmp_path: Path, address: str, words: str) -> None:
    broker = Broker(tmp_path / "data", {"pybroker.http.listener": address})
    with pytest.raises(BrokerError, match="before it was ready"):
        broker.start()
    assert words in broker.log_text()


def test_a_port_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        broker = Broker(tmp_path / "data", {"pybroker.http.listener": f"127.0.0.1:{taken.getsockname()[1]}"})
        with pytest.raises(BrokerError, match="before it was ready"):
            broker.start()
    assert "Address already in use" in broker.log_text()


def test_it_may_be_opened_on_purpose(start_with: StartWith) -> None:
    broker = start_with({}, {"pybroker.http.listener": "0.0.0.0:0", "pybroker.http.allow.remote": "true"})
    assert get(broker, "/healthz")[0] == 200


def test_clients_that_say_nothing_do_not_keep_others_out(plain: Broker) -> None:
    quiet = [socket.create_connection(address_of(plain)) for _ in range(50)]
    for number, one in enumerate(quiet):
        one.sendall(b"GET /metr" if number % 2 else b"")
    end_s = time.monotonic() + 15
    while True:
        try:
            assert get(plain, "/healthz")[0] == 200         # once they have had their five seconds
            break
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < end_s
    for one in quiet:
        one.close()


def test_rubbish_is_refused_and_nothing_ends(plain: Broker) -> None:
    for data in (b"\x00" * 1000, b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /healthz HTTP/1.1\r\n" + b"a: b\r\n" * 1000 + b"\r\n", b"\x16\x03\x01"):
        with socket.create_connection(address_of(plain)) as one:
            one.settimeout(20)
            one.sendall(data)
            one.shutdown(socket.SHUT_WR)
            try:
                while one.recv(65536):
                    pass
            except ConnectionResetError:
                pass
    assert get(plain, "/healthz")[0] == 200


def test_many_that_scrape_at_once_are_answered(plain: Broker) -> None:
    with ThreadPoolExecutor(12) as pool:
        assert {status for status, _body in pool.map(lambda _number: get(plain, "/metrics"), range(24))} == {200}


# ---- health


def test_a_healthy_broker_says_so(plain: Broker) -> None:
    assert checks(plain, "/healthz") == (200, {"control": (True, "")})
    assert checks(plain, "/readyz") == (200, {"control": (True, ""), "log-dirs": (True, ""), "listener": (True, "")})


def test_a_full_disk_is_not_ready_but_alive(start_with: StartWith) -> None:
    broker = start_with({}, {**HTTP, "pybroker.disk.min.free.bytes": str(1 << 60)})
    client = Client(broker)
    end_s = time.monotonic() + 15
    while (told := checks(broker, "/readyz"))[0] == 200:    # until the disk was looked at
        assert time.monotonic() < end_s
    assert "full" in told[1]["log-dirs"][1]
    assert checks(broker, "/healthz")[0] == 200
    client.close()


HEALTH = """
import threading

@hookimpl
def pybroker_health_checks(ctx):
    def hang():
        threading.Event().wait(60)
    def leave():
        raise SystemExit(1)
    def fail():
        raise ValueError("no\\nway")
    return [
        Check("good", lambda: CheckResult(True, "fine")),
        Check("alive", lambda: CheckResult(True), readiness=False),
        Check("bad", lambda: CheckResult(False, "it is broken")),
        Check("hang", hang), Check("leave", leave), Check("fail", fail), Check("rubbish", lambda: "yes"), Check("nothing", lambda: None),
    ]
"""


def test_checks_of_plugins_count_and_those_that_fail_are_unhealthy(start_with: StartWith) -> None:
    broker = start_with({"doctor": HEALTH}, HTTP, facts="control_deadline_ms=200")
    status, found = checks(broker, "/readyz")
    assert status == 503
    assert found["doctor/good"] == (True, "fine") and found["doctor/alive"] == (True, "") and found["doctor/bad"] == (False, "it is broken")
    words = {"hang": "longer than 0.2 s", "leave": "SystemExit", "fail": "ValueError: no way", "rubbish": "which is not CheckResult", "nothing": "says nothing"}
    for name, text in words.items():
        assert not found[f"doctor/{name}"][0] and text in found[f"doctor/{name}"][1]
    assert checks(broker, "/healthz") == (200, {"control": (True, ""), "doctor/alive": (True, "")})
    told = samples(broker)
    assert told['pybroker_plugin_timeouts_total{hook="pybroker_health_checks/hang",plugin="doctor"}'] == 1
    assert told['pybroker_plugin_errors_total{hook="pybroker_health_checks/fail",plugin="doctor"}'] == 1


@pytest.mark.parametrize("body", ["raise ValueError('no')", "return 7", "return [Check('x', None)]", "return [Check('x', print)] * 100", "import threading; threading.Event().wait(60)"])
def test_checks_that_cannot_be_had_are_unhealthy(start_with: StartWith, body: str) -> None:
    broker = start_with({"doctor": f"@hookimpl\ndef pybroker_health_checks():\n    {body}\n"}, HTTP, facts="control_deadline_ms=200")
    status, found = checks(broker, "/readyz")
    assert status == 503 and not found["doctor"][0]
    assert checks(broker, "/healthz")[0] == 200


# ---- metrics of plugins

METRICS = """
@hookimpl
def pybroker_topic_policy(request, ctx):
    ctx.metrics.count("asked_total", kind=request.kind)
    ctx.metrics.set("odd name!", 2.5, **{"0-label": "a\\"b\\nc"})
    if request.name == "bad":
        raise ValueError("no")

@hookimpl
def pybroker_metrics(registry, ctx):
    registry.set("scraped", 7)
    registry.count("scrapes")
    registry.set("asked_total", 1)
"""


def test_counts_of_plugins_and_their_own(start_with: StartWith) -> None:
    broker = start_with({"my-plugin": METRICS}, HTTP)
    client = Client(broker)
    client.create_topic()
    client.try_create_topic(name="bad")
    client.close()
    samples(broker)
    told = samples(broker)
    labels = '{hook="pybroker_topic_policy",plugin="my-plugin"}'
    assert (told[f"pybroker_plugin_calls_total{labels}"], told[f"pybroker_plugin_errors_total{labels}"], told[f"pybroker_plugin_timeouts_total{labels}"]) == (2, 1, 0)
    assert told[f"pybroker_plugin_seconds_total{labels}"] > 0 and told[f"pybroker_plugin_hook_off{labels}"] == 0
    assert told['pybroker_plugin_my_plugin_asked_total{kind="create"}'] == 2
    assert told["pybroker_plugin_my_plugin_scraped"] == 7 and told["pybroker_plugin_my_plugin_scrapes_total"] == 2
    assert told['pybroker_plugin_my_plugin_odd_name_{label_0_label="a\\"b\\nc"}'] == 2.5
    assert told['pybroker_plugin_threads{plugin="my-plugin"}'] >= 1


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError('no')",
        "raise SystemExit(1)",
        "registry.set('x', 'rubbish')",
        "registry.count('x', -1)",
        "import threading; threading.Event().wait(60)",
        "for n in range(5000): registry.set('x', n, label=str(n))",
        "registry.set('nan', float('nan')); registry.set('a.b', 1); registry.set('a b', 2, other='x')",
    ],
)
def test_a_scrape_goes_on_whatever_a_plugin_does(start_with: StartWith, body: str) -> None:
    broker = start_with({"bad": f"@hookimpl\ndef pybroker_metrics(registry):\n    {body}\n"}, HTTP, facts="control_deadline_ms=200")
    told = samples(broker)
    assert told["pybroker_topics"] == 0
    assert len([name for name in told if name.startswith("pybroker_plugin_bad_")]) <= 1000
    if "5000" in body:
        assert told["pybroker_plugin_series_dropped_total"] == 4000


# ---- background tasks

TASKS = """
import os, threading

def note(ctx, word):
    with open(os.path.join(ctx.data_dir, word), "a") as out:
        out.write("x")

@hookimpl
def pybroker_startup(ctx):
    os.makedirs(ctx.data_dir)

@hookimpl
def pybroker_background_tasks(ctx):
    def fail(ctx):
        note(ctx, "fail")
        raise ValueError("no")
    def leave(ctx):
        note(ctx, "leave")
        raise SystemExit(1)
    def hang(ctx):
        note(ctx, "hang")
        threading.Event().wait(60)
    async def later(ctx):
        note(ctx, "later")
    return [Periodic("good", 0.05, lambda ctx: note(ctx, "good")), Periodic("fail", 0.05, fail), Periodic("leave", 0.05, leave), Periodic("hang", 0.05, hang), Periodic("later", 0.05, later), Periodic("never", -1, fail)]
"""


def read(path: Path) -> int:
    return len(path.read_text()) if path.exists() else 0


def test_tasks_go_on_whatever_others_do(start_with: StartWith) -> None:
    broker = start_with({"worker": TASKS}, HTTP)
    home = Path(broker.data_dir, "plugins", "worker")
    client = Client(broker)
    for name in ("good", "fail", "leave", "later"):
        waited = 0
        while read(home / name) < 5:
            client.metadata(None)                           # the control thread serves meanwhile
            waited += 1
            assert waited < 100_000, broker.log_tail()
    assert read(home / "hang") == 1
    told = samples(broker)
    assert told['pybroker_plugin_errors_total{hook="pybroker_background_tasks/fail",plugin="worker"}'] >= 4
    assert told['pybroker_plugin_errors_total{hook="pybroker_background_tasks/good",plugin="worker"}'] == 0
    assert "background task failed" in broker.log_text() and "background task cannot be used" in broker.log_text()
    client.close()


@pytest.mark.parametrize("body", ["raise ValueError('no')", "return 'tasks'", "return [Periodic('x', 1, print)] * 100", "import threading; threading.Event().wait(60)"])
def test_a_plugin_whose_tasks_cannot_be_had_has_none(start_with: StartWith, body: str) -> None:
    broker = start_with({"bad": f"@hookimpl\ndef pybroker_background_tasks():\n    {body}\n"}, facts="control_deadline_ms=200")
    client = Client(broker)
    assert client.try_create_topic().error_code == 0
    client.close()


def test_a_broker_without_plugins_imports_nothing_for_all_this() -> None:
    program = (
        "import sys, pybroker.broker.server\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('prometheus_client', 'pluggy', 'wsgiref', 'http') or name in ('pybroker.hooks.types', 'pybroker.hooks.calls',"
        " 'pybroker.broker.auditor', 'pybroker.broker.watching', 'pybroker.broker.sampler', 'pybroker.broker.tasks', 'pybroker.broker.endpoints')))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
