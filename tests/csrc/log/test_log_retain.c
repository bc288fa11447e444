#include <errno.h>

#include "base/assert.h"
#include "base/err.h"
#include "batch_build.h"
#include "harness.h"
#include "log/log.h"
#include "log/log_retain.h"
#include "sim_env.h"

static const int64_t NOW = 1700000000000, HOUR = 3600000;

struct bench { struct sim_env sim; struct pb_file_cache *files; struct pb_codec_workspace *codec; struct pb_log *log; struct pb_log_config config; int64_t start, time_ms; };

static int open_log(struct bench *bench, int64_t recovery_point) {
    struct pb_log_options options = { .env = &bench->sim.env, .files = bench->files, .log_dir = "/d", .topic = "t", .partition = 0, .config = &bench->config,
                                      .recovery_point = recovery_point, .start_offset = bench->start, .codec = bench->codec };
    bench->log = NULL;
    return pb__log_open(&options, &bench->log);
}
static void bench_init(struct bench *bench) {
    memset(bench, 0, sizeof *bench);
    sim_init(&bench->sim);
    bench->sim.wall_ms = bench->time_ms = NOW;
    bench->config = (struct pb_log_config){ .segment_bytes_max = 1000, .segment_ms_max = 1000 * HOUR, .segment_index_bytes_max = 1 << 20, .index_interval_bytes = 100,
                                            .producer_id_expiration_ms = 24 * HOUR, .retention_ms = -1, .retention_bytes = -1, .file_delete_delay_ms = 60000, .deletes = true };
    CHECK_EQ(pb__file_cache_new(&bench->sim.env, 16, &bench->files), 0);
    CHECK_EQ(pb__codec_workspace_new(&bench->sim.env, &bench->codec), 0);
}
static void bench_end(struct bench *bench) {
    pb__log_close(bench->log);
    pb__codec_workspace_free(bench->codec);
    pb__file_cache_free(bench->files);
    CHECK_EQ(bench->sim.allocs_live, 0);
    CHECK_EQ(sim_open_count(&bench->sim), 0);
    sim_deinit(&bench->sim);
}
static int append(struct bench *bench) {
    static uint8_t bytes[4096];
    static struct pb_batch batch;
    size_t size = build_batch(bytes, 1, 200, bench->time_ms, -1, -1, -1);
    CHECK_EQ(pb__batch_parse(bytes, size, &batch), 0);
    struct pb_log_append one = { .batch = &batch };
    int rc = pb__log_append(bench->log, &one, 1, 0, NOW, true);
    return rc < 0 ? rc : one.error;
}
static void fill(struct bench *bench, int count) {
    for (int i = 0; i < count; i++) CHECK_EQ(append(bench), 0);
}
static void sync_log(struct bench *bench) {
    struct pb_log_sync ticket;
    while (pb__log_sync_begin(bench->log, &ticket) > 0) {
        pb__log_sync_run(&ticket);
        CHECK_EQ(pb__log_sync_end(bench->log, &ticket), 0);
    }
}
/* As a round of housekeeping does it: plan, note, remove. Returns what became of the removal. */
static int retain(struct bench *bench, int64_t now_ms) {
    struct pb_retain_rules rules = pb__log_retain_rules(bench->log, pb__log_end_offset(bench->log), now_ms), planned = rules;
    struct pb_retain_done done = { .lines_left = 5 };
    int64_t from = 0, start = pb__log_start_offset(bench->log);
    int rc;
    while ((rc = pb__log_retain_look(bench->log, &rules, &from, &start)) > 0) {}
    if (rc < 0) return rc;
    bench->start = start;
    while ((rc = pb__log_remove_below(bench->log, &planned, start, &done)) > 0) {}
    return rc;
}
static bool is_there(struct bench *bench, int64_t base, const char *suffix) {
    char path[64];
    snprintf(path, sizeof path, "/d/t-0/%020lld%s", (long long)base, suffix);
    return sim_find(&bench->sim, path) != NULL;
}
/* Every offset from the start on is read, each once. */
static void check_readable(struct bench *bench) {
    for (int64_t offset = pb__log_start_offset(bench->log); offset < pb__log_end_offset(bench->log); offset++) {
        struct pb_log_read read;
        CHECK_EQ(pb__log_read(bench->log, offset, pb__log_end_offset(bench->log), 1, true, &read), 0);
        CHECK_EQ(read.base_offset, offset);
        pb__file_slice_deinit(&read.slice);
    }
}

/* ---- the rule alone */

static struct pb_segment_facts segment(int64_t base, int64_t bytes, int64_t age_ms, bool active) {
    return (struct pb_segment_facts){ .base_offset = base, .end_offset = base + 10, .size_bytes = bytes, .timestamp_ms = NOW - age_ms, .active = active };
}
static void check_plan(const struct pb_retain_rules *rules, const struct pb_segment_facts *facts, const char *expected) {
    static const char letters[] = "-tsb";
    uint8_t decisions[8];
    int32_t count = (int32_t)strlen(expected);
    pb__retain_plan(rules, facts, count, decisions);
    for (int32_t i = 0; i < count; i++)
        if (letters[decisions[i]] != expected[i]) {
            fprintf(stderr, "segment %d of %s: %c\n", i, expected, letters[decisions[i]]);
            CHECK(letters[decisions[i]] == expected[i]);
        }
}

TEST(the_rule_takes_whole_segments_from_the_oldest_on) {
    struct pb_segment_facts facts[] = { segment(0, 100, 9 * HOUR, false), segment(10, 100, 5 * HOUR, false), segment(20, 100, 7 * HOUR, false), segment(30, 100, 1 * HOUR, true) };
    struct pb_retain_rules none = { .now_ms = NOW, .retention_ms = -1, .retention_bytes = -1, .high_watermark = 40, .size_bytes = 400, .deletes = true }, rules = none;
    check_plan(&none, facts, "----");
    rules.retention_ms = 6 * HOUR;
    check_plan(&rules, facts, "t---");                                      /* what lies behind a younger one stays */
    rules.retention_ms = 4 * HOUR;
    check_plan(&rules, facts, "ttt-");
    rules.retention_ms = 5 * HOUR;
    check_plan(&rules, facts, "t---");                                      /* as old as allowed is not too old */
    rules.retention_ms = 0;
    check_plan(&rules, facts, "tttt");                                      /* the active one as well */
    rules.high_watermark = 25;
    check_plan(&rules, facts, "tt--");                                      /* never what is not replicated */
    rules = none;
    rules.retention_bytes = 250;
    check_plan(&rules, facts, "s---");                                      /* 300 stay: without the next it would be less than 250 */
    rules.retention_bytes = 200;
    check_plan(&rules, facts, "ss--");
    rules.retention_bytes = 0;
    check_plan(&rules, facts, "ssss");
    rules = none;
    rules.start_offset = 20;
    check_plan(&rules, facts, "bb--");
    rules.start_offset = 40;
    check_plan(&rules, facts, "bbb-");                                      /* the active one goes by time or size only */
    rules.deletes = false;
    rules.retention_ms = rules.retention_bytes = 0;
    check_plan(&rules, facts, "bbb-");                                      /* compacted only */
}

TEST(the_rule_keeps_an_empty_active_segment_and_one_without_a_time) {
    struct pb_segment_facts empty = segment(0, 0, 9 * HOUR, true), timeless = segment(0, 100, 0, false);
    timeless.timestamp_ms = -1;
    struct pb_retain_rules rules = { .now_ms = NOW, .retention_ms = 0, .retention_bytes = 0, .high_watermark = 40, .deletes = true };
    check_plan(&rules, &empty, "-");
    rules.retention_bytes = -1;
    check_plan(&rules, &timeless, "-");
}

/* ---- on a log */

TEST(old_segments_leave_and_their_files_wait) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, 0), 0);
    fill(&bench, 6);                                                        /* three batches a segment */
    bench.time_ms += 10 * HOUR;
    fill(&bench, 6);
    bench.config.retention_ms = HOUR;
    CHECK_EQ(retain(&bench, bench.time_ms + 1000), 0);
    CHECK_EQ(pb__log_start_offset(bench.log), 6);
    CHECK(!is_there(&bench, 0, ".log") && is_there(&bench, 0, ".log.deleted") && is_there(&bench, 0, ".index.deleted") && is_there(&bench, 6, ".log"));
    CHECK(pb__log_take_doomed(bench.log, bench.sim.now_ns + 59000000000) == NULL);
    pb__doomed_unlink(&bench.sim.env, pb__log_take_doomed(bench.log, bench.sim.now_ns + 60000000000));
    CHECK(!is_there(&bench, 0, ".log.deleted") && !is_there(&bench, 3, ".timeindex.deleted"));
    check_readable(&bench);
    bench_end(&bench);
}

TEST(a_reader_in_the_middle_of_a_removed_segment_finishes) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, 0), 0);
    fill(&bench, 9);
    struct pb_log_read read;
    CHECK_EQ(pb__log_read(bench.log, 1, 9, 1 << 20, true, &read), 0);
    bench.config.retention_bytes = 0;
    CHECK_EQ(retain(&bench, NOW), 0);
    CHECK_EQ(pb__log_start_offset(bench.log), 9);
    pb__doomed_unlink(&bench.sim.env, pb__log_take_doomed(bench.log, INT64_MAX));
    static uint8_t bytes[4096];
    size_t got;
    CHECK_EQ(pb__file_read(read.slice.file, bytes, (size_t)read.slice.size_bytes, read.slice.pos, &got), 0);
    CHECK(got > 0 && (int64_t)got == read.slice.size_bytes);
    pb__file_slice_deinit(&read.slice);
    bench_end(&bench);
}

TEST(a_log_that_loses_all_goes_on_at_its_end_after_a_crash) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, 0), 0);
    fill(&bench, 7);
    sync_log(&bench);
    bench.config.retention_bytes = 0;
    CHECK_EQ(retain(&bench, NOW), 0);
    CHECK(is_there(&bench, 7, ".log"));
    sync_log(&bench);
    pb__log_close(bench.log);
    sim_crash(&bench.sim, 0);
    CHECK_EQ(open_log(&bench, 7), 0);
    CHECK_EQ(pb__log_start_offset(bench.log), 7);
    CHECK_EQ(pb__log_end_offset(bench.log), 7);
    CHECK(!is_there(&bench, 0, ".log.deleted"));                            /* what the crash left is gone */
    fill(&bench, 1);
    CHECK_EQ(pb__log_end_offset(bench.log), 8);
    bench_end(&bench);
}

/* Every call of the removal fails once, and the process dies there: what is kept is whole, offsets are never given twice. */
TEST(a_fault_at_any_call_of_a_removal_keeps_what_stays) {
    static const int errors[] = { EIO, ENOSPC };
    for (int e = 0; e < 2; e++) {
        for (int64_t k = 1; k < 200; k++) {
            struct bench bench;
            bench_init(&bench);
            CHECK_EQ(open_log(&bench, 0), 0);
            fill(&bench, 8);
            sync_log(&bench);
            bench.config.retention_bytes = e == 0 ? 0 : 600;
            sim_arm(&bench.sim, k, errors[e], true);
            (void)retain(&bench, NOW);
            bool hit = bench.sim.calls >= k;
            int64_t start = pb__log_start_offset(bench.log);
            sim_arm(&bench.sim, 0, 0, false);
            pb__log_close(bench.log);
            sim_crash(&bench.sim, 0);
            CHECK_EQ(open_log(&bench, 8), 0);
            if (bench.log != NULL) {
                CHECK(pb__log_start_offset(bench.log) >= start);
                CHECK_EQ(pb__log_end_offset(bench.log), 8);
                check_readable(&bench);
                CHECK_EQ(retain(&bench, NOW), 0);                           /* the next round finishes */
                check_readable(&bench);
            }
            bench_end(&bench);
            if (!hit) break;
        }
    }
}

/* A disk may have made any of the renames durable and not the others. */
TEST(a_power_cut_in_a_removal_leaves_no_hole) {
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct bench bench;
        bench_init(&bench);
        bench.sim.random = seed * 0x9E3779B97F4A7C15u;
        CHECK_EQ(open_log(&bench, 0), 0);
        fill(&bench, 16);
        sync_log(&bench);
        bench.config.retention_bytes = 300 * (int64_t)(seed % 5);
        CHECK_EQ(retain(&bench, NOW), 0);
        int64_t start = pb__log_start_offset(bench.log);
        if (seed % 3 == 0) pb__doomed_unlink(&bench.sim.env, pb__log_take_doomed(bench.log, INT64_MAX));
        pb__log_close(bench.log);
        sim_crash_badly(&bench.sim);
        CHECK_EQ(open_log(&bench, seed % 2 == 0 ? 16 : 0), 0);              /* the recovery point may be as old as it likes */
        if (bench.log != NULL) {
            CHECK_EQ(pb__log_start_offset(bench.log), start);
            CHECK_EQ(pb__log_end_offset(bench.log), 16);
            check_readable(&bench);
            for (int64_t base = 0; base + 3 <= start; base += 3) CHECK(!is_there(&bench, base, ".log") && !is_there(&bench, base, ".log.deleted"));
        }
        bench_end(&bench);
    }
}

TEST(a_start_beyond_the_end_is_no_start) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, 0), 0);
    fill(&bench, 8);
    sync_log(&bench);
    pb__log_close(bench.log);
    bench.start = 1LL << 40;
    CHECK_EQ(open_log(&bench, 8), 0);
    CHECK_EQ(pb__log_start_offset(bench.log), 0);
    CHECK_EQ(pb__log_end_offset(bench.log), 8);
    check_readable(&bench);
    bench_end(&bench);
}

TEST(a_sync_under_way_keeps_its_segment) {
    struct bench bench;
    struct pb_log_sync ticket;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, 0), 0);
    fill(&bench, 4);
    CHECK_EQ(pb__log_sync_begin(bench.log, &ticket), 1);
    bench.config.retention_bytes = 0;
    CHECK_EQ(retain(&bench, NOW), 0);
    CHECK(is_there(&bench, 0, ".log"));                                     /* the start has moved; the file waits for the next round */
    CHECK_EQ(pb__log_start_offset(bench.log), 4);
    pb__log_sync_run(&ticket);
    CHECK_EQ(pb__log_sync_end(bench.log, &ticket), 0);
    CHECK_EQ(retain(&bench, NOW), 0);
    CHECK(!is_there(&bench, 0, ".log"));
    bench_end(&bench);
}

TEST(facts_tell_of_sealed_and_active_segments_after_a_restart_too) {
    struct bench bench;
    struct pb_segment_facts facts[4];
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, 0), 0);
    for (int i = 0; i < 8; i++) {
        bench.time_ms = NOW + i;
        CHECK_EQ(append(&bench), 0);
    }
    for (int round = 0; round < 2; round++) {
        CHECK_EQ(pb__log_segment_facts(bench.log, 0, facts, 4, true), 3);
        for (int i = 0; i < 3; i++) {
            CHECK_EQ(facts[i].base_offset, 3 * i);
            CHECK_EQ(facts[i].end_offset, i < 2 ? 3 * i + 3 : 8);
            CHECK_EQ(facts[i].timestamp_ms, NOW + (i < 2 ? 3 * i + 2 : 7));
            CHECK_EQ(facts[i].active, i == 2);
        }
        CHECK_EQ(pb__log_segment_facts(bench.log, 4, facts, 4, true), 1);
        CHECK_EQ(pb__log_segment_facts(bench.log, 7, facts, 4, true), 0);
        sync_log(&bench);
        CHECK_EQ(pb__log_flush_clean(bench.log, NOW), 0);
        pb__log_close(bench.log);
        CHECK_EQ(open_log(&bench, 8), 0);
    }
    bench_end(&bench);
}

TEST(an_idle_segment_is_closed_by_the_clock_that_never_jumps) {
    struct bench bench;
    bench_init(&bench);
    bench.sim.now_ns = 1000000000;
    bench.config.segment_ms_max = HOUR;
    CHECK_EQ(open_log(&bench, 0), 0);
    fill(&bench, 1);
    CHECK_EQ(pb__log_roll_if_due(bench.log, NOW), 0);
    bench.sim.wall_ms += 1000 * HOUR;
    CHECK_EQ(pb__log_roll_if_due(bench.log, bench.sim.wall_ms), 0);
    bench.sim.now_ns += HOUR * 1000000;
    CHECK_EQ(pb__log_roll_if_due(bench.log, NOW), 0);
    bench.sim.now_ns += 1000000;
    CHECK_EQ(pb__log_roll_if_due(bench.log, NOW), 1);
    CHECK_EQ(pb__log_roll_if_due(bench.log, NOW), 0);                       /* nothing in the new one */
    bench_end(&bench);
}

TEST(names_of_removed_files_are_ours_alone) {
    static const char *const ours[] = { "00000000000000000000.log.deleted", "00000000000000000123.index.deleted", "00000000000000000123.snapshot.deleted" };
    static const char *const others[] = { "notes.deleted", "00000000000000000000.log", "0000000000000000000.log.deleted", "00000000000000000000.bak.deleted", ".deleted",
                                          "00000000000000000000.deleted", "00000000000000000000.log.deleted.x", "000000000000000000000.log.deleted" };
    for (size_t i = 0; i < PB_COUNT(ours); i++) CHECK(pb__is_removed_name(ours[i]));
    for (size_t i = 0; i < PB_COUNT(others); i++) CHECK(!pb__is_removed_name(others[i]));
}
