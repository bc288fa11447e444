"""Documents and schemas: what passes, what is refused in which words, and that nothing from outside gets further than an answer."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pybroker_serde_json import Json, JsonValidator
from pybroker_serde_json.documents import BYTES_MAX, NotJson, Schema, SchemaError, parse

PERSON = json.dumps(
    {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "integer", "minimum": 0}, "name": {"type": "string", "pattern": "^[a-z]+$"}, "tags": {"type": "array", "items": {"type": "string"}}},
    }
)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff", "no UTF-8"),
        (b"NaN", "NaN is no JSON"),
        (b'{"a": -Infinity}', "-Infinity is no JSON"),
        (b'{"a": 1, "a": 2}', "an object has a name twice"),
        (b"1" * 5000, "too many digits"),
        (b"[" * 100_000, "nested too deep"),
        (b" " * (BYTES_MAX + 1), "are more than"),
    ],
    ids=["nothing", "cut", "bytes", "NaN", "infinity", "twice", "digits", "deep", "long"],
)
def test_what_is_no_document(data: bytes, words: str) -> None:
    with pytest.raises(NotJson, match=words):
        parse(data)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"id": 1, "name": "ada", "tags": []}, None),
        ({"id": -1}, "/id: "),
        ({}, "the document: "),
        ({"id": 1, "tags": ["a", 7]}, "/tags/1: "),
        ({"id": 1, "name": "SECRET"}, "/name: "),
        ([], "the document: "),
    ],
)
def test_a_schema_says_where_and_what_but_not_the_value(value: Any, words: str | None) -> None:
    [fault] = JsonValidator(PERSON).validate([json.dumps(value).encode()])
    if words is None:
        assert fault is None
    else:
        assert fault is not None and fault.startswith(words) and "SECRET" not in fault


def test_null_passes_and_any_document_does_without_a_schema() -> None:
    assert JsonValidator("").validate([None, b"1", b"{}", b"x"])[:3] == [None, None, None]
    assert JsonValidator(PERSON).validate([None]) == [None]


@pytest.mark.parametrize(
    "text",
    ["{", '{"type": "no such"}', '{"$ref": "http://127.0.0.1:9/x.json"}', '{"$ref": "file:///etc/passwd"}', '{"pattern": "(?=x)"}', '{"pattern": "("}', "7", '{"a": 1, "a": 2}'],
    ids=["cut", "type", "http", "file", "look-ahead", "regex", "number", "twice"],
)
def test_what_is_no_schema(text: str) -> None:
    with pytest.raises(SchemaError) as refused:
        Schema(text)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300


def test_a_pattern_that_others_never_come_back_from() -> None:
    [fault] = JsonValidator('{"pattern": "^(a+)+$"}').validate([json.dumps("a" * 50_000 + "!").encode()])
    assert fault is not None


def test_deep_documents_are_refused_and_survived() -> None:
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    [fault] = JsonValidator('{"items": {"$ref": "#"}}').validate([json.dumps(deep).encode()])
    assert fault is None or "deep" in fault or "ecursion" in fault


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)).map(lambda value: json.dumps(value).encode())))
def test_a_validator_answers_whatever_comes(data: bytes) -> None:
    [fault] = JsonValidator(PERSON).validate([data])
    assert fault is None or (isinstance(fault, str) and len(fault) <= 250)


def test_the_serde_reads_what_it_writes() -> None:
    serde = Json()
    assert serde.encode({"id": 1, "ü": None}, None) == '{"id":1,"ü":null}'.encode()
    assert serde.decode(serde.encode({"id": 1}, PERSON), PERSON) == {"id": 1}
    for wrong in ({"id": "x"}, float("nan"), object()):
        with pytest.raises(ValueError):
            serde.encode(wrong, PERSON)
