"""The token bucket."""

from pybroker.metadata.rate import Bucket


def test_a_burst_then_the_rate() -> None:
    bucket = Bucket()
    assert bucket.take(7, rate=10, burst=5, now_ms=1000) == 5
    assert bucket.take(1, rate=10, burst=5, now_ms=1099) == 0
    assert bucket.take(1, rate=10, burst=5, now_ms=1100) == 1
    assert bucket.take(9, rate=10, burst=5, now_ms=1_000_000) == 5


def test_taking_nothing_costs_nothing() -> None:
    bucket = Bucket()
    assert bucket.take(0, rate=1, burst=2, now_ms=0) == 0
    assert bucket.take(2, rate=1, burst=2, now_ms=0) == 2


def test_a_smaller_burst_takes_effect_at_once() -> None:
    bucket = Bucket()
    assert bucket.take(1, rate=1, burst=100, now_ms=0) == 1
    assert bucket.take(50, rate=1, burst=3, now_ms=0) == 3
