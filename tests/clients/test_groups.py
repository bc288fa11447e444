"""Groups of every client through one story: three members over twelve partitions, one joins, one leaves, one is killed, one is frozen past its session, the broker is killed and started again.

All the while a producer writes. In the end every acknowledged record was read at least once, no member skipped one or read out of order, and the group's places are the ends of the log.
Against a foreign broker the last step is left out. The stories run beside each other, each on a broker of its own.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from pybroker.protocol.definitions.served import SERVED_NOW
from tests.clients.members import KINDS, Kind, Member, Team, history, readings
from tests.support.broker import FOREIGN, AnyBroker, Broker, ForeignBroker
from tests.support.groups import fetch, served, wait_until
from tests.support.kafka import NONE, SET, Client, new_name
from tests.support.shared import SHARED
from tests.support.wire import Connection

pytestmark = [pytest.mark.clients, pytest.mark.slow, served(8, 9, 10, 11, 12, 13, 14, 68)]

PARTITIONS: Final = 12
BESIDE: Final = int(os.environ.get("PYBROKER_TEST_GROUPS_BESIDE", "4"))
"""Stories at a time: four, of which most of the time is waiting for sessions to end."""
PAUSE_S: Final = 0.02
"""Between two rounds of the writer, one record for each partition: 600 records a second."""
GROUP_RESOURCE: Final = 32
SHORT_SESSIONS: Final = {
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "3000",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": "300",
    "pybroker.flush.policy": "group",
}


class Writer:
    """A producer that goes on until it is told to stop. What was acknowledged: partition → offset → value."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        from confluent_kafka import Producer

        self.topic = topic
        self.acknowledged: dict[int, dict[int, str]] = {partition: {} for partition in range(PARTITIONS)}
        self.faults: list[str] = []
        self._producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5, "delivery.timeout.ms": 60_000, "log_level": 0})
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def _write(self) -> None:
        from confluent_kafka import KafkaError, Message

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self.faults.append(str(error))
            else:
                self.acknowledged[message.partition()][message.offset()] = message.value().decode()

        number = 0
        while not self._stopping.wait(PAUSE_S):
            for partition in range(PARTITIONS):
                self._producer.produce(self.topic, f"{partition}:{number}".encode(), partition=partition, on_delivery=on_delivery)
            number += 1
            self._producer.poll(0)
        self.unsent = self._producer.flush(60)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        assert (self.unsent, self.faults) == (0, [])


def start_broker(folder: Path) -> AnyBroker:
    return ForeignBroker(FOREIGN) if FOREIGN else Broker(folder / "data", SHORT_SESSIONS).start()


def prepare(broker: AnyBroker, topic: str, group: str) -> None:
    client = Client(broker)
    client.create_topic(PARTITIONS, name=topic)
    if FOREIGN:                                                             # ours has these as its own settings
        keys = {"consumer.session.timeout.ms": "3000", "consumer.heartbeat.interval.ms": "300"}
        assert client.alter(group, [(key, SET, value) for key, value in keys.items()], resource_type=GROUP_RESOURCE).error_code == NONE
    client.close()


def restart(broker: Broker) -> None:
    """kill -9, and the same again on the same port."""
    broker.overrides["listeners"] = f"PLAINTEXT://{broker.host}:{broker.port}"
    broker.kill()
    broker.start()


def wait_places(broker: AnyBroker, group: str, topic: str, ends: dict[int, int]) -> None:
    """Until the group's committed offsets are the ends of the log."""

    def there() -> bool | None:
        with Connection(broker.address) as connection:
            found = fetch(connection, group, [(topic, range(PARTITIONS))])
        return True if {place[1]: row[0] for place, row in found.items()} == ends else None

    wait_until(there, f"places {ends}", 60)


def story(kind: Kind, folder: Path) -> dict[str, float]:
    """The whole of it; how long each step took, in seconds."""
    took: dict[str, float] = {}
    with ExitStack() as stack:
        broker = start_broker(folder)
        stack.callback(lambda: broker.discard() if isinstance(broker, Broker) else None)
        topic, group = new_name("story"), new_name("team")
        prepare(broker, topic, group)
        team = Team(kind, broker.bootstrap, topic, group, PARTITIONS, folder)
        stack.callback(team.discard)
        writer = Writer(broker.bootstrap, topic)
        stack.callback(writer._stopping.set)

        first, second, third = team.add(), team.add(), team.add()
        took["three share"] = team.wait_shared(first, second, third)
        team.wait_reading()
        fourth = team.add()
        took["one joins"] = team.wait_shared(first, second, third, fourth)
        team.wait_reading()
        second.leave()
        took["one leaves"] = team.wait_shared(first, third, fourth)
        third.kill()
        took["one is killed"] = team.wait_shared(first, fourth)
        team.wait_reading()
        fourth.freeze()
        took["one is frozen"] = team.wait_shared(first)
        fourth.thaw()
        took["it is back"] = team.wait_shared(first, fourth)
        team.wait_reading()
        if isinstance(broker, Broker):
            restart(broker)
            begin = time.monotonic()
            team.wait_reading(500)
            took["broker killed"] = time.monotonic() - begin
            team.wait_shared(first, fourth)

        writer.stop()
        ends = {partition: max(found) + 1 for partition, found in writer.acknowledged.items()}
        wait_places(broker, group, topic, ends)
        leave_all(first, fourth)
        found = readings(team.everybody)
        assert found.faults == []
        assert {partition: dict(sorted(values.items())) for partition, values in found.values.items()} == {
            partition: dict(sorted(values.items())) for partition, values in writer.acknowledged.items()
        }, "every acknowledged record was read, and no other"
        judge_by_others(team, writer, folder)
        if isinstance(broker, Broker):
            broker.stop()
    return took


def judge_by_others(team: Team, writer: Writer, folder: Path) -> None:
    """The reference judge of histories, where it is: written apart from ours."""
    judge = SHARED / "tools" / "history_check.py"
    if judge.is_file():
        path = folder / "history.jsonl"
        path.write_text("".join(json.dumps(event) + "\n" for event in history(team.everybody, team.topic, team.group, writer.acknowledged)))
        done = subprocess.run([sys.executable, str(judge), str(path)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


def leave_all(*members: Member) -> None:
    for member in members:
        member.leave()


@pytest.fixture(scope="module")
def stories(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, "Future[dict[str, float]]"]]:
    """Those that were chosen, begun together; each test awaits its own."""
    chosen = {item.callspec.params["name"] for item in request.session.items if getattr(item, "callspec", None) and item.path == request.path}
    with ThreadPoolExecutor(BESIDE) as pool:
        yield {name: pool.submit(story, kind, tmp_path_factory.mktemp(name.replace(" ", "-"))) for name, kind in KINDS.items() if name in chosen}


@pytest.mark.parametrize("name", KINDS)
def test_group_of_every_client_reads_everything_through_all_that_happens(stories: dict[str, "Future[dict[str, float]]"], name: str) -> None:
    if 68 not in SERVED_NOW and not FOREIGN and name.endswith(" consumer"):
        pytest.skip("the consumer protocol is not served")
    print(name, {step: round(seconds, 1) for step, seconds in stories[name].result().items()})
