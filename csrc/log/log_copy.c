#include "log/log_copy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "log/log_internal.h"

static const char future_suffix[] = "-future";

static int set_dir(struct pb_log *log, const char *dir) {
    char *copy = pb__env_strdup(log->env, dir);
    if (copy == NULL) return PB_E_NOMEM;
    pb__env_free(log->env, log->dir);
    log->dir = copy;
    return 0;
}

int pb__log_open_future(const struct pb_log_options *options, struct pb_log **log_out) {
    char dir[PB_PATH_BYTES_MAX];
    uint64_t unique[2];
    struct pb_log *log;
    int rc = pb__log_open(options, &log);
    if (rc < 0) return rc;
    options->env->random(options->env->context, unique, sizeof unique);
    int size = snprintf(dir, sizeof dir, "%s.%016llx%016llx%s", log->dir, (unsigned long long)unique[0], (unsigned long long)unique[1], future_suffix);
    rc = log->has_dir ? PB_E_EXISTS : size >= (int)sizeof dir ? PB_E_INVALID_ARGUMENT : set_dir(log, dir);
    if (rc == 0) rc = pb__log_make_dir(log);
    if (rc < 0) {
        pb__log_close(log);
        return rc;
    }
    *log_out = log;
    return 0;
}

/* One batch where it belongs. Offsets may be missing before it: of a compacted log, and before the first. */
static int append_one(struct pb_log *log, struct pb_batch *batch, int64_t now_ms) {
    struct pb_log_append append = { .batch = batch };
    if (batch->base_offset > log->end_offset || (log->segment_count == 0 && batch->base_offset < log->end_offset)) log->end_offset = batch->base_offset;
    if (batch->base_offset != log->end_offset) return PB_E_CORRUPT_BATCH;
    int rc = pb__log_append(log, &append, 1, batch->leader_epoch, now_ms, false);
    return rc < 0 ? rc : append.error;
}

int pb__log_append_copy(struct pb_log *log, uint8_t *bytes, size_t size_bytes, int64_t now_ms, size_t *taken_out) {
    struct pb_batch batch;
    int rc = 0;
    *taken_out = 0;
    while (size_bytes - *taken_out >= PB_BATCH_HEADER_BYTES) {
        rc = pb__batch_parse(bytes + *taken_out, size_bytes - *taken_out, &batch);
        if (rc < 0 && *taken_out > 0) return 0;                             /* the rest of it comes with the next piece */
        if (rc == 0) rc = pb__batch_check_crc(&batch);
        if (rc == 0) rc = append_one(log, &batch, now_ms);
        if (rc < 0) return rc;
        *taken_out += (size_t)batch.size_bytes;
    }
    return 0;
}

/* ---- taking the place */

/* The path of each file, from the first directory to the second; all or none. */
static int move_paths(struct pb_log *log, const char *from, const char *to) {
    char path[PB_PATH_BYTES_MAX];
    size_t from_size = strlen(from);
    for (int32_t i = 0; i < log->segment_count; i++) {
        struct pb_file *const files[] = { log->segments[i]->log, log->segments[i]->index, log->segments[i]->time_index };
        for (size_t k = 0; k < PB_COUNT(files); k++) {
            const char *name = pb__file_path(files[k]) + from_size;
            if (strncmp(pb__file_path(files[k]), from, from_size) != 0) continue;
            int size = snprintf(path, sizeof path, "%s%s", to, name);
            int rc = size >= (int)sizeof path ? PB_E_INVALID_ARGUMENT : pb__file_set_path(files[k], path);
            if (rc < 0) return rc;
        }
    }
    return 0;
}

/* Without ".<32 hex digits>-future". */
static void final_dir(const struct pb_log *log, char dir[PB_PATH_BYTES_MAX]) {
    size_t size = strlen(log->dir) - (sizeof future_suffix - 1) - 33;
    memcpy(dir, log->dir, size);
    dir[size] = 0;
}

static int rename_dir(struct pb_log *log, const char *to) {
    struct pb_file_stat stat;
    if (log->env->file_stat(log->env->context, to, &stat) != -ENOENT) return PB_E_EXISTS;
    int rc = log->env->file_rename(log->env->context, log->dir, to);
    if (rc < 0) pb__env_log(log->env, PB_LOG_ERROR, "event=rename-failed path=%s errno=%d", log->dir, -rc);
    return rc < 0 ? PB_E_IO : 0;
}

int pb__log_take_over(struct pb_log *future, struct pb_log *log) {
    char to[PB_PATH_BYTES_MAX];
    final_dir(future, to);
    if (future->end_offset != log->end_offset) return PB_E_AGAIN;
    char *dir = pb__env_strdup(future->env, to);
    if (dir == NULL) return PB_E_NOMEM;
    /* Paths first: they take memory, the rename does not. Files that are open stay open, and the lock keeps others from opening one. */
    int rc = move_paths(future, future->dir, to);
    if (rc == 0) rc = rename_dir(future, to);
    if (rc < 0) {
        pb__env_free(future->env, dir);
        (void)move_paths(future, to, future->dir);                          /* a path that stays wrong is of a log that is given up */
        return rc;
    }
    pb__env_free(future->env, future->dir);
    future->dir = dir;
    future->dir_dirty = true;
    struct pb_producers producers = future->producers;
    struct pb_epochs epochs = future->epochs;
    future->producers = log->producers;
    future->epochs = log->epochs;
    log->producers = producers;
    log->epochs = epochs;
    future->epochs_dirty = true;
    future->start_offset = log->start_offset;
    return 0;
}

int pb__log_sync_names(const struct pb_log *log) {
    char above[PB_PATH_BYTES_MAX];
    snprintf(above, sizeof above, "%s", log->dir);
    char *slash = strrchr(above, '/');
    if (slash != NULL) *slash = 0;
    int rc = log->env->dir_sync(log->env->context, log->dir);
    if (rc >= 0) rc = log->env->dir_sync(log->env->context, slash != NULL ? above : ".");
    return rc < 0 ? PB_E_IO : 0;
}
