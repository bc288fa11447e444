"""Our definitions against Kafka's message files, field by field; the table of served keys; error codes."""

import json
import re

import pytest

from pybroker.protocol.codegen.model import FieldModel, MessageModel, StructModel, load, versions
from pybroker.protocol.definitions import errors, served
from tests.support.shared import SHARED, needs_shared

MESSAGES = {message.name: message for module in load() for message in module.messages}


def read(path):
    return json.loads(re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE))


def reference():
    folder = SHARED / "protocol"
    return [read(path) for path in sorted(folder.rglob("*.json"))] if folder.is_dir() else []


def compare(theirs: dict, ours: FieldModel) -> None:
    where = f"{ours.owner.message.name}.{ours.owner.name}.{theirs['name']}"
    assert theirs["name"] == ours.kafka_name, where
    assert theirs["type"] == ("[]" if ours.is_array else "") + ours.type, where
    assert versions(theirs.get("versions", "0+")) == ours.versions, where
    assert versions(theirs.get("nullableVersions", "none")) == ours.nullable, where
    assert versions(theirs.get("taggedVersions", "none")) == ours.tagged, where
    assert theirs.get("tag") == ours.tag, where
    default = ("null" if theirs["default"] is None else theirs["default"]) if "default" in theirs else None
    assert (str(default).lower() if default is not None else None) == (ours.default.lower() if ours.default is not None else None), where
    assert (theirs.get("ignorable") in (True, "true")) == ours.ignorable, where
    assert (theirs.get("flexibleVersions") == "none") == ours.never_compact, where


def compare_structs(theirs: list, ours: StructModel, shared: dict, seen: set) -> None:
    assert [field["name"] for field in theirs] == [field.kafka_name for field in ours.fields], ours.name
    for their_field, our_field in zip(theirs, ours.fields, strict=True):
        compare(their_field, our_field)
        if our_field.struct and our_field.struct.name not in seen:
            seen.add(our_field.struct.name)
            compare_structs(their_field.get("fields") or shared[our_field.type], our_field.struct, shared, seen)


@needs_shared
@pytest.mark.parametrize("theirs", reference(), ids=lambda message: message["name"])
def test_every_message_is_defined_as_kafka_defines_it(theirs):
    ours: MessageModel = MESSAGES[theirs["name"]]
    assert versions(theirs.get("validVersions", "none")) == ours.valid
    assert versions(theirs.get("flexibleVersions", "none")) == ours.flexible
    shared = {struct["name"]: struct["fields"] for struct in theirs.get("commonStructs", [])}
    compare_structs(theirs.get("fields", []), ours.structs[0], shared, set())


@needs_shared
def test_no_message_of_ours_is_unknown_to_kafka():
    assert set(MESSAGES) == {message["name"] for message in reference()}


@needs_shared
def test_error_codes_are_kafkas():
    rows = [line.split("\t") for line in (SHARED / "kafka-errors.tsv").read_text().splitlines() if line and not line.startswith(("#", "code"))]
    assert [(code, name, retriable, refresh) for code, name, retriable, refresh, _ in errors.ERRORS] == [
        (int(code), name, retriable == "true", refresh == "true") for code, name, retriable, refresh in rows
    ]


@needs_shared
def test_served_ranges_are_those_of_a_current_broker():
    rows = {}
    for line in (SHARED / "kafka-api-keys.md").read_text().splitlines():
        match = re.match(r"\| (\d+) \| \w+ \| (?:4\.4: )?(\d+)(?:-(\d+))?", line)
        if match:
            rows[int(match[1])] = (int(match[2]), int(match[3] or match[2]))
    assert rows == served.RANGES


def test_served_ranges_lie_inside_of_the_defined_ones():
    keys = {module.key: module for module in load() if module.key is not None}
    for key in served.SERVED_NOW:
        low, high = served.RANGES[key]
        request = keys[key].messages[0].valid
        assert high <= request.high
        assert (served.PRODUCE_SERVED_FROM if key == 0 else low) >= request.low
