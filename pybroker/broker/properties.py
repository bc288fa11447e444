"""Reader of ``.properties`` files as Java writes them: comments, ``key=value``, ``key: value``, ``key value``, escapes, continued lines.

Stricter than Java's where that saves a user from a silent mistake: UTF-8 only, no byte order mark, no control bytes, no key twice, at most 1 MiB.
Every complaint names file and line.
"""

import os
import re
import stat

FILE_BYTES_MAX = 1 << 20
"""A config file is typed by people; more than this is another kind of file."""

_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_SPACE = " \t\f"


class PropertiesError(ValueError):
    """A file that cannot be read as properties. The text is one line and begins with ``file`` or ``file:line``."""


def read(path: str) -> dict[str, tuple[str, int]]:
    """Keys of the file at ``path``: name -> (value, line it began on). Raises PropertiesError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise PropertiesError(f"{path}: {_reason(error)}") from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise PropertiesError(f"{path}: is a directory" if stat.S_ISDIR(status.st_mode) else f"{path}: not a regular file")
        if status.st_size > FILE_BYTES_MAX:
            raise PropertiesError(f"{path}: {status.st_size} bytes is more than a config file may have ({FILE_BYTES_MAX})")
        data = _read_all(fd, path)
    finally:
        os.close(fd)
    return parse(data, path)


def _read_all(fd: int, path: str) -> bytes:
    data = b""
    try:
        while len(data) <= FILE_BYTES_MAX:
            piece = os.read(fd, FILE_BYTES_MAX + 1 - len(data))
            if not piece:
                return data
            data += piece
    except OSError as error:
        raise PropertiesError(f"{path}: {_reason(error)}") from error
    raise PropertiesError(f"{path}: more bytes than a config file may have ({FILE_BYTES_MAX})")


def parse(data: bytes, path: str) -> dict[str, tuple[str, int]]:
    """Keys of a file's bytes; ``path`` is for messages only. Raises PropertiesError."""
    found: dict[str, tuple[str, int]] = {}
    for number, line in _logical_lines(_decode(data, path), path):
        key, value = _split(line, path, number)
        if key in found:
            raise PropertiesError(f"{path}:{number}: {key} is set twice, first on line {found[key][1]}")
        if not key:
            raise PropertiesError(f"{path}:{number}: a value without a key")
        found[key] = (value, number)
    return found


def _decode(data: bytes, path: str) -> str:
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise PropertiesError(f"{path}:1: begins with a byte order mark; save it as plain UTF-8")
    odd = re.search(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]", data)
    if odd:
        raise PropertiesError(f"{path}:{_line_of(data, odd.start())}: byte 0x{odd[0][0]:02x}: not a text file")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PropertiesError(f"{path}:{_line_of(data, error.start)}: not UTF-8 text") from error


def _line_of(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1


def _logical_lines(text: str, path: str) -> list[tuple[int, str]]:
    """Lines with their continuations joined, without comments and blank ones."""
    lines: list[tuple[int, str]] = []
    begun = 0
    held = ""
    for number, raw in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        line = raw.lstrip(_SPACE)
        if not begun and (not line or line[0] in "#!"):
            continue
        begun = begun or number
        if (len(line) - len(line.rstrip("\\"))) % 2:
            held += line[:-1]
            continue
        lines.append((begun, held + line))
        begun, held = 0, ""
    if begun:
        raise PropertiesError(f"{path}:{begun}: ends with a backslash, but no line follows")
    return lines


def _split(line: str, path: str, number: int) -> tuple[str, str]:
    end = 0
    while end < len(line) and line[end] not in "=:" + _SPACE:
        end += 2 if line[end] == "\\" else 1
    rest = line[end:].lstrip(_SPACE)
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(_SPACE)
    return _unescape(line[:end], path, number), _unescape(rest, path, number)


def _unescape(text: str, path: str, number: int) -> str:
    if "\\" not in text:
        return text
    out: list[str] = []
    place = 0
    while place < len(text):
        char = text[place]
        place += 1
        if char != "\\":
            out.append(char)
            continue
        char = text[place : place + 1]
        place += 1
        if char == "u":
            digits = text[place : place + 4]
            place += 4
            if len(digits) < 4 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
                raise PropertiesError(f"{path}:{number}: \\u must be followed by four hexadecimal digits")
            char = chr(int(digits, 16))
        out.append(_ESCAPES.get(char, char))
    try:                                                    # two escapes may make one character beyond the basic plane
        return "".join(out).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        raise PropertiesError(f"{path}:{number}: half a surrogate pair") from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
