"""The command line as Kafka's start script takes it."""

import pytest

from pybroker.broker.arguments import Arguments, UsageError, parse


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], Arguments(None, (), "run")),
        (["a.properties"], Arguments("a.properties", (), "run")),
        (["a.properties", "--override", "x=1", "--override=y=2"], Arguments("a.properties", ("x=1", "y=2"), "run")),
        (["--override", "x=1", "a.properties", "--check-config"], Arguments("a.properties", ("x=1",), "check")),
        (["--version", "whatever"], Arguments(None, (), "version")),
        (["-h"], Arguments(None, (), "help")),
    ],
)
def test_forms(words: list[str], expected: Arguments) -> None:
    assert parse(words) == expected


@pytest.mark.parametrize("words", [["--override"], ["--overide", "x=1"], ["a", "b"], ["-x"]])
def test_what_cannot_be_understood_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        parse(words)
