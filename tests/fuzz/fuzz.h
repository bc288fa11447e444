/* tests/fuzz/fuzz.h — what targets share: the entry of libFuzzer, and a log in the simulated world whose right answers are known.
 *
 * A target fails by a sanitizer's report, by PB_ASSERT, by taking longer than a second or more memory than it is given, or by WRONG: an answer that
 * differs from what the log holds. */
#ifndef PB_FUZZ_H
#define PB_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "log/log.h"
#include "tests/csrc/batch_build.h"
#include "tests/csrc/sim_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define WRONG(fact)                                                                                                                        \
    do {                                                                                                                                   \
        if (fact) {                                                                                                                        \
            fprintf(stderr, "%s:%d: wrong: %s\n", __FILE__, __LINE__, #fact);                                                              \
            abort();                                                                                                                       \
        }                                                                                                                                  \
    } while (0)

enum { FUZZ_BATCHES = 16, FUZZ_RECORDS = 3, FUZZ_SEGMENT_BYTES = 2048 };
static const int64_t FUZZ_TIME = 1700000000000;

struct fuzz_log { struct sim_env sim; struct pb_file_cache *files; struct pb_codec_workspace *codec; struct pb_log *log; struct pb_log_config config; };

__attribute__((unused)) static int fuzz_open(struct fuzz_log *bench, bool clean, int64_t recovery_point) {
    struct pb_log_options options = { .env = &bench->sim.env, .files = bench->files, .log_dir = "/d", .topic = "t", .config = &bench->config, .clean = clean,
                                      .recovery_point = recovery_point, .codec = bench->codec };
    bench->log = NULL;
    return pb__log_open(&options, &bench->log);
}

__attribute__((unused)) static void fuzz_init(struct fuzz_log *bench) {
    bench->log = NULL;
    sim_init(&bench->sim);
    bench->config = (struct pb_log_config){ .segment_bytes_max = FUZZ_SEGMENT_BYTES, .segment_ms_max = INT64_MAX, .segment_index_bytes_max = 1 << 20, .index_interval_bytes = 300,
                                            .producer_id_expiration_ms = 86400000 };
    WRONG(pb__file_cache_new(&bench->sim.env, 16, &bench->files) < 0);
    WRONG(pb__codec_workspace_new(&bench->sim.env, &bench->codec) < 0);
}

__attribute__((unused)) static void fuzz_end(struct fuzz_log *bench) {
    pb__log_close(bench->log);
    pb__codec_workspace_free(bench->codec);
    pb__file_cache_free(bench->files);
    WRONG(bench->sim.allocs_live != 0);
    WRONG(sim_open_count(&bench->sim) != 0);
    sim_deinit(&bench->sim);
}

/* Where a filled log lies as files: made once, put into each new world. */
struct fuzz_file { char path[SIM_PATH_MAX]; uint8_t *bytes; size_t size; };
static struct fuzz_file fuzz_files[64];
static int fuzz_file_count;

__attribute__((unused)) static void fuzz_keep_files(const struct fuzz_log *bench) {
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        const struct sim_file *file = &bench->sim.files[i];
        if (!file->used || !file->linked || file->is_dir) continue;
        struct fuzz_file *kept = &fuzz_files[fuzz_file_count++];
        strcpy(kept->path, file->path);
        kept->size = file->size;
        kept->bytes = malloc(file->size + 1);
        if (file->size > 0) memcpy(kept->bytes, file->bytes, file->size);
    }
}

/* A file's bytes become these. */
__attribute__((unused)) static void fuzz_put(struct fuzz_log *bench, const char *path, const uint8_t *bytes, size_t size) {
    const struct pb_env *env = &bench->sim.env;
    int fd = env->file_open(env->context, path, PB_OPEN_WRITE | PB_OPEN_CREATE | PB_OPEN_TRUNCATE);
    WRONG(fd < 0);
    struct iovec iov = { (void *)(uintptr_t)bytes, size };
    if (size > 0) WRONG(env->file_pwritev(env->context, fd, &iov, 1, 0) != (int64_t)size);
    env->file_close(env->context, fd);
}

/* Batches of three records, one ms between records; every second one of an idempotent producer. */
__attribute__((unused)) static void fuzz_write(struct fuzz_log *bench) {
    WRONG(fuzz_open(bench, true, 0) < 0);
    for (int32_t i = 0; i < FUZZ_BATCHES; i++) {
        static uint8_t bytes[4096];
        struct pb_batch batch;
        bool idempotent = i % 2 != 0;
        size_t size = build_batch(bytes, FUZZ_RECORDS, 60, FUZZ_TIME + (int64_t)i * FUZZ_RECORDS, idempotent ? 7 : -1, idempotent ? 0 : -1, idempotent ? i / 2 * FUZZ_RECORDS : -1);
        WRONG(pb__batch_parse(bytes, size, &batch) < 0);
        struct pb_log_append append = { .batch = &batch };
        WRONG(pb__log_append(bench->log, &append, 1, 0, FUZZ_TIME, true) < 0 || append.error < 0);
    }
    WRONG(pb__log_flush_clean(bench->log, FUZZ_TIME) < 0);
    pb__log_close(bench->log);
    bench->log = NULL;
}

/* A log of FUZZ_BATCHES batches in several segments, closed cleanly. */
__attribute__((unused)) static void fuzz_fill(struct fuzz_log *bench) {
    const struct pb_env *env = &bench->sim.env;
    if (fuzz_file_count == 0) {
        fuzz_write(bench);
        fuzz_keep_files(bench);
        return;
    }
    WRONG(env->dir_create(env->context, "/d/t-0") < 0);
    for (int i = 0; i < fuzz_file_count; i++) fuzz_put(bench, fuzz_files[i].path, fuzz_files[i].bytes, fuzz_files[i].size);
}

/* Each offset gives the batch that holds it. */
__attribute__((unused)) static void fuzz_check_reads(struct fuzz_log *bench) {
    for (int64_t offset = pb__log_start_offset(bench->log); offset < pb__log_end_offset(bench->log); offset++) {
        struct pb_log_read read;
        uint8_t bytes[4096];
        struct pb_batch batch;
        size_t got;
        WRONG(pb__log_read(bench->log, offset, pb__log_end_offset(bench->log), 1, true, &read) < 0 || read.slice.file == NULL);
        int rc = pb__file_read(read.slice.file, bytes, read.slice.size_bytes < (int64_t)sizeof bytes ? (size_t)read.slice.size_bytes : sizeof bytes, read.slice.pos, &got);
        pb__file_slice_deinit(&read.slice);
        WRONG(rc < 0 || pb__batch_parse(bytes, got, &batch) < 0 || batch.base_offset > offset || pb__batch_last_offset(&batch) < offset);
    }
}

/* Each time gives the record that was written with it. */
__attribute__((unused)) static void fuzz_check_times(struct fuzz_log *bench) {
    for (int64_t i = -1; i <= FUZZ_BATCHES * FUZZ_RECORDS; i++) {
        int64_t offset, timestamp, expected = i < 0 ? 0 : i < FUZZ_BATCHES * FUZZ_RECORDS ? i : -1;
        int32_t epoch;
        WRONG(pb__log_offset_for_timestamp(bench->log, FUZZ_TIME + i, pb__log_end_offset(bench->log), bench->codec, &offset, &timestamp, &epoch) < 0);
        WRONG(offset != expected);
        WRONG(timestamp != (expected < 0 ? -1 : FUZZ_TIME + expected));
    }
}

#endif
