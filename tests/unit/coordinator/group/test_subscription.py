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
    before, now = names("gone-a", "gone-b", "x"), names("gone-b", "gone-c", "y")
    found = matching("gone-.*", before)
    assert found == ("gone-a", "gone-b")
    assert matching("gone-.*", now, found, before) == ("gone-b", "gone-c")
    assert matching("[xy]", now, matching("[xy]", before), before) == ("y",)
    assert matching("gone-.*", before, ("gone-b", "gone-c"), now) == found


def test_only_new_names_are_tried() -> None:
    """Told that a name is not meant, it is not tried again."""
    before = names("a", "b")
    assert matching("[ab]", names("a", "b", "ab"), ("a",), before) == ("a",)


def test_no_pattern_takes_long() -> None:
    pattern, name = "(((a*)*)*)*b", "a" * 249
    check(pattern)
    begin = time.process_time()
    assert matching(pattern, names(name)) == ()
    assert time.process_time() - begin < 0.1
