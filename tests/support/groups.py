"""Groups from outside: members on connections of their own, one call per request, in any version. What an answer says is kept by the member; nothing waits but for an answer."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import pytest

from pybroker.protocol.definitions.served import SERVED_NOW
from pybroker.protocol.messages import k08_offset_commit as k08
from pybroker.protocol.messages import k09_offset_fetch as k09
from pybroker.protocol.messages import k10_find_coordinator as k10
from pybroker.protocol.messages import k11_join_group as k11
from pybroker.protocol.messages import k12_heartbeat as k12
from pybroker.protocol.messages import k13_leave_group as k13
from pybroker.protocol.messages import k14_sync_group as k14
from pybroker.protocol.messages import k15_describe_groups as k15
from pybroker.protocol.messages import k16_list_groups as k16
from pybroker.protocol.messages import k42_delete_groups as k42
from pybroker.protocol.messages.consumer_protocol import ConsumerProtocolAssignment, ConsumerProtocolSubscription
from pybroker.protocol.messages.consumer_protocol import ConsumerProtocolAssignmentTopicPartition as AssignedTopic
from pybroker.protocol.messages.consumer_protocol import ConsumerProtocolSubscriptionTopicPartition as OwnedTopic
from tests.support.broker import FOREIGN, AnyBroker, Broker, ForeignBroker
from tests.support.fixtures import assert_serves
from tests.support.kafka import NONE, Client, new_name
from tests.support.wire import Connection

GROUP_CONFIG: Final[Mapping[str, str]] = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "100",
    "group.max.size": "20",
    "group.consumer.min.session.timeout.ms": "100",
    "group.consumer.min.heartbeat.interval.ms": "50",
    "group.consumer.max.size": "20",
    "group.consumer.assignment.interval.ms": "0",
    "auto.create.topics.enable": "false",
}
"""The broker's settings that these tests count on. A foreign broker (PYBROKER_TEST_BOOTSTRAP) must have the same ones: Kafka reads them as they stand here."""

COORDINATOR_LOAD_IN_PROGRESS: Final = 14
OFFSET_METADATA_TOO_LARGE: Final = 12
COORDINATOR_NOT_AVAILABLE: Final = 15
NOT_COORDINATOR: Final = 16
ILLEGAL_GENERATION: Final = 22
INCONSISTENT_GROUP_PROTOCOL: Final = 23
INVALID_GROUP_ID: Final = 24
UNKNOWN_MEMBER_ID: Final = 25
INVALID_SESSION_TIMEOUT: Final = 26
REBALANCE_IN_PROGRESS: Final = 27
INVALID_COMMIT_OFFSET_SIZE: Final = 28
NON_EMPTY_GROUP: Final = 68
GROUP_ID_NOT_FOUND: Final = 69
MEMBER_ID_REQUIRED: Final = 79
GROUP_MAX_SIZE_REACHED: Final = 81
FENCED_INSTANCE_ID: Final = 82
GROUP_SUBSCRIBED_TO_TOPIC: Final = 86
FENCED_MEMBER_EPOCH: Final = 110
UNRELEASED_INSTANCE_ID: Final = 111
UNSUPPORTED_ASSIGNOR: Final = 112
STALE_MEMBER_EPOCH: Final = 113
INVALID_REGULAR_EXPRESSION: Final = 128

EVENT_S_MAX: Final = 15.0
"""The longest that a test waits for what the broker must do by itself."""
PROTOCOL_TYPE: Final = "consumer"

T = TypeVar("T")


def served(*keys: int) -> pytest.MarkDecorator:
    """Skip where our broker does not serve the keys."""
    missing = [key for key in keys if key not in SERVED_NOW]
    return pytest.mark.skipif(bool(missing) and not FOREIGN, reason=f"keys {missing} are not served")


def wait_until(found: Callable[[], T | None], what: str, within_s: float = EVENT_S_MAX) -> T:
    """Ask the broker again and again, each time with a round trip, until there is an answer that is not None."""
    deadline = time.monotonic() + within_s
    while (got := found()) is None:
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
    return got


# ---- what members say to each other


def subscription(*topics: str, owned: Mapping[str, Sequence[int]] | None = None, generation: int = -1, version: int = 1) -> bytes:
    """A consumer's metadata, as KIP-429 has it."""
    own = [OwnedTopic(topic=topic, partitions=list(partitions)) for topic, partitions in (owned or {}).items()]
    data = ConsumerProtocolSubscription(topics=list(topics), owned_partitions=own, generation_id=generation)
    return version.to_bytes(2, "big") + bytes(data.encode(version))


def assignment(partitions: Mapping[str, Sequence[int]], version: int = 1) -> bytes:
    data = ConsumerProtocolAssignment(assigned_partitions=[AssignedTopic(topic=topic, partitions=list(indexes)) for topic, indexes in partitions.items()])
    return version.to_bytes(2, "big") + bytes(data.encode(version))


# ---- members


class Member:
    """One classic member. Its id, generation and what it must know of the others stand here as the last good answers said."""

    def __init__(
        self,
        broker: AnyBroker,
        group: str,
        *,
        protocols: Sequence[tuple[str, bytes]] = (("range", b"metadata"),),
        protocol_type: str = PROTOCOL_TYPE,
        instance: str | None = None,
        session_ms: int = 30_000,
        rebalance_ms: int = 30_000,
        member_id: str = "",
    ) -> None:
        self.connection = Connection(broker.address)
        self.group, self.instance, self.protocol_type = group, instance, protocol_type
        self.protocols = list(protocols)
        self.session_ms, self.rebalance_ms = session_ms, rebalance_ms
        self.member_id, self.generation = member_id, -1
        self.leader = ""
        self._joins: list[tuple[Any, int, int]] = []
        self._syncs: list[tuple[Any, int, int]] = []

    # ---- joining

    def join_request(self, version: int = 9) -> Any:
        protocols = [k11.JoinGroupRequestProtocol(name=name, metadata=metadata) for name, metadata in self.protocols]
        return k11.JoinGroupRequest(
            group_id=self.group,
            session_timeout_ms=self.session_ms,
            rebalance_timeout_ms=self.rebalance_ms,
            member_id=self.member_id,
            group_instance_id=self.instance if version >= 5 else None,
            protocol_type=self.protocol_type,
            protocols=protocols,
            reason="a test" if version >= 8 else None,
        )

    def send_join(self, version: int = 9) -> None:
        """Ask, without waiting: the answer comes when the group has gathered (``joined``)."""
        request = self.join_request(version)
        self._joins.append((request, version, self.connection.send(request, version)))

    def joined(self) -> Any:
        """The answer to the oldest join that waits."""
        request, version, correlation_id = self._joins.pop(0)
        answer = self.connection.receive(request, version, correlation_id)
        if answer.error_code == NONE:
            self.generation, self.leader = answer.generation_id, answer.leader
        if answer.error_code in (NONE, MEMBER_ID_REQUIRED):
            self.member_id = answer.member_id
        return answer

    def try_join(self, version: int = 9) -> Any:
        self.send_join(version)
        return self.joined()

    def take_id(self, version: int = 9) -> None:
        """The first round of a dynamic member from version 4 on: the broker gives the id (KIP-394)."""
        if version >= 4 and self.member_id == "" and (self.instance is None or version < 5):
            assert self.try_join(version).error_code == MEMBER_ID_REQUIRED and self.member_id

    def join(self, version: int = 9) -> Any:
        """All rounds; must be taken."""
        self.take_id(version)
        answer = self.try_join(version)
        assert answer.error_code == NONE, answer
        return answer

    # ---- the rest of a life

    def send_sync(self, assignments: Mapping[str, bytes] | None = None, version: int = 5, **fields: Any) -> None:
        request = self.sync_request(assignments, version, **fields)
        self._syncs.append((request, version, self.connection.send(request, version)))

    def sync_request(self, assignments: Mapping[str, bytes] | None = None, version: int = 5, **fields: Any) -> Any:
        values: dict[str, Any] = {
            "group_id": self.group,
            "generation_id": self.generation,
            "member_id": self.member_id,
            "group_instance_id": self.instance if version >= 3 else None,
            "assignments": [k14.SyncGroupRequestAssignment(member_id=member_id, assignment=data) for member_id, data in (assignments or {}).items()],
        }
        if version >= 5:
            values |= {"protocol_type": self.protocol_type, "protocol_name": self.protocols[0][0]}
        return k14.SyncGroupRequest(**(values | fields))

    def synced(self) -> Any:
        request, version, correlation_id = self._syncs.pop(0)
        return self.connection.receive(request, version, correlation_id)

    def try_sync(self, assignments: Mapping[str, bytes] | None = None, version: int = 5, **fields: Any) -> Any:
        self.send_sync(assignments, version, **fields)
        return self.synced()

    def heartbeat(self, version: int = 4, **fields: Any) -> int:
        """The error code."""
        values = {"group_id": self.group, "generation_id": self.generation, "member_id": self.member_id, "group_instance_id": self.instance if version >= 3 else None}
        return int(self.connection.call(k12.HeartbeatRequest(**(values | fields)), version).error_code)

    def leave(self, version: int = 5) -> int:
        """The error code: the member's own where the version has one."""
        answer = self.connection.call(leave_request(self.group, [(self.member_id, self.instance)], version), version)
        return int(answer.members[0].error_code if version >= 3 and answer.error_code == NONE else answer.error_code)

    def commit(self, topic: str, offset: int, *, partition: int = 0, version: int = 9, **fields: Any) -> int:
        """The partition's error code."""
        values = {"generation_id_or_member_epoch": self.generation, "member_id": self.member_id, "group_instance_id": self.instance if version >= 7 else None}
        [row] = commit(self.connection, self.group, [(topic, partition, offset)], version=version, **(values | fields))
        return int(row[2])

    def wait_rebalance(self) -> None:
        """Until the broker says that others want the group to gather again."""
        wait_until(lambda: True if self.heartbeat() == REBALANCE_IN_PROGRESS else None, "a heartbeat answered with REBALANCE_IN_PROGRESS")

    def close(self) -> None:
        self.connection.close()


def leave_request(group: str, members: Sequence[tuple[str, str | None]], version: int = 5) -> Any:
    """For (member id, group instance id); one alone before version 3."""
    if version < 3:
        [(member_id, _)] = members
        return k13.LeaveGroupRequest(group_id=group, member_id=member_id)
    identities = [k13.MemberIdentity(member_id=member_id, group_instance_id=instance, reason="a test" if version >= 5 else None) for member_id, instance in members]
    return k13.LeaveGroupRequest(group_id=group, members=identities)


class Groups:
    """A client, and members and groups that end with the test."""

    def __init__(self, broker: AnyBroker) -> None:
        self.broker = broker
        self.client = Client(broker)
        self._closing: list[Connection] = []

    def call(self, request: Any, version: int) -> Any:
        return self.client.call(request, version)

    def topic(self, partitions: int = 1) -> str:
        return self.client.create_topic(partitions)

    def member(self, group: str | None = None, **fields: Any) -> Member:
        made = Member(self.broker, new_name("g") if group is None else group, **fields)
        self._closing.append(made.connection)
        return made

    def gather(self, members: Sequence[Member], version: int = 9) -> Member:
        """All join as one generation; the leader. Those that are in already must come back; new ones are let in first, one by one, so that none is missed."""
        known = [member for member in members if member.generation >= 0]
        for member in members:
            if member.generation < 0:
                member.take_id(version)
                member.send_join(version)
                if not known:
                    answer = member.joined()
                    assert answer.error_code == NONE, answer
                    known.append(member)
                    self.sync([member])
                    continue
                for other in known:
                    other.wait_rebalance()
                for other in known:
                    other.send_join(version)
                known.append(member)
                for other in known:
                    answer = other.joined()
                    assert answer.error_code == NONE, answer
                self.sync(known)
        return next(member for member in members if member.member_id == member.leader)

    def sync(self, members: Sequence[Member], data: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
        """The leader gives each member its id as its assignment, or ``data``; what each was told."""
        assignments = {member.member_id: f"for {member.member_id}".encode() for member in members} if data is None else data
        for member in members:
            member.send_sync(assignments if member.member_id == member.leader else None)
        found = {}
        for member in members:
            answer = member.synced()
            assert answer.error_code == NONE, answer
            found[member.member_id] = answer.assignment
        return found

    def stable(self, count: int = 1, group: str | None = None, **fields: Any) -> list[Member]:
        """A stable group of members that have their assignments."""
        group = new_name("g") if group is None else group
        members = [self.member(group, **fields) for _ in range(count)]
        self.gather(members)
        return members

    # ---- looking at them

    def describe(self, group: str, version: int = 6) -> Any:
        [found] = self.call(k15.DescribeGroupsRequest(groups=[group], include_authorized_operations=False), version).groups
        return found

    def state(self, group: str) -> str:
        return str(self.describe(group, 5).group_state)

    def wait_state(self, group: str, state: str) -> None:
        wait_until(lambda: True if self.state(group) == state else None, f"{group} in state {state}")

    def listed(self, states: Sequence[str] = (), types: Sequence[str] = (), version: int = 5) -> dict[str, Any]:
        fields: dict[str, Any] = ({"states_filter": list(states)} if version >= 4 else {}) | ({"types_filter": list(types)} if version >= 5 else {})
        answer = self.call(k16.ListGroupsRequest(**fields), version)
        assert answer.error_code == NONE
        found = {group.group_id: group for group in answer.groups}
        assert len(found) == len(answer.groups), "a group twice"
        return found

    def delete(self, *groups: str, version: int = 2) -> dict[str, int]:
        answer = self.call(k42.DeleteGroupsRequest(groups_names=list(groups)), version)
        return {row.group_id: row.error_code for row in answer.results}

    # ---- offsets

    def commit(self, group: str, rows: Sequence[tuple[str, int, int]], **fields: Any) -> list[tuple[str, int, int]]:
        return commit(self.client.connection, group, rows, ids=self.client.ids, **fields)

    def committed(self, group: str, rows: Sequence[tuple[str, Sequence[int]]] | None, **fields: Any) -> dict[tuple[str, int], tuple[int, int, str | None, int]]:
        return fetch(self.client.connection, group, rows, ids=self.client.ids, **fields)

    def close(self) -> None:
        for connection in self._closing:
            connection.close()
        self.client.close()


# ---- offsets


def commit(
    connection: Connection,
    group: str,
    rows: Sequence[tuple[str, int, int]],
    *,
    version: int = 9,
    metadata: str | None = "",
    leader_epoch: int = -1,
    ids: Mapping[str, bytes] | None = None,
    **fields: Any,
) -> list[tuple[str, int, int]]:
    """OffsetCommit for (topic, partition, offset), a topic's rows in one topic; (topic, partition, error code) as answered. Topics by id from version 10 on."""
    topics: dict[str, list[Any]] = {}
    for name, partition, offset in rows:
        row = k08.OffsetCommitRequestPartition(partition_index=partition, committed_offset=offset, committed_metadata=metadata)
        if version >= 6:
            row.committed_leader_epoch = leader_epoch
        topics.setdefault(name, []).append(row)
    ids = ids or {}
    asked = [
        k08.OffsetCommitRequestTopic(topic_id=ids[name], partitions=partitions) if version >= 10 else k08.OffsetCommitRequestTopic(name=name, partitions=partitions)
        for name, partitions in topics.items()
    ]
    answer = connection.call(k08.OffsetCommitRequest(group_id=group, topics=asked, **fields), version)
    names = {topic_id: name for name, topic_id in ids.items()}
    return [(names[topic.topic_id] if version >= 10 else topic.name, row.partition_index, row.error_code) for topic in answer.topics for row in topic.partitions]


def fetch_request(group: str, rows: Sequence[tuple[str, Sequence[int]]] | None, version: int, ids: Mapping[str, bytes] | None = None, **fields: Any) -> Any:
    """OffsetFetch for (topic, partitions), or for all that the group has; ``fields`` are the group's from version 8 on."""
    require_stable = fields.pop("require_stable", False)
    stable = {"require_stable": require_stable} if version >= 7 else {}
    if version < 8:
        topics = None if rows is None else [k09.OffsetFetchRequestTopic(name=name, partition_indexes=list(indexes)) for name, indexes in rows]
        request = k09.OffsetFetchRequest(group_id=group, **stable)
        request.topics = topics
        return request
    entry = k09.OffsetFetchRequestGroup(group_id=group, **fields)
    entry.topics = (
        None
        if rows is None
        else [
            k09.OffsetFetchRequestTopics(topic_id=(ids or {})[name], partition_indexes=list(indexes)) if version >= 10 else k09.OffsetFetchRequestTopics(name=name, partition_indexes=list(indexes))
            for name, indexes in rows
        ]
    )
    return k09.OffsetFetchRequest(groups=[entry], **stable)


def fetch(
    connection: Connection,
    group: str,
    rows: Sequence[tuple[str, Sequence[int]]] | None,
    *,
    version: int = 9,
    ids: Mapping[str, bytes] | None = None,
    error_code: int = NONE,
    **fields: Any,
) -> dict[tuple[str, int], tuple[int, int, str | None, int]]:
    """What is committed: (topic, partition) → (offset, leader epoch, metadata, error code). The group's own error must be ``error_code``."""
    answer = connection.call(fetch_request(group, rows, version, ids, **fields), version)
    if version >= 8:
        [answer] = answer.groups
        assert answer.group_id == group
    assert version < 2 or answer.error_code == error_code, answer
    names = {topic_id: name for name, topic_id in (ids or {}).items()}
    return {
        (names.get(topic.topic_id, topic.topic_id) if version >= 10 else topic.name, row.partition_index): (row.committed_offset, row.committed_leader_epoch, row.metadata, row.error_code)
        for topic in answer.topics
        for row in topic.partitions
    }


def find(connection: Connection, *keys: str, key_type: int = 0, version: int = 6) -> list[Any]:
    """FindCoordinator: the rows by key in any version (before 4 one key; the answer itself is the row)."""
    if version < 4:
        [key] = keys
        request = k10.FindCoordinatorRequest(key=key, key_type=key_type) if version >= 1 else k10.FindCoordinatorRequest(key=key)
        return [connection.call(request, version)]
    return list(connection.call(k10.FindCoordinatorRequest(key_type=key_type, coordinator_keys=list(keys)), version).coordinators)


def wait_coordinator(connection: Connection, group: str) -> None:
    """Kafka makes its offsets topic at first use and answers 15, 14 or 16 until it serves; ours must serve at once."""
    patient = (COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR)

    def ready() -> bool | None:
        codes = [find(connection, group)[0].error_code, connection.call(k12.HeartbeatRequest(group_id=group, generation_id=1, member_id="nobody"), 4).error_code]
        assert FOREIGN or not set(codes) & set(patient), codes
        return None if set(codes) & set(patient) else True

    wait_until(ready, "a coordinator", 60)


# ---- fixtures


@pytest.fixture(scope="session")
def group_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnyBroker]:
    """One broker with ``GROUP_CONFIG`` for all tests of groups. Ends with: alive, exit code 0."""
    if FOREIGN:
        foreign = ForeignBroker(FOREIGN)
        with Connection(foreign.address) as connection:
            wait_coordinator(connection, "first")
        yield foreign
        return
    broker = Broker(tmp_path_factory.mktemp("groups") / "data", GROUP_CONFIG)
    broker.start()
    yield broker
    try:
        broker.stop()
    finally:
        broker.discard()


@pytest.fixture
def groups(group_broker: AnyBroker) -> Iterator[Groups]:
    """Members and groups on the shared broker; after the test it is alive and serves another connection."""
    made = Groups(group_broker)
    yield made
    made.close()
    if isinstance(group_broker, Broker):
        group_broker.assert_alive()
    assert_serves(group_broker)
