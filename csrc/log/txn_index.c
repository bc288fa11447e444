/* log/txn_index.c — aborted transactions of a segment, for read_committed.
 *
 * On disk     .txnindex: version int16 (0) | producer id int64 | first offset int64 | last offset int64 | last stable offset int64, one entry for each marker
 *             that aborts, in the segment of the marker, in order of last offset (which is the marker's)
 * Invariants  X1 an entry is written before its marker: a marker in the log has its entry; an entry without a marker lies beyond the log's end
 *             X2 where producers have transactions, a segment that was looked through has a file, empty when nothing was aborted in it
 *             X3 synced together with the log (log_sync.c): recovery believes the entries below the recovery point
 * Thread      the partition's lock
 * Source      kafka:storage TransactionIndex, AbortedTxn */
#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/endian.h"
#include "base/err.h"
#include "log/log_internal.h"

enum { VERSION = 0, ENTRY_BYTES = PB_TXN_ENTRY_BYTES, BLOCK_ENTRIES = 120, ENTRIES_MAX = INT32_MAX / ENTRY_BYTES };

struct entry { int16_t version; int64_t producer_id, first_offset, last_offset, last_stable_offset; };

static struct entry parse(const uint8_t *at) { return (struct entry){ pb__get_i16(at), pb__get_i64(at + 2), pb__get_i64(at + 10), pb__get_i64(at + 18), pb__get_i64(at + 26) }; }

static int open_index(struct pb_log *log, const struct pb_segment *segment, int flags, int *fd_out) {
    char path[PB_PATH_BYTES_MAX];
    int rc = pb__log_path(log, segment->base_offset, ".txnindex", path);
    if (rc < 0) return rc;
    int fd = log->env->file_open(log->env->context, path, flags);
    if (fd < 0 && fd != -ENOENT) pb__env_log(log->env, PB_LOG_ERROR, "event=open-failed path=%s errno=%d", path, -fd);
    if (fd < 0) return pb__io_error(fd);
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

void pb__txn_entry_write(const struct pb_completed_txn *txn, uint8_t bytes[PB_TXN_ENTRY_BYTES]) {
    pb__put_i16(bytes, VERSION);
    pb__put_i64(bytes + 2, txn->producer_id);
    pb__put_i64(bytes + 10, txn->first_offset);
    pb__put_i64(bytes + 18, txn->last_offset);
    pb__put_i64(bytes + 26, txn->last_stable_offset);
}

int pb__txn_index_append(struct pb_log *log, struct pb_segment *segment, const struct pb_completed_txn *txn) {
    uint8_t bytes[ENTRY_BYTES];
    int fd, rc = segment->txn_count >= ENTRIES_MAX ? PB_E_LIMIT : open_index(log, segment, PB_OPEN_WRITE | PB_OPEN_CREATE | (segment->txn_count == 0 ? PB_OPEN_TRUNCATE : 0), &fd);
    if (rc < 0) return rc == PB_E_NOENT ? PB_E_IO : rc;
    pb__txn_entry_write(txn, bytes);
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

int pb__txn_index_make(struct pb_log *log, struct pb_segment *segment) {
    int fd, rc = open_index(log, segment, PB_OPEN_WRITE | PB_OPEN_CREATE | (segment->txn_count == 0 ? PB_OPEN_TRUNCATE : 0), &fd);
    if (rc < 0) return rc == PB_E_NOENT ? PB_E_IO : rc;
    log->env->file_close(log->env->context, fd);
    log->dir_dirty = true;
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

/* All entries, in order; how many of them lie below offset. */
static int count_below(struct pb_log *log, struct pb_segment *segment, int fd, int64_t offset, int32_t *count_out, int32_t *below_out) {
    uint8_t bytes[BLOCK_ENTRIES * ENTRY_BYTES];
    int64_t last = -1;
    for (int32_t first = 0;; first += BLOCK_ENTRIES) {
        int32_t count;
        int rc = read_entries(log, fd, first, BLOCK_ENTRIES, bytes, &count);
        if (rc < 0) return rc;
        for (int32_t i = 0; i < count; i++, ++*count_out) {
            struct entry entry = parse(bytes + (size_t)i * ENTRY_BYTES);
            if (!is_possible(segment, &entry, last)) return PB_E_CORRUPT_FILE;
            last = entry.last_offset;
            if (last < offset) ++*below_out;
        }
        if (count < BLOCK_ENTRIES) return 0;
    }
}

int pb__txn_index_load(struct pb_log *log, struct pb_segment *segment, int64_t offset, int32_t *cut_out) {
    int32_t count = 0, below = 0;
    int64_t size;
    int fd, rc = open_index(log, segment, PB_OPEN_READ, &fd);
    segment->txn_count = *cut_out = 0;
    segment->txn_verified = false;
    if (rc < 0) return rc == PB_E_NOENT ? 0 : rc;
    rc = log->env->file_size(log->env->context, fd, &size) < 0 ? PB_E_IO : count_below(log, segment, fd, offset, &count, &below);
    log->env->file_close(log->env->context, fd);
    if (rc < 0) return rc;
    segment->txn_count = below;
    *cut_out = count - below;
    return size == (int64_t)below * ENTRY_BYTES ? 0 : pb__txn_index_cut(log, segment, below);
}

static int make_entries(struct pb_log *log, struct pb_segment *segment) {
    struct pb_scan scan;
    struct pb_batch batch;
    int rc = pb__txn_index_cut(log, segment, 0);
    if (rc == 0) rc = pb__producers_restore(log, segment->base_offset);
    if (rc < 0) return rc;
    rc = pb__scan_open(&scan, log, segment, 0, segment->end_pos, false);
    while (rc >= 0 && (rc = pb__scan_next(&scan, &batch)) > 0) rc = pb__log_apply_producer(log, segment, &batch);
    pb__scan_close(&scan);
    return rc == PB_E_CORRUPT_BATCH ? PB_E_CORRUPT_FILE : rc;
}

/* With producers as they were at the segment's begin; those of now are put aside. */
int pb__txn_index_renew(struct pb_log *log, struct pb_segment *segment) {
    struct pb_producers now = log->producers;
    int64_t snapshot_offset = log->snapshot_offset;
    pb__env_log(log->env, PB_LOG_WARNING, "event=txn-index-rebuilt topic=%s partition=%d segment=%lld", log->topic, log->partition, (long long)segment->base_offset);
    log->producers = (struct pb_producers){ 0 };
    int rc = make_entries(log, segment);
    pb__producers_deinit(&log->producers, log->env);
    log->producers = now;
    log->snapshot_offset = snapshot_offset;
    if (rc == 0) rc = pb__txn_index_make(log, segment);
    segment->txn_verified = rc == 0;
    return rc;
}

/* ---- reading */

/* Whether the batch with this offset is of the producer and has all of these attributes. 1, 0 or PB_E_IO. */
static int has_batch(struct pb_log *log, int64_t offset, int64_t producer_id, int16_t attributes) {
    struct pb_segment *segment = pb__log_segment_of(log, offset);
    struct pb_batch batch;
    int64_t pos;
    int rc = pb__segment_locate(log, segment, offset, &pos, &batch);
    if (rc < 0) return rc == PB_E_NOENT || rc == PB_E_CORRUPT_FILE ? 0 : rc;
    return batch.base_offset <= offset && batch.producer_id == producer_id && (batch.attributes & attributes) == attributes;
}

/* Its marker is where it says, and its begin unless that is deleted or compacted. */
static int is_right(struct pb_log *log, const struct entry *entry) {
    int rc = has_batch(log, entry->last_offset, entry->producer_id, PB_ATTRIBUTE_TRANSACTIONAL | PB_ATTRIBUTE_CONTROL);
    if (rc <= 0 || pb__log_may_lack(log, entry->first_offset) || entry->first_offset < log->segments[0]->base_offset) return rc;
    return has_batch(log, entry->first_offset, entry->producer_id, PB_ATTRIBUTE_TRANSACTIONAL);
}

static int are_right(struct pb_log *log, const struct pb_segment *segment, int fd) {
    uint8_t bytes[BLOCK_ENTRIES * ENTRY_BYTES];
    int32_t count;
    int rc = 1;
    for (int32_t at = 0; rc > 0 && at < segment->txn_count; at += count) {
        if ((rc = read_entries(log, fd, at, (int32_t)pb__min_i64(BLOCK_ENTRIES, segment->txn_count - at), bytes, &count)) < 0) return rc;
        rc = count > 0;
        for (int32_t i = 0; rc > 0 && i < count; i++) {
            struct entry entry = parse(bytes + (size_t)i * ENTRY_BYTES);
            rc = is_right(log, &entry);
        }
    }
    return rc;
}

/* Before the first use since the start: entries are few, and what they say decides who sees what. */
static int verify(struct pb_log *log, struct pb_segment *segment) {
    int fd, rc = open_index(log, segment, PB_OPEN_READ, &fd);
    if (rc == 0) {
        rc = are_right(log, segment, fd);
        log->env->file_close(log->env->context, fd);
    } else if (rc == PB_E_NOENT) {
        rc = 0;
    }
    segment->txn_verified = rc > 0;
    return rc == 0 ? pb__txn_index_renew(log, segment) : rc < 0 ? rc : 0;
}

struct found { struct pb_completed_txn *items; int32_t count, capacity; };

static int add(struct found *found, const struct pb_env *env, const struct entry *entry) {
    if (found->count == found->capacity) {
        int32_t capacity = found->capacity > 0 ? found->capacity * 2 : 16;
        struct pb_completed_txn *items = pb__env_resize(env, found->items, (size_t)capacity * sizeof *items);
        if (items == NULL) return PB_E_NOMEM;
        found->items = items;
        found->capacity = capacity;
    }
    found->items[found->count++] = (struct pb_completed_txn){ entry->producer_id, entry->first_offset, entry->last_offset, entry->last_stable_offset };
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

static int collect_segment(struct pb_log *log, struct pb_segment *segment, int64_t from, int64_t to, struct found *found) {
    int fd, rc = segment->txn_verified ? 0 : verify(log, segment);
    if (rc == 0 && segment->txn_count == 0) return 0;
    if (rc == 0) rc = open_index(log, segment, PB_OPEN_READ, &fd);
    if (rc < 0) return rc == PB_E_NOENT ? PB_E_CORRUPT_FILE : rc;
    rc = collect(log, segment, fd, from, to, found);
    log->env->file_close(log->env->context, fd);
    return rc;
}

static int by_first_offset(const void *left, const void *right) {
    const struct pb_completed_txn *a = left, *b = right;
    return a->first_offset < b->first_offset ? -1 : a->first_offset > b->first_offset;
}

static bool may_have_aborted(const struct pb_log *log, const struct pb_segment *segment) {
    return segment->txn_count > 0 || (!segment->txn_verified && log->producers.transactional && segment->end_pos > 0);
}

int pb__log_aborted_collect(struct pb_log *log, int64_t from, int64_t to, struct pb_completed_txn **items_out, int32_t *count_out) {
    struct found found = { 0 };
    int rc = 0;
    /* An aborted transaction stands in the segment of its marker, which is at or behind the segment of `from`. */
    for (int32_t i = 0; rc == 0 && i < log->segment_count; i++)
        if (log->segments[i]->end_offset > from && may_have_aborted(log, log->segments[i])) rc = collect_segment(log, log->segments[i], from, to, &found);
    if (rc < 0) {
        pb__env_free(log->env, found.items);
        return rc;
    }
    if (found.count > 0) qsort(found.items, (size_t)found.count, sizeof *found.items, by_first_offset);
    *items_out = found.items;
    *count_out = found.count;
    return 0;
}

int pb__log_aborted_between(struct pb_log *log, int64_t from, int64_t to, pb_log_aborted_fn each, void *context) {
    struct pb_completed_txn *items;
    int32_t count;
    int rc = pb__log_aborted_collect(log, from, to, &items, &count);
    if (rc < 0) return rc;
    for (int32_t i = 0; i < count; i++) each(context, items[i].producer_id, items[i].first_offset);
    pb__env_free(log->env, items);
    return 0;
}
