/* base/limits.h — every bound of the core that is not a config key, with the sum that justifies it.
 *
 * When a bound is reached the answer is back-pressure (stop reading) or a clear error, never growth. */
#ifndef PB_BASE_LIMITS_H
#define PB_BASE_LIMITS_H

#include <assert.h>

enum {
    /* One log line; a peer may cause ten a second at most. */
    PB_LOG_LINE_BYTES_MAX = 1024,

    /* Loops: one thread each; 64 is far beyond what a 64-core machine needs for network work. */
    PB_LOOPS_MAX = 64,
    PB_LISTENERS_MAX = 16,

    /* Input arena of a loop: what one wake-up reads before it must flush its staged appends. Small enough to stay in L2
     * (1 MiB and more on today's cores) beside the reply buffers, large enough for 16 batches of 16 KiB. */
    PB_LOOP_ARENA_BYTES = 512 * 1024,
    /* Least room a recv is given in the arena; below it the loop flushes first. */
    PB_LOOP_RECV_BYTES_MIN = 64 * 1024,
    /* Frames above this are received into a buffer of the connection's own. */
    PB_CONN_BIG_FRAME_BYTES = 128 * 1024,
    /* Staged batches per loop before a flush: 256 iovecs are one pwritev (IOV_MAX 1024, a quarter keeps latency flat). */
    PB_LOOP_STAGED_BATCHES_MAX = 256,
    PB_LOOP_STAGED_BYTES_MAX = 1024 * 1024,

    /* Requests of one connection between dispatch and the last byte of the reply. librdkafka's most is 1,000,000 by config, 5 by
     * rule for idempotence; Kafka itself serves one at a time. 256 replies of 64 bytes are 16 KiB. */
    PB_CONN_IN_FLIGHT_MAX = 256,
    /* Memory that waits to be sent on one connection; reading stops above it. File slices count 0. */
    PB_CONN_OUT_BYTES_MAX = 1024 * 1024,
    /* iovecs of one writev to a socket. */
    PB_SEND_IOVECS_MAX = 64,
    /* Slices below this are read and sent by writev, from it on by sendfile (measured break-even: copy 0.64 against sendfile 0.85
     * CPU-s/GB at 64 KiB, equal near 128 KiB). */
    PB_SENDFILE_BYTES_MIN = 128 * 1024,
    /* One sendfile call: keeps one connection from holding a loop longer than about a millisecond. */
    PB_SENDFILE_BYTES_MAX = 1024 * 1024,

    /* A connection that has yet to authenticate: its frames, its buffer and what waits to be sent to it. A SASL token is a few hundred bytes. */
    PB_STRANGER_BYTES_MAX = 64 * 1024,

    /* Lines a second that the log takes about the mistakes of one peer. */
    PB_PEER_LOG_LINES_MAX = 10,

    /* Freed buffers that a loop keeps for the next frame, in all. */
    PB_LOOP_SPARE_BYTES_MAX = 4 * 1024 * 1024,

    /* Control-plane requests that wait for Python, over all connections: each holds its frame. */
    PB_MAILBOX_REQUESTS_MAX = 16 * 1024,
    PB_MAILBOX_BYTES_MAX = 64 * 1024 * 1024,

    /* Produce requests that wait for plugin lanes, over all loops: half of what may be received and not served (512 MiB). */
    PB_LANE_BYTES_MAX = 256 * 1024 * 1024,

    /* One batch of our own records (coordinators): a group of a thousand members is a few MiB. Also what one such batch may unpack to. */
    PB_OWN_BATCH_BYTES_MAX = 16 * 1024 * 1024,

    /* Group members whose heartbeats the loops answer: some 150 bytes each, 40 MiB. Those beyond are served by the control plane. */
    PB_MEMBERS_MAX = 256 * 1024,

    /* Decisions about rights that the loops know: 8,192 sets of 4, of 24 bytes each and a word: 1 MiB, made when an authorizer is enabled. A connection that uses a thousand topics
     * in two ways takes 2,000 of them. */
    PB_RIGHTS_SETS = 8192,
    PB_RIGHTS_WAYS = 4,
    /* Questions about one request: 100,000 topics with names of 160 bytes. */
    PB_RIGHTS_QUESTION_BYTES_MAX = 16 * 1024 * 1024,

    /* Producers that one partition knows: 64 Ki of them are a table of 20 MiB; a day's worth (producer.id.expiration.ms) of a new one every 1.3 s. */
    PB_PRODUCERS_MAX = 64 * 1024,

    /* Topic name as Kafka limits it: 249 characters, so that "<topic>-<partition>" with a suffix is a file name. */
    PB_TOPIC_NAME_BYTES_MAX = 249,
    PB_PATH_BYTES_MAX = 1024,

    /* Partitions named by one Produce, Fetch or ListOffsets request. */
    PB_REQUEST_PARTITIONS_MAX = 100000,
};

static_assert(PB_LOOP_RECV_BYTES_MIN * 2 <= PB_LOOP_ARENA_BYTES, "an arena holds at least two receives");
static_assert(PB_CONN_BIG_FRAME_BYTES <= PB_LOOP_ARENA_BYTES, "a small frame fits the arena");

/* A batch waits this long for a lane that is busy but does not hang; most clients wait 30 s for an answer. */
#define PB_LANE_WAIT_NS_MAX (15LL * 1000000000)

#endif
