#include "base/assert.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "log/log_internal.h"

enum { APPEND_BATCHES_MAX = 256 };

/* Batches that will go out in one write. */
struct group {
    struct pb_log_append *appends[APPEND_BATCHES_MAX];
    struct pb_batch *batches[APPEND_BATCHES_MAX];
    struct iovec iov[APPEND_BATCHES_MAX];
    struct pb_log_append *duplicates[APPEND_BATCHES_MAX];                   /* of batches in here: acknowledged only with them */
    int32_t count, duplicate_count;
    int64_t bytes, next_offset, now_ms;
    bool has_aborted;                                                       /* its first batch is a marker whose .txnindex entry is written */
};

static void fail_all(struct pb_log_append *appends, int32_t from, int32_t count, int error) {
    for (int32_t i = from; i < count; i++) appends[i].error = error;
}

static void add_hint(struct pb_log *log, struct pb_segment *segment, int64_t offset, int64_t pos, int32_t batch_bytes) {
    log->hints[log->hint_next] = (struct pb_log_hint){ offset, segment, (int32_t)pos, batch_bytes };
    log->hint_next = (log->hint_next + 1) % PB_LOG_HINTS;
}

int pb__log_roll(struct pb_log *log, int64_t now_ms) {
    struct pb_segment *active = pb__log_active(log), *segment;
    PB_FAILPOINT(log->env, ROLL_BEFORE_SEAL);
    if (active != NULL) {
        int rc_trim = pb__segment_trim(active);                             /* or recovery would take the zeros for the end of the log */
        if (rc_trim < 0) return rc_trim;
        int rc = pb__log_seal(log, now_ms);                                 /* derived: what could not be written is made anew by who needs it */
        if (rc < 0) pb__env_log(log->env, PB_LOG_WARNING, "event=derived-data-incomplete topic=%s partition=%d error=%s", log->topic, log->partition, pb_error_name(rc));
        pb__env_free(log->env, active->pending);
        active->pending = NULL;
    }
    PB_FAILPOINT(log->env, ROLL_SEALED);
    int fd, rc = pb__log_add_segment(log, log->end_offset, true, &segment);
    if (rc < 0) return rc;
    if ((rc = pb__file_pin(segment->log, &fd)) < 0) {                       /* the name says where the log ends, even when all before it is deleted */
        pb__log_drop_segment(log, log->segment_count - 1);
        return rc == PB_E_NOENT ? PB_E_IO : rc;
    }
    pb__file_unpin(segment->log);
    if (log->config->preallocate) pb__segment_preallocate(log, segment);
    log->dir_dirty = true;
    PB_FAILPOINT(log->env, ROLL_DONE);
    return 0;
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

/* Everything that follows from a batch being in the file. A failure costs an index entry, never the batch: what is derived can be made anew. */
static void note_batch(struct pb_log *log, struct pb_segment *segment, const struct pb_batch *batch, int64_t now_ms) {
    int64_t pos = segment->end_pos;
    pb__segment_add_batch(segment, batch);
    int rc = pb__index_append(log, segment, batch, (int32_t)pos);
    if (rc < 0) pb__env_log(log->env, PB_LOG_WARNING, "event=index-entry-left-out topic=%s partition=%d error=%s", log->topic, log->partition, pb_error_name(rc));
    if (batch->producer_id < 0) return;
    rc = pb__producers_apply(&log->producers, log->env, batch, now_ms);
    PB_ASSERT(rc == 0);                                                     /* reserved before the write */
}

/* As before, so that the next append may succeed; else final. A file that could not be opened was not touched. */
static int write_failed(struct pb_log *log, struct pb_segment *segment, int rc) {
    if (rc == PB_E_LIMIT) return rc;
    if (rc == PB_E_NOENT) return PB_E_CORRUPT_FILE;                          /* taken away under a running broker: no disk that failed */
    if (rc != PB_E_NOSPACE) return pb__log_fail(log, PB_E_IO);
    int rc_cut = pb__file_truncate(segment->log, segment->end_pos);
    if (rc_cut == PB_E_NOSPACE) segment->has_rest = true;                   /* written over by the next append, or cut when the segment ends */
    return rc_cut == 0 || rc_cut == PB_E_NOSPACE ? rc : pb__log_fail(log, PB_E_IO);
}

/* The marker did not become part of the log, and its entry must not stay. */
static void take_back_aborted(struct pb_log *log, struct group *group) {
    struct pb_segment *active = pb__log_active(log);
    if (!group->has_aborted || pb__txn_index_cut(log, active, active->txn_count - 1) == 0) return;
    (void)pb__log_fail(log, PB_E_IO);                                       /* recovery cuts what lies beyond the end */
}

static void end_group(struct pb_log *log, struct group *group, int error) {
    for (int32_t i = 0; error < 0 && i < group->count; i++) group->appends[i]->error = error;
    for (int32_t i = 0; error < 0 && i < group->duplicate_count; i++) {     /* the first one was not written either */
        group->duplicates[i]->error = error;
        group->duplicates[i]->duplicate = false;
    }
    group->count = group->duplicate_count = 0;
    group->bytes = 0;
    group->has_aborted = false;
    group->next_offset = log->end_offset;
}

static int write_group(struct pb_log *log, struct group *group) {
    struct pb_segment *segment = pb__log_active(log);
    if (group->count == 0) return 0;
    PB_FAILPOINT(log->env, APPEND_BEFORE_WRITE);
    int rc = pb__file_write(segment->log, group->iov, group->count, segment->end_pos);
    if (rc < 0) {
        rc = write_failed(log, segment, rc);
        take_back_aborted(log, group);
    } else {
        PB_FAILPOINT(log->env, APPEND_AFTER_WRITE);
        add_hint(log, segment, group->batches[0]->base_offset, segment->end_pos, group->batches[0]->size_bytes);
        for (int32_t i = 0; i < group->count; i++) note_batch(log, segment, group->batches[i], group->now_ms);
        log->end_offset = segment->end_offset;
        log->size_bytes += group->bytes;
        PB_FAILPOINT(log->env, APPEND_NOTED);
    }
    end_group(log, group, rc);
    return rc;
}

/* A new epoch begins with this batch. */
static int note_epoch(struct pb_log *log, int32_t leader_epoch, int64_t offset) {
    int rc = pb__epochs_assign(&log->epochs, log->env, leader_epoch, offset);
    if (rc <= 0) return rc;
    if ((rc = pb__log_write_epochs(log, false)) < 0) log->epochs.count--;   /* the next append tries again */
    PB_FAILPOINT(log->env, APPEND_EPOCH);
    return rc;
}

/* Producer checks. 0: append it; 1: done with (refused alone, or a duplicate); or an error of all. */
static int check_producer(struct pb_log *log, struct group *group, struct pb_log_append *append, bool from_client) {
    const struct pb_batch *batch = append->batch;
    int rc = group->duplicate_count == APPEND_BATCHES_MAX ? write_group(log, group) : 0;
    if (rc < 0) return rc;
    if (batch->attributes & PB_ATTRIBUTE_CONTROL) {
        append->error = pb__producers_check_marker(&log->producers, log->env, batch);
        return append->error < 0;
    }
    if (!from_client) return 0;
    rc = pb__producers_check(&log->producers, batch, group->batches, group->count, &append->base_offset);
    append->error = rc < 0 ? rc : 0;
    append->duplicate = rc > 0;
    if (rc > 0 && append->base_offset >= log->end_offset) group->duplicates[group->duplicate_count++] = append;
    return rc != 0;
}

/* Room for one more: what is gathered goes out when the segment or the group is full. */
static int make_room(struct pb_log *log, struct group *group, const struct pb_batch *batch, int64_t now_ms) {
    struct pb_segment *active = pb__log_active(log);
    bool is_marker = (batch->attributes & PB_ATTRIBUTE_CONTROL) != 0;       /* ends what those before it began: they come first */
    if (active != NULL && !is_marker && group->count < APPEND_BATCHES_MAX && group->duplicate_count < APPEND_BATCHES_MAX && !is_full(log, active, group, batch)) return 0;
    int rc = active == NULL ? pb__log_make_dir(log) : write_group(log, group);
    if (rc == 0 && (active == NULL || is_full(log, active, group, batch))) rc = pb__log_roll(log, now_ms);
    return rc;
}

/* All that a batch needs before it is written, so that nothing behind the write can fail. */
static int prepare_batch(struct pb_log *log, struct group *group, const struct pb_batch *batch, int32_t leader_epoch) {
    struct pb_completed_txn txn;
    int rc = leader_epoch > pb__log_latest_epoch(log) ? note_epoch(log, leader_epoch, group->next_offset) : 0;
    if (rc < 0 || batch->producer_id < 0) return rc;
    if ((rc = pb__producers_reserve(&log->producers, log->env, batch->producer_id)) < 0) return rc;
    if (!(batch->attributes & PB_ATTRIBUTE_CONTROL) || pb__producers_aborts(&log->producers, log->env, batch, &txn) == 0) return 0;
    rc = pb__txn_index_append(log, pb__log_active(log), &txn);
    group->has_aborted = rc == 0;
    return rc;
}

static int add_batch(struct pb_log *log, struct group *group, struct pb_log_append *append, int32_t leader_epoch, int64_t now_ms, bool from_client) {
    struct pb_batch *batch = append->batch;
    if (batch->size_bytes > log->config->segment_bytes_max) {
        append->error = PB_E_BATCH_LARGER_THAN_SEGMENT;                     /* this batch alone: the others fit */
        return 0;
    }
    append->log_append_time_ms = batch->attributes & PB_ATTRIBUTE_LOG_APPEND_TIME ? batch->max_timestamp : -1;
    int rc = batch->producer_id >= 0 ? check_producer(log, group, append, from_client) : 0;
    if (rc != 0) return rc < 0 ? rc : 0;
    if ((rc = make_room(log, group, batch, now_ms)) < 0) return rc;
    append->base_offset = group->next_offset;
    pb__batch_assign(batch, group->next_offset, leader_epoch);
    if ((rc = prepare_batch(log, group, batch, leader_epoch)) < 0) return rc;
    group->next_offset += (int64_t)batch->last_offset_delta + 1;
    group->appends[group->count] = append;
    group->batches[group->count] = batch;
    group->iov[group->count++] = (struct iovec){ batch->bytes, (size_t)batch->size_bytes };
    group->bytes += batch->size_bytes;
    return 0;
}

int pb__log_append(struct pb_log *log, struct pb_log_append *appends, int32_t count, int32_t leader_epoch, int64_t now_ms, bool from_client) {
    struct group group;
    group.now_ms = now_ms;
    group.count = group.duplicate_count = 0;
    end_group(log, &group, 0);
    for (int32_t i = 0; i < count; i++) {
        appends[i].error = 0;
        appends[i].duplicate = false;
        int rc = log->failed ? PB_E_OFFLINE : add_batch(log, &group, &appends[i], leader_epoch, now_ms, from_client);
        if (rc < 0) {
            (void)write_group(log, &group);                                 /* those before it; each carries its own error */
            fail_all(appends, i, count, rc);
            return rc;
        }
    }
    return write_group(log, &group);
}
