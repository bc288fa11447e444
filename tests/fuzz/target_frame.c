/* A connection that sends any bytes: frames, headers, every request of the data plane, and what goes to the control plane. A well-behaved client is served on. */
#include "tests/fuzz/fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "broker/broker.h"

struct watch { void *owner; int events; bool open; };
static struct watch watches[8];
static bool woken;

static int watch_open(void *context, int fd, void *owner, int events, void **watch_out) {
    (void)context;
    (void)fd;
    for (size_t i = 0; i < sizeof watches / sizeof *watches; i++) {
        if (watches[i].open) continue;
        watches[i] = (struct watch){ owner, events, true };
        *watch_out = &watches[i];
        return 0;
    }
    return PB_E_LIMIT;
}
static void watch_set(void *watch, int events) { ((struct watch *)watch)->events = events; }
static void watch_close(void *watch) { ((struct watch *)watch)->open = false; }
static void wake(void *context) { (void)context; woken = true; }
static void timer_set(void *context, int64_t in_ms) { (void)context; (void)in_ms; }
static void notify(void *context) { (void)context; }

static const struct pb_loop_ops OPS = { NULL, watch_open, watch_set, watch_close, wake, timer_set };
static struct sim_env sim;
static struct pb_broker *broker;
static struct pb_loop *loop;

static void start(void) {
    static const char *const dirs[] = { "/d" };
    struct pb_broker_options options = { .env = &sim.env, .node_id = 1, .loop_count = 1, .open_segments_max = 32, .log_dir_count = 1, .log_dirs = dirs };
    struct pb_partition_spec partitions[2] = { { 0, 0, 0 }, { 1, 0, 0 } };
    struct pb_topic_spec topic = { .name = "t", .partition_count = 2, .partitions = partitions };
    sim_init(&sim);
    memset(topic.id, 1, sizeof topic.id);
    topic.settings[PB_TOPIC_batch_bytes_max] = 1 << 20;
    topic.settings[PB_TOPIC_decompressed_bytes_max] = 1 << 22;
    topic.settings[PB_TOPIC_timestamp_before_max_ms] = topic.settings[PB_TOPIC_timestamp_after_max_ms] = INT64_MAX;
    topic.settings[PB_TOPIC_codec_wanted] = -1;
    topic.settings[PB_TOPIC_segment_bytes] = 1 << 20;
    topic.settings[PB_TOPIC_segment_ms] = topic.settings[PB_TOPIC_flush_messages] = topic.settings[PB_TOPIC_flush_ms] = INT64_MAX;
    topic.settings[PB_TOPIC_segment_index_bytes] = 1 << 20;
    topic.settings[PB_TOPIC_index_interval_bytes] = 4096;
    topic.settings[PB_TOPIC_producer_id_expiration_ms] = 86400000;
    WRONG(pb_broker_new(&options, &broker, NULL) < 0);
    pb_broker_set_mail_notify(broker, notify, NULL);
    pb_broker_set(broker, PB_SETTING_request_bytes_max, 1 << 20);
    WRONG(pb_broker_put_topic(broker, &topic) < 0);
    WRONG(pb_loop_new(broker, 0, &OPS, &loop) < 0);
}

/* All that can happen now; answers are read away. gone: the peer has left. */
static void turn(int fd, bool gone) {
    uint8_t sink[1 << 16];
    for (int round = 0; round < 64; round++) {
        woken = false;
        for (size_t i = 0; i < sizeof watches / sizeof *watches; i++)
            if (watches[i].open && watches[i].events & PB_READABLE) pb_watch_ready(loop, watches[i].owner, PB_READABLE);
        for (size_t i = 0; i < sizeof watches / sizeof *watches; i++)
            if (watches[i].open && watches[i].events & PB_WRITABLE) pb_watch_ready(loop, watches[i].owner, PB_WRITABLE);
        for (size_t i = 0; gone && i < sizeof watches / sizeof *watches; i++)
            if (watches[i].open && watches[i].events & PB_HANGUP) pb_watch_ready(loop, watches[i].owner, PB_HANGUP);
        pb_loop_on_turn_end(loop);
        for (struct pb_mail *mail; (mail = pb_broker_take_mail(broker)) != NULL; woken = true) pb_mail_close(mail);
        struct pb_news news;
        while (pb_broker_take_news(broker, &news) > 0) continue;
        if (woken) pb_loop_on_wake(loop);
        ssize_t got = gone ? 0 : recv(fd, sink, sizeof sink, MSG_DONTWAIT);
        if (!woken && got <= 0) return;
    }
}

static void connect_and_send(const uint8_t *bytes, size_t size) {
    int fds[2];
    WRONG(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0);
    WRONG(pb__conn_new(&loop->api.net, fds[0], 0, NULL) < 0);
    for (size_t at = 0; at < size;) {
        ssize_t sent = send(fds[1], bytes + at, size - at < 1000 ? size - at : 1000, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0) break;
        at += (size_t)sent;
        turn(fds[1], false);
    }
    sim.now_ns += 60000000000;                                              /* what waits, waits no longer */
    pb_loop_on_timer(loop);
    turn(fds[1], false);
    close(fds[1]);
    turn(-1, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const uint8_t versions[] = { 0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 255, 255 };
    int64_t stats[PB_STAT_COUNT];
    if (broker == NULL) start();
    connect_and_send(bytes, size);
    int64_t before = broker->loops[0]->api.stat_requests;
    connect_and_send(versions, sizeof versions);
    WRONG(broker->loops[0]->api.stat_requests != before + 1);
    WRONG(pb_broker_stats(broker, stats) < 0);
    WRONG(stats[PB_STAT_connections_open] != 0);
    WRONG(stats[PB_STAT_replies_waiting] != 0);
    WRONG(stats[PB_STAT_fetches_waiting] != 0);
    WRONG(stats[PB_STAT_receive_bytes_held] != 0);
    if (stats[PB_STAT_bytes_appended] > 1 << 20) {                          /* begin anew before the simulated disk grows large */
        pb_loop_close(loop);
        pb_loop_free(loop);
        pb_broker_free(broker);
        WRONG(sim.allocs_live != 0);
        sim_deinit(&sim);
        broker = NULL;
    }
    return 0;
}
