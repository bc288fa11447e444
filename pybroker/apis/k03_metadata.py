"""Metadata (key 3, versions 0-13): the broker's address and its topics; names that are not there may be made on the way."""

from collections.abc import Coroutine, Mapping
from typing import Any

from pybroker.apis.context import CLUSTER_OPERATIONS, TOPIC_OPERATIONS, UNKNOWN_OPERATIONS, Broker, Caller
from pybroker.metadata.answers import Asker
from pybroker.metadata.records import ZERO_ID
from pybroker.metadata.topic_rules import is_legal
from pybroker.protocol import errors
from pybroker.protocol.messages.k03_metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic
from pybroker.protocol.primitives import Reader

REQUEST = MetadataRequest
TELLS_ENDPOINT = True

NAMES_MAX = 50_000
"""Topics one request may name. A thousand times more would hold everybody else up for seconds."""


def is_too_large(body: bytes, version: int) -> bool:
    """Whether the request names more topics than are answered, judged before it is decoded."""
    return Reader(body).count(version >= 9, version >= 1) > NAMES_MAX


def handle(broker: Broker, request: MetadataRequest, caller: Caller) -> bytes | Coroutine[Any, Any, bytes]:
    """All topics, or those that are named or whose ids are given."""
    version = caller.api_version
    host, port = broker.endpoint(caller)
    asker = Asker(
        version=version,
        host=host,
        port=port,
        topic_operations=request.include_topic_authorized_operations,
        cluster_operations=CLUSTER_OPERATIONS if request.include_cluster_authorized_operations else UNKNOWN_OPERATIONS,
    )
    if request.topics is None or (version == 0 and not request.topics):
        return broker.answers.all_topics(broker.controller.image, asker)
    if any(topic.topic_id != ZERO_ID for topic in request.topics):
        return _by_id(broker, request.topics, asker)
    if any(topic.name is None for topic in request.topics):
        raise errors.InvalidRequest("A topic has neither name nor id." if version >= 12 else f"Topic IDs are not supported in requests for version {version}")
    names = list(dict.fromkeys(topic.name for topic in request.topics if topic.name is not None))
    if request.allow_auto_topic_creation and broker.config.boolean("auto.create.topics.enable"):
        known = broker.controller.image.by_name
        if not all(name in known for name in names):
            return _make_and_answer(broker, names, asker, caller)
    return _by_name(broker, names, asker)


async def _make_and_answer(broker: Broker, names: list[str], asker: Asker, caller: Caller) -> bytes:
    known = broker.controller.image.by_name
    refused = await broker.create_automatically([name for name in names if name not in known], caller)
    return _by_name(broker, names, asker, refused)


def _by_name(broker: Broker, names: list[str], asker: Asker, refused: Mapping[str, errors.KafkaError] = {}) -> bytes:
    known = broker.controller.image.by_name
    missing = [_missing(name, asker, refused.get(name)) for name in names if name not in known]
    return broker.answers.some_topics([known[name] for name in names if name in known], missing, asker)


def _missing(name: str, asker: Asker, refused: errors.KafkaError | None) -> MetadataResponseTopic:
    error = refused or (errors.UnknownTopicOrPartition if is_legal(name) else errors.InvalidTopicException)
    operations = TOPIC_OPERATIONS if asker.topic_operations else UNKNOWN_OPERATIONS
    return MetadataResponseTopic(error_code=error.code, name=name, topic_authorized_operations=operations)


def _by_id(broker: Broker, topics: list[MetadataRequestTopic], asker: Asker) -> bytes:
    if asker.version < 12:
        raise errors.InvalidRequest(f"Topic IDs are not supported in requests for version {asker.version}")
    known = broker.controller.image.by_id
    ids = dict.fromkeys(topic.topic_id for topic in topics if topic.topic_id != ZERO_ID)
    missing = [MetadataResponseTopic(error_code=errors.UnknownTopicId.code, name=None, topic_id=topic_id) for topic_id in ids if topic_id not in known]
    return broker.answers.some_topics([known[topic_id] for topic_id in ids if topic_id in known], missing, asker)


def refuse(request: MetadataRequest, version: int, error: errors.KafkaError) -> MetadataResponse:
    """The same error for every topic that was named, and for the whole where the version has a place for it."""
    topics = [
        MetadataResponseTopic(error_code=error.code, name=topic.name if topic.name is not None or version >= 12 else "", topic_id=topic.topic_id)
        for topic in request.topics or ()
    ]
    return MetadataResponse(brokers=[], topics=topics, error_code=error.code)
