"""Segments as a retention policy outside of the core sees and removes them."""

import time

import pytest

from tests.seam.cores import SETTINGS, TOPIC_ID, core_module, make_core

SMALL = {**SETTINGS, "segment_bytes": 1024, "cleanup_delete": 1, "file_delete_delay_ms": 0}


@pytest.fixture
def core(tmp_path):
    made = make_core(tmp_path)
    made.put_topic(TOPIC_ID, "seam", [(0, 0, 0)], SMALL)
    yield made
    made.stop()


def fill(core, count):
    for number in range(count):
        core.append(TOPIC_ID, 0, [(b"k", b"v" * 400)], number)


def test_facts_of_every_segment_the_oldest_first(core):
    before_ms = int(time.time() * 1000)
    fill(core, 101)
    segments = core.segments(TOPIC_ID, 0)
    assert [(base, end, active) for base, end, _bytes, _time, active in segments] == [(at, min(at + 2, 101), at == 100) for at in range(0, 101, 2)]
    assert sum(size for _base, _end, size, _time, _active in segments) == core.partition(TOPIC_ID, 0).size_bytes
    assert all(before_ms <= time_ms <= time.time() * 1000 for *_facts, time_ms, _active in segments)


def test_a_plan_removes_the_oldest_and_the_start_follows(core):
    fill(core, 101)
    core.delete_segments(TOPIC_ID, 0, [base for base, *_rest in core.segments(TOPIC_ID, 0)[:40]])
    assert core.partition(TOPIC_ID, 0).start_offset == 80
    assert core.segments(TOPIC_ID, 0)[0][0] == 80
    assert core.stats()["segments_deleted"] == 0                             # those are retention's own


@pytest.mark.parametrize("plan", [[2], [0, 4], [0, 2, 3], [100], [0, 0], list(range(0, 102, 2)), [-1], [0, 1 << 40]])
def test_a_plan_with_a_gap_or_for_what_is_not_there_removes_nothing(core, plan):
    fill(core, 101)
    with pytest.raises(core_module.CoreError) as caught:
        core.delete_segments(TOPIC_ID, 0, plan)
    assert caught.value.name == "PB_E_INVALID_ARGUMENT"
    assert core.partition(TOPIC_ID, 0).start_offset == 0
    assert len(core.segments(TOPIC_ID, 0)) == 51


def test_an_empty_plan_and_an_empty_partition(core):
    core.delete_segments(TOPIC_ID, 0, [])
    assert core.segments(TOPIC_ID, 0) == []
    with pytest.raises(core_module.CoreError):
        core.segments(b"\x07" * 16, 0)


def test_ten_thousand_segments_are_told_in_a_tenth_of_a_second(core):
    fill(core, 20_000)
    core.segments(TOPIC_ID, 0)                                              # looked up once
    begin_s = time.perf_counter()
    segments = core.segments(TOPIC_ID, 0)
    old = [base for base, _end, _bytes, _time, active in segments if not active]
    took_s = time.perf_counter() - begin_s
    assert len(segments) == 10_000
    assert took_s < 0.1, f"{took_s:.3f} s"
    core.delete_segments(TOPIC_ID, 0, old)
    assert len(core.segments(TOPIC_ID, 0)) == 1


def test_rounds_without_python_delete_by_the_built_in_rule(core):
    fill(core, 20)
    core.put_topic(TOPIC_ID, "seam", [(0, 0, 0)], {**SMALL, "retention_bytes": 2000})
    assert core.keep(7) == 0
    stats = core.stats()
    assert core.partition(TOPIC_ID, 0).size_bytes >= 2000 > core.partition(TOPIC_ID, 0).size_bytes - core.segments(TOPIC_ID, 0)[0][2]
    assert stats["segments_deleted"] == core.partition(TOPIC_ID, 0).start_offset // 2
