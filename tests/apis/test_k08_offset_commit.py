"""OffsetCommit (API key 8): by members and by nobody's members, what is kept, who is refused."""

from typing import Any

import pytest

from pybroker.protocol.messages import k08_offset_commit as k08
from tests.support import kafka
from tests.support.broker import FOREIGN, ours_only
from tests.support.fixtures import StartBroker
from tests.support.groups import (
    FENCED_INSTANCE_ID,
    GROUP_CONFIG,
    GROUP_ID_NOT_FOUND,
    ILLEGAL_GENERATION,
    INVALID_COMMIT_OFFSET_SIZE,
    OFFSET_METADATA_TOO_LARGE,
    REBALANCE_IN_PROGRESS,
    UNKNOWN_MEMBER_ID,
    Groups,
    commit,
    served,
)
from tests.support.kafka import new_name
from tests.support.wire import Connection, versions

pytestmark = served(8, 9, 10, 11, 12, 13, 14)


# ---- members


@pytest.mark.parametrize("version", [version for version in versions(8) if version < 10])
def test_member_commits_at_every_version(groups: Groups, version: int) -> None:
    topic = groups.topic(2)
    [member] = groups.stable()
    assert member.commit(topic, 5, version=version) == kafka.NONE
    assert member.commit(topic, 7, partition=1, version=version) == kafka.NONE
    assert groups.committed(member.group, [(topic, [0, 1])]) == {(topic, 0): (5, -1, "", 0), (topic, 1): (7, -1, "", 0)}


def test_member_commits_by_topic_id(groups: Groups) -> None:
    topic = groups.topic()
    [member] = groups.stable()
    assert member.commit(topic, 5, version=10, ids=groups.client.ids) == kafka.NONE
    assert groups.committed(member.group, [(topic, [0])]) == {(topic, 0): (5, -1, "", 0)}


@pytest.mark.parametrize("version", [version for version in versions(8) if version < 10])
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"generation_id_or_member_epoch": 0}, ILLEGAL_GENERATION),
        ({"generation_id_or_member_epoch": 2}, ILLEGAL_GENERATION),
        ({"generation_id_or_member_epoch": -1}, ILLEGAL_GENERATION),
        ({"member_id": ""}, UNKNOWN_MEMBER_ID),
        ({"member_id": "nobody"}, UNKNOWN_MEMBER_ID),
        ({"member_id": "nobody", "generation_id_or_member_epoch": 7}, UNKNOWN_MEMBER_ID),
        ({"member_id": "", "generation_id_or_member_epoch": -1}, UNKNOWN_MEMBER_ID),
    ],
    ids=["old generation", "later generation", "no generation", "no id", "another's id", "both wrong", "as a stranger"],
)
def test_wrong_member_or_generation(groups: Groups, version: int, fields: dict[str, Any], code: int) -> None:
    """A stranger may commit only while the group has no members."""
    topic = groups.topic()
    [member] = groups.stable()
    assert member.commit(topic, 5) == kafka.NONE
    assert member.commit(topic, 99, version=version, **fields) == code
    assert groups.committed(member.group, [(topic, [0])])[topic, 0][0] == 5


@pytest.mark.parametrize("version", [7, 8, 9])
def test_static_member(groups: Groups, version: int) -> None:
    topic = groups.topic()
    [member] = groups.stable(instance="one")
    assert member.commit(topic, 5, version=version) == kafka.NONE
    assert member.commit(topic, 6, version=version, group_instance_id=None) == kafka.NONE
    assert member.commit(topic, 7, version=version, member_id="another") == FENCED_INSTANCE_ID
    assert member.commit(topic, 7, version=version, group_instance_id="two") == UNKNOWN_MEMBER_ID
    assert groups.committed(member.group, [(topic, [0])])[topic, 0][0] == 6


def test_commit_while_the_group_gathers(groups: Groups) -> None:
    """Until the new generation stands the old one may commit what it has done; in the new one only when assignments are out."""
    topic = groups.topic()
    [first] = groups.stable()
    second = groups.member(first.group)
    second.take_id()
    second.send_join()
    first.wait_rebalance()
    assert first.commit(topic, 5) == kafka.NONE
    first.send_join()
    first.joined(), second.joined()
    assert first.commit(topic, 6) == REBALANCE_IN_PROGRESS
    assert first.commit(topic, 6, generation_id_or_member_epoch=1) == ILLEGAL_GENERATION
    groups.sync([first, second])
    assert first.commit(topic, 7) == kafka.NONE
    assert groups.committed(first.group, [(topic, [0])])[topic, 0][0] == 7


def test_commit_keeps_the_session_open(groups: Groups) -> None:
    """Two members of 500 ms that never send a heartbeat: the one that commits outlives the other."""
    topic = groups.topic()
    lively, silent = groups.stable(2, session_ms=500)
    while (code := lively.commit(topic, 1)) == kafka.NONE and groups.state(lively.group) == "Stable":
        pass
    assert code in (kafka.NONE, REBALANCE_IN_PROGRESS)
    assert groups.state(lively.group) == "PreparingRebalance", "the silent one is gone, the other is not"
    assert silent.commit(topic, 2) == UNKNOWN_MEMBER_ID
    assert [row.member_id for row in lively.join().members] == [lively.member_id]


# ---- without members


@pytest.mark.parametrize("version", versions(8))
def test_stranger_commits_for_a_group_without_members(groups: Groups, version: int) -> None:
    """What makes its own assignment uses a group only to keep its place. The group is made by it."""
    topic, name = groups.topic(), new_name("g")
    assert groups.commit(name, [(topic, 0, 5)], version=version) == [(topic, 0, kafka.NONE)]
    assert groups.committed(name, [(topic, [0])]) == {(topic, 0): (5, -1, "", 0)}
    assert groups.commit(name, [(topic, 0, 3)], version=version) == [(topic, 0, kafka.NONE)], "a place may go back"
    assert groups.committed(name, [(topic, [0])])[topic, 0][0] == 3


@pytest.mark.parametrize("version", versions(8))
def test_generation_of_a_group_that_there_is_not(groups: Groups, version: int) -> None:
    """GROUP_ID_NOT_FOUND since version 9 (KIP-848), before it what old clients know."""
    topic, name = groups.topic(), new_name("g")
    for generation, member_id in ((1, "nobody"), (0, "")):
        [row] = groups.commit(name, [(topic, 0, 5)], version=version, generation_id_or_member_epoch=generation, member_id=member_id)
        assert row[2] == (GROUP_ID_NOT_FOUND if version >= 9 else ILLEGAL_GENERATION)
    assert groups.committed(name, None) == {} and name not in groups.listed()


def test_generation_of_a_group_without_members(groups: Groups) -> None:
    topic, name = groups.topic(), new_name("g")
    groups.commit(name, [(topic, 0, 5)])
    for generation, member_id, code in ((1, "nobody", UNKNOWN_MEMBER_ID), (0, "", UNKNOWN_MEMBER_ID), (-1, "nobody", kafka.NONE), (-2, "", kafka.NONE)):
        assert groups.commit(name, [(topic, 0, 6)], generation_id_or_member_epoch=generation, member_id=member_id)[0][2] == code


@pytest.mark.parametrize("name", ["", "nul\0byte", "new\nline", "ü€😀", "x" * 20_000])
def test_any_text_may_be_a_group(groups: Groups, name: str) -> None:
    """The empty one too: consumers without a group.id of old commit under it."""
    topic = groups.topic()
    assert groups.commit(name, [(topic, 0, 5)]) == [(topic, 0, kafka.NONE)]
    assert groups.committed(name, [(topic, [0])]) == {(topic, 0): (5, -1, "", 0)}
    assert groups.delete(name) == {name: kafka.NONE}


# ---- what is kept


@pytest.mark.parametrize("version", [6, 7, 8, 9, 10])
def test_leader_epoch_is_kept(groups: Groups, version: int) -> None:
    topic, name = groups.topic(), new_name("g")
    groups.commit(name, [(topic, 0, 5)], version=version, leader_epoch=3)
    assert groups.committed(name, [(topic, [0])]) == {(topic, 0): (5, 3, "", 0)}
    groups.commit(name, [(topic, 0, 6)], version=2)
    assert groups.committed(name, [(topic, [0])]) == {(topic, 0): (6, -1, "", 0)}


@pytest.mark.parametrize("version", versions(8))
def test_metadata_is_kept_up_to_its_bound(groups: Groups, version: int) -> None:
    """offset.metadata.max.bytes is 4096 by default. Null comes back as nothing."""
    topic, name = groups.topic(), new_name("g")
    for metadata, kept in (("some words", "some words"), (None, ""), ("", ""), ("x" * 4096, "x" * 4096), ("ü" * 4096, "ü" * 4096), ("nul\0 ü€😀", "nul\0 ü€😀")):
        assert groups.commit(name, [(topic, 0, 5)], version=version, metadata=metadata)[0][2] == kafka.NONE
        assert groups.committed(name, [(topic, [0])])[topic, 0][2] == kept
    assert groups.commit(name, [(topic, 0, 6)], version=version, metadata="x" * 4097) == [(topic, 0, OFFSET_METADATA_TOO_LARGE)]
    assert groups.committed(name, [(topic, [0])])[topic, 0][0] == 5


@pytest.mark.parametrize("offset", [0, 2**63 - 1, -1])
def test_any_offset_is_kept(groups: Groups, offset: int) -> None:
    """The broker does not compare with the log; -1 reads as "nothing committed" to every client."""
    topic, name = groups.topic(), new_name("g")
    assert groups.commit(name, [(topic, 0, offset)])[0][2] == kafka.NONE
    assert groups.committed(name, [(topic, [0])])[topic, 0][0] == offset


@pytest.mark.parametrize("offset", [-2, -(2**63)])
def test_an_offset_that_can_mean_nothing_is_refused(groups: Groups, offset: int) -> None:
    """Kafka keeps it, and every client that fetches it fails or begins anew."""
    topic, name = groups.topic(), new_name("g")
    groups.commit(name, [(topic, 0, 5)])
    assert groups.commit(name, [(topic, 0, offset)])[0][2] == (kafka.NONE if FOREIGN else INVALID_COMMIT_OFFSET_SIZE)
    assert groups.committed(name, [(topic, [0])])[topic, 0][0] == (offset if FOREIGN else 5)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_retention_time_of_old_versions_is_taken(groups: Groups, version: int) -> None:
    topic, name = groups.topic(), new_name("g")
    assert groups.commit(name, [(topic, 0, 5)], version=version, retention_time_ms=3_600_000)[0][2] == kafka.NONE
    assert groups.committed(name, [(topic, [0])])[topic, 0][0] == 5


# ---- topics and partitions


@pytest.mark.parametrize("version", [version for version in versions(8) if version < 10])
def test_each_partition_has_its_own_answer(groups: Groups, version: int) -> None:
    topic, name, missing = groups.topic(2), new_name("g"), new_name("missing")
    rows = groups.commit(name, [(topic, 0, 5), (topic, 2, 5), (topic, -1, 5), (missing, 0, 5), (topic, 1, 6)], version=version)
    assert sorted(rows) == sorted(
        [
            (topic, 0, kafka.NONE),
            (topic, 1, kafka.NONE),
            (topic, 2, kafka.UNKNOWN_TOPIC_OR_PARTITION),
            (topic, -1, kafka.UNKNOWN_TOPIC_OR_PARTITION),
            (missing, 0, kafka.UNKNOWN_TOPIC_OR_PARTITION),
        ]
    )
    assert {key: row[0] for key, row in groups.committed(name, None).items()} == {(topic, 0): 5, (topic, 1): 6}


@pytest.mark.parametrize("topic_id", [bytes(16), bytes(range(16))])
def test_unknown_topic_id(groups: Groups, topic_id: bytes) -> None:
    topic, name = groups.topic(), new_name("g")
    rows = commit(groups.client.connection, name, [("unknown", 0, 5), (topic, 0, 6), (topic, 1, 7)], version=10, ids={**groups.client.ids, "unknown": topic_id})
    assert sorted(rows) == sorted([("unknown", 0, kafka.UNKNOWN_TOPIC_ID), (topic, 0, kafka.NONE), (topic, 1, kafka.UNKNOWN_TOPIC_OR_PARTITION)])


def test_topic_made_again_has_another_id(groups: Groups) -> None:
    topic, name = groups.topic(), new_name("g")
    old = groups.client.ids[topic]
    groups.client.delete_topic(topic)
    groups.client.wait_gone(topic)
    groups.client.create_topic(name=topic)
    assert commit(groups.client.connection, name, [(topic, 0, 5)], version=10, ids={topic: old})[0][2] == kafka.UNKNOWN_TOPIC_ID
    assert groups.commit(name, [(topic, 0, 5)], version=10)[0][2] == kafka.NONE


@pytest.mark.parametrize("version", versions(8))
def test_nothing_to_commit(groups: Groups, version: int) -> None:
    name = new_name("g")
    assert groups.commit(name, [], version=version) == []
    assert groups.committed(name, None) == {}


def test_same_partition_twice_the_last_counts(groups: Groups) -> None:
    topic, name = groups.topic(), new_name("g")
    assert [row[2] for row in groups.commit(name, [(topic, 0, 5), (topic, 0, 6)])] == [kafka.NONE, kafka.NONE]
    assert groups.committed(name, [(topic, [0])])[topic, 0][0] == 6


def test_member_that_is_not_one_gets_the_same_error_for_all(groups: Groups) -> None:
    topic = groups.topic(3)
    [member] = groups.stable()
    rows = groups.commit(member.group, [(topic, index, 5) for index in range(3)], member_id="nobody", generation_id_or_member_epoch=1)
    assert [row[2] for row in rows] == [UNKNOWN_MEMBER_ID] * 3


def test_a_thousand_partitions_in_one_request(groups: Groups) -> None:
    topic, name = groups.topic(1000), new_name("g")
    assert {row[2] for row in groups.commit(name, [(topic, index, index) for index in range(1000)])} == {kafka.NONE}
    assert {key[1]: row[0] for key, row in groups.committed(name, None).items()} == {index: index for index in range(1000)}


def test_many_commits_without_waiting_are_answered_in_order(groups: Groups) -> None:
    topic, name = groups.topic(), new_name("g")
    partitions = [k08.OffsetCommitRequestPartition(committed_metadata="")]
    with Connection(groups.broker.address) as connection:
        waiting = []
        for offset in range(500):
            partitions[0].committed_offset = offset
            request = k08.OffsetCommitRequest(group_id=name, topics=[k08.OffsetCommitRequestTopic(name=topic, partitions=partitions)])
            waiting.append((request, connection.send(request, 9)))
        for request, number in waiting:
            assert connection.receive(request, 9, number).topics[0].partitions[0].error_code == kafka.NONE
    assert groups.committed(name, [(topic, [0])])[topic, 0][0] == 499


# ---- a crash


@ours_only("kills the broker")
@pytest.mark.parametrize("policy", ["group", "os"])
def test_commits_that_were_answered_survive_a_crash(start_broker: StartBroker, policy: str) -> None:
    broker = start_broker({**GROUP_CONFIG, "pybroker.flush.policy": policy})
    groups = Groups(broker)
    topic = groups.topic(3)
    names = [new_name("g") for _ in range(20)]
    for number, name in enumerate(names):
        groups.commit(name, [(topic, 0, number), (topic, 1, 2 * number)], metadata=f"at {number}", leader_epoch=number)
    groups.commit(names[0], [(topic, 1, 77)])
    groups.close()
    broker.kill()
    broker.start()
    groups = Groups(broker)
    for number, name in enumerate(names):
        second = (77, -1, "", 0) if number == 0 else (2 * number, number, f"at {number}", 0)
        assert groups.committed(name, None) == {(topic, 0): (number, number, f"at {number}", 0), (topic, 1): second}
    groups.close()


@ours_only("kills the broker")
def test_member_goes_on_after_a_crash(start_broker: StartBroker) -> None:
    """Members and generation are kept: who comes back within its session need not join again."""
    broker = start_broker(GROUP_CONFIG)
    groups = Groups(broker)
    topic = groups.topic()
    first, second = groups.stable(2)
    assert first.commit(topic, 5) == kafka.NONE
    broker.kill()
    broker.start()
    for member in (first, second):
        member.close()
        member.connection = Connection(broker.address)
        assert member.heartbeat() == kafka.NONE
        assert member.try_sync({}).assignment == f"for {member.member_id}".encode()
    assert first.commit(topic, 6) == kafka.NONE
    again = Groups(broker)
    assert again.committed(first.group, [(topic, [0])])[topic, 0][0] == 6
    again.close()
    groups.close()
