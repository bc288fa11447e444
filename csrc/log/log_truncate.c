#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "log/log_internal.h"

static const char *const suffixes[] = { ".log", ".index", ".timeindex", ".txnindex", ".snapshot" };

int pb__log_unlink_segment(struct pb_log *log, int64_t base_offset) {
    char path[PB_PATH_BYTES_MAX];
    for (size_t i = 0; i < PB_COUNT(suffixes); i++) {
        int rc = pb__log_path(log, base_offset, suffixes[i], path);
        if (rc < 0) return rc;
        rc = log->env->file_unlink(log->env->context, path);
        if (rc < 0 && rc != -ENOENT) {
            pb__env_log(log->env, PB_LOG_ERROR, "event=unlink-failed path=%s errno=%d", path, -rc);
            return PB_E_IO;
        }
    }
    return 0;
}

static int remove_segment(struct pb_log *log, int32_t at) {
    struct pb_segment *segment = log->segments[at];
    int rc = pb__log_unlink_segment(log, segment->base_offset);
    if (rc < 0) return rc;
    log->size_bytes -= segment->end_pos;
    pb__log_drop_segment(log, at);
    log->dir_dirty = true;
    return 0;
}

static int truncate_segment(struct pb_log *log, struct pb_segment *segment, int64_t offset) {
    struct pb_scan scan;
    struct pb_batch batch;
    int64_t pos = 0, end_offset = segment->base_offset, max_timestamp = -1, max_timestamp_offset = end_offset;
    int rc = pb__scan_open(&scan, log, segment, 0, segment->end_pos, false);
    while (rc >= 0 && (rc = pb__scan_next(&scan, &batch)) > 0 && pb__batch_last_offset(&batch) < offset) {
        pos = scan.pos;
        end_offset = pb__batch_last_offset(&batch) + 1;
        if (batch.max_timestamp <= max_timestamp) continue;
        max_timestamp = batch.max_timestamp;
        max_timestamp_offset = end_offset - 1;
    }
    pb__scan_close(&scan);
    if (rc >= 0) rc = pb__file_truncate(segment->log, pos);
    int32_t cut;
    if (rc >= 0) rc = pb__txn_index_load(log, segment, end_offset, &cut);
    if (rc < 0) return rc;
    log->size_bytes -= segment->end_pos - pos;
    segment->end_pos = pos;
    segment->synced_pos = pb__min_i64(segment->synced_pos, pos);
    segment->end_offset = end_offset;
    segment->max_timestamp = max_timestamp;
    segment->max_timestamp_offset = max_timestamp_offset;
    pb__env_free(log->env, segment->pending);
    segment->pending = NULL;
    return pb__index_load(log, segment, (int32_t)pos, end_offset);
}

int pb__log_truncate(struct pb_log *log, int64_t offset) {
    int rc = 0;
    if (offset >= log->end_offset) return 0;
    pb__log_forget_hints(log);
    while (rc == 0 && log->segment_count > 1 && pb__log_active(log)->base_offset >= offset) rc = remove_segment(log, log->segment_count - 1);
    if (rc == 0 && log->segment_count > 0) rc = truncate_segment(log, pb__log_active(log), offset);
    if (rc < 0) return pb__log_fail(log, rc);
    log->end_offset = log->segment_count > 0 ? pb__log_active(log)->end_offset : offset;
    log->synced_offset = pb__min_i64(log->synced_offset, log->end_offset);
    pb__epochs_truncate_end(&log->epochs, log->end_offset);
    rc = pb__snapshots_sweep(log, log->end_offset);
    if (rc == 0) rc = pb__producers_restore(log, log->end_offset);
    if (rc == 0) rc = pb__log_write_epochs(log, true);
    return rc < 0 ? pb__log_fail(log, rc) : 0;
}

/* ---- deletion of a whole log */

static const char deleted_suffix[] = "-delete";

struct removal { const struct pb_env *env; char path[]; };

static int remove_entry(void *context, const char *name, enum pb_file_kind kind) {
    struct removal *removal = context;
    char path[PB_PATH_BYTES_MAX];
    if (kind != PB_FILE_REGULAR || snprintf(path, sizeof path, "%s/%s", removal->path, name) >= (int)sizeof path) return 0;
    (void)removal->env->file_unlink(removal->env->context, path);           /* what stays keeps the directory, and the next start tries again */
    PB_FAILPOINT(removal->env, DELETE_FILE_REMOVED);
    return 0;
}

static void remove_work(void *work) {
    struct removal *removal = work;
    const struct pb_env *env = removal->env;
    int rc = env->dir_walk(env->context, removal->path, remove_entry, removal);
    PB_FAILPOINT(env, DELETE_EMPTIED);
    if (rc >= 0) rc = env->dir_remove(env->context, removal->path);
    PB_FAILPOINT(env, DELETE_DONE);
    if (rc < 0 && rc != -ENOENT) pb__env_log(env, PB_LOG_WARNING, "event=directory-not-removed path=%s errno=%d", removal->path, -rc);
    pb__env_free(env, removal);
}

static int remove_later(const struct pb_env *env, const char *path) {
    struct removal *removal = pb__env_alloc(env, sizeof *removal + strlen(path) + 1);
    if (removal == NULL) return PB_E_NOMEM;
    removal->env = env;
    memcpy(removal->path, path, strlen(path) + 1);
    if (env->submit_work(env->context, remove_work, removal) < 0) remove_work(removal);
    return 0;
}

int pb__log_delete(struct pb_log *log) {
    const struct pb_env *env = log->env;
    char path[PB_PATH_BYTES_MAX];
    uint64_t unique[2];
    int rc = 0;
    if (log->has_dir) {
        PB_FAILPOINT(env, DELETE_BEFORE_RENAME);
        env->random(env->context, unique, sizeof unique);
        int size = snprintf(path, sizeof path, "%s.%016llx%016llx%s", log->dir, (unsigned long long)unique[0], (unsigned long long)unique[1], deleted_suffix);
        rc = size >= (int)sizeof path ? PB_E_INVALID_ARGUMENT : env->file_rename(env->context, log->dir, path);
        if (rc < 0) pb__env_log(env, PB_LOG_ERROR, "event=rename-failed path=%s errno=%d", log->dir, -rc);
        PB_FAILPOINT(env, DELETE_RENAMED);
        if (rc >= 0) rc = remove_later(env, path);
    }
    pb__log_close(log);
    return rc < 0 ? PB_E_IO : 0;
}

struct sweep { const struct pb_env *env; const char *log_dir; };

static int sweep_entry(void *context, const char *name, enum pb_file_kind kind) {
    struct sweep *sweep = context;
    char path[PB_PATH_BYTES_MAX];
    size_t size = strlen(name), suffix = sizeof deleted_suffix - 1;
    if (kind != PB_FILE_DIRECTORY || size <= suffix + 33 || strcmp(name + size - suffix, deleted_suffix) != 0) return 0;
    const char *unique = name + size - suffix - 32;                         /* ".<32 hex digits>-delete": nothing else of ours looks like it */
    if (unique[-1] != '.' || strspn(unique, "0123456789abcdef") != 32) return 0;
    if (snprintf(path, sizeof path, "%s/%s", sweep->log_dir, name) >= (int)sizeof path) return 0;
    return remove_later(sweep->env, path);
}

int pb__log_remove_deleted(const struct pb_env *env, const char *log_dir) {
    struct sweep sweep = { env, log_dir };
    int rc = env->dir_walk(env->context, log_dir, sweep_entry, &sweep);
    return rc < 0 && rc > -4096 && rc != PB_E_NOMEM ? PB_E_IO : rc;
}
