"""Strictness of the readers (W08-W12), round trips of the writers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybroker.protocol.messages import load
from pybroker.protocol.primitives import ProtocolError, Reader, put_bytes, put_count, put_string, put_tags, put_uvarint

metadata = load(3)


def read(data: bytes) -> Reader:
    return Reader(data)


@given(st.integers(0, 2**32 - 1))
def test_varints_come_back(value):
    out = bytearray()
    put_uvarint(out, value)
    reader = read(bytes(out))
    assert reader.uvarint() == value
    reader.done()


@given(st.text(max_size=300), st.booleans(), st.booleans())
def test_strings_come_back(text, compact, nullable):
    out = bytearray()
    put_string(out, text, compact, nullable)
    name = ("compact_" if compact else "") + ("nullable_" if nullable else "") + "string"
    assert getattr(read(bytes(out)), name)() == text


@given(st.binary(max_size=300) | st.none(), st.booleans())
def test_bytes_come_back(data, compact):
    out = bytearray()
    put_bytes(out, data, compact, True)
    assert getattr(read(bytes(out)), "compact_nullable_blob" if compact else "nullable_blob")() == data


@pytest.mark.parametrize("data", [b"\x80\x80\x80\x80\x80\x00", b"\xff\xff\xff\xff\x1f", b"\x80"])
def test_a_varint_too_long_too_large_or_cut_is_refused(data):
    with pytest.raises(ProtocolError):
        read(data).uvarint()


@pytest.mark.parametrize("data", [b"\xff\xfe", b"\x7f\xff" + b"a" * 20, b"\x00\x02\xff\xfe", b"\xff\xff"])
def test_a_string_of_impossible_length_or_bytes_is_refused(data):
    with pytest.raises(ProtocolError):
        read(data).string()


@pytest.mark.parametrize("count", [2**31 - 1, -2, 1000])
def test_an_array_beyond_the_frame_is_refused_before_anything_is_made(count):
    with pytest.raises(ProtocolError):
        read(count.to_bytes(4, "big", signed=True) + b"1234").count(False, True)


@pytest.mark.parametrize(
    "section",
    [
        b"\x02\x01\x00\x01\x00",  # the same tag twice
        b"\x02\x02\x00\x01\x00",  # descending
        b"\x01\x00\x05ab",  # longer than the frame
        b"\xff\xff\xff\xff\x07",  # two thousand million tags
    ],
)
def test_tagged_sections_are_checked(section):
    with pytest.raises(ProtocolError):
        read(section).tags()


def test_an_unknown_tag_is_kept_and_written_back():
    body = metadata.MetadataRequest(topics=None)
    body.unknown_tags = ((77, b"new"),)
    data = bytes(body.encode(9))
    again, end = metadata.MetadataRequest.decode(data, 9)
    assert end == len(data)
    assert again.unknown_tags == ((77, b"new"),)
    assert again.encode(9) == data


def test_a_known_and_an_unknown_tag_are_written_in_order():
    out = bytearray()
    put_tags(out, [(3, b"x")], ((1, b"y"),))
    assert bytes(out) == b"\x02\x01\x01y\x03\x01x"


def test_a_field_that_a_version_cannot_carry_is_refused():
    request = metadata.MetadataRequest(topics=[], include_topic_authorized_operations=True)
    assert request.encode(8)
    with pytest.raises(ProtocolError, match="IncludeTopicAuthorizedOperations"):
        request.encode(7)


def test_null_where_none_is_allowed_is_refused():
    with pytest.raises(ProtocolError):
        metadata.MetadataRequest(topics=None).encode(0)


def test_a_count_is_written_one_higher_when_compact():
    out = bytearray()
    put_count(out, 3, True)
    assert out == b"\x04"
