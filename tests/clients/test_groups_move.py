"""A live group moves from the classic protocol to the consumer protocol and back, member by member, and reads everything meanwhile (KIP-848).

In the middle, with members of both protocols in the group, the broker is killed and started again. Against a foreign broker that step is left out.
"""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clients.members import KINDS, Team, readings
from tests.clients.test_groups import PARTITIONS, Writer, leave_all, prepare, restart, start_broker, wait_places
from tests.support.broker import Broker
from tests.support.groups import served
from tests.support.kafka import new_name

pytestmark = [pytest.mark.clients, pytest.mark.slow, served(8, 9, 10, 11, 12, 13, 14, 68)]

MOVES = {
    "confluent-kafka, eager": ("confluent-kafka range", "confluent-kafka consumer"),
    "confluent-kafka, cooperative": ("confluent-kafka cooperative-sticky", "confluent-kafka consumer"),
    "java, cooperative": ("java CooperativeStickyAssignor", "java consumer"),
    "java beside confluent-kafka": ("java RangeAssignor", "confluent-kafka consumer"),
}


@pytest.mark.parametrize("move", MOVES)
def test_group_moves_to_the_consumer_protocol_and_back_without_a_stop(move: str, tmp_path: Path) -> None:
    old, new = (KINDS[name] for name in MOVES[move])
    with ExitStack() as stack:
        broker = start_broker(tmp_path)
        stack.callback(lambda: broker.discard() if isinstance(broker, Broker) else None)
        topic, group = new_name("move"), new_name("team")
        prepare(broker, topic, group)
        team = Team(old, broker.bootstrap, topic, group, PARTITIONS, tmp_path)
        stack.callback(team.discard)
        writer = Writer(broker.bootstrap, topic)
        stack.callback(writer._stopping.set)

        first, second = team.add(), team.add()
        team.wait_shared(first, second)
        team.wait_reading()
        team.kind = new
        third = team.add()
        team.wait_shared(first, second, third)
        team.wait_reading()
        if isinstance(broker, Broker):
            restart(broker)
            team.wait_reading(500)
            team.wait_shared(first, second, third)
        first.leave()
        second.leave()
        team.wait_shared(third)
        team.wait_reading()
        team.kind = old
        fourth = team.add()
        team.wait_shared(third, fourth)
        team.wait_reading()
        third.leave()
        team.wait_shared(fourth)
        team.wait_reading()

        writer.stop()
        wait_places(broker, group, topic, {partition: max(found) + 1 for partition, found in writer.acknowledged.items()})
        leave_all(fourth)
        found = readings(team.everybody)
        assert found.faults == []
        assert {partition: dict(sorted(values.items())) for partition, values in found.values.items()} == {
            partition: dict(sorted(values.items())) for partition, values in writer.acknowledged.items()
        }, "every acknowledged record was read, and no other"
        if isinstance(broker, Broker):
            broker.stop()
