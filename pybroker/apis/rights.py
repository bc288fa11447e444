"""Which rights each key needs, and what becomes of a request that lacks them. A broker without an authorizer never imports this.

Most keys are a row of a table: a right for the whole request, then one for each element of a list. Elements that may not be served are taken out, the handler serves the rest, and
their refusals, as the handler itself gives them, join its answer. A few keys filter their answer instead: those have functions below.

Oracle      who may not describe a topic cannot tell it from one that is not there: named topics are answered alike, ids as unknown ones
Source      Kafka's table of operations and resources by key; kafka:core KafkaApis for order and codes
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from copy import copy
from inspect import isawaitable
from types import ModuleType
from typing import Any, NamedTuple

from pybroker.apis.context import Broker, Caller
from pybroker.hooks.types import Action
from pybroker.metadata.records import RESOURCE_GROUP, RESOURCE_TOPIC, ZERO_ID
from pybroker.protocol import errors
from pybroker.security.authorizer import CLUSTER_NAME, OPERATIONS, Authorizer
from pybroker.security.subjects import Subject

TOPIC_OPERATIONS = ("Read", "Write", "Create", "Delete", "Alter", "Describe", "DescribeConfigs", "AlterConfigs")
GROUP_OPERATIONS = ("Read", "Delete", "Describe", "DescribeConfigs", "AlterConfigs")
CLUSTER_OPERATIONS = ("Create", "Alter", "Describe", "ClusterAction", "DescribeConfigs", "AlterConfigs", "IdempotentWrite")
ANY_TOPICS_MAX = 1000
"""Topics looked at for a right on any topic."""

_ERRORS: dict[str, type[errors.KafkaError]] = {
    "Topic": errors.TopicAuthorizationFailed,
    "Group": errors.GroupAuthorizationFailed,
    "Cluster": errors.ClusterAuthorizationFailed,
    "TransactionalId": errors.TransactionalIdAuthorizationFailed,
}


def topic(operation: str, name: str) -> Action:
    return Action(operation, "Topic", name)


def group(operation: str, name: str) -> Action:
    return Action(operation, "Group", name)


def cluster(operation: str) -> Action:
    return Action(operation, "Cluster", CLUSTER_NAME)


class Asking(NamedTuple):
    """One request on its way."""

    broker: Broker
    authorizer: Authorizer
    handler: ModuleType
    message: Any
    caller: Caller
    subject: Subject

    async def may(self, action: Action, *, quietly: bool = False) -> bool:
        return await self.authorizer.may(self.subject, action, quietly=quietly)

    async def need(self, action: Action) -> None:
        """Raises the error of its kind of resource."""
        if not await self.may(action):
            raise _ERRORS[action.resource_type]()

    async def which(self, actions: Sequence[Action], *, quietly: bool = False) -> list[bool]:
        return await self.authorizer.decide(self.subject, actions, quietly=quietly)

    async def serve(self, message: Any = None) -> Any:
        """What the handler makes of the request, or of what is left of it."""
        result = self.handler.handle(self.broker, self.message if message is None else message, self.caller)
        return await result if isawaitable(result) else result

    def topic_name(self, topic_id: bytes) -> str | None:
        found = self.broker.controller.image.by_id.get(topic_id)
        return found.name if found is not None else None


class Each(NamedTuple):
    """A right for each element of ``field``; their answers are in ``told``. ``action`` None: that element needs none."""

    field: str
    action: Callable[[Asking, Any], Action | None]
    told: str
    unless: Action | None = None
    """Who has this right needs none for the elements."""


class Row(NamedTuple):
    """``whole``: rights for the request, asked in order; the first that lacks is told. ``each``: the first of these whose field holds something."""

    whole: Callable[[Any], Iterable[Action]] = lambda _message: ()
    each: Sequence[Each] = ()


async def _row(asking: Asking, row: Row) -> Any:
    for action in row.whole(asking.message):
        await asking.need(action)
    for each in row.each:
        if getattr(asking.message, each.field):
            return await _each(asking, each)
    return asking.handler.handle(asking.broker, asking.message, asking.caller)


async def _each(asking: Asking, each: Each) -> Any:
    items = getattr(asking.message, each.field)
    if each.unless is not None and await asking.may(each.unless, quietly=True):
        return asking.handler.handle(asking.broker, asking.message, asking.caller)
    actions = [each.action(asking, item) for item in items]
    needed = [action for action in actions if action is not None]
    granted = iter(await asking.which(needed))
    allowed = [action is None or next(granted) for action in actions]
    if all(allowed):
        return asking.handler.handle(asking.broker, asking.message, asking.caller)
    response = await asking.serve(_with(asking.message, each.field, [item for item, may in zip(items, allowed, strict=True) if may]))
    for kind, error in _ERRORS.items():
        refused = [item for item, action, may in zip(items, actions, allowed, strict=True) if not may and action is not None and action.resource_type == kind]
        if refused:
            told = asking.handler.refuse(_with(asking.message, each.field, refused), asking.caller.api_version, error())
            setattr(response, each.told, [*getattr(response, each.told), *getattr(told, each.told)])
    return response


def _with(message: Any, field: str, items: list[Any]) -> Any:
    changed = copy(message)
    setattr(changed, field, items)
    return changed


# ---- actions of elements


def _named(operation: str) -> Callable[[Asking, Any], Action | None]:
    return lambda _asking, item: topic(operation, item.name)


def _by_name_or_id(operation: str) -> Callable[[Asking, Any], Action | None]:
    def action(asking: Asking, item: Any) -> Action | None:
        name = item.name if item.topic_id == ZERO_ID else asking.topic_name(item.topic_id)
        return topic(operation, name) if name else None

    return action


def _group_id(operation: str) -> Callable[[Asking, Any], Action | None]:
    return lambda _asking, item: group(operation, item)


def _resource(operation: str) -> Callable[[Asking, Any], Action | None]:
    def action(_asking: Asking, item: Any) -> Action:
        if item.resource_type == RESOURCE_TOPIC:
            return topic(operation, item.resource_name)
        return group(operation, item.resource_name) if item.resource_type == RESOURCE_GROUP else cluster(operation)

    return action


def _coordinator(asking: Asking, key: str) -> Action | None:
    return Action("Describe", "TransactionalId", key) if asking.message.key_type == 1 else group("Describe", key)


def _whole_group(operation: str) -> Callable[[Any], Iterable[Action]]:
    return lambda message: (group(operation, message.group_id),)


# ---- keys that are no row


async def _metadata(asking: Asking) -> Any:
    """Topics that may not be described are left out of a list of all, and refused where they are named: whether they exist or not."""
    message, version, image = asking.message, asking.caller.api_version, asking.broker.controller.image
    every = message.topics is None or (version == 0 and not message.topics)
    wishes = [] if every else [(wish, wish.name if wish.topic_id == ZERO_ID else asking.topic_name(wish.topic_id)) for wish in message.topics]
    names = list(image.by_name) if every else [name for _wish, name in wishes]
    granted = dict(zip(names, await asking.which([topic("Describe", name or "") for name in names], quietly=every), strict=True))
    if every and all(granted.values()) and not (message.include_topic_authorized_operations or message.include_cluster_authorized_operations):
        return await asking.serve()
    creates = message.allow_auto_topic_creation and not every and asking.broker.config.boolean("auto.create.topics.enable")
    missing = [name for name in granted if creates and name and granted[name] and name not in image.by_name]
    unmakable = await _unmakable(asking, missing) if missing else set()
    changed = copy(message)
    changed.topics = [wish for wish, name in wishes if name is None or (granted[name] and name not in unmakable)]
    nothing_left = not every and not changed.topics
    if nothing_left:                                                        # the brokers alone; an empty list would ask an old version for all topics
        changed.topics, changed.allow_auto_topic_creation = [_nobody()], False
    response = _decoded_metadata(await asking.serve(message if every else changed), version)
    if every or nothing_left:
        response.topics = [row for row in response.topics if granted.get(row.name, False)]
    for wish, name in wishes:
        if name is not None and (not granted[name] or name in unmakable):
            by_id = wish.topic_id != ZERO_ID
            error = errors.UnknownTopicId if by_id else errors.TopicAuthorizationFailed
            response.topics.append(_topic_row(error.code, None if by_id else name, wish.topic_id))
    await _tell_operations(asking, response)
    return response


def _decoded_metadata(body: bytes, version: int) -> Any:
    from pybroker.protocol.messages.k03_metadata import MetadataResponse

    return MetadataResponse.decode(bytes(body), version)[0]


def _topic_row(code: int, name: str | None, topic_id: bytes) -> Any:
    from pybroker.protocol.messages.k03_metadata import MetadataResponseTopic

    return MetadataResponseTopic(error_code=code, name=name, topic_id=topic_id)


def _nobody() -> Any:
    from pybroker.protocol.messages.k03_metadata import MetadataRequestTopic

    return MetadataRequestTopic(name="")                                    # no topic has this name


async def _unmakable(asking: Asking, names: Sequence[str]) -> set[str]:
    """Those that this client may not bring into being."""
    if await asking.may(cluster("Create"), quietly=True):
        return set()
    granted = await asking.which([topic("Create", name) for name in names])
    return {name for name, may in zip(names, granted, strict=True) if not may}


async def _bits(asking: Asking, operations: Sequence[str], resource_type: str, name: str) -> int:
    granted = await asking.which([Action(operation, resource_type, name) for operation in operations], quietly=True)
    return sum(1 << OPERATIONS[operation] for operation, may in zip(operations, granted, strict=True) if may)


async def _tell_operations(asking: Asking, response: Any) -> None:
    if asking.message.include_cluster_authorized_operations:
        response.cluster_authorized_operations = await _cluster_bits(asking)
    if asking.message.include_topic_authorized_operations:
        for row in response.topics:
            if row.error_code == 0 and row.name:
                row.topic_authorized_operations = await _bits(asking, TOPIC_OPERATIONS, "Topic", row.name)


async def _cluster_bits(asking: Asking) -> int:
    may = await asking.may(cluster("Describe"), quietly=True)
    return await _bits(asking, CLUSTER_OPERATIONS, "Cluster", CLUSTER_NAME) if may else 0


async def _offset_commit(asking: Asking) -> Any:
    return await _row(asking, Row(_whole_group("Read"), [Each("topics", _by_name_or_id("Read"), "topics")]))


async def _offset_fetch(asking: Asking) -> Any:
    """Groups that may be described; in them topics that may be, which are left out of a list of all."""
    message, version = asking.message, asking.caller.api_version
    if version >= 8:
        response = await _each(asking, Each("groups", lambda _asking, item: group("Describe", item.group_id), "groups")) if message.groups else await asking.serve()
        response = await response if isawaitable(response) else response
        wished = {item.group_id: item.topics for item in message.groups}
        for row in response.groups:
            await _hide_topics(asking, row, wished[row.group_id])
        return response
    await asking.need(group("Describe", message.group_id))
    response = await asking.serve()
    await _hide_topics(asking, response, message.topics)
    return response


async def _hide_topics(asking: Asking, row: Any, wished: Any) -> None:
    names = [item.name or asking.topic_name(item.topic_id) for item in row.topics] if asking.caller.api_version >= 10 else [item.name for item in row.topics]
    granted = await asking.which([topic("Describe", name or "") for name in names], quietly=wished is None)
    kept = []
    for item, name, may in zip(row.topics, names, granted, strict=True):
        if may or not name:
            kept.append(item)
        elif wished is not None:
            for part in item.partitions:
                part.committed_offset, part.committed_leader_epoch, part.metadata, part.error_code = -1, -1, "", errors.TopicAuthorizationFailed.code
            kept.append(item)
    row.topics = kept


async def _groups_with_operations(asking: Asking, field: str) -> Any:
    response = await _each(asking, Each(field, _group_id("Describe"), "groups")) if getattr(asking.message, field) else await asking.serve()
    response = await response if isawaitable(response) else response
    if asking.message.include_authorized_operations:
        for row in response.groups:
            if row.error_code != errors.GroupAuthorizationFailed.code:
                row.authorized_operations = await _bits(asking, GROUP_OPERATIONS, "Group", row.group_id)
    return response


async def _describe_groups(asking: Asking) -> Any:
    return await _groups_with_operations(asking, "groups")


async def _describe_consumer_groups(asking: Asking) -> Any:
    """A group that reads topics which the client may not describe is not shown."""
    response = await _groups_with_operations(asking, "group_ids")
    for row in response.groups:
        names = {name for member in row.members for name in member.subscribed_topic_names}
        names |= {part.topic_name for member in row.members for held in (member.assignment, member.target_assignment) for part in held.topic_partitions}
        if not all(await asking.which([topic("Describe", name) for name in names])):
            row.error_code = errors.TopicAuthorizationFailed.code
            row.error_message = "The described group uses topics that the client is not authorized to describe."
            row.members = []
    return response


async def _list_groups(asking: Asking) -> Any:
    response = await asking.serve()
    if not await asking.may(cluster("Describe"), quietly=True):
        granted = await asking.which([group("Describe", row.group_id) for row in response.groups], quietly=True)
        response.groups = [row for row, may in zip(response.groups, granted, strict=True) if may]
    return response


async def _create_topics(asking: Asking) -> Any:
    """Configs of what was made are shown to those who may see them."""
    response = await _each(asking, Each("topics", _named("Create"), "topics", cluster("Create"))) if asking.message.topics else await asking.serve()
    response = await response if isawaitable(response) else response
    made = [row for row in response.topics if row.error_code == 0]
    for row, may in zip(made, await asking.which([topic("DescribeConfigs", row.name) for row in made], quietly=True), strict=True):
        if not may:
            row.topic_config_error_code = errors.TopicAuthorizationFailed.code
            row.num_partitions = row.replication_factor = -1
            row.configs = None
    return response


async def _delete_topics(asking: Asking) -> Any:
    if asking.caller.api_version < 6:
        return await _row(asking, Row(each=[Each("topic_names", lambda _asking, name: topic("Delete", name), "responses")]))
    return await _row(asking, Row(each=[Each("topics", _by_name_or_id("Delete"), "responses")]))


async def _init_producer_id(asking: Asking) -> Any:
    """With a transactional id the right to it; else to write idempotently, or to write to some topic at all."""
    transactional_id = asking.message.transactional_id
    if transactional_id is not None:
        await asking.need(Action("Write", "TransactionalId", transactional_id))
    elif not await asking.may(cluster("IdempotentWrite"), quietly=True):
        names = [one.name for one in asking.broker.controller.image.by_name.values() if not one.internal][:ANY_TOPICS_MAX]
        if not any(await asking.which([topic("Write", name) for name in names], quietly=True)):
            await asking.need(cluster("IdempotentWrite"))
    return asking.handler.handle(asking.broker, asking.message, asking.caller)


async def _offset_delete(asking: Asking) -> Any:
    message = asking.message
    await asking.need(group("Delete", message.group_id))
    granted = await asking.which([topic("Read", item.name) for item in message.topics])
    response = await asking.serve(_with(message, "topics", [item for item, may in zip(message.topics, granted, strict=True) if may]))
    from pybroker.protocol.messages.k47_offset_delete import OffsetDeleteResponsePartition, OffsetDeleteResponseTopic

    code = errors.TopicAuthorizationFailed.code
    for item, may in zip(message.topics, granted, strict=True):
        if not may and response.error_code == 0:
            rows = [OffsetDeleteResponsePartition(partition_index=part.partition_index, error_code=code) for part in item.partitions]
            response.topics.append(OffsetDeleteResponseTopic(name=item.name, partitions=rows))
    return response


async def _describe_cluster(asking: Asking) -> Any:
    response = await asking.serve()
    if asking.message.include_cluster_authorized_operations and response.error_code == 0:
        response.cluster_authorized_operations = await _cluster_bits(asking)
    return response


async def _heartbeat(asking: Asking) -> Any:
    """The loop may answer the next ones."""
    read = group("Read", asking.message.group_id)
    await asking.need(read)
    asking.authorizer.teach(asking.subject, [read])
    return asking.handler.handle(asking.broker, asking.message, asking.caller)


async def _consumer_heartbeat(asking: Asking) -> Any:
    """Who subscribes may describe all of what he subscribes to."""
    names = asking.message.subscribed_topic_names or ()
    read = group("Read", asking.message.group_id)
    await asking.need(read)
    if not all(await asking.which([topic("Describe", name) for name in names])):
        raise errors.TopicAuthorizationFailed()
    asking.authorizer.teach(asking.subject, [read])
    return asking.handler.handle(asking.broker, asking.message, asking.caller)


async def _describe_topic_partitions(asking: Asking) -> Any:
    """As Metadata: what is not described is left out of a list of all, and refused where it is named. Pages are counted over what is served."""
    from pybroker.protocol.messages.k75_describe_topic_partitions import DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponseTopic, TopicRequest

    message = asking.message
    every = not message.topics
    names = sorted({item.name for item in message.topics}) if message.topics else list(asking.broker.controller.image.names)
    if every and message.cursor is not None:
        names = [name for name in names if name >= message.cursor.topic_name]
    granted = dict(zip(names, await asking.which([topic("Describe", name) for name in names], quietly=every), strict=True))
    allowed = [name for name in names if granted[name]]
    refused = [] if every else [name for name in names if not granted[name]]
    response = DescribeTopicPartitionsResponse(topics=[])
    if allowed:
        changed = _with(message, "topics", [TopicRequest(name=name) for name in allowed])
        if message.cursor is not None and message.cursor.topic_name not in allowed:
            later = [name for name in allowed if name > message.cursor.topic_name]
            changed = _with(_with(changed, "topics", [TopicRequest(name=name) for name in later]), "cursor", None)  # type: ignore[arg-type]
        response = await asking.serve(changed) if changed.topics else response
    for row in response.topics:
        if row.error_code == 0:
            row.topic_authorized_operations = await _bits(asking, TOPIC_OPERATIONS, "Topic", row.name or "")
    code = errors.TopicAuthorizationFailed.code
    response.topics = [DescribeTopicPartitionsResponseTopic(error_code=code, name=name, topic_id=ZERO_ID, partitions=[]) for name in refused] + response.topics
    return response


NONE = Row()
"""Whoever reaches the broker may ask this."""

RIGHTS: dict[int, Row | Callable[[Asking], Awaitable[Any]]] = {
    3: _metadata,
    8: _offset_commit,
    9: _offset_fetch,
    10: Row(lambda message: () if message.coordinator_keys else (_coordinator_action(message),), [Each("coordinator_keys", _coordinator, "coordinators")]),
    11: Row(_whole_group("Read")),
    12: _heartbeat,
    13: Row(_whole_group("Read")),
    14: Row(_whole_group("Read")),
    15: _describe_groups,
    16: _list_groups,
    17: NONE,
    19: _create_topics,
    20: _delete_topics,
    21: Row(each=[Each("topics", _named("Delete"), "topics")]),
    22: _init_producer_id,
    32: Row(each=[Each("resources", _resource("DescribeConfigs"), "results")]),
    33: Row(each=[Each("resources", _resource("AlterConfigs"), "responses")]),
    34: Row(lambda _message: (cluster("Alter"),)),
    35: Row(lambda _message: (cluster("Describe"),)),
    36: NONE,
    37: Row(each=[Each("topics", _named("Alter"), "results")]),
    42: Row(each=[Each("groups_names", _group_id("Delete"), "results")]),
    44: Row(each=[Each("resources", _resource("AlterConfigs"), "responses")]),
    47: _offset_delete,
    60: _describe_cluster,
    68: _consumer_heartbeat,
    69: _describe_consumer_groups,
    75: _describe_topic_partitions,
}
"""Of each key of the control plane. One that is not in here is refused."""


def _coordinator_action(message: Any) -> Action:
    return Action("Describe", "TransactionalId", message.key) if message.key_type == 1 else group("Describe", message.key)


class Guard:
    """Stands before the handlers of a broker that has an authorizer."""

    def __init__(self, broker: Broker, authorizer: Authorizer) -> None:
        self._broker = broker
        self._authorizer = authorizer

    async def handle(self, handler: ModuleType, message: Any, caller: Caller) -> Any:
        """What the handler answers, or a future of it; refusals in the place that the key has for them. Raises the error for a whole request."""
        row = RIGHTS.get(handler.REQUEST.API_KEY)
        if row is None:
            raise errors.ClusterAuthorizationFailed()
        asking = Asking(self._broker, self._authorizer, handler, message, caller, self._authorizer.subject(caller))
        result = await (_row(asking, row) if isinstance(row, Row) else row(asking))
        return await result if isinstance(result, Coroutine) else result
