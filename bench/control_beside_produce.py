"""What control requests cost a producer: latency of produce requests alone, and beside 10,000 DescribeCluster requests a second that Python answers.

    bench/control_beside_produce.py [SECONDS]

One producer process, one request at a time; the control requests come from other processes at a fixed rate in all. Prints p50, p99 and p99.9 of both, in microseconds, and
the rate that was really reached.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pybroker.protocol.messages import load  # noqa: E402
from tests.support.broker import Broker  # noqa: E402
from tests.support.client import ONE_RECORD, PRODUCE_VERSION, Client  # noqa: E402

CONTROLLERS, RATE = 2, 10_000


def produce(port: int, seconds: float) -> None:
    times = []
    with Client(port) as client:
        request = client.produce_request("bench", ONE_RECORD)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begin = time.perf_counter_ns()
            client.call(request, PRODUCE_VERSION)
            times.append(time.perf_counter_ns() - begin)
    times.sort()
    print(json.dumps({name: times[int(len(times) * part)] / 1000 for name, part in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))} | {"count": len(times)}))


def control(port: int, seconds: float, rate: float) -> None:
    """Bursts of pipelined requests on many connections, so that the rate is reached from Python: each connection has one request out at a time."""
    m = load(60)
    clients = [Client(port) for _ in range(50)]
    count, begin = 0, time.monotonic()
    while time.monotonic() - begin < seconds:
        for client in clients:
            client.send(m.DescribeClusterRequest(), 0)
        for client in clients:
            client.read_frame()
        count += len(clients)
        ahead = count / rate - (time.monotonic() - begin)
        if ahead > 0:
            time.sleep(ahead)
    print(json.dumps({"rate": count / (time.monotonic() - begin)}))


def run(words: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True)


def answer(process: "subprocess.Popen[str]") -> dict[str, float]:
    return json.loads(process.communicate()[0])


def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as directory, Broker(Path(directory) / "data", {"num.network.threads": "1"}) as broker:
        with Client(broker.port) as client:
            client.create_topic("bench")
        port = str(broker.port)
        answer(run(["produce", port, "2"]))
        alone = answer(run(["produce", port, str(seconds)]))
        controllers = [run(["control", port, str(seconds + 1), str(RATE / CONTROLLERS)]) for _ in range(CONTROLLERS)]
        beside = answer(run(["produce", port, str(seconds)]))
        rate = sum(answer(process)["rate"] for process in controllers)
        print(f"alone   {alone}\nbeside  {beside}\ncontrol requests/s {rate:.0f}")


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "produce":
        produce(int(sys.argv[2]), float(sys.argv[3]))
    elif len(sys.argv) > 2 and sys.argv[1] == "control":
        control(int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
