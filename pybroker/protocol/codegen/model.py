"""Definitions resolved for the generators: versions as ranges, names in snake case, structs found by name."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import NamedTuple

from pybroker.protocol import definitions
from pybroker.protocol.definitions import notation, records

FOREVER = 32767
PRIMITIVES = {"bool": 1, "int8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "float64": 8, "uuid": 16}
"""Types of fixed size, bytes on the wire."""


class Range(NamedTuple):
    """Versions, both ends included; empty when low > high."""

    low: int
    high: int

    @property
    def empty(self) -> bool:
        return self.low > self.high

    def within(self, other: "Range") -> "Range":
        return Range(max(self.low, other.low), min(self.high, other.high))

    def covers(self, other: "Range") -> bool:
        return other.empty or (self.low <= other.low and self.high >= other.high)


NEVER = Range(1, 0)


def versions(text: str) -> Range:
    """A version text as a range."""
    if text == "none":
        return NEVER
    if text.endswith("+"):
        return Range(int(text[:-1]), FOREVER)
    low, _, high = text.partition("-")
    return Range(int(low), int(high or low))


def snake(name: str) -> str:
    """Kafka's CamelCase as snake_case."""
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).lower()


class FieldModel:
    """One field of a struct."""

    def __init__(self, field: notation.Field, owner: "StructModel") -> None:
        self.name = snake(field.name)
        self.kafka_name = field.name
        self.versions = versions(field.versions)
        self.tagged = versions(field.tagged)
        self.tag = field.tag
        self.nullable = versions(field.nullable)
        self.ignorable = field.ignorable
        self.is_array = field.type.startswith("[]")
        self.type = field.type.removeprefix("[]")
        self.default = field.default
        self.never_compact = field.flexible == "none"
        self.struct: StructModel | None = None
        self.owner = owner

    @property
    def is_tagged(self) -> bool:
        return self.tag is not None

    @property
    def streamed(self) -> bool:
        """Whether a C writer stops at it: arrays, and records that come from a file."""
        return not self.is_tagged and (self.is_array or self.type == "records")


class StructModel:
    """A message or a struct inside of one."""

    def __init__(self, name: str, message: "MessageModel") -> None:
        self.name = name
        self.message = message
        self.versions = Range(0, FOREVER)
        self.fields: list[FieldModel] = []
        self.class_name = name

    @property
    def c_name(self) -> str:
        top = snake(self.message.name)
        return f"pb_{top}" if self is self.message.structs[0] else f"pb_{top}_{snake(self.name)}"

    @property
    def tags(self) -> list[FieldModel]:
        return sorted((field for field in self.fields if field.is_tagged), key=lambda field: field.tag or 0)


class MessageModel:
    """One message with all its structs, itself first."""

    def __init__(self, message: notation.Message) -> None:
        self.name = message.name
        self.valid = versions(message.valid)
        self.flexible = versions(message.flexible)
        self.structs: list[StructModel] = []
        shared = {struct.name: struct.fields for struct in message.structs}
        self._build(message.name, message.fields, shared)

    @property
    def inner_first(self) -> list[StructModel]:
        """Structs, each behind those it contains."""
        ordered: list[StructModel] = []

        def visit(struct: StructModel) -> None:
            for field in struct.fields:
                if field.struct and field.struct not in ordered:
                    visit(field.struct)
            if struct not in ordered:
                ordered.append(struct)

        visit(self.structs[0])
        return ordered

    def _build(self, name: str, fields: tuple[notation.Field, ...], shared: dict[str, tuple[notation.Field, ...]]) -> StructModel:
        struct = StructModel(name, self)
        self.structs.append(struct)
        for field in fields:
            model = FieldModel(field, struct)
            struct.fields.append(model)
            if model.type not in PRIMITIVES and model.type not in ("string", "bytes", "records"):
                found = next((known for known in self.structs if known.name == model.type), None)
                model.struct = found or self._build(model.type, field.fields or shared[model.type], shared)
        return struct


class Module(NamedTuple):
    """One generated module: API key None for what is no request."""

    name: str
    title: str
    key: int | None
    key_name: str
    messages: list[MessageModel]


def load() -> Iterator[Module]:
    """All definition modules, in order of name."""
    for package, prefix in ((definitions, ""), (records, "records_")):
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
            if info.ispkg or info.name in ("notation", "served", "errors"):
                continue
            source = importlib.import_module(f"{package.__name__}.{info.name}")
            messages = [MessageModel(value) for value in vars(source).values() if isinstance(value, notation.Message)]
            _name_classes(messages)
            title = (source.__doc__ or "").strip()
            yield Module(prefix + info.name, title, getattr(source, "KEY", None), getattr(source, "NAME", ""), messages)


def _name_classes(messages: list[MessageModel]) -> None:
    """A struct is a class of its own name; where request and response both have one of that name, it carries the message's name before it."""
    owners: dict[str, set[str]] = {}
    for message in messages:
        for struct in message.structs:
            owners.setdefault(struct.name, set()).add(message.name)
    for message in messages:
        for struct in message.structs[1:]:
            if len(owners[struct.name]) > 1:
                struct.class_name = message.name + struct.name
