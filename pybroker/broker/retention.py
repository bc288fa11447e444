"""Retention by plugins: at each check of retention, partitions of topics that have a policy are planned, and what the plan lets go is deleted.

The built-in rules (``retention.ms``, ``retention.bytes``) run in C and leave these topics alone. A plan is taken only if it could be one: an answer for each segment, deleted ones a run
from the oldest on, the active one kept; anything else, an error or a call that outlives its deadline keeps everything.

Thread      ``round`` on a thread that may wait; the table is changed by the control thread, and replaced as a whole
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pybroker.hooks.calls import Call, Expect, HookFailed, Impl
from pybroker.hooks.types import DELETE, KEEP, REWRITE, SegmentInfo

if TYPE_CHECKING:
    from pybroker._core.core import Core

log = logging.getLogger(__name__)

HOOK = "pybroker_retention_policy"
ARGUMENTS = frozenset({"topic", "partition", "segments", "now_ms"})


class Policy(NamedTuple):
    """A topic's policy, as a hook that is called for each partition. ``impl`` None: its plugin could not say, and everything is kept."""

    topic: str
    partitions: tuple[int, ...]
    impl: Impl | None


class Retention:
    """The topics that have a policy."""

    def __init__(self, core: "Core", wall_ms: Callable[[], int]) -> None:
        self._core = core
        self._wall_ms = wall_ms
        self._policies: dict[bytes, Policy] = {}
        self.deleted = 0

    def put(self, topic_id: bytes, policy: Policy) -> None:
        """From the next round on."""
        self._policies = {**self._policies, topic_id: policy}

    def remove(self, topic_id: bytes) -> None:
        """Fine when there is none."""
        if topic_id in self._policies:
            self._policies = {one: policy for one, policy in self._policies.items() if one != topic_id}

    def round(self) -> None:
        """Plan every partition, and delete. Blocks, one partition after the other."""
        for topic_id, policy in self._policies.items():
            for partition in policy.partitions if policy.impl is not None else ():
                try:
                    self._plan(topic_id, policy, partition)
                except HookFailed:
                    break                                   # told; the other partitions would hear the same
                except Exception as error:
                    log.error("retention failed", extra={"topic": policy.topic, "partition": partition, "error": str(error)})

    def _plan(self, topic_id: bytes, policy: Policy, partition: int) -> None:
        assert policy.impl is not None
        segments = tuple(SegmentInfo(*facts) for facts in self._core.segments(topic_id, partition))
        if len(segments) < 2:
            return                                          # the active one alone: there is nothing to decide
        values = {"topic": policy.topic, "partition": partition, "segments": segments, "now_ms": self._wall_ms()}
        began_s = time.monotonic()
        answer = Call(policy.impl, values, Expect("one of keep, delete and rewrite for each segment, deleted ones first", lambda plan: _is_plan(plan, segments))).block()
        going = [segment for segment, word in zip(segments, answer, strict=True) if word == DELETE]
        if not going:
            return
        self._core.delete_segments(topic_id, partition, [segment.base_offset for segment in going])
        self.deleted += len(going)
        facts = {"topic": policy.topic, "partition": partition, "segments": len(going), "bytes": sum(segment.size_bytes for segment in going), "log_start_offset": going[-1].end_offset}
        log.info("segments deleted", extra={**facts, "plugin": policy.impl.plugin.name, "took_ms": round((time.monotonic() - began_s) * 1000)})


def _is_plan(plan: object, segments: Sequence[SegmentInfo]) -> bool:
    if not isinstance(plan, (list, tuple)) or len(plan) != len(segments) or not all(word in (KEEP, DELETE, REWRITE) for word in plan):
        return False
    count = list(plan).count(DELETE)
    return all(word == DELETE for word in plan[:count]) and not any(segment.active for segment in segments[:count])
