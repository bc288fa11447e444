"""FindCoordinator (API key 10): where a group's coordinator is, for one key and for many."""

import pytest

from pybroker.protocol.messages import k10_find_coordinator as k10
from tests.support import kafka
from tests.support.broker import ours_only
from tests.support.groups import COORDINATOR_NOT_AVAILABLE, Groups, find, served
from tests.support.kafka import new_name
from tests.support.wire import Connection, versions

pytestmark = served(10)
GROUP, TRANSACTION, SHARE = 0, 1, 2


@pytest.mark.parametrize("version", versions(10))
def test_group_finds_this_broker_at_every_version(groups: Groups, version: int) -> None:
    name = new_name("g")
    [row] = find(groups.client.connection, name, version=version)
    [broker] = groups.client.metadata([]).brokers
    assert (row.error_code, row.node_id, row.host, row.port) == (kafka.NONE, broker.node_id, broker.host, broker.port)
    if version >= 4:
        assert row.key == name


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
def test_error_message_is_not_null_without_an_error(groups: Groups, version: int) -> None:
    """As Kafka answers: the word in the single answer, nothing in the rows."""
    [row] = find(groups.client.connection, new_name("g"), version=version)
    assert row.error_message == ("NONE" if version < 4 else "")


@pytest.mark.parametrize("version", versions(10))
def test_empty_name_is_found_too(groups: Groups, version: int) -> None:
    """The name is judged by what is done with the group."""
    [row] = find(groups.client.connection, "", version=version)
    assert row.error_code == kafka.NONE and row.node_id >= 0


@pytest.mark.parametrize("version", [4, 5, 6])
def test_many_keys_are_answered_in_their_order(groups: Groups, version: int) -> None:
    names = [new_name("g") for _ in range(50)]
    rows = find(groups.client.connection, *names, version=version)
    assert [row.key for row in rows] == names and {row.error_code for row in rows} == {kafka.NONE}


@pytest.mark.parametrize("version", [4, 5, 6])
def test_no_keys_no_rows(groups: Groups, version: int) -> None:
    assert find(groups.client.connection, version=version) == []


def test_same_key_twice_is_answered_twice(groups: Groups) -> None:
    name = new_name("g")
    rows = find(groups.client.connection, name, name)
    assert {(row.key, row.error_code) for row in rows} == {(name, kafka.NONE)}


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("key_type", [-1, 3, 99])
def test_unknown_kind_of_coordinator(groups: Groups, version: int, key_type: int) -> None:
    [row] = find(groups.client.connection, "x", key_type=key_type, version=version)
    assert (row.error_code, row.node_id) == (kafka.INVALID_REQUEST, -1)


@pytest.mark.parametrize("name", ["ü€😀", "a" * 32_000, "tab\there", "nul\0byte", " "])
def test_any_text_may_be_a_group(groups: Groups, name: str) -> None:
    [row] = find(groups.client.connection, name)
    assert (row.key, row.error_code) == (name, kafka.NONE)


@pytest.mark.parametrize("version", [4, 5, 6])
def test_many_keys_of_an_unknown_kind_each_get_the_error(groups: Groups, version: int) -> None:
    rows = find(groups.client.connection, "a", "b", key_type=7, version=version)
    assert [(row.key, row.error_code) for row in rows] == [("a", kafka.INVALID_REQUEST), ("b", kafka.INVALID_REQUEST)]


@ours_only("Kafka has share groups")
@pytest.mark.parametrize("version", [1, 6])
def test_share_groups_have_no_coordinator_here(groups: Groups, version: int) -> None:
    [row] = find(groups.client.connection, "group:AAAAAAAAAAAAAAAAAAAAAA:0", key_type=SHARE, version=version)
    assert row.error_code in (kafka.INVALID_REQUEST, COORDINATOR_NOT_AVAILABLE) and row.node_id == -1


def test_every_connection_finds_the_same(groups: Groups) -> None:
    name = new_name("g")
    with Connection(groups.broker.address) as other:
        request = k10.FindCoordinatorRequest(key_type=GROUP, coordinator_keys=[name])
        assert [row.node_id for row in other.call(request, 6).coordinators] == [row.node_id for row in find(groups.client.connection, name)]
