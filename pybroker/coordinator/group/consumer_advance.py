"""What follows when a member says something new, or nothing: subscriptions, group epoch, target assignment, the member's own step towards it.

::

    facts ──▶ subscriptions changed? topics changed? ──▶ group epoch + 1 ──▶ ask the assignor ──▶ target epoch = group epoch ──▶ reconcile the member

The assignor is asked at most once per assignment interval while a group has several members: what gathers in between is one assignment (KIP-1263). A lone
member has its assignment at once.
"""

import logging
from collections.abc import Mapping
from hashlib import blake2b

from pybroker.coordinator.effects import Steady, Turn
from pybroker.coordinator.group import subscription
from pybroker.coordinator.group.assignors import BUILT_IN, Assignor, Subscriber, Uniform, check
from pybroker.coordinator.group.consumer_change import Change, Settings, Topics
from pybroker.coordinator.group.consumer_reconcile import Claimed, reconcile
from pybroker.coordinator.group.consumer_state import NOTHING, UNTOLD, Assignment, ConsumerGroup, Facts, Member, Resolved, State

log = logging.getLogger(__name__)

_FALLBACK = Uniform()


def advance(change: Change, member_id: str, facts: Facts, claimed: Claimed | None, topics: Topics, settings: Settings) -> None:
    """Bring the group up to date, and this member one step further."""
    group = change.group
    member = group.members.get(member_id)
    if member is None or member.facts != facts:
        update(change, member_id, facts, topics)
    refresh(change, topics, settings)
    step(change, group.members[member_id], claimed)


def refresh(change: Change, topics: Topics, settings: Settings) -> None:
    """Look for changed topics, and ask the assignor if there is reason to and the time has come."""
    group = change.group
    notice(change, topics)
    if group.epoch > group.target_epoch and _is_time(group, change.turn.now_ms, settings):
        retarget(change, topics, settings)


def update(change: Change, member_id: str, facts: Facts, topics: Topics) -> None:
    """Write what the member says of itself; a new group epoch when that may change who gets what. A new member that subscribes to nothing changes nothing."""
    group = change.group
    old = group.members.get(member_id)
    before = UNTOLD if old is None else old.facts
    change.member(member_id, facts)
    if (before.topics, before.regex or "", before.assignor) != (facts.topics, facts.regex or "", facts.assignor):
        bump(change, topics)


def notice(change: Change, topics: Topics) -> None:
    """If topics were made, grew or went since the last look: a new epoch when that concerns the group."""
    group = change.group
    if group.topics_seen is topics.by_name:
        return
    _resolve(change, topics)
    seen = hash_of(group, topics)
    group.topics_seen = topics.by_name
    if seen != group.metadata_hash:
        change.epoch(group.epoch + 1, seen)


def bump(change: Change, topics: Topics) -> None:
    """A new group epoch; a group without members needs no assignment and is at its target at once."""
    group = change.group
    _resolve(change, topics)
    group.topics_seen = topics.by_name
    change.epoch(group.epoch + 1, hash_of(group, topics))
    if not group.members:
        change.target_epoch(group.epoch)


def _resolve(change: Change, topics: Topics) -> None:
    """Keep the topics of each regular expression right, and none of one that nobody has."""
    group = change.group
    wanted = dict.fromkeys(member.facts.regex for member in group.members.values() if member.facts.regex)
    for pattern in wanted:
        assert pattern is not None
        known = group.regexes.get(pattern)
        if known is None:
            found = subscription.matching(pattern, topics.by_name)
        else:
            found = subscription.matching(pattern, topics.by_name, known.topics, group.topics_seen)
        if known is None or known.topics != found:
            change.regex(pattern, Resolved(found, topics.version, change.turn.wall_ms))
    for pattern in [pattern for pattern in group.regexes if pattern not in wanted]:
        change.regex(pattern, None)


def hash_of(group: ConsumerGroup, topics: Topics) -> int:
    """64 bits that differ when a subscribed topic comes, goes, grows or is another one of the same name. 0 when there is none."""
    facts = [topics.by_name[name] for name in sorted(group.subscribed_names()) if name in topics.by_name]
    if not facts:
        return 0
    digest = blake2b(digest_size=8)
    for topic in facts:
        digest.update(b"%b %d %b\n" % (topic.id, len(topic.partitions), topic.name.encode()))
    return int.from_bytes(digest.digest(), "big", signed=True)


def _is_time(group: ConsumerGroup, now_ms: int, settings: Settings) -> bool:
    return len(group.members) <= 1 or group.assigned_at_ms is None or now_ms - group.assigned_at_ms >= settings.assignment_interval_ms


def retarget(change: Change, topics: Topics, settings: Settings) -> None:
    """Ask the assignor; write what changes for whom."""
    group = change.group
    subscribers, counts = _subscribers(group, topics)
    assigned = _ask(assignor_of(group, settings), subscribers, counts, group.id)
    for member_id in group.members:
        new = assigned.get(member_id, NOTHING)
        if group.target.get(member_id) != new:
            change.target(member_id, new)
    change.target_epoch(group.epoch)
    group.assigned_at_ms = change.turn.now_ms


def _subscribers(group: ConsumerGroup, topics: Topics) -> tuple[dict[str, Subscriber], dict[bytes, int]]:
    """The assignor's input. Members that subscribe alike share one tuple of ids."""
    ids: dict[tuple[tuple[str, ...], str | None], tuple[bytes, ...]] = {}
    shared: dict[tuple[bytes, ...], tuple[bytes, ...]] = {}
    out = {}
    for member in group.members.values():
        facts = member.facts
        key = (facts.topics, facts.regex)
        mine = ids.get(key)
        if mine is None:
            mine = tuple(topics.by_name[name].id for name in group.subscription(facts) if name in topics.by_name)
            mine = ids[key] = shared.setdefault(mine, mine)
        out[member.id] = Subscriber(mine, group.target.get(member.id, NOTHING), facts.rack_id, facts.instance_id)
    counts = {topic_id: len(topics.by_id[topic_id].partitions) for mine in shared for topic_id in mine}
    return out, counts


def assignor_of(group: ConsumerGroup, settings: Settings) -> Assignor:
    """The one that most members name; among equals, and when none is named, the first of the config."""
    votes = dict.fromkeys(settings.assignors, 0)
    for member in group.members.values():
        if member.facts.assignor in votes:
            votes[member.facts.assignor] += 1
    return settings.assignors[max(votes, key=lambda name: votes[name])]


def _ask(assignor: Assignor, subscribers: Mapping[str, Subscriber], counts: Mapping[bytes, int], group_id: str) -> Mapping[str, Assignment]:
    """An assignor that is not ours may fail or talk nonsense: then the group gets ``uniform`` and the log a line."""
    if BUILT_IN.get(assignor.name) is assignor:
        return assignor.assign(subscribers, counts)
    try:
        assigned = {member_id: _tidy(mine) for member_id, mine in assignor.assign(subscribers, counts).items()}
        check(assigned, subscribers, counts)
    except Exception as error:
        log.error("assignor failed; uniform is used", exc_info=error, extra={"assignor": assignor.name, "group": group_id})
        return _FALLBACK.assign(subscribers, counts)
    return assigned


def _tidy(assignment: Assignment) -> Assignment:
    return {topic_id: tuple(sorted(partitions)) for topic_id, partitions in assignment.items() if partitions}


def settle(group: ConsumerGroup, member: Member, settings: Settings, turn: Turn) -> None:
    """Tell the loops of a member that has nothing to hear until something changes: it is at the group's epoch, with all that is its own."""
    if group.epoch == group.target_epoch and member.current.is_at(group.epoch) and member.join_by_ms is None:
        interval_ms = 0 if member.is_classic else settings.heartbeat_interval_ms
        turn.steady.append(Steady(group.id, member.id, member.facts.instance_id, group.epoch, interval_ms, not member.is_classic))


def step(change: Change, member: Member, claimed: Claimed | None) -> None:
    """The member's move, and its time for giving partitions up."""
    group = change.group
    owners = group.owners
    current = member.current
    target = group.target.get(member.id, NOTHING)
    new = reconcile(current, group.target_epoch, target, claimed, lambda topic_id, partition: partition not in owners.get(topic_id, ()))
    if new is not current:
        change.current(member.id, new)
        if new.state is not State.UNREVOKED:
            member.revoke_by_ms = None
        elif current.state is not State.UNREVOKED:
            member.revoke_by_ms = change.turn.now_ms + max(member.facts.rebalance_timeout_ms, 0)
