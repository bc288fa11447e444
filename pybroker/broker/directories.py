"""Log directories before the core opens them: made, identified by meta.properties, searched for partitions that no topic claims.

On disk     ``meta.properties``, as Kafka writes it: version=1, cluster.id, node.id, directory.id. Written to a temporary name, synced, renamed.
Invariants  D1 a directory of another cluster, of another node or of a newer version is refused and not touched
            D2 nothing here deletes anything
"""

import base64
import os
import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pybroker.broker.properties import PropertiesError, read

META_FILE = "meta.properties"
METADATA_FILE = "metadata.sqlite"
CLEAN_MARK = ".kafka_cleanshutdown"
_VERSION = "1"


class DirectoryError(Exception):
    """A log directory that cannot be used. The text is one line."""


class Identity(NamedTuple):
    """What meta.properties says."""

    cluster_id: str
    directory_id: str


def make(path: str) -> None:
    """Make the directory if it is missing (0700). Raises DirectoryError."""
    try:
        os.makedirs(path, 0o700, exist_ok=True)
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise DirectoryError(f"{path}: no permission to read and write")
    except OSError as error:
        raise DirectoryError(f"{path}: {error.strerror or error}") from error


def identify(paths: Sequence[str], node_id: int, known_cluster: str | None) -> list[Identity]:
    """Identity of each directory; those without one get it. ``known_cluster``: what the metadata say. Raises DirectoryError, and then nothing was written."""
    found = [_read(path, node_id) for path in paths]
    clusters = dict.fromkeys(identity.cluster_id for identity in found if identity)
    if known_cluster is not None:
        clusters[known_cluster] = None
    if len(clusters) > 1:
        raise DirectoryError(f"{', '.join(paths)}: belong to different clusters: {', '.join(clusters)}")
    cluster = next(iter(clusters), None) or new_id()
    identities = []
    for path, identity in zip(paths, found, strict=True):
        identities.append(identity or Identity(cluster, new_id()))
        if identity is None or not identity.directory_id:
            identities[-1] = identities[-1]._replace(directory_id=new_id())
            _write(path, identities[-1], node_id)
    doubles = {identity.directory_id for identity in identities}
    if len(doubles) < len(identities):
        raise DirectoryError(f"{', '.join(paths)}: two directories have the same directory.id; one is a copy of the other")
    return identities


def _read(path: str, node_id: int) -> Identity | None:
    name = os.path.join(path, META_FILE)
    if not os.path.lexists(name):
        return None
    try:
        values = {key: value.strip() for key, (value, _line) in read(name).items()}
    except PropertiesError as error:
        raise DirectoryError(str(error)) from error
    version = values.get("version", "")
    if version not in ("0", _VERSION):
        raise DirectoryError(f"{name}: version {version or 'missing'} is not one this program understands ({_VERSION})")
    owner = values.get("node.id", values.get("broker.id", ""))
    if owner != str(node_id):
        raise DirectoryError(f"{name}: the directory belongs to node {owner or 'unknown'}, this is node {node_id} (node.id)")
    cluster = values.get("cluster.id", "")
    if not cluster:
        raise DirectoryError(f"{name}: cluster.id is missing")
    return Identity(cluster, values.get("directory.id", ""))


def _write(path: str, identity: Identity, node_id: int) -> None:
    name = os.path.join(path, META_FILE)
    text = f"version={_VERSION}\ncluster.id={identity.cluster_id}\nnode.id={node_id}\ndirectory.id={identity.directory_id}\n"
    try:
        fd = os.open(name + ".tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(fd, text.encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(name + ".tmp", name)
        sync(path)
    except OSError as error:
        raise DirectoryError(f"{name}: {error.strerror or error}") from error


def sync(path: str) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def new_id() -> str:
    """A random id as Kafka writes them: 16 bytes, URL-safe base64 without padding, not beginning with ``-``."""
    while True:
        text = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def partition_names(path: str) -> set[str]:
    """Names in a log directory that look like a partition: ``topic-0``. Raises DirectoryError."""
    try:
        with os.scandir(path) as entries:
            return {entry.name for entry in entries if _is_partition(entry.name) and entry.is_dir(follow_symlinks=False)}
    except OSError as error:
        raise DirectoryError(f"{path}: {error.strerror or error}") from error


def _is_partition(name: str) -> bool:
    topic, dash, index = name.rpartition("-")
    return bool(topic) and bool(dash) and index.isascii() and index.isdecimal() and not name.startswith("__cluster_metadata")


def unclaimed(path: str, claimed: Iterable[str]) -> list[str]:
    """Partition directories in ``path`` that are not among ``claimed``, in order of name. Raises DirectoryError."""
    return sorted(partition_names(path).difference(claimed))


def was_stopped_cleanly(path: str) -> bool:
    """Whether the last run on this directory left its mark, or nothing at all."""
    return os.path.exists(os.path.join(path, CLEAN_MARK)) or not partition_names(path)
