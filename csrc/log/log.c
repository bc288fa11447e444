#include "log/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "log/log_internal.h"

/* ---- names */

int pb__log_path(const struct pb_log *log, int64_t base_offset, const char *suffix, char path[PB_PATH_BYTES_MAX]) {
    int size = base_offset < 0 ? snprintf(path, PB_PATH_BYTES_MAX, "%s/%s", log->dir, suffix)
                               : snprintf(path, PB_PATH_BYTES_MAX, "%s/%020lld%s", log->dir, (long long)base_offset, suffix);
    return size > 0 && size < PB_PATH_BYTES_MAX ? 0 : PB_E_INVALID_ARGUMENT;
}

/* ---- segments in memory */

static void segment_free(struct pb_log *log, struct pb_segment *segment) {
    pb__file_put(segment->log);
    pb__file_put(segment->index);
    pb__file_put(segment->time_index);
    pb__env_free(log->env, segment->pending);
    pb__env_free(log->env, segment);
}

static int segment_files(struct pb_log *log, struct pb_segment *segment, bool fresh) {
    char path[PB_PATH_BYTES_MAX];
    int flags = PB_OPEN_READ | PB_OPEN_WRITE | PB_OPEN_CREATE | (fresh ? PB_OPEN_TRUNCATE : 0);
    int rc = pb__log_path(log, segment->base_offset, ".log", path);
    if (rc == 0) rc = pb__file_new(log->files, path, flags, &segment->log);
    if (rc == 0) rc = pb__log_path(log, segment->base_offset, ".index", path);
    if (rc == 0) rc = pb__file_new(log->files, path, flags, &segment->index);
    if (rc == 0) rc = pb__log_path(log, segment->base_offset, ".timeindex", path);
    if (rc == 0) rc = pb__file_new(log->files, path, flags, &segment->time_index);
    return rc;
}

int pb__log_add_segment(struct pb_log *log, int64_t base_offset, bool fresh, struct pb_segment **segment_out) {
    if (log->segment_count == log->segment_capacity) {
        int32_t capacity = log->segment_capacity > 0 ? log->segment_capacity * 2 : 2;
        struct pb_segment **segments = pb__env_resize(log->env, log->segments, (size_t)capacity * sizeof *segments);
        if (segments == NULL) return PB_E_NOMEM;
        log->segments = segments;
        log->segment_capacity = capacity;
    }
    struct pb_segment *segment = pb__env_zalloc(log->env, sizeof *segment);
    if (segment == NULL) return PB_E_NOMEM;
    segment->base_offset = segment->end_offset = base_offset;
    segment->max_timestamp = segment->first_timestamp = segment->time_entry_last = -1;
    segment->txn_verified = fresh;
    int rc = segment_files(log, segment, fresh);
    if (rc < 0) {
        segment_free(log, segment);
        return rc;
    }
    log->segments[log->segment_count++] = segment;
    *segment_out = segment;
    return 0;
}

void pb__segment_add_batch(struct pb_segment *segment, const struct pb_batch *batch) {
    if (segment->end_pos == 0) segment->first_timestamp = batch->max_timestamp;
    if (batch->max_timestamp > segment->max_timestamp) {
        segment->max_timestamp = batch->max_timestamp;
        segment->max_timestamp_offset = pb__batch_last_offset(batch);
    }
    segment->end_pos += batch->size_bytes;
    segment->end_offset = pb__batch_last_offset(batch) + 1;
}

void pb__log_drop_segment(struct pb_log *log, int32_t at) {
    pb__log_forget_hints(log);
    segment_free(log, log->segments[at]);
    memmove(log->segments + at, log->segments + at + 1, (size_t)(log->segment_count - at - 1) * sizeof(struct pb_segment *));
    log->segment_count--;
}

struct pb_segment *pb__log_segment_of(const struct pb_log *log, int64_t offset) {
    int32_t low = 0, high = log->segment_count;
    while (high - low > 1) {
        int32_t middle = (low + high) / 2;
        if (log->segments[middle]->base_offset <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    while (low + 1 < log->segment_count && log->segments[low]->end_offset <= offset && log->segments[low + 1]->base_offset > offset) low++;
    return low < log->segment_count ? log->segments[low] : NULL;
}

void pb__log_forget_hints(struct pb_log *log) {
    memset(log->hints, 0, sizeof log->hints);
    if (log->block != NULL) log->block->segment = NULL;
}

int pb__log_fail(struct pb_log *log, int error) {
    if (!log->failed) pb__env_log(log->env, PB_LOG_ERROR, "event=log-failed topic=%s partition=%d error=%s", log->topic, log->partition, pb_error_name(error));
    log->failed = true;
    return error;
}

/* ---- the directory */

int pb__log_make_dir(struct pb_log *log) {
    if (log->has_dir) return 0;
    int rc = log->env->dir_create(log->env->context, log->dir);
    if (rc < 0 && rc != -EEXIST) {
        pb__env_log(log->env, PB_LOG_ERROR, "event=mkdir-failed path=%s errno=%d", log->dir, -rc);
        return pb__io_error(rc);
    }
    PB_FAILPOINT(log->env, DIR_MADE);
    if ((rc = pb__log_write_topic_id(log)) < 0) return rc;
    PB_FAILPOINT(log->env, DIR_DONE);
    log->has_dir = log->dir_dirty = true;
    return 0;
}

int pb__log_write_epochs(struct pb_log *log, bool durable) {
    char path[PB_PATH_BYTES_MAX];
    int rc = pb__log_path(log, -1, "leader-epoch-checkpoint", path);
    if (rc == 0) rc = pb__epochs_write(&log->epochs, log->env, path, durable);
    if (rc == 0 && durable) log->epochs_dirty = false;
    if (rc == 0 && !durable) log->epochs_dirty = log->dir_dirty = true;
    return rc;
}

/* ---- open, close */

static int log_new(const struct pb_log_options *options, struct pb_log **log_out) {
    const struct pb_env *env = options->env;
    struct pb_log *log = pb__env_zalloc(env, sizeof *log);
    if (log == NULL) return PB_E_NOMEM;
    log->env = env;
    log->files = options->files;
    log->config = options->config;
    log->partition = options->partition;
    log->snapshot_offset = -1;
    memcpy(log->topic_id, options->topic_id, sizeof log->topic_id);
    size_t size = strlen(options->log_dir) + strlen(options->topic) + 16;
    log->dir = pb__env_alloc(env, size);
    log->topic = pb__env_strdup(env, options->topic);
    if (log->dir == NULL || log->topic == NULL) {
        pb__log_close(log);
        return PB_E_NOMEM;
    }
    snprintf(log->dir, size, "%s/%s-%d", options->log_dir, options->topic, options->partition);
    if (log->config->segment_jitter_ms_max > 0) {
        uint64_t random;
        env->random(env->context, &random, sizeof random);
        log->roll_jitter_ms = (int64_t)(random % (uint64_t)log->config->segment_jitter_ms_max);
    }
    *log_out = log;
    return 0;
}

/* A partition that was written to once has a directory. */
static int open_nothing(struct pb_log *log, const struct pb_log_options *options) {
    if (options->recovery_point <= options->start_offset) return 0;
    pb__env_log(log->env, PB_LOG_ERROR, "event=log-missing path=%s recovery_point=%lld", log->dir, (long long)options->recovery_point);
    return PB_E_CORRUPT_FILE;
}

int pb__log_open(const struct pb_log_options *options, struct pb_log **log_out) {
    struct pb_log *log;
    struct pb_file_stat stat;
    int rc = log_new(options, &log);
    if (rc < 0) return rc;
    log->start_offset = log->end_offset = log->synced_offset = options->start_offset;
    log->sparse_to = options->cleaned_to;
    log->stop = options->stop;
    rc = log->env->file_stat(log->env->context, log->dir, &stat);
    if (rc == -ENOENT) {
        rc = open_nothing(log, options);
    } else if (rc < 0 || stat.kind != PB_FILE_DIRECTORY) {
        pb__env_log(log->env, PB_LOG_ERROR, "event=log-dir-unusable path=%s errno=%d", log->dir, rc < 0 ? -rc : 0);
        rc = PB_E_IO;
    } else {
        log->has_dir = true;
        rc = pb__log_check_topic_id(log);
        if (rc == 0) rc = pb__log_recover(log, options);
    }
    log->stop = NULL;
    if (rc < 0) {
        pb__log_close(log);
        return rc;
    }
    *log_out = log;
    return 0;
}

void pb__log_close(struct pb_log *log) {
    if (log == NULL) return;
    while (log->segment_count > 0) pb__log_drop_segment(log, log->segment_count - 1);
    pb__producers_deinit(&log->producers, log->env);
    pb__epochs_deinit(&log->epochs, log->env);
    pb__env_free(log->env, log->segments);
    pb__env_free(log->env, log->block);
    pb__doomed_forget(log->env, log->doomed);
    pb__env_free(log->env, log->dir);
    pb__env_free(log->env, log->topic);
    pb__env_free(log->env, log);
}

/* What is derived from a segment that grows no more: index entries, and the producers' state at its end. */
int pb__log_seal(struct pb_log *log, int64_t now_ms) {
    char path[PB_PATH_BYTES_MAX];
    struct pb_segment *active = pb__log_active(log);
    int rc = active == NULL ? 0 : pb__index_seal(log, active);
    if (rc == 0 && active != NULL && log->producers.transactional && active->txn_verified && active->txn_count == 0) rc = pb__txn_index_make(log, active);
    if (rc < 0) return rc;
    PB_FAILPOINT(log->env, SEAL_INDEXED);
    pb__producers_expire(&log->producers, log->env, now_ms - log->config->producer_id_expiration_ms);
    if (log->snapshot_offset == log->end_offset || log->end_offset == 0) return 0;
    if ((rc = pb__log_path(log, log->end_offset, ".snapshot", path)) < 0) return rc;
    PB_FAILPOINT(log->env, SEAL_SNAPSHOT);
    if ((rc = pb__producers_write(&log->producers, log->env, path)) == 0) log->snapshot_offset = log->end_offset;
    return rc;
}

int pb__log_flush_clean(struct pb_log *log, int64_t now_ms) {
    struct pb_log_sync ticket;
    int rc = log->segment_count > 0 ? pb__segment_trim(pb__log_active(log)) : 0;
    if (rc == 0 && log->has_dir) rc = pb__log_seal(log, now_ms);
    if (rc == 0 && log->has_dir) rc = pb__log_write_epochs(log, false);
    PB_FAILPOINT(log->env, STOP_SEALED);
    while (rc == 0 && (rc = pb__log_sync_begin(log, &ticket)) > 0) {
        pb__log_sync_run(&ticket);
        rc = pb__log_sync_end(log, &ticket);
    }
    PB_FAILPOINT(log->env, STOP_SYNCED);
    return rc;
}

void pb__log_set_config(struct pb_log *log, const struct pb_log_config *config) { log->config = config; }

/* ---- facts */

int64_t pb__log_start_offset(const struct pb_log *log) { return log->start_offset; }
int64_t pb__log_end_offset(const struct pb_log *log) { return log->end_offset; }
int64_t pb__log_synced_offset(const struct pb_log *log) { return log->synced_offset; }
int64_t pb__log_recovery_point(const struct pb_log *log) { return log->synced_offset; }
int64_t pb__log_size_bytes(const struct pb_log *log) { return log->size_bytes; }
bool pb__log_has_directory(const struct pb_log *log) { return log->has_dir; }
bool pb__log_is_failed(const struct pb_log *log) { return log->failed; }
int64_t pb__log_first_unstable_offset(const struct pb_log *log) {
    return pb__max_i64(pb__producers_first_unstable(&log->producers, log->end_offset), log->start_offset);
}

int32_t pb__log_latest_epoch(const struct pb_log *log) { return log->epochs.count > 0 ? log->epochs.items[log->epochs.count - 1].epoch : -1; }

int32_t pb__log_epoch_for_offset(const struct pb_log *log, int64_t offset) {
    int32_t epoch = -1;
    for (int32_t i = 0; i < log->epochs.count && log->epochs.items[i].start_offset <= offset; i++) epoch = log->epochs.items[i].epoch;
    return epoch;
}

void pb__log_end_of_epoch(const struct pb_log *log, int32_t epoch, int32_t *epoch_out, int64_t *end_offset_out) {
    *epoch_out = -1;
    *end_offset_out = -1;
    if (epoch < 0 || log->epochs.count == 0 || epoch > pb__log_latest_epoch(log)) return;
    if (epoch == pb__log_latest_epoch(log)) {
        *epoch_out = epoch;
        *end_offset_out = log->end_offset;
        return;
    }
    for (int32_t i = 0; i < log->epochs.count; i++) {
        if (log->epochs.items[i].epoch <= epoch) {
            *epoch_out = log->epochs.items[i].epoch;
            continue;
        }
        /* The first later epoch ends it; asked for one before all, the request's own comes back (as the Java broker). */
        if (*epoch_out < 0) *epoch_out = epoch;
        *end_offset_out = log->epochs.items[i].start_offset;
        return;
    }
}
