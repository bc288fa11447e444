"""What the settings of groups do, each on a broker of its own."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support import kafka
from tests.support.consumer_groups import ConsumerGroups
from tests.support.fixtures import StartBroker
from tests.support.groups import (
    COORDINATOR_NOT_AVAILABLE,
    GROUP_ID_NOT_FOUND,
    INVALID_SESSION_TIMEOUT,
    MEMBER_ID_REQUIRED,
    OFFSET_METADATA_TOO_LARGE,
    UNSUPPORTED_ASSIGNOR,
    assignment,
    served,
    subscription,
)

pytestmark = served(8, 9, 10, 11, 12, 13, 14, 15, 16, 68, 69)


@contextmanager
def groups_with(start_broker: StartBroker, **settings: str) -> Iterator[ConsumerGroups]:
    groups = ConsumerGroups(start_broker({key.replace("_", "."): value for key, value in settings.items()}))
    try:
        yield groups
    finally:
        groups.close()


def test_first_rebalance_waits_for_the_delay(start_broker: StartBroker) -> None:
    """Who comes within it is in the first generation."""
    with groups_with(start_broker, group_initial_rebalance_delay_ms="700") as groups:
        first, second = groups.member("g"), groups.member("g")
        first.take_id()
        begin = time.monotonic()
        first.send_join()
        second.take_id()
        second.send_join()
        assert first.joined().generation_id == second.joined().generation_id == 1
        assert time.monotonic() - begin >= 0.7


def test_the_consumer_protocol_can_be_off(start_broker: StartBroker) -> None:
    with groups_with(start_broker, group_coordinator_rebalance_protocols="classic") as groups:
        topic = groups.topic()
        assert groups.consumer(topics=[topic]).try_join().error_code == kafka.UNSUPPORTED_VERSION
        [member] = groups.stable()
        assert member.heartbeat() == kafka.NONE


def test_groups_stay_what_they_are_where_moving_is_disabled(start_broker: StartBroker) -> None:
    with groups_with(start_broker, group_consumer_migration_policy="disabled") as groups:
        topic = groups.topic()
        classic = groups.member(protocols=[("range", subscription(topic))])
        classic.join()
        groups.sync([classic], {classic.member_id: assignment({topic: [0]})})
        answer = groups.consumer(classic.group, [topic]).try_join()
        assert answer.error_code == GROUP_ID_NOT_FOUND and answer.error_message
        assert (classic.heartbeat(), groups.listed()[classic.group].group_type) == (kafka.NONE, "classic")


def test_assignors_are_those_that_are_named(start_broker: StartBroker) -> None:
    """The first one is the default."""
    with groups_with(start_broker, group_consumer_assignors="range") as groups:
        topic = groups.topic()
        assert groups.consumer(topics=[topic], assignor="uniform").try_join().error_code == UNSUPPORTED_ASSIGNOR
        [member] = groups.consumers(1, [topic])
        assert groups.consumer_group(member.group).assignor_name == "range"


def test_heartbeat_interval_is_told(start_broker: StartBroker) -> None:
    with groups_with(start_broker, group_consumer_min_heartbeat_interval_ms="100", group_consumer_heartbeat_interval_ms="1234") as groups:
        assert groups.consumer(topics=[groups.topic()]).join().heartbeat_interval_ms == 1234


def test_bounds_of_the_session_time_out(start_broker: StartBroker) -> None:
    with groups_with(start_broker, group_min_session_timeout_ms="5000", group_max_session_timeout_ms="6000") as groups:
        codes = [groups.member(session_ms=session_ms).try_join().error_code for session_ms in (4999, 5000, 6000, 6001)]
        assert codes == [INVALID_SESSION_TIMEOUT, MEMBER_ID_REQUIRED, MEMBER_ID_REQUIRED, INVALID_SESSION_TIMEOUT]


def test_bound_of_the_metadata_of_offsets(start_broker: StartBroker) -> None:
    with groups_with(start_broker, offset_metadata_max_bytes="10") as groups:
        topic = groups.topic()
        assert groups.commit("g", [(topic, 0, 1)], metadata="x" * 10)[0][2] == kafka.NONE
        assert groups.commit("g", [(topic, 0, 2)], metadata="x" * 11)[0][2] == OFFSET_METADATA_TOO_LARGE
        assert groups.commit("g", [(topic, 0, 2)], metadata="ü" * 10)[0][2] == kafka.NONE, "characters, as Kafka counts"


def test_number_of_groups_is_bounded(start_broker: StartBroker) -> None:
    """One more is told so; those that are there go on, and a place that is free can be taken."""
    with groups_with(start_broker, pybroker_groups_max="3") as groups:
        topic = groups.topic()
        [member] = groups.stable(group="one")
        assert groups.commit("two", [(topic, 0, 1)])[0][2] == kafka.NONE
        assert groups.consumer("three", [topic]).join().member_epoch > 0
        assert groups.commit("four", [(topic, 0, 1)])[0][2] == COORDINATOR_NOT_AVAILABLE
        assert groups.member("four").try_join(0).error_code == COORDINATOR_NOT_AVAILABLE
        assert groups.consumer("four", [topic]).try_join().error_code == COORDINATOR_NOT_AVAILABLE
        assert (member.heartbeat(), set(groups.listed())) == (kafka.NONE, {"one", "two", "three"})
        assert groups.commit("two", [(topic, 0, 2)])[0][2] == kafka.NONE
        assert groups.delete("two") == {"two": kafka.NONE}
        assert groups.commit("four", [(topic, 0, 1)])[0][2] == kafka.NONE


def test_offsets_topic_is_made_with_its_settings(start_broker: StartBroker) -> None:
    """At first use, not before."""
    with groups_with(start_broker, offsets_topic_num_partitions="7") as groups:
        topic = groups.topic()
        assert "__consumer_offsets" not in {row.name for row in groups.client.metadata(None).topics}
        groups.commit("g", [(topic, 0, 1)])
        [found] = [row for row in groups.client.metadata(None).topics if row.name == "__consumer_offsets"]
        assert (len(found.partitions), found.is_internal) == (7, True)
        assert groups.client.configs("__consumer_offsets", ["cleanup.policy"])["cleanup.policy"].value == "compact"
