#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "log/log_internal.h"

int pb__scan_open(struct pb_scan *scan, struct pb_log *log, struct pb_segment *segment, int64_t pos, int64_t end_pos, bool whole) {
    *scan = (struct pb_scan){ .log = log, .segment = segment, .pos = pos, .end_pos = end_pos, .whole = whole, .capacity = whole ? PB_SCAN_BYTES : PB_SCAN_BYTES_SMALL };
    scan->buffer = pb__env_alloc(log->env, scan->capacity);
    return scan->buffer == NULL ? PB_E_NOMEM : 0;
}

void pb__scan_close(struct pb_scan *scan) {
    if (scan->log != NULL) pb__env_free(scan->log->env, scan->buffer);
    scan->buffer = NULL;
}

/* At least `wanted` bytes from scan->pos in the buffer, or what the file still has. */
static int fill(struct pb_scan *scan, size_t wanted, uint8_t **at_out, size_t *size_out) {
    int64_t begin = scan->pos - scan->buffer_pos;
    size_t have = begin >= 0 && (size_t)begin < scan->filled ? scan->filled - (size_t)begin : 0;
    if (have < wanted) {
        if (wanted > scan->capacity) {
            uint8_t *buffer = pb__env_resize(scan->log->env, scan->buffer, wanted);
            if (buffer == NULL) return PB_E_NOMEM;
            scan->buffer = buffer;
            scan->capacity = wanted;
        }
        size_t size = (size_t)pb__min_i64((int64_t)scan->capacity, scan->end_pos - scan->pos);
        int rc = pb__file_read(scan->segment->log, scan->buffer, size, scan->pos, &scan->filled);
        if (rc < 0) {
            scan->filled = 0;
            return rc == PB_E_NOENT ? PB_E_CORRUPT_BATCH : rc;
        }
        scan->buffer_pos = scan->pos;
        begin = 0;
        have = scan->filled;
    }
    *at_out = scan->buffer + begin;
    *size_out = have;
    return 0;
}

int pb__scan_next(struct pb_scan *scan, struct pb_batch *batch) {
    uint8_t *at;
    size_t size, left = (size_t)(scan->end_pos - scan->pos);
    if (left == 0) return 0;
    if (scan->log->stop != NULL && atomic_load_explicit(scan->log->stop, memory_order_relaxed)) return PB_E_AGAIN;
    int rc = fill(scan, (size_t)pb__min_i64(PB_BATCH_HEADER_BYTES, (int64_t)left), &at, &size);
    if (rc < 0) return rc;
    if (size < PB_BATCH_HEADER_BYTES) return PB_E_CORRUPT_BATCH;
    /* The header alone is at hand: the rest is only counted. */
    rc = pb__batch_parse(at, left, batch);
    if (rc < 0 || batch->record_count < 0 || batch->last_offset_delta < 0) return PB_E_CORRUPT_BATCH;
    if (scan->whole || batch->attributes & PB_ATTRIBUTE_CONTROL) {
        if (batch->size_bytes > (scan->whole ? PB_SCAN_BATCH_BYTES_MAX : PB_SCAN_CONTROL_BYTES_MAX)) return PB_E_CORRUPT_BATCH;
        if ((rc = fill(scan, (size_t)batch->size_bytes, &at, &size)) < 0) return rc;
        if (size < (size_t)batch->size_bytes) return PB_E_CORRUPT_BATCH;
        batch->bytes = at;
        if ((rc = pb__batch_check_crc(batch)) < 0) return rc;
    }
    scan->pos += batch->size_bytes;
    return 1;
}
