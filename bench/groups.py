"""What groups cost: the first record of a new group beside Apache Kafka, processor time of heartbeats and commits, idle groups, a large rebalance, a start with many places.

    bench/groups.py [--only PART[,PART…]] [--no-kafka] [--json FILE] [--repeats N]

Parts
    first        subscribe → first record of a new group, per client: pybroker, Kafka as it comes, Kafka with group.initial.rebalance.delay.ms=0, in turns. The first group that a
                 broker ever has is told apart: it pays for the offsets topic.
    requests     broker processor time per Heartbeat and per OffsetCommit, µs, by many raw clients
    heartbeats   1,000 groups of one member each, a heartbeat every 3 s: share of one core
    idle         resident memory per idle group of one member
    rebalance    100 members over 1,000 partitions gather, are given their parts and are stable: wall and broker time
    beside       latency of a producer at 1,000 requests/s (acks=all) alone, beside 1,000 members that heart-beat every 3 s and 2,000 commits/s, and with
                 that crowd on another broker of the same machine; in turns, medians of the rounds
    start        a start with 100,000 committed offsets: until ready, and until one place of every group is answered; after a clean stop and after kill -9

Numbers want a machine with nothing else on it. A table goes to stdout, everything as JSON to FILE. Kafka needs Java and Maven and the tools folder (PYBROKER_TOOLS, or ../shared/tools).
"""

import argparse
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pybroker.protocol.messages import k08_offset_commit as k08  # noqa: E402
from pybroker.protocol.messages import k12_heartbeat as k12  # noqa: E402
from tests.support.broker import Broker  # noqa: E402
from tests.support.groups import Groups, Member, assignment, fetch_request, subscription, wait_until  # noqa: E402
from tests.support.kafka import NONE, Client  # noqa: E402
from tests.support.wire import Connection, encode, framed  # noqa: E402

TOOLS: Final = Path(os.environ.get("PYBROKER_TOOLS", ROOT.parent / "shared" / "tools"))
TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
LONG_SESSION_MS: Final = 1_800_000
KAFKA_PORTS: Final = {"kafka": 19471, "kafka delay 0": 19472}
CLIENTS: Final = ("confluent-kafka classic", "confluent-kafka consumer", "aiokafka", "kafka-python")

Row = dict[str, Any]


# ---- clients, each in a process of its own: no imports, threads or caches of another one in its times


def first_record_time(client: str, bootstrap: str, topic: str) -> float:
    """ms from subscribe to the first record of a new group. Making the consumer object and closing it are not counted."""
    run: Callable[[str, str], float] = {"aiokafka": _aiokafka_first, "kafka-python": _kafka_python_first}.get(client, _confluent_first(client.endswith("consumer")))
    return run(bootstrap, topic)


def _confluent_first(new_protocol: bool) -> Callable[[str, str], float]:
    def run(bootstrap: str, topic: str) -> float:
        from confluent_kafka import Consumer

        config: dict[str, Any] = {"bootstrap.servers": bootstrap, "group.id": f"g-{topic}", "auto.offset.reset": "earliest", "enable.auto.commit": False}
        consumer = Consumer(config | ({"group.protocol": "consumer"} if new_protocol else {}))
        begin = time.perf_counter_ns()
        consumer.subscribe([topic])
        message = consumer.poll(60)
        took = time.perf_counter_ns() - begin
        assert message is not None and message.error() is None, message and message.error()
        consumer.close()
        return took / 1e6

    return run


def _kafka_python_first(bootstrap: str, topic: str) -> float:
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=f"g-{topic}", auto_offset_reset="earliest", enable_auto_commit=False, consumer_timeout_ms=60_000)
    begin = time.perf_counter_ns()
    consumer.subscribe([topic])
    next(consumer)
    took = time.perf_counter_ns() - begin
    consumer.close()
    return took / 1e6


def _aiokafka_first(bootstrap: str, topic: str) -> float:
    import asyncio

    from aiokafka import AIOKafkaConsumer

    async def run() -> float:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=f"g-{topic}", auto_offset_reset="earliest", enable_auto_commit=False)
        consumer.subscribe([topic])                                         # nothing is sent before it starts
        begin = time.perf_counter_ns()
        await consumer.start()
        await asyncio.wait_for(consumer.getone(), 60)
        took = time.perf_counter_ns() - begin
        await consumer.stop()
        return took / 1e6

    return asyncio.run(run())


def in_a_process(client: str, bootstrap: str, topic: str) -> float:
    words = [sys.executable, __file__, "--child", client, bootstrap, topic]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{client} on {bootstrap}: {done.stderr[-2000:]}")
    return float(done.stdout)


# ---- brokers


class Kafka:
    """Apache Kafka behind what the parts use of a broker."""

    def __init__(self, name: str, folder: Path) -> None:
        spec = importlib.util.spec_from_file_location("kafka_peer", TOOLS / "kafka_peer.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        properties = {"group.initial.rebalance.delay.ms": "0"} if name == "kafka delay 0" else {}
        self.peer = module.KafkaPeer(folder, KAFKA_PORTS[name], properties)
        self.peer.start()
        self.bootstrap, self.address = self.peer.bootstrap, ("127.0.0.1", self.peer.port)

    def close(self) -> None:
        self.peer.stop()


@contextlib.contextmanager
def pybroker(folder: Path, **overrides: str) -> Iterator[Broker]:
    """A broker of ours as it comes: acknowledged after fdatasync."""
    with Broker(folder / "pybroker", {"pybroker.flush.policy": "group", "num.network.threads": "1", **overrides}) as broker:
        yield broker


def percentile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def new_topics(broker: Any, stem: str, count: int) -> list[str]:
    """Topics with one record each."""
    from tests.support.batches import batch

    client = Client(broker)
    names = [f"{stem}-{number}" for number in range(count)]
    for name in names:
        client.try_create_topic(name=name)
        wait_until(lambda name=name: True if client.produce(name, batch()).error_code == NONE else None, f"{name} served")  # type: ignore[misc]
    client.close()
    return names


# ---- parts


def first(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    """In turns, so that what happens on the machine happens to all. Kafka as it comes has a fifth of them: each takes seconds, and they hardly differ."""
    with contextlib.ExitStack() as stack:
        brokers: dict[str, Any] = {"pybroker": stack.enter_context(pybroker(folder))}
        if not arguments.no_kafka:
            for name in KAFKA_PORTS:
                brokers[name] = Kafka(name, folder / name.replace(" ", "-"))
                stack.callback(brokers[name].close)
        rows: list[Row] = []
        for name, broker in brokers.items():
            [topic] = new_topics(broker, "ever", 1)
            rows.append({"part": "first", "broker": name, "client": "confluent-kafka classic", "what": "the first group ever", "ms": in_a_process("confluent-kafka classic", broker.bootstrap, topic)})
        times: dict[tuple[str, str], list[float]] = {(client, name): [] for client in CLIENTS for name in brokers}
        for turn in range(arguments.repeats):
            for (client, name), found in times.items():
                if name != "kafka" or turn % 5 == 0:
                    [topic] = new_topics(brokers[name], f"{client.replace(' ', '-')}-{turn}", 1)
                    found.append(in_a_process(client, brokers[name].bootstrap, topic))
        for (client, name), found in times.items():
            rows.append({"part": "first", "broker": name, "client": client, "groups": len(found), "p50_ms": percentile(found, 0.5), "p99_ms": percentile(found, 0.99)})
        return rows


def lone_members(broker: Any, count: int, connections: int, topic: str | None = None, stem: str = "idle") -> tuple[list[Connection], list[Member]]:
    """Groups of one member each, over some connections in turn."""
    opened = [Connection(broker.address) for _ in range(connections)]
    members = []
    for number in range(count):
        member = Member.__new__(Member)
        member.connection = opened[number % connections]
        member.group, member.instance, member.protocol_type = f"{stem}-{number}", None, "consumer"
        member.protocols = [("range", subscription(topic or "a-topic"))]
        member.session_ms = member.rebalance_ms = LONG_SESSION_MS
        member.member_id, member.generation, member.leader = "", -1, ""
        member._joins, member._syncs = [], []
        member.join()
        assert member.try_sync({member.member_id: assignment({topic or "a-topic": [0]})}).error_code == NONE
        members.append(member)
    return opened, members


def cpu_us(broker: Broker, members: Sequence[Member], requests: Sequence[Any], version: int, rounds: int) -> tuple[float, float]:
    """Processor time of the broker per request in µs, and requests a second. Each member has one request out at a time: all send, then all receive."""
    frames = [framed(encode(request, version, 7)) for request in requests]
    size = 0

    def round_trip() -> None:
        nonlocal size
        for member, frame in zip(members, frames, strict=True):
            member.connection.send_bytes(frame)
        for member in members:
            size = len(member.connection.read_frame())

    for _ in range(10):
        round_trip()
    before, begin = broker.cpu_s(), time.perf_counter()
    for _ in range(rounds):
        round_trip()
    seconds, cpu = time.perf_counter() - begin, broker.cpu_s() - before
    count = rounds * len(members)
    assert cpu > 20 * TICK_S, "too short to measure: more rounds"
    return cpu / count * 1e6, count / seconds


def requests(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    with pybroker(folder) as broker:
        client = Client(broker)
        topic = client.create_topic(name="places")
        connections, members = lone_members(broker, 200, 200, topic)
        beats = [k12.HeartbeatRequest(group_id=one.group, generation_id=one.generation, member_id=one.member_id) for one in members]
        commits = []
        for one in members:
            partition = k08.OffsetCommitRequestPartition(committed_offset=5, committed_metadata="")
            topics = [k08.OffsetCommitRequestTopic(name=topic, partitions=[partition])]
            commits.append(k08.OffsetCommitRequest(group_id=one.group, generation_id_or_member_epoch=one.generation, member_id=one.member_id, topics=topics))
        rows: list[Row] = []
        for what, asked, version, rounds in (("Heartbeat", beats, 4, 500), ("OffsetCommit", commits, 9, 200)):
            us, rate = cpu_us(broker, members, asked, version, rounds)
            rows.append({"part": "requests", "broker": "pybroker", "what": what, "cpu_us": us, "requests_per_s": rate})
        for connection in connections:
            connection.close()
        client.close()
        return rows


def heartbeats(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    """Evenly over the 3 s, as members that know nothing of each other send them."""
    count, every_s, seconds = 1000, 3.0, 30.0
    with pybroker(folder) as broker:
        connections, members = lone_members(broker, count, count)
        frames = [framed(encode(k12.HeartbeatRequest(group_id=one.group, generation_id=one.generation, member_id=one.member_id), 4, 7)) for one in members]
        before, begin = broker.cpu_s(), time.perf_counter()
        sent = 0
        while (at := time.perf_counter() - begin) < seconds:
            due = int(at / every_s * count)
            for number in range(sent, due):
                members[number % count].connection.send_bytes(frames[number % count])
            for number in range(sent, due):
                members[number % count].connection.read_frame()
            sent = due
            time.sleep(every_s / count)
        share = (broker.cpu_s() - before) / (time.perf_counter() - begin)
        for connection in connections:
            connection.close()
        return [{"part": "heartbeats", "broker": "pybroker", "groups": count, "every_s": every_s, "sent": sent, "percent_of_a_core": share * 100}]


def idle(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    """The second ten thousand: by then every table, pool and code path is there."""
    with pybroker(folder) as broker:
        connections, members = lone_members(broker, 20_000, 50)
        rss = []
        with Broker(folder / "half", {"pybroker.flush.policy": "group", "num.network.threads": "1"}) as half:
            fewer, _ = lone_members(half, 10_000, 50)
            rss.append(half.rss_bytes())
            for connection in fewer:
                connection.close()
        rss.append(broker.rss_bytes())
        for connection in connections:
            connection.close()
        return [{"part": "idle", "broker": "pybroker", "groups": len(members), "rss_mib": rss[1] / 2**20, "bytes_per_group": (rss[1] - rss[0]) / 10_000}]


def rebalance(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    """All join at once; the leader gives each ten partitions. Then one comes back with other metadata, and the whole group gathers again: that is measured."""
    count, partitions = 100, 1000
    with pybroker(folder) as broker:
        groups = Groups(broker)
        topic = groups.topic(partitions)
        each = partitions // count
        members = [groups.member("large", protocols=[("range", subscription(topic))]) for _ in range(count)]

        def gather(come: Sequence[Member]) -> None:
            for member in come:
                member.send_join()
            for member in members:
                assert member.joined().error_code == NONE
            given = {member.member_id: assignment({topic: range(number * each, number * each + each)}) for number, member in enumerate(members)}
            for member in members:
                member.send_sync(given if member.member_id == member.leader else None)
            for member in members:
                assert member.synced().error_code == NONE

        members[0].join()
        groups.sync(members[:1], {members[0].member_id: b""})
        for member in members[1:]:
            member.take_id()
        for member in members[1:]:
            member.send_join()
        members[0].wait_rebalance()
        gather(members[:1])
        walls, cpus = [], []
        for turn in range(10):
            for member in members:
                member.protocols = [("range", subscription(topic, owned={topic: [turn]}))]
            before, begin = broker.cpu_s(), time.perf_counter()
            gather(members)
            walls.append((time.perf_counter() - begin) * 1000)
            cpus.append((broker.cpu_s() - before) * 1000)
        groups.close()
        return [{"part": "rebalance", "broker": "pybroker", "members": count, "partitions": partitions, "wall_ms_p50": percentile(walls, 0.5), "broker_cpu_ms": sum(cpus) / len(cpus)}]


def paced(rate: float, seconds: float, send: Callable[[int], None]) -> int:
    """Call ``send`` with 0, 1, 2 … at a steady rate; how often it was."""
    begin, sent = time.perf_counter(), 0
    while (at := time.perf_counter() - begin) < seconds:
        for number in range(sent, due := int(at * rate)):
            send(number)
        sent = max(sent, due)
        time.sleep(max(0.0, (sent + 1) / rate - (time.perf_counter() - begin)))
    return sent


def producer(port: str, seconds: str) -> str:
    """One record a request, the next one when it is due and the last was answered; µs of each."""
    from tests.support.client import ONE_RECORD, PRODUCE_VERSION
    from tests.support.client import Client as Raw

    took: list[int] = []
    with Raw(int(port)) as client:
        request = client.produce_request("bench", ONE_RECORD)

        def send(_number: int) -> None:
            begin = time.perf_counter_ns()
            client.call(request, PRODUCE_VERSION)
            took.append(time.perf_counter_ns() - begin)

        paced(1000, float(seconds), send)
    return json.dumps({"count": len(took), "p50": percentile(took, 0.5) / 1000, "p99": percentile(took, 0.99) / 1000})


def committers(port: str, seconds: str) -> str:
    """1,000 members: each heart-beats every 3 s and commits every 0.5 s. Answers are read as they come."""
    broker = argparse.Namespace(address=("127.0.0.1", int(port)))
    opened, members = lone_members(broker, 1000, 1000, "bench", f"crowd-{os.getpid()}")
    beats = [framed(encode(k12.HeartbeatRequest(group_id=one.group, generation_id=one.generation, member_id=one.member_id), 4, 7)) for one in members]
    partition = k08.OffsetCommitRequestPartition(committed_offset=5, committed_metadata="")
    topics = [k08.OffsetCommitRequestTopic(name="bench", partitions=[partition])]
    commits = [framed(encode(k08.OffsetCommitRequest(group_id=one.group, generation_id_or_member_epoch=one.generation, member_id=one.member_id, topics=topics), 9, 7)) for one in members]
    out = [0] * len(members)

    def send(number: int) -> None:
        """Of seven requests of a member six are commits and one is a heartbeat: 2,000 and 333 a second."""
        place = number % len(members)
        while out[place]:
            opened[place].read_frame()
            out[place] -= 1
        opened[place].send_bytes((beats if number // len(members) % 7 == 6 else commits)[place])
        out[place] += 1

    print("ready", flush=True)
    begin = time.perf_counter()
    sent = paced(7 / 3 * len(members), float(seconds), send)
    took = time.perf_counter() - begin
    return json.dumps({"commits_per_s": sent * 6 / 7 / took, "heartbeats_per_s": sent / 7 / took})


def child(*words: object) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, __file__, "--child", *map(str, words)], stdout=subprocess.PIPE, text=True)


def last_line(process: "subprocess.Popen[str]") -> dict[str, float]:
    found: dict[str, float] = json.loads(process.communicate(timeout=120)[0].splitlines()[-1])
    return found


def beside(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    """Five rounds of each, in turns. ``elsewhere``: the same crowd on another broker of the same machine, which shows what the processors and their clients cost by themselves."""
    seconds, rounds = 6.0, 5
    (folder / "other").mkdir()
    with pybroker(folder) as broker, pybroker(folder / "other") as other:
        for one in (broker, other):
            client = Client(one)
            client.create_topic(name="bench")
            client.close()
            last_line(child("producer", one.port, 2))
            last_line(child("committers", one.port, 1))
        crowds: dict[str, Any] = {"alone": None, "beside": broker, "elsewhere": other}
        found: dict[str, list[dict[str, float]]] = {how: [] for how in crowds}
        load: dict[str, list[dict[str, float]]] = {how: [] for how in crowds}
        for _ in range(rounds):
            for how, at in crowds.items():
                crowd = child("committers", at.port, seconds + 2) if at else None
                if crowd is not None and crowd.stdout is not None:
                    assert crowd.stdout.readline() == "ready\n"
                    time.sleep(1)                                           # it is at its rate
                found[how].append(last_line(child("producer", broker.port, seconds)))
                if crowd is not None:
                    load[how].append(last_line(crowd))
        rows: list[Row] = []
        for how, turns in found.items():
            medians = {f"{part}_us": percentile([turn[part] for turn in turns], 0.5) for part in ("p50", "p99")}
            rates = {name: percentile([turn[name] for turn in load[how]], 0.5) for name in (load[how] or [{}])[0]}
            rows.append({"part": "beside", "broker": "pybroker", "crowd": how, **medians, **rates, "p99_us_of_each": [round(turn["p99"]) for turn in turns]})
        return rows


def start(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    """1,000 groups with 100 partitions each."""
    group_count, each = 1000, 100
    rows: list[Row] = []
    broker = Broker(folder / "pybroker", {"pybroker.flush.policy": "group", "num.network.threads": "1"})
    broker.start()
    try:
        groups = Groups(broker)
        topic = groups.topic(each)
        names = [f"place-{number}" for number in range(group_count)]
        for name in names:
            assert {row[2] for row in groups.commit(name, [(topic, partition, 5) for partition in range(each)])} == {NONE}
        groups.close()
        for how, end in (("clean stop", broker.stop), ("kill -9", broker.kill)):
            end()
            begin = time.perf_counter()
            broker.start()
            ready = time.perf_counter() - begin
            groups = Groups(broker)
            connection, asked = groups.client.connection, [fetch_request(name, [(topic, [0])], 7) for name in names]
            sent = [connection.send(request, 7) for request in asked]
            answers = [connection.receive(request, 7, number) for request, number in zip(asked, sent, strict=True)]
            assert {(answer.error_code, answer.topics[0].partitions[0].committed_offset) for answer in answers} == {(NONE, 5)}
            rows.append({"part": "start", "broker": "pybroker", "after": how, "offsets": group_count * each, "ready_ms": ready * 1000, "all_answer_ms": (time.perf_counter() - begin) * 1000})
            groups.close()
        broker.stop()
    finally:
        broker.discard()
    return rows


PARTS: Final = {part.__name__: part for part in (first, requests, heartbeats, idle, rebalance, beside, start)}


def show(row: Row) -> str:
    words = [f"{key}={value:.3f}" if isinstance(value, float) else f"{key}={value}" for key, value in row.items() if key not in ("part", "broker")]
    return f"{row['part']:<11} {row['broker']:<14} " + "  ".join(words)


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        words = sys.argv[2:]
        children: dict[str, Callable[..., Any]] = {"producer": producer, "committers": committers}
        print(children[words[0]](*words[1:]) if words[0] in children else first_record_time(*words))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), metavar="PART,…")
    parser.add_argument("--no-kafka", action="store_true")
    parser.add_argument("--repeats", type=int, default=50, help="new groups per client and broker in part first")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if not (TOOLS / "kafka_peer.py").exists() and not arguments.no_kafka:
        parser.error(f"Kafka is started by kafka_peer.py, which is not at {TOOLS}: set PYBROKER_TOOLS, or --no-kafka")
    rows: list[Row] = []
    for name in arguments.only.split(","):
        with tempfile.TemporaryDirectory(prefix="groups-", dir=ROOT / "build") as folder:
            found = PARTS[name](arguments, Path(folder))
        for row in found:
            print(show(row), flush=True)
        rows += found
    if arguments.json:
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
        arguments.json.write_text(json.dumps({"commit": commit, "cores": os.cpu_count(), "command": " ".join(sys.argv), "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
