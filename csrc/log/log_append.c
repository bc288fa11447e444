#include "base/assert.h"
#include "base/err.h"
#include "log/log_internal.h"

enum { APPEND_BATCHES_MAX = 256 };

/* Batches that will go out in one write. */
struct group {
    struct pb_log_append *appends[APPEND_BATCHES_MAX];
    struct pb_batch *batches[APPEND_BATCHES_MAX];
    struct iovec iov[APPEND_BATCHES_MAX];
    int32_t count;
    int64_t bytes, next_offset, now_ms;
};

static void fail_all(struct pb_log_append *appends, int32_t from, int32_t count, int error) {
    for (int32_t i = from; i < count; i++) appends[i].error = error;
}

static void add_hint(struct pb_log *log, struct pb_segment *segment, int64_t offset, int64_t pos, int32_t batch_bytes) {
    log->hints[log->hint_next] = (struct pb_log_hint){ offset, segment, (int32_t)pos, batch_bytes };
    log->hint_next = (log->hint_next + 1) % PB_LOG_HINTS;
}

static int roll(struct pb_log *log, int64_t now_ms) {
    struct pb_segment *active = pb__log_active(log), *segment;
    if (active != NULL) {
        int rc = pb__log_seal(log, now_ms);
        if (rc < 0) return rc;
        pb__env_free(log->env, active->pending);
        active->pending = NULL;
    }
    log->dir_dirty = true;
    return pb__log_add_segment(log, log->end_offset, &segment);
}

static bool is_full(const struct pb_log *log, const struct pb_segment *active, const struct group *group, const struct pb_batch *batch) {
    const struct pb_log_config *config = log->config;
    int64_t size = active->end_pos + group->bytes;
    if (size == 0) return false;
    if (size + batch->size_bytes > config->segment_bytes_max || size + batch->size_bytes > INT32_MAX) return true;
    if (group->next_offset + batch->last_offset_delta - active->base_offset > INT32_MAX) return true;
    int64_t pending = active->pending != NULL ? active->pending->offset_count : 0, pending_times = active->pending != NULL ? active->pending->time_count : 0;
    if ((active->index_count + pending + group->count + 1) * PB_INDEX_ENTRY_BYTES > config->segment_index_bytes_max) return true;
    if ((active->time_count + pending_times + group->count + 2) * PB_TIME_ENTRY_BYTES > config->segment_index_bytes_max) return true;
    return active->first_timestamp >= 0 && batch->max_timestamp - active->first_timestamp > config->segment_ms_max - log->roll_jitter_ms;
}

/* Everything that follows from a batch being in the file. Lack of memory costs an index entry or a producer's memory, never the batch. */
static void note_batch(struct pb_log *log, struct pb_segment *segment, const struct pb_batch *batch, int64_t now_ms) {
    int rc = pb__index_append(log, segment, batch, (int32_t)segment->end_pos);
    if (segment->end_pos == 0) segment->first_timestamp = batch->max_timestamp;
    if (batch->max_timestamp > segment->max_timestamp) {
        segment->max_timestamp = batch->max_timestamp;
        segment->max_timestamp_offset = pb__batch_last_offset(batch);
    }
    segment->end_pos += batch->size_bytes;
    segment->end_offset = pb__batch_last_offset(batch) + 1;
    if (batch->producer_id >= 0 && rc == 0) rc = pb__producers_apply(&log->producers, log->env, batch, now_ms);
    if (rc < 0) pb__env_log(log->env, PB_LOG_WARNING, "event=derived-data-incomplete topic=%s partition=%d error=%s", log->topic, log->partition, pb_error_name(rc));
}

static int write_failed(struct pb_log *log, struct pb_segment *segment, int rc) {
    if (rc == PB_E_NOSPACE && pb__file_truncate(segment->log, segment->end_pos) == 0) return rc;   /* as before: the next append may succeed */
    return pb__log_fail(log, PB_E_IO);
}

static int write_group(struct pb_log *log, struct group *group) {
    struct pb_segment *segment = pb__log_active(log);
    if (group->count == 0) return 0;
    int rc = pb__file_write(segment->log, group->iov, group->count, segment->end_pos);
    if (rc < 0) {
        rc = write_failed(log, segment, rc);
        for (int32_t i = 0; i < group->count; i++) group->appends[i]->error = rc;
    } else {
        add_hint(log, segment, group->batches[0]->base_offset, segment->end_pos, group->batches[0]->size_bytes);
        for (int32_t i = 0; i < group->count; i++) note_batch(log, segment, group->batches[i], group->now_ms);
        log->end_offset = segment->end_offset;
        log->size_bytes += group->bytes;
    }
    group->count = 0;
    group->bytes = 0;
    group->next_offset = log->end_offset;
    return rc;
}

/* A new epoch begins with this batch. */
static int note_epoch(struct pb_log *log, int32_t leader_epoch, int64_t offset) {
    int rc = pb__epochs_assign(&log->epochs, log->env, leader_epoch, offset);
    return rc <= 0 ? rc : pb__log_write_epochs(log, false);
}

static int add_batch(struct pb_log *log, struct group *group, struct pb_log_append *append, int32_t leader_epoch, int64_t now_ms, bool from_client) {
    struct pb_batch *batch = append->batch;
    if (batch->size_bytes > log->config->segment_bytes_max) {
        append->error = PB_E_BATCH_LARGER_THAN_SEGMENT;                     /* this batch alone: the others fit */
        return 0;
    }
    append->log_append_time_ms = batch->attributes & PB_ATTRIBUTE_LOG_APPEND_TIME ? batch->max_timestamp : -1;
    if (from_client && batch->producer_id >= 0) {
        int rc = pb__producers_check(&log->producers, batch, group->batches, group->count, &append->base_offset);
        append->error = rc < 0 ? rc : 0;
        append->duplicate = rc > 0;
        if (rc != 0) return 0;
    }
    struct pb_segment *active = pb__log_active(log);
    if (active == NULL || is_full(log, active, group, batch) || group->count == APPEND_BATCHES_MAX) {
        int rc = active == NULL ? pb__log_make_dir(log) : write_group(log, group);
        if (rc == 0 && (active == NULL || is_full(log, active, group, batch))) rc = roll(log, now_ms);
        if (rc < 0) return append->error = rc;
    }
    if (leader_epoch > pb__log_latest_epoch(log)) {
        int rc = note_epoch(log, leader_epoch, group->next_offset);
        if (rc < 0) return append->error = rc;
    }
    append->base_offset = group->next_offset;
    pb__batch_assign(batch, group->next_offset, leader_epoch);
    group->next_offset += (int64_t)batch->last_offset_delta + 1;
    group->appends[group->count] = append;
    group->batches[group->count] = batch;
    group->iov[group->count++] = (struct iovec){ batch->bytes, (size_t)batch->size_bytes };
    group->bytes += batch->size_bytes;
    return 0;
}

int pb__log_append(struct pb_log *log, struct pb_log_append *appends, int32_t count, int32_t leader_epoch, int64_t now_ms, bool from_client) {
    struct group group;
    group.count = 0;
    group.bytes = 0;
    group.now_ms = now_ms;
    group.next_offset = log->end_offset;
    for (int32_t i = 0; i < count; i++) {
        appends[i].error = 0;
        appends[i].duplicate = false;
        int rc = log->failed ? PB_E_OFFLINE : add_batch(log, &group, &appends[i], leader_epoch, now_ms, from_client);
        if (rc < 0) {
            fail_all(appends, i, count, rc);
            (void)write_group(log, &group);                                 /* those before it; each carries its own error */
            return rc;
        }
    }
    return write_group(log, &group);
}

int pb__log_roll_if_due(struct pb_log *log, int64_t now_ms) {
    struct pb_segment *active = pb__log_active(log);
    if (log->failed || active == NULL || active->end_pos == 0 || active->first_timestamp < 0) return 0;
    if (now_ms - active->first_timestamp <= log->config->segment_ms_max - log->roll_jitter_ms) return 0;
    int rc = roll(log, now_ms);
    return rc < 0 ? rc : 1;
}
