"""What the log costs as it grows: appends and tail fetches beside a small and a large retained log, start after kill -9, many partitions, syncs before answers.

    bench/storage.py [--only NAME,…] [--gb 10] [--json FILE]

    growth      produce (CPU seconds of the broker per GB) and one record through the tail (CPU microseconds), with 1 GB and with --gb retained
    crash       kill -9 with --gb of log in 16 KiB batches: time to the ready line and to the first acknowledged produce
    many        1,000 and 10,000 partitions: create, clean restart, restart after kill -9 with a record in each
    in_turn     1,000 partitions written in turn against one: CPU seconds per GB
    sync        acks=all with pybroker.flush.policy=group, 50,000 records of 100 bytes a second: p50 and p99 of the answers

Loads with load.c of the tools folder (PYBROKER_TOOLS, or ../shared/tools). Data go to build/bench/storage, removed at the end.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pybroker.protocol.messages import k00_produce as k00  # noqa: E402
from pybroker.protocol.messages import k19_create_topics as k19  # noqa: E402
from tests.support.batches import batch_of_size  # noqa: E402
from tests.support.broker import Broker  # noqa: E402
from tests.support.client import ONE_RECORD, Client  # noqa: E402
from tests.support.wire import encode, framed  # noqa: E402

TOOLS = Path(os.environ.get("PYBROKER_TOOLS", ROOT.parent / "shared" / "tools"))
WORK = ROOT / "build" / "bench"
DATA = WORK / "storage"
GB = 1_000_000_000
BURSTS = 5

Row = dict[str, Any]


def load(broker: Broker, mode: str, topic: str, *words: str) -> Row:
    """One run of the load generator; its line. Raises when it met an error."""
    command = [str(WORK / "load"), mode, "-h", broker.bootstrap, "-t", topic, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}{broker.log_tail()}")
    row: Row = json.loads(done.stdout) if done.stdout.strip() else {}
    return row


def cpu_per_gb(broker: Broker, work: Callable[[], Any], size_bytes: int) -> float:
    before = broker.cpu_s()
    work()
    return (broker.cpu_s() - before) / size_bytes * GB


def new_broker(name: str, **overrides: str) -> Broker:
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    settings = {"num.network.threads": "1", **{key.replace("_", "."): value for key, value in overrides.items()}}
    return Broker(DATA / name, settings).start()


def produce(broker: Broker, topic: str, size_bytes: int, *words: str) -> Row:
    return load(broker, "produce", topic, "-n", str(size_bytes), *words)


def tail_us(broker: Broker, topic: str, count: int = 5000) -> float:
    """CPU of the broker for a produce of one record and the fetch of it at the end of the log, in microseconds."""
    with Client(broker.port) as client:
        before = broker.cpu_s()
        for _ in range(count):
            offset = client.produce(topic, ONE_RECORD).base_offset
            assert client.fetch(topic, offset).high_watermark == offset + 1
        return (broker.cpu_s() - before) / count * 1e6


def growth(gb: float) -> list[Row]:
    rows = []
    broker = new_broker("growth")
    load(broker, "create", "log")
    held = 0
    for wanted in (1, gb):
        while held < wanted * GB:
            produce(broker, "log", GB // 2, "-b", "1048576")
            held += GB // 2
        bursts = []
        for _ in range(BURSTS):
            bursts.append(cpu_per_gb(broker, lambda: produce(broker, "log", GB // 4, "-b", "16384"), GB // 4))
            held += GB // 4
        tail = [tail_us(broker, "log") for _ in range(BURSTS)]
        rows.append({"retained_gb": round(held / GB, 1), "produce_cpu_s_per_gb": median(bursts), "tail_cpu_us": median(tail), "rss_mib": broker.rss_bytes() / 2**20})
    broker.stop()
    return rows


def crash(gb: float) -> list[Row]:
    rows = []
    for policy in ("group", "os"):
        broker = new_broker("crash", **{"pybroker.flush.policy": policy, "log.flush.offset.checkpoint.interval.ms": "1000"})
        load(broker, "create", "log")
        for _ in range(int(gb * 2)):
            produce(broker, "log", GB // 2, "-b", "16384", "-a", "-1" if policy == "group" else "1", "-d", "64")
        time.sleep(1.2)                                     # a checkpoint passes: what is asked is the cost of the tail, not of a fresh file
        produce(broker, "log", 1 << 20, "-b", "16384", "-a", "-1" if policy == "group" else "1")
        broker.kill()
        begin = time.perf_counter()
        broker.start()
        ready_s = time.perf_counter() - begin
        with Client(broker.port) as client:
            assert client.produce("log", ONE_RECORD).error_code == 0
        rows.append({"log_gb": gb, "flush_policy": policy, "ready_s": ready_s, "first_ack_s": time.perf_counter() - begin})
        broker.stop()
    return rows


def create(client: Client, topics: int) -> float:
    wanted = [k19.CreatableTopic(name=f"p{number}", num_partitions=1000, replication_factor=1) for number in range(topics)]
    begin = time.perf_counter()
    answer = client.call(k19.CreateTopicsRequest(topics=wanted, timeout_ms=60_000), 7)
    took_s = time.perf_counter() - begin
    assert all(topic.error_code == 0 for topic in answer.topics)
    return took_s


def append_to_all(client: Client, topics: int) -> None:
    for number in range(topics):
        data = [k00.PartitionProduceData(index=index, records=ONE_RECORD) for index in range(1000)]
        request = k00.ProduceRequest(acks=1, timeout_ms=60_000, topic_data=[k00.TopicProduceData(name=f"p{number}", partition_data=data)])
        assert all(part.error_code == 0 for part in client.call(request, 9).responses[0].partition_responses)


def restart(broker: Broker, end: Callable[[], Any]) -> tuple[float, float]:
    end()
    begin = time.perf_counter()
    broker.start()
    ready_s = time.perf_counter() - begin
    with Client(broker.port) as client:
        assert client.produce("p0", ONE_RECORD).error_code == 0
    return ready_s, time.perf_counter() - begin


def many(gb: float) -> list[Row]:
    rows = []
    for topics in (1, 10):
        broker = new_broker("many")
        with Client(broker.port) as client:
            create_s = create(client, topics)
            append_to_all(client, topics)
        clean, killed = restart(broker, broker.stop), restart(broker, broker.kill)
        rows.append({"partitions": topics * 1000, "create_s": create_s, "clean_ready_s": clean[0], "clean_first_ack_s": clean[1], "killed_ready_s": killed[0],
                     "killed_first_ack_s": killed[1], "rss_mib": broker.rss_bytes() / 2**20, "descriptors": broker.descriptor_count()})  # fmt: skip
        broker.stop()
    return rows


def requests(topic: str, partitions: int, records: bytes) -> list[bytes]:
    """A whole produce request for each partition."""
    return [
        framed(encode(k00.ProduceRequest(acks=1, timeout_ms=5000, topic_data=[k00.TopicProduceData(name=topic, partition_data=[k00.PartitionProduceData(index=index, records=records)])]), 9))
        for index in range(partitions)
    ]


def in_turn(gb: float) -> list[Row]:
    """The same requests, five in flight on one connection: all to one partition, then each to the next of a thousand."""
    broker = new_broker("turn")
    count, records = 16_000, batch_of_size(16384)
    with Client(broker.port) as client:
        figures: dict[int, list[float]] = {1: [], 1000: []}
        frames = {}
        for partitions in figures:
            answer = client.call(k19.CreateTopicsRequest(topics=[k19.CreatableTopic(name=f"turn{partitions}", num_partitions=partitions, replication_factor=1)]), 7)
            assert answer.topics[0].error_code == 0
            frames[partitions] = requests(f"turn{partitions}", partitions, records)

        def burst(partitions: int) -> None:
            for number in range(count + 5):
                if number < count:
                    client.send_bytes(frames[partitions][number % partitions])
                if number >= 5:
                    client.read_frame()

        for number in range(BURSTS + 1):
            for partitions, bursts in figures.items():
                cost = cpu_per_gb(broker, lambda partitions=partitions: burst(partitions), count * len(records))  # type: ignore[misc]
                if number > 0:                              # the first one makes files and directories
                    bursts.append(cost)
    broker.stop()
    one, thousand = median(figures[1]), median(figures[1000])
    return [{"cpu_s_per_gb_1": one, "cpu_s_per_gb_1000": thousand, "ratio": thousand / one}]


def sync(gb: float) -> list[Row]:
    rows = []
    for rate, value in ((500, "100"), (500, "10000")):      # requests a second; 500 x 100 records of 100 bytes are 50,000 records a second
        broker = new_broker("sync", **{"pybroker.flush.policy": "group"})
        row = load(broker, "e2e", "log", "-r", str(rate), "-v", value, "-s", "10", "-a", "-1")
        rows.append({"requests_per_s": rate, "value_bytes": int(value), **{f"{name}_{at}": figures[at] for name, figures in row.items() if name.endswith("_us") for at in ("p50", "p99")}})
        broker.stop()
    return rows


SCENARIOS: dict[str, Callable[[float], list[Row]]] = {"growth": growth, "crash": crash, "many": many, "in_turn": in_turn, "sync": sync}


def show(name: str, rows: list[Row]) -> None:
    print(f"\n{name}")
    for row in rows:
        print("   " + "  ".join(f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}" for key, value in row.items()), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SCENARIOS))
    parser.add_argument("--gb", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not (TOOLS / "load.c").exists():
        print(f"the load generator is not at {TOOLS}: set PYBROKER_TOOLS", file=sys.stderr)
        return 2
    WORK.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-O3", "-march=native", "-pthread", "-o", str(WORK / "load"), str(TOOLS / "load.c")], check=True)
    results = {}
    for name in arguments.only.split(","):
        results[name] = SCENARIOS[name](arguments.gb)
        show(name, results[name])
    shutil.rmtree(DATA, ignore_errors=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
