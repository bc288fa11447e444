"""Logins from a file as Apache's ``htpasswd -B`` writes it: ``name:bcrypt hash``, a line each.

The file is looked at for each login and read again when it has changed (time, inode or size). One that cannot be read or has a bad line is told in the log, by the line's number,
and what was read before stays. A name that is not in the file takes as long as a wrong password.
"""

import os
import threading
from collections.abc import Mapping
from typing import NamedTuple

import bcrypt

from pybroker.hooks import AuthResult, ConfigKey, ConfigValue, Context, Deny, PluginInfo, hookimpl

__version__ = "0.1.0"
__all__ = ["Htpasswd", "Users", "parse"]

FILE = "auth-htpasswd.file"
FILE_BYTES_MAX = 16 << 20
PASSWORD_BYTES_MAX = 72
"""Of longer ones bcrypt sees the beginning alone: they are refused."""
_PREFIXES = (b"$2a$", b"$2b$", b"$2y$")
_HASH_BYTES = 60
_COST_MAX = 16
"""2 to the power of it rounds: 5 s a login. A file that asks for more is refused, for a login must end before its deadline."""


class Users(NamedTuple):
    """What a file says. ``nobody`` is checked for names that are not in it: a hash as costly as the others that no password has."""

    hashes: Mapping[str, bytes]
    nobody: bytes


def parse(text: bytes) -> Users:
    """Raises ValueError with the number of the line."""
    hashes: dict[str, bytes] = {}
    for number, line in enumerate(text.split(b"\n"), 1):
        line = line.strip()
        if not line or line.startswith(b"#"):
            continue
        name, colon, digest = line.partition(b":")
        try:
            user = name.decode()
        except UnicodeDecodeError:
            raise ValueError(f"line {number}: the name is no UTF-8") from None
        if not colon or not user or not user.isprintable():
            raise ValueError(f"line {number}: not NAME:HASH")
        if user in hashes:
            raise ValueError(f"line {number}: the name stands twice")
        if not digest.startswith(_PREFIXES) or len(digest) != _HASH_BYTES or not _is_cost(digest[4:6]):
            raise ValueError(f"line {number}: not a bcrypt hash (htpasswd -B)")
        try:
            bcrypt.checkpw(b"", digest[:4] + b"04" + digest[6:])            # its form, at the least cost
        except ValueError:
            raise ValueError(f"line {number}: not a bcrypt hash (htpasswd -B)") from None
        hashes[user] = digest
    cost = max((int(digest[4:6]) for digest in hashes.values()), default=10)
    return Users(hashes, bcrypt.hashpw(os.urandom(32).hex().encode(), b"$2b$%02d$" % cost + bcrypt.gensalt(4)[7:]))


def _is_cost(text: bytes) -> bool:
    return text.isdigit() and 4 <= int(text) <= _COST_MAX


_Stamp = tuple[int, int, int]


class Htpasswd:
    """The plugin. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path = ""
        self._stamp: _Stamp | None = None
        self._users = Users({}, b"")

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("auth-htpasswd", __version__, control_deadline_ms=10_000, summary="logins from an htpasswd file (bcrypt)")

    @hookimpl
    def pybroker_config_keys(self) -> list[ConfigKey]:
        return [ConfigKey(FILE, "string", "", "File of names and bcrypt hashes, as `htpasswd -B` writes it. Read again when it changes.")]

    @hookimpl
    def pybroker_configure(self, config: Mapping[str, ConfigValue]) -> None:
        """Raises ValueError: there is no such file, or a line of it is bad."""
        path = str(config[FILE] or "")
        if not path:
            raise ValueError(f"{FILE} names no file")
        stamp, users = _read(path)
        with self._lock:
            self._path, self._stamp, self._users = path, stamp, users

    @hookimpl
    def pybroker_authenticate(self, mechanism: str, identity: str, secret: bytes, ctx: Context) -> AuthResult | Deny | None:
        if mechanism != "PLAIN":
            return None
        users = self._now(ctx)
        known = users.hashes.get(identity)
        fits = bcrypt.checkpw(secret[:PASSWORD_BYTES_MAX], known or users.nobody)
        if known is None or not fits or len(secret) > PASSWORD_BYTES_MAX:
            return Deny("wrong name or password")
        return AuthResult(identity)

    def _now(self, ctx: Context) -> Users:
        """What the file says now, or said last."""
        with self._lock:
            try:
                stamp = _stamp_of(os.stat(self._path))
                if stamp != self._stamp:
                    self._stamp = stamp                                     # told once, whatever comes of it
                    self._stamp, self._users = _read(self._path)
                    ctx.log.info("users read again", extra={"file": self._path, "count": len(self._users.hashes)})
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and self._stamp == (0, 0, 0):
                    return self._users
                if isinstance(error, OSError):
                    self._stamp = (0, 0, 0)
                ctx.log.error("users stay as they were", extra={"file": self._path, "error": str(error)})
            return self._users


def _stamp_of(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_ino, status.st_size


def _read(path: str) -> tuple[_Stamp, Users]:
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            text = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from error
    if len(text) > FILE_BYTES_MAX:
        raise ValueError(f"{path}: more than {FILE_BYTES_MAX} bytes")
    try:
        return _stamp_of(status), parse(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
