"""The plugin in a broker: bad records are refused with their index and the reason, bad schemas when they are set."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pybroker_serde_json import plugin

from pybroker.hooks import ConfigChangeRequest, PolicyViolation
from pybroker.protocol.errors import KafkaError
from pybroker.testing import Broker, Client
from pybroker.testing.hooks import Harness

TYPE, SCHEMA = "pybroker.value.schema.type", "pybroker.value.schema"
NUMBER = json.dumps({"type": "number"})


def test_schemas_are_looked_at_when_they_are_set(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(NUMBER)
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "link.json").symlink_to("/etc/passwd")
    with Harness(plugin, {"pybroker.schema.dir": str(tmp_path)}) as asked:

        def change(schema: str, kind: str = "json") -> object:
            return asked.ask("pybroker_config_policy", request=ConfigChangeRequest("topic", "t", {}, {TYPE: kind, SCHEMA: schema}))

        assert change(NUMBER) is None and change("") is None and change("file:good.json") is None and change("{", "avro") is None
        for wrong in ("{", "file:bad.json", "file:../good.json", "file:no.json", "file:link.json", "file:/etc/passwd", "file:"):
            assert isinstance(change(wrong), PolicyViolation), wrong


def test_records_are_refused_by_index_and_reason(pybroker_start: Callable[..., Broker]) -> None:
    broker = pybroker_start(plugins=["serde-json"])
    with Client(broker.address) as client:
        client.create_topic("numbers", configs={TYPE: "json", SCHEMA: NUMBER})
        client.create_topic("plain")
        assert client.produce("numbers", [b"1", b"2.5"]).error == ""
        assert client.produce("plain", [b"x"]).error == ""
        refused = client.produce("numbers", [b"1", b'"two"', b"3"])
        assert refused.error == "INVALID_RECORD" and [index for index, _text in refused.record_errors] == [1]
        assert "value: the document: " in str(refused.text) and "two" not in str(refused.text)
        with pytest.raises(KafkaError):
            client.alter_topic("numbers", {SCHEMA: "{"})
        assert [record.value for record in client.read("numbers")] == [b"1", b"2.5"]
