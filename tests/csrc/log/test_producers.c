/* What a partition knows of its producers: snapshots in Kafka's bytes, which of them stay, expiry, bounds, and duplicates after each kind of restart. */
#include "base/limits.h"
#include "log/log_bench.h"
#include "log/producer_state.h"

static struct sim_file *snapshot(struct bench *bench, int64_t offset) {
    char path[SIM_PATH_MAX];
    snprintf(path, sizeof path, "/d/t-0/%020lld.snapshot", (long long)offset);
    return sim_find(&bench->sim, path);
}

static int produce(struct bench *bench, int64_t producer_id, int16_t epoch, int32_t sequence, int32_t count) {
    struct pb_log_append one;
    int rc = append_as(bench, count, producer_id, epoch, sequence, &one);
    return rc < 0 ? rc : one.error < 0 ? one.error : one.duplicate;
}

/* Field by field as ProducerStateManager writes them, the sum computed by a table of its own. */
TEST(a_snapshot_has_kafkas_bytes) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, false, 0), 0);
    CHECK_EQ(produce(&bench, 4711, 3, 0, 5), 0);
    CHECK_EQ(produce(&bench, 4711, 3, 5, 2), 0);
    CHECK_EQ(pb__log_flush_clean(bench.log, NOW), 0);
    struct sim_file *file = snapshot(&bench, 7);
    CHECK(file != NULL);
    CHECK_EQ(file->size, 2 + 4 + 4 + 46);
    const uint8_t *at = file->bytes;
    CHECK_EQ(pb__get_i16(at), 1);
    CHECK_EQ(pb__get_u32(at + 2), pb__crc32c_table(0, at + 6, file->size - 6));
    CHECK_EQ(pb__get_i32(at + 6), 1);
    CHECK_EQ(pb__get_i64(at + 10), 4711);
    CHECK_EQ(pb__get_i16(at + 18), 3);
    CHECK_EQ(pb__get_i32(at + 20), 6);                                      /* last sequence */
    CHECK_EQ(pb__get_i64(at + 24), 6);                                      /* last offset */
    CHECK_EQ(pb__get_i32(at + 32), 1);                                      /* offset delta of the last batch */
    CHECK_EQ(pb__get_i64(at + 36), NOW);
    CHECK_EQ(pb__get_i32(at + 44), -1);                                     /* coordinator epoch */
    CHECK_EQ(pb__get_i64(at + 48), -1);                                     /* open transaction */
    bench_end(&bench);
}

static void fill(struct bench *bench, int batches) {
    bench->config.segment_bytes_max = 2500;
    CHECK_EQ(open_log(bench, false, 0), 0);
    for (int i = 0; i < batches; i++) CHECK_EQ(produce(bench, 1 + i % 3, 0, i / 3 * 2, 2), 0);
}

/* The last batch of each is known again, the next one passes, one after that does not. */
static void check_known(struct bench *bench, int batches) {
    for (int i = 0; i < 3; i++) {
        int last = (batches - 1 - i) / 3 * 2;
        CHECK_EQ(produce(bench, 1 + (batches - 1 - i) % 3, 0, last, 2), 1);
        CHECK_EQ(produce(bench, 1 + (batches - 1 - i) % 3, 0, last + 4, 2), PB_E_OUT_OF_ORDER_SEQUENCE);
        CHECK_EQ(produce(bench, 1 + (batches - 1 - i) % 3, 0, last + 2, 2), 0);
    }
}

enum damage { NONE, ALL_GONE, NEWEST_CORRUPT, ALL_CORRUPT, EMPTY, LATER_THAN_THE_LOG, STALE_COUNT, DAMAGES };

static void damage_snapshots(struct bench *bench, int damage, int64_t end) {
    struct sim_file *newest = NULL;
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &bench->sim.files[i];
        if (!file->used || !file->linked || strstr(file->path, ".snapshot") == NULL) continue;
        if (newest == NULL || strcmp(file->path, newest->path) > 0) newest = file;
        if (damage == ALL_GONE) file->linked = false;
        if (damage == ALL_CORRUPT) file->bytes[file->size - 1] ^= 1;
        if (damage == EMPTY) file->size = 0;
        if (damage == STALE_COUNT) file->bytes[9]++;
    }
    CHECK(newest != NULL);
    if (damage == NEWEST_CORRUPT) newest->bytes[20] ^= 1;
    if (damage == LATER_THAN_THE_LOG) snprintf(newest->path, SIM_PATH_MAX, "/d/t-0/%020lld.snapshot", (long long)end + 50);
}

/* F04, after each kind of stop. */
TEST(duplicates_are_known_whatever_became_of_snapshots) {
    for (int damage = 0; damage < DAMAGES; damage++)
        for (int stop = 0; stop < 4; stop++) {                              /* killed, killed half synced, power cut, clean */
            struct bench bench;
            bench_init(&bench);
            fill(&bench, 60);
            if (stop == 2) CHECK_EQ(sync_log(&bench), 0);
            if (stop == 3) CHECK_EQ(pb__log_flush_clean(bench.log, NOW), 0);
            pb__log_close(bench.log);
            damage_snapshots(&bench, damage, 120);
            if (stop == 2) sim_crash(&bench.sim, 0);
            CHECK_EQ(open_log(&bench, stop == 3, stop == 0 ? 0 : stop == 1 ? 60 : 120), 0);
            CHECK_EQ(pb__log_end_offset(bench.log), 120);
            check_known(&bench, 60);
            CHECK(snapshot(&bench, 170) == NULL);
            bench_end(&bench);
        }
}

/* Those at the begin of a living segment and the newest one. */
TEST(snapshots_go_with_their_segments) {
    struct bench bench;
    bench_init(&bench);
    fill(&bench, 60);
    CHECK_EQ(pb__log_flush_clean(bench.log, NOW), 0);
    CHECK(snapshot(&bench, 120) != NULL);
    for (int i = 0; i < 10; i++) CHECK_EQ(produce(&bench, 9, 0, i, 1), 0);
    CHECK_EQ(pb__log_flush_clean(bench.log, NOW), 0);
    pb__log_close(bench.log);
    CHECK_EQ(open_log(&bench, true, 0), 0);
    int count = 0, segments = 0;
    for (int64_t offset = 0; offset <= 130; offset++) {
        char path[SIM_PATH_MAX];
        snprintf(path, sizeof path, "/d/t-0/%020lld.log", (long long)offset);
        bool is_begin = sim_find(&bench.sim, path) != NULL;
        segments += is_begin;
        count += snapshot(&bench, offset) != NULL;
        if (snapshot(&bench, offset) != NULL) CHECK(is_begin || offset == 130);
    }
    CHECK(segments > 3);
    CHECK_EQ(count, segments);                                              /* none at 0, one at the end */
    bench_end(&bench);
}

/* Sequences go from 2^31 - 1 to 0, also within a batch, and are known again after a restart. */
TEST(sequences_wrap_and_are_known_after_a_restart) {
    for (int clean = 0; clean < 2; clean++) {
        struct bench bench;
        bench_init(&bench);
        CHECK_EQ(open_log(&bench, false, 0), 0);
        CHECK_EQ(produce(&bench, 1, 0, INT32_MAX - 3, 2), 0);
        CHECK_EQ(produce(&bench, 1, 0, INT32_MAX - 1, 4), 0);               /* ends with 1 */
        if (clean == 1) CHECK_EQ(pb__log_flush_clean(bench.log, NOW), 0);
        pb__log_close(bench.log);
        CHECK_EQ(open_log(&bench, clean == 1, 0), 0);
        CHECK_EQ(produce(&bench, 1, 0, INT32_MAX - 1, 4), 1);
        CHECK_EQ(produce(&bench, 1, 0, 3, 1), PB_E_OUT_OF_ORDER_SEQUENCE);
        CHECK_EQ(produce(&bench, 1, 0, 2, 1), 0);
        bench_end(&bench);
    }
}

TEST(silent_producers_are_forgotten_but_for_those_with_an_open_transaction) {
    struct bench bench;
    bench_init(&bench);
    bench.config.producer_id_expiration_ms = 1000;
    CHECK_EQ(open_log(&bench, false, 0), 0);
    CHECK_EQ(produce(&bench, 1, 0, 0, 1), 0);
    uint8_t bytes[1024];
    struct pb_batch batch;
    size_t size = build_batch(bytes, 1, 20, NOW, 2, 0, 0);
    pb__put_i16(bytes + 21, PB_ATTRIBUTE_TRANSACTIONAL);
    build_seal(bytes, size);
    CHECK_EQ(pb__batch_parse(bytes, size, &batch), 0);
    struct pb_log_append one = { .batch = &batch };
    CHECK_EQ(pb__log_append(bench.log, &one, 1, 0, NOW, true), 0);
    (void)pb__log_roll_if_due(bench.log, NOW + 999);
    CHECK_EQ(produce(&bench, 1, 0, 5, 1), PB_E_OUT_OF_ORDER_SEQUENCE);
    (void)pb__log_roll_if_due(bench.log, NOW + 1000);
    CHECK_EQ(produce(&bench, 1, 0, 5, 1), 0);                               /* unknown: any sequence may begin */
    CHECK_EQ(produce(&bench, 2, 0, 5, 1), PB_E_OUT_OF_ORDER_SEQUENCE);
    bench_end(&bench);
}

/* A table that is full forgets who was silent for longest; one that may forget nobody refuses. */
TEST(a_partition_knows_a_bounded_number_of_producers) {
    struct sim_env sim;
    struct pb_producers producers = { 0 };
    uint8_t bytes[256];
    struct pb_batch batch;
    for (int open = 0; open < 2; open++) {
        sim_init(&sim);
        CHECK_EQ(pb__batch_parse(bytes, build_batch(bytes, 1, 8, NOW, 0, 0, 0), &batch), 0);
        batch.attributes = open ? PB_ATTRIBUTE_TRANSACTIONAL : 0;
        for (int64_t id = 0; id < PB_PRODUCERS_MAX; id++) {
            batch.producer_id = id;
            CHECK_EQ(pb__producers_apply(&producers, &sim.env, &batch, NOW + id), 0);
        }
        CHECK_EQ(producers.count, PB_PRODUCERS_MAX);
        batch.producer_id = PB_PRODUCERS_MAX;
        CHECK_EQ(pb__producers_reserve(&producers, &sim.env, PB_PRODUCERS_MAX), open ? PB_E_LIMIT : 0);
        CHECK(producers.count <= PB_PRODUCERS_MAX);
        CHECK((pb__producers_find(&producers, 0) == NULL) == !open);
        CHECK(pb__producers_find(&producers, PB_PRODUCERS_MAX - 1) != NULL);
        pb__producers_deinit(&producers, &sim.env);
        CHECK_EQ(sim.allocs_live, 0);
        sim_deinit(&sim);
    }
}

/* A retry that comes with its first batch in one append is answered as that is: with an error when the write fails. */
TEST(a_duplicate_of_a_batch_that_failed_fails) {
    struct bench bench;
    static uint8_t bytes[300][256];
    static struct pb_batch batches[300];
    static struct pb_log_append appends[300];
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, false, 0), 0);
    CHECK_EQ(append(&bench, 1), 0);
    for (int fails = 1; fails >= 0; fails--) {
        for (int i = 0; i < 300; i++) {                                     /* more duplicates than one write holds batches */
            CHECK_EQ(pb__batch_parse(bytes[i], build_batch(bytes[i], 1, 20, NOW, 5, 0, 0), &batches[i]), 0);
            appends[i] = (struct pb_log_append){ .batch = &batches[i] };
        }
        if (fails) sim_arm_on(&bench.sim, SIM_WRITE, ".log", 1, ENOSPC, true);
        CHECK_EQ(pb__log_append(bench.log, appends, 300, 0, NOW, true), fails ? PB_E_NOSPACE : 0);
        sim_disarm(&bench.sim);
        for (int i = 0; i < 300; i++) {
            CHECK_EQ(appends[i].error, fails ? PB_E_NOSPACE : 0);
            CHECK_EQ(appends[i].duplicate, !fails && i > 0);
            if (!fails) CHECK_EQ(appends[i].base_offset, 1);
        }
    }
    CHECK_EQ(pb__log_end_offset(bench.log), 2);
    bench_end(&bench);
}
