"""PLAIN (RFC 4616), the mechanism that the broker brings itself: a name and a password in clear, in one message."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pybroker.hooks.types import Connection, Deny, SaslMechanism, SaslStep

FIELD_BYTES_MAX = 16 * 1024
"""Of a name, of a password."""


class Plain:
    """One exchange: it is over with the first message."""

    def step(self, token: bytes) -> "SaslStep | Deny":
        """``[authorization id] NUL name NUL password``, UTF-8. Who logs in as somebody else is refused, as by the Java broker."""
        from pybroker.hooks.types import Deny, SaslStep

        parts = token.split(b"\0")
        if len(parts) != 3:
            return Deny("a PLAIN message has three parts")
        if max(map(len, parts)) > FIELD_BYTES_MAX:
            return Deny("a part of the PLAIN message is too long")
        try:
            acts_as, name = parts[0].decode(), parts[1].decode()
            parts[2].decode()
        except UnicodeDecodeError:
            return Deny("the PLAIN message is no UTF-8")
        if not name or not parts[2]:
            return Deny("the PLAIN message lacks " + ("a password" if name else "a name"))
        if acts_as and acts_as != name:
            return Deny("the authorization id differs from the name")
        return SaslStep(done=True, identity=name, secret=parts[2])


def _make(_connection: "Connection") -> "SaslMechanism":
    return Plain()


def pybroker_sasl_mechanisms() -> "dict[str, Callable[[Connection], SaslMechanism]]":
    """See the hook."""
    return {"PLAIN": _make}
