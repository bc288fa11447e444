"""Clients that people use, logging in by PLAIN against a file of names and hashes, and what their rights let them do."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.hooks.conftest import StartWith, start_with
from tests.support.broker import Broker, ours_only
from tests.support.logins import SASL_CONFIG
from tests.support.plugins import FakePlugin, SourcePlugin, environment_of

__all__ = ["StartWith", "start_with"]
pytestmark = [ours_only("plugins"), pytest.mark.clients]

RIGHTS = """
@hookimpl
def pybroker_authorize(principal, actions):
    return [Decision(principal.name == "alice" or action.operation == "Describe") for action in actions]
"""


@pytest.fixture
def broker(tmp_path: Path) -> Any:
    """alice may do everything, bob may look at topics."""
    import bcrypt

    users = tmp_path / "users"
    users.write_text("".join(f"{name}:{bcrypt.hashpw(f'{name}-secret'.encode(), bcrypt.gensalt(4)).decode()}\n" for name in ("alice", "bob")))
    plugins = SourcePlugin(tmp_path, "pybroker-auth-htpasswd"), FakePlugin(tmp_path, "rights", RIGHTS)
    settings = {**SASL_CONFIG, "pybroker.plugins": "auth-htpasswd,rights", "auth-htpasswd.file": str(users), "connections.max.reauth.ms": "3000"}
    with Broker(tmp_path / "data", settings, environment=environment_of(*plugins)) as made:
        yield made


def settings(broker: Broker, user: str, password: str | None = None) -> dict[str, Any]:
    """In librdkafka's words."""
    return {
        "bootstrap.servers": broker.bootstrap, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
        "sasl.username": user, "sasl.password": f"{user}-secret" if password is None else password,
    }  # fmt: skip


def test_confluent_kafka_round_trip_and_refusals(broker: Broker) -> None:
    import confluent_kafka as confluent

    told: list[Any] = []
    producer = confluent.Producer({**settings(broker, "alice"), "enable.idempotence": True})
    producer.produce("hers", b"value", callback=lambda error, message: told.append(error))
    assert producer.flush(15) == 0 and told == [None]
    consumer = confluent.Consumer({**settings(broker, "alice"), "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["hers"])
    message = consumer.poll(15)
    assert message is not None and message.error() is None and message.value() == b"value"
    consumer.close()
    told.clear()
    bob = confluent.Producer(settings(broker, "bob"))
    bob.produce("hers", b"value", callback=lambda error, message: told.append(error.code()))
    assert bob.flush(15) == 0 and told == [confluent.KafkaError.TOPIC_AUTHORIZATION_FAILED]


def test_confluent_kafka_says_that_a_login_failed(broker: Broker) -> None:
    import confluent_kafka as confluent
    from confluent_kafka.admin import AdminClient

    seen: list[int] = []
    client = AdminClient({**settings(broker, "alice", "wrong"), "error_cb": lambda error: seen.append(error.code())})
    with pytest.raises(confluent.KafkaException):
        client.list_topics(timeout=3)
    client.poll(0)
    assert confluent.KafkaError._AUTHENTICATION in seen


def test_confluent_kafka_logs_in_again_on_the_same_connection(broker: Broker) -> None:
    """Its login holds for 3 s; what it produces meanwhile and after is stored without a new connection."""
    import confluent_kafka as confluent

    errors: list[Any] = []
    producer = confluent.Producer({**settings(broker, "alice"), "error_cb": errors.append})
    import time

    end_s = time.monotonic() + 5
    count = 0
    while time.monotonic() < end_s:
        told: list[Any] = []
        producer.produce("again", b"x", callback=lambda error, message, told=told: told.append(error))
        assert producer.flush(10) == 0 and told == [None]
        count += 1
    assert count > 10 and not errors


def test_kafka_python_round_trip_and_refusals(broker: Broker) -> None:
    import kafka

    words = {"bootstrap_servers": broker.bootstrap, "security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}
    producer = kafka.KafkaProducer(**words, sasl_plain_username="alice", sasl_plain_password="alice-secret")
    assert producer.send("theirs", b"value").get(15).offset == 0
    producer.close()
    bob = kafka.KafkaProducer(**words, sasl_plain_username="bob", sasl_plain_password="bob-secret", retries=0)
    with pytest.raises(kafka.errors.TopicAuthorizationFailedError):
        bob.send("theirs", b"value").get(15)
    bob.close()


def test_aiokafka_round_trip_and_refusals(broker: Broker) -> None:
    import aiokafka
    from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

    words = {"bootstrap_servers": broker.bootstrap, "security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}

    async def run() -> None:
        topic = f"aio-{uuid.uuid4().hex[:8]}"
        producer = aiokafka.AIOKafkaProducer(**words, sasl_plain_username="alice", sasl_plain_password="alice-secret")
        await producer.start()
        try:
            assert (await producer.send_and_wait(topic, b"value")).offset == 0
        finally:
            await producer.stop()
        bob = aiokafka.AIOKafkaProducer(**words, sasl_plain_username="bob", sasl_plain_password="bob-secret")
        await bob.start()
        try:
            with pytest.raises(TopicAuthorizationFailedError):
                await bob.send_and_wait(topic, b"value")
        finally:
            await bob.stop()
        wrong = aiokafka.AIOKafkaProducer(**words, sasl_plain_username="alice", sasl_plain_password="wrong")
        with pytest.raises(KafkaError):
            await wrong.start()
        await wrong.stop()

    asyncio.run(run())
