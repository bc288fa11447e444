"""What a scrape of /metrics costs, and how long requests of the control plane wait beside it.

    bench/scrape.py [--partitions 1000] [--groups 1000] [--seconds 6]

One connection asks DescribeCluster again and again; beside it nothing, then a scrape every 0.2 s, each twice.
"""

import argparse
import http.client
import os
import re
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pybroker.protocol.messages import k08_offset_commit as k08
from pybroker.protocol.messages import k10_find_coordinator as k10
from pybroker.protocol.messages import k19_create_topics as k19
from pybroker.protocol.messages import k60_describe_cluster as k60
from tests.support.broker import Broker
from tests.support.kafka import Client

A_TOPIC = 100
"""Partitions of each topic."""


def fill(broker: Broker, partitions: int, groups: int) -> None:
    client = Client(broker)
    for number in range(0, partitions, A_TOPIC):
        client.call(k19.CreateTopicsRequest(topics=[k19.CreatableTopic(name=f"t{number}", num_partitions=A_TOPIC, replication_factor=1)]), 7)
    client.call(k10.FindCoordinatorRequest(key_type=0, coordinator_keys=["g"]), 6)
    client.wait_served("__consumer_offsets", 50)
    for group in range(groups):
        place = group % partitions
        part = k08.OffsetCommitRequestPartition(partition_index=place % A_TOPIC, committed_offset=0)
        topic = k08.OffsetCommitRequestTopic(name=f"t{place // A_TOPIC * A_TOPIC}", partitions=[part])
        answer = client.call(k08.OffsetCommitRequest(group_id=f"g{group}", generation_id_or_member_epoch=-1, member_id="", topics=[topic]), 8)
        assert answer.topics[0].partitions[0].error_code == 0, answer
    client.close()


def ask(broker: Broker, stop: threading.Event, took_ms: list[float]) -> None:
    client = Client(broker)
    while not stop.wait(0.0005):
        begin = time.perf_counter()
        client.call(k60.DescribeClusterRequest(), 0)
        took_ms.append((time.perf_counter() - begin) * 1000)
    client.close()


def scrape(address: str) -> tuple[float, int]:
    begin = time.perf_counter()
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", "/metrics")
    body = connection.getresponse().read()
    connection.close()
    return (time.perf_counter() - begin) * 1000, len(body)


def measure(broker: Broker, address: str, seconds: float, scraping: bool) -> str:
    stop, took_ms, scrapes = threading.Event(), [], [(0.0, 0)]
    asker = threading.Thread(target=ask, args=(broker, stop, took_ms))
    asker.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if scraping:
            scrapes.append(scrape(address))
        stop.wait(0.2)
    stop.set()
    asker.join()
    took_ms.sort()
    median, high = took_ms[len(took_ms) // 2], took_ms[len(took_ms) * 99 // 100]
    line = f"{'scraping' if scraping else 'alone':9} {len(took_ms):6} requests  p50 {median:.2f}  p99 {high:.2f}  max {took_ms[-1]:.2f} ms"
    times = sorted(took for took, _size in scrapes[1:])
    return line + (f"  scrape median {times[len(times) // 2]:.0f}  max {times[-1]:.0f} ms  {scrapes[-1][1]} bytes" if times else "")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--partitions", type=int, default=1000)
    words.add_argument("--groups", type=int, default=1000)
    words.add_argument("--seconds", type=float, default=6)
    chosen = words.parse_args()
    with tempfile.TemporaryDirectory() as folder, Broker(Path(folder) / "data", {"pybroker.http.listener": "127.0.0.1:0"}) as broker:
        fill(broker, chosen.partitions, chosen.groups)
        found = re.search(r'"http listener ready" address=(\S+)', broker.log_text())
        assert found
        scrape(found[1])                                    # the first one imports what it needs
        print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {broker.rss_bytes() >> 20} MiB")
        for scraping in (False, True, False, True):
            print(measure(broker, found[1], chosen.seconds, scraping), flush=True)


if __name__ == "__main__":
    main()
