"""Kafka's errors as exceptions, one class per code, and the enum of codes. Made from definitions/errors.py at import."""

from enum import IntEnum
from typing import Any

from pybroker.protocol.definitions.errors import ERRORS

ErrorCode = IntEnum("ErrorCode", [(name, code) for code, name, *_ in ERRORS])  # type: ignore[misc]


class KafkaError(Exception):
    """An answer with an error code. ``message`` is for people and travels where the response has room for it."""

    code: int = -1
    kafka_name: str = "UNKNOWN_SERVER_ERROR"
    retriable: bool = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.text)
        self.message: str | None = message or self.text

    text: str = ""


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


BY_CODE: dict[int, type[KafkaError]] = {}
for _code, _name, _retriable, _refresh, _text in ERRORS:
    if _code == 0:
        continue
    _attributes = {"code": _code, "kafka_name": _name, "retriable": _retriable, "text": _text, "__doc__": f"Code {_code}, {_name}.", "__module__": __name__}
    globals()[_class_name(_name)] = BY_CODE[_code] = type(_class_name(_name), (KafkaError,), _attributes)


def __getattr__(name: str) -> Any:
    raise AttributeError(f"module {__name__} has no attribute {name}")
