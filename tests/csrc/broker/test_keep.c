/* A broker on two disks in a simulated world: log starts and places of partitions, through faults and power cuts at every call. */
#include <errno.h>

#include "base/err.h"
#include "harness.h"
#include "pb.h"
#include "sim_env.h"

static const uint8_t ID[16] = { 7 };
static const int64_t NOW = 1700000000000;
enum { CALLS_MAX = 600 };

struct world { struct sim_env sim; struct pb_broker *broker; int64_t retention_bytes; int32_t place, records_each; };

static void put_topic(struct world *world) {
    struct pb_partition_spec part = { .index = 0, .log_dir = world->place, .leader_epoch = 0 };
    struct pb_topic_spec spec = { .name = "t", .partition_count = 1, .partitions = &part };
    memcpy(spec.id, ID, sizeof ID);
    int64_t *s = spec.settings;
    s[PB_TOPIC_batch_bytes_max] = s[PB_TOPIC_decompressed_bytes_max] = 1 << 20;
    s[PB_TOPIC_timestamp_before_max_ms] = s[PB_TOPIC_timestamp_after_max_ms] = INT64_MAX;
    s[PB_TOPIC_codec_wanted] = -1;
    s[PB_TOPIC_segment_bytes] = 600;
    s[PB_TOPIC_segment_ms] = s[PB_TOPIC_flush_messages] = s[PB_TOPIC_flush_ms] = INT64_MAX;
    s[PB_TOPIC_segment_index_bytes] = 1 << 16;
    s[PB_TOPIC_index_interval_bytes] = 200;
    s[PB_TOPIC_retention_ms] = -1;
    s[PB_TOPIC_retention_bytes] = world->retention_bytes;
    s[PB_TOPIC_producer_id_expiration_ms] = 86400000;
    s[PB_TOPIC_cleanup_delete] = 1;
    CHECK_EQ(pb_broker_put_topic(world->broker, &spec), 0);
}

static void ring(void *context) { (void)context; }

static void begin(struct world *world) {
    static const char *const dirs[] = { "/a", "/b" };
    struct pb_broker_options options = { .env = &world->sim.env, .node_id = 1, .loop_count = 1, .open_segments_max = 100, .log_dir_count = 2, .log_dirs = dirs };
    int32_t failed_dir;
    CHECK_EQ(pb_broker_new(&options, &world->broker, &failed_dir), 0);
    if (world->broker == NULL) exit(1);
    pb_broker_set_mail_notify(world->broker, ring, NULL);
    pb_broker_set(world->broker, PB_SETTING_flush_policy, 1);
    put_topic(world);
    CHECK_EQ(pb_broker_recover(world->broker, 0, 1), 0);
}

static void world_init(struct world *world) {
    memset(world, 0, sizeof *world);
    sim_init(&world->sim);
    world->sim.wall_ms = NOW;
    world->sim.now_ns = 1000000000;
    world->retention_bytes = -1;
    world->records_each = 1;
    for (int i = 0; i < 2; i++) (void)world->sim.env.dir_create(&world->sim, i == 0 ? "/a" : "/b");
    begin(world);
}

static void world_end(struct world *world) {
    pb_broker_free(world->broker);
    CHECK_EQ(world->sim.allocs_live, 0);
    CHECK_EQ(sim_open_count(&world->sim), 0);
    sim_deinit(&world->sim);
}

/* The power goes, and comes back. Where the partition lies then is as pybroker/broker/places.py has it: where metadata say, unless another directory has it. */
static void cut_power(struct world *world, bool badly) {
    sim_disarm(&world->sim);
    pb_broker_free(world->broker);
    world->broker = NULL;
    if (badly) {
        sim_crash_badly(&world->sim);
    } else {
        sim_crash(&world->sim, 0);
    }
    if (sim_find(&world->sim, world->place == 0 ? "/b/t-0" : "/a/t-0") != NULL) world->place = 1 - world->place;
    begin(world);
}

static int add_record(struct pb_own_batch *batch, int64_t offset) {
    char value[120];
    memset(value, 'v', sizeof value);
    snprintf(value, sizeof value, "%lld", (long long)offset);
    return pb_own_batch_add(batch, (const uint8_t *)"k", 1, (const uint8_t *)value, sizeof value);
}

/* A batch of records whose values are their offsets. 0, or the error. */
static int append(struct world *world) {
    struct pb_own_batch *batch;
    struct pb_partition_info info;
    int64_t offset;
    int rc = pb_broker_partition(world->broker, ID, 0, &info);
    if (rc < 0 || (rc = pb_own_batch_new(world->broker, &batch)) < 0) return rc;
    for (int32_t i = 0; rc == 0 && i < world->records_each; i++) rc = add_record(batch, info.end_offset + i);
    if (rc < 0) {
        pb_own_batch_free(batch);
        return rc;
    }
    rc = pb_own_batch_append(batch, ID, 0, 1, &offset);
    struct pb_news news;
    while (rc >= 0 && pb_broker_take_news(world->broker, &news) > 0)
        if (news.error < 0) rc = news.error;
    return rc < 0 ? rc : 0;
}

static struct pb_partition_info facts(struct world *world) {
    struct pb_partition_info info = { .offline = 1 };
    CHECK_EQ(pb_broker_partition(world->broker, ID, 0, &info), 0);
    return info;
}

/* Every record from the start on, each once and as it was written. */
static void check_records(struct world *world, int64_t start, int64_t end_min) {
    struct pb_partition_info info = facts(world);
    CHECK_EQ(info.offline, 0);
    CHECK_EQ(info.start_offset, start);
    CHECK(info.end_offset >= end_min);
    int64_t at = info.start_offset;
    while (at < info.end_offset) {
        struct pb_own_read *read;
        struct pb_record_view record;
        int64_t before = at;
        CHECK_EQ(pb_own_read_new(world->broker, ID, 0, at, 1 << 20, &read), 0);
        while (pb_own_read_next(read, &record) > 0) {
            if (record.offset < at) continue;
            CHECK_EQ(record.offset, at);
            CHECK_EQ(strtoll((const char *)record.value, NULL, 10), at);
            at++;
        }
        pb_own_read_free(read);
        CHECK(at > before);
        if (at == before) break;
    }
    CHECK_EQ(at, info.end_offset);
}

static int delete_to(struct world *world, int64_t offset, int64_t *start_out) {
    struct pb_delete_records item = { .partition = 0, .offset = offset };
    memcpy(item.topic_id, ID, sizeof ID);
    CHECK_EQ(pb_broker_delete_records(world->broker, &item, 1), 0);
    *start_out = item.start_offset;
    return item.error;
}

/* Steps until it has moved, or cannot. */
static int move_to(struct world *world, int32_t place) {
    int64_t copied;
    int rc = pb_broker_move_begin(world->broker, ID, 0, place);
    for (int i = 0; i < 200 && rc >= 0; i++) {
        rc = pb_broker_move_step(world->broker, ID, 0, 500, &copied);
        if (rc == 0) return 0;
        if (i < 4 && append(world) < 0) return PB_E_IO;                     /* it is written to meanwhile */
    }
    return rc < 0 ? rc : PB_E_TIMED_OUT;
}

TEST(records_deleted_stay_deleted_whatever_call_was_the_last) {
    for (int64_t k = 1; k < CALLS_MAX; k++) {
        struct world world;
        int64_t start, before;
        world_init(&world);
        for (int i = 0; i < 20; i++) CHECK_EQ(append(&world), 0);
        CHECK_EQ(delete_to(&world, 3, &before), 0);
        CHECK_EQ(before, 3);
        sim_arm(&world.sim, k, EIO, true);
        int rc = delete_to(&world, 13, &start);
        bool hit = world.sim.calls >= k;
        CHECK(rc < 0 ? start == -1 : start == 13);
        cut_power(&world, k % 2 == 0);
        struct pb_partition_info info = facts(&world);
        CHECK(info.start_offset == 13 || (rc < 0 && info.start_offset == 3));
        check_records(&world, info.start_offset, 20);
        CHECK_EQ(append(&world), 0);
        world_end(&world);
        if (!hit) break;
        CHECK(k < CALLS_MAX - 1);
    }
}

TEST(retention_leaves_what_stays_whatever_call_was_the_last) {
    for (int64_t k = 1; k < CALLS_MAX; k++) {
        struct world world;
        world_init(&world);
        for (int i = 0; i < 20; i++) CHECK_EQ(append(&world), 0);
        world.retention_bytes = k % 3 == 0 ? 0 : 900;
        put_topic(&world);
        sim_arm(&world.sim, k, k % 2 == 0 ? EIO : ENOSPC, true);
        (void)pb_broker_keep(world.broker, PB_KEEP_DISKS | PB_KEEP_PARTITIONS | PB_KEEP_RETENTION);
        bool hit = world.sim.calls >= k;
        cut_power(&world, true);
        check_records(&world, facts(&world).start_offset, 20);
        CHECK_EQ(facts(&world).end_offset, 20);
        CHECK_EQ(pb_broker_keep(world.broker, PB_KEEP_PARTITIONS | PB_KEEP_RETENTION), 0);
        check_records(&world, facts(&world).start_offset, 20);
        CHECK(facts(&world).start_offset > 0);
        world_end(&world);
        if (!hit) break;
        CHECK(k < CALLS_MAX - 1);
    }
}

TEST(a_clock_that_jumps_postpones_retention) {
    struct world world;
    world_init(&world);
    for (int i = 0; i < 20; i++) CHECK_EQ(append(&world), 0);
    CHECK_EQ(pb_broker_keep(world.broker, PB_KEEP_DISKS), 0);
    world.retention_bytes = 0;
    put_topic(&world);
    world.sim.wall_ms += 3600000;
    world.sim.now_ns += 1000000000;
    CHECK_EQ(pb_broker_keep(world.broker, PB_KEEP_RETENTION), PB_KEEP_RETENTION);
    CHECK_EQ(facts(&world).start_offset, 0);
    world.sim.wall_ms += 61000;
    world.sim.now_ns += 61000000000;
    CHECK_EQ(pb_broker_keep(world.broker, PB_KEEP_RETENTION), 0);
    CHECK_EQ(facts(&world).start_offset, 20);
    world_end(&world);
}

TEST(a_partition_moves_there_and_back_while_it_is_written_to) {
    struct world world;
    world_init(&world);
    int64_t start;
    for (int i = 0; i < 20; i++) CHECK_EQ(append(&world), 0);
    CHECK_EQ(delete_to(&world, 4, &start), 0);
    for (int32_t place = 1; place >= 0; place--) {
        CHECK_EQ(move_to(&world, place), 0);
        CHECK_EQ(facts(&world).log_dir, place);
        CHECK_EQ(facts(&world).future_dir, -1);
        CHECK(sim_find(&world.sim, place == 1 ? "/a/t-0" : "/b/t-0") == NULL);
        check_records(&world, 4, facts(&world).end_offset);
    }
    CHECK_EQ(pb_broker_move_begin(world.broker, ID, 0, 0), PB_E_EXISTS);
    CHECK_EQ(pb_broker_move_begin(world.broker, ID, 0, 2), PB_E_INVALID_ARGUMENT);
    world_end(&world);
}

/* What was synced is there after a power cut, and the log begins where it was told; the next move succeeds. */
static void play_move(int64_t k, int error, bool forever, bool badly, bool *hit_out) {
    struct world world;
    int64_t start;
    world_init(&world);
    world.records_each = 3;
    for (int i = 0; i < 4; i++) CHECK_EQ(append(&world), 0);
    CHECK_EQ(delete_to(&world, 4, &start), 0);                              /* inside of a batch: files alone do not tell it */
    sim_arm(&world.sim, k, error, forever);
    (void)move_to(&world, 1);
    *hit_out = world.sim.calls >= k;
    struct pb_partition_info info;
    int64_t synced = pb_broker_partition(world.broker, ID, 0, &info) == 0 && !info.offline ? info.synced_offset : 12;
    cut_power(&world, badly);
    check_records(&world, 4, synced);
    CHECK_EQ(append(&world), 0);
    world_end(&world);
}

TEST(a_move_loses_nothing_whatever_call_was_the_last) {
    bool hit = true;
    for (int64_t k = 1; hit && k < CALLS_MAX; k++) play_move(k, EIO, true, k % 2 == 0, &hit);
    CHECK(!hit);
}

TEST(a_move_loses_nothing_by_a_fault_that_passes) {
    bool hit = true;
    for (int64_t k = 1; hit && k < CALLS_MAX; k++) play_move(k, k % 2 == 0 ? EIO : ENOSPC, false, k % 3 == 0, &hit);
    CHECK(!hit);
}

TEST(a_topic_that_is_removed_takes_its_future_copy_along) {
    struct world world;
    int64_t copied;
    world_init(&world);
    for (int i = 0; i < 20; i++) CHECK_EQ(append(&world), 0);
    CHECK_EQ(pb_broker_move_begin(world.broker, ID, 0, 1), 0);
    CHECK_EQ(pb_broker_move_step(world.broker, ID, 0, 500, &copied), 1);
    CHECK(facts(&world).future_dir == 1 && facts(&world).future_lag > 0 && facts(&world).future_size_bytes > 0);
    CHECK_EQ(pb_broker_remove_topic(world.broker, ID), 0);
    CHECK_EQ(pb_broker_move_step(world.broker, ID, 0, 500, &copied), PB_E_UNKNOWN_TOPIC_ID);
    for (int i = 0; i < SIM_FILES_MAX; i++) CHECK(!world.sim.files[i].linked || strstr(world.sim.files[i].path, "/t-0") == NULL);
    world_end(&world);
}
