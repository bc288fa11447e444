/* log/producer_replay.c — producers' state as it was at an offset: the newest snapshot at or below it, and the headers of the batches behind that.
 *
 * Snapshots   one at the begin of each segment, one at a clean stop. None is believed without its CRC; one that is damaged is passed over for an older one.
 * Thread      the partition's lock, or recovery before the log is shared */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "log/log_internal.h"

enum { SNAPSHOTS_MAX = 1 << 20 };

struct snapshots { struct pb_log *log; int64_t *offsets; int32_t count, capacity; int rc; };

static int add_snapshot(void *context, const char *name, enum pb_file_kind kind) {
    struct snapshots *found = context;
    int64_t offset;
    if (kind != PB_FILE_REGULAR || !pb__log_parse_name(name, ".snapshot", &offset)) return 0;
    if (found->count == found->capacity) {
        int32_t capacity = found->capacity > 0 ? found->capacity * 2 : 16;
        int64_t *offsets = capacity > SNAPSHOTS_MAX ? NULL : pb__env_resize(found->log->env, found->offsets, (size_t)capacity * sizeof *offsets);
        if (offsets == NULL) return found->rc = PB_E_NOMEM;
        found->offsets = offsets;
        found->capacity = capacity;
    }
    found->offsets[found->count++] = offset;
    return 0;
}

static int by_value(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

/* Offsets of the directory's snapshots, rising; freed by the caller. */
static int list(struct pb_log *log, struct snapshots *found) {
    *found = (struct snapshots){ .log = log };
    int rc = log->env->dir_walk(log->env->context, log->dir, add_snapshot, found);
    if (found->rc == 0 && rc < 0) found->rc = PB_E_IO;
    if (found->count > 1) qsort(found->offsets, (size_t)found->count, sizeof *found->offsets, by_value);
    return found->rc;
}

/* The newest whole snapshot at or below `to`; *from_out: what is to be replayed begins there. */
static int read_newest(struct pb_log *log, const struct snapshots *found, int64_t to, int64_t *from_out) {
    char path[PB_PATH_BYTES_MAX];
    for (int32_t i = found->count; i-- > 0;) {
        if (found->offsets[i] > to || found->offsets[i] < log->segments[0]->base_offset) continue;
        int rc = pb__log_path(log, found->offsets[i], ".snapshot", path);
        if (rc == 0) rc = pb__producers_read(&log->producers, log->env, path);
        if (rc == 0) {
            *from_out = log->snapshot_offset = found->offsets[i];
            return 0;
        }
        if (rc != PB_E_CORRUPT_FILE && rc != PB_E_NOENT) return rc;
        pb__env_log(log->env, PB_LOG_WARNING, "event=producer-snapshot-ignored path=%s", path);
    }
    return 0;
}

int pb__log_apply_producer(struct pb_log *log, struct pb_segment *segment, const struct pb_batch *batch) {
    struct pb_completed_txn txn;
    if (batch->producer_id < 0) return 0;
    int rc = pb__producers_reserve(&log->producers, log->env, batch->producer_id);
    if (rc == 0 && segment != NULL && pb__producers_aborts(&log->producers, log->env, batch, &txn) > 0) rc = pb__txn_index_append(log, segment, &txn);
    return rc < 0 ? rc : pb__producers_apply(&log->producers, log->env, batch, pb__env_wall_ms(log->env));
}

/* Batches of one segment in [from, to). */
static int replay_segment(struct pb_log *log, struct pb_segment *segment, int64_t from, int64_t to) {
    struct pb_scan scan;
    struct pb_batch batch;
    int32_t pos;
    int rc = pb__index_find(log, segment, from - 1, &pos);
    if (rc < 0) return rc;
    rc = pb__scan_open(&scan, log, segment, pos, segment->end_pos, false);
    while (rc >= 0 && (rc = pb__scan_next(&scan, &batch)) > 0 && batch.base_offset < to) {
        if (batch.base_offset >= from) rc = pb__log_apply_producer(log, NULL, &batch);
        if (rc < 0) break;
    }
    pb__scan_close(&scan);
    if (rc == PB_E_CORRUPT_BATCH)
        pb__env_log(log->env, PB_LOG_ERROR, "event=log-damaged topic=%s partition=%d segment=%lld pos=%lld", log->topic, log->partition, (long long)segment->base_offset, (long long)scan.pos);
    return rc == PB_E_CORRUPT_BATCH ? PB_E_CORRUPT_FILE : rc < 0 ? rc : 0;
}

int pb__producers_restore(struct pb_log *log, int64_t to) {
    struct snapshots found;
    pb__producers_clear(&log->producers);
    log->snapshot_offset = -1;
    if (log->segment_count == 0) return 0;
    int64_t from = log->segments[0]->base_offset;
    int rc = list(log, &found);
    if (rc == 0) rc = read_newest(log, &found, to, &from);
    pb__env_free(log->env, found.offsets);
    for (int32_t i = 0; rc == 0 && i < log->segment_count; i++) {
        int64_t next = i + 1 < log->segment_count ? log->segments[i + 1]->base_offset : INT64_MAX;
        if (next > from && log->segments[i]->base_offset < to) rc = replay_segment(log, log->segments[i], pb__max_i64(from, log->segments[i]->base_offset), to);
    }
    return rc;
}

static bool is_begin(const struct pb_log *log, int64_t offset) {
    const struct pb_segment *segment = pb__log_segment_of(log, offset);
    return segment != NULL && segment->base_offset == offset;
}

int pb__snapshots_sweep(struct pb_log *log, int64_t offset) {
    struct snapshots found;
    char path[PB_PATH_BYTES_MAX];
    bool removed_ahead = false;
    int64_t newest = -1;
    int rc = list(log, &found);
    for (int32_t i = 0; i < found.count && found.offsets[i] <= offset; i++) newest = found.offsets[i];
    for (int32_t i = 0; rc == 0 && i < found.count; i++) {
        if (found.offsets[i] <= offset && (found.offsets[i] == newest || is_begin(log, found.offsets[i]))) continue;
        rc = pb__log_path(log, found.offsets[i], ".snapshot", path);
        int rc_unlink = rc < 0 ? 0 : log->env->file_unlink(log->env->context, path);
        PB_FAILPOINT(log->env, SNAPSHOT_SWEPT);
        if (rc_unlink < 0 && rc_unlink != -ENOENT) {
            pb__env_log(log->env, PB_LOG_ERROR, "event=unlink-failed path=%s errno=%d", path, -rc_unlink);
            rc = found.offsets[i] > offset ? PB_E_IO : 0;                   /* one of the past does no harm */
        }
        removed_ahead |= found.offsets[i] > offset;
    }
    pb__env_free(log->env, found.offsets);
    /* A name that came back after a power cut would tell of batches that are no more, once the log is as long again. */
    if (rc == 0 && removed_ahead && log->env->dir_sync(log->env->context, log->dir) < 0) rc = PB_E_IO;
    return rc;
}
