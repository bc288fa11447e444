"""InitProducerId (key 22, versions 0-5): an id for an idempotent producer."""

from pybroker.apis.context import Broker, Caller
from pybroker.protocol import errors
from pybroker.protocol.messages.k22_init_producer_id import InitProducerIdRequest, InitProducerIdResponse

REQUEST = InitProducerIdRequest


async def handle(broker: Broker, request: InitProducerIdRequest, caller: Caller) -> InitProducerIdResponse:
    """A new producer id with epoch 0. As in Kafka a producer without a transactional id gets a new one each time it asks."""
    if request.transactional_id == "" or (request.producer_id == -1) != (request.producer_epoch == -1):
        raise errors.InvalidRequest()
    if request.transactional_id is not None:
        raise errors.UnsupportedVersion("This broker has no transactions.")
    return InitProducerIdResponse(producer_id=await broker.controller.next_producer_id(), producer_epoch=0)


def refuse(request: InitProducerIdRequest, version: int, error: errors.KafkaError) -> InitProducerIdResponse:
    """The error without an id."""
    return InitProducerIdResponse(error_code=error.code, producer_id=-1, producer_epoch=-1)
