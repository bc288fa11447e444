"""kafkajs (Node): create, produce without and with gzip, idempotent, offsets; read back by confluent-kafka. Its consumer needs groups, which come later; its
snappy, lz4 and zstd are packages of other people."""

import json
import subprocess
from itertools import count
from pathlib import Path
from shutil import which

import pytest

from tests.clients.python.test_python_clients import AioKafka, ConfluentKafka, T

pytestmark = [pytest.mark.clients, pytest.mark.skipif(which("node") is None or which("npm") is None, reason="node and npm are not installed")]
HERE = Path(__file__).resolve().parent
NAMES = (f"kafkajs-{n}" for n in count())
RECORDS = [{"key": "k", "value": "plain", "timestamp": T}, {"key": None, "value": "no key", "timestamp": T + 10}, {"key": "k", "value": None, "timestamp": T + 20},
           {"key": "k", "value": "", "timestamp": T + 30}, {"key": "h", "value": "headers", "headers": {"one": "1"}, "timestamp": T + 40},
           *[{"key": str(n), "value": "many" * n, "timestamp": T + 100 + n} for n in range(1, 200)]]  # fmt: skip


@pytest.fixture(scope="module")
def node_modules():
    if not (HERE / "node_modules" / "kafkajs").is_dir():
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"], cwd=HERE, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stdout + done.stderr


def node(bootstrap: str, *words: str, data: object = None):
    done = subprocess.run(["node", str(HERE / "client.js"), bootstrap, *words], input=json.dumps(data), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def as_bytes(text):
    return None if text is None else text.encode()


@pytest.mark.parametrize("codec", ["none", "gzip"])
def test_what_kafkajs_writes_others_read(shared_broker, node_modules, codec):
    topic = next(NAMES)
    assert node(shared_broker.bootstrap, "create", topic) == {"created": True, "partitions": 1}
    answer = node(shared_broker.bootstrap, "write", topic, codec, data=RECORDS)
    assert [(row["errorCode"], row["baseOffset"]) for row in answer] == [(0, "0")]
    for client in (ConfluentKafka(shared_broker.bootstrap), AioKafka(shared_broker.bootstrap)):
        found = client.read(topic, "start", len(RECORDS))
        assert [(rec.key, rec.value, rec.timestamp) for _, rec in found] == [(as_bytes(rec["key"]), as_bytes(rec["value"]), rec["timestamp"]) for rec in RECORDS]
        assert found[4][1].headers == (("one", b"1"),)


def test_kafkajs_finds_offsets(shared_broker, node_modules):
    topic = next(NAMES)
    node(shared_broker.bootstrap, "create", topic)
    node(shared_broker.bootstrap, "write", topic, "none", data=RECORDS)
    assert node(shared_broker.bootstrap, "offsets", topic, str(T + 15)) == {"low": "0", "high": str(len(RECORDS)), "at": "2"}
