/* log/index.c — offset index and time index of a segment: where to begin to look for an offset or a time.
 *
 * On disk     .index: relative offset int32, position int32, both rising: the batch at `position` ends with base + relative offset.
 *             .timeindex: timestamp int64, relative offset int32, both rising: up to that offset no record is later than the timestamp.
 * Look-up     first the pending entries in memory, then the file by binary search over blocks read with pread: no map, so no SIGBUS. What a file says is
 *             verified by the caller (index_verify.c).
 * Thread      the partition's lock */
#include <string.h>

#include "base/assert.h"
#include "base/endian.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "log/log_internal.h"

static int64_t entries_max(const struct pb_log *log, int32_t entry_bytes) { return log->config->segment_index_bytes_max / entry_bytes; }

static int need_pending(struct pb_log *log, struct pb_segment *segment) {
    if (segment->pending != NULL) return 0;
    segment->pending = pb__env_alloc(log->env, sizeof *segment->pending);
    if (segment->pending == NULL) return PB_E_NOMEM;
    segment->pending->offset_count = segment->pending->time_count = 0;
    return 0;
}

static void add_time(struct pb_segment *segment) {
    struct pb_segment_pending *pending = segment->pending;
    if (segment->max_timestamp <= segment->time_entry_last) return;         /* entries rise; an equal or older one tells nothing */
    pending->times[pending->time_count++] = (struct pb_time_entry){ segment->max_timestamp, (int32_t)(segment->max_timestamp_offset - segment->base_offset) };
    segment->time_entry_last = segment->max_timestamp;
}

/* Room for one more entry of each kind. */
static int make_room(struct pb_log *log, struct pb_segment *segment) {
    int rc = need_pending(log, segment);
    if (rc < 0) return rc;
    const struct pb_segment_pending *pending = segment->pending;
    return pending->offset_count < PB_INDEX_PENDING_MAX && pending->time_count < PB_INDEX_PENDING_MAX ? 0 : pb__index_flush(log, segment);
}

int pb__index_append(struct pb_log *log, struct pb_segment *segment, const struct pb_batch *batch, int32_t pos) {
    if (segment->bytes_since_entry > log->config->index_interval_bytes) {
        int rc = make_room(log, segment);                                   /* failed: due again with the next batch */
        if (rc < 0) return rc;
        struct pb_segment_pending *pending = segment->pending;
        pending->offsets[pending->offset_count++] = (struct pb_index_entry){ (int32_t)(pb__batch_last_offset(batch) - segment->base_offset), pos };
        add_time(segment);
        segment->bytes_since_entry = 0;
    }
    segment->bytes_since_entry = (int32_t)pb__min_i64((int64_t)segment->bytes_since_entry + batch->size_bytes, INT32_MAX);
    return 0;
}

static int write_entries(struct pb_file *file, uint8_t *bytes, size_t size, int64_t pos) {
    struct iovec iov = { bytes, size };
    return pb__file_write(file, &iov, 1, pos);
}

int pb__index_flush(struct pb_log *log, struct pb_segment *segment) {
    struct pb_segment_pending *pending = segment->pending;
    uint8_t bytes[PB_INDEX_PENDING_MAX * PB_TIME_ENTRY_BYTES];
    PB_FAILPOINT(log->env, INDEX_BEFORE_FLUSH);
    if (pending == NULL) return 0;
    int32_t count = (int32_t)pb__min_i64(pending->offset_count, pb__max_i64(entries_max(log, PB_INDEX_ENTRY_BYTES) - segment->index_count, 0));
    for (int32_t i = 0; i < count; i++) {
        pb__put_i32(bytes + i * PB_INDEX_ENTRY_BYTES, pending->offsets[i].relative_offset);
        pb__put_i32(bytes + i * PB_INDEX_ENTRY_BYTES + 4, pending->offsets[i].pos);
    }
    int rc = count == 0 ? 0 : write_entries(segment->index, bytes, (size_t)count * PB_INDEX_ENTRY_BYTES, (int64_t)segment->index_count * PB_INDEX_ENTRY_BYTES);
    if (rc < 0) return rc;
    segment->index_count += count;
    PB_FAILPOINT(log->env, INDEX_AFTER_OFFSETS);
    pending->offset_count = 0;
    count = (int32_t)pb__min_i64(pending->time_count, pb__max_i64(entries_max(log, PB_TIME_ENTRY_BYTES) - segment->time_count, 0));
    for (int32_t i = 0; i < count; i++) {
        pb__put_i64(bytes + i * PB_TIME_ENTRY_BYTES, pending->times[i].timestamp);
        pb__put_i32(bytes + i * PB_TIME_ENTRY_BYTES + 8, pending->times[i].relative_offset);
    }
    rc = count == 0 ? 0 : write_entries(segment->time_index, bytes, (size_t)count * PB_TIME_ENTRY_BYTES, (int64_t)segment->time_count * PB_TIME_ENTRY_BYTES);
    if (rc < 0) return rc;
    segment->time_count += count;
    PB_FAILPOINT(log->env, INDEX_AFTER_TIMES);
    pending->time_count = 0;
    return 0;
}

/* A file that has no entry is there nevertheless. */
static int make_file(struct pb_file *file) {
    int fd, rc = pb__file_pin(file, &fd);
    if (rc == 0) pb__file_unpin(file);
    return rc;
}

int pb__index_seal(struct pb_log *log, struct pb_segment *segment) {
    int rc = 0;
    if (segment->max_timestamp > segment->time_entry_last && (rc = make_room(log, segment)) == 0) add_time(segment);
    if (rc == 0) rc = pb__index_flush(log, segment);
    if (rc == 0 && segment->index_count == 0) rc = make_file(segment->index);
    if (rc == 0 && segment->time_count == 0) rc = make_file(segment->time_index);
    return rc;
}

void pb__index_forget(struct pb_log *log, struct pb_segment *segment) {
    segment->index_count = segment->time_count = -1;
    if (log->block != NULL && log->block->segment == segment) log->block->segment = NULL;
}

/* ---- counts of sealed segments are looked up when first needed */

static int count_of(struct pb_file *file, int32_t entry_bytes, int32_t *count) {
    int64_t size = 0;
    if (*count >= 0) return 0;
    int rc = pb__file_size(file, &size);
    if (rc == PB_E_NOENT) rc = 0;
    if (rc == 0) *count = (int32_t)pb__min_i64(size / entry_bytes, INT32_MAX);
    return rc;
}

/* ---- look-up by offset */

static int load_block(struct pb_log *log, struct pb_segment *segment, int32_t first) {
    uint8_t bytes[PB_INDEX_BLOCK_ENTRIES * PB_INDEX_ENTRY_BYTES];
    if (log->block == NULL && (log->block = pb__env_zalloc(log->env, sizeof *log->block)) == NULL) return PB_E_NOMEM;
    struct pb_index_block *block = log->block;
    size_t wanted = (size_t)pb__min_i64(PB_INDEX_BLOCK_ENTRIES, segment->index_count - first) * PB_INDEX_ENTRY_BYTES, got;
    block->segment = NULL;
    int rc = pb__file_read(segment->index, bytes, wanted, (int64_t)first * PB_INDEX_ENTRY_BYTES, &got);
    if (rc < 0) return rc;
    block->first = first;
    block->count = (int32_t)(got / PB_INDEX_ENTRY_BYTES);
    for (int32_t i = 0; i < block->count; i++)
        block->entries[i] = (struct pb_index_entry){ pb__get_i32(bytes + i * PB_INDEX_ENTRY_BYTES), pb__get_i32(bytes + i * PB_INDEX_ENTRY_BYTES + 4) };
    block->segment = block->count > 0 ? segment : NULL;
    return 0;
}

/* Entries at or below `relative` among the first `count`: how many. */
static int32_t lower(const struct pb_index_entry *entries, int32_t count, int32_t relative) {
    int32_t low = 0, high = count;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (entries[middle].relative_offset <= relative) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool block_covers(const struct pb_log *log, const struct pb_segment *segment, int32_t relative) {
    const struct pb_index_block *block = log->block;
    if (block == NULL || block->segment != segment || block->entries[0].relative_offset > relative) return false;
    return relative < block->entries[block->count - 1].relative_offset || block->first + block->count == segment->index_count;
}

/* The block whose first entry is the last one at or below `relative`. */
static int find_block(struct pb_log *log, struct pb_segment *segment, int32_t relative) {
    int32_t low = 0, high = (segment->index_count + PB_INDEX_BLOCK_ENTRIES - 1) / PB_INDEX_BLOCK_ENTRIES;
    while (high - low > 1) {
        uint8_t first[4];
        size_t got;
        int32_t middle = (low + high) / 2;
        int rc = pb__file_read(segment->index, first, sizeof first, (int64_t)middle * PB_INDEX_BLOCK_ENTRIES * PB_INDEX_ENTRY_BYTES, &got);
        if (rc < 0) return rc;
        if (got == sizeof first && pb__get_i32(first) <= relative) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return load_block(log, segment, low * PB_INDEX_BLOCK_ENTRIES);
}

static void give(const struct pb_segment *segment, const struct pb_index_entry *entry, int64_t *offset_out, int32_t *pos_out) {
    *offset_out = segment->base_offset + entry->relative_offset;
    *pos_out = entry->pos;
}

/* An entry names the batch that ends at its offset: it is usable for offsets at or above. */
int pb__index_look_up(struct pb_log *log, struct pb_segment *segment, int64_t offset, int64_t *offset_out, int32_t *pos_out) {
    *offset_out = segment->base_offset;
    *pos_out = 0;
    int64_t wanted = offset - segment->base_offset;
    if (wanted < 0) return 0;
    int32_t relative = (int32_t)pb__min_i64(wanted, INT32_MAX);
    const struct pb_segment_pending *pending = segment->pending;
    if (pending != NULL && pending->offset_count > 0 && pending->offsets[0].relative_offset <= relative) {
        give(segment, &pending->offsets[lower(pending->offsets, pending->offset_count, relative) - 1], offset_out, pos_out);
        return 0;
    }
    int rc = count_of(segment->index, PB_INDEX_ENTRY_BYTES, &segment->index_count);
    if (rc < 0 || segment->index_count == 0) return rc;
    if (!block_covers(log, segment, relative) && (rc = find_block(log, segment, relative)) < 0) return rc;
    if (log->block->segment != segment) return 0;
    int32_t below = lower(log->block->entries, log->block->count, relative);
    if (below > 0) give(segment, &log->block->entries[below - 1], offset_out, pos_out);
    return 0;
}

/* ---- look-up by time */

static int read_time(struct pb_segment *segment, int32_t at, struct pb_time_entry *out) {
    uint8_t bytes[PB_TIME_ENTRY_BYTES];
    size_t got;
    int rc = pb__file_read(segment->time_index, bytes, sizeof bytes, (int64_t)at * PB_TIME_ENTRY_BYTES, &got);
    if (rc == 0 && got < sizeof bytes) rc = PB_E_CORRUPT_FILE;
    if (rc == 0) *out = (struct pb_time_entry){ pb__get_i64(bytes), pb__get_i32(bytes + 8) };
    return rc;
}

int pb__time_index_look_up(struct pb_log *log, struct pb_segment *segment, int64_t timestamp_ms, int64_t *timestamp_out, int64_t *offset_out) {
    const struct pb_segment_pending *pending = segment->pending;
    (void)log;                                                              /* as its sibling for offsets */
    *timestamp_out = -1;
    *offset_out = segment->base_offset;
    for (int32_t i = pending != NULL ? pending->time_count : 0; i-- > 0;) {
        if (pending->times[i].timestamp > timestamp_ms) continue;
        *timestamp_out = pending->times[i].timestamp;
        *offset_out = segment->base_offset + pending->times[i].relative_offset;
        return 0;
    }
    int rc = count_of(segment->time_index, PB_TIME_ENTRY_BYTES, &segment->time_count);
    struct pb_time_entry entry = { -1, 0 };
    int32_t low = 0, high = rc < 0 ? 0 : segment->time_count;
    while (rc == 0 && low < high) {
        int32_t middle = low + (high - low) / 2;
        if ((rc = read_time(segment, middle, &entry)) < 0) break;
        if (entry.timestamp <= timestamp_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (rc < 0 || low == 0 || (rc = read_time(segment, low - 1, &entry)) < 0) return rc;
    *timestamp_out = entry.timestamp;
    *offset_out = segment->base_offset + entry.relative_offset;
    return 0;
}

/* ---- at start */

/* Entries of a file that rise and lie inside of the limits; the file is cut behind them. */
static int load(struct pb_log *log, struct pb_file *file, int32_t entry_bytes, int64_t entries, bool (*fits)(const uint8_t *entry, const uint8_t *before, const void *limits),
                const void *limits, int32_t *count_out) {
    int64_t size = 0;
    *count_out = 0;
    int rc = pb__file_size(file, &size);
    if (rc == PB_E_NOENT) return 0;
    if (rc < 0) return rc;
    size_t wanted = (size_t)pb__min_i64(size - size % entry_bytes, entries * entry_bytes), got = 0;
    uint8_t *bytes = pb__env_alloc(log->env, wanted + 1);
    if (bytes == NULL) return PB_E_NOMEM;
    rc = pb__file_read(file, bytes, wanted, 0, &got);
    int32_t count = 0;
    for (size_t at = 0; rc == 0 && at + (size_t)entry_bytes <= got; at += (size_t)entry_bytes, count++)
        if (!fits(bytes + at, at > 0 ? bytes + at - entry_bytes : NULL, limits)) break;
    pb__env_free(log->env, bytes);
    if (rc == 0 && (int64_t)count * entry_bytes != size) rc = pb__file_truncate(file, (int64_t)count * entry_bytes);
    *count_out = count;
    return rc;
}

struct limits { int32_t pos, relative; };

static bool offset_fits(const uint8_t *entry, const uint8_t *before, const void *context) {
    const struct limits *limits = context;
    int32_t relative = pb__get_i32(entry), pos = pb__get_i32(entry + 4);
    if (relative < 0 || pos < 0 || relative >= limits->relative || pos >= limits->pos) return false;
    return before == NULL || (relative > pb__get_i32(before) && pos > pb__get_i32(before + 4));
}

static bool time_fits(const uint8_t *entry, const uint8_t *before, const void *context) {
    const struct limits *limits = context;
    int32_t relative = pb__get_i32(entry + 8);
    if (relative < 0 || relative >= limits->relative) return false;
    return before == NULL || (pb__get_i64(entry) > pb__get_i64(before) && relative >= pb__get_i32(before + 8));
}

int pb__index_load(struct pb_log *log, struct pb_segment *segment, int32_t pos_limit, int64_t offset_limit) {
    struct limits limits = { pos_limit, (int32_t)pb__min_i64(offset_limit - segment->base_offset, INT32_MAX) };
    int rc = load(log, segment->index, PB_INDEX_ENTRY_BYTES, entries_max(log, PB_INDEX_ENTRY_BYTES), offset_fits, &limits, &segment->index_count);
    if (rc == 0) rc = load(log, segment->time_index, PB_TIME_ENTRY_BYTES, entries_max(log, PB_TIME_ENTRY_BYTES), time_fits, &limits, &segment->time_count);
    if (rc < 0) return rc;
    struct pb_time_entry last = { -1, 0 };
    if (segment->time_count > 0 && (rc = read_time(segment, segment->time_count - 1, &last)) < 0) return rc;
    segment->time_entry_last = last.timestamp;
    return 0;
}
