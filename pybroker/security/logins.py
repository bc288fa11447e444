"""Logins: SaslHandshake and SaslAuthenticate, from the first request of a connection to its principal.

    stranger ── handshake ──▶ exchange ── last token, authenticate, principal ──▶ known ── handshake (login has an end) ──▶ exchange …
        │                        │ wrong                                            │ another principal, or expired
        └────────────────────────┴──────────▶ told why (33, 34, 58), closed ◀────────┘

Rules       a connection logs in by one mechanism, and logs in again by the same one, as the same principal (KIP-368)
            whatever is not an AuthResult refuses: Deny, silence, an error, rubbish, a time-out
            a client is told that its login failed, never why; the log and the audit are
            a refusal comes ``connection.failed.authentication.delay.ms`` late
Bounds      UNDER_WAY_MAX logins wait for plugins or for their delay, further ones are closed; STEPS_MAX tokens an exchange. A connection that is gone is forgotten (``closed``)
Thread      control; plugins and hashes run on theirs
Source      KIP-12, KIP-43, KIP-152, KIP-368; kafka:clients SaslServerAuthenticator
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pybroker.hooks.asking import Answer, Hooks
from pybroker.hooks.calls import Call, Expect, HookFailed, Impl, clip, of
from pybroker.hooks.types import AuthResult, Credentials, Deny, Principal, SaslMechanism, SaslStep
from pybroker.protocol import errors
from pybroker.security import passwords
from pybroker.security.subjects import Caller, Subject, Subjects, connection_of

if TYPE_CHECKING:
    from pybroker.hooks.calls import Plugin
    from pybroker.hooks.types import Connection, CredentialStore

log = logging.getLogger(__name__)

UNDER_WAY_MAX = 1000
STEPS_MAX = 16
NAME_CHARS_MAX = 1000
AGAIN_AFTER_S = 1.0
"""A connection may not begin to log in again more often than this."""

MECHANISMS, AUTHENTICATE, PRINCIPAL, STORE = "pybroker_sasl_mechanisms", "pybroker_authenticate", "pybroker_principal", "pybroker_credential_store"
FAILED = "Authentication failed"


class LoginRequest(Caller, Protocol):
    """A request of a login, as the core hands it over."""

    def trust(self, subject: int = 0, login_until_ns: int = 0) -> None: ...
    def end(self) -> None: ...


class Offer(NamedTuple):
    """A mechanism that clients may use: who makes its exchanges. ``plugin`` None: the broker itself."""

    make: "Callable[[Connection], SaslMechanism]"
    plugin: "Plugin | None"


class Settings(Protocol):
    """What of the config logins go by."""

    def integer(self, name: str) -> int: ...


class Progress(NamedTuple):
    """What a client is told of a token that was taken."""

    token: bytes
    session_ms: int


@dataclass(slots=True)
class _Login:
    """One connection. ``exchange`` None: its first token has not come."""

    mechanism: str = ""
    under_way: bool = False
    exchange: SaslMechanism | None = None
    steps: int = 0
    subject: Subject | None = None
    until_ns: int = 0
    """When the login expires, on the monotonic clock; 0: never. Where it does, the client may log in again."""
    began_s: float = 0.0


class Refused(Exception):
    """A login does not hold. The text is for the log."""


Note = Callable[[Caller, str, bool, str], None]
"""Who came, as whom, whether it was let in, and why not."""


class Logins:
    """All connections of listeners that ask for a login."""

    def __init__(
        self,
        *,
        hooks: Hooks,
        offers: Mapping[str, Offer],
        store: "CredentialStore | None",
        subjects: Subjects,
        settings: Settings,
        listener_name: Callable[[int], str],
        note: Note,
    ) -> None:
        self._hooks = hooks
        self._offers = offers
        self._store = store
        self._subjects = subjects
        self._settings = settings
        self._listener_name = listener_name
        self._note = note
        self._logins: dict[int, _Login] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def mechanisms(self) -> Sequence[str]:
        """Those on offer."""
        return list(self._offers)

    def __len__(self) -> int:
        return len(self._logins)

    # ---- the two requests

    def handshake(self, mechanism: str, caller: LoginRequest) -> None:
        """The client says how it will log in. Raises IllegalSaslState, UnsupportedSaslMechanism."""
        now_s = time.monotonic()
        login = self._logins.setdefault(caller.connection_id, _Login())
        if login.under_way:
            caller.end()
            raise errors.IllegalSaslState("A login is under way.")
        if login.subject is not None and (not login.until_ns or now_s - login.began_s < AGAIN_AFTER_S):
            raise errors.IllegalSaslState("This connection has logged in.")
        if mechanism not in self._offers or (login.subject is not None and mechanism != login.mechanism):
            caller.end()
            self._note(caller, "", False, f"mechanism {clip(mechanism)[:100]}")
            raise errors.UnsupportedSaslMechanism()
        login.mechanism, login.steps, login.began_s = mechanism, 0, now_s
        login.under_way, login.exchange = True, None

    def authenticate(self, token: bytes, caller: LoginRequest) -> "asyncio.Future[Progress]":
        """A token of the exchange. Raises IllegalSaslState; the future SaslAuthenticationFailed."""
        login = self._logins.get(caller.connection_id)
        if login is None or not login.under_way:
            if login is None or login.subject is None:
                caller.end()
            raise errors.IllegalSaslState("SaslAuthenticate comes behind a SaslHandshake.")
        if len(self._tasks) >= UNDER_WAY_MAX:
            log.warning("too many logins are under way", extra={"peer": caller.peer_host})
            caller.end()
            raise errors.SaslAuthenticationFailed(FAILED)
        task = asyncio.get_running_loop().create_task(self._step(login, token, caller))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def until_ns(self, connection_id: int) -> int:
        """Until when the login of a connection holds, 0: for good."""
        login = self._logins.get(connection_id)
        return login.until_ns if login is not None else 0

    def closed(self, connection_id: int) -> None:
        """The connection is no more."""
        self._logins.pop(connection_id, None)

    async def stop(self) -> None:
        """Logins that are under way are given up."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # ---- one token

    async def _step(self, login: _Login, token: bytes, caller: LoginRequest) -> Progress:
        name = ""
        try:
            step = await self._asked(login, token, caller)
            if not step.done:
                return Progress(step.token, 0)
            name = step.identity or ""
            result = await self._proved(login.mechanism, step, caller)
            return await self._welcome(login, step, result, caller)
        except Exception as error:
            if not isinstance(error, (Refused, HookFailed)):
                log.error("login broke", exc_info=error)
            log.warning("login failed", extra={"peer": caller.peer_host, "mechanism": login.mechanism, "user": clip(name)[:NAME_CHARS_MAX], "error": clip(str(error))})
            self._note(caller, name, False, clip(str(error)))
            await asyncio.sleep(self._settings.integer("connection.failed.authentication.delay.ms") / 1000)
            login.under_way = False
            caller.end()
            raise errors.SaslAuthenticationFailed(FAILED) from None

    async def _asked(self, login: _Login, token: bytes, caller: LoginRequest) -> SaslStep:
        """What the mechanism makes of the token; a plugin's runs on threads of its own from its making on."""
        offer = self._offers[login.mechanism]
        plugin = offer.plugin
        login.steps += 1
        if login.steps > STEPS_MAX:
            raise Refused(f"more than {STEPS_MAX} tokens")

        def step_on(token: bytes) -> SaslStep | Deny:
            if login.exchange is None:
                login.exchange = offer.make(connection)
            return login.exchange.step(token)

        connection = connection_of(caller, self._listener_name(caller.listener))
        if plugin is None:
            step = step_on(token)
        else:
            impl = Impl(plugin, MECHANISMS, step_on, frozenset({"token"}), plugin.states[MECHANISMS])
            step = await Call(impl, {"token": token}, Expect("SaslStep or Deny", _is_step)).wait()
        if isinstance(step, Deny):
            raise Refused(step.reason or "the mechanism refuses")
        return step

    async def _proved(self, mechanism: str, step: SaslStep, caller: LoginRequest) -> AuthResult:
        """Whether the client is who it claims to be."""
        if not _is_text(step.identity) or step.identity is None:
            raise Refused("a name that is none")
        if step.secret is None:
            return AuthResult(step.identity)
        if self._store is not None and await self._is_stored(step.identity, mechanism, step.secret):
            return AuthResult(step.identity)
        connection = connection_of(caller, self._listener_name(caller.listener))
        answer = await self._hooks.first(AUTHENTICATE, expect=_AUTH, mechanism=mechanism, identity=step.identity, secret=step.secret, connection=connection)
        if answer is None:
            raise Refused("nobody knows this login")
        if answer.error is not None:
            raise Refused(str(answer.error))
        if isinstance(answer.value, Deny):
            raise Refused(f"{answer.plugin}: {answer.value.reason or 'refused'}")
        result: AuthResult = answer.value
        return result

    async def _is_stored(self, user: str, mechanism: str, secret: bytes) -> bool:
        store = self._store
        assert store is not None

        def check() -> bool:
            found = store.get(user, mechanism)
            if found is not None and not isinstance(found, Credentials):
                raise TypeError("the credential store gave no Credentials")
            return passwords.fits(secret, found.data if found is not None else None)

        try:
            return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(None, check), STORE_S_MAX)
        except Exception as error:
            raise Refused(f"credential store: {type(error).__name__}: {error}") from error

    async def _welcome(self, login: _Login, step: SaslStep, result: AuthResult, caller: LoginRequest) -> Progress:
        """The login holds: the connection is its principal's."""
        principal = await self._principal(result, caller)
        if login.subject is not None and login.subject.principal != principal:
            raise Refused(f"logs in again as {principal}, and was {login.subject.principal}")
        session_ms = self._session_ms(result)
        now_ns = time.monotonic_ns()
        login.subject = self._subjects.put(caller, principal)
        login.under_way, login.exchange = False, None
        login.until_ns = now_ns + session_ms * 1_000_000 if session_ms else 0
        caller.trust(login.subject.number, login.until_ns)
        self._note(caller, str(principal), True, "")
        log.debug("login", extra={"peer": caller.peer_host, "mechanism": login.mechanism, "principal": str(principal)})
        return Progress(step.token, session_ms)

    async def _principal(self, result: AuthResult, caller: LoginRequest) -> Principal:
        principal = Principal(result.principal, groups=tuple(result.groups), attributes=dict(result.attributes))
        if self._hooks.has(PRINCIPAL):
            connection = connection_of(caller, self._listener_name(caller.listener), principal)
            answer: Answer = await self._hooks.pipe(PRINCIPAL, expect=_PRINCIPAL, principal=principal, connection=connection)
            if answer.error is not None:
                raise Refused(str(answer.error))
            principal = answer.value
        return principal

    def _session_ms(self, result: AuthResult) -> int:
        """How long the login holds, 0: for good. Raises Refused: not at all."""
        ends = []
        if result.expires_at_s is not None:
            ends.append(int((result.expires_at_s - time.time()) * 1000))
        if (most_ms := self._settings.integer("connections.max.reauth.ms")) > 0:
            ends.append(most_ms)
        if not ends:
            return 0
        if min(ends) <= 0:
            raise Refused("the login has expired")
        return min(*ends, SESSION_MS_MAX)


STORE_S_MAX = 5.0
SESSION_MS_MAX = 366 * 86_400_000


def offers_of(answers: Sequence[Answer], wanted: Sequence[str], plugins: "Mapping[str, Plugin]") -> dict[str, Offer]:
    """The mechanisms of ``sasl.enabled.mechanisms``; where two bring one, the plugin that is asked first. Raises ValueError with one line."""
    known: dict[str, Offer] = {}
    for answer in answers:
        if answer.error is not None:
            raise ValueError(str(answer.error))
        for name, make in answer.value.items():
            known.setdefault(name, Offer(make, plugins.get(answer.plugin)))
    missing = [name for name in wanted if name not in known]
    if missing or not wanted:
        raise ValueError(f"sasl.enabled.mechanisms: {clip(', '.join(missing)) or 'names no mechanism'}; there are {', '.join(sorted(known))}")
    return {name: known[name] for name in wanted}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= NAME_CHARS_MAX and value.isprintable()


def _is_facts(groups: object, attributes: object) -> bool:
    return isinstance(groups, (tuple, list)) and all(map(_is_text, groups)) and isinstance(attributes, Mapping) and all(isinstance(x, str) for pair in attributes.items() for x in pair)


def _is_auth(value: object) -> bool:
    if value is None or isinstance(value, Deny):
        return True
    return (
        isinstance(value, AuthResult)
        and _is_text(value.principal)
        and _is_facts(value.groups, value.attributes)
        and (value.expires_at_s is None or (isinstance(value.expires_at_s, (int, float)) and not isinstance(value.expires_at_s, bool)))
        and abs(value.expires_at_s or 0) < 1e12
    )


def _is_principal(value: object) -> bool:
    return value is None or (isinstance(value, Principal) and _is_text(value.name) and _is_text(value.type) and _is_facts(value.groups, value.attributes))


def _is_step(value: object) -> bool:
    if isinstance(value, Deny):
        return True
    return isinstance(value, SaslStep) and isinstance(value.token, bytes) and (value.identity is None or _is_text(value.identity)) and isinstance(value.secret, (bytes, type(None)))


_AUTH = Expect("AuthResult or Deny", _is_auth)
_PRINCIPAL = Expect("Principal", _is_principal)
MAKERS = Expect("a dict of mechanism name to maker", lambda value: value is None or (isinstance(value, dict) and all(_is_text(name) and callable(make) for name, make in value.items())))
STORES = of(object)
