/* A log's whole life by chance, against a model that remembers what was written and what was acknowledged.
 *
 * After every restart (clean, kill, power cut that keeps, loses and zeroes at will): what was acknowledged is there, what is there was written in this order,
 * nothing behind a hole is served, every offset and every time is found, each producer's next batch passes while its last one is known again, and transactions
 * are open, committed and aborted as their markers say.
 * PB_TEST_SEED and PB_TEST_RUNS make a longer campaign, or one run again. */
#include "log/log_bench.h"

enum { RUNS = 1200, STEPS = 60, BATCHES_MAX = 4096, PRODUCERS = 3, TRANSACTIONAL = 2 };

enum kind { RECORDS, IN_TRANSACTION, COMMIT, ABORT };
struct written { int64_t base_offset, timestamp; int32_t count, sequence; int64_t producer_id; uint32_t crc; enum kind kind; };
struct producer { int32_t next_sequence; };
struct life {
    struct bench bench;
    struct written batches[BATCHES_MAX];
    struct written unsure[4];                                               /* of the last append that failed: they may be there after a restart */
    int32_t count, unsure_count;
    int64_t acknowledged, checkpoint;
    uint64_t seed;
};

static uint64_t chance(struct life *life, uint64_t below) { return sim_random(&life->bench.sim, below); }

/* What the model says of a producer: the sequence that comes next, and its last batch. */
static const struct written *last_of(const struct life *life, int64_t producer_id) {
    for (int32_t i = life->count; i-- > 0;)
        if (life->batches[i].producer_id == producer_id && life->batches[i].kind < COMMIT) return &life->batches[i];
    return NULL;
}

struct outgoing { uint8_t bytes[4][4096]; struct pb_batch batches[4]; struct pb_log_append appends[4]; struct written meant[4]; };

static void prepare(struct outgoing *out, int32_t i, const struct written *meant) {
    size_t size = meant->kind >= COMMIT ? build_marker(out->bytes[i], meant->kind == ABORT, 0, meant->timestamp, meant->producer_id, 0)
                                        : build_batch(out->bytes[i], meant->count, 40, meant->timestamp, meant->producer_id, meant->producer_id < 0 ? -1 : 0, meant->sequence);
    if (meant->kind == IN_TRANSACTION) {
        pb__put_i16(out->bytes[i] + 21, PB_ATTRIBUTE_TRANSACTIONAL);
        build_seal(out->bytes[i], size);
    }
    CHECK_EQ(pb__batch_parse(out->bytes[i], size, &out->batches[i]), 0);
    out->appends[i] = (struct pb_log_append){ .batch = &out->batches[i] };
    out->meant[i] = *meant;
    out->meant[i].crc = out->batches[i].crc;
}

static void plan(struct life *life, struct outgoing *out, int32_t i, const struct outgoing *before) {
    struct written meant = { .producer_id = -1, .sequence = -1, .count = 1 + (int32_t)chance(life, 5), .timestamp = NOW + (int64_t)chance(life, 4000) };
    if (chance(life, 3) > 0) {
        meant.producer_id = 10 + (int64_t)chance(life, PRODUCERS + TRANSACTIONAL);
        if (meant.producer_id >= 10 + PRODUCERS) meant.kind = IN_TRANSACTION;
        const struct written *last = last_of(life, meant.producer_id);
        for (int32_t k = 0; k < i; k++)
            if (before->meant[k].producer_id == meant.producer_id) last = &before->meant[k];
        meant.sequence = last == NULL ? 0 : last->sequence + last->count;
        if (last != NULL && chance(life, 5) == 0) meant = *last;            /* sent again */
    }
    prepare(out, i, &meant);
}

static bool is_known(const struct life *life, const struct written *meant) {
    const struct written *last = meant->producer_id < 0 || meant->kind >= COMMIT ? NULL : last_of(life, meant->producer_id);
    return last != NULL && last->sequence == meant->sequence;
}

static void append_some(struct life *life) {
    static struct outgoing out;
    int32_t count = 1 + (int32_t)chance(life, 4);
    bool ends = chance(life, 5) == 0;
    if (ends) count = 1 + (int32_t)chance(life, TRANSACTIONAL);
    for (int32_t i = 0; i < count; i++) {
        struct written marker = { .producer_id = 10 + PRODUCERS + i, .count = 1, .timestamp = NOW + (int64_t)chance(life, 4000), .sequence = -1, .kind = chance(life, 2) == 0 ? COMMIT : ABORT };
        if (ends) prepare(&out, i, &marker);
        if (!ends) plan(life, &out, i, &out);
    }
    int rc = pb__log_append(life->bench.log, out.appends, count, 0, life->bench.sim.wall_ms, !ends);
    life->unsure_count = 0;
    for (int32_t i = 0; i < count && life->count < BATCHES_MAX; i++) {
        if (out.appends[i].error != 0) {
            CHECK(rc != 0 || out.appends[i].error == PB_E_OUT_OF_ORDER_SEQUENCE);   /* what follows one that failed */
            if (out.appends[i].error != PB_E_OUT_OF_ORDER_SEQUENCE) life->unsure[life->unsure_count++] = out.meant[i];
            continue;
        }
        CHECK_EQ(out.appends[i].duplicate, is_known(life, &out.meant[i]));
        if (out.appends[i].duplicate) {
            CHECK_EQ(out.appends[i].base_offset, last_of(life, out.meant[i].producer_id)->base_offset);
            continue;
        }
        out.meant[i].base_offset = out.appends[i].base_offset;
        life->batches[life->count++] = out.meant[i];
    }
}

static void sync_now(struct life *life) {
    if (sync_log(&life->bench) == 0 && pb__log_synced_offset(life->bench.log) > life->acknowledged) life->acknowledged = pb__log_synced_offset(life->bench.log);
}

/* Where the broker's checkpoint file would stand: some synced offset of before. */
static void checkpoint(struct life *life) { life->checkpoint = pb__log_recovery_point(life->bench.log); }

static const struct written *batch_with(const struct life *life, int64_t offset) {
    for (int32_t i = 0; i < life->count; i++)
        if (life->batches[i].base_offset <= offset && offset < life->batches[i].base_offset + life->batches[i].count) return &life->batches[i];
    return NULL;
}

static void check_offset(struct life *life, int64_t offset) {
    struct pb_log_read read;
    static uint8_t bytes[1 << 14];
    struct pb_batch batch;
    size_t got;
    const struct written *meant = batch_with(life, offset);
    CHECK(meant != NULL);
    CHECK_EQ(pb__log_read(life->bench.log, offset, pb__log_end_offset(life->bench.log), 1, true, &read), 0);
    if (meant == NULL || read.slice.file == NULL) {
        CHECK(read.slice.file != NULL);
        return;
    }
    CHECK_EQ(pb__file_read(read.slice.file, bytes, (size_t)read.slice.size_bytes, read.slice.pos, &got), 0);
    pb__file_slice_deinit(&read.slice);
    CHECK_EQ(pb__batch_parse(bytes, got, &batch), 0);
    CHECK_EQ(pb__batch_check_crc(&batch), 0);
    CHECK_EQ(batch.crc, meant->crc);
    CHECK_EQ(batch.base_offset, meant->base_offset);
}

static void check_time(struct life *life, int64_t timestamp) {
    int64_t offset, found, wanted = -1, latest = -1;
    int32_t epoch;
    for (int32_t i = 0; i < life->count; i++) {
        const struct written *batch = &life->batches[i];
        int64_t last = batch->timestamp + batch->count - 1;
        if (last > latest) latest = last;
        if (wanted < 0 && last >= timestamp) wanted = batch->base_offset + (timestamp > batch->timestamp ? timestamp - batch->timestamp : 0);
    }
    CHECK_EQ(pb__log_offset_for_timestamp(life->bench.log, timestamp, pb__log_end_offset(life->bench.log), life->bench.codec, &offset, &found, &epoch), 0);
    CHECK_EQ(offset, wanted);
    CHECK_EQ(pb__log_offset_of_max_timestamp(life->bench.log, life->bench.codec, &offset, &found, &epoch), 0);
    CHECK_EQ(found, latest);
}

static void check_producers(struct life *life) {
    static struct outgoing out;
    for (int64_t id = 10; id < 10 + PRODUCERS; id++) {
        const struct written *last = last_of(life, id);
        if (last == NULL) continue;
        prepare(&out, 0, last);
        CHECK_EQ(pb__log_append(life->bench.log, out.appends, 1, 0, life->bench.sim.wall_ms, true), 0);
        CHECK(out.appends[0].error == 0 && out.appends[0].duplicate);
        CHECK_EQ(out.appends[0].base_offset, last->base_offset);
        struct written gap = *last;
        gap.sequence += gap.count + 1;
        prepare(&out, 0, &gap);
        CHECK_EQ(pb__log_append(life->bench.log, out.appends, 1, 0, life->bench.sim.wall_ms, true), 0);
        CHECK_EQ(out.appends[0].error, PB_E_OUT_OF_ORDER_SEQUENCE);
    }
}

struct aborted { int64_t producer_ids[BATCHES_MAX], first_offsets[BATCHES_MAX]; int32_t count; };

static void note_aborted(void *context, int64_t producer_id, int64_t first_offset) {
    struct aborted *found = context;
    found->producer_ids[found->count] = producer_id;
    found->first_offsets[found->count++] = first_offset;
}

/* Aborted transactions by first offset, and the first offset that is undecided. */
static int64_t model_transactions(const struct life *life, int64_t end, struct aborted *out) {
    int64_t open[TRANSACTIONAL] = { -1, -1 };
    int64_t unstable = end;
    out->count = 0;
    for (int32_t i = 0; i < life->count; i++) {
        const struct written *batch = &life->batches[i];
        if (batch->kind == RECORDS) continue;
        int64_t *first = &open[batch->producer_id - 10 - PRODUCERS];
        if (batch->kind == IN_TRANSACTION && *first < 0) *first = batch->base_offset;
        if (batch->kind == ABORT && *first >= 0) {
            int32_t at = out->count++;
            for (; at > 0 && out->first_offsets[at - 1] > *first; at--) {
                out->first_offsets[at] = out->first_offsets[at - 1];
                out->producer_ids[at] = out->producer_ids[at - 1];
            }
            out->first_offsets[at] = *first;
            out->producer_ids[at] = batch->producer_id;
        }
        if (batch->kind >= COMMIT) *first = -1;
    }
    for (int i = 0; i < TRANSACTIONAL; i++)
        if (open[i] >= 0 && open[i] < unstable) unstable = open[i];
    return unstable;
}

static void check_transactions(struct life *life) {
    static struct aborted wanted, found;
    int64_t end = pb__log_end_offset(life->bench.log);
    found.count = 0;
    CHECK_EQ(pb__log_first_unstable_offset(life->bench.log), model_transactions(life, end, &wanted));
    CHECK_EQ(pb__log_aborted_between(life->bench.log, 0, end, note_aborted, &found), 0);
    CHECK_EQ(found.count, wanted.count);
    for (int32_t i = 0; i < found.count && i < wanted.count; i++) {
        CHECK_EQ(found.first_offsets[i], wanted.first_offsets[i]);
        CHECK_EQ(found.producer_ids[i], wanted.producer_ids[i]);
    }
}

static int64_t model_end(const struct life *life) { return life->count == 0 ? 0 : life->batches[life->count - 1].base_offset + life->batches[life->count - 1].count; }

/* An append that was answered with an error may have come to the disk, from its first batch on. */
static void learn_unsure(struct life *life, int64_t end) {
    for (int32_t i = 0; i < life->unsure_count && model_end(life) < end; i++) {
        if (is_known(life, &life->unsure[i])) continue;                     /* a duplicate of what is there */
        life->unsure[i].base_offset = model_end(life);
        life->batches[life->count++] = life->unsure[i];
    }
    life->unsure_count = 0;
}

/* After a restart: what is beyond the end is forgotten by the model as well. */
static void check_all(struct life *life) {
    int64_t end = pb__log_end_offset(life->bench.log);
    learn_unsure(life, end);
    CHECK(end >= life->acknowledged);
    CHECK_EQ(pb__log_epoch_for_offset(life->bench.log, 0), end > 0 ? 0 : -1);
    while (life->count > 0 && life->batches[life->count - 1].base_offset >= end) life->count--;
    CHECK_EQ(model_end(life), end);
    for (int64_t offset = 0; offset < end && harness_failures == 0; offset++) check_offset(life, offset);
    for (int i = 0; i < 8 && harness_failures == 0; i++) check_time(life, NOW + (int64_t)chance(life, 4200));
    if (harness_failures == 0) check_transactions(life);
    if (harness_failures == 0) check_producers(life);
}

static void reopen(struct life *life, bool clean) {
    CHECK_EQ(open_log(&life->bench, clean, life->checkpoint), 0);
    if (life->bench.log != NULL) check_all(life);
}

static void restart(struct life *life) {
    uint64_t kind = chance(life, 4);
    bool clean = kind == 0 && !pb__log_is_failed(life->bench.log) && pb__log_flush_clean(life->bench.log, life->bench.sim.wall_ms) == 0;
    if (clean) {
        life->acknowledged = pb__log_end_offset(life->bench.log);
        checkpoint(life);
    }
    pb__log_close(life->bench.log);
    life->bench.log = NULL;
    if (kind >= 2 || (clean && chance(life, 2) == 0)) sim_crash_badly(&life->bench.sim);
    reopen(life, clean);
}

/* Some call of the next step fails, of one kind or any. */
static void arm(struct life *life) {
    static const int errors[] = { EIO, ENOSPC, EMFILE };
    static const unsigned kinds[] = { 0, SIM_WRITE, SIM_OPEN, SIM_SYNC, SIM_NAMES, SIM_TRUNCATE, SIM_MEMORY };
    static const char *const suffixes[] = { NULL, ".log", "index", ".snapshot.tmp" };
    unsigned kind = kinds[chance(life, 7)];
    life->bench.sim.count_alloc = kind == SIM_MEMORY;
    sim_arm_on(&life->bench.sim, kind, kind == SIM_MEMORY ? NULL : suffixes[chance(life, 4)], 1 + (int64_t)chance(life, 6), errors[chance(life, 3)], chance(life, 3) == 0);
}

static void disarm(struct life *life) {
    life->bench.sim.count_alloc = false;
    sim_disarm(&life->bench.sim);
}

static void one_step(struct life *life) {
    bool with_fault = chance(life, 8) == 0;
    if (with_fault) arm(life);
    life->bench.sim.write_bytes_max = chance(life, 6) == 0 ? 1 + chance(life, 300) : 0;
    switch (chance(life, 8)) {
        case 0:
        case 1: sync_now(life); break;
        case 2: checkpoint(life); break;
        case 3: (void)pb__log_roll_if_due(life->bench.log, chance(life, 4) == 0 ? NOW * 2 : NOW); break;
        default: append_some(life);
    }
    life->bench.sim.write_bytes_max = 0;
    if (with_fault) disarm(life);
    if (chance(life, 12) == 0 || pb__log_is_failed(life->bench.log)) restart(life);
}

static void live(struct life *life, uint64_t seed) {
    memset(life, 0, sizeof *life);
    bench_init(&life->bench);
    life->bench.sim.random = life->seed = seed;
    life->bench.config.segment_bytes_max = 3000 + (int64_t)chance(life, 3) * 20000;
    life->bench.config.preallocate = chance(life, 4) == 0;
    life->bench.config.producer_id_expiration_ms = 2 * NOW;                 /* rolls by time play far in the future; expiry has a test of its own */
    life->bench.config.index_interval_bytes = 1 << (4 + chance(life, 8));
    CHECK_EQ(pb__log_open(&(struct pb_log_options){ .env = &life->bench.sim.env, .files = life->bench.files, .log_dir = "/d", .topic = "t", .config = &life->bench.config,
                                                    .codec = life->bench.codec }, &life->bench.log), 0);
    for (int i = 0; i < STEPS && harness_failures == 0 && life->bench.log != NULL; i++) one_step(life);
    if (harness_failures == 0) restart(life);
    if (harness_failures == 0) bench_end(&life->bench);
    if (harness_failures > 0) fprintf(stderr, "seed %llu, last line: %s\n", (unsigned long long)seed, life->bench.sim.last_line);
}

TEST(a_life_by_chance_keeps_what_was_acknowledged) {
    static struct life life;
    const char *seed = getenv("PB_TEST_SEED"), *runs = getenv("PB_TEST_RUNS");
    uint64_t first = seed != NULL ? strtoull(seed, NULL, 10) : 1, count = runs != NULL ? strtoull(runs, NULL, 10) : RUNS;
    for (uint64_t i = 0; i < count && harness_failures == 0; i++) live(&life, first + i);
}
