"""JSON for pybroker: a serde, and a validator for topics whose ``pybroker.value.schema.type`` or ``pybroker.key.schema.type`` is ``json``."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pybroker.hooks import ConfigChangeRequest, Context, PluginInfo, PolicyViolation, Serde, TopicRequest, Validator, hookimpl
from pybroker_serde_json.documents import SCHEMA_BYTES_MAX, NotJson, Schema, SchemaError, check, parse

__version__ = "0.1.0"
__all__ = ["Json", "JsonValidator", "SerdeJson", "plugin"]

TYPE: Final = "json"
FILE: Final = "file:"
WHICH: Final[tuple[Literal["key", "value"], ...]] = ("key", "value")


class Json:
    """The serde: any JSON document."""

    name = TYPE
    content_type = "application/json"

    def encode(self, value: Any, schema: str | None) -> bytes:
        """Raises ValueError: something JSON has no word for, or that the schema refuses."""
        try:
            data = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except (TypeError, RecursionError) as error:
            raise ValueError(str(error)) from error
        self.decode(data, schema)
        return data

    def decode(self, data: bytes, schema: str | None) -> Any:
        """Raises ValueError."""
        document = parse(data)
        fault = Schema(schema).fault(document) if schema else None
        if fault is not None:
            raise NotJson(fault)
        return document


class JsonValidator:
    """Keys or values of one topic. Null passes: it deletes a key of a compacted topic."""

    def __init__(self, schema: str) -> None:
        """``schema``: its text; empty: any JSON document. Raises SchemaError."""
        self._fault = check(Schema(schema) if schema.strip() else None)

    def validate(self, items: list[bytes | None]) -> Sequence[str | None]:
        fault = self._fault
        return [None if item is None else fault(item) for item in items]


class SerdeJson:
    """The plugin."""

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("serde-json", __version__, deadline_ms=500, summary="JSON payloads, checked against a JSON Schema")

    @hookimpl
    def pybroker_serdes(self) -> list[Serde]:
        return [Json()]

    @hookimpl
    def pybroker_schema_validator(self, topic: str, which: Literal["key", "value"], config: Mapping[str, str], ctx: Context) -> Validator | None:
        """Raises SchemaError: the topic refuses its batches until the schema is right."""
        if config.get(f"pybroker.{which}.schema.type") != TYPE:
            return None
        return JsonValidator(text_of(config.get(f"pybroker.{which}.schema", ""), ctx))

    @hookimpl
    def pybroker_topic_policy(self, request: TopicRequest, ctx: Context) -> PolicyViolation | None:
        return violation(request.configs, ctx) if request.kind == "create" else None

    @hookimpl
    def pybroker_config_policy(self, request: ConfigChangeRequest, ctx: Context) -> PolicyViolation | None:
        return violation(request.new, ctx) if request.kind == "topic" else None


def text_of(setting: str, ctx: Context) -> str:
    """A schema's text: as it stands in the config, or of a file of pybroker.schema.dir. Raises SchemaError."""
    if not setting.startswith(FILE):
        return setting
    name, directory = setting[len(FILE) :], ctx.config("pybroker.schema.dir")
    if not directory:
        raise SchemaError("pybroker.schema.dir is not set, and the schema is a file")
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name):
        raise SchemaError(f"{name[:100]!r} is no name of a file of pybroker.schema.dir")
    try:
        with open(os.open(os.path.join(str(directory), name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            data = file.read(SCHEMA_BYTES_MAX + 1)
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(f"{name} of pybroker.schema.dir cannot be read: {error}") from error


def violation(configs: Mapping[str, str], ctx: Context) -> PolicyViolation | None:
    """What is wrong with the schemas that a topic shall have: said when the config changes, rather than with its first batch."""
    for which in WHICH:
        if configs.get(f"pybroker.{which}.schema.type") == TYPE:
            try:
                JsonValidator(text_of(configs.get(f"pybroker.{which}.schema", ""), ctx))
            except SchemaError as error:
                return PolicyViolation(f"pybroker.{which}.schema: {error}")
    return None


plugin = SerdeJson()
