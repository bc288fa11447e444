/* Compaction: what stays, what goes, and that at every point where it is interrupted the log is as before or as after. */
#include "log/compact_internal.h"
#include "log/log_bench.h"
#include "record/batch_iter.h"

enum { KEYS = 7, SEEN_MAX = 600 };
static const int64_t DAY = 86400000;

struct seen_record { int64_t offset, timestamp; int key, value; };          /* key -1: none; value -1: tombstone */
struct seen { int count; struct seen_record records[SEEN_MAX]; };
struct options { int32_t key, value; };

static size_t put_record(uint8_t *to, int32_t index, int64_t delta, int32_t key, int32_t value) {
    uint8_t body[64], *at = body, *out = to;
    *at++ = 0;
    at = pb__varlong_write(at, delta);
    at = pb__varlong_write(at, index);
    at = pb__varlong_write(at, key < 0 ? -1 : 4);
    if (key >= 0) {
        pb__put_i32(at, key);
        at += 4;
    }
    at = pb__varlong_write(at, value < 0 ? -1 : 20);
    if (value >= 0) {
        memset(at, 'v', 20);
        pb__put_i32(at, value);
        at += 20;
    }
    at = pb__varlong_write(at, 0);
    out = pb__varlong_write(out, at - body);
    memcpy(out, body, (size_t)(at - body));
    return (size_t)(out + (at - body) - to);
}

/* One batch of these records, the first at time_ms. */
static int write_as(struct bench *bench, const struct options *records, int32_t count, int64_t time_ms, int64_t producer_id, int32_t sequence, int16_t attributes) {
    static uint8_t bytes[1 << 14];
    struct pb_batch batch;
    struct pb_log_append one = { .batch = &batch };
    size_t size = build_batch(bytes, 0, 0, time_ms, producer_id, producer_id < 0 ? -1 : 0, sequence);
    for (int32_t i = 0; i < count; i++) size += put_record(bytes + size, i, i, records[i].key, records[i].value);
    pb__put_i16(bytes + 21, attributes);
    pb__put_i32(bytes + 23, count - 1);
    pb__put_i64(bytes + 35, time_ms + count - 1);
    pb__put_i32(bytes + 57, count);
    build_seal(bytes, size);
    CHECK_EQ(pb__batch_parse(bytes, size, &batch), 0);
    int rc = pb__log_append(bench->log, &one, 1, 0, NOW, producer_id >= 0);
    return rc < 0 ? rc : one.error;
}
static void write_one(struct bench *bench, int32_t key, int32_t value) {
    struct options record = { key, value };
    CHECK_EQ(write_as(bench, &record, 1, NOW, -1, -1, 0), 0);
}
static void write_marker(struct bench *bench, int64_t producer_id, bool aborts) {
    static uint8_t bytes[256];
    struct pb_batch batch;
    struct pb_log_append one = { .batch = &batch };
    size_t size = build_marker(bytes, aborts, 0, NOW, producer_id, 0);
    CHECK_EQ(pb__batch_parse(bytes, size, &batch), 0);
    CHECK_EQ(pb__log_append(bench->log, &one, 1, 0, NOW, false), 0);
    CHECK_EQ(one.error, 0);
}
static void roll(struct bench *bench) { CHECK_EQ(pb__log_roll(bench->log, NOW), 0); }

static void bench_begin(struct bench *bench) {
    bench_init(bench);
    bench->config = (struct pb_log_config){ .segment_bytes_max = 1 << 20, .segment_ms_max = 1000 * DAY, .segment_index_bytes_max = 1 << 20, .index_interval_bytes = 200,
                                            .producer_id_expiration_ms = 1000 * DAY, .compacted = true, .retention_ms = -1, .retention_bytes = -1, .file_delete_delay_ms = 0,
                                            .compaction_lag_max_ms = INT64_MAX, .delete_retention_ms = DAY };
    CHECK_EQ(open_log(bench, false, 0), 0);
}

struct run { int64_t now_ms, cleaned_to, map_bytes; struct pb_compact_done done; int swaps; void (*on_swap)(struct bench *bench, void *context); void *context; };

static int run_steps(struct bench *bench, struct run *run, struct pb_compact *compact) {
    int rc;
    while ((rc = pb__compact_step(compact, 500)) > 0) {
        if (rc != PB_COMPACT_SWAP) continue;
        if ((rc = pb__compact_swap(compact, bench->log)) < 0) return rc;
        run->swaps++;
        if (run->on_swap != NULL) run->on_swap(bench, run->context);
    }
    run->done = *pb__compact_done(compact);
    if (rc == 0) run->cleaned_to = run->done.cleaned_to;
    return rc;
}
/* As the cleaner does it. */
static int compact_once(struct bench *bench, struct run *run) {
    struct pb_compact_facts facts;
    struct pb_compact *compact;
    struct pb_compact_rules rules = { .now_ms = run->now_ms, .map_bytes_max = run->map_bytes > 0 ? run->map_bytes : 1 << 20, .load_factor = 0.9 };
    int rc = pb__log_compact_look(bench->log, run->cleaned_to, pb__log_first_unstable_offset(bench->log), run->now_ms, &facts);
    if (rc < 0 || facts.dirty_bytes == 0) return rc;
    if ((rc = pb__compact_new(bench->log, &facts, &rules, &compact)) < 0) return rc;
    rc = run_steps(bench, run, compact);
    pb__compact_free(compact);
    return rc;
}

struct aborted_list { int count; int64_t producer_ids[100], firsts[100]; };
static void note_aborted(void *context, int64_t producer_id, int64_t first_offset) {
    struct aborted_list *list = context;
    list->producer_ids[list->count] = producer_id;
    list->firsts[list->count++] = first_offset;
}
static void see_batch(struct bench *bench, const struct pb_batch *batch, struct seen *seen) {
    struct pb_batch_iter iter;
    struct pb_record record;
    int rc;
    CHECK_EQ(pb__batch_iter_open(&iter, batch, &bench->sim.env, bench->codec, 1 << 20), 0);
    while ((rc = pb__batch_iter_next(&iter, &record)) > 0) {
        CHECK(seen->count < SEEN_MAX);
        seen->records[seen->count++] = (struct seen_record){ record.offset, record.timestamp, record.key == NULL ? -1 : pb__get_i32(record.key), record.value == NULL ? -1 : pb__get_i32(record.value) };
    }
    CHECK_EQ(rc, 0);
    pb__batch_iter_close(&iter);
}
/* What a consumer sees that reads committed records; batches, when not NULL, counts what lies in the log. */
static struct seen see(struct bench *bench, int *batches_out) {
    static uint8_t bytes[1 << 16];
    struct seen seen = { 0 };
    struct aborted_list list = { 0 };
    int64_t offset = pb__log_start_offset(bench->log), end = pb__log_end_offset(bench->log);
    CHECK_EQ(pb__log_aborted_between(bench->log, 0, end, note_aborted, &list), 0);
    while (offset < end) {
        struct pb_log_read read;
        struct pb_batch batch;
        size_t got;
        CHECK_EQ(pb__log_read(bench->log, offset, end, 1, true, &read), 0);
        if (read.slice.file == NULL) break;
        CHECK_EQ(pb__file_read(read.slice.file, bytes, (size_t)read.slice.size_bytes, read.slice.pos, &got), 0);
        pb__file_slice_deinit(&read.slice);
        CHECK_EQ(pb__batch_parse(bytes, got, &batch), 0);
        CHECK_EQ(pb__batch_check_crc(&batch), 0);
        CHECK(pb__batch_last_offset(&batch) >= offset);
        offset = pb__batch_last_offset(&batch) + 1;
        if (batches_out != NULL) ++*batches_out;
        bool aborted = false;
        for (int i = 0; i < list.count; i++) {
            if (list.producer_ids[i] != batch.producer_id || list.firsts[i] > batch.base_offset) continue;
            if (batch.attributes & PB_ATTRIBUTE_CONTROL) list.producer_ids[i] = -2;
            aborted = true;
            break;
        }
        if (!aborted && !(batch.attributes & PB_ATTRIBUTE_CONTROL)) see_batch(bench, &batch, &seen);
    }
    return seen;
}
static bool are_equal(const struct seen *a, const struct seen *b) { return a->count == b->count && memcmp(a->records, b->records, (size_t)a->count * sizeof *a->records) == 0; }

/* The rule, in a few lines: of the records below `to` the last of each key, without tombstones when those may go. */
static struct seen expected(const struct seen *before, int64_t to, bool tombstones_go) {
    struct seen seen = { 0 };
    for (int i = 0; i < before->count; i++) {
        const struct seen_record *record = &before->records[i];
        bool newer = false;
        for (int k = i + 1; k < before->count && before->records[k].offset < to; k++) newer |= before->records[k].key == record->key;
        if (record->offset >= to || (record->key >= 0 && !newer && (record->value >= 0 || !tombstones_go))) seen.records[seen.count++] = *record;
    }
    return seen;
}

TEST(the_last_record_of_each_key_stays_at_its_offset) {
    struct bench bench;
    bench_begin(&bench);
    for (int i = 0; i < 60; i++) {
        write_one(&bench, i % KEYS, i);
        if (i % 9 == 8) roll(&bench);
    }
    struct seen before = see(&bench, NULL), wanted = expected(&before, 54, false);
    struct run run = { .now_ms = NOW, .cleaned_to = -1 };
    CHECK_EQ(compact_once(&bench, &run), 0);
    struct seen after = see(&bench, NULL);
    CHECK(are_equal(&after, &wanted));
    CHECK_EQ(run.cleaned_to, 54);
    CHECK_EQ(run.swaps, 1);
    CHECK_EQ(pb__log_start_offset(bench.log), 0);
    CHECK_EQ(pb__log_end_offset(bench.log), 60);
    CHECK_EQ(after.count, KEYS + 6);
    bench_end(&bench);
}

TEST(tombstones_hide_what_was_and_go_when_their_horizon_has_passed) {
    struct bench bench;
    bench_begin(&bench);
    write_one(&bench, 1, 10);
    write_one(&bench, 2, 20);
    roll(&bench);
    write_one(&bench, 1, -1);
    roll(&bench);
    struct run run = { .now_ms = NOW, .cleaned_to = -1 };
    CHECK_EQ(compact_once(&bench, &run), 0);
    struct seen seen = see(&bench, NULL);
    CHECK_EQ(seen.count, 2);
    CHECK_EQ(seen.records[1].offset, 2);
    CHECK_EQ(seen.records[1].value, -1);
    CHECK_EQ(seen.records[1].timestamp, NOW);                               /* base timestamp is the horizon, the record's own is what it was */
    write_one(&bench, 3, 30);
    roll(&bench);
    run.now_ms = NOW + DAY - 1;
    CHECK_EQ(compact_once(&bench, &run), 0);
    CHECK_EQ(see(&bench, NULL).count, 3);
    write_one(&bench, 4, 40);
    roll(&bench);
    run.now_ms = NOW + DAY;
    CHECK_EQ(compact_once(&bench, &run), 0);
    seen = see(&bench, NULL);
    CHECK_EQ(seen.count, 3);
    CHECK_EQ(seen.records[0].key, 2);
    bench_end(&bench);
}

TEST(records_without_a_key_go) {
    struct bench bench;
    bench_begin(&bench);
    write_one(&bench, -1, 10);
    write_one(&bench, 2, 20);
    roll(&bench);
    struct run run = { .now_ms = NOW, .cleaned_to = -1 };
    CHECK_EQ(compact_once(&bench, &run), 0);
    struct seen seen = see(&bench, NULL);
    CHECK_EQ(seen.count, 1);
    CHECK_EQ(seen.records[0].key, 2);
    bench_end(&bench);
}

TEST(aborted_records_go_and_markers_when_nothing_needs_them) {
    struct bench bench;
    struct options one = { 1, 10 }, two = { 2, 20 };
    bench_begin(&bench);
    CHECK_EQ(write_as(&bench, &one, 1, NOW, 5, 0, PB_ATTRIBUTE_TRANSACTIONAL), 0);
    write_marker(&bench, 5, false);
    CHECK_EQ(write_as(&bench, &two, 1, NOW, 6, 0, PB_ATTRIBUTE_TRANSACTIONAL), 0);
    write_marker(&bench, 6, true);
    CHECK_EQ(write_as(&bench, &two, 1, NOW, 6, 1, PB_ATTRIBUTE_TRANSACTIONAL), 0);
    write_marker(&bench, 6, true);
    roll(&bench);
    int batches = 0;
    struct run run = { .now_ms = NOW, .cleaned_to = -1 };
    CHECK_EQ(compact_once(&bench, &run), 0);
    struct seen seen = see(&bench, &batches);
    CHECK_EQ(seen.count, 1);
    CHECK_EQ(seen.records[0].key, 1);
    CHECK_EQ(batches, 5);                                                   /* the second one's first batch is gone; its last one is empty, for the sequence */
    write_one(&bench, 1, 11);
    roll(&bench);
    run.now_ms = NOW + 1;
    CHECK_EQ(compact_once(&bench, &run), 0);
    write_one(&bench, 3, 30);
    roll(&bench);
    run.now_ms = NOW + 2 * DAY;
    batches = 0;
    CHECK_EQ(compact_once(&bench, &run), 0);
    seen = see(&bench, &batches);
    CHECK_EQ(seen.count, 2);
    CHECK_EQ(batches, 6);                                                   /* 5's last, empty, and its marker; 6's last, empty, and its marker; two records */
    CHECK_EQ(write_as(&bench, &two, 1, NOW, 6, 2, PB_ATTRIBUTE_TRANSACTIONAL), 0);   /* the sequence goes on */
    CHECK_EQ(write_as(&bench, &two, 1, NOW, 6, 9, PB_ATTRIBUTE_TRANSACTIONAL), PB_E_OUT_OF_ORDER_SEQUENCE);
    bench_end(&bench);
}

TEST(nothing_is_cleaned_that_is_active_undecided_or_too_young) {
    struct bench bench;
    struct options one = { 1, 10 };
    struct pb_compact_facts facts;
    bench_begin(&bench);
    write_one(&bench, 1, 1);
    CHECK_EQ(pb__log_compact_look(bench.log, -1, 1, NOW, &facts), 0);
    CHECK_EQ(facts.dirty_bytes, 0);
    roll(&bench);
    CHECK_EQ(write_as(&bench, &one, 1, NOW + 1000, 5, 0, PB_ATTRIBUTE_TRANSACTIONAL), 0);
    roll(&bench);
    CHECK_EQ(pb__log_compact_look(bench.log, -1, pb__log_first_unstable_offset(bench.log), NOW, &facts), 0);
    CHECK_EQ(facts.first_uncleanable, 1);
    write_marker(&bench, 5, false);
    roll(&bench);
    CHECK_EQ(pb__log_compact_look(bench.log, -1, pb__log_first_unstable_offset(bench.log), NOW, &facts), 0);
    CHECK_EQ(facts.first_uncleanable, 3);
    bench.config.compaction_lag_min_ms = 500;
    CHECK_EQ(pb__log_compact_look(bench.log, -1, 3, NOW + 1499, &facts), 0);
    CHECK_EQ(facts.first_uncleanable, 1);
    bench.config.compaction_lag_max_ms = 2000;
    bench.config.cleanable_ratio_min = 1;
    CHECK_EQ(pb__log_compact_look(bench.log, -1, 3, NOW + 2000, &facts), 0);
    CHECK(!pb__compact_is_due(&facts, &bench.config));
    CHECK_EQ(pb__log_compact_look(bench.log, -1, 3, NOW + 2001, &facts), 0);
    CHECK(pb__compact_is_due(&facts, &bench.config));
    bench_end(&bench);
}

TEST(a_map_that_is_too_small_takes_several_runs) {
    struct bench bench;
    bench_begin(&bench);
    for (int i = 0; i < 60; i++) {
        write_one(&bench, i % 20, i);
        if (i % 10 == 9) roll(&bench);
    }
    struct seen before = see(&bench, NULL), wanted = expected(&before, 60, false);
    struct run run = { .now_ms = NOW, .cleaned_to = -1, .map_bytes = 10 * PB_KEY_MAP_SLOT_BYTES };
    int runs = 0;
    for (; run.cleaned_to < 60; runs++) {
        int64_t last = run.cleaned_to;
        CHECK_EQ(compact_once(&bench, &run), 0);
        CHECK(run.cleaned_to > last);
    }
    CHECK(runs > 1);
    struct seen after = see(&bench, NULL);
    CHECK(are_equal(&after, &wanted));
    bench_end(&bench);
}

/* A log with transactions, tombstones and batches of several records, over many segments. */
static void fill_by_chance(struct bench *bench, int32_t sequences[3], int batches) {
    bool open[3] = { false };
    for (int i = 0; i < batches; i++) {
        struct options records[4];
        int32_t count = 1 + (int32_t)sim_random(&bench->sim, 4);
        for (int k = 0; k < count; k++) records[k] = (struct options){ (int32_t)sim_random(&bench->sim, KEYS), sim_random(&bench->sim, 4) == 0 ? -1 : i * 10 + k };
        int producer = (int)sim_random(&bench->sim, 4);
        if (producer == 3) {
            CHECK_EQ(write_as(bench, records, count, NOW + i, -1, -1, 0), 0);
        } else if (open[producer] && sim_random(&bench->sim, 3) == 0) {
            write_marker(bench, producer, sim_random(&bench->sim, 2) == 0);
            open[producer] = false;
        } else {
            CHECK_EQ(write_as(bench, records, count, NOW + i, producer, sequences[producer], PB_ATTRIBUTE_TRANSACTIONAL), 0);
            sequences[producer] += count;
            open[producer] = true;
        }
        if (sim_random(&bench->sim, 6) == 0) roll(bench);
    }
    for (int i = 0; i < 3; i++)
        if (open[i]) write_marker(bench, i, true);
    roll(bench);
}

TEST(by_chance_the_log_is_what_the_rule_says_through_restarts) {
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct bench bench;
        bench_begin(&bench);
        bench.sim.random = seed;
        struct run run = { .now_ms = NOW, .cleaned_to = -1 };
        int32_t sequences[3] = { 0 };
        for (int round = 0; round < 3; round++) {
            fill_by_chance(&bench, sequences, 25);
            bench.config.segment_bytes_max = 500 + (int64_t)sim_random(&bench.sim, 3000);
            struct seen before = see(&bench, NULL), wanted = expected(&before, pb__log_end_offset(bench.log), false);
            CHECK_EQ(compact_once(&bench, &run), 0);
            struct seen after = see(&bench, NULL);
            CHECK(are_equal(&after, &wanted));
            bench.config.segment_bytes_max = 1 << 20;
            CHECK_EQ(sync_log(&bench), 0);
            int64_t point = sim_random(&bench.sim, 2) == 0 ? 0 : pb__log_recovery_point(bench.log);
            pb__log_close(bench.log);
            CHECK_EQ(open_log(&bench, false, point), 0);
            struct seen again = see(&bench, NULL);
            CHECK(are_equal(&again, &wanted));
        }
        bench_end(&bench);
    }
}

/* ---- interrupted */

struct states { int count; struct seen states[40]; };
static void note_state(struct bench *bench, void *context) {
    struct states *states = context;
    CHECK(states->count < 40);
    states->states[states->count++] = see(bench, NULL);
}
static bool is_one_of(const struct states *states, const struct seen *seen) {
    for (int i = 0; i < states->count; i++)
        if (are_equal(&states->states[i], seen)) return true;
    return false;
}
static bool is_part_of(const struct seen *part, const struct seen *whole) {
    int at = 0;
    for (int i = 0; i < part->count; i++, at++) {
        while (at < whole->count && whole->records[at].offset < part->records[i].offset) at++;
        if (at == whole->count || memcmp(&whole->records[at], &part->records[i], sizeof part->records[i]) != 0) return false;
    }
    return true;
}
/* What a reader makes of it: the last value of each key. */
static bool say_the_same(const struct seen *a, const struct seen *b) {
    int last[2][KEYS];
    memset(last, -1, sizeof last);
    for (int i = 0; i < a->count; i++) last[0][a->records[i].key] = a->records[i].value;
    for (int i = 0; i < b->count; i++) last[1][b->records[i].key] = b->records[i].value;
    return memcmp(last[0], last[1], sizeof last[0]) == 0;
}
/* As after some of the swaps; or in the middle of one that lets whole segments go of which nothing stays: then some of these are still there. */
static bool is_between(const struct states *states, const struct seen *seen) {
    const struct seen *before = &states->states[0], *after = &states->states[states->count - 1];
    return is_one_of(states, seen) || (is_part_of(seen, before) && is_part_of(after, seen) && say_the_same(seen, after));
}
static void prepare(struct bench *bench, uint64_t seed) {
    bench_begin(bench);
    bench->sim.random = seed;
    int32_t sequences[3] = { 0 };
    fill_by_chance(bench, sequences, 30);
    bench->config.segment_bytes_max = 1500;
    CHECK_EQ(sync_log(bench), 0);
}

/* The k-th call fails, and all after it; then the power goes. */
static void interrupt(bool badly) {
    static struct states states;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct bench bench;
        states.count = 0;
        prepare(&bench, seed);
        note_state(&bench, &states);
        struct run run = { .now_ms = NOW, .cleaned_to = -1, .on_swap = note_state, .context = &states };
        CHECK_EQ(compact_once(&bench, &run), 0);
        bench_end(&bench);
        int befores = 0, afters = 0, clear = 0, cuts = 0;
        for (int64_t at = 1;; at++) {
            prepare(&bench, seed);
            struct run broken = { .now_ms = NOW, .cleaned_to = -1 };
            sim_arm(&bench.sim, at, EIO, true);
            int rc = compact_once(&bench, &broken);
            sim_disarm(&bench.sim);
            int64_t point = pb__log_recovery_point(bench.log);
            pb__log_close(bench.log);
            if (badly) {
                sim_crash_badly(&bench.sim);
            } else {
                sim_crash(&bench.sim, 0);
            }
            CHECK_EQ(open_log(&bench, false, point), 0);
            struct seen seen = see(&bench, NULL);
            CHECK(is_between(&states, &seen));
            clear += is_one_of(&states, &seen);
            cuts++;
            befores += are_equal(&seen, &states.states[0]);
            afters += are_equal(&seen, &states.states[states.count - 1]);
            struct run again = { .now_ms = NOW, .cleaned_to = -1 };
            CHECK_EQ(compact_once(&bench, &again), 0);
            seen = see(&bench, NULL);
            CHECK(are_equal(&seen, &states.states[states.count - 1]));
            bench_end(&bench);
            if (rc == 0) break;
        }
        CHECK(befores > 0 && afters > 0);
        CHECK(clear > cuts / 2);                                           /* most steps are whole */
    }
}
TEST(a_power_cut_at_any_call_leaves_what_was_or_what_comes) { interrupt(false); }
TEST(so_does_one_that_lets_names_and_bytes_go_as_it_likes) { interrupt(true); }

TEST(one_failing_call_leaves_the_log_readable) {
    for (int64_t at = 1;; at++) {
        struct bench bench;
        prepare(&bench, 7);
        struct seen before = see(&bench, NULL), wanted = expected(&before, pb__log_end_offset(bench.log), false);
        struct run run = { .now_ms = NOW, .cleaned_to = -1 };
        bench.sim.count_alloc = true;
        sim_arm(&bench.sim, at, EIO, false);
        int rc = compact_once(&bench, &run);
        bool was_hit = bench.sim.calls >= at;
        sim_disarm(&bench.sim);
        bench.sim.count_alloc = false;
        if (pb__log_is_failed(bench.log)) {                                 /* the swap was cut short: the next start completes it */
            int64_t point = pb__log_recovery_point(bench.log);
            CHECK_EQ(rc, PB_E_IO);
            pb__log_close(bench.log);
            CHECK_EQ(open_log(&bench, false, point), 0);
        }
        struct seen after = see(&bench, NULL);
        CHECK(is_part_of(&wanted, &after) && is_part_of(&after, &before) && say_the_same(&after, &before));
        if (rc == 0) CHECK(are_equal(&after, &wanted));
        bench_end(&bench);
        if (!was_hit) break;
    }
}

TEST(a_full_disk_changes_nothing_and_the_next_run_does_it) {
    struct bench bench;
    prepare(&bench, 3);
    struct seen before = see(&bench, NULL), wanted = expected(&before, pb__log_end_offset(bench.log), false);
    struct run run = { .now_ms = NOW, .cleaned_to = -1 };
    sim_arm_on(&bench.sim, SIM_WRITE, ".log.cleaned", 1, ENOSPC, true);
    CHECK_EQ(compact_once(&bench, &run), PB_E_NOSPACE);
    sim_disarm(&bench.sim);
    struct seen after = see(&bench, NULL);
    CHECK(are_equal(&after, &before));
    CHECK(!pb__log_is_failed(bench.log));
    CHECK_EQ(compact_once(&bench, &run), 0);
    after = see(&bench, NULL);
    CHECK(are_equal(&after, &wanted));
    bench_end(&bench);
}

TEST(a_reader_in_a_replaced_segment_finishes_and_segments_that_left_stop_the_swap) {
    struct bench bench;
    static uint8_t bytes[4096];
    struct pb_log_read read;
    struct pb_batch batch;
    size_t got;
    bench_begin(&bench);
    for (int i = 0; i < 20; i++) {
        write_one(&bench, i % 2, i);
        if (i % 5 == 4) roll(&bench);
    }
    CHECK_EQ(pb__log_read(bench.log, 1, 20, 4096, true, &read), 0);
    struct run run = { .now_ms = NOW, .cleaned_to = -1 };
    CHECK_EQ(compact_once(&bench, &run), 0);
    pb__doomed_unlink(&bench.sim.env, pb__log_take_doomed(bench.log, bench.sim.now_ns + 1));
    CHECK_EQ(pb__file_read(read.slice.file, bytes, (size_t)read.slice.size_bytes, read.slice.pos, &got), 0);
    CHECK_EQ(pb__batch_parse(bytes, got, &batch), 0);
    CHECK_EQ(batch.base_offset, 1);
    pb__file_slice_deinit(&read.slice);
    CHECK_EQ(pb__log_read(bench.log, 1, 20, 4096, true, &read), 0);         /* the next one that is left */
    CHECK_EQ(read.base_offset, 18);
    pb__file_slice_deinit(&read.slice);
    write_one(&bench, 5, 50);
    roll(&bench);
    struct pb_compact_facts facts;
    struct pb_compact_rules rules = { .now_ms = NOW, .map_bytes_max = 1 << 16, .load_factor = 0.9 };
    struct pb_compact *compact;
    CHECK_EQ(pb__log_compact_look(bench.log, run.cleaned_to, 21, NOW, &facts), 0);
    CHECK_EQ(pb__compact_new(bench.log, &facts, &rules, &compact), 0);
    while (pb__compact_step(compact, 100) != PB_COMPACT_SWAP) {}
    CHECK_EQ(pb__log_doom(bench.log, 0, false), 0);
    CHECK_EQ(pb__compact_swap(compact, bench.log), PB_E_AGAIN);
    pb__compact_free(compact);
    CHECK(sim_find(&bench.sim, "/d/t-0/00000000000000000000.log.swap") == NULL);
    bench_end(&bench);
}
