"""What altering requests tell the audit: every key has decided whether it changes anything, and refusals are told as well."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from pybroker.broker.dispatcher import HANDLERS
from pybroker.protocol import errors
from pybroker.protocol.messages import k19_create_topics as k19
from pybroker.protocol.messages import k20_delete_topics as k20
from pybroker.protocol.messages import k21_delete_records as k21
from pybroker.protocol.messages import k33_alter_configs as k33
from pybroker.protocol.messages import k34_alter_replica_log_dirs as k34
from pybroker.protocol.messages import k37_create_partitions as k37
from pybroker.protocol.messages import k42_delete_groups as k42
from pybroker.protocol.messages import k44_incremental_alter_configs as k44
from pybroker.protocol.messages import k47_offset_delete as k47

UNAUDITED = {3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 22, 32, 35, 36, 60, 68, 69, 75}
"""Keys that look, log in, or are a client's daily work; what Metadata makes automatically is told where it is made."""

REQUESTS: dict[int, tuple[Any, str]] = {
    19: (k19.CreateTopicsRequest(topics=[k19.CreatableTopic(name="a")]), "topic:a"),
    20: (k20.DeleteTopicsRequest(topics=[k20.DeleteTopicState(name=None, topic_id=bytes(15) + b"\1")], topic_names=[]), "topic-id:00000000000000000000000000000001"),
    21: (k21.DeleteRecordsRequest(topics=[k21.DeleteRecordsTopic(name="a", partitions=[k21.DeleteRecordsPartition(partition_index=3)])]), "topic:a"),
    33: (k33.AlterConfigsRequest(resources=[k33.AlterConfigsResource(resource_type=2, resource_name="a")]), "topic:a"),
    34: (k34.AlterReplicaLogDirsRequest(dirs=[k34.AlterReplicaLogDir(path="/x", topics=[k34.AlterReplicaLogDirTopic(name="a", partitions=[1])])]), "topic:a"),
    37: (k37.CreatePartitionsRequest(topics=[k37.CreatePartitionsTopic(name="a", count=2, assignments=None)]), "topic:a"),
    42: (k42.DeleteGroupsRequest(groups_names=["g"]), "group:g"),
    44: (k44.IncrementalAlterConfigsRequest(resources=[k44.AlterConfigsResource(resource_type=99, resource_name="a")]), "99:a"),
    47: (k47.OffsetDeleteRequest(group_id="g", topics=[]), "group:g"),
}


@pytest.mark.parametrize("key", sorted(HANDLERS))
def test_every_key_has_decided(key: int) -> None:
    assert hasattr(import_module(f"pybroker.apis.{HANDLERS[key]}"), "changes") == (key not in UNAUDITED)


@pytest.mark.parametrize("key", sorted(REQUESTS))
def test_what_is_refused_as_a_whole_is_told(make: Callable[..., Any], key: int) -> None:
    request, resource = REQUESTS[key]
    handler = import_module(f"pybroker.apis.{HANDLERS[key]}")
    response = handler.refuse(request, 6 if key == 20 else 0, errors.KafkaStorageError())
    [change] = handler.changes(make(), request, response)
    assert (change.resource, change.error) == (resource, 56) and change.text.endswith("error=KAFKA_STORAGE_ERROR")


@pytest.mark.parametrize("key", [19, 33, 37, 44])
def test_what_only_validates_is_not_told(make: Callable[..., Any], key: int) -> None:
    request, _resource = REQUESTS[key]
    request.validate_only = True
    handler = import_module(f"pybroker.apis.{HANDLERS[key]}")
    try:
        assert list(handler.changes(make(), request, handler.refuse(request, 0, errors.KafkaStorageError()))) == []
    finally:
        request.validate_only = False


def test_lists_are_clipped() -> None:
    from pybroker.apis.changes import LISTED_MAX, listed

    assert listed(range(3)) == "0,1,2"
    assert listed(range(100)).count(",") == LISTED_MAX and listed(range(100)).endswith(",…")
