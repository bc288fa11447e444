"""Topics by pattern: RE2's language, whole names, bounded."""

import time

import pytest

from pybroker.coordinator.group.subscription import PATTERN_CHARACTERS_MAX, check, matching
from pybroker.protocol.errors import InvalidRegularExpression


def names(*topics: str) -> dict[str, None]:
    return dict.fromkeys(topics)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("a.*", ("ab", "abc")), ("ab", ("ab",)), ("b", ()), (".*", ("ab", "abc", "xab")), ("x?ab", ("ab", "xab")), ("(?i)AB", ("ab",)), ("[[:alpha:]]{2}", ("ab",)), ("^ab$", ("ab",))],
)
def test_a_pattern_means_whole_names(pattern: str, found: tuple[str, ...]) -> None:
    check(pattern)
    assert matching(pattern, names("xab", "ab", "abc")) == found


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<!a)b", r"(a)\1", "(", "a{2000}", "\ud800", "a" * (PATTERN_CHARACTERS_MAX + 1), "((.{500}){100}){9}"])
def test_what_re2_does_not_know_or_is_too_large_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidRegularExpression):
        check(pattern)
    assert matching(pattern, names("ab")) == (), "a record may still hold it"


def test_an_empty_pattern_is_none() -> None:
    check("")


def test_topics_that_go_are_no_longer_found() -> None:
    assert matching("gone-.*", names("gone-a", "gone-b")) == ("gone-a", "gone-b")
    assert matching("gone-.*", names("gone-b", "gone-c")) == ("gone-b", "gone-c")


def test_no_pattern_takes_long() -> None:
    pattern, name = "(((a*)*)*)*b", "a" * 249
    check(pattern)
    begin = time.process_time()
    assert matching(pattern, names(name)) == ()
    assert time.process_time() - begin < 0.1
