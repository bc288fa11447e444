"""What a request changed, for the audit. Each handler of a key that changes something has

``changes(broker, request, response) -> Iterable[Change]``: one for each thing that was changed, or was not; nothing where the request only asks whether it could be.
"""

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from pybroker.protocol import errors

LISTED_MAX = 20


class Change(NamedTuple):
    """``operation``: the request's name; ``resource``: kind and name. ``error``: Kafka's code, 0 where it was done. ``detail`` holds no secrets."""

    operation: str
    resource: str
    error: int
    detail: str = ""

    @property
    def text(self) -> str:
        """Detail and error."""
        if self.error == 0:
            return self.detail
        kind = errors.BY_CODE.get(self.error)
        return f"{self.detail} error={kind.kafka_name if kind else self.error}".strip()


def listed(words: Iterable[object]) -> str:
    """A list in few words."""
    found = [str(word) for word in islice(words, LISTED_MAX + 1)]
    return ",".join(found[:LISTED_MAX]) + (",…" if len(found) > LISTED_MAX else "")


def first_error(codes: Iterable[int]) -> int:
    """The first code that is none of success."""
    return next((code for code in codes if code), 0)
