"""JSON documents from outside, and schemas for them: parsed strictly, judged within bounds, told about without showing what is in them."""

import json
from collections.abc import Callable
from typing import Any, Final

import jsonschema_rs

BYTES_MAX: Final = 8 << 20
"""Longest document that is looked at. A batch is smaller, unless max.message.bytes says otherwise."""
SCHEMA_BYTES_MAX: Final = 1 << 20
TEXT_CHARS_MAX: Final = 200


class NotJson(ValueError):
    """Bytes that are no JSON document. One line."""


class SchemaError(ValueError):
    """A text that is no JSON Schema. One line."""


def _no_constant(name: str) -> Any:
    raise NotJson(f"{name} is no JSON")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("an object has a name twice")
    return found


def parse(data: bytes) -> Any:
    """The document. Raises NotJson: no UTF-8, no JSON, NaN and Infinity, a name twice in an object, a number or a nesting beyond all measure."""
    if len(data) > BYTES_MAX:
        raise NotJson(f"{len(data)} bytes are more than {BYTES_MAX}")
    try:
        return json.loads(data.decode(), parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except NotJson:
        raise
    except UnicodeDecodeError:
        raise NotJson("no UTF-8") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"no JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise NotJson("nested too deep") from None
    except ValueError:
        raise NotJson("a number with too many digits") from None


def _fetch_nothing(uri: str) -> Any:
    raise ValueError(f"{uri} is not fetched")


class Schema:
    """A compiled schema. Thread: any, one at a time."""

    def __init__(self, text: str) -> None:
        """Raises SchemaError. Draft by ``$schema``, 2020-12 without it. References to other documents are not followed; patterns are those of a linear engine."""
        if len(text.encode()) > SCHEMA_BYTES_MAX:
            raise SchemaError(f"a schema has at most {SCHEMA_BYTES_MAX} bytes")
        try:
            document = parse(text.encode())
            self._validator = jsonschema_rs.validator_for(document, mask="the value", retriever=_fetch_nothing, pattern_options=jsonschema_rs.RegexOptions())
        except NotJson as error:
            raise SchemaError(str(error)) from error
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
            raise SchemaError(clip(str(error))) from error

    def fault(self, document: Any) -> str | None:
        """What is wrong with it, in one line that does not show its values; None: nothing."""
        try:
            if self._validator.is_valid(document):
                return None
            for error in self._validator.iter_errors(document):
                path = "".join(f"/{step}" for step in error.instance_path)
                return clip(f"{path or 'the document'}: {error.message}")
        except (ValueError, RecursionError) as error:
            return clip(str(error))
        return "it does not fit"


def clip(text: str) -> str:
    """One line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= TEXT_CHARS_MAX else line[: TEXT_CHARS_MAX - 1] + "…"


def check(schema: Schema | None) -> Callable[[bytes], str | None]:
    """A function that says what is wrong with one payload."""

    def fault_of(data: bytes) -> str | None:
        try:
            document = parse(data)
        except NotJson as error:
            return str(error)
        return schema.fault(document) if schema is not None else None

    return fault_of
