"""Where clients log in and have rights: put together from plugins and config. A broker with neither never imports this.

Start       mechanisms and the credential store are asked for, and the core begins to judge; what is wrong stops the start
Thread      control
"""

import logging
import time
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pybroker.apis.context import Broker, Caller
from pybroker.apis.rights import Guard
from pybroker.broker.broker_config import BrokerConfig
from pybroker.broker.config import ConfigError
from pybroker.hooks.types import Action
from pybroker.security.authorizer import AUTHORIZE, Authorizer
from pybroker.security.logins import MAKERS, MECHANISMS, STORE, STORES, Logins, offers_of
from pybroker.security.subjects import Subject, Subjects

if TYPE_CHECKING:
    from pybroker._core.core import Core, Request
    from pybroker.broker.auditor import Auditor
    from pybroker.broker.plugins import Plugins

log = logging.getLogger(__name__)


class Gate:
    """Logins and rights of one broker. Satisfies ``pybroker.broker.dispatcher.Gate``."""

    def __init__(self, *, broker: Broker, config: BrokerConfig, plugins: "Plugins", core: "Core", listeners: Mapping[int, str], auditor: "Auditor | None") -> None:
        """``listeners``: names by the core's index. Raises ConfigError."""
        self._broker = broker
        self._auditor = auditor
        self._listeners = listeners
        self._login_names = frozenset(listener.name for listener in config.listeners if listener.asks_login)
        self.subjects = Subjects(lambda index: listeners.get(index, ""), core.subjects)
        self.logins: Logins | None = None
        self.authorizer: Authorizer | None = None
        self._guard: Guard | None = None
        if self._login_names:
            self.logins = self._open_logins(config, plugins)
        if plugins.hooks.has(AUTHORIZE):
            self.authorizer = Authorizer(
                hooks=plugins.hooks,
                table=core,
                subjects=self.subjects,
                super_users=super_users(config.text("super.users") or ""),
                allow_by_default=config.text("pybroker.authorize.default") == "allow",
                note=self._on_denial,
            )
            self._guard = Guard(broker, self.authorizer)
            core.judge()

    def _open_logins(self, config: BrokerConfig, plugins: "Plugins") -> Logins:
        hooks, manager = plugins.hooks, plugins.manager
        try:
            by_name = {plugin.name: plugin for plugin in manager.plugins} if manager is not None else {}
            offers = offers_of(hooks.all_now(MECHANISMS, expect=MAKERS), [name.strip() for name in config.entries("sasl.enabled.mechanisms")], by_name)
            found = hooks.first_now(STORE, expect=STORES) if hooks.has(STORE) else None
            if found is not None and found.error is not None:
                raise ValueError(str(found.error))
        except ValueError as error:
            raise ConfigError(str(error)) from error
        return Logins(
            hooks=hooks,
            offers=offers,
            store=found.value if found is not None else None,
            subjects=self.subjects,
            settings=config,
            listener_name=lambda index: self._listeners.get(index, ""),
            note=self._on_login,
        )

    # ---- what the dispatcher asks

    @property
    def guards(self) -> bool:
        return self._guard is not None

    def admit(self, request: "Request") -> None:
        request.principal = self.subjects.principal(request.connection_id)

    async def handle(self, handler: ModuleType, message: Any, request: Caller) -> Any:
        assert self._guard is not None
        return await self._guard.handle(handler, message, request)

    async def answer(self, request: "Request") -> bytes:
        assert self.authorizer is not None
        body = await self.authorizer.answer(request, request.body)
        request.trust(self.subjects.find(request).number, self.logins.until_ns(request.connection_id) if self.logins is not None else 0)
        return body

    def closed(self, connection_id: int) -> None:
        self.subjects.closed(connection_id)
        if self.logins is not None:
            self.logins.closed(connection_id)

    def asks_login(self, caller: Caller) -> bool:
        """Whether clients of this listener log in."""
        return self._listeners.get(caller.listener, "") in self._login_names

    async def stop(self) -> None:
        """Logins under way are given up."""
        if self.logins is not None:
            await self.logins.stop()

    # ---- who hears of it

    def _on_login(self, caller: Any, principal: str, allowed: bool, why: str) -> None:
        self._broker.audit("login", caller, "Login", f"listener:{self._listeners.get(caller.listener, '')}", allowed=allowed, detail=why, principal=principal)

    def _on_denial(self, subject: Subject, action: Action, reason: str) -> None:
        log.info(
            "denied",
            extra={"principal": str(subject.principal), "peer": subject.connection.peer_host, "operation": action.operation, "resource": f"{action.resource_type}:{action.resource_name[:250]}"},
        )
        if self._auditor is not None:
            from pybroker.broker.auditor import event_of

            connection = subject.connection
            resource = f"{action.resource_type.lower()}:{action.resource_name}"
            self._auditor.note(
                event_of("denial", time.time_ns() // 1_000_000, str(subject.principal), connection.peer_host, connection.listener, action.operation, resource, allowed=False, detail=reason)
            )


def super_users(text: str) -> list[str]:
    """``super.users``. Raises ConfigError."""
    names = [name.strip() for name in text.split(";") if name.strip()]
    for name in names:
        kind, colon, rest = name.partition(":")
        if not (kind and colon and rest):
            raise ConfigError(f"super.users: {name[:100]} is not TYPE:NAME, as User:alice")
    return names
