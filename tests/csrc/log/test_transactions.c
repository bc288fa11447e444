/* Control batches, the last stable offset and the index of aborted transactions, through every kind of restart. */
#include "log/log_bench.h"

static int append_bytes(struct bench *bench, uint8_t *bytes, size_t size, bool from_client, struct pb_log_append *one) {
    struct pb_batch batch;
    CHECK_EQ(pb__batch_parse(bytes, size, &batch), 0);
    *one = (struct pb_log_append){ .batch = &batch };
    int rc = pb__log_append(bench->log, one, 1, 0, NOW, from_client);
    return rc < 0 ? rc : one->error;
}

/* Records of a transaction; the sequence follows from what the producer wrote before. */
static int write_txn(struct bench *bench, int64_t producer_id, int32_t sequence, int32_t count) {
    static uint8_t bytes[1 << 14];
    struct pb_log_append one;
    size_t size = build_batch(bytes, count, 20, NOW, producer_id, 0, sequence);
    pb__put_i16(bytes + 21, PB_ATTRIBUTE_TRANSACTIONAL);
    build_seal(bytes, size);
    return append_bytes(bench, bytes, size, true, &one);
}

static int end_txn(struct bench *bench, int64_t producer_id, int16_t epoch, bool aborts, int32_t coordinator_epoch) {
    static uint8_t bytes[256];
    struct pb_log_append one;
    size_t size = build_marker(bytes, aborts, coordinator_epoch, NOW, producer_id, epoch);
    return append_bytes(bench, bytes, size, false, &one);
}

struct seen { int32_t count; int64_t producer_ids[64], first_offsets[64]; };

static void note(void *context, int64_t producer_id, int64_t first_offset) {
    struct seen *seen = context;
    CHECK(seen->count < 64);
    seen->producer_ids[seen->count] = producer_id;
    seen->first_offsets[seen->count++] = first_offset;
}

static struct seen aborted(struct bench *bench, int64_t from, int64_t to) {
    struct seen seen = { 0 };
    CHECK_EQ(pb__log_aborted_between(bench->log, from, to, note, &seen), 0);
    return seen;
}

TEST(the_last_stable_offset_follows_the_oldest_open_transaction) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, false, 0), 0);
    CHECK_EQ(write_txn(&bench, 1, 0, 3), 0);
    CHECK_EQ(write_txn(&bench, 2, 0, 2), 0);
    CHECK_EQ(append(&bench, 1), 0);
    CHECK_EQ(pb__log_first_unstable_offset(bench.log), 0);
    CHECK_EQ(end_txn(&bench, 1, 0, false, 0), 0);
    CHECK_EQ(pb__log_first_unstable_offset(bench.log), 3);
    CHECK_EQ(write_txn(&bench, 1, 3, 1), 0);
    CHECK_EQ(end_txn(&bench, 2, 0, true, 0), 0);
    CHECK_EQ(pb__log_first_unstable_offset(bench.log), 7);
    CHECK_EQ(end_txn(&bench, 1, 0, true, 0), 0);
    CHECK_EQ(pb__log_first_unstable_offset(bench.log), 10);
    struct seen seen = aborted(&bench, 0, 10);
    CHECK_EQ(seen.count, 2);
    CHECK_EQ(seen.producer_ids[0], 2);
    CHECK_EQ(seen.first_offsets[0], 3);
    CHECK_EQ(seen.producer_ids[1], 1);
    CHECK_EQ(seen.first_offsets[1], 7);
    CHECK_EQ(aborted(&bench, 0, 7).count, 1);
    CHECK_EQ(aborted(&bench, 9, 10).count, 1);
    CHECK_EQ(aborted(&bench, 0, 3).count, 0);
    bench_end(&bench);
}

/* Bytes as the Java broker writes them: AbortedTxn. */
TEST(an_aborted_transaction_stands_in_kafkas_format) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, false, 0), 0);
    CHECK_EQ(write_txn(&bench, 77, 0, 2), 0);
    CHECK_EQ(write_txn(&bench, 5, 0, 1), 0);
    CHECK_EQ(end_txn(&bench, 77, 0, true, 3), 0);
    struct sim_file *index = sim_find(&bench.sim, "/d/t-0/00000000000000000000.txnindex");
    CHECK(index != NULL);
    CHECK_EQ(index->size, 34);
    CHECK_EQ(pb__get_i16(index->bytes), 0);
    CHECK_EQ(pb__get_i64(index->bytes + 2), 77);
    CHECK_EQ(pb__get_i64(index->bytes + 10), 0);
    CHECK_EQ(pb__get_i64(index->bytes + 18), 3);
    CHECK_EQ(pb__get_i64(index->bytes + 26), 2);                            /* producer 5 is open since 2 */
    bench_end(&bench);
}

TEST(markers_are_checked) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, false, 0), 0);
    CHECK_EQ(write_txn(&bench, 1, 0, 1), 0);
    CHECK_EQ(end_txn(&bench, 1, 0, false, 5), 0);
    CHECK_EQ(write_txn(&bench, 1, 1, 1), 0);
    CHECK_EQ(end_txn(&bench, 1, 0, false, 4), PB_E_COORDINATOR_FENCED);
    CHECK_EQ(pb__log_first_unstable_offset(bench.log), 2);
    CHECK_EQ(end_txn(&bench, 1, 1, true, 5), 0);                            /* a new epoch ends what the old one began */
    CHECK_EQ(end_txn(&bench, 1, 0, true, 5), PB_E_INVALID_PRODUCER_EPOCH);
    CHECK_EQ(write_txn(&bench, 1, 2, 1), PB_E_INVALID_PRODUCER_EPOCH);
    static uint8_t bytes[256];
    struct pb_log_append one;
    size_t size = build_marker(bytes, true, 9, NOW, 1, 1);
    bytes[size - 9] = 7;                                                    /* size of the value: more than there is */
    build_seal(bytes, size);
    CHECK_EQ(append_bytes(&bench, bytes, size, false, &one), PB_E_INVALID_RECORD);
    CHECK_EQ(pb__log_end_offset(bench.log), 4);
    bench_end(&bench);
}

/* Ten producers, one transaction after the other, every third one aborted, small segments: some are open at the end. */
static void fill(struct bench *bench) {
    int32_t sequences[10] = { 0 };
    bench->config.segment_bytes_max = 2000;
    bench->config.index_interval_bytes = 100;
    CHECK_EQ(open_log(bench, false, 0), 0);
    for (int i = 0; i < 200; i++) {
        int id = i * 7 % 10, count = 1 + i % 3;
        CHECK_EQ(write_txn(bench, id, sequences[id], count), 0);
        sequences[id] += count;
        if (i % 2 == 1) CHECK_EQ(end_txn(bench, (i - 1) * 7 % 10, 0, i % 3 == 0, 1), 0);
    }
}

static void check_same(struct bench *bench, const struct seen *wanted, int64_t unstable) {
    struct seen seen = aborted(bench, 0, pb__log_end_offset(bench->log));
    CHECK_EQ(pb__log_first_unstable_offset(bench->log), unstable);
    CHECK_EQ(seen.count, wanted->count);
    for (int i = 0; i < seen.count && i < wanted->count; i++) {
        CHECK_EQ(seen.producer_ids[i], wanted->producer_ids[i]);
        CHECK_EQ(seen.first_offsets[i], wanted->first_offsets[i]);
    }
}

enum restart { KILL, KILL_HALF_SYNCED, POWER_CUT, CLEAN, RESTARTS };

TEST(transactions_are_the_same_after_every_restart) {
    for (int restart = 0; restart < RESTARTS; restart++) {
        struct bench bench;
        bench_init(&bench);
        fill(&bench);
        struct seen wanted = aborted(&bench, 0, pb__log_end_offset(bench.log));
        int64_t unstable = pb__log_first_unstable_offset(bench.log), end = pb__log_end_offset(bench.log);
        CHECK(wanted.count > 20);
        if (restart == CLEAN) CHECK_EQ(pb__log_flush_clean(bench.log, NOW), 0);
        if (restart == POWER_CUT) CHECK_EQ(sync_log(&bench), 0);
        pb__log_close(bench.log);
        if (restart == POWER_CUT) sim_crash(&bench.sim, 0);
        CHECK_EQ(open_log(&bench, restart == CLEAN, restart == KILL_HALF_SYNCED ? end / 2 : restart == POWER_CUT ? end : 0), 0);
        check_same(&bench, &wanted, unstable);
        bench_end(&bench);
    }
}

/* F03 for .txnindex: short, random, unsorted, longer than the log; with the clean mark and without. */
TEST(a_damaged_index_of_aborted_transactions_is_made_anew) {
    for (int damage = 0; damage < 6; damage++) {
        for (int clean = 0; clean < 2; clean++) {
            struct bench bench;
            bench_init(&bench);
            fill(&bench);
            bench.config.segment_bytes_max = 1 << 20;
            struct seen wanted = aborted(&bench, 0, pb__log_end_offset(bench.log));
            int64_t unstable = pb__log_first_unstable_offset(bench.log), end = pb__log_end_offset(bench.log);
            CHECK_EQ(pb__log_flush_clean(bench.log, NOW), 0);
            pb__log_close(bench.log);
            for (int i = 0; i < SIM_FILES_MAX; i++) {
                struct sim_file *file = &bench.sim.files[i];
                if (!file->used || !file->linked || strstr(file->path, ".txnindex") == NULL || (file->size == 0 && damage < 5)) continue;
                if (damage == 0) file->bytes[18 + 3] ^= 0x40;
                if (damage == 1) memset(file->bytes, 0, file->size);
                for (size_t k = 0; damage == 2 && k < file->size; k++) file->bytes[k] = (uint8_t)(k * 91 + 5);
                if (damage == 3) memcpy(file->bytes + file->size / 68 * 34, file->bytes, 34);
                if (damage == 4) file->bytes[1] = 1;
                if (damage == 5) file->linked = false;
            }
            CHECK_EQ(open_log(&bench, clean, clean ? 0 : end - 1), 0);
            check_same(&bench, &wanted, unstable);
            int64_t read = bench.sim.read_bytes;
            check_same(&bench, &wanted, unstable);
            CHECK(bench.sim.read_bytes - read < 20000);                     /* once is enough */
            bench_end(&bench);
        }
    }
}

TEST(truncation_takes_back_what_markers_said) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, false, 0), 0);
    CHECK_EQ(write_txn(&bench, 1, 0, 3), 0);
    CHECK_EQ(end_txn(&bench, 1, 0, true, 0), 0);
    CHECK_EQ(write_txn(&bench, 1, 3, 2), 0);
    CHECK_EQ(end_txn(&bench, 1, 0, true, 0), 0);
    CHECK_EQ(pb__log_truncate(bench.log, 6), 0);                            /* the second marker goes */
    CHECK_EQ(pb__log_first_unstable_offset(bench.log), 4);
    CHECK_EQ(aborted(&bench, 0, 6).count, 1);
    CHECK_EQ(end_txn(&bench, 1, 0, false, 0), 0);
    CHECK_EQ(aborted(&bench, 0, 7).count, 1);
    CHECK_EQ(pb__log_first_unstable_offset(bench.log), 7);
    bench_end(&bench);
}

/* The k-th call of a marker that aborts fails: it is in the log and in the index, or in neither. */
TEST(a_marker_and_its_entry_come_together_or_not_at_all) {
    for (int again = 0; again < 2; again++) {
        for (int64_t k = 1; k < 40; k++) {
            struct bench bench;
            bench_init(&bench);
            CHECK_EQ(open_log(&bench, false, 0), 0);
            CHECK_EQ(write_txn(&bench, 1, 0, 3), 0);
            sim_arm(&bench.sim, k, again == 0 ? ENOSPC : EIO, false);
            int rc = end_txn(&bench, 1, 0, true, 0);
            bool hit = bench.sim.calls >= k;
            sim_disarm(&bench.sim);
            CHECK_EQ(pb__log_end_offset(bench.log), rc == 0 ? 4 : 3);
            CHECK_EQ(pb__log_first_unstable_offset(bench.log), rc == 0 ? 4 : 0);
            CHECK_EQ(aborted(&bench, 0, 10).count, rc == 0);
            pb__log_close(bench.log);
            CHECK_EQ(open_log(&bench, false, 0), 0);
            CHECK_EQ(aborted(&bench, 0, 10).count, pb__log_end_offset(bench.log) == 4);
            bench_end(&bench);
            if (!hit) break;
        }
    }
}
