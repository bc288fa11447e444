"""Groups that move from the classic protocol to the consumer protocol and back, empty and live (KIP-848, group.consumer.migration.policy is bidirectional)."""

from typing import Any

from pybroker.protocol.messages.consumer_protocol import ConsumerProtocolAssignment
from tests.support import kafka
from tests.support.consumer_groups import ConsumerGroups
from tests.support.groups import (
    GROUP_ID_NOT_FOUND,
    INCONSISTENT_GROUP_PROTOCOL,
    MEMBER_ID_REQUIRED,
    REBALANCE_IN_PROGRESS,
    Member,
    assignment,
    served,
    subscription,
    wait_until,
)

pytestmark = served(10, 11, 12, 13, 14, 15, 16, 68, 69)


def assigned(data: bytes) -> dict[str, list[int]]:
    """What a classic member finds in its assignment."""
    version = int.from_bytes(data[:2], "big")
    found, _ = ConsumerProtocolAssignment.decode(data, version, 2)
    return {row.topic: sorted(row.partitions) for row in found.assigned_partitions}


def classic_of(groups: ConsumerGroups, topic: str, partitions: list[int], **fields: Any) -> Member:
    """A lone classic consumer that owns partitions, as a client's range assignor would give them."""
    member = groups.member(protocols=[("range", subscription(topic))], **fields)
    member.join()
    groups.sync([member], {member.member_id: assignment({topic: partitions})})
    return member


def come_back(member: Member, topic: str, owned: dict[str, list[int]]) -> dict[str, list[int]]:
    """A classic member joins and syncs again, saying what it owns; what it is given."""
    member.protocols = [("range", subscription(topic, owned=owned))]
    answer = member.join()
    assert (answer.protocol_name, answer.members) == ("range", []), "the broker assigns: nobody leads"
    found = member.try_sync({})
    assert found.error_code == kafka.NONE, found
    return assigned(found.assignment)


def test_empty_classic_group_becomes_one_of_consumers(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic(2)
    [classic] = consumer_groups.stable()
    assert (classic.commit(topic, 5), classic.leave()) == (kafka.NONE, kafka.NONE)
    member = consumer_groups.consumer(classic.group, [topic])
    member.join()
    assert member.assigned == {topic: [0, 1]}
    assert consumer_groups.listed()[classic.group].group_type == "consumer"
    assert consumer_groups.committed(classic.group, [(topic, [0])])[topic, 0][0] == 5, "places are kept"


def test_empty_group_of_consumers_becomes_a_classic_one(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic(2)
    [member] = consumer_groups.consumers(1, [topic])
    assert (member.commit(topic, 5), member.leave().error_code) == (kafka.NONE, kafka.NONE)
    classic = consumer_groups.member(member.group, protocols=[("anything", b"\0")])
    assert classic.join().leader == classic.member_id
    assert consumer_groups.listed()[member.group].group_type == "classic"
    assert consumer_groups.committed(member.group, [(topic, [0])])[topic, 0][0] == 5


def test_live_upgrade_and_back(consumer_groups: ConsumerGroups) -> None:
    """A consumer of the new protocol joins a classic one; both work; then the classic one leaves, comes again, and the new one leaves: no partition is with two at any time."""
    topic = consumer_groups.topic(4)
    classic = classic_of(consumer_groups, topic, [0, 1, 2, 3])
    group, owned = classic.group, {topic: [0, 1, 2, 3]}
    assert classic.commit(topic, 5) == kafka.NONE

    member = consumer_groups.consumer(group, [topic])
    member.join()
    assert consumer_groups.listed()[group].group_type == "consumer"
    assert member.assigned == {}, "the classic member owns everything still"
    assert {row.member_type for row in consumer_groups.consumer_group(group).members} == {0, 1}

    classic.wait_rebalance()
    owned = come_back(classic, topic, owned)
    assert len(owned[topic]) == 2, "it is told to give up half"
    wait_until(lambda: True if classic.heartbeat() == REBALANCE_IN_PROGRESS else None, "asked to come back without what it gave up")
    owned = come_back(classic, topic, owned)
    consumer_groups.settle(member, check=False)
    assert sorted(owned[topic] + member.owned[topic]) == [0, 1, 2, 3]
    assert (classic.heartbeat(), consumer_groups.consumer_group(group).group_state) == (kafka.NONE, "Stable")
    assert classic.commit(topic, 6, partition=owned[topic][0]) == kafka.NONE
    assert member.commit(topic, 7, partition=member.owned[topic][0]) == kafka.NONE
    places = {0: 5} | {owned[topic][0]: 6, member.owned[topic][0]: 7}

    assert classic.leave() == kafka.NONE
    consumer_groups.settle(member)
    assert member.owned == {topic: [0, 1, 2, 3]}

    back = consumer_groups.member(group, protocols=[("range", subscription(topic))])
    back.join()
    assert assigned(back.try_sync({}).assignment) == {}, "the other one must give up first"
    member.beat()
    member.take()
    back.wait_rebalance()
    owned = come_back(back, topic, {})
    assert sorted(owned[topic] + member.owned[topic]) == [0, 1, 2, 3]
    assert member.leave().error_code == kafka.NONE
    assert consumer_groups.listed()[group].group_type == "classic", "the last of the new protocol is gone"
    back.wait_rebalance()
    answer = back.join()
    assert (answer.leader, len(answer.members)) == (back.member_id, 1), "now it leads again"
    assert {place[1]: row[0] for place, row in consumer_groups.committed(group, None).items()} == places, "kept through it all"


def test_protocol_that_is_not_a_consumer_cannot_move(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic()
    kinds: list[dict[str, Any]] = [{"protocol_type": "connect"}, {"protocols": [("range", b"\0")]}]
    for fields in kinds:
        [classic] = consumer_groups.stable(**fields)
        answer = consumer_groups.consumer(classic.group, [topic]).try_join()
        assert (answer.error_code, bool(answer.error_message)) == (GROUP_ID_NOT_FOUND, True)
        assert (classic.heartbeat(), consumer_groups.listed()[classic.group].group_type) == (kafka.NONE, "classic")


def test_classic_member_of_another_kind_cannot_join_consumers(consumer_groups: ConsumerGroups) -> None:
    topic = consumer_groups.topic()
    [member] = consumer_groups.consumers(1, [topic])
    kinds: list[dict[str, Any]] = [{"protocol_type": "connect"}, {"protocols": [("range", b"\0")]}, {"protocols": []}]
    for fields in kinds:
        classic = consumer_groups.member(member.group, **fields)
        answer = classic.try_join()
        if answer.error_code == MEMBER_ID_REQUIRED:                         # its id comes before a look at what it speaks
            answer = classic.try_join()
        assert answer.error_code == INCONSISTENT_GROUP_PROTOCOL
    assert member.is_content()
    assert len(consumer_groups.consumer_group(member.group).members) == 1
