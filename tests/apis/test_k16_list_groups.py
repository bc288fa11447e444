"""ListGroups (API key 16): all groups, by state (KIP-518) and by type (KIP-848)."""

import pytest

from pybroker.protocol.messages import k16_list_groups as k16
from tests.support import kafka
from tests.support.groups import Groups, served
from tests.support.kafka import new_name
from tests.support.wire import versions

pytestmark = served(10, 11, 12, 13, 14, 16)


@pytest.mark.parametrize("version", versions(16))
def test_groups_are_listed_at_every_version(groups: Groups, version: int) -> None:
    [member] = groups.stable()
    [other] = groups.stable(protocol_type="connect")
    found = groups.listed(version=version)
    row = found[member.group]
    assert (row.protocol_type, found[other.group].protocol_type) == ("consumer", "connect")
    assert row.group_state == ("Stable" if version >= 4 else "")
    assert row.group_type == ("classic" if version >= 5 else "")


def test_every_state_is_listed(groups: Groups) -> None:
    topic = groups.topic()
    [stable], [left] = groups.stable(), groups.stable()
    assert left.leave() == kafka.NONE
    completing = groups.member()
    completing.join()
    [preparing] = groups.stable()
    late = groups.member(preparing.group)
    late.take_id()
    late.send_join()
    preparing.wait_rebalance()
    offsets = new_name("g")
    groups.commit(offsets, [(topic, 0, 1)])
    expected = {
        stable.group: ("Stable", "consumer"),
        left.group: ("Empty", "consumer"),
        completing.group: ("CompletingRebalance", "consumer"),
        preparing.group: ("PreparingRebalance", "consumer"),
        offsets: ("Empty", ""),
    }
    found = groups.listed()
    assert {name: (found[name].group_state, found[name].protocol_type) for name in expected} == expected
    for name, (state, _) in expected.items():
        for spelling in (state, state.lower(), state.upper()):
            chosen = groups.listed([spelling])
            assert name in chosen and {row.group_state for row in chosen.values()} == {state}
    both = groups.listed(["Stable", "PreparingRebalance"])
    assert {stable.group, preparing.group} <= set(both) and left.group not in both


@pytest.mark.parametrize("version", [4, 5])
def test_unknown_state_lists_nothing(groups: Groups, version: int) -> None:
    groups.stable()
    assert groups.listed(["NoSuchState"], version=version) == {}


def test_types(groups: Groups) -> None:
    [member] = groups.stable()
    assert member.group in groups.listed(types=["classic"])
    assert member.group in groups.listed(types=["CLASSIC", "consumer"])
    assert member.group not in groups.listed(types=["consumer"])
    assert groups.listed(types=["no such type"]) == {}
    assert member.group in groups.listed(["Stable"], ["classic"])
    assert member.group not in groups.listed(["Empty"], ["classic"])


def test_group_that_is_deleted_is_not_listed(groups: Groups) -> None:
    [member] = groups.stable()
    member.leave()
    assert member.group in groups.listed()
    groups.delete(member.group)
    assert member.group not in groups.listed()


def test_group_that_there_is_not_is_not_made_by_asking(groups: Groups) -> None:
    name = new_name("g")
    groups.state(name)
    groups.committed(name, None)
    assert groups.member(name, member_id="nobody").heartbeat() != kafka.NONE
    assert name not in groups.listed()


@pytest.mark.parametrize("version", [4, 5])
def test_empty_filters_filter_nothing(groups: Groups, version: int) -> None:
    [member] = groups.stable()
    answer = groups.call(k16.ListGroupsRequest(states_filter=[]), version)
    assert member.group in {row.group_id for row in answer.groups}
