"""What a topic may be called and how its partitions may be spread: Kafka's rules, as plain functions that raise the error a client is told."""

from collections.abc import Mapping, Sequence

from pybroker.protocol import errors

NAME_CHARS_MAX = 249
PARTITIONS_PER_REQUEST_MAX = 10_000
"""Partitions that one request may create, as in Kafka."""

_LEGAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def check_name(name: str) -> None:
    """Raises InvalidTopicException. A name that passes is safe as part of a directory name."""
    reason = _fault_of(name)
    if reason:
        shown = name if len(name) <= 100 else name[:97] + "..."
        raise errors.InvalidTopicException(f"Topic name is invalid: {shown!r} {reason}")


def is_legal(name: str) -> bool:
    """Whether check_name would let the name pass."""
    return _fault_of(name) is None


def _fault_of(name: str) -> str | None:
    if not name:
        return "is empty"
    if name in (".", ".."):
        return "cannot be '.' or '..'"
    if len(name) > NAME_CHARS_MAX:
        return f"is longer than {NAME_CHARS_MAX} characters"
    if not _LEGAL.issuperset(name):
        return "contains a character other than ASCII letters, digits, '.', '_' and '-'"
    return None


def check_counts(partitions: int, replicas: int, brokers: int) -> None:
    """Counts of a topic without assignments; -1 is the default. Raises InvalidReplicationFactor, InvalidPartitions."""
    if replicas < -1 or replicas == 0:
        raise errors.InvalidReplicationFactor("Replication factor must be larger than 0, or -1 to use the default value.")
    if partitions < -1 or partitions == 0:
        raise errors.InvalidPartitions("Number of partitions was set to an invalid non-positive value.")
    if replicas > brokers:
        raise errors.InvalidReplicationFactor(
            f"Unable to replicate the partition {replicas} time(s): The target replication factor of {replicas} cannot be reached "
            f"because only {brokers} broker(s) are registered."
        )


def check_assignments(assignments: Sequence[tuple[int, Sequence[int]]], partitions: int, replicas: int, brokers: frozenset[int]) -> list[tuple[int, ...]]:
    """Replicas by partition, from a client's own list. Raises InvalidRequest, InvalidReplicaAssignment."""
    if replicas != -1:
        raise errors.InvalidRequest("A manual partition assignment was specified, but replication factor was not set to -1.")
    if partitions != -1:
        raise errors.InvalidRequest("A manual partition assignment was specified, but numPartitions was not set to -1.")
    found: dict[int, tuple[int, ...]] = {}
    for index, nodes in assignments:
        if index in found:
            raise errors.InvalidReplicaAssignment(f"Found multiple manual partition assignments for partition {index}")
        found[index] = check_replicas(nodes, brokers, len(next(iter(found.values()))) if found else None)
    if sorted(found) != list(range(len(found))):
        raise errors.InvalidReplicaAssignment("partitions should be a consecutive 0-based integer sequence")
    return [found[index] for index in range(len(found))]


def check_replicas(nodes: Sequence[int], brokers: frozenset[int], count: int | None) -> tuple[int, ...]:
    """One partition's replicas; ``count`` is how many the others have. Raises InvalidReplicaAssignment."""
    if not nodes:
        raise errors.InvalidReplicaAssignment("The manual partition assignment includes an empty replica list.")
    for place, node in enumerate(nodes):
        if node not in brokers:
            raise errors.InvalidReplicaAssignment(f"The manual partition assignment includes broker {node}, but no such broker is registered.")
        if node in nodes[:place]:
            raise errors.InvalidReplicaAssignment(f"The manual partition assignment includes the broker {node} more than once.")
    if count is not None and len(nodes) != count:
        raise errors.InvalidReplicaAssignment(
            f"The manual partition assignment includes a partition with {len(nodes)} replica(s), but this is not consistent with previous "
            f"partitions, which have {count} replica(s)."
        )
    return tuple(nodes)


def check_growth(name: str, current: int, count: int, assignments: Sequence[Sequence[int]] | None) -> None:
    """A wish for ``count`` partitions in all. Raises InvalidPartitions, InvalidReplicaAssignment."""
    if count == current:
        raise errors.InvalidPartitions(f"Topic already has {current} partition(s).")
    if count < current:
        raise errors.InvalidPartitions(f"The topic {name} currently has {current} partition(s); {count} would not be an increase.")
    if assignments is not None and len(assignments) != count - current:
        raise errors.InvalidReplicaAssignment(
            f"Attempted to add {count - current} additional partition(s), but only {len(assignments)} assignment(s) were specified."
        )


class DirectoryPicker:
    """Log directories with the number of partitions each has; gives the one with the fewest, the earlier one first."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = dict(counts)

    def pick(self) -> str:
        """The directory of the next partition, which is counted in."""
        name = min(self._counts, key=self._counts.__getitem__)
        self._counts[name] += 1
        return name

    def give_back(self, name: str) -> None:
        """A partition in that directory is gone."""
        self._counts[name] -= 1
