/* log/txn_index.c — aborted transactions of a segment, for read_committed.
 *
 * On disk     .txnindex: version int16 (0) | producer id int64 | first offset int64 | last offset int64 | last stable offset int64, one entry for each marker
 *             that aborts, in the segment of the marker, in order of last offset (which is the marker's)
 * Invariants  X1 an entry is written before its marker: a marker in the log has its entry; an entry without a marker lies beyond the log's end
 *             X2 synced together with the log (log_sync.c): recovery believes the entries below the recovery point
 * Thread      the partition's lock
 * Source      kafka:storage TransactionIndex, AbortedTxn */
#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/endian.h"
#include "base/err.h"
#include "log/log_internal.h"

enum { VERSION = 0, ENTRY_BYTES = 34, BLOCK_ENTRIES = 120, ENTRIES_MAX = INT32_MAX / ENTRY_BYTES };

struct entry { int16_t version; int64_t producer_id, first_offset, last_offset, last_stable_offset; };

static struct entry parse(const uint8_t *at) { return (struct entry){ pb__get_i16(at), pb__get_i64(at + 2), pb__get_i64(at + 10), pb__get_i64(at + 18), pb__get_i64(at + 26) }; }

static int open_index(struct pb_log *log, const struct pb_segment *segment, int flags, int *fd_out) {
    char path[PB_PATH_BYTES_MAX];
    int rc = pb__log_path(log, segment->base_offset, ".txnindex", path);
    if (rc < 0) return rc;
    int fd = log->env->file_open(log->env->context, path, flags);
    if (fd < 0 && fd != -ENOENT) pb__env_log(log->env, PB_LOG_ERROR, "event=open-failed path=%s errno=%d", path, -fd);
    if (fd < 0) return fd == -ENOENT ? PB_E_NOENT : fd == -ENOSPC || fd == -EDQUOT ? PB_E_NOSPACE : PB_E_IO;
    *fd_out = fd;
    return 0;
}

/* `count` entries from the first-th on, as many as there are. */
static int read_entries(struct pb_log *log, int fd, int32_t first, int32_t count, uint8_t *bytes, int32_t *count_out) {
    int64_t at = 0, got = 1, wanted = (int64_t)count * ENTRY_BYTES;
    while (at < wanted && got > 0) {
        got = log->env->file_pread(log->env->context, fd, bytes + at, (size_t)(wanted - at), (int64_t)first * ENTRY_BYTES + at);
        if (got > 0) at += got;
    }
    if (got < 0) pb__env_log(log->env, PB_LOG_ERROR, "event=read-failed topic=%s partition=%d file=txnindex errno=%d", log->topic, log->partition, (int)-got);
    *count_out = (int32_t)(at / ENTRY_BYTES);
    return got < 0 ? PB_E_IO : 0;
}

/* ---- writing */

int pb__txn_index_append(struct pb_log *log, struct pb_segment *segment, const struct pb_completed_txn *txn) {
    uint8_t bytes[ENTRY_BYTES];
    int fd, rc = segment->txn_count >= ENTRIES_MAX ? PB_E_LIMIT : open_index(log, segment, PB_OPEN_WRITE | PB_OPEN_CREATE | (segment->txn_count == 0 ? PB_OPEN_TRUNCATE : 0), &fd);
    if (rc < 0) return rc == PB_E_NOENT ? PB_E_IO : rc;
    pb__put_i16(bytes, VERSION);
    pb__put_i64(bytes + 2, txn->producer_id);
    pb__put_i64(bytes + 10, txn->first_offset);
    pb__put_i64(bytes + 18, txn->last_offset);
    pb__put_i64(bytes + 26, txn->last_stable_offset);
    struct iovec iov = { bytes, ENTRY_BYTES };
    int64_t wrote = pb__file_write_fd(log->env, fd, &iov, 1, (int64_t)segment->txn_count * ENTRY_BYTES);
    log->env->file_close(log->env->context, fd);
    log->dir_dirty = segment->txn_dirty = true;
    if (wrote < 0) {                                                        /* what is there of it is written over by the next */
        pb__env_log(log->env, PB_LOG_ERROR, "event=write-failed topic=%s partition=%d file=txnindex errno=%d", log->topic, log->partition, (int)-wrote);
        return wrote == -ENOSPC || wrote == -EDQUOT ? PB_E_NOSPACE : PB_E_IO;
    }
    segment->txn_count++;
    return 0;
}

int pb__txn_index_cut(struct pb_log *log, struct pb_segment *segment, int32_t count) {
    int fd, rc = open_index(log, segment, PB_OPEN_WRITE, &fd);
    segment->txn_count = count;
    if (rc == PB_E_NOENT) return 0;
    if (rc < 0) return rc;
    rc = log->env->file_truncate(log->env->context, fd, (int64_t)count * ENTRY_BYTES);
    log->env->file_close(log->env->context, fd);
    if (rc < 0) pb__env_log(log->env, PB_LOG_ERROR, "event=truncate-failed topic=%s partition=%d file=txnindex errno=%d", log->topic, log->partition, -rc);
    return rc < 0 ? PB_E_IO : 0;
}

/* ---- at start */

/* Could be an entry of this segment, behind the one before. */
static bool is_possible(const struct pb_segment *segment, const struct entry *entry, int64_t last_before) {
    return entry->version == VERSION && entry->producer_id >= 0 && entry->first_offset >= 0 && entry->first_offset < entry->last_offset && entry->last_offset > last_before &&
           entry->last_offset >= segment->base_offset && entry->last_stable_offset >= 0 && entry->last_stable_offset <= entry->last_offset + 1;
}

/* Entries below offset: how many. *whole_out: nothing else is in the file. */
static int count_below(struct pb_log *log, struct pb_segment *segment, int fd, int64_t offset, int32_t *count_out) {
    uint8_t bytes[BLOCK_ENTRIES * ENTRY_BYTES];
    int64_t last = -1;
    for (int32_t first = 0;; first += BLOCK_ENTRIES) {
        int32_t count;
        int rc = read_entries(log, fd, first, BLOCK_ENTRIES, bytes, &count);
        if (rc < 0) return rc;
        for (int32_t i = 0; i < count; i++, ++*count_out) {
            struct entry entry = parse(bytes + (size_t)i * ENTRY_BYTES);
            if (entry.last_offset >= offset && entry.version == VERSION) return 0;
            if (!is_possible(segment, &entry, last)) return PB_E_CORRUPT_FILE;
            last = entry.last_offset;
        }
        if (count < BLOCK_ENTRIES) return 0;
    }
}

int pb__txn_index_load(struct pb_log *log, struct pb_segment *segment, int64_t offset) {
    int32_t count = 0;
    int64_t size;
    int fd, rc = open_index(log, segment, PB_OPEN_READ, &fd);
    segment->txn_count = 0;
    if (rc < 0) return rc == PB_E_NOENT ? 0 : rc;
    rc = log->env->file_size(log->env->context, fd, &size) < 0 ? PB_E_IO : count_below(log, segment, fd, offset, &count);
    log->env->file_close(log->env->context, fd);
    if (rc < 0) return rc;
    segment->txn_count = count;
    return size == (int64_t)count * ENTRY_BYTES ? 0 : pb__txn_index_cut(log, segment, count);
}

/* ---- reading */

struct aborted { int64_t producer_id, first_offset; };
struct found { struct aborted *items; int32_t count, capacity; };

static int add(struct found *found, const struct pb_env *env, const struct entry *entry) {
    if (found->count == found->capacity) {
        int32_t capacity = found->capacity > 0 ? found->capacity * 2 : 16;
        struct aborted *items = pb__env_resize(env, found->items, (size_t)capacity * sizeof *items);
        if (items == NULL) return PB_E_NOMEM;
        found->items = items;
        found->capacity = capacity;
    }
    found->items[found->count++] = (struct aborted){ entry->producer_id, entry->first_offset };
    return 0;
}

/* The first entry whose marker is at or above `from`. */
static int first_from(struct pb_log *log, const struct pb_segment *segment, int fd, int64_t from, int32_t *first_out) {
    int32_t low = 0, high = segment->txn_count;
    while (low < high) {
        uint8_t bytes[ENTRY_BYTES];
        int32_t middle = low + (high - low) / 2, got;
        int rc = read_entries(log, fd, middle, 1, bytes, &got);
        if (rc < 0 || got < 1) return rc < 0 ? rc : PB_E_CORRUPT_FILE;
        if (parse(bytes).last_offset < from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *first_out = low;
    return 0;
}

/* 1: none that begins below `to` comes behind. */
static int collect(struct pb_log *log, const struct pb_segment *segment, int fd, int64_t from, int64_t to, struct found *found) {
    uint8_t bytes[BLOCK_ENTRIES * ENTRY_BYTES];
    int32_t at = 0, count;
    int rc = first_from(log, segment, fd, from, &at);
    for (; rc == 0 && at < segment->txn_count; at += count) {
        rc = read_entries(log, fd, at, (int32_t)pb__min_i64(BLOCK_ENTRIES, segment->txn_count - at), bytes, &count);
        if (rc == 0 && count == 0) return PB_E_CORRUPT_FILE;
        for (int32_t i = 0; rc == 0 && i < count; i++) {
            struct entry entry = parse(bytes + (size_t)i * ENTRY_BYTES);
            if (entry.first_offset < to && entry.last_offset >= from) rc = add(found, log->env, &entry);
            if (rc == 0 && entry.last_stable_offset >= to) rc = 1;
        }
    }
    return rc;
}

static int collect_segment(struct pb_log *log, const struct pb_segment *segment, int64_t from, int64_t to, struct found *found) {
    int fd, rc = open_index(log, segment, PB_OPEN_READ, &fd);
    if (rc < 0) return rc == PB_E_NOENT ? PB_E_CORRUPT_FILE : rc;
    rc = collect(log, segment, fd, from, to, found);
    log->env->file_close(log->env->context, fd);
    return rc;
}

static int by_first_offset(const void *left, const void *right) {
    const struct aborted *a = left, *b = right;
    return a->first_offset < b->first_offset ? -1 : a->first_offset > b->first_offset;
}

int pb__log_aborted_between(struct pb_log *log, int64_t from, int64_t to, pb_log_aborted_fn each, void *context) {
    struct found found = { 0 };
    int rc = 0;
    /* An aborted transaction stands in the segment of its marker, which is at or behind the segment of `from`. */
    for (int32_t i = 0; rc == 0 && i < log->segment_count; i++)
        if (log->segments[i]->end_offset > from && log->segments[i]->txn_count > 0) rc = collect_segment(log, log->segments[i], from, to, &found);
    if (rc >= 0 && found.count > 0) qsort(found.items, (size_t)found.count, sizeof *found.items, by_first_offset);
    for (int32_t i = 0; rc >= 0 && i < found.count; i++) each(context, found.items[i].producer_id, found.items[i].first_offset);
    pb__env_free(log->env, found.items);
    return rc < 0 ? rc : 0;
}
