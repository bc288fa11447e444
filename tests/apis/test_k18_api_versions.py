"""ApiVersions (API key 18): the list, the answer to a version that is not served, who may ask."""

import struct

import pytest

from pybroker.protocol.definitions.served import RANGES, SERVED_NOW
from pybroker.protocol.messages.k18_api_versions import ApiVersionsRequest, ApiVersionsResponse
from tests.support import kafka
from tests.support.broker import ours_only
from tests.support.wire import Connection, compact_string, framed, request_header, string, versions

SERVED = (0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 32, 33, 34, 35, 36, 37, 42, 44, 47, 60, 68, 69, 75)


def software(name: str = "raw", version: str = "1.0") -> ApiVersionsRequest:
    return ApiVersionsRequest(client_software_name=name, client_software_version=version)


@pytest.mark.parametrize("version", versions(18))
def test_every_version_lists_the_keys(connection: Connection, version: int) -> None:
    answer = connection.call(software(), version)
    listed = {key.api_key: (key.min_version, key.max_version) for key in answer.api_keys}
    assert answer.error_code == kafka.NONE and len(listed) == len(answer.api_keys)
    for key in SERVED:
        assert listed[key][0] == RANGES[key][0] and listed[key][1] >= RANGES[key][1]


@ours_only("Kafka serves more keys")
def test_only_what_has_a_handler_is_listed(connection: Connection) -> None:
    assert SERVED_NOW == SERVED
    answer = connection.call(software(), 4)
    assert {key.api_key: (key.min_version, key.max_version) for key in answer.api_keys} == {key: RANGES[key] for key in SERVED}


def test_response_header_never_has_tags(connection: Connection) -> None:
    """The one exception of the protocol: the body is flexible from version 3, the header is not."""
    payload = connection.call_raw(software(), 3, 4711)
    assert struct.unpack_from(">ih", payload) == (4711, 0)
    response, end = ApiVersionsResponse.decode(payload, 3, 4)
    assert end == len(payload) and len(response.api_keys) >= len(SERVED)


@pytest.mark.parametrize("version", [6, 100, 32767])
@pytest.mark.parametrize("body", [b"", b"\0", compact_string("raw") + compact_string("1") + b"\0", bytes(range(40))], ids=["none", "tags", "v3", "unknown"])
def test_newer_version_gets_error_35_and_the_list_in_version_0(connection: Connection, version: int, body: bytes) -> None:
    connection.send_bytes(framed(request_header(18, version, 9, flexible=True) + body))
    payload = connection.read_frame()
    response, end = ApiVersionsResponse.decode(payload, 0, 4)
    assert (struct.unpack_from(">i", payload)[0], end, response.error_code) == (9, len(payload), kafka.UNSUPPORTED_VERSION)
    assert [(key.min_version, key.max_version) for key in response.api_keys if key.api_key == 18] in ([(0, 4)], [(0, 5)])
    assert connection.call(software(), 3).error_code == kafka.NONE, "the connection goes on"


@ours_only("Kafka 4.4 knows version 5")
def test_version_5_is_answered_with_35_and_the_whole_list(connection: Connection) -> None:
    connection.send_bytes(framed(request_header(18, 5, 9, flexible=True) + b"\0"))
    response, _ = ApiVersionsResponse.decode(connection.read_frame(), 0, 4)
    assert response.error_code == kafka.UNSUPPORTED_VERSION
    assert {key.api_key: (key.min_version, key.max_version) for key in response.api_keys} == {key: RANGES[key] for key in SERVED}


@pytest.mark.parametrize("name", ["", "-raw", "raw-", "ra w", "raw;", "ä", "a" * 10 + "\n", "."])
@pytest.mark.parametrize("version", [3, 4])
def test_software_name_that_is_none(connection: Connection, name: str, version: int) -> None:
    assert connection.call(software(name=name), version).error_code == kafka.INVALID_REQUEST
    assert connection.call(software(version=name), version).error_code == kafka.INVALID_REQUEST


@pytest.mark.parametrize("name", ["a", "librdkafka", "apache-kafka-java", "a.b-c.9", "0"])
def test_software_names_that_are_good(connection: Connection, name: str) -> None:
    assert connection.call(software(name=name, version="v2.6.1-1-gabc"), 3).error_code == kafka.NONE


def test_golden_bytes_of_a_version_0_request(connection: Connection) -> None:
    connection.send_bytes(framed(struct.pack(">hhi", 18, 0, 42) + string("golden")))
    payload = connection.read_frame()
    correlation_id, error, count = struct.unpack_from(">ihi", payload)
    assert (correlation_id, error) == (42, 0) and len(payload) == 10 + count * 6


def test_may_be_asked_again_and_again(connection: Connection) -> None:
    first = connection.call_raw(software(), 4)
    for _ in range(20):
        assert connection.call_raw(software(), 4) == first
