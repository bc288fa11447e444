"""Records of the broker's own: appended and read back by the control plane, durable before anybody is told; and news of who has gone."""

from collections.abc import Iterator
from typing import Any

import pytest

from pybroker.protocol.messages import load
from tests.seam.cores import TOPIC_ID, assert_idle, core_module, listen, make_core, wait_mailbox
from tests.support.batches import all_records, parse_batches
from tests.support.client import Client

RECORDS = [(b"a", b"1"), (b"b", None), (b"", b""), (b"long" * 1000, b"v" * 100_000)]


@pytest.fixture(params=[False, True], ids=["os", "group"])
def core(tmp_path, request) -> Iterator[Any]:
    made = make_core(tmp_path, sync=request.param)
    yield made
    made.stop()
    assert_idle(made)


def durable(made: Any, ticket: int, appended: tuple[int, bool]) -> int:
    """Wait until it is; the base offset."""
    offset, done = appended
    while not done:
        wait_mailbox(made)
        made.take()
        for told, error in made.take_news()[0]:
            assert (told, error) == (ticket, None)
            done = True
    return offset


def test_records_come_back_as_they_were_written(core):
    assert durable(core, 7, core.append(TOPIC_ID, 0, RECORDS, 7)) == 0
    assert durable(core, 8, core.append(TOPIC_ID, 0, [(b"c", b"3")], 8)) == len(RECORDS)
    assert core.partition(TOPIC_ID, 0).high_watermark == len(RECORDS) + 1
    records, following = core.read(TOPIC_ID, 0, 0, 1 << 20)
    assert [(offset, key, value) for offset, _, key, value, *_ in records] == [(i, *pair) for i, pair in enumerate([*RECORDS, (b"c", b"3")])]
    assert {fields[4:] for fields in records} == {(-1, -1, 0)}
    assert following == len(RECORDS) + 1
    assert core.read(TOPIC_ID, 0, following, 1 << 20) == ([], following)


def test_reading_goes_on_in_the_middle_and_by_small_steps(core):
    for ticket in range(20):
        durable(core, ticket, core.append(TOPIC_ID, 0, [(b"k%d" % ticket, b"x" * 200), (b"l%d" % ticket, None)], ticket))
    seen, at = [], 3
    while True:
        records, following = core.read(TOPIC_ID, 0, at, 300)
        if following == at:
            break
        seen += [fields[0] for fields in records]
        at = following
    assert seen == list(range(3, 40))


def test_a_client_reads_what_was_written(core):
    port = listen(core)
    core.start()
    durable(core, 1, core.append(TOPIC_ID, 0, RECORDS, 1))
    with Client(port) as client:
        found = client.fetch("seam", 0)
        assert [(record.key, record.value) for record in all_records(parse_batches(found.records))] == RECORDS


def test_what_cannot_be_appended_is_told_and_leaves_nothing(core):
    with pytest.raises(core_module.CoreError, match="unknown"):
        core.append(b"\x02" * 16, 0, RECORDS, 1)
    with pytest.raises(core_module.CoreError):
        core.append(TOPIC_ID, 1, RECORDS, 1)
    with pytest.raises(core_module.CoreError):
        core.append(TOPIC_ID, 0, [], 1)
    with pytest.raises(core_module.CoreError):
        core.append(TOPIC_ID, 0, [(b"k", b"v" * (16 << 20))], 1)
    with pytest.raises(TypeError):
        core.append(TOPIC_ID, 0, [("text", b"v")], 1)
    with pytest.raises(ValueError, match="16 bytes"):
        core.append(b"", 0, RECORDS, 1)
    assert core.partition(TOPIC_ID, 0).end_offset == 0
    with pytest.raises(core_module.CoreError):
        core.read(TOPIC_ID, 0, 1, 1 << 20)


def test_an_append_to_a_topic_that_goes_is_told_of(tmp_path):
    made = make_core(tmp_path, sync=True)
    waiting = {}
    for ticket in range(50):
        offset, done = made.append(TOPIC_ID, 0, [(b"k", b"v")], ticket)
        assert offset == ticket
        if not done:
            waiting[ticket] = True
    made.remove_topic(TOPIC_ID)
    while waiting:
        wait_mailbox(made)
        made.take()
        for ticket, error in made.take_news()[0]:
            assert error is None or error.code == 3
            del waiting[ticket]
    made.stop()


def test_a_stop_with_appends_under_way_ends(tmp_path):
    made = make_core(tmp_path, sync=True)
    for ticket in range(50):
        made.append(TOPIC_ID, 0, [(b"k", b"v")], ticket)
    made.stop()
    del made
    again = make_core(tmp_path)
    assert again.partition(TOPIC_ID, 0).end_offset == 50
    again.stop()


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_peer_that_leaves_while_it_waits_is_told_of(core, how):
    port = listen(core)
    core.start()
    client = Client(port)
    asked = load(3).MetadataRequest(topics=None)
    client.send(asked, 9)
    wait_mailbox(core)
    [request] = core.take()
    if how == "reset":
        client.reset()
    client.close()
    gone: list[int] = []
    while not gone:
        wait_mailbox(core)
        core.take()
        gone += core.take_news()[1]
    assert gone == [request.connection_id]
    request.reply(load(3).MetadataResponse().encode(9))                     # nobody is there: it is dropped
    with Client(port) as other:
        sent = other.send(asked, 9)
        wait_mailbox(core)
        [request] = core.take()
        request.reply(load(3).MetadataResponse().encode(9))
        assert other.receive(asked, 9, sent).topics == []
    assert core.take_news() == ([], [], [], [])
