"""Members of the consumer group protocol (KIP-848) from outside, beside the classic ones of groups.py: a heartbeat a call; each keeps the epoch and the partitions that answers gave it."""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from pybroker.protocol.messages import k68_consumer_group_heartbeat as k68
from pybroker.protocol.messages import k69_consumer_group_describe as k69
from tests.support.broker import FOREIGN, AnyBroker, Broker
from tests.support.fixtures import assert_serves
from tests.support.groups import EVENT_S_MAX, Groups, commit, wait_until
from tests.support.kafka import NONE, new_name
from tests.support.wire import Connection

Owned = dict[str, list[int]]
LEAVE, LEAVE_FOR_A_WHILE = -1, -2


def new_member_id() -> str:
    return str(uuid.uuid4())


class ConsumerMember:
    """One member. ``owned`` is what it works on; nothing is taken or given up but by ``take``, as a client that is slow or fast may do it."""

    def __init__(self, groups: Groups, group: str, topics: Sequence[str] | None = None, *, instance: str | None = None, regex: str | None = None, assignor: str | None = None, rebalance_ms: int = 10_000) -> None:
        self.groups, self.group, self.topics = groups, group, topics
        self.instance, self.regex, self.assignor, self.rebalance_ms = instance, regex, assignor, rebalance_ms
        self.connection = Connection(groups.broker.address)
        self.member_id, self.epoch = new_member_id(), 0
        self.owned: Owned = {}
        self.assigned: Owned = {}

    def rows(self, owned: Mapping[str, Sequence[int]]) -> list[Any]:
        """Partitions as a heartbeat has them."""
        return [k68.ConsumerGroupHeartbeatRequestTopicPartitions(topic_id=self.groups.client.ids[name], partitions=list(indexes)) for name, indexes in owned.items() if indexes]

    def send(self, version: int = 1, **fields: Any) -> Any:
        """A heartbeat with no more in it than its ids, or with ``fields``; the answer, of which nothing is kept."""
        values = {"group_id": self.group, "member_id": self.member_id, "member_epoch": self.epoch, "instance_id": self.instance} | fields
        return self.connection.call(k68.ConsumerGroupHeartbeatRequest(**values), version)

    def beat(self, version: int = 1, **fields: Any) -> Any:
        """A heartbeat that must be taken; epoch and assignment are kept."""
        answer = self.send(version, **fields)
        assert answer.error_code == NONE, answer
        assert version == 0 or answer.member_id == self.member_id
        self.member_id, self.epoch = answer.member_id, answer.member_epoch
        if answer.assignment is not None:
            names = {topic_id: name for name, topic_id in self.groups.client.ids.items()}
            self.assigned = {names[row.topic_id]: sorted(row.partitions) for row in answer.assignment.topic_partitions}
        return answer

    def join_fields(self, version: int = 1) -> dict[str, Any]:
        fields: dict[str, Any] = {"member_epoch": 0, "rebalance_timeout_ms": self.rebalance_ms, "topic_partitions": []}
        if self.topics is not None:
            fields["subscribed_topic_names"] = list(self.topics)
        if self.regex is not None and version >= 1:
            fields["subscribed_topic_regex"] = self.regex
        if self.assignor is not None:
            fields["server_assignor"] = self.assignor
        return fields

    def join(self, version: int = 1, **fields: Any) -> Any:
        """Join, or join again from nothing."""
        self.owned, self.assigned = {}, {}
        return self.beat(version, **(self.join_fields(version) | fields))

    def try_join(self, version: int = 1, **fields: Any) -> Any:
        return self.send(version, **(self.join_fields(version) | fields))

    def take(self) -> Any:
        """Give up and take over what the broker wants, and say so."""
        self.owned = dict(self.assigned)
        return self.beat(topic_partitions=self.rows(self.owned))

    def is_content(self) -> bool:
        """Whether a heartbeat is taken and nothing is to be done."""
        self.beat()
        return self.assigned == self.owned

    def leave(self, epoch: int = LEAVE, **fields: Any) -> Any:
        return self.send(member_epoch=epoch, **fields)

    def commit(self, topic: str, offset: int, *, partition: int = 0, version: int = 9, **fields: Any) -> int:
        values = {"generation_id_or_member_epoch": self.epoch, "member_id": self.member_id}
        [row] = commit(self.connection, self.group, [(topic, partition, offset)], version=version, ids=self.groups.client.ids, **(values | fields))
        return row[2]

    def close(self) -> None:
        self.connection.close()


class ConsumerGroups(Groups):
    """Groups of both protocols."""

    def topic(self, partitions: int = 1) -> str:
        """A new topic that the coordinator knows. A foreign one may learn of it after it is served: asked by a group that nobody else has."""
        name = super().topic(partitions)
        if FOREIGN:
            probe = ConsumerMember(self, new_name("probe"), [name])

            def known() -> bool | None:
                probe.join()
                return True if probe.assigned else None

            wait_until(known, f"{name} known to the coordinator")
            probe.leave()
            probe.close()
        return name

    def consumer(self, group: str | None = None, topics: Sequence[str] | None = None, **fields: Any) -> ConsumerMember:
        made = ConsumerMember(self, new_name("c") if group is None else group, topics, **fields)
        self._closing.append(made.connection)
        return made

    def consumers(self, count: int, topics: Sequence[str], **fields: Any) -> list[ConsumerMember]:
        """That many, in one group, settled with all partitions of the topics."""
        members = [self.consumer(topics=topics, **fields)]
        members += [self.consumer(members[0].group, topics, **fields) for _ in range(count - 1)]
        for member in members:
            member.join()
        partitions = sum(len(found.partitions) for found in self.client.metadata(topics).topics)

        def all_owned() -> bool | None:
            self.settle(*members)
            return True if sum(owned_counts(members)) == partitions else None

        wait_until(all_owned, f"{partitions} partitions shared")
        return members

    def settle(self, *members: ConsumerMember, check: bool = True) -> None:
        """Heartbeats in turn, each member doing at once what it is told, until nobody is told anything and the group says that it is stable. At every step no partition has two owners."""
        deadline = time.monotonic() + EVENT_S_MAX
        while True:
            quiet = True
            for member in members:
                epoch = member.epoch
                if member.beat().assignment is not None or member.assigned != member.owned or member.epoch != epoch:
                    quiet = False
                    member.take()
                assert_one_owner(members)
            if quiet and len({member.epoch for member in members}) == 1 and (not check or self.consumer_group(members[0].group).group_state == "Stable"):
                return
            assert time.monotonic() < deadline, f"not settled: {[(member.epoch, member.owned, member.assigned) for member in members]}"

    def consumer_group(self, group: str, version: int = 1) -> Any:
        [found] = self.call(k69.ConsumerGroupDescribeRequest(group_ids=[group]), version).groups
        return found


def assert_one_owner(members: Sequence[ConsumerMember]) -> None:
    everything = [(topic, index) for member in members for topic, indexes in member.owned.items() for index in indexes]
    assert len(everything) == len(set(everything)), f"two owners: {[member.owned for member in members]}"


def owned_counts(members: Sequence[ConsumerMember]) -> list[int]:
    return sorted(sum(len(indexes) for indexes in member.owned.values()) for member in members)


@pytest.fixture
def consumer_groups(group_broker: AnyBroker) -> Iterator[ConsumerGroups]:
    """Members of both protocols on the shared broker; after the test it is alive and serves another connection."""
    made = ConsumerGroups(group_broker)
    yield made
    made.close()
    if isinstance(group_broker, Broker):
        group_broker.assert_alive()
    assert_serves(group_broker)
