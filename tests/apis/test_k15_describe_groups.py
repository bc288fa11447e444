"""DescribeGroups (API key 15): state, protocol, members of classic groups."""

import pytest

from pybroker.protocol.messages import k15_describe_groups as k15
from tests.support import kafka
from tests.support.groups import GROUP_ID_NOT_FOUND, Groups, served, subscription
from tests.support.kafka import new_name
from tests.support.wire import versions

pytestmark = served(10, 11, 12, 13, 14, 15, 42)
NO_OPERATIONS = -(2**31)


@pytest.mark.parametrize("version", versions(15))
def test_stable_group_at_every_version(groups: Groups, version: int) -> None:
    metadata = subscription("a-topic")
    [member] = groups.stable(protocols=[("range", metadata)])
    found = groups.describe(member.group, version)
    assert (found.error_code, found.group_id, found.group_state, found.protocol_type, found.protocol_data) == (kafka.NONE, member.group, "Stable", "consumer", "range")
    [row] = found.members
    assert (row.member_id, row.client_id, row.group_instance_id) == (member.member_id, "raw", None)
    assert (row.member_metadata, row.member_assignment) == (metadata, f"for {member.member_id}".encode())
    assert row.client_host == "/127.0.0.1", "as Java prints an address"
    assert found.authorized_operations == NO_OPERATIONS
    if version >= 6:
        assert found.error_message is None


@pytest.mark.parametrize("name", ["no such group", "", "nul\0byte", "x" * 30_000])
@pytest.mark.parametrize("version", versions(15))
def test_group_that_there_is_not(groups: Groups, version: int, name: str) -> None:
    """Dead without an error before version 6 (KIP-1043: GROUP_ID_NOT_FOUND). The empty name is a name as any other here: offsets can stand under it."""
    name += "" if name in ("", "no such group") else " described"
    found = groups.describe(name, version)
    assert (found.group_id, found.group_state, found.protocol_type, found.protocol_data, found.members) == (name, "Dead", "", "", [])
    assert found.error_code == (GROUP_ID_NOT_FOUND if version >= 6 else kafka.NONE)
    if version >= 6:
        assert found.error_message


@pytest.mark.parametrize("version", [0, 3, 5, 6])
def test_many_groups_each_with_an_answer(groups: Groups, version: int) -> None:
    [one], [two] = groups.stable(), groups.stable()
    missing = new_name("no-group")
    request = k15.DescribeGroupsRequest(groups=[one.group, missing, two.group, one.group])
    rows = groups.call(request, version).groups
    assert sorted((row.group_id, row.group_state) for row in rows) == sorted([(one.group, "Stable"), (missing, "Dead"), (two.group, "Stable"), (one.group, "Stable")])
    assert groups.call(k15.DescribeGroupsRequest(groups=[]), version).groups == []


def test_states_of_a_life(groups: Groups) -> None:
    """Dead → PreparingRebalance → CompletingRebalance → Stable → PreparingRebalance → … → Empty → Dead."""
    name = new_name("g")
    assert groups.state(name) == "Dead"
    first = groups.member(name)
    first.join()
    found = groups.describe(name)
    assert (found.group_state, found.protocol_data) == ("CompletingRebalance", "")
    assert [(row.member_metadata, row.member_assignment) for row in found.members] == [(b"", b"")], "what is not decided yet is not shown"
    groups.sync([first])
    assert groups.state(name) == "Stable"
    second = groups.member(name)
    second.take_id()
    second.send_join()
    first.wait_rebalance()
    found = groups.describe(name)
    assert (found.group_state, found.protocol_data, len(found.members)) == ("PreparingRebalance", "", 2)
    first.send_join()
    first.joined(), second.joined()
    assert groups.state(name) == "CompletingRebalance"
    groups.sync([first, second])
    assert groups.state(name) == "Stable"
    assert (first.leave(), second.leave()) == (kafka.NONE, kafka.NONE)
    found = groups.describe(name)
    assert (found.error_code, found.group_state, found.protocol_type, found.protocol_data, found.members) == (kafka.NONE, "Empty", "consumer", "", [])
    assert groups.delete(name) == {name: kafka.NONE}
    assert groups.state(name) == "Dead"


def test_static_member_is_shown_by_its_instance(groups: Groups) -> None:
    [member] = groups.stable(instance="one")
    for version in (4, 5, 6):
        [row] = groups.describe(member.group, version).members
        assert (row.member_id, row.group_instance_id) == (member.member_id, "one")
    assert groups.describe(member.group, 3).members[0].group_instance_id is None


def test_id_that_is_not_used_is_not_a_member(groups: Groups) -> None:
    member = groups.member()
    member.take_id()
    found = groups.describe(member.group, 5)
    assert (found.group_state, found.members) == ("Empty", [])


def test_group_of_offsets_alone_is_empty(groups: Groups) -> None:
    topic, name = groups.topic(), new_name("g")
    assert groups.commit(name, [(topic, 0, 5)]) == [(topic, 0, kafka.NONE)]
    found = groups.describe(name)
    assert (found.error_code, found.group_state, found.protocol_type, found.members) == (kafka.NONE, "Empty", "", [])


@pytest.mark.parametrize("version", [3, 4, 5, 6])
def test_operations_are_told_when_asked(groups: Groups, version: int) -> None:
    """Read, delete, describe, describe configs, alter configs: bits 3, 6, 8, 10, 11 of KIP-430. Without an authorizer all of them."""
    [member] = groups.stable()
    [found] = groups.call(k15.DescribeGroupsRequest(groups=[member.group], include_authorized_operations=True), version).groups
    assert found.authorized_operations & (1 << 3 | 1 << 6 | 1 << 8) == (1 << 3 | 1 << 6 | 1 << 8)
