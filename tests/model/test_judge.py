"""The judge finds what it says it finds, and nothing in a history that is in order; where another checker is at hand, both find the same."""

import importlib.util
import json
import random
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.model import history
from tests.model.history import ACK, FAIL, INFO, POWERCUT, Done, Event, Fault, Log, Poll, Read, Recorder, Send, Values
from tests.model.judge import Rules, judge
from tests.support.shared import SHARED, needs_shared

TOPIC: Final = "t"
NAMES: Final = {
    "lost": "lost_write", "duplicated": "duplicate", "reordered": "reordered_send", "misrouted": "misrouted", "phantom": "phantom_value", "corrupt": "corrupt_value",
    "moved": "ack_offset_mismatch", "divergent": "inconsistent_offset", "vanished": "read_then_lost", "backwards": "nonmonotonic_poll", "skipped": "poll_skip",
}  # fmt: skip
"""Our words → the other checker's."""


class Story:
    """A history in the making: what each partition holds, and events that say so."""

    def __init__(self, seed: int, *, sends: int = 60, partitions: int = 3) -> None:
        chance = random.Random(seed)
        self.logs: dict[int, list[str]] = {part: [] for part in range(partitions)}
        self.events: list[Event] = []
        self.t = 0.0
        for number in range(1, sends + 1):
            client, part = f"c{chance.randrange(3)}", chance.randrange(partitions)
            value = f"{client}-{number}"
            self.events.append(Send(number, client, TOPIC, part, value, self.tick()))
            outcome = chance.random()
            if outcome < 0.85 or (outcome < 0.95 and chance.random() < 0.5):
                self.logs[part].append(value)
            if outcome < 0.85:
                self.events.append(Done(number, ACK, len(self.logs[part]) - 1, self.tick()))
            elif outcome < 0.95:
                self.events.append(Done(number, INFO, -1, self.tick()))
        self.polls()

    def tick(self) -> float:
        self.t += 1.0
        return self.t

    def polls(self) -> None:
        """A consumer that reads every partition to its end in two polls."""
        for part, values in self.logs.items():
            middle = len(values) // 2
            for start, end in ((0, middle), (middle, len(values))):
                recs = tuple(Read(off, values[off], True) for off in range(start, end))
                if recs:
                    self.events.append(Poll("f", TOPIC, part, recs, self.tick()))

    def with_logs(self, logs: dict[int, list[Read]] | None = None) -> list[Event]:
        """All events and the final read, in both isolation levels."""
        final = logs if logs is not None else self.reads()
        ends = {part: max((rec.off + 1 for rec in recs), default=0) for part, recs in final.items()}
        return [*self.events, *(Log(TOPIC, part, tuple(recs), 0, ends[part], iso, self.tick()) for iso in ("ru", "rc") for part, recs in final.items())]

    def reads(self) -> dict[int, list[Read]]:
        return {part: [Read(off, value, True) for off, value in enumerate(values)] for part, values in self.logs.items()}

    def acked(self) -> list[tuple[Send, Done]]:
        done = {event.id: event for event in self.events if isinstance(event, Done) and event.how == ACK}
        return [(event, done[event.id]) for event in self.events if isinstance(event, Send) and event.id in done]


# ---- one wrong thing each: (story, random) → events


def lost(story: Story, chance: random.Random) -> list[Event]:
    reads = story.reads()
    send, done = chance.choice(story.acked())
    reads[send.part] = reads[send.part][: done.off]                         # with all behind it
    return story.with_logs(reads)


def duplicated(story: Story, chance: random.Random) -> list[Event]:
    reads = story.reads()
    send, _ = chance.choice(story.acked())
    reads[send.part].append(Read(len(reads[send.part]), send.val, True))
    return story.with_logs(reads)


def reordered(story: Story, chance: random.Random) -> list[Event]:
    """Two acknowledged records of one client change places, offsets of their answers too."""
    del chance
    by_key: dict[tuple[str, int], list[tuple[Send, Done]]] = {}
    for send, done in story.acked():
        by_key.setdefault((send.client, send.part), []).append((send, done))
    first, second = next(rows for rows in by_key.values() if len(rows) > 1)[:2]
    values = story.logs[first[0].part]
    values[first[1].off], values[second[1].off] = second[0].val, first[0].val
    swap = {first[1].id: second[1].off, second[1].id: first[1].off}
    story.events = [event._replace(off=swap[event.id]) if isinstance(event, Done) and event.id in swap else event for event in story.events if not isinstance(event, Poll)]
    story.polls()
    return story.with_logs()


def misrouted(story: Story, chance: random.Random) -> list[Event]:
    reads = story.reads()
    send, _ = chance.choice(story.acked())
    other = (send.part + 1) % len(reads)
    reads[other].append(Read(len(reads[other]), send.val, True))
    return story.with_logs(reads)


def phantom(story: Story, chance: random.Random) -> list[Event]:
    reads = story.reads()
    part = chance.randrange(len(reads))
    reads[part].append(Read(len(reads[part]), "c9-1", True))
    return story.with_logs(reads)


def corrupt(story: Story, chance: random.Random) -> list[Event]:
    reads = story.reads()
    part = chance.randrange(len(reads))
    reads[part].append(Read(len(reads[part]), "c1-1", False))
    return story.with_logs(reads)


def moved(story: Story, chance: random.Random) -> list[Event]:
    _, done = chance.choice([row for row in story.acked() if row[1].off > 0])
    story.events = [event._replace(off=event.off + 1000) if event is done else event for event in story.events]
    return story.with_logs()


def divergent(story: Story, chance: random.Random) -> list[Event]:
    rows = [row for row in story.acked() if row[1].off > 0]
    send, done = chance.choice(rows)
    story.events.append(Poll("g", TOPIC, send.part, (Read(done.off, story.logs[send.part][done.off - 1], True),), story.tick()))
    return story.with_logs()


def vanished(story: Story, chance: random.Random) -> list[Event]:
    """Read by a consumer, never acknowledged, not there at the end."""
    part = chance.randrange(len(story.logs))
    story.events.append(Send(10_000, "c0", TOPIC, part, "c0-10000", story.tick()))
    story.events.append(Poll("g", TOPIC, part, (Read(len(story.logs[part]), "c0-10000", True),), story.tick()))
    return story.with_logs()


def backwards(story: Story, chance: random.Random) -> list[Event]:
    poll = chance.choice([event for event in story.events if isinstance(event, Poll)])
    story.events.append(poll._replace(t=story.tick()))
    return story.with_logs()


def skipped(story: Story, chance: random.Random) -> list[Event]:
    del chance
    send, done = next(row for row in story.acked() if row[1].off > 2)
    values = story.logs[send.part]
    story.events.append(Poll("g", TOPIC, send.part, (Read(0, values[0], True), Read(done.off, values[done.off], True)), story.tick()))
    return story.with_logs()


WRONG: Final[dict[str, Callable[[Story, random.Random], list[Event]]]] = {
    "lost": lost, "duplicated": duplicated, "reordered": reordered, "misrouted": misrouted, "phantom": phantom, "corrupt": corrupt, "moved": moved, "divergent": divergent,
    "vanished": vanished, "backwards": backwards, "skipped": skipped,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_a_history_in_order_has_no_anomaly(seed: int) -> None:
    verdict = judge(Story(seed).with_logs())
    assert verdict.anomalies == {}, str(verdict)
    assert verdict.sent == 60 and verdict.acked > 30 and verdict.held >= verdict.acked


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("seed", range(5))
def test_what_is_wrong_is_called_by_its_name(kind: str, seed: int) -> None:
    assert kind in judge(WRONG[kind](Story(seed), random.Random(seed))).anomalies


def test_a_hole_in_the_final_log_is_found() -> None:
    story = Story(1)
    reads = story.reads()
    del reads[0][3]
    assert "hole" in judge(story.with_logs(reads)).anomalies


def test_a_failed_send_that_is_there_is_a_phantom() -> None:
    events = [Send(1, "c", TOPIC, 0, "c-1", 1.0), Done(1, FAIL, -1, 2.0), Log(TOPIC, 0, (Read(0, "c-1", True),), 0, 1, "ru", 3.0)]
    assert set(judge(events).anomalies) == {"phantom"}


def test_behind_the_end_of_a_prefix_nothing_was_promised() -> None:
    story = Story(2)
    ends = {part: len(values) // 2 for part, values in story.logs.items()}
    logs = [Log(TOPIC, part, tuple(Read(off, val, True) for off, val in enumerate(values[: ends[part]])), 0, ends[part], "ru", story.tick()) for part, values in story.logs.items()]
    assert judge([*story.events, *logs], Rules(prefix=True)).anomalies == {}
    assert {"lost", "vanished"} <= set(judge([*story.events, *logs]).anomalies)


def test_only_what_ended_as_unknown_may_be_there_twice_without_idempotence() -> None:
    def events(how: str) -> list[Event]:
        done = [Done(1, ACK, 0, 2.0)] if how == ACK else [Done(1, INFO, -1, 2.0)]
        return [Send(1, "c", TOPIC, 0, "c-1", 1.0), *done, Log(TOPIC, 0, (Read(0, "c-1", True), Read(1, "c-1", True)), 0, 2, "ru", 3.0)]

    assert judge(events(INFO), Rules(duplicates_of_unknown=True)).anomalies == {}
    assert set(judge(events(ACK), Rules(duplicates_of_unknown=True)).anomalies) == {"duplicated"}
    assert set(judge(events(INFO)).anomalies) == {"duplicated"}


def test_what_was_read_and_never_acknowledged_may_go_with_the_power_alone() -> None:
    events: list[Event] = [Send(1, "c", TOPIC, 0, "c-1", 1.0), Poll("f", TOPIC, 0, (Read(0, "c-1", True),), 2.0)]
    end = Log(TOPIC, 0, (), 0, 0, "ru", 4.0)
    assert judge([*events, Fault(POWERCUT, 3.0, 3.5), end]).anomalies == {}
    assert set(judge([*events, Fault("kill", 3.0, 3.5), end]).anomalies) == {"vanished"}


def test_a_value_says_when_it_is_not_whole() -> None:
    values = Values("c", "seed", 100)
    name, value = values.next()
    assert history.decode(value) == (name, True)
    for at in range(len(value)):
        assert history.decode(value[:at]) != (name, True)
        assert history.decode(value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :])[1] is False


def test_a_recorder_notes_in_order_and_wakes_who_waits() -> None:
    recorder = Recorder()
    first, second = recorder.send("c", TOPIC, 0, "c-1"), recorder.send("d", TOPIC, 0, "d-1")
    recorder.done(second, ACK, 0)
    recorder.done(first, INFO)
    recorder.wait_begun({"d"}, 0)
    with pytest.raises(TimeoutError, match="c had no acknowledgement"):
        recorder.wait_begun({"c", "d"}, 0)
    with pytest.raises(TimeoutError, match="1 of 1"):
        recorder.wait_acks(1, 0)
    recorder.give_up(ValueError("gone"))
    with pytest.raises(ValueError, match="gone"):
        recorder.wait_acks(1, 10)
    assert [type(event).__name__ for event in recorder.events] == ["Send", "Send", "Done", "Done"]


# ---- beside another checker


def other_checker() -> Any:
    spec = importlib.util.spec_from_file_location("history_check", SHARED / "tools" / "history_check.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def other_kinds(module: Any, events: list[Event]) -> set[str]:
    checker = module.Checker()
    for number, event in enumerate(events, 1):
        checker.add(json.loads(json.dumps(history.as_json(event))), number)
    return set(checker.finish())


@needs_shared
@pytest.mark.parametrize("kind", ["none", *WRONG])
def test_both_checkers_find_the_same(kind: str) -> None:
    module = other_checker()
    for seed in range(20):
        story = Story(seed)
        events = story.with_logs() if kind == "none" else WRONG[kind](story, random.Random(seed))
        ours = judge(events).anomalies.keys() - {"hole"}                    # the other does not look for holes
        assert {NAMES[name] for name in ours} == other_kinds(module, events), f"seed {seed}"
