/* tests/csrc/log/log_bench.h — one log "t-0" under "/d" in a simulated world: opened, filled, synced, read. */
#ifndef PB_TEST_LOG_BENCH_H
#define PB_TEST_LOG_BENCH_H

#include <errno.h>

#include "base/err.h"
#include "batch_build.h"
#include "harness.h"
#include "log/log.h"
#include "sim_env.h"

static const int64_t NOW = 1700000000000;
static const struct pb_log_config CONFIG = { .segment_bytes_max = 1 << 20, .segment_ms_max = 604800000, .segment_index_bytes_max = 1 << 20, .index_interval_bytes = 4096,
                                             .producer_id_expiration_ms = 86400000 };

struct bench { struct sim_env sim; struct pb_file_cache *files; struct pb_codec_workspace *codec; struct pb_log *log; struct pb_log_config config; };

__attribute__((unused)) static int open_log(struct bench *bench, bool clean, int64_t recovery_point) {
    struct pb_log_options options = { .env = &bench->sim.env, .files = bench->files, .log_dir = "/d", .topic = "t", .partition = 0, .config = &bench->config, .clean = clean,
                                      .recovery_point = recovery_point, .codec = bench->codec };
    bench->log = NULL;
    return pb__log_open(&options, &bench->log);
}
__attribute__((unused)) static void bench_init(struct bench *bench) {
    sim_init(&bench->sim);
    bench->config = CONFIG;
    CHECK_EQ(pb__file_cache_new(&bench->sim.env, 16, &bench->files), 0);
    CHECK_EQ(pb__codec_workspace_new(&bench->sim.env, &bench->codec), 0);
}
__attribute__((unused)) static void bench_end(struct bench *bench) {
    pb__log_close(bench->log);
    pb__codec_workspace_free(bench->codec);
    pb__file_cache_free(bench->files);
    CHECK_EQ(bench->sim.allocs_live, 0);
    CHECK_EQ(sim_open_count(&bench->sim), 0);
    sim_deinit(&bench->sim);
}
__attribute__((unused)) static int append_as(struct bench *bench, int32_t count, int64_t producer_id, int16_t epoch, int32_t sequence, struct pb_log_append *append) {
    static uint8_t bytes[1 << 16];
    static struct pb_batch batch;
    size_t size = build_batch(bytes, count, 50, NOW + pb__log_end_offset(bench->log), producer_id, epoch, sequence);
    CHECK_EQ(pb__batch_parse(bytes, size, &batch), 0);
    *append = (struct pb_log_append){ .batch = &batch };
    return pb__log_append(bench->log, append, 1, 0, NOW, true);
}
__attribute__((unused)) static int append(struct bench *bench, int32_t count) {
    struct pb_log_append one;
    int rc = append_as(bench, count, -1, -1, -1, &one);
    return rc < 0 ? rc : one.error;
}
__attribute__((unused)) static int sync_log(struct bench *bench) {
    struct pb_log_sync ticket;
    int rc;
    while ((rc = pb__log_sync_begin(bench->log, &ticket)) > 0) {
        pb__log_sync_run(&ticket);
        if ((rc = pb__log_sync_end(bench->log, &ticket)) < 0) return rc;
    }
    return rc;
}
/* Every offset of the log can be read, and holds the batch it should: records seen, or -1. */
__attribute__((unused)) static int64_t read_all(struct bench *bench) {
    int64_t offset = pb__log_start_offset(bench->log), count = 0;
    while (offset < pb__log_end_offset(bench->log)) {
        struct pb_log_read read;
        static uint8_t bytes[1 << 16];
        struct pb_batch batch;
        if (pb__log_read(bench->log, offset, pb__log_end_offset(bench->log), 1, true, &read) < 0 || read.slice.file == NULL) return -1;
        size_t got;
        int rc = pb__file_read(read.slice.file, bytes, (size_t)read.slice.size_bytes, read.slice.pos, &got);
        pb__file_slice_deinit(&read.slice);
        if (rc < 0 || pb__batch_parse(bytes, got, &batch) < 0 || pb__batch_check_crc(&batch) < 0) return -1;
        if (batch.base_offset > offset || pb__batch_last_offset(&batch) < offset) return -1;
        count += batch.record_count;
        offset = pb__batch_last_offset(&batch) + 1;
    }
    return count;
}

#endif
