"""DeleteGroups (API key 42): empty groups go, with their offsets."""

import pytest

from tests.support import kafka
from tests.support.fixtures import StartBroker
from tests.support.groups import GROUP_CONFIG, GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, UNKNOWN_MEMBER_ID, Groups, served
from tests.support.kafka import new_name
from tests.support.wire import versions

pytestmark = served(8, 9, 10, 11, 12, 13, 14, 15, 16, 42)


@pytest.mark.parametrize("version", versions(42))
def test_empty_group_goes_with_its_offsets_at_every_version(groups: Groups, version: int) -> None:
    topic = groups.topic(2)
    [member] = groups.stable()
    assert (member.commit(topic, 5), member.commit(topic, 6, partition=1)) == (kafka.NONE, kafka.NONE)
    assert member.leave() == kafka.NONE
    assert groups.delete(member.group, version=version) == {member.group: kafka.NONE}
    assert groups.committed(member.group, None) == {}
    assert groups.state(member.group) == "Dead"
    assert member.group not in groups.listed()
    assert groups.delete(member.group, version=version) == {member.group: GROUP_ID_NOT_FOUND}


@pytest.mark.parametrize("version", versions(42))
def test_group_with_members_stays(groups: Groups, version: int) -> None:
    topic = groups.topic()
    [member] = groups.stable()
    assert member.commit(topic, 5) == kafka.NONE
    assert groups.delete(member.group, version=version) == {member.group: NON_EMPTY_GROUP}
    assert member.heartbeat() == kafka.NONE
    assert groups.committed(member.group, [(topic, [0])])[topic, 0][0] == 5


@pytest.mark.parametrize("version", versions(42))
@pytest.mark.parametrize("name", ["", "no such group"])
def test_group_that_there_is_not(groups: Groups, version: int, name: str) -> None:
    assert groups.delete(name, version=version) == {name: GROUP_ID_NOT_FOUND}


def test_group_that_gathers_stays(groups: Groups) -> None:
    member = groups.member()
    member.join()
    assert groups.delete(member.group) == {member.group: NON_EMPTY_GROUP}
    groups.sync([member])


def test_each_group_has_its_own_answer(groups: Groups) -> None:
    topic = groups.topic()
    [busy], missing, offsets = groups.stable(), new_name("no-group"), new_name("g")
    groups.commit(offsets, [(topic, 0, 5)])
    assert groups.delete(busy.group, missing, offsets, "") == {busy.group: NON_EMPTY_GROUP, missing: GROUP_ID_NOT_FOUND, offsets: kafka.NONE, "": GROUP_ID_NOT_FOUND}


def test_no_groups(groups: Groups) -> None:
    assert groups.delete() == {}


def test_group_can_be_made_again(groups: Groups) -> None:
    [member] = groups.stable()
    member.leave()
    assert groups.delete(member.group) == {member.group: kafka.NONE}
    assert member.try_join().error_code == UNKNOWN_MEMBER_ID
    again = groups.member(member.group)
    assert again.join().generation_id == 1


def test_deleted_group_does_not_come_back_after_a_crash(start_broker: StartBroker) -> None:
    broker = start_broker(GROUP_CONFIG)
    groups = Groups(broker)
    topic, gone, kept = groups.topic(), new_name("g"), new_name("g")
    groups.commit(gone, [(topic, 0, 5)])
    groups.commit(kept, [(topic, 0, 6)])
    assert groups.delete(gone) == {gone: kafka.NONE}
    groups.close()
    broker.kill()
    broker.start()
    groups = Groups(broker)
    assert set(groups.listed()) == {kept}
    assert (groups.committed(gone, None), groups.committed(kept, None)) == ({}, {(topic, 0): (6, -1, "", 0)})
    groups.close()
