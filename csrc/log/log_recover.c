/* log/log_recover.c — from files to a log.
 *
 * After a clean stop files are trusted: the tail of the last segment is found from its last index entry, producers come from the newest snapshot.
 * Otherwise all from the recovery point on is read and checked: the first batch that is none ends the log; a bad one below the recovery point was synced
 * once, so the disk lost it: the partition goes off-line (PB_E_CORRUPT_FILE) and nothing is changed. Indexes and producers' state are derived and made anew. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "log/log_internal.h"

enum { NAME_DIGITS = 20, NAMES_MAX = 1 << 22 };

struct listing {
    const struct pb_env *env;
    int64_t *bases, *snapshots;
    int32_t base_count, base_capacity, snapshot_count, snapshot_capacity;
    bool has_txn_index;
    int rc;
};

/* 20 digits, then exactly the suffix. */
static bool parse_name(const char *name, const char *suffix, int64_t *offset_out) {
    char *end;
    if (strspn(name, "0123456789") != NAME_DIGITS || strcmp(name + NAME_DIGITS, suffix) != 0) return false;
    *offset_out = strtoll(name, &end, 10);
    return *offset_out >= 0 && *offset_out < INT64_MAX;
}

static void push(struct listing *listing, int64_t **items, int32_t *count, int32_t *capacity, int64_t offset) {
    if (*count == *capacity) {
        int32_t wanted = *capacity > 0 ? *capacity * 2 : 16;
        int64_t *bigger = wanted > NAMES_MAX ? NULL : pb__env_resize(listing->env, *items, (size_t)wanted * sizeof **items);
        if (bigger == NULL) {
            listing->rc = PB_E_NOMEM;
            return;
        }
        *items = bigger;
        *capacity = wanted;
    }
    (*items)[(*count)++] = offset;
}

static int add_name(void *context, const char *name, enum pb_file_kind kind) {
    struct listing *listing = context;
    int64_t offset;
    if (kind != PB_FILE_REGULAR) return 0;                                  /* links, pipes, directories: not ours, left alone */
    if (parse_name(name, ".log", &offset)) push(listing, &listing->bases, &listing->base_count, &listing->base_capacity, offset);
    if (parse_name(name, ".snapshot", &offset)) push(listing, &listing->snapshots, &listing->snapshot_count, &listing->snapshot_capacity, offset);
    if (parse_name(name, ".txnindex", &offset)) listing->has_txn_index = true;
    return listing->rc;
}

static int by_value(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static int list(struct pb_log *log, struct listing *listing) {
    *listing = (struct listing){ .env = log->env };
    int rc = log->env->dir_walk(log->env->context, log->dir, add_name, listing);
    if (listing->rc < 0) return listing->rc;
    if (rc < 0) return PB_E_IO;
    if (listing->base_count > 1) qsort(listing->bases, (size_t)listing->base_count, sizeof *listing->bases, by_value);
    if (listing->snapshot_count > 1) qsort(listing->snapshots, (size_t)listing->snapshot_count, sizeof *listing->snapshots, by_value);
    log->has_txn_index = listing->has_txn_index;
    return 0;
}

static int add_segments(struct pb_log *log, const struct listing *listing) {
    for (int32_t i = 0; i < listing->base_count; i++) {
        struct pb_segment *segment;
        int rc = pb__log_add_segment(log, listing->bases[i], &segment);
        if (rc == 0) rc = pb__file_size(segment->log, &segment->end_pos);
        if (rc < 0) return rc;
        if (segment->end_pos > INT32_MAX) return PB_E_CORRUPT_FILE;
        segment->end_offset = i + 1 < listing->base_count ? listing->bases[i + 1] : segment->base_offset;
        segment->synced_pos = segment->end_pos;
        segment->max_timestamp = INT64_MIN;
        segment->index_count = segment->time_count = -1;
        log->size_bytes += segment->end_pos;
    }
    return 0;
}

/* ---- the part that may be wrong */

struct tail { int64_t pos, offset; };                                       /* where good batches end */

/* Offsets rise within a segment and stay below the next one's base. */
static bool is_in_order(const struct pb_segment *segment, const struct pb_batch *batch, int64_t next_offset) {
    return batch->base_offset >= next_offset && batch->base_offset >= segment->base_offset && pb__batch_last_offset(batch) - segment->base_offset <= INT32_MAX;
}

/* Batches from segment->end_pos on, up to size; index entries are made on the way. Stops at the first that is no batch. */
static int check_batches(struct pb_log *log, struct pb_segment *segment, int64_t size, bool whole) {
    struct pb_scan scan;
    struct pb_batch batch;
    int rc = pb__scan_open(&scan, log, segment, segment->end_pos, size, whole);
    while (rc >= 0 && (rc = pb__scan_next(&scan, &batch)) > 0) {
        if (!is_in_order(segment, &batch, segment->end_offset)) {
            rc = PB_E_CORRUPT_BATCH;
            break;
        }
        if ((rc = pb__index_append(log, segment, &batch, (int32_t)segment->end_pos)) < 0) break;
        if (batch.max_timestamp > segment->max_timestamp) {
            segment->max_timestamp = batch.max_timestamp;
            segment->max_timestamp_offset = pb__batch_last_offset(&batch);
        }
        if (segment->end_pos == 0) segment->first_timestamp = batch.max_timestamp;
        segment->end_pos = scan.pos;
        segment->end_offset = pb__batch_last_offset(&batch) + 1;
        if (pb__epochs_assign(&log->epochs, log->env, batch.leader_epoch, batch.base_offset) < 0) rc = PB_E_NOMEM;
        if (rc < 0) break;
    }
    pb__scan_close(&scan);
    return rc;
}

/* Begin where the index is still to be trusted: its last entry at or below `offset`. */
static int start_at(struct pb_log *log, struct pb_segment *segment, int64_t offset, int64_t size) {
    int64_t entry_offset;
    int32_t pos;
    segment->end_pos = size;                                                /* bound of entries */
    int rc = pb__index_load(log, segment, (int32_t)size, INT64_MAX);
    if (rc == 0) rc = pb__index_look_up(log, segment, offset - 1, &entry_offset, &pos);
    if (rc < 0) return rc;
    segment->end_pos = pos;
    segment->end_offset = pos == 0 ? segment->base_offset : 0;              /* the batch at pos says */
    rc = pb__index_load(log, segment, pos, INT64_MAX);                      /* entries from pos on are made anew */
    segment->max_timestamp = segment->time_entry_last;
    pb__log_forget_hints(log);
    return rc;
}

static int cut(struct pb_log *log, struct pb_segment *segment, int64_t size, int64_t from_segment) {
    int rc = size == segment->end_pos ? 0 : pb__file_truncate(segment->log, segment->end_pos);
    if (rc < 0) return rc;
    pb__env_log(log->env, PB_LOG_WARNING, "event=log-tail-cut topic=%s partition=%d end_offset=%lld bytes=%lld segments=%d", log->topic, log->partition,
                (long long)segment->end_offset, (long long)(size - segment->end_pos), log->segment_count - (int32_t)from_segment - 1);
    log->size_bytes -= size - segment->end_pos;
    return 0;
}

/* Segments behind a cut hold nothing that may be served. */
static int drop_after(struct pb_log *log, int32_t at) {
    static const char *const suffixes[] = { ".log", ".index", ".timeindex", ".txnindex", ".snapshot" };
    char path[PB_PATH_BYTES_MAX];
    while (log->segment_count > at + 1) {
        struct pb_segment *segment = pb__log_active(log);
        for (size_t i = 0; i < PB_COUNT(suffixes); i++) {
            int rc = pb__log_path(log, segment->base_offset, suffixes[i], path);
            if (rc < 0) return rc;
            (void)log->env->file_unlink(log->env->context, path);           /* one that stays is seen and cut again by the next recovery */
        }
        log->size_bytes -= segment->end_pos;
        pb__log_drop_segment(log, log->segment_count - 1);
    }
    log->dir_dirty = true;
    return 0;
}

/* One segment from `offset` on. *cut_out: the log ends in it. */
static int recover_segment(struct pb_log *log, int32_t at, int64_t offset, int64_t recovery_point, bool clean, bool *cut_out) {
    struct pb_segment *segment = log->segments[at];
    int64_t size = segment->end_pos, next_base = at + 1 < log->segment_count ? log->segments[at + 1]->base_offset : INT64_MAX;
    int rc = start_at(log, segment, offset, size);
    if (rc == 0) rc = check_batches(log, segment, size, !clean);
    if (rc >= 0 && segment->end_offset > next_base) rc = PB_E_CORRUPT_FILE;
    if (rc == PB_E_CORRUPT_BATCH && segment->end_offset < recovery_point) rc = PB_E_CORRUPT_FILE;
    if (rc == PB_E_CORRUPT_FILE)
        pb__env_log(log->env, PB_LOG_ERROR, "event=log-damaged topic=%s partition=%d segment=%lld offset=%lld recovery_point=%lld", log->topic, log->partition,
                    (long long)segment->base_offset, (long long)segment->end_offset, (long long)recovery_point);
    *cut_out = rc == PB_E_CORRUPT_BATCH;
    if (!*cut_out) return rc < 0 ? rc : 0;
    rc = cut(log, segment, size, at);
    return rc < 0 ? rc : drop_after(log, at);
}

static int recover_segments(struct pb_log *log, const struct pb_log_options *options) {
    bool cut_short = false;
    int rc = 0;
    int32_t last = log->segment_count - 1, first = last;
    if (!options->clean)
        while (first > 0 && log->segments[first]->base_offset > options->recovery_point) first--;
    for (int32_t at = first; rc == 0 && !cut_short && at < log->segment_count; at++) {
        struct pb_segment *segment = log->segments[at];
        int64_t from = options->clean ? INT64_MAX : pb__max_i64(options->recovery_point, segment->base_offset);
        rc = recover_segment(log, at, from, options->clean ? INT64_MAX : options->recovery_point, options->clean, &cut_short);
        if (rc == 0 && at + 1 < log->segment_count) rc = pb__index_seal(log, segment);
        if (at + 1 < log->segment_count) {
            pb__env_free(log->env, segment->pending);
            segment->pending = NULL;
        }
        if (!options->clean) segment->synced_pos = 0;                       /* read from the page cache, perhaps: the next sync makes sure */
    }
    return rc;
}

/* ---- producers */

static int replay_producers(struct pb_log *log, int64_t from) {
    for (int32_t i = 0; i < log->segment_count; i++) {
        struct pb_segment *segment = log->segments[i];
        int64_t entry_offset, next = i + 1 < log->segment_count ? log->segments[i + 1]->base_offset : log->end_offset;
        int32_t pos;
        if (next <= from) continue;
        struct pb_scan scan;
        struct pb_batch batch;
        int rc = pb__index_look_up(log, segment, from - 1, &entry_offset, &pos);
        if (rc < 0) return rc;
        rc = pb__scan_open(&scan, log, segment, pos, segment->end_pos, false);
        while (rc >= 0 && (rc = pb__scan_next(&scan, &batch)) > 0)
            if (batch.base_offset >= from) rc = pb__producers_apply(&log->producers, log->env, &batch, pb__env_wall_ms(log->env));
        pb__scan_close(&scan);
        if (rc < 0) return rc;
    }
    return 0;
}

static int load_producers(struct pb_log *log, const struct listing *listing, bool clean) {
    char path[PB_PATH_BYTES_MAX];
    int64_t from = log->start_offset;
    bool loaded = false;
    for (int32_t i = listing->snapshot_count; !loaded && i-- > 0;) {
        int64_t offset = listing->snapshots[i];
        if (offset > log->end_offset) continue;                             /* of what was cut */
        int rc = pb__log_path(log, offset, ".snapshot", path);
        if (rc == 0) rc = pb__producers_read(&log->producers, log->env, path);
        if (rc == PB_E_NOMEM) return rc;
        loaded = rc == 0;
        if (loaded) from = offset;
    }
    if (!loaded && clean && listing->snapshot_count == 0) return 0;         /* a clean stop writes one when there are producers */
    return replay_producers(log, from);
}

static int load_epochs(struct pb_log *log) {
    char path[PB_PATH_BYTES_MAX];
    int rc = pb__log_path(log, -1, "leader-epoch-checkpoint", path);
    if (rc == 0) rc = pb__epochs_read(&log->epochs, log->env, path);
    if (rc == PB_E_CORRUPT_FILE) pb__env_log(log->env, PB_LOG_WARNING, "event=leader-epochs-rebuilt path=%s", path);
    return rc == PB_E_NOENT || rc == PB_E_CORRUPT_FILE ? 0 : rc;
}

int pb__log_recover(struct pb_log *log, const struct pb_log_options *options) {
    struct listing listing;
    int rc = list(log, &listing);
    if (rc == 0) rc = add_segments(log, &listing);
    if (rc == 0) rc = load_epochs(log);
    if (rc == 0 && log->segment_count > 0) rc = recover_segments(log, options);
    if (rc == 0 && log->segment_count > 0) {
        log->end_offset = pb__log_active(log)->end_offset;
        log->start_offset = pb__min_i64(pb__max_i64(options->start_offset, log->segments[0]->base_offset), log->end_offset);
        log->synced_offset = options->clean ? log->end_offset : pb__min_i64(options->recovery_point, log->end_offset);
        pb__epochs_truncate_end(&log->epochs, log->end_offset + 1);
        rc = load_producers(log, &listing, options->clean);
    }
    pb__env_free(log->env, listing.bases);
    pb__env_free(log->env, listing.snapshots);
    return rc;
}
