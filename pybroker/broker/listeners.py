"""Listener addresses: ``NAME://host:port`` lists, their security protocols, and what is safe to open."""

from collections.abc import Mapping
from typing import NamedTuple

from pybroker.broker.config import ConfigError, clipped

LISTENERS_MAX = 64
SASL_PLAINTEXT = "SASL_PLAINTEXT"
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


class Listener(NamedTuple):
    """One address. ``host`` is empty for every interface; IPv6 addresses are without brackets."""

    name: str
    host: str
    port: int
    protocol: str

    @property
    def asks_login(self) -> bool:
        """Clients log in before anything else."""
        return self.protocol == SASL_PLAINTEXT

    def __str__(self) -> str:
        return f"{self.name}://{join(self.host, self.port)}"


def join(host: str, port: int) -> str:
    """``host:port`` with the brackets that IPv6 needs."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_map(entries: str) -> dict[str, str]:
    """``listener.security.protocol.map``: listener name -> protocol. Raises ConfigError without a place."""
    found: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in entries.split(","))):
        name, colon, protocol = entry.partition(":")
        name, protocol = name.strip().upper(), protocol.strip().upper()
        if not colon or not name or protocol not in _PROTOCOLS:
            raise ConfigError(f"{clipped(entry)} is not NAME:PROTOCOL with one of {', '.join(_PROTOCOLS)}")
        if name in found:
            raise ConfigError(f"{name} is mapped twice")
        found[name] = protocol
    return found


def parse(entries: tuple[str, ...], protocols: Mapping[str, str]) -> list[Listener]:
    """A list of addresses. Raises ConfigError without a place: bad form, unknown name, a name or a port twice."""
    if len(entries) > LISTENERS_MAX:
        raise ConfigError(f"{len(entries)} listeners are more than {LISTENERS_MAX}")
    found: list[Listener] = []
    for entry in entries:
        listener = _parse_one(entry, protocols)
        for other in found:
            if other.name == listener.name:
                raise ConfigError(f"listener name {listener.name} is used twice")
            if other.port == listener.port != 0 and (other.host == listener.host or not other.host or not listener.host):
                raise ConfigError(f"{other} and {listener} are the same address")
        found.append(listener)
    return found


def _parse_one(entry: str, protocols: Mapping[str, str]) -> Listener:
    name, scheme, address = entry.partition("://")
    name = name.strip().upper()
    host, colon, port = address.rpartition(":")
    if not scheme or not name or not colon:
        raise ConfigError(f"{clipped(entry)} is not NAME://host:port")
    if name not in protocols:
        raise ConfigError(f"listener {clipped(name)} has no entry in listener.security.protocol.map")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ConfigError(f"{clipped(entry)}: an IPv6 address stands in brackets: NAME://[::1]:9092")
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65535):
        raise ConfigError(f"{clipped(entry)}: the port is a number from 0 to 65535")
    if any(char.isspace() or ord(char) < 33 for char in host) or len(host) > 255:
        raise ConfigError(f"{clipped(entry)}: not a host name")
    return Listener(name, host, int(port), protocols[name])


def is_loopback(host: str) -> bool:
    """Whether the address can be reached from this machine only. Names other than localhost count as open: what they resolve to may change."""
    if host == "localhost" or host.endswith(".localhost") or host == "::1":
        return True
    parts = host.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(part.isdecimal() for part in parts)


def is_any(host: str) -> bool:
    """Whether the address means every interface, which no client can connect to."""
    return host in ("", "0.0.0.0", "::", "0:0:0:0:0:0:0:0")
