"""What a move between log directories left when the process ended, put right before logs are opened.

On disk     ``<topic>-<partition>`` in a directory other than the one that metadata name: the exchange was done and not noted. It has everything; what the other directory
            still has of the partition is older. Known by the topic's id in ``partition.metadata``, so that no stranger is taken for it
            ``<topic>-<partition>.<32 hex digits>-future``: an unfinished copy. It is put aside, and the move begins anew
Invariant   what is put aside is renamed ``….<32 hex digits>-delete``, which the core removes; nothing that is not ours is touched
"""

import base64
import os
import re
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from pybroker.broker.directories import DirectoryError, partition_names
from pybroker.metadata.image import Image
from pybroker.metadata.records import MovePartition, Partition, Topic

_FUTURE = re.compile(r"(.+)-([0-9]+)\.[0-9a-f]{32}-future")
_ID_LINE = "topic_id:"


class Unfinished(NamedTuple):
    """A move to begin anew: to the log directory ``place``."""

    topic_id: bytes
    partition: int
    place: int


def finish_moves(paths: Sequence[str], ids: Sequence[str], image: Image) -> tuple[list[MovePartition], list[Unfinished]]:
    """Notes that are missing in metadata, and moves to begin anew. Raises DirectoryError."""
    moved: list[MovePartition] = []
    unfinished: list[Unfinished] = []
    for place, path in enumerate(paths):
        for name in _futures(path):
            found = _FUTURE.fullmatch(name)
            part = _known(image, found[1], found[2]) if found else None
            _put_aside(path, name)
            if part is not None and part[1].log_dir != ids[place]:
                unfinished.append(Unfinished(part[0].id, part[1].number, place))
        for name in partition_names(path) if len(paths) > 1 else ():
            part = _known(image, *name.rsplit("-", 1))
            if part is not None and part[1].log_dir in ids and part[1].log_dir != ids[place] and _topic_id(os.path.join(path, name)) == part[0].id:
                old = paths[ids.index(part[1].log_dir)]
                if os.path.lexists(os.path.join(old, name)):
                    _put_aside(old, name)
                moved.append(MovePartition(part[0].id, part[1].number, ids[place]))
    done = {(change.topic_id, change.number) for change in moved}
    return moved, [move for move in unfinished if (move.topic_id, move.partition) not in done]


def _futures(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.name.endswith("-future") and _FUTURE.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        raise DirectoryError(f"{path}: {error.strerror or error}") from error


def _known(image: Image, name: str, number: str) -> tuple[Topic, Partition] | None:
    topic = image.by_name.get(name)
    return (topic, topic.partitions[int(number)]) if topic and int(number) < len(topic.partitions) and str(int(number)) == number else None


def _topic_id(path: str) -> bytes | None:
    try:
        with open(os.path.join(path, "partition.metadata"), encoding="ascii") as file:
            lines = file.read(200).splitlines()
        texts = [line[len(_ID_LINE) :].strip() for line in lines if line.startswith(_ID_LINE)]
        return base64.urlsafe_b64decode(texts[0] + "==") if len(texts) == 1 else None
    except (OSError, ValueError):
        return None


def _put_aside(path: str, name: str) -> None:
    try:
        os.rename(os.path.join(path, name), os.path.join(path, f"{name}.{secrets.token_hex(16)}-delete"))
    except OSError as error:
        raise DirectoryError(f"{os.path.join(path, name)}: {error.strerror or error}") from error
