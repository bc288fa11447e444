/* log/index_verify.c — look-ups that believe no index: each place one names is compared with the batch that lies there.
 *
 * A wrong entry costs one rebuild of the segment's indexes and a log line, never a wrong answer. An index that is too short is known by the length of the
 * walk behind its last entry.
 * Thread      the partition's lock */
#include "base/assert.h"
#include "base/err.h"
#include "log/log_internal.h"

enum { WALK_BATCHES_MAX = 1024 };                                           /* an entry is due after index.interval.bytes: 60 smallest batches by default */

int pb__segment_header(struct pb_segment *segment, int64_t pos, struct pb_batch *batch) {
    uint8_t header[PB_BATCH_HEADER_BYTES];
    size_t got;
    if (pos < 0 || pos + PB_BATCH_HEADER_BYTES > segment->end_pos) return 0;
    int rc = pb__file_read(segment->log, header, sizeof header, pos, &got);
    if (rc < 0) return rc == PB_E_NOENT ? PB_E_IO : rc;
    if (got < sizeof header || pb__batch_parse(header, (size_t)(segment->end_pos - pos), batch) < 0) return 0;
    batch->bytes = NULL;                                                    /* the header is gone with this frame */
    return batch->last_offset_delta >= 0 && batch->base_offset >= segment->base_offset;
}

/* Whether the batch at pos ends with offset; pos 0 is right by itself. */
static int is_right(struct pb_segment *segment, int64_t offset, int64_t pos) {
    struct pb_batch batch;
    if (pos == 0) return offset == segment->base_offset;
    int rc = pb__segment_header(segment, pos, &batch);
    return rc <= 0 ? rc : pb__batch_last_offset(&batch) == offset;
}

/* ---- made anew */

static int index_batches(struct pb_log *log, struct pb_segment *segment, struct pb_scan *scan) {
    struct pb_batch batch;
    int64_t next = segment->base_offset;
    int rc;
    while ((rc = pb__scan_next(scan, &batch)) > 0) {
        int64_t pos = scan->pos - batch.size_bytes;
        if (batch.base_offset < next || pb__batch_last_offset(&batch) - segment->base_offset > INT32_MAX) return PB_E_CORRUPT_FILE;
        next = pb__batch_last_offset(&batch) + 1;
        if (pos == 0) segment->first_timestamp = batch.max_timestamp;
        if (batch.max_timestamp > segment->max_timestamp) {
            segment->max_timestamp = batch.max_timestamp;
            segment->max_timestamp_offset = next - 1;
        }
        if ((rc = pb__index_append(log, segment, &batch, (int32_t)pos)) == PB_E_NOMEM) return rc;
    }
    return rc == PB_E_CORRUPT_BATCH ? PB_E_CORRUPT_FILE : rc;
}

int pb__index_renew(struct pb_log *log, struct pb_segment *segment, const char *why) {
    struct pb_scan scan;
    pb__env_log(log->env, PB_LOG_WARNING, "event=index-rebuilt topic=%s partition=%d segment=%lld reason=%s", log->topic, log->partition, (long long)segment->base_offset, why);
    pb__index_forget(log, segment);
    segment->index_renewed = true;
    segment->index_count = segment->time_count = segment->bytes_since_entry = 0;
    segment->max_timestamp = segment->time_entry_last = -1;
    if (segment->pending != NULL) segment->pending->offset_count = segment->pending->time_count = 0;
    /* What cannot be written is missed by nobody: the counts say what is there. */
    (void)pb__file_truncate(segment->index, 0);
    (void)pb__file_truncate(segment->time_index, 0);
    int rc = pb__scan_open(&scan, log, segment, 0, segment->end_pos, false);
    if (rc == 0) rc = index_batches(log, segment, &scan);
    pb__scan_close(&scan);
    if (rc < 0 || segment == pb__log_active(log)) return rc < 0 ? rc : 0;
    (void)pb__index_seal(log, segment);
    pb__env_free(log->env, segment->pending);
    segment->pending = NULL;
    return 0;
}

/* ---- by offset */

int pb__index_find(struct pb_log *log, struct pb_segment *segment, int64_t offset, int32_t *pos_out) {
    int64_t entry_offset;
    int rc = pb__index_look_up(log, segment, offset, &entry_offset, pos_out);
    int right = rc == 0 ? is_right(segment, entry_offset, *pos_out) : rc == PB_E_NOENT ? 0 : rc;
    if (right != 0) return right < 0 ? right : 0;
    if (segment->index_renewed || (rc = pb__index_renew(log, segment, "entry-names-no-batch")) == 0) rc = pb__index_look_up(log, segment, offset, &entry_offset, pos_out);
    if (rc == 0 && (right = is_right(segment, entry_offset, *pos_out)) < 0) rc = right;
    if (rc == PB_E_NOENT || (rc == 0 && right == 0)) {                      /* not to be had: the begin of a segment is always right */
        *pos_out = 0;
        rc = 0;
    }
    return rc;
}

int pb__segment_locate(struct pb_log *log, struct pb_segment *segment, int64_t offset, int64_t *pos_out, struct pb_batch *batch) {
    int32_t pos, walked = 0;
    int rc = pb__index_find(log, segment, offset, &pos);
    if (rc < 0) return rc;
    for (int64_t at = pos; at < segment->end_pos; at += batch->size_bytes, walked++) {
        rc = pb__segment_header(segment, at, batch);
        if (rc <= 0) return rc < 0 ? rc : PB_E_CORRUPT_FILE;
        if (pb__batch_last_offset(batch) < offset) continue;
        *pos_out = at;
        if (walked > WALK_BATCHES_MAX && !segment->index_renewed) rc = pb__index_renew(log, segment, "too-short");
        return rc < 0 ? rc : 0;
    }
    return PB_E_NOENT;
}

/* ---- by time */

/* Whether the batch that holds offset is as late as the entry says. */
static int is_time_right(struct pb_log *log, struct pb_segment *segment, int64_t timestamp_ms, int64_t offset) {
    struct pb_batch batch;
    int64_t pos;
    if (timestamp_ms == -1 && offset == segment->base_offset) return segment == pb__log_active(log) || segment->time_count > 0 || segment->end_pos == 0;   /* a sealed segment has an entry */
    if (timestamp_ms < 0 || offset < segment->base_offset || offset >= segment->end_offset) return 0;
    int rc = pb__segment_locate(log, segment, offset, &pos, &batch);
    if (rc < 0) return rc == PB_E_NOENT ? 0 : rc;
    return batch.base_offset <= offset && batch.max_timestamp == timestamp_ms;
}

static int time_entry(struct pb_log *log, struct pb_segment *segment, int64_t timestamp_ms, int64_t *timestamp_out, int64_t *offset_out) {
    int rc = pb__time_index_look_up(log, segment, timestamp_ms, timestamp_out, offset_out);
    if (rc == PB_E_NOENT || rc == PB_E_CORRUPT_FILE) return 0;
    return rc < 0 ? rc : is_time_right(log, segment, *timestamp_out, *offset_out);
}

static int find_time(struct pb_log *log, struct pb_segment *segment, int64_t timestamp_ms, int64_t *timestamp_out, int64_t *offset_out) {
    int rc = time_entry(log, segment, timestamp_ms, timestamp_out, offset_out);
    if (rc == 0 && !segment->index_renewed && (rc = pb__index_renew(log, segment, "wrong-time")) == 0) rc = time_entry(log, segment, timestamp_ms, timestamp_out, offset_out);
    if (rc == 0) {                                                          /* a segment without entries: from its begin */
        *timestamp_out = -1;
        *offset_out = segment->base_offset;
    }
    return rc < 0 ? rc : 0;
}

int pb__time_index_find(struct pb_log *log, struct pb_segment *segment, int64_t timestamp_ms, int64_t *offset_out) {
    int64_t timestamp;
    return find_time(log, segment, timestamp_ms, &timestamp, offset_out);
}

/* The last entry has the latest time before it; what lies behind is read, which is little unless the index is short. */
int pb__segment_max_timestamp(struct pb_log *log, struct pb_segment *segment, int64_t *timestamp_out) {
    if (segment->max_timestamp == INT64_MIN) {
        struct pb_scan scan;
        struct pb_batch batch;
        int64_t max, offset;
        int32_t pos;
        int rc = find_time(log, segment, INT64_MAX, &max, &offset);
        if (rc == 0) rc = pb__index_find(log, segment, offset - 1, &pos);
        if (rc < 0) return rc;
        rc = pb__scan_open(&scan, log, segment, pos, segment->end_pos, false);
        while (rc >= 0 && (rc = pb__scan_next(&scan, &batch)) > 0) max = pb__max_i64(max, batch.max_timestamp);
        pb__scan_close(&scan);
        if (rc < 0) return rc == PB_E_CORRUPT_BATCH ? PB_E_CORRUPT_FILE : rc;
        segment->max_timestamp = max;
    }
    *timestamp_out = segment->max_timestamp;
    return 0;
}
