"""Recorded frames of real clients and a Kafka broker: read to the last byte, and written back to the same bytes."""

import json

import pytest

from pybroker.protocol.messages import load
from pybroker.protocol.messages.headers import RequestHeader, ResponseHeader
from pybroker.protocol.primitives import ProtocolError
from tests.support.shared import SHARED, needs_shared

FRAMES = SHARED / "wire" / "clients-on-kafka-4.3.1.jsonl"
API_VERSIONS, UNSUPPORTED_VERSION = 18, 35


def frames():
    return [json.loads(line) for line in FRAMES.read_text().splitlines()] if FRAMES.exists() else []


def message_class(key, kind):
    return next(value for name, value in vars(load(key)).items() if name.endswith(kind) and getattr(value, "API_KEY", None) == key)


def header_of(key, version, kind):
    flexible = version >= message_class(key, kind).FLEXIBLE_FROM
    if kind == "Request":
        return RequestHeader, 2 if flexible else 1
    return ResponseHeader, 1 if flexible and key != API_VERSIONS else 0


def body_version(key, version, kind, data, pos):
    if key == API_VERSIONS and kind == "Response" and int.from_bytes(data[pos : pos + 2], "big") == UNSUPPORTED_VERSION:
        return 0
    return version


def parts(frame, kind):
    key, data = frame["key"], bytes.fromhex(frame[kind.lower()])
    header, header_version = header_of(key, frame["version"], kind)
    read_header, pos = header.decode(data, header_version)
    version = body_version(key, frame["version"], kind, data, pos)
    return data, pos, version, read_header, header_version


@needs_shared
def test_there_are_frames_of_every_client():
    assert len(frames()) > 300


@needs_shared
@pytest.mark.parametrize("kind", ["Request", "Response"])
def test_every_frame_reads_to_its_end_and_back(kind):
    count = 0
    for frame in frames():
        if frame[kind.lower()] is None:
            continue
        data, pos, version, header, header_version = parts(frame, kind)
        cls = message_class(frame["key"], kind)
        body, end = cls.decode(data, version, pos)
        assert end == len(data), (frame["key"], version)
        assert body.encode(version) == data[pos:], (frame["key"], version)
        assert header.encode(header_version) == data[:pos]
        count += 1
    assert count > 300


@needs_shared
def test_a_cut_frame_is_refused_at_every_byte():
    for frame in frames():
        if len(frame["request"]) > 2000:
            continue
        data, pos, version, *_ = parts(frame, "Request")
        cls = message_class(frame["key"], "Request")
        for cut in range(pos, len(data)):
            with pytest.raises(ProtocolError):
                cls.decode(data[:cut], version, pos)
