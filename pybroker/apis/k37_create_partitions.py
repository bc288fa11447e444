"""CreatePartitions (key 37, versions 0-3)."""

from collections import Counter
from collections.abc import Iterable

from pybroker.apis.changes import Change
from pybroker.apis.context import Broker, Caller
from pybroker.apis.judging import TOPIC_POLICY, refused_growths
from pybroker.metadata.controller import Growth
from pybroker.protocol import errors
from pybroker.protocol.messages.k37_create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)  # fmt: skip

REQUEST = CreatePartitionsRequest


async def handle(broker: Broker, request: CreatePartitionsRequest, caller: Caller) -> CreatePartitionsResponse:
    """Add partitions to the topics, or say for each why not."""
    counts = Counter(topic.name for topic in request.topics)
    results = [_result(name, errors.InvalidRequest("Duplicate topic name.")) for name, count in counts.items() if count > 1]
    wishes = [_wish(topic) for topic in request.topics if counts[topic.name] == 1]
    if broker.hooks.has(TOPIC_POLICY):
        refused = await refused_growths(broker, caller, wishes)
        wishes = [wish for wish in wishes if wish.name not in refused]
        results += [_result(name, outcome.error) for name, outcome in refused.items()]
    outcomes = await broker.controller.create_partitions(wishes, validate_only=request.validate_only)
    results += [_result(outcome.name or "", outcome.error) for outcome in outcomes]
    return CreatePartitionsResponse(results=results)


def _wish(topic: CreatePartitionsTopic) -> Growth:
    nodes = None if topic.assignments is None else [assignment.broker_ids for assignment in topic.assignments]
    return Growth(topic.name, topic.count, nodes)


def _result(name: str, error: errors.KafkaError | None) -> CreatePartitionsTopicResult:
    return CreatePartitionsTopicResult(name=name, error_code=error.code if error else 0, error_message=error.message if error else None)


def refuse(request: CreatePartitionsRequest, version: int, error: errors.KafkaError) -> CreatePartitionsResponse:
    """The same error for every topic."""
    return CreatePartitionsResponse(results=[_result(name, error) for name in dict.fromkeys(topic.name for topic in request.topics)])


def changes(broker: Broker, request: CreatePartitionsRequest, response: CreatePartitionsResponse) -> Iterable[Change]:
    """One a topic."""
    counts = {topic.name: topic.count for topic in request.topics}
    for result in () if request.validate_only else response.results:
        yield Change("CreatePartitions", f"topic:{result.name}", result.error_code, f"partitions={counts[result.name]}")
