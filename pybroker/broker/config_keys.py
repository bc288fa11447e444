
"""Every config key, as text tables: names, types, defaults and ranges are Kafka's (4.4), the words are ours.

One key a line, columns separated by ``|``:

====== ==========================================================================================================================
name   Kafka's name; those that begin with ``pybroker.`` are ours
type   b boolean, s string, i int, h short, l long, d double, L list, c class, p password
default ``~`` is null
range  ``lo..hi`` (either may be missing, single numbers may follow), ``{a,b}`` one of these, ``i{a,b}`` in any case, or a name known to config.py
weight h high, m medium, l low
update r read-only, b per broker, c cluster-wide, t per resource
acted  ``+`` this broker acts on it, ``-`` accepted and listed only
topic keys only: the broker keys that a topic falls back to, first one first
text   one line
====== ==========================================================================================================================

Defaults that differ from Kafka's, and why: listeners (loopback only), log.dir (beside the user, not in /tmp), node.id, process.roles,
controller.listener.names (a single node needs none of them set), num.network.threads (by cores), max.connections and max.connections.per.ip
(finite), max.decompressed.message.bytes (64 MiB: producers bound a batch before they compress it, so only a bomb is larger; it is unpacked on the
connection's loop, where 2 GiB would take seconds), socket.*.buffer.bytes (the system tunes better), socket.listen.backlog.size, background.threads,
group.initial.rebalance.delay.ms (a lone consumer need not wait), sasl.enabled.mechanisms (GSSAPI needs a plugin).

Kept as text because a literal of 400 tuples costs ten times the import; ``config.keys()`` splits it on first use.
"""

BROKER = """\
add.partitions.to.txn.retry.backoff.max.ms|i|100|0..|h|r|-|Longest wait before a transaction's partition registration is tried again inside the broker.
add.partitions.to.txn.retry.backoff.ms|i|20|1..|h|r|-|First wait before a transaction's partition registration is tried again inside the broker.
advertised.listeners|L|~||h|r|+|Addresses that clients are told to connect to, by listener name. Unset: the address by which the client came in.
alter.config.policy.class.name|c|~||l|r|-|Java class that vets config changes. Plugins take its place here.
alter.log.dirs.replication.quota.window.num|i|11|1..|l|r|-|Number of samples kept for the quota on moves between log directories.
alter.log.dirs.replication.quota.window.size.seconds|i|1|1..|l|r|-|Length of one sample for the quota on moves between log directories.
authorizer.class.name|s|||l|r|-|Java class of the authorizer. Plugins take its place here.
auto.create.topics.enable|b|true||h|r|+|Create a topic when a client asks for metadata of a name that does not exist.
auto.leader.rebalance.enable|b|true||h|r|-|Give leadership back to the preferred replica in the background.
background.threads|i|4|1..|h|c|+|Threads for work off the event loops: syncing, removing files. Read at start.
broker.heartbeat.interval.ms|i|2000||m|r|-|Time between heartbeats from broker to controller.
broker.id|i|-1||h|r|+|Older name of node.id. -1: not set.
broker.rack|s|~||m|r|+|Name of the rack that this broker stands in; told to clients.
broker.session.timeout.ms|i|9000||m|r|-|Time without heartbeats after which the controller takes a broker for dead.
client.quota.callback.class|c|~||l|r|-|Java class that decides client quotas. Plugins take its place here.
compression.gzip.level|i|-1|1..9 -1|m|c|+|Level used when the broker itself compresses with gzip; -1 is the library's default.
compression.lz4.level|i|9|1..17|m|c|+|Level used when the broker itself compresses with lz4.
compression.type|s|producer|{uncompressed,zstd,lz4,snappy,gzip,producer}|h|c|+|Codec in which batches are stored; producer keeps what the producer sent.
compression.zstd.level|i|3|-131072..22|m|c|+|Level used when the broker itself compresses with zstd.
config.providers|L|||l|c|-|Aliases of external config sources. Values are never looked up elsewhere here.
connection.failed.authentication.delay.ms|i|100|0..|l|r|+|Time a connection is held after a failed login before it is closed.
connections.max.idle.ms|l|600000||m|r|+|A connection without traffic for this long is closed. Negative: never.
connections.max.reauth.ms|l|0||m|r|+|Longest life of a login before the client must log in again; 0 is off.
controlled.shutdown.enable|b|true||m|r|-|Move leadership away before a stop.
controller.listener.names|L|||h|r|-|Names of listeners for controller traffic. They are not opened: one node needs none.
controller.quorum.append.linger.ms|i|25|0..|m|r|-|Time the metadata leader gathers writes before it syncs them.
controller.quorum.auto.join.enable|b|false||l|r|-|Let a controller add itself to the voters.
controller.quorum.bootstrap.servers|L|||h|r|-|Controllers to ask first. One node keeps its metadata itself.
controller.quorum.election.backoff.max.ms|i|1000|0..|h|r|-|Longest pause between elections of the metadata leader.
controller.quorum.election.timeout.ms|i|1000|0..|h|r|-|Wait for votes before a new election of the metadata leader.
controller.quorum.fetch.max.bytes|i|1048576|1..|l|r|-|Most bytes in one fetch of the metadata log.
controller.quorum.fetch.snapshot.max.bytes|i|1048576|1..|l|r|-|Most bytes in one fetch of a metadata snapshot.
controller.quorum.fetch.timeout.ms|i|2000|0..|h|r|-|Time without a good fetch from the metadata leader before an election.
controller.quorum.request.timeout.ms|i|2000|0..|m|r|-|Longest wait for an answer from another controller.
controller.quorum.retry.backoff.ms|i|20|0..|l|r|-|Wait before a request to another controller is repeated.
controller.quorum.voters|L|||h|r|-|Fixed list of metadata voters. One node keeps its metadata itself.
controller.quota.window.num|i|11|1..|l|r|-|Number of samples kept for the quota on topic changes.
controller.quota.window.size.seconds|i|1|1..|l|r|-|Length of one sample for the quota on topic changes.
controller.socket.timeout.ms|i|30000||m|r|-|Socket time-out for requests to the controller.
cordoned.log.dirs|L|||m|b|-|Log directories that get no new partitions.
create.topic.policy.class.name|c|~||l|r|-|Java class that vets new topics. Plugins take its place here.
default.replication.factor|i|1||m|r|+|Replicas of a topic that is created without a number.
delegation.token.expiry.check.interval.ms|l|3600000|1..|l|r|-|Time between searches for expired delegation tokens.
delegation.token.expiry.time.ms|l|86400000|1..|m|r|-|Life of a delegation token until it must be renewed.
delegation.token.max.lifetime.ms|l|604800000|1..|m|r|-|Longest life of a delegation token, renewals included.
delegation.token.secret.key|p|~||m|r|-|Secret that signs delegation tokens.
delete.records.purgatory.purge.interval.requests|i|1||m|r|-|Finished waits kept before the delete-records purgatory is swept.
delete.topic.enable|b|true||h|r|+|Allow topics to be deleted.
early.start.listeners|L|~||h|r|-|Listeners that open before the broker is ready.
errors.deadletterqueue.auto.create.topics.enable|b|false||m|c|-|Create missing dead-letter topics of share groups.
errors.deadletterqueue.topic.name.prefix|s|dlq.||m|c|-|Beginning of the names of dead-letter topics that are created.
fetch.max.bytes|i|57671680|1024..|m|r|+|Most bytes in one fetch answer; the first batch always goes out whole.
fetch.purgatory.purge.interval.requests|i|1000||m|r|-|Finished waits kept before the fetch purgatory is swept.
follower.fetch.last.tiered.offset.enable|b|false||m|c|-|Let a new follower begin after what remote storage holds.
group.consumer.assignment.interval.ms|i|1000|0..|m|c|+|Time between two computed assignments of a consumer group.
group.consumer.assignors|L|uniform,range||m|r|+|Assignors that consumer groups may name; the first is the default.
group.consumer.heartbeat.interval.ms|i|5000|1..|m|r|+|Heartbeat interval told to members of consumer groups.
group.consumer.max.assignment.interval.ms|i|15000|0..|m|r|+|Largest assignment interval that a consumer group may set.
group.consumer.max.heartbeat.interval.ms|i|15000|1..|m|r|+|Largest heartbeat interval that a consumer group may set.
group.consumer.max.session.timeout.ms|i|60000|1..|m|r|+|Largest session time-out that a consumer group may set.
group.consumer.max.size|i|2147483647|1..|m|r|+|Most members of one consumer group.
group.consumer.migration.policy|s|bidirectional|i{DISABLED,DOWNGRADE,UPGRADE,BIDIRECTIONAL}|m|r|+|Which way groups may change between the classic and the consumer protocol.
group.consumer.min.assignment.interval.ms|i|0|0..|m|r|+|Smallest assignment interval that a consumer group may set.
group.consumer.min.heartbeat.interval.ms|i|5000|1..|m|r|+|Smallest heartbeat interval that a consumer group may set.
group.consumer.min.session.timeout.ms|i|45000|1..|m|r|+|Smallest session time-out that a consumer group may set.
group.consumer.session.timeout.ms|i|45000|1..|m|r|+|Session time-out of members of consumer groups.
group.coordinator.append.linger.ms|i|-1|-1..|m|r|-|Time the group coordinator gathers writes; -1 lets it decide.
group.coordinator.background.threads|i|2|1..|h|r|-|Threads for slow group work such as regular expressions.
group.coordinator.cached.buffer.max.bytes|i|1048588|524288..|m|c|-|Largest write buffer the group coordinator keeps for reuse.
group.coordinator.rebalance.protocols|L|classic,consumer,streams|{consumer,classic,share,streams}|m|r|+|Group protocols that are on.
group.coordinator.threads|i|4|1..|h|r|-|Threads of the group coordinator.
group.initial.rebalance.delay.ms|i|0||m|r|+|Wait for more members before the first rebalance of an empty group. At 0 a lone consumer has its partitions at once, and later rebalances of a young group are held open while more members keep coming.
group.max.session.timeout.ms|i|1800000||m|r|+|Largest session time-out that a classic group member may ask for.
group.max.size|i|2147483647|1..|m|r|+|Most members of one classic group.
group.min.session.timeout.ms|i|6000||m|r|+|Smallest session time-out that a classic group member may ask for.
group.share.assignment.interval.ms|i|1000|0..|m|c|-|Time between two computed assignments of a share group.
group.share.assignors|L|simple||m|r|-|Assignor of share groups.
group.share.delivery.count.limit|i|5|2..10|m|r|-|Delivery attempts of one record in a share group.
group.share.heartbeat.interval.ms|i|5000|1..|m|r|-|Heartbeat interval told to members of share groups.
group.share.max.assignment.interval.ms|i|15000|0..|m|r|-|Largest assignment interval that a share group may set.
group.share.max.delivery.count.limit|i|10|5..25|m|r|-|Largest number of delivery attempts that a share group may set.
group.share.max.heartbeat.interval.ms|i|15000|1..|m|r|-|Largest heartbeat interval that a share group may set.
group.share.max.partition.max.record.locks|i|4000|2000..10000|m|r|-|Largest number of locked records per partition that a share group may set.
group.share.max.record.lock.duration.ms|i|60000|30000..3600000|m|r|-|Longest record lock that a share group may set.
group.share.max.session.timeout.ms|i|60000|1..|m|r|-|Largest session time-out that a share group may set.
group.share.max.share.sessions|i|2000|1..|m|r|-|Most share sessions on this broker.
group.share.max.size|i|200|1..1000|m|r|-|Most members of one share group.
group.share.min.assignment.interval.ms|i|0|0..|m|r|-|Smallest assignment interval that a share group may set.
group.share.min.delivery.count.limit|i|2|2..5|m|r|-|Smallest number of delivery attempts that a share group may set.
group.share.min.heartbeat.interval.ms|i|5000|1..|m|r|-|Smallest heartbeat interval that a share group may set.
group.share.min.partition.max.record.locks|i|100|100..2000|m|r|-|Smallest number of locked records per partition that a share group may set.
group.share.min.record.lock.duration.ms|i|15000|1000..30000|m|r|-|Shortest record lock that a share group may set.
group.share.min.session.timeout.ms|i|45000|1..|m|r|-|Smallest session time-out that a share group may set.
group.share.partition.max.record.locks|i|2000|100..10000|m|r|-|Most records of a partition locked at once by a share group.
group.share.record.lock.duration.ms|i|30000|1000..3600000|m|r|-|Time a record stays locked for the member that got it.
group.share.session.timeout.ms|i|45000|1..|m|r|-|Session time-out of members of share groups.
group.streams.assignment.interval.ms|i|1000|0..|m|c|-|Time between two computed assignments of a streams group.
group.streams.assignors|L|sticky||m|r|-|Assignors that streams groups may name; the first is the default.
group.streams.heartbeat.interval.ms|i|5000|1..|m|r|-|Heartbeat interval told to members of streams groups.
group.streams.initial.rebalance.delay.ms|i|3000|0..|m|r|-|Wait for more members before the first rebalance of a streams group.
group.streams.max.assignment.interval.ms|i|15000|0..|m|r|-|Largest assignment interval that a streams group may set.
group.streams.max.heartbeat.interval.ms|i|15000|1..|m|r|-|Largest heartbeat interval that a streams group may set.
group.streams.max.session.timeout.ms|i|60000|1..|m|r|-|Largest session time-out that a streams group may set.
group.streams.max.size|i|2147483647|1..|m|r|-|Most members of one streams group.
group.streams.max.standby.replicas|i|2|0..|m|r|-|Most standby replicas that a streams group may ask for.
group.streams.min.assignment.interval.ms|i|0|0..|m|r|-|Smallest assignment interval that a streams group may set.
group.streams.min.heartbeat.interval.ms|i|5000|1..|m|r|-|Smallest heartbeat interval that a streams group may set.
group.streams.min.session.timeout.ms|i|45000|1..|m|r|-|Smallest session time-out that a streams group may set.
group.streams.num.standby.replicas|i|0|0..|m|r|-|Standby replicas of each task of a streams group.
group.streams.rack.aware.assignment.tags|L|||l|r|-|Client tags by which standby tasks are spread.
group.streams.session.timeout.ms|i|45000|1..|m|r|-|Session time-out of members of streams groups.
group.streams.topology.description.plugin.class|c|~||m|r|-|Java class that keeps topology descriptions. Plugins take its place here.
initial.broker.registration.timeout.ms|i|60000||m|r|-|Longest wait for the controller to take the broker in at start.
inter.broker.listener.name|s|~||m|r|-|Listener for traffic between brokers.
kafka.metrics.polling.interval.secs|i|10|1..|l|r|-|Interval of Java metrics reporters.
kafka.metrics.reporters|L|||l|r|-|Java metrics reporter classes.
leader.imbalance.check.interval.seconds|l|300|1..|h|r|-|Time between checks for leaders away from their preferred replica.
listener.security.protocol.map|s|SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT||l|b|+|Security protocol of each listener name. Read at start.
listeners|L|PLAINTEXT://127.0.0.1:9092||h|b|+|Addresses to listen on: NAME://host:port, separated by commas. Port 0 takes a free one; no host means every interface. Read at start.
log.cleaner.backoff.ms|l|15000|0..|m|c|+|Sleep of the cleaner when there is nothing to clean.
log.cleaner.dedupe.buffer.size|l|134217728||m|c|+|Memory for the key map of all cleaner threads.
log.cleaner.delete.retention.ms|l|86400000|0..|m|c|+|Time that delete markers of compacted topics are kept.
log.cleaner.enable|b|true||m|r|+|Run the log cleaner.
log.cleaner.io.buffer.load.factor|d|0.9||m|c|+|Part of the key map that may be filled.
log.cleaner.io.buffer.size|i|524288|0..|m|c|-|Memory for reads and writes of all cleaner threads.
log.cleaner.io.max.bytes.per.second|d|1.7976931348623157E308||m|c|+|Most bytes per second the cleaner reads and writes.
log.cleaner.max.compaction.lag.ms|l|9223372036854775807|1..|m|c|+|Longest time a record may stay uncompacted.
log.cleaner.min.cleanable.ratio|d|0.5|0..1|m|c|+|Part of a log that must be dirty before it is compacted.
log.cleaner.min.compaction.lag.ms|l|0|0..|m|c|+|Shortest time a record stays uncompacted.
log.cleaner.threads|i|1|0..|m|c|+|Threads that compact logs.
log.cleanup.policy|L|delete|{compact,delete}|m|c|+|What happens to old data: delete by time and size, compact by key, or both. Compacted topics refuse records without a key.
log.dir|L|./pybroker-data||h|r|+|Directory for data, used when log.dirs is not set.
log.dir.failure.timeout.ms|l|30000|1..|l|r|-|Longest time a failed log directory may stay unknown to the controller.
log.dirs|L|~||h|r|+|Directories for data, separated by commas. New partitions go to the one with the fewest.
log.flush.interval.messages|l|9223372036854775807|1..|h|c|+|Sync a partition after this many records, besides pybroker.flush.policy.
log.flush.interval.ms|l|~||h|c|-|Sync a partition after this time, besides pybroker.flush.policy. Unset: log.flush.scheduler.interval.ms.
log.flush.offset.checkpoint.interval.ms|i|60000|0..|h|r|+|Time between writes of the recovery points.
log.flush.scheduler.interval.ms|l|9223372036854775807||h|r|-|Value of log.flush.interval.ms where that is not set.
log.flush.start.offset.checkpoint.interval.ms|i|60000|0..|h|r|-|Time between writes of the log start offsets. They are written with the recovery points.
log.index.interval.bytes|i|4096|0..|m|c|+|Bytes of log between two entries of the offset index.
log.index.size.max.bytes|i|10485760|4..|m|c|+|Largest size of an index file; a full one rolls the segment.
log.local.retention.bytes|l|-2|-2..|m|c|-|Bytes of a tiered partition that are kept locally.
log.local.retention.ms|l|-2|-2..|m|c|-|Time that segments of a tiered partition are kept locally.
log.message.timestamp.after.max.ms|l|3600000|0..|m|c|+|Furthest that a record's timestamp may lie in the future.
log.message.timestamp.before.max.ms|l|9223372036854775807|0..|m|c|+|Furthest that a record's timestamp may lie in the past.
log.message.timestamp.type|s|CreateTime|{CreateTime,LogAppendTime}|m|c|+|Whether records carry the producer's time or the time of the append.
log.preallocate|b|false||m|c|-|Allocate a segment file in full when it is made.
log.remote.copy.lag.bytes|l|-1|-1..|m|c|-|Bytes that may wait for their copy to remote storage.
log.remote.copy.lag.ms|l|0|-1..|m|c|-|Time that segments may wait for their copy to remote storage.
log.retention.bytes|l|-1||h|c|+|Bytes of a partition that are kept; -1 is no limit.
log.retention.check.interval.ms|l|300000|1..|m|r|+|Time between searches for segments that are too old or too many.
log.retention.hours|i|168||h|r|+|Hours a record is kept where log.retention.minutes and log.retention.ms are not set.
log.retention.minutes|i|~||h|r|+|Minutes a record is kept where log.retention.ms is not set.
log.retention.ms|l|~||h|c|+|Time a record is kept; -1 is for ever.
log.roll.hours|i|168|1..|h|r|+|Hours until a segment is closed although it is not full, where log.roll.ms is not set.
log.roll.jitter.hours|i|0|0..|h|r|+|Hours taken off the roll time at random, where log.roll.jitter.ms is not set.
log.roll.jitter.ms|l|~||h|c|+|Time taken off the roll time at random, so that segments do not roll together.
log.roll.ms|l|~||h|c|+|Time until a segment is closed although it is not full.
log.segment.bytes|i|1073741824|1024..|h|c|+|Largest size of a segment file.
log.segment.delete.delay.ms|l|60000|0..|h|c|+|Time between the deletion of a file from the log and from the disk.
max.connection.creation.rate|i|2147483647|0..|m|c|-|New connections per second on this broker.
max.connections|i|16000|0..|m|c|+|Most connections at a time; more are closed at once.
max.connections.per.ip|i|16000|0..|m|c|+|Most connections at a time from one address.
max.connections.per.ip.overrides|s|||m|c|-|Other limits for single addresses: address:count, separated by commas.
max.decompressed.message.bytes|i|67108864|1..2147483639|m|c|+|Most bytes to which one batch may decompress.
max.incremental.fetch.session.cache.slots|i|1000|0..|m|r|+|Fetch sessions kept.
max.request.partition.size.limit|i|2000|1..|m|r|+|Most partitions in one answer to DescribeTopicPartitions.
message.max.bytes|i|1048588|0..|h|c|+|Largest batch that is accepted, after compression.
metadata.log.dir|s|~||h|r|-|Directory of the metadata log. Metadata lie in the first log directory.
metadata.log.max.record.bytes.between.snapshots|l|20971520|1..|h|r|-|Metadata bytes between two snapshots.
metadata.log.max.snapshot.interval.ms|l|3600000|0..|h|r|-|Longest time between two metadata snapshots.
metadata.log.segment.bytes|i|1073741824|8388608..|h|r|-|Segment size of the metadata log.
metadata.log.segment.ms|l|604800000||h|r|-|Roll time of the metadata log.
metadata.max.idle.interval.ms|i|500|0..|l|r|-|Interval of no-op metadata records.
metadata.max.retention.bytes|l|104857600||h|r|-|Bytes of metadata log and snapshots that are kept.
metadata.max.retention.ms|l|604800000||h|r|-|Time that metadata log and snapshots are kept.
metric.reporters|L|org.apache.kafka.common.metrics.JmxReporter||l|c|-|Java metrics reporter classes.
metrics.num.samples|i|2|1..|l|r|-|Samples kept for Java metrics.
metrics.recording.level|s|INFO||l|r|-|Detail of Java metrics.
metrics.sample.window.ms|l|30000|1..|l|r|-|Length of one sample of Java metrics.
min.insync.replicas|i|1|1..|h|c|-|Replicas that must hold a batch before acks=all is answered. One node has one replica.
node.id|i|1|0..|h|r|+|Number of this broker in its cluster.
num.io.threads|i|8|1..|h|c|-|Request threads in Kafka; here a request is served on the loop of its connection.
num.network.threads|i|~|1..|h|c|+|Event loops that serve connections. Read at start; default by number of cores.
num.partitions|i|1|1..|m|r|+|Partitions of a topic that is created without a number.
num.recovery.threads.per.data.dir|i|2|1..|h|c|+|Threads per log directory that check logs after an unclean stop. Read at start.
num.replica.alter.log.dirs.threads|i|~||h|r|-|Threads that move replicas between log directories.
num.replica.fetchers|i|1|1..|h|c|-|Threads that fetch from each other broker.
offset.metadata.max.bytes|i|4096||h|r|+|Largest metadata text of a committed offset.
offsets.commit.timeout.ms|i|5000|1..|h|r|-|Longest wait for the replicas of an offset commit.
offsets.load.buffer.size|i|5242880|1..|h|r|-|Bytes per read when group state is loaded.
offsets.retention.check.interval.ms|l|600000|1..|h|r|+|Time between searches for expired offsets.
offsets.retention.minutes|i|10080|1..|h|r|+|Minutes that offsets of an empty group are kept.
offsets.topic.compression.codec|i|0||h|r|-|Codec number of the offsets topic.
offsets.topic.num.partitions|i|50|1..|h|r|+|Partitions of the offsets topic; fixed once it exists.
offsets.topic.replication.factor|h|3|1..|h|r|-|Replicas of the offsets topic.
offsets.topic.segment.bytes|i|104857600|1..|h|r|+|Segment size of the offsets topic.
principal.builder.class|c|org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder||m|b|-|Java class that makes principals. Plugins take its place here.
process.roles|L|broker|{broker,controller}|h|r|+|Roles of this process. broker is needed; controller is part of every single node.
producer.id.expiration.ms|i|86400000|1..|l|c|+|Time after which an idle producer's sequence state is forgotten.
producer.purgatory.purge.interval.requests|i|1000||m|r|-|Finished waits kept before the produce purgatory is swept.
pybroker.allow.open.listeners|b|false||h|r|+|Let listeners without authentication bind addresses other than loopback.
pybroker.allow.plain.without.tls|b|false||h|r|+|Let SASL_PLAINTEXT listeners bind addresses other than loopback: passwords cross the network in clear.
pybroker.authorize.default|s|deny|{deny,allow}|h|r|+|What holds where an authorizer is enabled and no plugin says anything.
pybroker.auto.create.topics.burst|i|1000|1..|l|c|+|Topics that may be created by auto.create.topics.enable at once.
pybroker.auto.create.topics.max|i|10000|0..|m|c|+|Topics on this broker beyond which auto.create.topics.enable creates no more.
pybroker.auto.create.topics.rate|i|100|0..|l|c|+|Topics per second that auto.create.topics.enable creates after a burst.
pybroker.clock.settle.ms|l|60000|0..|l|c|+|After the wall clock was set, retention waits this long for it to be set back.
pybroker.dead.letter.topic|s|||m|c|+|Topic for batches that a plugin sends to the dead letters without naming one. It must exist. Empty: such batches are refused.
pybroker.disk.min.free.bytes|l|67108864|0..|m|c|+|Free space of a log directory below which its partitions take no more records; they do again when there is more.
pybroker.flush.policy|s|group|{group,os}|h|c|+|When acks=all is answered: group, after the data are synced to disk, or os, after they are in the page cache.
pybroker.group.lag.entries.max|i|100000|0..|l|c|+|Most partitions of groups whose lag is kept for metrics; the rest is counted.
pybroker.group.members.max|i|10000|1..|m|c|+|Most members of one group, whatever its protocol and group.max.size say.
pybroker.group.metadata.bytes.max|l|8388608|1024..|m|c|+|Bytes that all members of a classic group may say to their assignors together.
pybroker.groups.max|i|100000|1..|m|c|+|Most groups of this broker; one more is told that its coordinator is not available.
pybroker.http.allow.remote|b|false||h|r|+|Let pybroker.http.listener bind addresses other than loopback, although it asks for no login.
pybroker.http.listener|s|~||m|r|+|Address, host:port, of the HTTP listener for /metrics, /healthz and /readyz. Unset: there is none.
pybroker.log.dir.move.max.bytes.per.second|l|67108864|1..|m|c|+|Most bytes per second copied by moves between log directories (AlterReplicaLogDirs).
pybroker.log.format|s|kv|{kv,json}|l|r|+|Form of the log lines on standard error: key=value or JSON.
pybroker.log.level|s|info|{debug,info,warning,error}|l|c|+|Least important log lines that are written.
pybroker.max.open.segments|i|2000|16..|m|r|+|Files of logs held open at a time.
pybroker.max.partitions|i|200000|1..|m|c|+|Most partitions on this broker.
pybroker.metrics.partitions.max|i|10000|0..|l|c|+|Most partitions that have series of their own in /metrics, topics in order of their names; the rest is counted.
pybroker.plugins|L|||h|r|+|Plugins to load, by entry-point name; the one named last is asked first. Others that are installed are not touched.
pybroker.repartition|b|false||m|c|+|Let the partitioner of a plugin choose the partition of every record when it is produced. Producers with idempotence are refused then.
pybroker.retention.first.check.ms|l|30000|0..|l|r|+|Time from the start to the first search for old segments; log.retention.check.interval.ms where that is shorter.
pybroker.schema.dir|s|~||m|r|-|Directory of the schema files that topics may name.
pybroker.segment.bytes.min|i|1048576|1024..|l|r|+|Smallest segment size that may be set. Lower it for tests of retention.
queued.max.request.bytes|l|-1||m|r|-|Bytes of waiting requests; -1 is no limit. Memory is bounded per connection and in all here.
queued.max.requests|i|500|1..|h|r|-|Waiting requests of the data plane. Connections have a fixed number in flight here.
quota.window.num|i|11|1..|l|r|-|Number of samples kept for client quotas.
quota.window.size.seconds|i|1|1..|l|r|-|Length of one sample for client quotas.
remote.fetch.max.wait.ms|i|500|1..|m|c|-|Longest wait for a read from remote storage.
remote.list.offsets.request.timeout.ms|l|30000|1..|m|c|-|Longest wait for an offset look-up in remote storage.
remote.log.index.file.cache.total.size.bytes|l|1073741824|1..|l|c|-|Bytes of remote index files kept locally.
remote.log.manager.copier.thread.pool.size|i|10|1..|m|c|-|Threads that copy segments to remote storage.
remote.log.manager.copy.max.bytes.per.second|l|9223372036854775807|1..|m|c|-|Most bytes per second copied to remote storage.
remote.log.manager.copy.quota.window.num|i|11|1..|m|r|-|Number of samples kept for the remote copy quota.
remote.log.manager.copy.quota.window.size.seconds|i|1|1..|m|r|-|Length of one sample for the remote copy quota.
remote.log.manager.expiration.thread.pool.size|i|10|1..|m|c|-|Threads that expire remote segments.
remote.log.manager.fetch.max.bytes.per.second|l|9223372036854775807|1..|m|c|-|Most bytes per second read from remote storage.
remote.log.manager.fetch.quota.window.num|i|11|1..|m|r|-|Number of samples kept for the remote read quota.
remote.log.manager.fetch.quota.window.size.seconds|i|1|1..|m|r|-|Length of one sample for the remote read quota.
remote.log.manager.follower.thread.pool.size|i|2|1..|m|c|-|Threads for tiered partitions that are followed.
remote.log.manager.task.interval.ms|l|30000|1..|l|r|-|Interval of remote storage tasks.
remote.log.manager.thread.pool.size|i|2|1..|m|r|-|Threads for remote storage tasks.
remote.log.metadata.custom.metadata.max.bytes|i|128|0..|l|r|-|Largest custom metadata of a remote segment.
remote.log.metadata.manager.class.name|s|org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager|nonempty|m|r|-|Java class that keeps metadata of remote segments.
remote.log.metadata.manager.class.path|s|~||m|r|-|Class path of that class.
remote.log.metadata.manager.impl.prefix|s|rlmm.config.|nonempty|m|r|-|Prefix of config keys handed to that class.
remote.log.metadata.manager.listener.name|s|~|nonempty|m|r|-|Listener that class connects to.
remote.log.reader.max.pending.tasks|i|100|1..|m|r|-|Waiting reads from remote storage.
remote.log.reader.threads|i|10|1..|m|c|-|Threads that read from remote storage.
remote.log.storage.manager.class.name|s|~|nonempty|m|r|-|Java class that stores remote segments.
remote.log.storage.manager.class.path|s|~||m|r|-|Class path of the remote storage class.
remote.log.storage.manager.impl.prefix|s|rsm.config.|nonempty|m|r|-|Prefix of config keys handed to the remote storage class.
remote.log.storage.system.enable|b|false||m|r|-|Tier segments to remote storage.
replica.fetch.backoff.ms|i|1000|0..|m|r|-|Sleep of a follower after a failed fetch.
replica.fetch.max.bytes|i|1048576|0..|m|r|-|Bytes a follower fetches per partition.
replica.fetch.min.bytes|i|1||h|r|-|Bytes a follower waits for.
replica.fetch.response.max.bytes|i|10485760|0..|m|r|-|Bytes a follower fetches in all.
replica.fetch.wait.max.ms|i|500||h|r|-|Longest wait of a follower's fetch.
replica.high.watermark.checkpoint.interval.ms|l|5000||h|r|-|Time between writes of the high watermarks.
replica.lag.time.max.ms|l|30000||h|r|-|Time a follower may lag before it leaves the in-sync set.
replica.selector.class|s|~||m|r|-|Java class that picks the replica to read from. Plugins take its place here.
replica.socket.receive.buffer.bytes|i|65536||h|r|-|Receive buffer of a follower's socket.
replica.socket.timeout.ms|i|30000||h|r|-|Socket time-out of a follower.
replication.quota.window.num|i|11|1..|l|r|-|Number of samples kept for replication quotas.
replication.quota.window.size.seconds|i|1|1..|l|r|-|Length of one sample for replication quotas.
request.timeout.ms|i|30000||h|r|-|Longest wait for an answer from another broker.
sasl.client.callback.handler.class|c|~||m|r|-|Java callback class of SASL clients.
sasl.enabled.mechanisms|L|PLAIN||m|b|+|SASL mechanisms that clients may use: PLAIN, and those that plugins bring. Read at start.
sasl.jaas.config|p|~||m|b|-|JAAS login configuration.
sasl.kerberos.kinit.cmd|s|/usr/bin/kinit||m|b|-|Path of kinit.
sasl.kerberos.min.time.before.relogin|l|60000||m|b|-|Shortest time between two Kerberos logins.
sasl.kerberos.principal.to.local.rules|L|DEFAULT||m|b|-|Rules that map Kerberos principals to short names.
sasl.kerberos.service.name|s|~||m|b|-|Kerberos service name of the broker.
sasl.kerberos.ticket.renew.jitter|d|0.05||m|b|-|Random part added to the ticket renewal time.
sasl.kerberos.ticket.renew.window.factor|d|0.8||m|b|-|Part of a ticket's life after which it is renewed.
sasl.login.callback.handler.class|c|~||m|r|-|Java callback class of SASL logins.
sasl.login.class|c|~||m|r|-|Java class of SASL logins.
sasl.login.connect.timeout.ms|i|~||l|r|-|Connect time-out to the token provider.
sasl.login.read.timeout.ms|i|~||l|r|-|Read time-out from the token provider.
sasl.login.refresh.buffer.seconds|h|300||m|b|-|Seconds before expiry in which a login is not refreshed.
sasl.login.refresh.min.period.seconds|h|60||m|b|-|Shortest time between two login refreshes.
sasl.login.refresh.window.factor|d|0.8||m|b|-|Part of a login's life after which it is refreshed.
sasl.login.refresh.window.jitter|d|0.05||m|b|-|Random part added to the login refresh time.
sasl.login.retry.backoff.max.ms|l|10000||l|r|-|Longest wait before a failed login is repeated.
sasl.login.retry.backoff.ms|l|100||l|r|-|First wait before a failed login is repeated.
sasl.mechanism.controller.protocol|s|GSSAPI||h|r|-|SASL mechanism towards controllers.
sasl.mechanism.inter.broker.protocol|s|GSSAPI||m|b|-|SASL mechanism between brokers.
sasl.oauthbearer.allow.unverified.audience|b|false||m|r|-|Take tokens whose audience is not checked.
sasl.oauthbearer.allow.unverified.issuer|b|false||m|r|-|Take tokens whose issuer is not checked.
sasl.oauthbearer.assertion.algorithm|s|RS256|i{ES256,RS256}|m|r|-|Signature algorithm of client assertions.
sasl.oauthbearer.assertion.claim.aud|s|~||m|r|-|Audience of client assertions.
sasl.oauthbearer.assertion.claim.exp.seconds|i|300|0..86400|l|r|-|Life of client assertions.
sasl.oauthbearer.assertion.claim.iss|s|~||m|r|-|Issuer of client assertions.
sasl.oauthbearer.assertion.claim.jti.include|b|false||m|r|-|Put a unique id into client assertions.
sasl.oauthbearer.assertion.claim.nbf.seconds|i|60|0..3600|l|r|-|Seconds before now at which client assertions begin to be valid.
sasl.oauthbearer.assertion.claim.sub|s|~||m|r|-|Subject of client assertions.
sasl.oauthbearer.assertion.file|s|~||m|r|-|File with a ready client assertion.
sasl.oauthbearer.assertion.private.key.file|s|~||m|r|-|Key file that signs client assertions.
sasl.oauthbearer.assertion.private.key.passphrase|p|~||m|r|-|Passphrase of that key file.
sasl.oauthbearer.assertion.template.file|s|~||m|r|-|File with header and claims of client assertions.
sasl.oauthbearer.client.credentials.client.id|s|~||m|r|-|Client id for the token provider.
sasl.oauthbearer.client.credentials.client.secret|p|~||m|r|-|Client secret for the token provider.
sasl.oauthbearer.clock.skew.seconds|i|30||l|r|-|Clock difference to a token's issuer that is allowed.
sasl.oauthbearer.expected.audience|L|||h|r|-|Audiences of which a token must name one.
sasl.oauthbearer.expected.issuer|s|~||h|r|-|Issuer that tokens must come from.
sasl.oauthbearer.jwks.endpoint.refresh.ms|l|3600000||l|r|-|Time between loads of the issuer's keys.
sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms|l|10000||l|r|-|Longest wait before the issuer's keys are asked for again.
sasl.oauthbearer.jwks.endpoint.retry.backoff.ms|l|100||l|r|-|First wait before the issuer's keys are asked for again.
sasl.oauthbearer.jwks.endpoint.url|s|~||m|r|-|Address of the issuer's keys.
sasl.oauthbearer.jwt.retriever.class|c|org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever||m|r|-|Java class that gets tokens.
sasl.oauthbearer.jwt.validator.class|c|org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator||m|r|-|Java class that checks tokens.
sasl.oauthbearer.scope|s|~||m|r|-|Scope asked for with a token.
sasl.oauthbearer.scope.claim.name|s|scope||l|r|-|Claim that holds the scope.
sasl.oauthbearer.sub.claim.name|s|sub||l|r|-|Claim that holds the subject.
sasl.oauthbearer.token.endpoint.url|s|~||m|r|-|Address that gives tokens.
sasl.server.callback.handler.class|c|~||m|r|-|Java callback class of SASL on the broker.
sasl.server.max.receive.size|i|524288||m|r|-|Most bytes of one SASL message from a client.
security.inter.broker.protocol|s|PLAINTEXT|{PLAINTEXT,SSL,SASL_PLAINTEXT,SASL_SSL}|m|r|-|Security protocol between brokers.
security.providers|s|~||l|r|-|Java security provider classes.
share.coordinator.append.linger.ms|i|-1|-1..|m|r|-|Time the share coordinator gathers writes; -1 lets it decide.
share.coordinator.cached.buffer.max.bytes|i|1048588|524288..|m|c|-|Largest write buffer the share coordinator keeps for reuse.
share.coordinator.load.buffer.size|i|5242880|1..|h|r|-|Bytes per read when share state is loaded.
share.coordinator.snapshot.update.records.per.snapshot|i|500|0..500|m|r|-|Updates of share state between two snapshots.
share.coordinator.state.topic.compression.codec|i|0||h|r|-|Codec number of the share state topic.
share.coordinator.state.topic.min.isr|h|2|1..|h|r|-|In-sync replicas that the share state topic needs.
share.coordinator.state.topic.num.partitions|i|50|1..|h|r|-|Partitions of the share state topic.
share.coordinator.state.topic.replication.factor|h|3|1..|h|r|-|Replicas of the share state topic.
share.coordinator.state.topic.segment.bytes|i|104857600|1..|h|r|-|Segment size of the share state topic.
share.coordinator.threads|i|1|1..|m|r|-|Threads of the share coordinator.
share.coordinator.write.timeout.ms|i|5000|1..|h|r|-|Longest wait for the replicas of a share state write.
share.fetch.purgatory.purge.interval.requests|i|1000||m|r|-|Finished waits kept before the share-fetch purgatory is swept.
socket.connection.setup.timeout.max.ms|l|30000||m|r|-|Longest wait for a connection to another broker.
socket.connection.setup.timeout.ms|l|10000||m|r|-|First wait for a connection to another broker.
socket.listen.backlog.size|i|1024|1..|m|r|+|Connections that may wait for their accept. Read at start.
socket.receive.buffer.bytes|i|-1||h|r|+|Receive buffer of a connection in the kernel; -1 is the system's own.
socket.request.max.bytes|i|104857600|1..|h|r|+|Largest request.
socket.send.buffer.bytes|i|-1||h|r|+|Send buffer of a connection in the kernel; -1 is the system's own.
ssl.allow.dn.changes|b|false||l|r|-|Take a new certificate with another subject name.
ssl.allow.san.changes|b|false||l|r|-|Take a new certificate with other alternative names.
ssl.cipher.suites|L|||m|b|-|TLS cipher suites; empty is the library's choice.
ssl.client.auth|s|none|{required,requested,none}|m|b|-|Whether clients must show a certificate.
ssl.enabled.protocols|L|TLSv1.2,TLSv1.3||m|b|-|TLS versions that are on.
ssl.endpoint.identification.algorithm|s|https||l|b|-|How host names in certificates are checked.
ssl.engine.factory.class|c|~||l|b|-|Java class that makes TLS engines.
ssl.key.password|p|~||m|b|-|Password of the private key.
ssl.keymanager.algorithm|s|SunX509||m|b|-|Java key manager algorithm.
ssl.keystore.certificate.chain|p|~||m|b|-|Certificate chain as PEM text.
ssl.keystore.key|p|~||m|b|-|Private key as PEM text.
ssl.keystore.location|s|~||m|b|-|File with key and certificate chain.
ssl.keystore.password|p|~||m|b|-|Password of the key store file.
ssl.keystore.type|s|JKS||m|b|-|Format of the key store file.
ssl.principal.mapping.rules|s|DEFAULT||l|r|-|Rules that map certificate names to principals.
ssl.protocol|s|TLSv1.3||m|b|-|Newest TLS version.
ssl.provider|s|~||m|b|-|Java TLS provider.
ssl.secure.random.implementation|s|~||l|b|-|Java random number generator.
ssl.trustmanager.algorithm|s|PKIX||m|b|-|Java trust manager algorithm.
ssl.truststore.certificates|p|~||m|b|-|Trusted certificates as PEM text.
ssl.truststore.location|s|~||m|b|-|File with trusted certificates.
ssl.truststore.password|p|~||m|b|-|Password of the trust store file.
ssl.truststore.type|s|JKS||m|b|-|Format of the trust store file.
super.users|s|||h|r|+|Principals that may do everything, separated by semicolons: User:alice;User:bob.
telemetry.max.bytes|i|1048576|1..|l|r|-|Largest telemetry message from a client.
transaction.abort.timed.out.transaction.cleanup.interval.ms|i|10000|1..|l|r|-|Time between searches for transactions that timed out.
transaction.max.timeout.ms|i|900000|1..|h|r|-|Longest transaction time-out that a client may ask for.
transaction.partition.verification.enable|b|true||l|c|-|Check that a partition belongs to the transaction before an append.
transaction.remove.expired.transaction.cleanup.interval.ms|i|3600000|1..|l|r|-|Time between searches for expired transactional ids.
transaction.state.log.load.buffer.size|i|5242880|1..|h|r|-|Bytes per read when transaction state is loaded.
transaction.state.log.min.isr|i|2|1..|h|r|-|In-sync replicas that the transaction topic needs.
transaction.state.log.num.partitions|i|50|1..|h|r|-|Partitions of the transaction topic.
transaction.state.log.replication.factor|h|3|1..|h|r|-|Replicas of the transaction topic.
transaction.state.log.segment.bytes|i|104857600|1..|h|r|-|Segment size of the transaction topic.
transaction.two.phase.commit.enable|b|false||l|r|-|Let clients prepare transactions for an outside coordinator.
transactional.id.expiration.ms|i|604800000|1..|h|r|-|Time after which an unused transactional id is forgotten.
unclean.leader.election.enable|b|false||h|c|-|Let a replica outside the in-sync set lead, at the price of data.
"""

TOPIC = """\
cleanup.policy|L|delete|{compact,delete}|m|t|+|log.cleanup.policy|What happens to old data: delete by time and size, compact by key, or both. Compacted topics refuse records without a key.
compression.gzip.level|i|-1|1..9 -1|m|t|+|compression.gzip.level|Level used when the broker itself compresses with gzip; -1 is the library's default.
compression.lz4.level|i|9|1..17|m|t|+|compression.lz4.level|Level used when the broker itself compresses with lz4.
compression.type|s|producer|{uncompressed,zstd,lz4,snappy,gzip,producer}|m|t|+|compression.type|Codec in which batches are stored; producer keeps what the producer sent.
compression.zstd.level|i|3|-131072..22|m|t|+|compression.zstd.level|Level used when the broker itself compresses with zstd.
delete.retention.ms|l|86400000|0..|m|t|+|log.cleaner.delete.retention.ms|Time that delete markers of a compacted topic are kept.
errors.deadletterqueue.group.enable|b|false||m|t|-||Let share groups use this topic for dead letters.
file.delete.delay.ms|l|60000|0..|m|t|+|log.segment.delete.delay.ms|Time between the deletion of a file from the log and from the disk.
flush.messages|l|9223372036854775807|1..|m|t|+|log.flush.interval.messages|Sync a partition after this many records, besides pybroker.flush.policy.
flush.ms|l|9223372036854775807|0..|m|t|-|log.flush.interval.ms log.flush.scheduler.interval.ms|Sync a partition after this time, besides pybroker.flush.policy.
follower.replication.throttled.replicas|L||throttle|m|t|-||Replicas whose fetching is throttled: partition:broker, or * for all.
index.interval.bytes|i|4096|0..|m|t|+|log.index.interval.bytes|Bytes of log between two entries of the offset index.
leader.replication.throttled.replicas|L||throttle|m|t|-||Replicas whose serving of followers is throttled: partition:broker, or * for all.
local.retention.bytes|l|-2|-2..|m|t|-|log.local.retention.bytes|Bytes of a tiered partition that are kept locally; -2 is as retention.bytes.
local.retention.ms|l|-2|-2..|m|t|-|log.local.retention.ms|Time that segments of a tiered partition are kept locally; -2 is as retention.ms.
max.compaction.lag.ms|l|9223372036854775807|1..|m|t|+|log.cleaner.max.compaction.lag.ms|Longest time a record may stay uncompacted.
max.decompressed.message.bytes|i|67108864|1..2147483639|m|t|+|max.decompressed.message.bytes|Most bytes to which one batch may decompress.
max.message.bytes|i|1048588|0..|m|t|+|message.max.bytes|Largest batch that is accepted, after compression.
message.timestamp.after.max.ms|l|3600000|0..|m|t|+|log.message.timestamp.after.max.ms|Furthest that a record's timestamp may lie in the future.
message.timestamp.before.max.ms|l|9223372036854775807|0..|m|t|+|log.message.timestamp.before.max.ms|Furthest that a record's timestamp may lie in the past.
message.timestamp.type|s|CreateTime|{CreateTime,LogAppendTime}|m|t|+|log.message.timestamp.type|Whether records carry the producer's time or the time of the append.
min.cleanable.dirty.ratio|d|0.5|0..1|m|t|+|log.cleaner.min.cleanable.ratio|Part of a log that must be dirty before it is compacted.
min.compaction.lag.ms|l|0|0..|m|t|+|log.cleaner.min.compaction.lag.ms|Shortest time a record stays uncompacted.
min.insync.replicas|i|1|1..|m|t|-|min.insync.replicas|Replicas that must hold a batch before acks=all is answered. One node has one replica.
preallocate|b|false||m|t|-|log.preallocate|Allocate a segment file in full when it is made.
pybroker.dead.letter.topic|s|||m|t|+|pybroker.dead.letter.topic|Topic for batches of this topic that a plugin sends to the dead letters without naming one. It must exist.
pybroker.key.schema|s|||m|t|-||Schema of keys: its text, or file:NAME of a file in pybroker.schema.dir.
pybroker.key.schema.type|s|||m|t|+||Format of keys, by the name of a plugin's serde (json, avro, xml, …). Empty: anything.
pybroker.repartition|b|false||m|t|+|pybroker.repartition|Let the partitioner of a plugin choose the partition of every record when it is produced. Producers with idempotence are refused then.
pybroker.value.schema|s|||m|t|-||Schema of values: its text, or file:NAME of a file in pybroker.schema.dir.
pybroker.value.schema.type|s|||m|t|+||Format of values, by the name of a plugin's serde (json, avro, xml, …). Empty: anything.
remote.copy.lag.bytes|l|-1|-1..|m|t|-|log.remote.copy.lag.bytes|Bytes that may wait for their copy to remote storage.
remote.copy.lag.ms|l|0|-1..|m|t|-|log.remote.copy.lag.ms|Time that segments may wait for their copy to remote storage.
remote.log.copy.disable|b|false||m|t|-||Stop copying this topic to remote storage.
remote.log.delete.on.disable|b|false||m|t|-||Delete the remote copy when remote storage is turned off.
remote.storage.enable|b|false||m|t|-||Tier segments of this topic to remote storage.
retention.bytes|l|-1||m|t|+|log.retention.bytes|Bytes of a partition that are kept; -1 is no limit.
retention.ms|l|604800000|-1..|m|t|+|log.retention.ms log.retention.minutes log.retention.hours|Time a record is kept; -1 is for ever.
segment.bytes|i|1073741824|1024..|m|t|+|log.segment.bytes|Largest size of a segment file.
segment.index.bytes|i|10485760|4..|m|t|+|log.index.size.max.bytes|Largest size of an index file; a full one rolls the segment.
segment.jitter.ms|l|0|0..|m|t|+|log.roll.jitter.ms log.roll.jitter.hours|Time taken off the roll time at random, so that segments do not roll together.
segment.ms|l|604800000|1..|m|t|+|log.roll.ms log.roll.hours|Time until a segment is closed although it is not full.
unclean.leader.election.enable|b|false||m|t|-|unclean.leader.election.enable|Let a replica outside the in-sync set lead, at the price of data.
"""

GROUP = """\
consumer.assignment.interval.ms|i|1000|0..|m|t|+|Time between two computed assignments of the consumer group.
consumer.heartbeat.interval.ms|i|5000|1..|m|t|+|Heartbeat interval told to members of the consumer group.
consumer.session.timeout.ms|i|45000|1..|m|t|+|Session time-out of members of the consumer group.
errors.deadletterqueue.copy.record.enable|b|false||m|t|-|Copy the whole record into the dead-letter topic.
errors.deadletterqueue.topic.name|s|||m|t|-|Dead-letter topic of the share group.
share.assignment.interval.ms|i|1000|0..|m|t|-|Time between two computed assignments of the share group.
share.auto.offset.reset|s|latest|reset|m|t|-|Where the share group begins: latest, earliest or by_duration:PnDTnHnMn.nS.
share.delivery.count.limit|i|5|2..|m|t|-|Delivery attempts of one record.
share.heartbeat.interval.ms|i|5000|1..|m|t|-|Heartbeat interval told to members of the share group.
share.isolation.level|s|read_uncommitted|{read_committed,read_uncommitted}|m|t|-|Whether the share group reads records of open and aborted transactions.
share.partition.max.record.locks|i|2000|100..|m|t|-|Most records of a partition locked at once.
share.record.lock.duration.ms|i|30000|1000..|m|t|-|Time a record stays locked for the member that got it.
share.renew.acknowledge.enable|b|true||m|t|-|Let members renew the lock of a record.
share.session.timeout.ms|i|45000|1..|m|t|-|Session time-out of members of the share group.
streams.assignment.interval.ms|i|1000|0..|m|t|-|Time between two computed assignments of the streams group.
streams.assignor.name|s|~||m|t|-|Assignor of the streams group; unset is the broker's first.
streams.heartbeat.interval.ms|i|5000|1..|m|t|-|Heartbeat interval told to members of the streams group.
streams.initial.rebalance.delay.ms|i|3000|0..|m|t|-|Wait for more members before the first rebalance of the streams group.
streams.num.standby.replicas|i|0|0..|m|t|-|Standby replicas of each task.
streams.rack.aware.assignment.tags|L|||l|t|-|Client tags by which standby tasks are spread.
streams.session.timeout.ms|i|45000|1..|m|t|-|Session time-out of members of the streams group.
"""

CLIENT_METRICS = """\
interval.ms|i|300000||m|t|-|Time between two pushes of a client's metrics.
match|L|||m|t|-|Clients meant: name=regular expression, separated by commas.
metrics|L|||m|t|-|Metrics wanted, by prefix; empty is none, * all.
"""

