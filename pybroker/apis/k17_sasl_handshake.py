"""SaslHandshake (key 17, versions 0-1): how the client will log in."""

from pybroker.apis.context import Broker, Caller
from pybroker.protocol import errors
from pybroker.protocol.messages.k17_sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse

REQUEST = SaslHandshakeRequest


def handle(broker: Broker, request: SaslHandshakeRequest, caller: Caller) -> SaslHandshakeResponse:
    """On a listener without logins it is out of place, as it is once the connection has logged in for good."""
    logins = broker.logins(caller)
    if logins is None:
        raise errors.IllegalSaslState("This listener asks for no login.")
    try:
        logins.handshake(request.mechanism, caller)
    except errors.UnsupportedSaslMechanism as error:
        return SaslHandshakeResponse(error_code=error.code, mechanisms=list(logins.mechanisms))
    return SaslHandshakeResponse(mechanisms=list(logins.mechanisms))


def refuse(request: SaslHandshakeRequest, version: int, error: errors.KafkaError) -> SaslHandshakeResponse:
    return SaslHandshakeResponse(error_code=error.code)
