"""DeleteTopics (key 20, versions 1-6): by name, from version 6 also by id."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from pybroker.apis.changes import Change
from pybroker.apis.context import Broker, Caller
from pybroker.apis.judging import TOPIC_POLICY, refused_deletions
from pybroker.metadata.image import Image
from pybroker.metadata.records import ZERO_ID
from pybroker.protocol import errors
from pybroker.protocol.messages.k20_delete_topics import DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse

REQUEST = DeleteTopicsRequest


class _Wish(NamedTuple):
    name: str | None
    id: bytes


async def handle(broker: Broker, request: DeleteTopicsRequest, caller: Caller) -> DeleteTopicsResponse:
    """Delete the topics, or say for each why not."""
    wishes = _wishes(request, caller.api_version)
    if not broker.config.boolean("delete.topic.enable"):
        raise errors.TopicDeletionDisabled() if caller.api_version >= 3 else errors.InvalidRequest()
    names = Counter(wish.name for wish in wishes if wish.name is not None)
    ids = Counter(wish.id for wish in wishes if wish.id != ZERO_ID)
    image = broker.controller.image
    results: list[DeletableTopicResult] = []
    found: dict[bytes, _Wish] = {}
    twice: set[bytes] = set()
    for wish in dict.fromkeys(wishes):
        try:
            topic_id, name = _resolve(image, wish, names, ids)
        except errors.KafkaError as error:
            results.append(_result(wish, error))
            continue
        if topic_id in twice or topic_id in found:
            twice.add(topic_id)
            results.append(_result(wish, errors.InvalidRequest("The provided topic name maps to an ID that was already supplied.")))
        else:
            found[topic_id] = _Wish(name, topic_id)
    results += [_result(found.pop(topic_id), errors.InvalidRequest("The topic was named twice.")) for topic_id in twice]
    outcomes: dict[bytes, errors.KafkaError | None] = {}
    if broker.hooks.has(TOPIC_POLICY):
        outcomes.update(await refused_deletions(broker, caller, [image.by_id[topic_id] for topic_id in found]))
    outcomes |= await broker.controller.delete_topics([topic_id for topic_id in found if topic_id not in outcomes])
    results += [_result(found[topic_id], error) for topic_id, error in outcomes.items()]
    broker.on_topics_deleted([found[topic_id].name or "" for topic_id, error in outcomes.items() if error is None])
    return DeleteTopicsResponse(responses=results)


def _wishes(request: DeleteTopicsRequest, version: int) -> list[_Wish]:
    if version >= 6:
        return [_Wish(topic.name, topic.topic_id) for topic in request.topics]
    return [_Wish(name, ZERO_ID) for name in request.topic_names]


def _resolve(image: Image, wish: _Wish, names: Counter[str], ids: Counter[bytes]) -> tuple[bytes, str]:
    """The topic that is meant. Raises the error it gets."""
    if wish.name is None:
        if wish.id == ZERO_ID:
            raise errors.InvalidRequest("Neither topic name nor id were specified.")
        if ids[wish.id] > 1:
            raise errors.InvalidRequest("Duplicate topic id.")
        topic = image.by_id.get(wish.id)
        if topic is None:
            raise errors.UnknownTopicId()
        return topic.id, topic.name
    if wish.id != ZERO_ID:
        raise errors.InvalidRequest("You may not specify both topic name and topic id.")
    if names[wish.name] > 1:
        raise errors.InvalidRequest("Duplicate topic name.")
    topic = image.by_name.get(wish.name)
    if topic is None:
        raise errors.UnknownTopicOrPartition()
    return topic.id, topic.name


def _result(wish: _Wish, error: errors.KafkaError | None) -> DeletableTopicResult:
    return DeletableTopicResult(
        name=wish.name, topic_id=wish.id, error_code=error.code if error else 0, error_message=error.message if error else None
    )


def refuse(request: DeleteTopicsRequest, version: int, error: errors.KafkaError) -> DeleteTopicsResponse:
    """The same error for every topic."""
    return DeleteTopicsResponse(responses=[_result(wish, error) for wish in dict.fromkeys(_wishes(request, version))])


def changes(broker: Broker, request: DeleteTopicsRequest, response: DeleteTopicsResponse) -> Iterable[Change]:
    """One a topic; by its id where nobody knows its name."""
    for result in response.responses:
        resource = f"topic-id:{result.topic_id.hex()}" if result.name is None else f"topic:{result.name}"
        yield Change("DeleteTopics", resource, result.error_code)
