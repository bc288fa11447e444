"""The compiled core: the one place where C and Python meet.

Threads: every method here belongs to the control thread (the one that runs asyncio), except where it says so. Loop threads never enter Python; what
they have for the control plane lies in the mailbox, whose file descriptor becomes readable.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

class CoreError(Exception):
    """An error of the C core. ``name`` is its PB_E_* name, ``code`` the Kafka error code a client would be told."""

    name: str
    code: int

class Request:
    """One request of the control plane, taken from the mailbox. Answer exactly once: ``reply`` or ``close``. Dropped unanswered: the connection is closed."""

    api_key: int
    api_version: int
    correlation_id: int
    client_id: str | None
    """As sent; bytes that are no UTF-8 are escaped."""
    body: bytes
    """The request after its header."""
    listener: int
    """Index that ``Core.listen`` returned."""
    connection_id: int
    """Unique in the life of the process."""
    local_host: str
    """Address by which the client came in (IPv6 without brackets, IPv4-mapped addresses as IPv4)."""
    local_port: int
    peer_host: str
    peer_port: int
    received_ns: int
    """Monotonic clock when its last byte was read."""
    principal: Any
    """Who sent it (pybroker.hooks.Principal), where the control plane has put that in; None: nobody in particular."""
    def reply(self, body: bytes | bytearray | memoryview) -> None:
        """Send the response. ``body`` begins after the response header, which the core adds by key and version."""
    def end(self) -> None:
        """The connection closes once the answer to this request has left."""
    def trust(self, subject: int = 0, login_until_ns: int = 0) -> None:
        """The connection is this subject's (a number of the control plane's, for one principal at one address) and may send any request, from the answer on. ``login_until_ns`` (monotonic;
        0: never): then it may only log in again; another request closes it."""
    def close(self) -> None:
        """Close the connection without an answer, as Kafka does for requests it cannot parse."""

Record = tuple[int, int, bytes | None, bytes | None, int, int, int]
"""Offset, timestamp (ms), key, value; then of its batch: producer id (-1: none), producer epoch, attributes."""

SegmentFacts = tuple[int, int, int, int, bool]
"""Base offset, end offset, bytes, largest timestamp (ms; the file's time when the records have none, -1: none), active."""

class PartitionInfo:
    """Offsets and sizes of one partition at one moment."""

    start_offset: int
    end_offset: int
    high_watermark: int
    last_stable_offset: int
    synced_offset: int
    size_bytes: int
    leader_epoch: int
    log_dir: int
    offline: bool
    future_dir: int
    """Log directory it is moving to, -1: none."""
    future_size_bytes: int
    future_lag: int
    """Offsets that are not there yet."""

class BatchView:
    """One batch that a lane has taken: ``pybroker.hooks.BatchView``, and what the lane's thread says of it before it is given back. Saying again replaces what was said."""

    topic: str
    partition: int
    partition_count: int
    principal: str
    client_id: str | None
    record_count: int
    size_bytes: int
    codec: str
    producer_id: int
    base_timestamp_ms: int
    max_timestamp_ms: int
    raw: memoryview
    token: int
    def records(self) -> Sequence[Any]: ...
    def keys(self) -> list[bytes | None]: ...
    def values(self) -> list[bytes | None]: ...
    def accept(self) -> None: ...
    def refuse(self, code: int, text: str, records: Iterable[tuple[int, str]] = ()) -> None: ...
    def fail(self, code: int, text: str) -> None:
        """The plugin did not say: on_error decides."""
    def drop(self) -> None: ...
    def route(self, topic: str, partition: int) -> None: ...
    def dead_letter(self, topic: str | None, reason: str) -> None: ...
    def split(self, targets: Sequence[int]) -> None:
        """One partition for each record. Raises ValueError."""
    def replace(self, records: Iterable[tuple[int, int, bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]]) -> None:
        """Other records; the batch goes on with them when it is accepted too. Raises ValueError."""

class Lane:
    """The queue of one plugin. Its thread alone calls these, but for ``ring`` and ``stats``."""

    def wait(self, timeout_ms: int) -> None:
        """Until something may wait, without the GIL."""
    def ring(self) -> None:
        """Have ``wait`` return."""
    def take(self, limit: int = 256) -> list[BatchView]:
        """Batches that wait, oldest first: those of whole requests, about ``limit``."""
    def accept(self, views: list[BatchView]) -> None:
        """All of these."""
    def give_back(self) -> None:
        """All that was taken; batches without a word have failed."""
    def call_begins(self) -> None:
        """A call of the plugin: its deadline counts from now on."""
    def call_ended(self) -> None: ...
    def stats(self) -> tuple[int, int]:
        """Batches handed out, requests given up."""
    def close(self) -> None:
        """At the end of its thread; on_error decides what still comes."""

class HookChain:
    """What plugins have to say of one topic's batches."""

    def counts(self) -> list[tuple[int, int]]:
        """Batches seen and refused by each native, then each of the rules, then each lane."""

class Core:
    """Owns the broker in C, its loops, workers and logs."""

    mailbox_fd: int
    """Readable when ``take`` has something. Level-triggered: ``take`` clears it."""

    def __init__(
        self,
        *,
        node_id: int,
        loops: int,
        log_dirs: Sequence[str],
        workers: int,
        open_segments_max: int,
        on_log: Callable[[int, str], None],
    ) -> None:
        """Locks each log directory (``.lock``). Raises CoreError (PB_E_EXISTS: another broker holds it; PB_E_IO).

        ``on_log(level, line)``: lines of the core, called on the control thread by ``take``; level as in ``logging``.
        """
    def configure(self, **settings: int) -> None:
        """Set broker settings, at any time: the names of PB_SETTINGS in csrc/pb.h (flush_policy: 0 os, 1 group; buffer bytes: -1 the system's).
        Unknown names raise TypeError.
        """
    def lane(self, deadline_ms: int) -> Lane:
        """A queue for one plugin, and its thread."""
    def hook_chain(
        self,
        chain_id: int,
        *,
        natives: Sequence[object] = (),
        rules: Sequence[object] = (),
        lanes: Sequence[tuple[Lane, int, int]] = (),
        partitioner: object = None,
        dead_letter: str = "",
        refusal: str = "",
    ) -> HookChain:
        """What plugins have to say of one topic's batches, in this order. natives, and a partitioner in C: capsules; rules: RecordRules; lanes: with the token that its batches
        carry, and what a failure means (0 closed, 1 open, 2 dead letter); partitioner: None, "key", "lane" (the last one) or a capsule; refusal: why every batch is refused.
        ``take_news`` tells the id when no batch goes by it any more. Raises CoreError (too many), ValueError (no such capsule).
        """
    def put_topic(
        self,
        topic_id: bytes,
        name: str,
        partitions: Sequence[tuple[int, int, int]],
        settings: dict[str, int],
        hooks: HookChain | None = None,
    ) -> None:
        """Create the topic in the data plane, or change it: more partitions, other settings. ``partitions``: (index, log_dir, leader_epoch).

        settings: internal, batch_bytes_max, decompressed_bytes_max, keys_required, log_append_time, timestamp_before_max_ms, timestamp_after_max_ms, codec_wanted
        (-1 producer, 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd), codec_level, segment_bytes, segment_ms, segment_jitter_ms, segment_index_bytes,
        index_interval_bytes, flush_messages, flush_ms, retention_ms, retention_bytes, preallocate, producer_id_expiration_ms, file_delete_delay_ms.
        All are needed on creation; a missing or unknown name raises TypeError.
        """
    def remove_topic(self, topic_id: bytes) -> None:
        """Delete the topic: waiting requests end with UNKNOWN_TOPIC_OR_PARTITION, directories are renamed at once and unlinked later on a worker."""
    def recover(self, part: int = 0, parts: int = 1) -> None:
        """Open every log that was not closed cleanly: share ``part`` of ``parts`` (several threads may work at it: the GIL is not held). After put_topic of all, before start.

        Raises CoreError PB_E_AGAIN after ``stop_recovery``.
        """
    def stop_recovery(self) -> None:
        """From any thread: ``recover`` gives up between two batches and raises CoreError PB_E_AGAIN. No clean mark is written after it; only ``abort`` makes sense."""
    def offline_changes(self) -> int:
        """A number that grows whenever a partition goes off-line: when it is the same, so is ``offline_partitions``. Costs nothing."""
    def offline_partitions(self) -> frozenset[tuple[bytes, int]]:
        """Topic id and index of every partition that cannot be served now. Opens no log."""
    def partition(self, topic_id: bytes, partition: int) -> PartitionInfo:
        """Raises CoreError for an unknown one; an off-line one says so in ``offline``."""
    def listen(self, fd: int, *, asks_login: bool = False) -> int:
        """Accept on a listening, non-blocking socket whose descriptor the core owns from here on (close nothing after it). Before ``start``. Returns the listener's index.

        asks_login: until ``Request.trust`` a connection may send ApiVersions, SaslHandshake and SaslAuthenticate only, frames of at most 64 KiB, and is closed after
        ``stranger_ms_max`` (10 s).
        """
    def start(self) -> None:
        """Start the loop threads: from now on clients are served."""
    def take(self, limit: int = 256) -> list[Request]:
        """Requests that wait, oldest first; also delivers log lines. A limit of 0 takes none and leaves the mailbox quiet: the caller comes back by itself."""
    def append(self, topic_id: bytes, partition: int, records: Iterable[tuple[bytes, bytes | None]], ticket: int) -> tuple[int, bool]:
        """Append records of our own to an internal topic as one batch; value None is a tombstone. Returns the base offset, and whether they are as durable as
        pybroker.flush.policy asks already; if not, ``take_news`` tells with this ticket (0 and above). Control thread. Raises CoreError, MemoryError; nothing is written then.
        """
    def read(self, topic_id: bytes, partition: int, offset: int, bytes_max: int) -> tuple[list[Record], int]:
        """Records from ``offset`` on, below the high watermark, about ``bytes_max`` of them but at least one batch, and the offset to go on from (``offset`` itself: nothing is there).
        Any thread. Raises CoreError."""
    def put_member(self, group: bytes, member: bytes, instance: bytes | None, generation: int, interval_ms: int, consumer: bool) -> bool:
        """From now on loops answer heartbeats of this member by themselves, as long as they say nothing but this: no error, nothing new. ``consumer``: of KIP-848, whose
        ``generation`` is the member epoch. Counts as heard now. False: there is no room, and the requests come as others do. Take it out before the group changes for it.
        """
    def remove_member(self, group: bytes, member: bytes) -> None:
        """Its heartbeats come to the control plane again. Fine when it is not in."""
    def member_heard_ns(self, group: bytes, member: bytes) -> int:
        """When a member that was put in was last heard, on the monotonic clock; -1: it is not in."""
    def judge(self) -> None:
        """From now on requests of the data plane are judged by decisions that ``put_right`` brought. What is not known is asked for: a Request with api_key -1, whose body holds questions
        (operation uint8, kind of resource uint8, size uint16, name; Kafka's numbers) and whose answer is a byte for each, 1: it may. Before ``start``."""
    def put_right(self, subject: int, operation: int, resource: int, name: bytes, allowed: bool, until_ns: int) -> None:
        """A decision, kept until then (monotonic clock), or until there is no room. Control thread."""
    def forget_rights(self, subject: int = 0) -> None:
        """What was decided about a subject, 0: about all, is asked for anew. Any thread that also calls ``put_right``: the control thread."""
    @property
    def subjects(self) -> dict[int, str]:
        """Principals of subjects, as views of batches show them; the control thread puts them in and takes them out."""
    def take_news(self) -> tuple[list[tuple[int, CoreError | None]], list[int], list[int], list[int]]:
        """Appends whose outcome is known now: (ticket, error or None). Ids of connections whose peer has left while a request of theirs waits for its answer. Ids of hook chains
        that no batch goes by any more. Ids of connections that have ended, of those that began a login or were asked about: no request of them follows.
        The mailbox rings for these too. Control thread."""
    def stop(self) -> None:
        """Clean stop: no new connections nor requests, those that were read are answered (bounded: 5 s for the disk, 1 s for slow readers), loops joined, logs flushed and synced, checkpoints and clean mark written.
        May be called twice. Blocks (call it from a thread to keep asyncio alive: it is safe there)."""
    def abort(self) -> None:
        """Stop without syncing or marking, as if killed: for tests."""
    def keep(self, work: int) -> int:
        """One round of housekeeping: 1 look at free space, 2 unlink removed files that are due and close idle segments, 4 retention; sums of these. Returns 4 when retention waits
        for the wall clock to settle, else 0. One thread at a time, any. Raises CoreError, MemoryError."""
    def clean(self, worker: int, map_bytes_max: int, load_factor: float, bytes_max: int) -> tuple[bool, int]:
        """A piece of compaction: (there is more to do, bytes read and written by this call). ``map_bytes_max``: memory for the map of keys. One thread per ``worker`` (below 64),
        any. Raises CoreError (that log is left alone, call again), MemoryError."""
    def stop_cleaning(self) -> None:
        """Compaction under way ends soon, with an error. Any thread."""
    def delete_records(self, items: Sequence[tuple[bytes, int, int]]) -> list[tuple[CoreError | None, int]]:
        """Move log starts up, durably: (topic id, partition, first offset that stays or -1 for the high watermark) to (error or None, log start or -1), in order.
        256 at most. Any thread."""
    def segments(self, topic_id: bytes, partition: int) -> list[SegmentFacts]:
        """Segments of a partition, the oldest first: what a retention policy decides by. Any thread; locks the partition for a few at a time. Raises CoreError."""
    def delete_segments(self, topic_id: bytes, partition: int, base_offsets: Sequence[int]) -> None:
        """What a retention policy decided: remove the segments with these base offsets. They must be the oldest ones, in order, without a gap, and not the active one; otherwise,
        or when they are no longer what ``segments`` told, CoreError (PB_E_INVALID_ARGUMENT) is raised and nothing is removed. Durable when it returns. Any thread."""
    def move_begin(self, topic_id: bytes, partition: int, place: int) -> None:
        """Have a partition move to another log directory, by ``move_step``. Raises CoreError: PB_E_EXISTS it lies there, and a move to elsewhere has ended; PB_E_OFFLINE; PB_E_AGAIN
        a move to elsewhere is just ending. Any thread."""
    def move_step(self, topic_id: bytes, partition: int, bytes_max: int) -> tuple[bool, int]:
        """Copy about ``bytes_max``: whether there is more to do, and the bytes that went over. (False, n): the partition has moved, durably. Raises CoreError: PB_E_NOENT
        it does not move; others have ended the move, and the partition is where it was. One thread at a time, any."""
    def move_cancel(self, topic_id: bytes, partition: int) -> None:
        """End a move, if there is one. Any thread."""
    def log_dir(self, place: int) -> tuple[int, int]:
        """State of a log directory (0 good, 1 full: no writes, 2 off-line until the next start) and its free bytes as last looked at."""
    def checkpoint(self) -> None:
        """Write recovery points and log start offsets of every log directory now (on the calling thread)."""
    def stats(self) -> dict[str, int]:
        """Counters since start: requests and bytes by key, connections open, accepted, refused, appended batches, syncs, slices, pool items, waiters…"""

def version() -> str: ...
