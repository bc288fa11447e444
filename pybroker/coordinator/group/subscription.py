"""Topics by regular expression: RE2's syntax and meaning, in time linear in the name, whatever the pattern.

A pattern means the names that it matches in full, as in Kafka. Its library is loaded when the first pattern comes: 4 MiB and 10 ms that a broker without
one does not spend. A name costs 3.5 µs, so of 10,000 topics only those are tried that are new since the last look.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from functools import lru_cache

from pybroker.protocol import errors

PATTERN_CHARACTERS_MAX = 4096
"""Longest pattern."""
PROGRAM_BYTES_MAX = 1 << 20
"""Memory that one compiled pattern and its states may take; a pattern that needs more is refused."""
PATTERNS_KEPT = 256
"""Compiled patterns that are kept; one that is not there costs some 50 µs more."""

Topics = Mapping[str, object]
"""Names of topics as keys. One that was handed in is never changed: other topics are another mapping."""


@lru_cache(maxsize=PATTERNS_KEPT)
def _matcher(pattern: str) -> Callable[[str], object]:
    """Raises InvalidRegularExpression."""
    if len(pattern) > PATTERN_CHARACTERS_MAX:
        raise errors.InvalidRegularExpression(f"SubscribedTopicRegex is longer than {PATTERN_CHARACTERS_MAX} characters.")
    import re2

    options = re2.Options()
    options.max_mem = PROGRAM_BYTES_MAX
    options.log_errors = False
    try:
        fullmatch: Callable[[str], object] = re2.compile(pattern, options).fullmatch
    except (re2.error, UnicodeEncodeError) as error:
        raise errors.InvalidRegularExpression(f"SubscribedTopicRegex `{pattern}` is not a valid regular expression: {_reason(error)}.") from error
    return fullmatch


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(error)


def check(pattern: str) -> None:
    """Whether it is a pattern. An empty one is: it means no topic. Raises InvalidRegularExpression."""
    if pattern:
        _matcher(pattern)


def matching(pattern: str, topics: Topics, found: Iterable[str] = (), found_in: Topics | None = None) -> tuple[str, ...]:
    """The names that the pattern means, sorted. ``found`` are those it meant in ``found_in``, if it was tried before.

    One that is no pattern here (a record of another broker's may hold it) means none.
    """
    try:
        match = _matcher(pattern)
    except errors.InvalidRegularExpression:
        return ()
    names = topics.keys() if found_in is None else _new_names.between(found_in, topics)
    stay = (name for name in found if name in topics) if found_in is not None else ()
    return tuple(sorted({*stay, *(name for name in names if match(name))}))


class _NewNames:
    """What is in one mapping and not in another: kept for the last two, since many groups ask for the same after a topic was made."""

    def __init__(self) -> None:
        self._before: Topics = {}
        self._now: Topics = {}
        self._names: Set[str] = frozenset()

    def between(self, before: Topics, now: Topics) -> Set[str]:
        if before is not self._before or now is not self._now:
            self._before, self._now, self._names = before, now, now.keys() - before.keys()
        return self._names


_new_names = _NewNames()
