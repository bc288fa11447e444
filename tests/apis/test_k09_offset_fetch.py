"""OffsetFetch (API key 9): what is committed, for partitions asked or for all, for one group or many."""

import pytest

from pybroker.protocol.messages import k09_offset_fetch as k09
from tests.support import kafka
from tests.support.groups import Groups, fetch, served
from tests.support.kafka import new_name
from tests.support.wire import versions

pytestmark = served(8, 9, 10, 11, 14)
NOTHING = (-1, -1, "", 0)


@pytest.mark.parametrize("version", versions(9))
def test_committed_offsets_at_every_version(groups: Groups, version: int) -> None:
    topic, name = groups.topic(3), new_name("g")
    groups.commit(name, [(topic, 0, 5), (topic, 1, 6)], metadata="words", leader_epoch=2)
    epoch = 2 if version >= 5 else -1
    assert groups.committed(name, [(topic, [0, 1, 2])], version=version) == {(topic, 0): (5, epoch, "words", 0), (topic, 1): (6, epoch, "words", 0), (topic, 2): NOTHING}


@pytest.mark.parametrize("version", [version for version in versions(9) if version >= 2])
def test_all_that_a_group_has(groups: Groups, version: int) -> None:
    one, two, name = groups.topic(2), groups.topic(), new_name("g")
    groups.commit(name, [(one, 0, 1), (one, 1, 2), (two, 0, 3)])
    assert groups.committed(name, None, version=version) == {(one, 0): (1, -1, "", 0), (one, 1): (2, -1, "", 0), (two, 0): (3, -1, "", 0)}


@pytest.mark.parametrize("version", versions(9))
def test_group_that_there_is_not(groups: Groups, version: int) -> None:
    topic, name = groups.topic(), new_name("g")
    assert groups.committed(name, [(topic, [0])], version=version) == {(topic, 0): NOTHING}
    if version >= 2:
        assert groups.committed(name, None, version=version) == {}
    assert name not in groups.listed(), "asking makes no group"


@pytest.mark.parametrize("version", [version for version in versions(9) if version < 10])
def test_topic_or_partition_that_there_is_not(groups: Groups, version: int) -> None:
    """No error: nothing is committed for it."""
    topic, name, missing = groups.topic(), new_name("g"), new_name("missing")
    groups.commit(name, [(topic, 0, 5)])
    assert groups.committed(name, [(missing, [0]), (topic, [9, -1, 0])], version=version) == {(missing, 0): NOTHING, (topic, 9): NOTHING, (topic, -1): NOTHING, (topic, 0): (5, -1, "", 0)}


@pytest.mark.parametrize("topic_id", [bytes(16), bytes(range(16))])
def test_unknown_topic_id(groups: Groups, topic_id: bytes) -> None:
    topic, name = groups.topic(), new_name("g")
    groups.commit(name, [(topic, 0, 5)])
    found = fetch(groups.client.connection, name, [("unknown", [0, 1]), (topic, [0, 9])], version=10, ids={**groups.client.ids, "unknown": topic_id})
    unknown = (-1, -1, "", kafka.UNKNOWN_TOPIC_ID)
    assert found == {("unknown", 0): unknown, ("unknown", 1): unknown, (topic, 0): (5, -1, "", 0), (topic, 9): NOTHING}


@pytest.mark.parametrize("version", versions(9))
def test_nothing_asked(groups: Groups, version: int) -> None:
    topic, name = groups.topic(), new_name("g")
    groups.commit(name, [(topic, 0, 5)])
    assert groups.committed(name, [], version=version) == {}
    assert groups.committed(name, [(topic, [])], version=version) == {}


@pytest.mark.parametrize("version", versions(9))
@pytest.mark.parametrize("name", ["", "nul\0byte", "ü€😀", "x" * 30_000])
def test_any_text_may_be_a_group(groups: Groups, version: int, name: str) -> None:
    topic = groups.topic()
    assert groups.committed(name, [(topic, [0])], version=version) == {(topic, 0): NOTHING}


@pytest.mark.parametrize("version", [8, 9, 10])
def test_many_groups_in_one_request(groups: Groups, version: int) -> None:
    topic, missing = groups.topic(2), new_name("no-group")
    names = [new_name("g") for _ in range(5)]
    for number, name in enumerate(names):
        groups.commit(name, [(topic, 0, number), (topic, 1, 10 + number)])
    own = {"topic_id": groups.client.ids[topic]} if version >= 10 else {"name": topic}
    entries = []
    for number, name in enumerate([*names, missing]):
        entry = k09.OffsetFetchRequestGroup(group_id=name)
        entry.topics = None if number % 2 else [k09.OffsetFetchRequestTopics(partition_indexes=[1], **own)]
        entries.append(entry)
    answer = groups.call(k09.OffsetFetchRequest(groups=entries), version)
    found = {group.group_id: sorted((row.partition_index, row.committed_offset) for topic in group.topics for row in topic.partitions) for group in answer.groups}
    assert {group.error_code for group in answer.groups} == {kafka.NONE}
    assert found == {name: [(0, number), (1, 10 + number)] if number % 2 else [(1, 10 + number)] for number, name in enumerate(names)} | {missing: []}


@pytest.mark.parametrize("version", [8, 9, 10])
def test_no_groups(groups: Groups, version: int) -> None:
    assert groups.call(k09.OffsetFetchRequest(groups=[]), version).groups == []


@pytest.mark.parametrize("version", [7, 8, 9, 10])
@pytest.mark.parametrize("stable", [False, True])
def test_offsets_outside_transactions_are_stable(groups: Groups, version: int, stable: bool) -> None:
    topic, name = groups.topic(), new_name("g")
    groups.commit(name, [(topic, 0, 5)])
    assert groups.committed(name, [(topic, [0])], version=version, require_stable=stable) == {(topic, 0): (5, -1, "", 0)}
    assert groups.committed(name, None, version=version, require_stable=stable) == {(topic, 0): (5, -1, "", 0)}


@pytest.mark.parametrize("version", [9, 10])
@pytest.mark.parametrize(("member_id", "epoch"), [(None, -1), ("", -1), ("nobody", -1), ("nobody", 5)])
def test_classic_groups_are_read_by_anyone(groups: Groups, version: int, member_id: str | None, epoch: int) -> None:
    """Only groups of the consumer protocol compare member id and epoch."""
    topic = groups.topic()
    [member] = groups.stable()
    member.commit(topic, 5)
    assert groups.committed(member.group, [(topic, [0])], version=version, member_id=member_id, member_epoch=epoch) == {(topic, 0): (5, -1, "", 0)}


def test_offsets_of_a_deleted_topic_are_gone(groups: Groups) -> None:
    """A topic of the same name begins without a place. Kafka forgets when it learns of the deletion, ours before DeleteTopics is answered."""
    topic, kept, name = groups.topic(), groups.topic(), new_name("g")
    groups.commit(name, [(topic, 0, 5), (kept, 0, 6)])
    groups.client.delete_topic(topic)
    groups.client.wait_gone(topic)
    groups.client.create_topic(name=topic)
    assert groups.committed(name, [(topic, [0]), (kept, [0])]) == {(topic, 0): NOTHING, (kept, 0): (6, -1, "", 0)}


def test_offsets_stay_when_the_last_member_leaves(groups: Groups) -> None:
    topic = groups.topic()
    [member] = groups.stable()
    member.commit(topic, 5)
    member.leave()
    assert groups.committed(member.group, None) == {(topic, 0): (5, -1, "", 0)}
