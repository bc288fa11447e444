#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "log/log_internal.h"
#include "record/batch_iter.h"

/* A place learnt from an append or an earlier read. */
static const struct pb_log_hint *find_hint(const struct pb_log *log, int64_t offset) {
    for (int i = 0; i < PB_LOG_HINTS; i++)
        if (log->hints[i].segment != NULL && log->hints[i].offset == offset) return &log->hints[i];
    return NULL;
}

/* The batch that holds offset, or the first behind it when compaction took that. PB_E_CORRUPT_FILE: the segment says it is there, and it is not. */
static int locate(struct pb_log *log, struct pb_segment **segment, int64_t offset, int64_t *pos_out, struct pb_batch *batch) {
    for (;;) {
        int rc = pb__segment_locate(log, *segment, offset, pos_out, batch);
        if (rc == 0 && batch->base_offset > offset && !pb__log_may_lack(log, offset)) rc = PB_E_CORRUPT_FILE;
        if (rc != PB_E_NOENT) return rc;
        if (!pb__log_may_lack(log, offset) || *segment == pb__log_active(log)) return PB_E_CORRUPT_FILE;
        *segment = pb__log_segment_of(log, (*segment)->end_offset);
    }
}

static int find(struct pb_log *log, int64_t offset, struct pb_segment **segment_out, int64_t *pos_out, int32_t *batch_bytes_out, int64_t *base_offset_out) {
    const struct pb_log_hint *hint = find_hint(log, offset);
    if (hint != NULL) {
        *segment_out = hint->segment;
        *pos_out = hint->pos;
        *batch_bytes_out = hint->batch_bytes;
        *base_offset_out = offset;
        return 0;
    }
    struct pb_batch batch;
    struct pb_segment *segment = pb__log_segment_of(log, offset);
    PB_ASSERT(segment != NULL);
    int rc = locate(log, &segment, offset, pos_out, &batch);
    if (rc < 0) return rc;
    *segment_out = segment;
    *batch_bytes_out = batch.size_bytes;
    *base_offset_out = batch.base_offset;
    return 0;
}

/* Position behind the last batch that begins below limit_offset. */
static int limit_pos(struct pb_log *log, struct pb_segment *segment, int64_t limit_offset, int64_t *pos_out) {
    struct pb_batch batch;
    *pos_out = segment->end_pos;
    if (limit_offset >= segment->end_offset) return 0;
    int rc = pb__segment_locate(log, segment, limit_offset, pos_out, &batch);
    if (rc != PB_E_NOENT) return rc;
    *pos_out = segment->end_pos;                                            /* compaction took all from there on */
    return 0;
}

int pb__log_read(struct pb_log *log, int64_t offset, int64_t limit_offset, int64_t bytes_max, bool whole_batch, struct pb_log_read *out) {
    struct pb_segment *segment;
    int64_t pos, end_pos;
    *out = (struct pb_log_read){ .base_offset = offset };
    if (offset < log->start_offset || offset > log->end_offset) return PB_E_OFFSET_OUT_OF_RANGE;
    if (offset >= limit_offset || (bytes_max <= 0 && !whole_batch)) return 0;
    int rc = find(log, offset, &segment, &pos, &out->first_batch_bytes, &out->base_offset);
    if (rc == 0) rc = limit_pos(log, segment, limit_offset, &end_pos);
    if (rc < 0) return rc;
    int64_t size = pb__min_i64(end_pos - pos, whole_batch ? pb__max_i64(bytes_max, out->first_batch_bytes) : bytes_max);
    if (size <= 0) return 0;
    out->segment_base_offset = segment->base_offset;
    out->pos = (int32_t)pos;
    rc = pb__file_slice_init(&out->slice, segment->log, pos, size);
    return rc == PB_E_NOENT ? PB_E_IO : rc;
}

int64_t pb__log_bytes_between(struct pb_log *log, int64_t offset, int64_t limit_offset) {
    int64_t bytes = 0;
    for (int32_t i = 0; i < log->segment_count; i++) {
        const struct pb_segment *segment = log->segments[i];
        if (segment->end_offset > offset && segment->base_offset < limit_offset) bytes += segment->end_pos;
    }
    return bytes;
}

/* ---- by time */

/* First record of the batch with a timestamp >= timestamp_ms at or behind start. 1 found, 0 not. */
static int find_record(struct pb_log *log, const struct pb_batch *batch, int64_t timestamp_ms, int64_t start, struct pb_codec_workspace *codec, int64_t *offset_out,
                       int64_t *timestamp_out) {
    struct pb_batch_iter iter;
    struct pb_record record;
    int rc = pb__batch_iter_open(&iter, batch, log->env, codec, INT32_MAX);
    while (rc >= 0 && (rc = pb__batch_iter_next(&iter, &record)) > 0) {
        if (record.timestamp < timestamp_ms || record.offset < start) continue;
        *offset_out = record.offset;
        *timestamp_out = record.timestamp;
        break;
    }
    pb__batch_iter_close(&iter);
    return rc;
}

/* In one segment; 1 found, 0 not. */
static int find_time(struct pb_log *log, struct pb_segment *segment, int64_t timestamp_ms, int64_t limit_offset, struct pb_codec_workspace *codec, int64_t *offset_out,
                     int64_t *timestamp_out) {
    int64_t offset;
    int32_t pos;
    int rc = pb__time_index_find(log, segment, timestamp_ms, &offset);
    if (rc == 0) rc = pb__index_find(log, segment, offset - 1, &pos);
    if (rc < 0) return rc;
    struct pb_scan scan;
    struct pb_batch batch;
    rc = pb__scan_open(&scan, log, segment, pos, segment->end_pos, true);
    while (rc >= 0 && (rc = pb__scan_next(&scan, &batch)) > 0 && batch.base_offset < limit_offset) {
        if (batch.max_timestamp < timestamp_ms || pb__batch_last_offset(&batch) < log->start_offset) continue;
        if ((rc = find_record(log, &batch, timestamp_ms, log->start_offset, codec, offset_out, timestamp_out)) != 0) break;
    }
    if (rc > 0 && (*offset_out < 0 || *offset_out >= limit_offset)) rc = 0;
    pb__scan_close(&scan);
    return rc == PB_E_CORRUPT_BATCH ? PB_E_CORRUPT_FILE : rc;               /* it was good once: the disk lost it */
}

int pb__log_offset_for_timestamp(struct pb_log *log, int64_t timestamp_ms, int64_t limit_offset, struct pb_codec_workspace *codec, int64_t *offset_out,
                                 int64_t *timestamp_out, int32_t *epoch_out) {
    *offset_out = *timestamp_out = -1;
    *epoch_out = -1;
    for (int32_t i = 0; i < log->segment_count; i++) {
        int64_t max;
        int rc = pb__segment_max_timestamp(log, log->segments[i], &max);
        if (rc < 0) return rc;
        if (max < timestamp_ms || log->segments[i]->end_offset <= log->start_offset) continue;
        rc = find_time(log, log->segments[i], timestamp_ms, limit_offset, codec, offset_out, timestamp_out);
        if (rc < 0) return rc;
        if (rc > 0) {
            *epoch_out = pb__log_epoch_for_offset(log, *offset_out);
            return 0;
        }
    }
    *offset_out = *timestamp_out = -1;
    return 0;
}

int pb__log_offset_of_max_timestamp(struct pb_log *log, struct pb_codec_workspace *codec, int64_t *offset_out, int64_t *timestamp_out, int32_t *epoch_out) {
    int64_t max = -1;
    for (int32_t i = 0; i < log->segment_count; i++) {
        int64_t of_segment;
        int rc = pb__segment_max_timestamp(log, log->segments[i], &of_segment);
        if (rc < 0) return rc;
        max = pb__max_i64(max, of_segment);
    }
    *offset_out = *timestamp_out = -1;
    *epoch_out = -1;
    return max < 0 ? 0 : pb__log_offset_for_timestamp(log, max, log->end_offset, codec, offset_out, timestamp_out, epoch_out);
}
