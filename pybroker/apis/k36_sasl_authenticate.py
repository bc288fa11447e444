"""SaslAuthenticate (key 36, versions 0-2): a token of a login."""

import asyncio
from typing import TYPE_CHECKING

from pybroker.apis.context import Broker, Caller
from pybroker.protocol import errors
from pybroker.protocol.messages.k36_sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse

if TYPE_CHECKING:
    from pybroker.security.logins import Progress

REQUEST = SaslAuthenticateRequest


def handle(broker: Broker, request: SaslAuthenticateRequest, caller: Caller) -> "asyncio.Future[SaslAuthenticateResponse]":
    """The mechanism's answer, and with the last one how long the login holds: a future."""
    logins = broker.logins(caller)
    if logins is None:
        raise errors.IllegalSaslState("This listener asks for no login.")
    told: asyncio.Future[SaslAuthenticateResponse] = asyncio.get_running_loop().create_future()
    logins.authenticate(request.auth_bytes, caller).add_done_callback(lambda done: _tell(told, done))
    return told


def _tell(told: "asyncio.Future[SaslAuthenticateResponse]", done: "asyncio.Future[Progress]") -> None:
    if done.cancelled():
        told.cancel()
    elif error := done.exception():
        told.set_exception(error)
    else:
        progress = done.result()
        told.set_result(SaslAuthenticateResponse(error_message=None, auth_bytes=progress.token, session_lifetime_ms=progress.session_ms))


def refuse(request: SaslAuthenticateRequest, version: int, error: errors.KafkaError) -> SaslAuthenticateResponse:
    return SaslAuthenticateResponse(error_code=error.code, error_message=error.message, auth_bytes=b"")
