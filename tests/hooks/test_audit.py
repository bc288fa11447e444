"""The audit on a running broker: every request that changes something is told, with who, what and how it ended; never with secrets."""

import json
from pathlib import Path
from typing import Any

import pytest

from pybroker.protocol.messages import k19_create_topics as k19
from pybroker.protocol.messages import k20_delete_topics as k20
from pybroker.protocol.messages import k21_delete_records as k21
from pybroker.protocol.messages import k33_alter_configs as k33
from pybroker.protocol.messages import k34_alter_replica_log_dirs as k34
from pybroker.protocol.messages import k37_create_partitions as k37
from pybroker.protocol.messages import k42_delete_groups as k42
from pybroker.protocol.messages import k47_offset_delete as k47
from tests.hooks.conftest import StartWith
from tests.support.broker import Broker, ours_only
from tests.support.kafka import BROKER_RESOURCE, DELETE, SET, Client

pytestmark = ours_only("plugins")

KEEPS = """
import json, os

@hookimpl
def pybroker_config_keys():
    return [ConfigKey("keeper.secret", "password", None, "A secret.")]

@hookimpl
def pybroker_startup(ctx):
    os.makedirs(ctx.data_dir)

@hookimpl
def pybroker_audit(events, ctx):
    with open(os.path.join(ctx.data_dir, "events"), "a") as out:
        for event in events:
            out.write(json.dumps([event.kind, event.principal, event.peer_host, event.listener, event.operation, event.resource, event.allowed, event.detail]) + "\\n")
"""


def events_of(broker: Broker, name: str = "keeper") -> list[list[Any]]:
    """Everything it was told; the broker has stopped, so nothing waits."""
    return [json.loads(line) for line in Path(broker.data_dir, "plugins", name, "events").read_text().splitlines()]


def test_every_altering_request_is_told(start_with: StartWith) -> None:
    broker = start_with({"keeper": KEEPS})
    client = Client(broker)
    topic = k19.CreatableTopic(name="a", num_partitions=2, replication_factor=1, configs=[k19.CreatableTopicConfig(name="retention.ms", value="5000")])
    client.call(k19.CreateTopicsRequest(topics=[topic]), 7)
    client.call(k19.CreateTopicsRequest(topics=[topic, k19.CreatableTopic(name="b", num_partitions=1, replication_factor=1)], validate_only=True), 7)
    client.call(k19.CreateTopicsRequest(topics=[topic]), 7)
    client.metadata(["auto"], create=True)
    client.call(k37.CreatePartitionsRequest(topics=[k37.CreatePartitionsTopic(name="a", count=3, assignments=None)]), 3)
    client.alter("a", [("retention.ms", SET, "6000"), ("max.message.bytes", DELETE, None)])
    client.alter("a", [("retention.ms", SET, "1")], validate_only=True)
    client.alter("", [("keeper.secret", SET, "hush"), ("no.such.key", SET, "hush")], resource_type=BROKER_RESOURCE)
    client.alter("", [("keeper.secret", SET, "hush")], resource_type=BROKER_RESOURCE)
    resource = k33.AlterConfigsResource(resource_type=2, resource_name="a", configs=[k33.AlterableConfig(name="retention.ms", value="7000")])
    client.call(k33.AlterConfigsRequest(resources=[resource]), 2)
    records = k21.DeleteRecordsTopic(name="a", partitions=[k21.DeleteRecordsPartition(partition_index=0, offset=-1), k21.DeleteRecordsPartition(partition_index=1, offset=9)])
    client.call(k21.DeleteRecordsRequest(topics=[records]), 2)
    place = k34.AlterReplicaLogDir(path="/nowhere", topics=[k34.AlterReplicaLogDirTopic(name="a", partitions=[0])])
    client.call(k34.AlterReplicaLogDirsRequest(dirs=[place]), 2)
    client.call(k42.DeleteGroupsRequest(groups_names=["g"]), 2)
    parts = [k47.OffsetDeleteRequestTopic(name="a", partitions=[k47.OffsetDeleteRequestPartition(partition_index=0)])]
    client.call(k47.OffsetDeleteRequest(group_id="g", topics=parts), 0)
    client.call(k20.DeleteTopicsRequest(topics=[k20.DeleteTopicState(name="a"), k20.DeleteTopicState(name="odd\nname")]), 6)
    client.close()
    broker.stop()
    events = events_of(broker)
    assert {(event[0], event[1], event[2], event[3]) for event in events} == {("admin", "User:ANONYMOUS", "127.0.0.1", "PLAINTEXT")}
    assert [(operation, resource, allowed, detail) for *_, operation, resource, allowed, detail in events] == [
        ("CreateTopics", "topic:a", True, "partitions=2 replication_factor=1 configs=retention.ms=5000"),
        ("CreateTopics", "topic:a", False, "partitions=2 replication_factor=1 configs=retention.ms=5000 error=TOPIC_ALREADY_EXISTS"),
        ("CreateTopics", "topic:auto", True, "automatic"),
        ("CreatePartitions", "topic:a", True, "partitions=3"),
        ("IncrementalAlterConfigs", "topic:a", True, "retention.ms=6000,-max.message.bytes"),
        ("IncrementalAlterConfigs", "broker:", False, "keeper.secret=[hidden],no.such.key=[hidden] error=INVALID_CONFIG"),
        ("IncrementalAlterConfigs", "broker:", True, "keeper.secret=[hidden]"),
        ("AlterConfigs", "topic:a", True, "retention.ms=7000"),
        ("DeleteRecords", "topic:a", False, "0@0,1@-1 error=OFFSET_OUT_OF_RANGE"),
        ("AlterReplicaLogDirs", "topic:a", False, "0:/nowhere error=LOG_DIR_NOT_FOUND"),
        ("DeleteGroups", "group:g", False, "error=GROUP_ID_NOT_FOUND"),
        ("OffsetDelete", "group:g", False, "a-0 error=GROUP_ID_NOT_FOUND"),
        ("DeleteTopics", "topic:odd\\nname", False, "error=UNKNOWN_TOPIC_OR_PARTITION"),
        ("DeleteTopics", "topic:a", True, ""),
    ]
    assert "hush" not in json.dumps(events)


def test_a_refused_topic_is_told_of(start_with: StartWith) -> None:
    policy = "@hookimpl\ndef pybroker_topic_policy():\n    return PolicyViolation('no')\n"
    broker = start_with({"keeper": KEEPS, "policy": policy})
    client = Client(broker)
    client.try_create_topic(name="a")
    client.metadata(["auto"], create=True)
    client.close()
    broker.stop()
    assert [(event[5], event[6], event[7].split()[-1]) for event in events_of(broker)] == [("topic:a", False, "error=POLICY_VIOLATION"), ("topic:auto", False, "no")]


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "raise ValueError('no')", "import threading; threading.Event().wait(60)", "events.clear(); return 7"])
def test_a_plugin_that_fails_holds_nobody_up_and_others_are_told(start_with: StartWith, body: str) -> None:
    bad = f"@hookimpl\ndef pybroker_audit(events):\n    {body}\n"
    broker = start_with({"keeper": KEEPS, "bad": bad}, facts="control_deadline_ms=100")
    client = Client(broker)
    for number in range(20):
        assert client.try_create_topic(name=f"t{number}").error_code == 0
    client.close()
    broker.stop()
    assert [event[5] for event in events_of(broker)] == [f"topic:t{number}" for number in range(20)]
