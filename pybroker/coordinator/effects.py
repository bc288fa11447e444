"""What a coordinator wants done after a request: records in its log."""

from typing import NamedTuple


class Record(NamedTuple):
    """One record of an internal topic. A ``value`` of None takes the key away."""

    key: bytes
    value: bytes | None
