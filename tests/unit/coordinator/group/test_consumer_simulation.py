"""A consumer group under random clients: they join, leave, freeze, come back, lose answers, change their minds, speak the old protocol; topics come, grow and
go; the broker restarts. One seed is one history, in virtual time.

At every step  nobody owns what another member owns, by the coordinator's account and by the clients' own; what records tell is what there is
At the end     within a bounded number of heartbeats the group is stable, every partition has an owner, and equal members of ``uniform`` differ by one at most

PYBROKER_SIM_SEEDS=first:last runs others than the usual ones.
"""

import os
from contextlib import suppress
from random import Random

import pytest

from pybroker.coordinator.group import consumer_classic
from pybroker.coordinator.group.embedded import read_assignment
from pybroker.protocol import errors
from pybroker.protocol.messages.consumer_protocol import ConsumerProtocolSubscription, ConsumerProtocolSubscriptionTopicPartition
from pybroker.protocol.messages.k11_join_group import JoinGroupRequest, JoinGroupRequestProtocol
from pybroker.protocol.messages.k12_heartbeat import HeartbeatRequest
from pybroker.protocol.messages.k14_sync_group import SyncGroupRequest
from tests.unit.coordinator.group.consumer_world import SETTINGS, World, given, picture

STEPS = 120
SETTLING_ROUNDS_MAX = 60
TICK_MS = 2000
NAMES = ("t-a", "t-b", "u-a", "u-b")
Owned = set[tuple[bytes, int]]


class Client:
    """A consumer as the new protocol's clients are: it gives up what is no longer its own, says so, and takes what it is told."""

    def __init__(self, member_id: str, world: World, random: Random, instance_id: str | None) -> None:
        self.id, self.world, self.random, self.instance_id = member_id, world, random, instance_id
        self.epoch = 0
        self.owned: Owned = set()
        self.told: Owned = set()
        self.full = True
        self.said: Owned = set()
        self.frozen = False
        self.choose()

    def choose(self) -> None:
        """Another subscription."""
        self.names = sorted(self.random.sample(NAMES, self.random.randint(1, len(NAMES))))
        self.regex = self.random.choice(["", "", "t-.*", ".*-b"])
        self.assignor = self.random.choice([None, "uniform", "range"])
        self.full = True

    def step(self, *, lossy: bool = False) -> None:
        if self.epoch > 0 and self.random.random() < 0.7:
            self.owned &= self.told                          # revocation takes its time
        self.beat(lossy)

    def beat(self, lossy: bool) -> None:
        if not self.full and self.said == self.owned and self.world.loop_answers(self.id, self.epoch):
            return
        claims = {}
        for topic_id, partition in self.owned if self.epoch else ():
            claims.setdefault(topic_id, []).append(partition)
        if not self.full and self.said == self.owned:
            claims = None
        said = {}
        if self.full or self.epoch == 0:
            said = {"rebalance_timeout_ms": 20_000, "subscribed_topic_names": self.names, "subscribed_topic_regex": self.regex, "server_assignor": self.assignor}
        if self.instance_id is not None:
            said["instance_id"] = self.instance_id
        try:
            answer = self.world.beat(self.id, self.epoch, owns=claims, **said)
        except (errors.FencedMemberEpoch, errors.UnknownMemberId, errors.GroupIdNotFound, errors.FencedInstanceId):
            self.forget()
            return
        except errors.UnreleasedInstanceId:
            return
        if lossy:
            self.full = True
            return
        self.full = False
        self.said = set(self.owned)
        self.epoch = answer.member_epoch
        got = given(answer)
        if got is not None:
            self.told = {(topic_id, partition) for topic_id, partitions in got.items() for partition in partitions}
        if self.owned <= self.told:
            self.owned = set(self.told)

    def forget(self) -> None:
        self.epoch, self.owned, self.told, self.full = 0, set(), set(), True

    def leave(self) -> None:
        with suppress(errors.KafkaError):
            self.world.beat(self.id, -2 if self.instance_id is not None and self.random.random() < 0.7 else -1, instance_id=self.instance_id)
        self.forget()


class OldClient:
    """A consumer of the classic protocol, eager or cooperative."""

    instance_id = None

    def __init__(self, member_id: str, world: World, random: Random) -> None:
        self.id, self.world, self.cooperative = member_id, world, random.random() < 0.5
        self.names = list(NAMES[:2])
        self.generation = -1
        self.owned: Owned = set()
        self.frozen = False

    def choose(self) -> None:
        self.names = self.names[:1] if len(self.names) > 1 else list(NAMES[:2])
        self.generation = -1

    def step(self, *, lossy: bool = False) -> None:
        group = self.world.groups.groups.get("g")
        if group is None or not group.members:
            self.forget()
            return
        try:
            if self.generation < 0 or self._must_join(group):
                self._join(group)
        except errors.RebalanceInProgress:
            self.generation = -1
        except (errors.UnknownMemberId, errors.IllegalGeneration, errors.InconsistentGroupProtocol):
            self.forget()

    def _must_join(self, group: object) -> bool:
        if self.world.loop_answers(self.id, self.generation, consumer=False):
            return False
        turn = self.world.turn()
        answer = consumer_classic.heartbeat(self.world.groups, group, HeartbeatRequest(group_id="g", generation_id=self.generation, member_id=self.id), turn)
        self.world.keep(turn)
        return answer.error_code == errors.RebalanceInProgress.code

    def _join(self, group: object) -> None:
        if not self.cooperative:
            self.owned = set()
        by_topic: dict[str, list[int]] = {}
        for topic_id, partition in self.owned:
            if topic_id in self.world.topics.by_id:
                by_topic.setdefault(self.world.topics.by_id[topic_id].name, []).append(partition)
        owned = [ConsumerProtocolSubscriptionTopicPartition(topic=name, partitions=partitions) for name, partitions in by_topic.items()]
        metadata = b"\0\1" + bytes(ConsumerProtocolSubscription(topics=self.names, owned_partitions=owned).encode(1))
        protocols = [JoinGroupRequestProtocol(name=name, metadata=metadata) for name in ("cooperative-sticky", "range")]
        request = JoinGroupRequest(group_id="g", session_timeout_ms=45_000, rebalance_timeout_ms=20_000, member_id=self.id, protocol_type="consumer", protocols=protocols)
        turn = self.world.turn()
        answer = consumer_classic.join(self.world.groups, group, request, 9, "old", "/127.0.0.1", turn, self.world.new_id)
        self.world.keep(turn)
        assert answer is not None and answer.error_code == 0 and answer.leader == ""
        self.generation = answer.generation_id
        request = SyncGroupRequest(group_id="g", generation_id=self.generation, member_id=self.id, protocol_type="consumer", protocol_name=answer.protocol_name)
        turn = self.world.turn()
        synced = consumer_classic.sync(self.world.groups, group, request, 5, turn)
        self.world.keep(turn)
        told = {(self.world.topics.by_name[name].id, partition) for name, partitions in read_assignment(synced.assignment).items() for partition in partitions}
        gave_up = self.owned - told
        self.owned = told
        if gave_up and self.cooperative:
            self.generation = -1                             # it joins again to say so

    def forget(self) -> None:
        self.generation, self.owned = -1, set()

    def leave(self) -> None:
        self.forget()                                        # it is killed: its session ends by itself


class Simulation:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.world = World(SETTINGS._replace(may_downgrade=False, assignment_interval_ms=self.random.choice([0, 1000, 5000])))
        self.clients: list[Client | OldClient] = []
        self.numbers = 0
        for name in NAMES[:3]:
            self.world.topics.put(name, self.random.randint(1, 6))

    def run(self) -> None:
        for _ in range(STEPS):
            self.random.choices(
                [self.tick, self.one_beat, self.join, self.leave, self.freeze, self.change_mind, self.change_topics, self.restart], [30, 40, 8, 4, 4, 4, 5, 3]
            )[0]()
            self.check()
        self.gather()
        self.settle()
        self.world.topics.put(NAMES[0], 20)                  # and once more, with nothing else going on
        self.world.topics_changed()
        self.settle()

    def tick(self) -> None:
        """Time passes; most clients beat, in any order."""
        self.world.pass_time(TICK_MS)
        for client in self.random.sample(self.clients, len(self.clients)):
            if not client.frozen:
                client.step(lossy=self.random.random() < 0.1)
                self.check()

    def one_beat(self) -> None:
        awake = [client for client in self.clients if not client.frozen]
        if awake:
            self.random.choice(awake).step()

    def join(self) -> None:
        self.numbers += 1
        if self.random.random() < 0.25:
            self.clients.append(OldClient(f"old-{self.numbers}", self.world, self.random))
        elif len(self.clients) < 8:
            self.clients.append(Client(f"m-{self.numbers}", self.world, self.random, self.random.choice([None, None, "i-1", "i-2"])))

    def leave(self) -> None:
        if self.clients:
            self.clients.pop(self.random.randrange(len(self.clients))).leave()

    def freeze(self) -> None:
        if self.clients:
            client = self.random.choice(self.clients)
            client.frozen = not client.frozen

    def change_mind(self) -> None:
        if self.clients:
            self.random.choice(self.clients).choose()

    def change_topics(self) -> None:
        name = self.random.choice(NAMES)
        topic = self.world.topics.by_name.get(name)
        if topic is not None and self.random.random() < 0.3:
            self.world.topics.remove(name)
        else:
            self.world.topics.put(name, (len(topic.partitions) if topic else 0) + self.random.randint(1, 3))
        self.world.topics_changed()

    def restart(self) -> None:
        self.world.restart()
        assert picture(self.world.shadow()) == picture(self.world.groups)

    def check(self) -> None:
        group = self.world.groups.groups.get("g")
        if group is None:
            assert not self.world.steady
            return
        seen: dict[tuple[bytes, int], str] = {}
        for member in group.members.values():
            for owned in (member.current.assigned, member.current.revoking):
                for topic_id, partitions in owned.items():
                    for partition in partitions:
                        assert seen.setdefault((topic_id, partition), member.id) == member.id, "two members own a partition"
                        assert group.owner(topic_id, partition) == member.id
        assert len(seen) == sum(map(len, group.owners.values()))
        believed: dict[tuple[bytes, int], str] = {}
        for client in self.clients:
            if client.id not in group.members:
                continue                                     # fenced, and does not know yet
            for place in client.owned:
                assert believed.setdefault(place, client.id) == client.id, f"{place} is read by {client.id} and {believed[place]}"
                assert seen.get(place) == client.id, f"{client.id} reads {place}, which the coordinator takes for {seen.get(place)}'s"
        assert picture(self.world.shadow()) == picture(self.world.groups)
        for (_, member_id), steady in self.world.steady.items():
            assert group.members[member_id].current.is_at(group.epoch), "the loops hide something from a member"
            assert steady.generation == group.epoch == group.target_epoch

    def gather(self) -> None:
        """Everybody who still is there is awake from now on."""
        for client in self.clients:
            client.frozen = False
        taken: set[str | None] = set()
        for client in list(self.clients):                    # of two with one instance id, one can be a member
            if client.instance_id is not None and client.instance_id in taken:
                self.clients.remove(client)
            taken.add(client.instance_id)

    def settle(self) -> None:
        for _ in range(SETTLING_ROUNDS_MAX):
            self.world.pass_time(TICK_MS)
            for client in self.clients:
                client.step()
            self.check()
        group = self.world.groups.groups.get("g")
        if group is None or not any(isinstance(client, Client) for client in self.clients):
            return
        assert group.state == "Stable", {member.id: member.current for member in group.members.values()}
        assert set(group.members) == {client.id for client in self.clients}
        wanted = {(self.world.topics.by_name[name].id, p) for name in group.subscribed_names() if name in self.world.topics.by_name for p in self.world.topics.by_name[name].partitions}
        owned = [place for client in self.clients for place in client.owned]
        assert sorted(owned) == sorted(wanted)
        subscriptions = {group.subscription(member.facts) for member in group.members.values()}
        if len(subscriptions) == 1 and all(client.assignor != "range" for client in self.clients if isinstance(client, Client)):
            sizes = [len(client.owned) for client in self.clients]
            assert max(sizes) - min(sizes) <= 1


def seeds() -> range:
    first, _, last = os.environ.get("PYBROKER_SIM_SEEDS", "0:200").partition(":")
    return range(int(first), int(last))


@pytest.mark.parametrize("seed", seeds())
def test_no_partition_is_ever_read_twice_and_all_are_read_in_the_end(seed: int) -> None:
    Simulation(seed).run()
