"""The notation of the definitions: messages, structs and fields as plain values.

Versions are texts as in Kafka: ``"3+"``, ``"0-12"``, ``"2"``, ``"none"``. Types: bool, int8, int16, uint16, int32, uint32, int64, float64, string, bytes,
records, uuid, a struct's name, or ``[]`` before any of them. Names are in Kafka's spelling.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Field(NamedTuple):
    """One field. ``default``: as text, None where the type's own default (0, "", empty) holds."""

    name: str
    type: str
    versions: str
    nullable: str
    tagged: str
    tag: int | None
    default: str | None
    ignorable: bool
    map_key: bool
    entity: str | None
    flexible: str | None
    fields: tuple["Field", ...]


class Struct(NamedTuple):
    """A struct used in more than one place."""

    name: str
    versions: str
    fields: tuple[Field, ...]


class Message(NamedTuple):
    """One request, response, header, record or blob."""

    name: str
    valid: str
    flexible: str
    fields: tuple[Field, ...]
    structs: tuple[Struct, ...]
    latest_unstable: bool


def F(  # noqa: N802 - a notation, not a function
    name: str,
    type: str,
    versions: str,
    *,
    nullable: str = "none",
    tagged: str = "none",
    tag: int | None = None,
    default: str | None = None,
    ignorable: bool = False,
    map_key: bool = False,
    entity: str | None = None,
    flexible: str | None = None,
    fields: Sequence[Field] = (),
) -> Field:
    """A field."""
    return Field(name, type, versions, nullable, tagged, tag, default, ignorable, map_key, entity, flexible, tuple(fields))


def S(name: str, versions: str, fields: Sequence[Field]) -> Struct:  # noqa: N802
    """A shared struct."""
    return Struct(name, versions, tuple(fields))


def M(  # noqa: N802
    name: str, *, valid: str, flexible: str, fields: Sequence[Field], structs: Sequence[Struct] = (), latest_unstable: bool = False
) -> Message:
    """A message."""
    return Message(name, valid, flexible, tuple(fields), tuple(structs), latest_unstable)
