/* tests/gates/requests.c — one connection, COUNT small produce (or fetch) requests, one at a time, without libuv and without Python: for counting instructions.
 * Use: requests produce|fetch COUNT DIRECTORY */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "broker/broker.h"
#include "env_posix.h"
#include "record/varint.h"

static void on_log(void *context, int level, const char *line) { (void)context; (void)level; fprintf(stderr, "%s\n", line); }
static int watch_open(void *context, int fd, void *owner, int events, void **watch_out) { (void)context; (void)fd; (void)events; *watch_out = owner; return 0; }
static void watch_set(void *watch, int events) { (void)watch; (void)events; }
static void watch_close(void *watch) { (void)watch; }
static void wake(void *context) { (void)context; }
static void timer_set(void *context, int64_t in_ms) { (void)context; (void)in_ms; }
static void check(int rc, const char *what) {
    if (rc >= 0) return;
    fprintf(stderr, "%s: %s\n", what, pb_error_name(rc));
    exit(1);
}

/* Produce 9 of one batch with one record of 100 bytes to topic "t". */
static size_t build_produce(uint8_t *out) {
    uint8_t batch[256], *at = batch + 61;
    memset(batch, 0, sizeof batch);
    static const uint8_t head[] = { 0, 0, 0, 2, 'k' };
    at = pb__varlong_write(at, (int64_t)sizeof head + 2 + 100 + 1);
    memcpy(at, head, sizeof head);
    at = pb__varlong_write(at + sizeof head, 100);
    memset(at, 'v', 100);
    at += 100;
    *at++ = 0;
    size_t size = (size_t)(at - batch);
    batch[16] = 2;
    pb__put_i32(batch + 8, (int32_t)size - 12);
    pb__put_i64(batch + 43, -1);
    pb__put_i16(batch + 51, -1);
    pb__put_i32(batch + 53, -1);
    pb__put_i32(batch + 57, 1);
    pb__put_u32(batch + 17, pb__crc32c(0, batch + 21, size - 21));
    static const uint8_t front[] = { 0, 0, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 3, 0xe8, 2, 2, 't', 2, 0, 0, 0, 0 };
    memcpy(out + 4, front, sizeof front);
    uint8_t *to = out + 4 + sizeof front;
    uint32_t length = (uint32_t)size + 1;
    for (; length > 0x7f; length >>= 7) *to++ = (uint8_t)(length | 0x80);
    *to++ = (uint8_t)length;
    memcpy(to, batch, size);
    to += size;
    memset(to, 0, 3);
    to += 3;
    pb__put_i32(out, (int32_t)(to - out) - 4);
    return (size_t)(to - out);
}

/* Fetch 11 of topic "t" partition 0 from offset 0, at most one batch. */
static size_t build_fetch(uint8_t *out) {
    static const uint8_t frame[] = { 0, 0, 0, 78, 0, 1, 0, 11, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0,
                                     0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
                                     0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 };
    memcpy(out, frame, sizeof frame);
    pb__put_i32(out, (int32_t)sizeof frame - 4);
    return sizeof frame;
}

/* From now on everything is judged, and this connection may read and write the topic. */
static void judge(struct pb_broker *broker, struct pb_conn *conn) {
    static const uint8_t operations[] = { 3, 4 };
    check(pb_broker_judge(broker), "rights");
    conn->subject = 7;
    for (size_t i = 0; i < sizeof operations; i++) {
        struct pb_right_view right = { .name = (const uint8_t *)"t", .name_size = 1, .subject = 7, .operation = operations[i], .resource = 2, .allowed = true, .until_ns = INT64_MAX };
        check(pb_broker_put_right(broker, &right), "right");
    }
}

static void serve(struct pb_loop *loop, struct pb_conn *conn, int peer, const uint8_t *frame, size_t size) {
    uint8_t answer[4096];
    if (write(peer, frame, size) != (ssize_t)size) exit(1);
    pb_watch_ready(loop, conn, PB_READABLE);
    pb_loop_on_turn_end(loop);
    ssize_t got = read(peer, answer, sizeof answer);
    if (got < 40) {
        fprintf(stderr, "no answer: %zd errno %d\n", got, errno);
        exit(1);
    }
}

int main(int argc, char **argv) {
    static struct pb_env_posix posix;
    struct pb_broker *broker;
    struct pb_loop *loop;
    struct pb_conn *conn;
    int pair[2], count = argc == 4 ? atoi(argv[2]) : 0;
    if (count <= 0) return 2;
    const char *dirs[] = { argv[3] };
    check(pb_env_posix_init(&posix, 1, on_log, NULL), "env");
    struct pb_broker_options options = { .env = &posix.env, .node_id = 1, .loop_count = 1, .open_segments_max = 16, .log_dir_count = 1, .log_dirs = dirs };
    check(pb_broker_new(&options, &broker, NULL), "broker");
    pb_broker_set(broker, PB_SETTING_flush_policy, 0);
    struct pb_loop_ops ops = { NULL, watch_open, watch_set, watch_close, wake, timer_set };
    check(pb_loop_new(broker, 0, &ops, &loop), "loop");
    struct pb_partition_spec partition = { 0, 0, 0 };
    struct pb_topic_spec topic = { .id = { 1 }, .name = "t", .partition_count = 1, .partitions = &partition };
    topic.settings[PB_TOPIC_batch_bytes_max] = 1 << 20;
    topic.settings[PB_TOPIC_timestamp_before_max_ms] = topic.settings[PB_TOPIC_timestamp_after_max_ms] = INT64_MAX;
    topic.settings[PB_TOPIC_codec_wanted] = -1;
    topic.settings[PB_TOPIC_segment_bytes] = 1 << 30;
    topic.settings[PB_TOPIC_segment_ms] = topic.settings[PB_TOPIC_flush_messages] = INT64_MAX;
    topic.settings[PB_TOPIC_segment_index_bytes] = 1 << 20;
    topic.settings[PB_TOPIC_index_interval_bytes] = 4096;
    check(pb_broker_put_topic(broker, &topic), "topic");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return 1;
    check(pb__conn_new(&loop->api.net, pair[0], 0, &conn), "connection");
    if (strstr(argv[1], "judged") != NULL) judge(broker, conn);
    uint8_t produce[512], fetch[512];
    size_t produce_size = build_produce(produce), fetch_size = build_fetch(fetch);
    serve(loop, conn, pair[1], produce, produce_size);
    for (int i = 0; i < count; i++) {
        if (argv[1][0] == 'p') {
            serve(loop, conn, pair[1], produce, produce_size);
        } else {
            serve(loop, conn, pair[1], fetch, fetch_size);
        }
    }
    pb_loop_close(loop);
    pb_env_posix_deinit(&posix);
    pb_loop_free(loop);
    check(pb_broker_close_logs(broker), "close");
    pb_broker_free(broker);
    return 0;
}
