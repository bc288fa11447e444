"""Passwords as a credential store keeps them: salted, hashed by scrypt, compared in constant time.

Form        ``scrypt$<log2 of N>$<r>$<p>$<salt, hex>$<hash, hex>``
Thread      any; a check takes some 50 ms and 16 MiB
Source      RFC 7914
"""

import hmac
import os
from hashlib import scrypt

_LOG2_N, _R, _P, _SALT_BYTES, _HASH_BYTES = 14, 8, 1, 16, 32
_MEMORY_BYTES_MAX = 64 << 20
_NOBODY = b"scrypt$14$8$1$00000000000000000000000000000000$" + b"0" * 64
"""Checked in place of a user who is not there: it takes the same time, and no password has that hash."""


def hashed(password: bytes) -> bytes:
    """What to keep of a password."""
    salt = os.urandom(_SALT_BYTES)
    return b"scrypt$%d$%d$%d$%s$%s" % (_LOG2_N, _R, _P, salt.hex().encode(), _derive(password, salt, _LOG2_N, _R, _P).hex().encode())


def fits(password: bytes, kept: bytes | None) -> bool:
    """Whether this is the password; ``kept`` None: there is no such user. Raises ValueError: what was kept cannot be read."""
    known = kept is not None
    try:
        kind, log2_n, r, p, salt, digest = (kept or _NOBODY).split(b"$")
        wanted = bytes.fromhex(digest.decode())
        if kind != b"scrypt" or int(log2_n) > 20 or len(wanted) != _HASH_BYTES:
            raise ValueError
        found = _derive(password, bytes.fromhex(salt.decode()), int(log2_n), int(r), int(p))
    except (ValueError, UnicodeDecodeError):
        raise ValueError("a credential of the store cannot be read") from None
    return hmac.compare_digest(found, wanted) and known


def _derive(password: bytes, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    return scrypt(password, salt=salt, n=1 << log2_n, r=r, p=p, maxmem=_MEMORY_BYTES_MAX, dklen=_HASH_BYTES)
