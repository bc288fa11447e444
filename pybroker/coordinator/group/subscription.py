"""Topics by regular expression: RE2's syntax and meaning, in time linear in the name, whatever the pattern.

A pattern means the names that it matches in full, as in Kafka. Its library is loaded when the first pattern comes: 4 MiB and 10 ms that a broker without
one does not spend. Compiled patterns are kept, PATTERNS_KEPT of them, each with the topics it was last asked for: of 10,000 names only the new ones are tried.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

from pybroker.protocol import errors

PATTERN_CHARACTERS_MAX = 4096
"""Longest pattern."""
PROGRAM_BYTES_MAX = 1 << 20
"""Memory that one compiled pattern and its states may take; a pattern that needs more is refused."""
PATTERNS_KEPT = 64


class _Pattern:
    """A compiled pattern and the topics it was last asked for."""

    __slots__ = ("_asked", "_found", "_match")

    def __init__(self, match: Callable[[str], object]) -> None:
        self._match = match
        self._asked: Mapping[str, object] = {}
        self._found: set[str] = set()

    def find(self, topics: Mapping[str, object]) -> set[str]:
        if topics is not self._asked:
            new = {name for name in topics.keys() - self._asked.keys() if self._match(name)}
            self._found = (self._found & topics.keys()) | new
            self._asked = topics
        return self._found


@lru_cache(maxsize=PATTERNS_KEPT)
def _compiled(pattern: str) -> _Pattern:
    """Raises InvalidRegularExpression."""
    if len(pattern) > PATTERN_CHARACTERS_MAX:
        raise errors.InvalidRegularExpression(f"SubscribedTopicRegex is longer than {PATTERN_CHARACTERS_MAX} characters.")
    import re2

    options = re2.Options()
    options.max_mem = PROGRAM_BYTES_MAX
    options.log_errors = False
    try:
        return _Pattern(re2.compile(pattern, options).fullmatch)
    except (re2.error, UnicodeEncodeError) as error:
        raise errors.InvalidRegularExpression(f"SubscribedTopicRegex `{pattern}` is not a valid regular expression: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(error)


def check(pattern: str) -> None:
    """Whether it is a pattern. An empty one is: it means no topic. Raises InvalidRegularExpression."""
    if pattern:
        _compiled(pattern)


def matching(pattern: str, topics: Mapping[str, object]) -> tuple[str, ...]:
    """The names that the pattern means, sorted. One that is no pattern here (a record of another broker's may hold it) means none.

    ``topics`` has the names as keys and is never changed after the call: it is kept, and the same one again costs nothing.
    """
    try:
        found = _compiled(pattern).find(topics)
    except errors.InvalidRegularExpression:
        return ()
    return tuple(sorted(found))
