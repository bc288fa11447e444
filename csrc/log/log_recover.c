/* log/log_recover.c — from files to a log.
 *
 * After a clean stop files are trusted: the tail of the last segment is found from its last index entry, producers come from the newest snapshot.
 * Otherwise all from the recovery point on is read and checked: the first batch that is none ends the log. What lies below was synced once: it is not read,
 * but each segment must begin and end where its name and its neighbour's say. Damage there takes the partition off-line (PB_E_CORRUPT_FILE) and changes
 * nothing. Indexes, leader epochs and producers' state are derived and made anew.
 * Order       names -> segments -> where to begin -> state at that place (aborted transactions, epochs, producers) -> batches from there on -> what is no more
 * Source      kafka:storage LogLoader, LogSegment.recover, ProducerStateManager */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/endian.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "log/log_internal.h"

enum { NAME_DIGITS = 20, NAMES_MAX = 1 << 22, FOREIGN_BATCH_BYTES_MAX = 128 * 1024 * 1024 };

struct listing { const struct pb_log *log; int64_t *bases; int32_t count, capacity, kept_from; int rc; };

/* 20 digits, then exactly the suffix. */
bool pb__log_parse_name(const char *name, const char *suffix, int64_t *offset_out) {
    char *end;
    if (strspn(name, "0123456789") != NAME_DIGITS || strcmp(name + NAME_DIGITS, suffix) != 0) return false;
    *offset_out = strtoll(name, &end, 10);
    return *offset_out >= 0 && *offset_out < INT64_MAX;
}

static int add_name(void *context, const char *name, enum pb_file_kind kind) {
    struct listing *listing = context;
    int64_t offset;
    if (kind == PB_FILE_REGULAR && pb__is_removed_name(name)) pb__log_unlink_removed(listing->log, name);
    if (kind != PB_FILE_REGULAR || !pb__log_parse_name(name, ".log", &offset)) return 0;   /* links, pipes, directories, names of others: left alone */
    if (listing->count == listing->capacity) {
        int32_t capacity = listing->capacity > 0 ? listing->capacity * 2 : 16;
        int64_t *bases = capacity > NAMES_MAX ? NULL : pb__env_resize(listing->log->env, listing->bases, (size_t)capacity * sizeof *bases);
        if (bases == NULL) return listing->rc = PB_E_NOMEM;
        listing->bases = bases;
        listing->capacity = capacity;
    }
    listing->bases[listing->count++] = offset;
    return 0;
}

static int by_value(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static int add_segment(struct pb_log *log, int64_t base_offset, int64_t next_base) {
    struct pb_segment *segment;
    int rc = pb__log_add_segment(log, base_offset, false, &segment);
    if (rc == 0) rc = pb__file_size(segment->log, &segment->end_pos);
    if (rc < 0) return rc;
    if (segment->end_pos > INT32_MAX) return PB_E_CORRUPT_FILE;
    segment->end_offset = next_base;
    segment->synced_pos = segment->end_pos;
    segment->max_timestamp = INT64_MIN;
    segment->index_count = segment->time_count = -1;
    log->size_bytes += segment->end_pos;
    return 0;
}

/* Segments wholly below start_offset were to be removed when the process ended; which of them are still there says nothing of the rest. */
static int add_segments(struct pb_log *log, int64_t start_offset, struct listing *listing) {
    *listing = (struct listing){ .log = log };
    int rc = log->env->dir_walk(log->env->context, log->dir, add_name, listing);
    rc = listing->rc < 0 ? listing->rc : rc < 0 ? PB_E_IO : 0;
    const int64_t *bases = listing->bases;
    if (listing->count > 1) qsort(listing->bases, (size_t)listing->count, sizeof *bases, by_value);
    while (listing->kept_from + 1 < listing->count && bases[listing->kept_from + 1] <= start_offset) listing->kept_from++;
    for (int32_t i = listing->kept_from; rc == 0 && i < listing->count; i++) rc = add_segment(log, bases[i], i + 1 < listing->count ? bases[i + 1] : bases[i]);
    return rc;
}

static int damaged(struct pb_log *log, int64_t segment, int64_t offset, int64_t recovery_point, const char *why) {
    pb__env_log(log->env, PB_LOG_ERROR, "event=log-damaged topic=%s partition=%d segment=%lld offset=%lld recovery_point=%lld reason=%s", log->topic, log->partition,
                (long long)segment, (long long)offset, (long long)recovery_point, why);
    return PB_E_CORRUPT_FILE;
}

/* All that belongs in a segment is there, and something behind it: blocks of a preallocated one, the rest of a cut that was lost. */
static int trim(struct pb_log *log, struct pb_segment *segment, int64_t size, int64_t end_pos) {
    int rc = pb__file_truncate(segment->log, end_pos);
    if (rc == 0) rc = pb__file_datasync(segment->log);
    log->size_bytes -= size - end_pos;
    segment->end_pos = end_pos;
    return rc;
}

/* Nothing but zeros from pos to the segment's end. 1, 0 or an error. */
static int is_empty_from(struct pb_segment *segment, int64_t pos) {
    uint8_t bytes[4096];
    for (size_t got; pos < segment->end_pos; pos += (int64_t)got) {
        int rc = pb__file_read(segment->log, bytes, (size_t)pb__min_i64(sizeof bytes, segment->end_pos - pos), pos, &got);
        if (rc < 0 || got == 0) return rc;
        for (size_t i = 0; i < got; i++)
            if (bytes[i] != 0) return 0;
    }
    return 1;
}

/* ---- below the recovery point: where segments begin and end */

static int check_begin(struct pb_log *log, struct pb_segment *segment, int64_t recovery_point) {
    struct pb_batch batch;
    int rc = segment->end_pos == 0 ? 0 : pb__segment_header(segment, 0, &batch);
    if (rc < 0 || segment->end_pos == 0) return rc;
    if (rc == 0) return damaged(log, segment->base_offset, segment->base_offset, recovery_point, "begins-with-no-batch");
    if (batch.base_offset == segment->base_offset || (pb__log_may_lack(log, segment->base_offset) && batch.base_offset > segment->base_offset)) return 0;
    return damaged(log, segment->base_offset, batch.base_offset, recovery_point, "name-is-not-its-first-offset");
}

/* The last batch of a sealed segment: ends its file, and the next segment follows. */
static int check_end(struct pb_log *log, struct pb_segment *segment, int64_t recovery_point) {
    struct pb_batch batch;
    int64_t pos;
    int rc = pb__segment_locate(log, segment, segment->end_offset - 1, &pos, &batch);
    if (rc == PB_E_NOENT && pb__log_may_lack(log, segment->end_offset - 1)) return 0;
    if (rc == PB_E_NOENT) return damaged(log, segment->base_offset, segment->end_offset, recovery_point, "offsets-missing-before-next-segment");
    if (rc == PB_E_CORRUPT_FILE) return damaged(log, segment->base_offset, segment->end_offset, recovery_point, "batches-in-no-order");
    if (rc < 0) return rc;
    bool is_last = pb__batch_last_offset(&batch) + 1 == segment->end_offset;
    if (is_last && pos + batch.size_bytes == segment->end_pos) return 0;
    rc = is_last ? is_empty_from(segment, pos + batch.size_bytes) : 0;      /* preallocated, and the cut was lost */
    if (rc != 0) return rc < 0 ? rc : trim(log, segment, segment->end_pos, pos + batch.size_bytes);
    return damaged(log, segment->base_offset, pb__batch_last_offset(&batch), recovery_point, "overlaps-next-segment");
}

/* ---- where to begin */

/* The latest time below segment->end_pos, from the last time entry on. The index of that entry is right, or none is kept. */
static int find_max_timestamp(struct pb_log *log, struct pb_segment *segment) {
    int64_t timestamp;
    segment->max_timestamp = INT64_MIN;
    int rc = segment->end_pos == 0 ? 0 : pb__segment_max_timestamp(log, segment, &timestamp);
    if (segment->end_pos == 0) segment->max_timestamp = -1;
    segment->max_timestamp_offset = segment->end_offset - 1;                /* an upper bound: nothing up to there is later */
    return rc;
}

/* The last index entry below `offset` that names a batch; what is checked begins there, and the segment is taken to end there. Entries behind go. */
static int begin_at(struct pb_log *log, struct pb_segment *segment, int64_t offset) {
    int64_t entry_offset;
    int32_t pos;
    struct pb_batch batch;
    int rc = pb__index_load(log, segment, (int32_t)segment->end_pos, offset);
    if (rc == 0) rc = pb__index_look_up(log, segment, INT64_MAX, &entry_offset, &pos);
    if (rc == 0 && pos > 0) rc = pb__segment_header(segment, pos, &batch);
    if (rc < 0) return rc;
    if (pos > 0 && (rc == 0 || pb__batch_last_offset(&batch) != entry_offset)) {
        pb__env_log(log->env, PB_LOG_WARNING, "event=index-rebuilt topic=%s partition=%d segment=%lld reason=entry-names-no-batch", log->topic, log->partition,
                    (long long)segment->base_offset);
        pos = 0;
    }
    segment->end_pos = pos;
    segment->end_offset = pos == 0 ? segment->base_offset : batch.base_offset;
    if ((rc = pb__index_load(log, segment, pos, segment->end_offset)) < 0) return rc;
    if (pos > 0 && (rc = pb__segment_header(segment, 0, &batch)) < 0) return rc;
    segment->first_timestamp = pos > 0 && rc > 0 ? batch.max_timestamp : -1;
    pb__log_forget_hints(log);
    return find_max_timestamp(log, segment);
}

/* ---- the part that may be wrong */

/* Whether the batch may come behind what the segment has. A sum that is right and an offset that is not are no torn tail: PB_E_CORRUPT_FILE, nothing is cut. */
static int check_offset(const struct pb_log *log, const struct pb_segment *segment, const struct pb_batch *batch) {
    if (batch->base_offset < segment->end_offset || pb__batch_last_offset(batch) - segment->base_offset > INT32_MAX) return PB_E_CORRUPT_BATCH;
    return batch->base_offset == segment->end_offset || pb__log_may_lack(log, segment->end_offset) ? 0 : PB_E_CORRUPT_FILE;
}

/* Batches from segment->end_pos on, up to size; all that is derived from them is made on the way. Stops at the first that is no batch. */
static int check_batches(struct pb_log *log, struct pb_segment *segment, int64_t size, bool clean) {
    struct pb_scan scan;
    struct pb_batch batch;
    int rc = pb__scan_open(&scan, log, segment, segment->end_pos, size, !clean);
    while (rc >= 0 && (rc = pb__scan_next(&scan, &batch)) > 0) {
        int64_t pos = segment->end_pos;
        if ((rc = check_offset(log, segment, &batch)) < 0) break;
        pb__segment_add_batch(segment, &batch);
        (void)pb__index_append(log, segment, &batch, (int32_t)pos);         /* an entry that is missing costs time alone */
        if ((rc = pb__epochs_assign(&log->epochs, log->env, batch.leader_epoch, batch.base_offset)) > 0) log->epochs_dirty = true;
        if (rc >= 0 && !clean) rc = pb__log_apply_producer(log, segment, &batch);
    }
    pb__scan_close(&scan);
    return rc;
}

/* A whole batch of another format lies at end_pos: whoever wrote it knows better than we. */
static int is_foreign(struct pb_log *log, struct pb_segment *segment, int64_t size) {
    uint8_t prefix[PB_BATCH_PREFIX_BYTES];
    size_t got;
    int rc = pb__file_read(segment->log, prefix, sizeof prefix, segment->end_pos, &got);
    if (rc < 0 || got < sizeof prefix) return rc;
    int64_t length = (int64_t)pb__get_i32(prefix + 8) + PB_BATCH_PREFIX_BYTES;
    if (length <= PB_BATCH_PREFIX_BYTES || length > size - segment->end_pos || length > FOREIGN_BATCH_BYTES_MAX) return 0;
    uint8_t *bytes = pb__env_alloc(log->env, (size_t)length);
    if (bytes == NULL) return PB_E_NOMEM;
    rc = pb__file_read(segment->log, bytes, (size_t)length, segment->end_pos, &got);
    if (rc == 0) rc = got == (size_t)length && pb__batch_is_foreign(bytes, got);
    pb__env_free(log->env, bytes);
    return rc;
}

/* Segments behind a cut hold nothing that may be served, and must not come back. */
static int drop_after(struct pb_log *log, int32_t at) {
    int rc = 0;
    if (log->segment_count == at + 1) return 0;
    while (rc == 0 && log->segment_count > at + 1) {
        struct pb_segment *segment = pb__log_active(log);
        if ((rc = pb__log_unlink_segment(log, segment->base_offset)) < 0) return rc;
        PB_FAILPOINT(log->env, RECOVER_SEGMENT_DROPPED);
        log->size_bytes -= segment->end_pos;
        pb__log_drop_segment(log, log->segment_count - 1);
    }
    return log->env->dir_sync(log->env->context, log->dir) < 0 ? PB_E_IO : 0;
}

static int cut(struct pb_log *log, int32_t at, int64_t size) {
    struct pb_segment *segment = log->segments[at];
    pb__env_log(log->env, PB_LOG_WARNING, "event=log-tail-cut topic=%s partition=%d end_offset=%lld bytes=%lld segments=%d", log->topic, log->partition,
                (long long)segment->end_offset, (long long)(size - segment->end_pos), log->segment_count - at - 1);
    PB_FAILPOINT(log->env, RECOVER_BEFORE_CUT);
    int rc = drop_after(log, at);
    PB_FAILPOINT(log->env, RECOVER_DROPPED);
    if (rc == 0 && size > segment->end_pos) rc = pb__file_truncate(segment->log, segment->end_pos);
    PB_FAILPOINT(log->env, RECOVER_AFTER_CUT);
    if (rc == 0 && size > segment->end_pos) rc = pb__file_datasync(segment->log);   /* else good batches behind a bad one might come back behind new ones */
    log->size_bytes -= size - segment->end_pos;
    return rc;
}

struct plan {
    const struct pb_log_options *options;
    int64_t point, first_size;
    int32_t first, first_txns_kept, first_txns_cut;
};

/* One segment whose end_pos says up to where it is known. *ends_out: the log ends in it. */
static int recover_segment(struct pb_log *log, const struct plan *plan, int32_t at, int64_t size, bool *ends_out) {
    struct pb_segment *segment = log->segments[at];
    bool is_last = at + 1 == log->segment_count;
    int64_t next_base = is_last ? INT64_MAX : log->segments[at + 1]->base_offset;
    int rc = check_batches(log, segment, size, plan->options->clean);
    PB_FAILPOINT(log->env, RECOVER_SEGMENT);
    if (rc == PB_E_CORRUPT_FILE) return damaged(log, segment->base_offset, segment->end_offset, plan->point, "offsets-missing");
    if (rc < 0 && rc != PB_E_CORRUPT_BATCH) return rc;
    if (segment->end_offset > next_base) return damaged(log, segment->base_offset, segment->end_offset, plan->point, "overlaps-next-segment");
    if (rc >= 0 && is_last && segment->end_offset < plan->point) return damaged(log, segment->base_offset, segment->end_offset, plan->point, "ends-before-recovery-point");
    if (rc < 0 && !is_last && segment->end_offset == next_base) return trim(log, segment, size, segment->end_pos);
    bool is_hole = rc >= 0 && !is_last && segment->end_offset < next_base && !pb__log_may_lack(log, segment->end_offset);
    if (rc >= 0 && !is_hole) return 0;
    if (segment->end_offset < plan->point || plan->options->clean) return damaged(log, segment->base_offset, segment->end_offset, plan->point, is_hole ? "offsets-missing-before-next-segment" : "bad-batch");
    if (rc < 0 && (rc = is_foreign(log, segment, size)) != 0) return rc < 0 ? rc : damaged(log, segment->base_offset, segment->end_offset, plan->point, "other-format");
    *ends_out = true;
    return cut(log, at, size);
}

static int recover_segments(struct pb_log *log, const struct plan *plan) {
    bool ends = false;
    int rc = 0;
    for (int32_t at = plan->first; rc == 0 && !ends && at < log->segment_count; at++) {
        struct pb_segment *segment = log->segments[at];
        int64_t size = at == plan->first ? plan->first_size : segment->end_pos;
        if (at > plan->first) {
            segment->end_pos = 0;
            segment->end_offset = segment->base_offset;
            segment->max_timestamp = -1;
            rc = pb__index_load(log, segment, 0, segment->base_offset);
            if (rc == 0) rc = pb__txn_index_cut(log, segment, 0);
            segment->txn_verified = true;
        }
        if (rc == 0) rc = recover_segment(log, plan, at, size, &ends);
        /* Fewer came again than were cut: one of them was rubbish, and perhaps told of a marker below. */
        if (rc == 0 && at == plan->first && !plan->options->clean && segment->txn_count < plan->first_txns_kept + plan->first_txns_cut) rc = pb__txn_index_renew(log, segment);
        if (rc == 0 && at + 1 < log->segment_count) {
            (void)pb__index_seal(log, segment);
            PB_FAILPOINT(log->env, RECOVER_SEALED);
            pb__env_free(log->env, segment->pending);
            segment->pending = NULL;
        }
        if (!plan->options->clean) segment->synced_pos = 0;                 /* read from the page cache, perhaps: the next sync makes sure */
    }
    return rc;
}

/* ---- state at the place where checking begins */

/* Of segments that nothing is checked of. An entry behind the end of its segment is none of them. */
static int load_txn_indexes(struct pb_log *log, int32_t count) {
    int rc = 0;
    for (int32_t i = 0; rc == 0 && i < count; i++) {
        int32_t cut = 0;
        rc = pb__txn_index_load(log, log->segments[i], log->segments[i]->end_offset, &cut);
        if (rc == PB_E_CORRUPT_FILE || (rc == 0 && cut > 0)) rc = pb__txn_index_renew(log, log->segments[i]);
    }
    return rc;
}

/* Of the segment in which checking begins: entries behind are made again by it. */
static int load_first_txn_index(struct pb_log *log, struct plan *plan) {
    struct pb_segment *segment = log->segments[plan->first];
    int rc = pb__txn_index_load(log, segment, segment->end_offset, &plan->first_txns_cut);
    plan->first_txns_kept = segment->txn_count;
    return rc == PB_E_CORRUPT_FILE ? pb__txn_index_renew(log, segment) : rc;
}

static int assign_epochs(struct pb_log *log, struct pb_segment *segment) {
    struct pb_scan scan;
    struct pb_batch batch;
    int rc = pb__scan_open(&scan, log, segment, 0, segment->end_pos, false);
    while (rc >= 0 && (rc = pb__scan_next(&scan, &batch)) > 0) rc = pb__epochs_assign(&log->epochs, log->env, batch.leader_epoch, batch.base_offset);
    pb__scan_close(&scan);
    return rc == PB_E_CORRUPT_BATCH ? PB_E_CORRUPT_FILE : rc;
}

/* The file, or when it is not to be had the headers of the segments up to `last`. */
static int load_epochs(struct pb_log *log, int32_t last) {
    char path[PB_PATH_BYTES_MAX];
    int rc = pb__log_path(log, -1, "leader-epoch-checkpoint", path);
    if (rc == 0) rc = pb__epochs_read(&log->epochs, log->env, path);
    if (rc == PB_E_CORRUPT_FILE) pb__env_log(log->env, PB_LOG_WARNING, "event=leader-epochs-rebuilt path=%s", path);
    if (rc != PB_E_NOENT && rc != PB_E_CORRUPT_FILE) return rc;
    rc = 0;
    for (int32_t i = 0; rc >= 0 && i <= last; i++) rc = assign_epochs(log, log->segments[i]);
    log->epochs_dirty = true;
    return rc < 0 ? rc : 0;
}

static void trim_epochs(struct pb_log *log) {
    int32_t count = log->epochs.count;
    pb__epochs_truncate_end(&log->epochs, log->end_offset);
    if (log->epochs.count == count) return;
    pb__env_log(log->env, PB_LOG_WARNING, "event=leader-epochs-trimmed topic=%s partition=%d end_offset=%lld epochs=%d", log->topic, log->partition, (long long)log->end_offset,
                count - log->epochs.count);
    log->epochs_dirty = true;
}

/* ---- all together */

static int check_below(struct pb_log *log, const struct plan *plan) {
    int rc = 0;
    for (int32_t i = 0; rc == 0 && !plan->options->clean && i <= plan->first && log->segments[i]->base_offset < plan->point; i++) {
        rc = check_begin(log, log->segments[i], plan->point);
        if (rc == 0 && i < plan->first) rc = check_end(log, log->segments[i], plan->point);
    }
    return rc;
}

static int recover(struct pb_log *log, struct plan *plan) {
    int32_t last = log->segment_count - 1;
    plan->first = last;
    plan->point = plan->options->recovery_point;
    while (!plan->options->clean && plan->first > 0 && log->segments[plan->first]->base_offset > plan->point) plan->first--;
    struct pb_segment *segment = log->segments[plan->first];
    plan->first_size = segment->end_pos;
    int rc = check_below(log, plan);
    if (rc == 0) rc = begin_at(log, segment, plan->options->clean ? INT64_MAX : pb__max_i64(plan->point, segment->base_offset));
    if (rc == 0) rc = load_epochs(log, plan->first);
    PB_FAILPOINT(log->env, RECOVER_EPOCHS);
    if (rc == 0 && !plan->options->clean) rc = load_txn_indexes(log, plan->first);
    if (rc == 0 && !plan->options->clean) rc = load_first_txn_index(log, plan);
    if (rc == 0 && !plan->options->clean) rc = pb__producers_restore(log, segment->end_offset);
    PB_FAILPOINT(log->env, RECOVER_PRODUCERS);
    if (rc == 0) rc = recover_segments(log, plan);
    if (rc == 0 && plan->options->clean) rc = load_txn_indexes(log, last + 1);
    if (rc == 0 && plan->options->clean) rc = pb__producers_restore(log, segment->end_offset);
    return rc;
}

static int recover_from(struct pb_log *log, const struct pb_log_options *options, int64_t start_offset, struct listing *listing) {
    struct plan plan = { .options = options };
    int rc = add_segments(log, start_offset, listing);
    if (rc < 0) return rc;
    if (log->segment_count == 0) return options->recovery_point <= options->start_offset ? 0 : damaged(log, 0, 0, options->recovery_point, "no-segments");
    PB_FAILPOINT(log->env, RECOVER_LISTED);
    log->dir_dirty = log->epochs_dirty = !options->clean;                   /* a process that was killed may have left names and bytes that no disk has seen */
    for (int32_t i = 0; i < log->segment_count; i++) log->segments[i]->txn_dirty = log->segments[i]->length_dirty = !options->clean && log->segments[i]->end_offset >= options->recovery_point;
    if ((rc = recover(log, &plan)) < 0) return rc;
    PB_FAILPOINT(log->env, RECOVER_STATE);
    log->end_offset = pb__log_active(log)->end_offset;
    log->start_offset = pb__max_i64(start_offset, log->segments[0]->base_offset);
    return 0;
}

/* A beginning behind the end was none: all that is there counts. */
static int recover_anew(struct pb_log *log, const struct pb_log_options *options, struct listing *listing) {
    pb__env_log(log->env, PB_LOG_WARNING, "event=log-start-ignored topic=%s partition=%d start_offset=%lld end_offset=%lld", log->topic, log->partition,
                (long long)options->start_offset, (long long)log->end_offset);
    while (log->segment_count > 0) pb__log_drop_segment(log, log->segment_count - 1);
    pb__producers_clear(&log->producers);
    log->epochs.count = 0;
    log->size_bytes = 0;
    pb__env_free(log->env, listing->bases);
    return recover_from(log, options, 0, listing);
}

int pb__log_recover(struct pb_log *log, const struct pb_log_options *options) {
    struct listing listing;
    int rc = pb__log_finish_swaps(log);
    if (rc < 0) return rc;
    rc = recover_from(log, options, options->start_offset, &listing);
    if (rc == 0 && log->start_offset > log->end_offset) rc = recover_anew(log, options, &listing);
    if (rc == 0 && log->segment_count > 0) {
        log->synced_offset = options->clean ? log->end_offset : pb__min_i64(options->recovery_point, log->end_offset);
        trim_epochs(log);
        pb__epochs_truncate_start(&log->epochs, log->start_offset);
        if (log->epochs_dirty) rc = pb__log_write_epochs(log, false);
        if (rc == 0) rc = pb__snapshots_sweep(log, log->end_offset);
        for (int32_t i = 0; rc == 0 && i < listing.kept_from; i++) rc = pb__log_unlink_segment(log, listing.bases[i]);
    }
    pb__env_free(log->env, listing.bases);
    return rc;
}
