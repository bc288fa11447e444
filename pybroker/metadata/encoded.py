"""Parts of a response that are encoded already. They stand in a generated message where its own structs would, and are copied when it is written."""

from collections.abc import Iterator
from typing import Any


class EncodedArray:
    """``count`` structs of an array as the bytes of one version. Takes the place of a list of structs in a message that is only written."""

    __slots__ = ("_count", "_data")

    def __init__(self, count: int, data: bytes) -> None:
        self._count = count
        self._data = data

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator["EncodedArray"]:
        yield self                                          # written once, for all

    def _write(self, w: bytearray, v: int) -> None:
        w += self._data


def encoded(struct: Any, version: int) -> bytes:
    """The bytes of one generated struct at a version."""
    data = bytearray()
    struct._write(data, version)
    return bytes(data)
