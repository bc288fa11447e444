"""Who is at the other end of each connection: principals as the loops know them, by number.

A subject is one principal at one address on one listener: all that a decision about rights may depend on. Connections of the same subject share its number, and so what was
decided about it.

Bounds      as many as there are connections that logged in or were asked about; one goes when its last connection closes
Thread      control
"""

from collections.abc import Callable, MutableMapping
from typing import NamedTuple, Protocol

from pybroker.hooks.types import ANONYMOUS, Connection, Principal

ANYBODY = 0
"""Number of connections that nobody has counted: in no table."""


class Caller(Protocol):
    """A request, as far as it tells who sent it."""

    @property
    def client_id(self) -> str | None: ...
    @property
    def connection_id(self) -> int: ...
    @property
    def listener(self) -> int: ...
    @property
    def local_host(self) -> str: ...
    @property
    def local_port(self) -> int: ...
    @property
    def peer_host(self) -> str: ...
    @property
    def peer_port(self) -> int: ...


class Subject(NamedTuple):
    """``connection`` is one of those that belong to it: where they differ (ports, client id) it stands for itself alone."""

    number: int
    principal: Principal
    connection: Connection


def connection_of(caller: Caller, listener: str, principal: Principal = ANONYMOUS) -> Connection:
    """A connection as hooks see it."""
    return Connection(caller.connection_id, listener, caller.peer_host, caller.peer_port, caller.local_host, caller.local_port, caller.client_id, principal)


class Subjects:
    """All that are known now."""

    def __init__(self, listener_name: Callable[[int], str], shown: MutableMapping[int, str]) -> None:
        """``shown``: where views of batches find principals by number."""
        self._listener_name = listener_name
        self._shown = shown
        self._last = ANYBODY
        self._by_key: dict[object, Subject] = {}
        self._by_connection: dict[int, tuple[object, Subject]] = {}
        self._uses: dict[object, int] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, caller: Caller) -> Subject:
        """Of a request; of one whose connection nobody has counted, a subject without a number."""
        held = self._by_connection.get(caller.connection_id)
        return held[1] if held is not None else Subject(ANYBODY, ANONYMOUS, connection_of(caller, self._listener_name(caller.listener)))

    def principal(self, connection_id: int) -> Principal | None:
        """Of a connection; None: nobody has said."""
        held = self._by_connection.get(connection_id)
        return held[1].principal if held is not None else None

    def put(self, caller: Caller, principal: Principal) -> Subject:
        """The connection is this principal's from now on, until ``closed``."""
        listener = self._listener_name(caller.listener)
        key = (principal.type, principal.name, principal.groups, tuple(sorted(principal.attributes.items())), listener, caller.peer_host)
        subject = self._by_key.get(key)
        if subject is None:
            self._last += 1
            subject = self._by_key[key] = Subject(self._last, principal, connection_of(caller, listener, principal))
            self._shown[subject.number] = str(principal)
        self._uses[key] = self._uses.get(key, 0) + 1
        self.closed(caller.connection_id)
        self._by_connection[caller.connection_id] = (key, subject)
        return subject

    def count(self, caller: Caller) -> Subject:
        """Of a connection that asks for rights: it has a number from now on. The core tells of its end."""
        subject = self.find(caller)
        return subject if subject.number != ANYBODY else self.put(caller, ANONYMOUS)

    def named(self, principal: str) -> list[Subject]:
        """Those of one principal (``User:alice``)."""
        return [subject for subject in self._by_key.values() if str(subject.principal) == principal]

    def closed(self, connection_id: int) -> None:
        """The connection is no more."""
        held = self._by_connection.pop(connection_id, None)
        if held is None:
            return
        key, subject = held
        self._uses[key] -= 1
        if self._uses[key] == 0:
            del self._uses[key], self._by_key[key], self._shown[subject.number]
