"""Listening sockets, made here and handed to the core as descriptors."""

import socket
from typing import NamedTuple

from pybroker.broker.listeners import Listener

ADDRESSES_MAX = 8
"""Addresses of one host name that are bound."""

_TRIES = 5


class Bound(NamedTuple):
    """One listening socket. ``host`` is the address as the kernel has it."""

    socket: socket.socket
    host: str
    port: int


def open_all(listener: Listener, backlog: int) -> list[Bound]:
    """Sockets for every address of the listener, all on one port. Raises OSError, and then none is left open.

    No host means every interface, IPv4 and IPv6. A name such as localhost is bound on each address it has, so that clients reach it by any.
    """
    addresses = _addresses(listener)
    for attempt in range(_TRIES):
        bound: list[Bound] = []
        try:
            for family, host in addresses:
                port = bound[0].port if bound else listener.port
                bound.append(_open(family, host, port, backlog))
            return bound
        except OSError:
            for one in bound:
                one.socket.close()
            is_chance = listener.port == 0 and bool(bound)      # another program has the free port of our first address on the second one
            if not is_chance or attempt == _TRIES - 1:
                raise
    raise AssertionError("not reached")


def _addresses(listener: Listener) -> list[tuple[int, str]]:
    if not listener.host:
        return [(socket.AF_INET6, "::")] if socket.has_dualstack_ipv6() else [(socket.AF_INET, "0.0.0.0")]
    try:
        found = socket.getaddrinfo(listener.host, listener.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise OSError(error.errno, f"{listener.host}: {error.strerror}") from error
    addresses = dict.fromkeys((int(family), str(address[0])) for family, _type, _protocol, _name, address in found)
    usable = [(family, host) for family, host in addresses if family == socket.AF_INET or socket.has_ipv6]
    if len(usable) > 1:
        usable = [one for one in usable if _is_local(*one)] or usable
    return sorted(usable, key=lambda one: one[0] != socket.AF_INET)[:ADDRESSES_MAX]


def _is_local(family: int, host: str) -> bool:
    """Whether the address is on this machine: localhost often names an IPv6 address that a container does not have."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
        return True


def _open(family: int, host: str, port: int, backlog: int) -> Bound:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
        made.bind((host, port))
        made.listen(backlog)
    except OSError:
        made.close()
        raise
    name = made.getsockname()
    return Bound(made, str(name[0]), int(name[1]))
