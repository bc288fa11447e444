"""A token bucket: so many at once, so many a second after."""


class Bucket:
    """Grants are whole; time is given by the caller, in milliseconds of a clock that does not go back."""

    def __init__(self) -> None:
        self._millitokens: int | None = None
        self._at_ms = 0

    def take(self, wanted: int, *, rate: int, burst: int, now_ms: int) -> int:
        """How many of ``wanted`` are granted now, with ``rate`` a second and at most ``burst`` at once."""
        full = burst * 1000
        held = full if self._millitokens is None else min(full, self._millitokens + (now_ms - self._at_ms) * rate)
        granted = min(wanted, held // 1000)
        self._millitokens, self._at_ms = held - granted * 1000, now_ms
        return granted
