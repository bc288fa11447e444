"""Keeps coordinators in an internal topic: state in memory, one shard per partition; records before answers; time.

Invariants  R1 an answer leaves when every record that was made before it in its shard is durable, except where a request says that it may go at once (heartbeats)
            R2 one append of a shard is out at a time: what gathers meanwhile goes into the next one, and one sync is enough for all
            R3 when an append fails the shard is thrown away and read again from the log: what memory says was never more than what the log says, for anybody but us
Bounds      a batch of records goes out when it is full; the rest waits for the next one. Requests wait at most LOAD_MS_MAX for a shard to be read.
Thread      control
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar

from pybroker.coordinator.effects import Record, Steady, Turn
from pybroker.protocol import errors

log = logging.getLogger(__name__)

BATCH_BYTES_MAX = 1 << 20
"""Records of one append, unless one alone is larger."""
LOAD_MS_MAX = 2000
"""How long a request waits for its shard to be read before it is told to come again."""

Answer = Any
Outcome = Any
"""An answer, or a future of one."""


class State(Protocol):
    """What a shard keeps."""

    def replay(self, key: bytes | None, value: bytes | None) -> None: ...
    def loaded(self, now_ms: int, wall_ms: int) -> None: ...
    def next_deadline_ms(self) -> int | None: ...
    def expire(self, turn: Turn) -> None: ...


S = TypeVar("S", bound=State)


class Log(Protocol):
    """The topic that the state lives in, once it is there."""

    def append(self, partition: int, records: Iterable[Record]) -> "asyncio.Future[int]": ...
    async def read(self, partition: int, offset: int) -> tuple[list[tuple[bytes | None, bytes | None]], int]: ...
    def start_offset(self, partition: int) -> int: ...


class Members(Protocol):
    """The loops' table of members whose heartbeats change nothing."""

    def put(self, member: Steady) -> None: ...
    def remove(self, group_id: str, member_id: str) -> None: ...


class Clocks(Protocol):
    """Monotonic time, and time since 1970, both in ms."""

    def now_ms(self) -> int: ...
    def wall_ms(self) -> int: ...


class _Batch:
    """Records, and who waits for them."""

    __slots__ = ("answers", "records", "size_bytes", "steady")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.answers: list[tuple[asyncio.Future[Answer], Answer]] = []
        self.steady: list[Steady] = []
        self.size_bytes = 0


class Shard(Generic[S]):
    """One partition. ``state`` is None until it was read from the log."""

    def __init__(self, partition: int, topic: Log, make: Callable[[], S], clocks: Clocks, members: Members) -> None:
        self.partition = partition
        self.state: S | None = None
        self._topic = topic
        self._make = make
        self._clocks = clocks
        self._members = members
        self._loading: asyncio.Task[None] | None = None
        self._gathering: list[_Batch] = []
        self._out: _Batch | None = None
        self._sending = False                               # at the end of this turn of the loop
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms: int | None = None
        self._parked: set[asyncio.Future[Answer]] = set()
        self._steady: set[tuple[str, str]] = set()          # (group id, member id) that the loops answer

    # ---- requests

    def ask(self, work: Callable[[S, Turn, "asyncio.Future[Answer]"], Answer | None], *, at_once: bool = False) -> Outcome:
        """Do something with the state. ``work`` gives the answer, or None when the request is parked under the future it was given. ``at_once``: R1 does not hold for it.

        Returns the answer when it may leave now, else a future of it. Raises KafkaError.
        """
        if self.state is None:
            return self._ask_later(work, at_once)
        turn = Turn(self._clocks.now_ms(), self._clocks.wall_ms())
        token: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        try:
            answer = work(self.state, turn, token)
        except errors.KafkaError:
            if turn.records or turn.answers or turn.moved:      # something before the refusal had its effect
                self._finish(turn)
            raise
        waits = answer is not None and (turn.records or (not at_once and (self._out is not None or self._gathering)))
        if waits:
            turn.answers.append((token, answer))
        if answer is None:
            self._parked.add(token)
            token.add_done_callback(self._parked.discard)
        self._finish(turn)
        return answer if answer is not None and not waits else token

    def _ask_later(self, work: Callable[[S, Turn, "asyncio.Future[Answer]"], Answer | None], at_once: bool) -> "asyncio.Future[Answer]":
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Answer] = loop.create_future()
        loading = self.load()

        def go(_task: "asyncio.Task[None] | None") -> None:
            late.cancel()
            if done.done():
                return
            if self.state is None:
                done.set_exception(errors.CoordinatorLoadInProgress())
                return
            try:
                outcome = self.ask(work, at_once=at_once)
            except errors.KafkaError as error:
                done.set_exception(error)
                return
            if isinstance(outcome, asyncio.Future):
                outcome.add_done_callback(lambda inner: _hand_on(inner, done))
            else:
                done.set_result(outcome)

        def give_up() -> None:
            if not done.done():
                done.set_exception(errors.CoordinatorLoadInProgress())

        late = loop.call_later(LOAD_MS_MAX / 1000, give_up)
        loading.add_done_callback(go)
        return done

    # ---- what a turn brought

    def _finish(self, turn: Turn) -> None:
        if turn.moved:
            self._forget_steady(frozenset(turn.moved))
        for name in turn.moved:
            if name in self._steady:
                self._steady.discard(name)
                self._members.remove(*name)
        if turn.records:
            self._gather(turn)
            if self._out is None and not self._sending:     # what else this turn of the loop brings goes out with it: one append, one sync
                self._sending = True
                asyncio.get_running_loop().call_soon(self._send_gathered)
        elif turn.answers or turn.steady:
            if self._gathering:
                self._gathering[-1].answers += turn.answers
                self._gathering[-1].steady += turn.steady
            elif self._out is not None:
                self._out.answers += turn.answers
                self._out.steady += turn.steady
            else:
                self._tell(turn.answers, turn.steady)
        self._set_timer()

    def _forget_steady(self, moved: frozenset[tuple[str, str]]) -> None:
        """Members of whom the loops would be told when records are durable, and who have moved on meanwhile."""
        for batch in (*([self._out] if self._out else ()), *self._gathering):
            if batch.steady:
                batch.steady = [member for member in batch.steady if (member.group_id, member.member_id) not in moved]

    def _gather(self, turn: Turn) -> None:
        size = sum(len(record.key) + len(record.value or b"") for record in turn.records)
        if not self._gathering or self._gathering[-1].size_bytes + size > BATCH_BYTES_MAX:
            self._gathering.append(_Batch())
        batch = self._gathering[-1]
        batch.records += turn.records
        batch.size_bytes += size
        batch.answers += turn.answers
        batch.steady += turn.steady

    def _send_gathered(self) -> None:
        self._sending = False
        self._send()

    def _send(self) -> None:
        while self._out is None and self._gathering:
            self._out = self._gathering.pop(0)
            done = self._topic.append(self.partition, self._out.records)
            if done.done():
                self._written(done)
            else:
                done.add_done_callback(self._on_written)

    def _on_written(self, done: "asyncio.Future[int]") -> None:
        self._written(done)
        self._send()

    def _written(self, done: "asyncio.Future[int]") -> None:
        batch, self._out = self._out, None
        if batch is None:                                   # thrown away meanwhile
            return
        error = done.exception() if not done.cancelled() else errors.CoordinatorNotAvailable()
        if error is not None:
            self._fail(batch, error)
        else:
            self._tell(batch.answers, batch.steady)

    def _tell(self, answers: Iterable[tuple["asyncio.Future[Answer]", Answer]], steady: Iterable[Steady]) -> None:
        for token, answer in answers:
            if not token.done():
                token.set_result(answer)
        for member in steady:
            self._steady.add((member.group_id, member.member_id))
            self._members.put(member)

    def _fail(self, batch: _Batch, error: BaseException) -> None:
        """The log did not take it: nothing that memory says since then is true."""
        log.error("records of a coordinator cannot be written; it is read again", extra={"partition": self.partition, "error": str(error)})
        self._out = batch
        self.drop()

    def drop(self) -> None:
        """Throw the state away; who waits is told to come again."""
        waiting = [token for one in (*([self._out] if self._out else ()), *self._gathering) for token, _ in one.answers]
        self._out = None
        self._gathering.clear()
        self.state = None
        self._stop_timer()
        for token in {*waiting, *self._parked}:
            if not token.done():
                token.set_exception(errors.CoordinatorNotAvailable())
        for name in self._steady:
            self._members.remove(*name)
        self._steady.clear()

    # ---- loading

    def load(self) -> "asyncio.Task[None]":
        """Read the state from the log, unless that is being done. After the task ``state`` is there, or the log could not be read."""
        if self._loading is None or self._loading.done():
            self._loading = asyncio.get_running_loop().create_task(self._load())
        return self._loading

    async def _load(self) -> None:
        if self.state is not None:
            return
        state = self._make()
        try:
            await self._replay(state)
        except errors.KafkaError as error:
            log.error("state of a coordinator cannot be read", extra={"partition": self.partition, "error": str(error)})
            return
        state.loaded(self._clocks.now_ms(), self._clocks.wall_ms())
        self.state = state
        self._set_timer()

    async def _replay(self, state: S) -> None:
        at = self._topic.start_offset(self.partition)
        while True:
            records, following = await self._topic.read(self.partition, at)
            for key, value in records:
                state.replay(key, value)
            if following == at:
                return
            at = following

    # ---- time

    def _set_timer(self) -> None:
        at_ms = self.state.next_deadline_ms() if self.state is not None else None
        if at_ms is None or (self._timer_ms is not None and self._timer_ms <= at_ms):
            return                                          # one that rings too early looks and is set anew
        self._stop_timer()
        self._timer_ms = at_ms
        self._timer = asyncio.get_running_loop().call_later(max(at_ms - self._clocks.now_ms(), 0) / 1000, self._on_timer)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timer_ms = None

    def _on_timer(self) -> None:
        self._timer = self._timer_ms = None
        self.run(lambda state, turn: state.expire(turn))

    def run(self, work: Callable[[S, Turn], None]) -> None:
        """Do something of our own with the state, if it is there: time, news of topics, a client that left."""
        if self.state is None:
            return
        turn = Turn(self._clocks.now_ms(), self._clocks.wall_ms())
        work(self.state, turn)
        self._finish(turn)

    def stop(self) -> None:
        self._stop_timer()
        if self._loading is not None:
            self._loading.cancel()


def _hand_on(inner: "asyncio.Future[Answer]", outer: "asyncio.Future[Answer]") -> None:
    if outer.done():
        return
    if inner.cancelled():
        outer.cancel()
    elif (error := inner.exception()) is not None:
        outer.set_exception(error)
    else:
        outer.set_result(inner.result())


class Runtime(Generic[S]):
    """All shards of one kind of coordinator."""

    def __init__(self, shards: list[Shard[S]]) -> None:
        self.shards = shards

    def loaded(self) -> Iterator[S]:
        for shard in self.shards:
            if shard.state is not None:
                yield shard.state

    async def load_all(self) -> None:
        """Read what is not read yet, one after the other. Raises CoordinatorLoadInProgress when one cannot be read."""
        for shard in self.shards:
            if shard.state is None:
                await shard.load()
            if shard.state is None:
                raise errors.CoordinatorLoadInProgress()

    def stop(self) -> None:
        for shard in self.shards:
            shard.stop()


@lru_cache(maxsize=1 << 16)
def java_hash(text: str) -> int:
    """String.hashCode of Java: over UTF-16, in 32 bits with sign."""
    value = 0
    data = text.encode("utf-16-be", "surrogatepass")
    for at in range(0, len(data), 2):
        value = (31 * value + (data[at] << 8 | data[at + 1])) & 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def shard_of(text: str, count: int) -> int:
    """Which partition of the internal topic keeps what has this name."""
    return (java_hash(text) & 0x7FFFFFFF) % count
