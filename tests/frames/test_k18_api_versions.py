"""ApiVersions (key 18)."""

import struct

import pytest

from pybroker.protocol.definitions.served import PRODUCE_SERVED_FROM, RANGES, SERVED_NOW
from pybroker.protocol.messages import load
from tests.support.client import Client

m = load(18)


def request():
    return m.ApiVersionsRequest(client_software_name="test", client_software_version="1.0")


@pytest.mark.parametrize("version", range(5))
def test_every_version_lists_what_is_served(client, version):
    answer = client.ask(request(), version)
    assert answer.error_code == 0
    assert {row.api_key: (row.min_version, row.max_version) for row in answer.api_keys} == {key: RANGES[key] for key in SERVED_NOW}


def test_produce_is_advertised_from_0(client):
    row = next(row for row in client.ask(request(), 3).api_keys if row.api_key == 0)
    assert row.min_version == 0 < PRODUCE_SERVED_FROM


@pytest.mark.parametrize("version", [5, 99, 32767, -1])
def test_an_unknown_version_gets_version_0_with_the_list(client, version):
    client.send_frame(struct.pack(">hhih", 18, version, 77, -1) + b"\0")
    frame = client.read_frame()
    assert struct.unpack_from(">ih", frame) == (77, 35)
    answer, end = m.ApiVersionsResponse.decode(frame, 0, 4)
    assert end == len(frame)
    assert {row.api_key for row in answer.api_keys} == set(SERVED_NOW)


@pytest.mark.parametrize("name", ["", "-a", "a b", "a\n", "ä"])
def test_a_software_name_that_is_none_is_refused(client, name):
    answer = client.ask(m.ApiVersionsRequest(client_software_name=name, client_software_version="1"), 3)
    assert answer.error_code == 42


def test_the_connection_goes_on_after_a_refusal(shared_broker):
    with Client(shared_broker.port) as client:
        client.send_frame(struct.pack(">hhih", 18, 99, 1, -1))
        client.read_frame()
        client.correlation = 1
        assert client.ask(request(), 3).error_code == 0
