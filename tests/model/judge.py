"""Whether a history is one that a log which never loses can have. Knows nothing of brokers or clients: events in, anomalies out.

lost        acknowledged, and not in the final log
duplicated  at two offsets of its partition
reordered   before what its client had sent earlier to the same partition
misrouted   in another partition than it was sent to
phantom     never sent, or of a send that certainly failed
corrupt     its own CRC is wrong
moved       acknowledged at one offset, found at another
divergent   one offset, two values
vanished    a consumer got it, and the final log does not have it
backwards   a consumer got an offset again
skipped     a consumer jumped over an offset that holds a record
hole        the final log leaves out an offset between its start and its end
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.model.history import ACK, FAIL, POWERCUT, Done, Event, Fault, Log, Poll, Seek, Send

Place = tuple[str, int]
"""(topic, partition)."""


class Rules(NamedTuple):
    """What the promise of a run is."""

    prefix: bool = False
    """Only what lies before the log's end is promised: a machine that lost power under ``pybroker.flush.policy=os``."""
    duplicates_of_unknown: bool = False
    """Without idempotence a send that ended as unknown, and was made by hand again, may be there twice."""


@dataclass(slots=True)
class Verdict:
    """What was found, and what was looked at."""

    anomalies: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    sent: int = 0
    acked: int = 0
    unknown: int = 0
    read: int = 0
    held: int = 0

    def __str__(self) -> str:
        head = f"{self.sent} sent, {self.acked} acknowledged, {self.unknown} unknown, {self.read} polled, {self.held} in the final logs"
        lines = [f"{kind}: {len(found)}, such as {'; '.join(found[:3])}" for kind, found in sorted(self.anomalies.items())]
        return "\n".join([head, *lines])


@dataclass(slots=True)
class Part:
    """One partition: what the final reads hold, and what consumers saw."""

    held: dict[int, str] = field(default_factory=dict)
    where: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    start: int | None = None
    end: int = 0
    seen: list[tuple[int, str, float]] = field(default_factory=list)
    jumps: list[tuple[str, int, int]] = field(default_factory=list)


class Judge:
    """One history. ``verdict`` once."""

    def __init__(self, events: Iterable[Event], rules: Rules) -> None:
        self.rules = rules
        self.out = Verdict()
        self.sends: dict[str, Send] = {}
        self.by_id: dict[int, Send] = {}
        self.done: dict[int, Done] = {}
        self.parts: dict[Place, Part] = defaultdict(Part)
        self.cuts: list[float] = []
        self.last_polled: dict[tuple[str, Place], int] = {}
        for event in events:
            self._take(event)

    def _bad(self, kind: str, text: str) -> None:
        self.out.anomalies[kind].append(text)

    # ---- reading

    def _take(self, event: Event) -> None:
        if isinstance(event, Send):
            assert event.val not in self.sends and event.id not in self.by_id, f"not a history: {event} is there twice"
            self.sends[event.val] = self.by_id[event.id] = event
        elif isinstance(event, Done):
            assert event.id in self.by_id and event.id not in self.done, f"not a history: {event} ends no open send"
            self.done[event.id] = event
        elif isinstance(event, Poll):
            self._take_poll(event)
        elif isinstance(event, Log):
            self._take_log(event)
        elif isinstance(event, Seek):
            self.last_polled.pop((event.client, (event.topic, event.part)), None)
        elif event.kind == POWERCUT:
            self.cuts.append(event.until)                                   # answers that were under way came until then

    def _take_poll(self, poll: Poll) -> None:
        place = poll.topic, poll.part
        part, last = self.parts[place], self.last_polled.get((poll.client, place))
        for off, val, ok in poll.recs:
            if last is not None and off <= last:
                self._bad("backwards", f"{poll.client} at {place} from {last} to {off}")
            elif last is not None and off > last + 1:
                part.jumps.append((poll.client, last, off))
            last = off
            if self._is_known(place, off, val, ok):
                part.seen.append((off, val, poll.t))
        if last is not None:
            self.last_polled[poll.client, place] = last
        self.out.read += len(poll.recs)

    def _take_log(self, log: Log) -> None:
        place = log.topic, log.part
        part = self.parts[place]
        part.start = log.start if part.start is None else min(part.start, log.start)
        part.end = max(part.end, log.end)
        for off, val, ok in log.recs:
            if not self._is_known(place, off, val, ok):
                continue
            if part.held.setdefault(off, val) != val:
                self._bad("divergent", f"{place} offset {off}: {part.held[off]} and {val} in final reads")
            elif off not in part.where[val]:
                part.where[val].append(off)
        missing = (log.end - log.start) - len({off for off, _, _ in log.recs if log.start <= off < log.end})
        if missing:
            self._bad("hole", f"{place} ({log.iso}): {missing} offsets of [{log.start}, {log.end}) without a record")

    def _is_known(self, place: Place, off: int, val: str, ok: bool) -> bool:
        """Whether a record can be looked at further: a value that is not whole says nothing but that."""
        send = self.sends.get(val)
        if not ok:
            self._bad("corrupt", f"{place} offset {off}: {val!r}")
        elif send is None:
            self._bad("phantom", f"{place} offset {off}: {val!r} was never sent")
        elif (send.topic, send.part) != place:
            self._bad("misrouted", f"{val} was sent to {send.topic}-{send.part} and is at {place} offset {off}")
        return ok

    # ---- judging

    def verdict(self) -> Verdict:
        self.out.sent = len(self.sends)
        self.out.acked = sum(done.how == ACK for done in self.done.values())
        self.out.unknown = self.out.sent - self.out.acked - sum(done.how == FAIL for done in self.done.values())
        self.out.held = sum(len(part.held) for part in self.parts.values())
        for place, part in self.parts.items():
            self._check_values(place, part)
            self._check_seen(place, part)
        self._check_acks()
        self._check_order()
        return self.out

    def _how(self, send: Send) -> str:
        done = self.done.get(send.id)
        return done.how if done else "info"

    def _check_values(self, place: Place, part: Part) -> None:
        sighted: dict[str, set[int]] = {val: set(offsets) for val, offsets in part.where.items()}
        for off, val, t in part.seen:
            if not self._excused(self.sends.get(val), t):
                sighted.setdefault(val, set()).add(off)
        for val, offsets in sighted.items():
            send = self.sends.get(val)
            if send is None:
                continue
            how = self._how(send)
            if len(offsets) > 1 and not (self.rules.duplicates_of_unknown and how == "info"):
                self._bad("duplicated", f"{val} ({how}) at {place} offsets {sorted(offsets)}")
            if how == FAIL:
                self._bad("phantom", f"{val} failed and is at {place} offset {min(offsets)}")

    def _excused(self, send: Send | None, seen: float) -> bool:
        """Lost with a machine's power after it was read, but never promised to its sender."""
        return send is not None and (send.weak or self._how(send) != ACK) and any(cut >= seen for cut in self.cuts)

    def _check_seen(self, place: Place, part: Part) -> None:
        known: dict[int, str] = dict(part.held)
        for off, val, t in part.seen:
            if part.start is not None and off >= part.start and val not in part.where:
                if (self.rules.prefix and off >= part.end) or self._excused(self.sends.get(val), t):
                    continue
                self._bad("vanished", f"{val} was read at {place} offset {off}")
            if known.setdefault(off, val) != val:
                self._bad("divergent", f"{place} offset {off}: {val} was read, {known[off]} is there")
        for client, last, off in part.jumps:
            if passed := [at for at in range(last + 1, off) if at in known]:
                self._bad("skipped", f"{client} at {place} from {last} to {off}, over {len(passed)} records")

    def _acked(self) -> Iterator[tuple[Send, Done]]:
        for send in self.sends.values():
            done = self.done.get(send.id)
            if done is not None and done.how == ACK:
                yield send, done

    def _check_acks(self) -> None:
        for send, done in self._acked():
            place = send.topic, send.part
            part = self.parts[place]
            if part.start is None or 0 <= done.off < part.start:
                continue
            offsets = part.where.get(send.val)
            if not offsets:
                if not (self.rules.prefix and done.off >= part.end) and not (send.weak and any(cut >= done.t for cut in self.cuts)):
                    self._bad("lost", f"{send.val} was acknowledged at {place} offset {done.off}; the log is [{part.start}, {part.end})")
            elif done.off >= 0 and done.off not in offsets:
                self._bad("moved", f"{send.val} was acknowledged at {place} offset {done.off} and is at {offsets}")

    def _check_order(self) -> None:
        highest: dict[tuple[str, Place], tuple[int, str]] = {}
        for send in self.sends.values():
            place = send.topic, send.part
            offsets = self.parts[place].where.get(send.val)
            if not offsets:
                continue
            key, first = (send.client, place), min(offsets)
            before = highest.get(key)
            if before is not None and first < before[0]:
                self._bad("reordered", f"{send.val} at {place} offset {first}, {before[1]} of before at {before[0]}")
            else:
                highest[key] = first, send.val


def judge(events: Iterable[Event], rules: Rules = Rules()) -> Verdict:  # noqa: B008 - immutable
    """All anomalies of a history. AssertionError: it is none (a value sent twice, an answer to nothing)."""
    return Judge(events, rules).verdict()


__all__ = ["Fault", "Judge", "Rules", "Verdict", "judge"]
