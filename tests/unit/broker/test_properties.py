"""Properties files as people and Java write them, and the ones that must be refused with their line."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybroker.broker.properties import FILE_BYTES_MAX, PropertiesError, parse, read


def values(text: str) -> dict[str, str]:
    return {key: value for key, (value, _line) in parse(text.encode(), "f").items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1", {"a": "1"}),
        ("a = 1", {"a": "1"}),
        ("a: 1", {"a": "1"}),
        ("a 1", {"a": "1"}),
        ("a\t1", {"a": "1"}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("a==1", {"a": "=1"}),
        ("# a=1\n! b=2\n  # c=3\n\n \t\nd=4", {"d": "4"}),
        ("a=1 # not a comment", {"a": "1 # not a comment"}),
        ("a=one,\\\n   two", {"a": "one,two"}),
        ("a=one\\\n#two", {"a": "one#two"}),
        ("a=one\\\\\nb=2", {"a": "one\\", "b": "2"}),
        ("a=x\\ty\\nz\\u00e9\\q", {"a": "x\ty\nzéq"}),
        ("a\\ b\\=c=1", {"a b=c": "1"}),
        ("a=\\ud83d\\ude00", {"a": "😀"}),
        ("a=é", {"a": "é"}),
        ("a=1\r\nb=2\rc=3", {"a": "1", "b": "2", "c": "3"}),
        ("a=1  ", {"a": "1  "}),
    ],
)
def test_forms_that_java_reads(text: str, expected: dict[str, str]) -> None:
    assert values(text) == expected


def test_lines_are_counted_from_where_a_value_begins() -> None:
    assert parse(b"# x\na=1,\\\n2\n\nb=3\n", "f") == {"a": ("1,2", 2), "b": ("3", 5)}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"\xef\xbb\xbfa=1", "f:1:"),
        (b"\xff\xfea\0=\0", "f:1:"),
        (b"a=1\nb=\x00", "f:2:"),
        (b"a=1\nb=\x1b[0m", "f:2:"),
        (b"a=1\n\nb=\xff\xfe", "f:3:"),
        (b"a=1\nb=2\na=3", "f:3: a is set twice, first on line 1"),
        (b"a=1\n=2", "f:2:"),
        (b"a=\\u12", "f:1:"),
        (b"a=\\u12g4", "f:1:"),
        (b"a=\\ud83d", "f:1:"),
        (b"a=1\nb=2\\", "f:2:"),
    ],
)
def test_what_is_refused_names_its_line(data: bytes, place: str) -> None:
    with pytest.raises(PropertiesError) as caught:
        parse(data, "f")
    assert str(caught.value).startswith(place)
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    large = tmp_path / "large"
    large.write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    for path, words in ((tmp_path, "directory"), (tmp_path / "none", "no such file"), (fifo, "not a regular file"), (large, "more than")):
        with pytest.raises(PropertiesError, match=words):
            read(str(path))


def test_largest_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a=1\n" + b"#" * (FILE_BYTES_MAX - 4))
    assert read(str(path)) == {"a": ("1", 1)}


@given(st.binary(max_size=200))
def test_any_bytes_give_values_or_a_clear_error(data: bytes) -> None:
    try:
        found = parse(data, "f")
    except PropertiesError as error:
        assert str(error).startswith("f:")
    else:
        assert all(key and line >= 1 for key, (_value, line) in found.items())
