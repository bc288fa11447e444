"""Where plugins want clients to connect to: asked once per client's place, and kept.

Bounds      ENTRIES_MAX answers, the oldest go first; one question at a time for each
Thread      control
"""

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from pybroker.apis.context import Caller
from pybroker.apis.judging import principal_of

if TYPE_CHECKING:
    from pybroker.hooks.asking import Hooks

HOOK = "pybroker_advertised_endpoint"
KEPT_S, KEPT_AFTER_ERROR_S = 60.0, 5.0
ENTRIES_MAX = 10_000
HOST_CHARS_MAX = 255


class Key(NamedTuple):
    """What an answer is kept for."""

    listener: str
    local_host: str
    local_port: int
    peer_host: str
    principal: str


class Entry(NamedTuple):
    """``address`` None: the broker's default."""

    address: tuple[str, int] | None
    until_s: float


class Endpoints:
    """The answers of plugins about addresses."""

    def __init__(self, hooks: "Hooks") -> None:
        self._hooks = hooks
        self._entries: dict[Key, Entry] = {}
        self._asking: dict[Key, asyncio.Task[None]] = {}

    def ask(self, caller: Caller, listener: str, now_s: float) -> "asyncio.Future[None] | None":
        """What to await until ``find`` knows; None: it does. Whoever waits may give up without harm to others."""
        key = _key(caller, listener)
        entry = self._entries.get(key)
        if entry is not None and now_s < entry.until_s:
            return None
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.get_running_loop().create_task(self._learn(key, caller, listener))
            task.add_done_callback(lambda _task: self._asking.pop(key, None))
        return asyncio.shield(task)

    def find(self, caller: Caller, listener: str) -> tuple[str, int] | None:
        """The address for this client; None: the default."""
        entry = self._entries.get(_key(caller, listener))
        return entry.address if entry else None

    async def _learn(self, key: Key, caller: Caller, listener: str) -> None:
        from pybroker.hooks.calls import Expect
        from pybroker.hooks.types import Connection

        connection = Connection(
            caller.connection_id, listener, caller.peer_host, caller.peer_port, caller.local_host, caller.local_port, caller.client_id, principal_of(caller)
        )
        answer = await self._hooks.first(HOOK, expect=Expect("a host and a port", _is_address), connection=connection)
        kept_s = KEPT_AFTER_ERROR_S if answer and answer.error else KEPT_S
        if len(self._entries) >= ENTRIES_MAX and key not in self._entries:
            del self._entries[next(iter(self._entries))]
        address = (answer.value[0], answer.value[1]) if answer and answer.value else None
        self._entries[key] = Entry(address, asyncio.get_running_loop().time() + kept_s)


def _key(caller: Caller, listener: str) -> Key:
    return Key(listener, caller.local_host, caller.local_port, caller.peer_host, str(principal_of(caller)))


def _is_address(value: object) -> bool:
    if value is None:
        return True
    if not (isinstance(value, (tuple, list)) and len(value) == 2):
        return False
    host, port = value
    return (
        isinstance(host, str)
        and 0 < len(host) <= HOST_CHARS_MAX
        and host.isascii()
        and host.isprintable()
        and " " not in host
        and type(port) is int
        and 0 < port < 65536
    )
