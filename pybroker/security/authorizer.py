"""What clients may do: super users, then ``pybroker_authorize`` of every plugin, then ``pybroker.authorize.default``.

Answers     are kept for the time the plugin gives, here for requests of the control plane, and in the core's table for those of the data plane and for heartbeats
Refused     is whatever is not allowed by a Decision: an error, rubbish, a time-out, a list of another length. Such answers are not kept
Taken back  ``invalidate`` empties both at once; what was being asked meanwhile is asked again
Bounds      KEPT_MAX answers here; the core's table has its own
Thread      control
"""

import logging
import struct
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pybroker.hooks.asking import Hooks
from pybroker.hooks.calls import Expect
from pybroker.hooks.types import Action, Decision
from pybroker.security.subjects import ANYBODY, Caller, Subject, Subjects

if TYPE_CHECKING:
    from pybroker.hooks.asking import Answer

log = logging.getLogger(__name__)

AUTHORIZE = "pybroker_authorize"
KEPT_MAX = 100_000
TTL_S_MAX = 86_400.0
ROUNDS_MAX = 3
"""How often is asked again when answers were taken back while they were on their way."""

CLUSTER_NAME = "kafka-cluster"
OPERATIONS = {
    "Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Alter": 7, "Describe": 8, "ClusterAction": 9, "DescribeConfigs": 10, "AlterConfigs": 11, "IdempotentWrite": 12,
}  # fmt: skip
"""Kafka's numbers."""
RESOURCES = {"Topic": 2, "Group": 3, "Cluster": 4, "TransactionalId": 5}
_OPERATION_NAMES = {number: name for name, number in OPERATIONS.items()}
_RESOURCE_NAMES = {number: name for name, number in RESOURCES.items()}


class Table(Protocol):
    """The core's table."""

    def put_right(self, subject: int, operation: int, resource: int, name: bytes, allowed: bool, until_ns: int) -> None: ...
    def forget_rights(self, subject: int = 0) -> None: ...


class Note(Protocol):
    """Who hears of refusals."""

    def __call__(self, subject: Subject, action: Action, reason: str) -> None: ...


_Who = tuple[str, tuple[str, ...], tuple[tuple[str, str], ...], str, str]


class _Kept(NamedTuple):
    allowed: bool
    until_s: float


class Authorizer:
    """The rights on one broker."""

    def __init__(self, *, hooks: Hooks, table: Table, subjects: Subjects, super_users: Iterable[str], allow_by_default: bool, note: Note) -> None:
        self._hooks = hooks
        self._table = table
        self._subjects = subjects
        self._super_users = frozenset(super_users)
        self._default = Decision(allow_by_default, reason="nobody decides")
        self._note = note
        self._kept: dict[tuple[_Who, Action], _Kept] = {}
        self._taken_back = 0

    # ---- asking

    def subject(self, caller: Caller) -> Subject:
        """Who sent a request."""
        return self._subjects.find(caller)

    async def may(self, subject: Subject, action: Action, *, quietly: bool = False) -> bool:
        """One action. ``quietly``: a refusal is no news (something else is asked instead)."""
        [allowed] = await self.decide(subject, [action], quietly=quietly)
        return allowed

    async def decide(self, subject: Subject, actions: Sequence[Action], *, quietly: bool = False) -> list[bool]:
        """Whether the subject may do each of these."""
        if str(subject.principal) in self._super_users:
            return [True] * len(actions)
        now_s = time.monotonic()
        who = _who(subject)
        found = {action: kept.allowed for action in actions if (kept := self._kept.get((who, action))) is not None and kept.until_s > now_s}
        unknown = list(dict.fromkeys(action for action in actions if action not in found))
        if unknown:
            found |= await self._ask(subject, unknown)
        if not quietly:
            for action in dict.fromkeys(actions):
                if not found[action]:
                    self._note(subject, action, "")
        return [found[action] for action in actions]

    async def _ask(self, subject: Subject, actions: list[Action]) -> dict[Action, bool]:
        for _ in range(ROUNDS_MAX):
            before = self._taken_back
            answers = await self._hooks.all(AUTHORIZE, expect=_expect(len(actions)), principal=subject.principal, actions=actions, connection=subject.connection)
            if before == self._taken_back:
                decisions = self._merged(answers, actions)
                self._keep(subject, actions, decisions)
                return {action: decision.allowed for action, decision in zip(actions, decisions, strict=True)}
        log.warning("rights change faster than they can be asked for", extra={"principal": str(subject.principal)})
        return dict.fromkeys(actions, False)

    def _merged(self, answers: "Sequence[Answer]", actions: Sequence[Action]) -> list[Decision]:
        """A refusal of anybody wins; else an answer of anybody; an answer that is none refuses all."""
        if any(answer.error for answer in answers):
            return [_BROKEN] * len(actions)
        merged = []
        for place in range(len(actions)):
            said = [answer.value[place] for answer in answers if answer.value[place] is not None]
            refusals = [decision for decision in said if not decision.allowed]
            merged.append(min(refusals or said or [self._default], key=lambda decision: decision.ttl_s))
        return merged

    def _keep(self, subject: Subject, actions: Sequence[Action], decisions: Sequence[Decision]) -> None:
        if len(self._kept) + len(actions) > KEPT_MAX:
            self._kept.clear()
        now_s, who = time.monotonic(), _who(subject)
        for action, decision in zip(actions, decisions, strict=True):
            if decision.ttl_s > 0:
                self._kept[who, action] = _Kept(decision.allowed, now_s + min(decision.ttl_s, TTL_S_MAX))

    # ---- the loops

    async def answer(self, caller: Caller, questions: bytes) -> bytes:
        """Questions of a loop about one request; see Core.judge."""
        subject = self._subjects.count(caller)
        actions = actions_of(questions)
        allowed = await self.decide(subject, actions)
        self.teach(subject, actions)
        return bytes(allowed)

    def teach(self, subject: Subject, actions: Iterable[Action]) -> None:
        """Loops know from now on what is known here of these."""
        if subject.number == ANYBODY:
            return
        now_s, now_ns, who = time.monotonic(), time.monotonic_ns(), _who(subject)
        is_super = str(subject.principal) in self._super_users
        for action in dict.fromkeys(actions):
            kept = _Kept(True, now_s + TTL_S_MAX) if is_super else self._kept.get((who, action))
            if kept is not None and kept.until_s > now_s:
                until_ns = now_ns + int((kept.until_s - now_s) * 1e9)
                self._table.put_right(subject.number, OPERATIONS[action.operation], RESOURCES[action.resource_type], action.resource_name.encode("utf-8", "surrogateescape"), kept.allowed, until_ns)

    # ---- changes

    def invalidate(self, principal: str | None = None) -> None:
        """What was decided about a principal (``User:alice``), or about all, is asked for anew."""
        self._taken_back += 1
        if principal is None:
            self._kept.clear()
            self._table.forget_rights()
            return
        for key in [key for key in self._kept if key[0][0] == principal]:
            del self._kept[key]
        for subject in self._subjects.named(principal):
            self._table.forget_rights(subject.number)


_BROKEN = Decision(False, 0.0, "an authorizer failed")


def _who(subject: Subject) -> _Who:
    principal = subject.principal
    return str(principal), principal.groups, tuple(sorted(principal.attributes.items())), subject.connection.listener, subject.connection.peer_host


def _expect(count: int) -> Expect:
    def check(value: object) -> bool:
        if value is None:
            return True
        return isinstance(value, (list, tuple)) and len(value) == count and all(item is None or _is_decision(item) for item in value)

    return Expect(f"a list of {count} Decisions", check)


def _is_decision(value: object) -> bool:
    return isinstance(value, Decision) and isinstance(value.allowed, bool) and isinstance(value.ttl_s, (int, float)) and value.ttl_s == value.ttl_s


def actions_of(questions: bytes) -> list[Action]:
    """Questions of a loop, as actions."""
    actions, at = [], 0
    while at < len(questions):
        operation, resource, size = struct.unpack_from(">BBH", questions, at)
        name = questions[at + 4 : at + 4 + size].decode("utf-8", "surrogateescape")
        actions.append(Action(_OPERATION_NAMES[operation], _RESOURCE_NAMES[resource], name))
        at += 4 + size
    return actions
