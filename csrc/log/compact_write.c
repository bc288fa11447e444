/* log/compact_write.c — a group of segments on its way into one new segment: which batches and records stay, and the files .cleaned.
 * Thread      the cleaner's, without the partition's lock */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "log/compact_internal.h"
#include "record/batch_retain.h"

static const char *const cleaned_suffixes[] = { ".index.cleaned", ".timeindex.cleaned", ".txnindex.cleaned", ".log.cleaned" };
static const char *const swap_suffixes[] = { ".index.swap", ".timeindex.swap", ".txnindex.swap", ".log.swap" };

/* ---- which segments become one */

/* As the Java broker: as many as fit into one segment of the present config, and into the range of offsets that an index can count. */
static int32_t last_of_group(const struct pb_compact *compact, int32_t first) {
    const struct pb_log *view = &compact->view;
    int64_t bytes = view->segments[first]->end_pos;
    int32_t last = first;
    for (int32_t next = first + 1; next < view->segment_count && view->segments[next]->base_offset <= compact->latest; next++) {
        const struct pb_segment *segment = view->segments[next];
        bytes += segment->end_pos;
        int64_t entries = bytes / pb__max_i64(view->config->index_interval_bytes, PB_BATCH_HEADER_BYTES) + 1;
        if (bytes > view->config->segment_bytes_max || entries * PB_TIME_ENTRY_BYTES > view->config->segment_index_bytes_max) break;
        if (segment->end_pos > 0 && segment->end_offset - 1 - view->segments[first]->base_offset > INT32_MAX) break;
        last = next;
    }
    return last;
}

static int new_file(struct pb_compact *compact, int64_t base_offset, const char *suffix, struct pb_file **file_out) {
    char path[PB_PATH_BYTES_MAX];
    int rc = pb__log_path(&compact->view, base_offset, suffix, path);
    return rc < 0 ? rc : pb__file_new(compact->view.files, path, PB_OPEN_READ | PB_OPEN_WRITE | PB_OPEN_CREATE | PB_OPEN_TRUNCATE, file_out);
}

int pb__compact_begin_group(struct pb_compact *compact, int32_t first) {
    struct pb_compact_group *group = &compact->group;
    int64_t base = compact->view.segments[first]->base_offset;
    struct pb_segment *segment = pb__env_zalloc(compact->view.env, sizeof *segment);
    if (segment == NULL) return PB_E_NOMEM;
    *group = (struct pb_compact_group){ .first = first, .last = last_of_group(compact, first), .at = first, .segment = segment, .last_offset = -1 };
    segment->base_offset = segment->end_offset = base;
    segment->max_timestamp = segment->first_timestamp = segment->time_entry_last = -1;
    segment->txn_verified = true;
    group->out = pb__env_alloc(compact->view.env, PB_COMPACT_OUT_BYTES);
    int rc = group->out == NULL ? PB_E_NOMEM : new_file(compact, base, cleaned_suffixes[0], &segment->index);
    if (rc == 0) rc = new_file(compact, base, cleaned_suffixes[1], &segment->time_index);
    return rc < 0 ? rc : new_file(compact, base, cleaned_suffixes[3], &segment->log);
}

void pb__compact_drop_group(struct pb_compact *compact) {
    struct pb_compact_group *group = &compact->group;
    const struct pb_env *env = compact->view.env;
    struct pb_segment *segment = group->segment;
    if (segment == NULL) return;
    /* The .log first: what remains of a removal cut short is then never taken for a group that waits to be swapped. */
    struct pb_file *const files[] = { segment->log, segment->index, segment->time_index, group->txn_index };
    for (size_t i = 0; i < PB_COUNT(files); i++) {
        if (files[i] == NULL) continue;
        (void)pb__file_unlink(files[i]);                                    /* what stays goes at the next start */
        pb__file_put(files[i]);
    }
    pb__env_free(env, segment->pending);
    pb__env_free(env, segment);
    pb__env_free(env, group->out);
    group->segment = NULL;
    group->txn_index = NULL;
    group->out = NULL;
    group->swapping = false;
}

/* ---- bytes */

static int write_at(struct pb_compact *compact, struct pb_file *file, uint8_t *bytes, size_t size, int64_t pos) {
    struct iovec iov = { bytes, size };
    compact->done.bytes_written += (int64_t)size;
    return size == 0 ? 0 : pb__file_write(file, &iov, 1, pos);
}

static int flush(struct pb_compact *compact) {
    struct pb_compact_group *group = &compact->group;
    int rc = write_at(compact, group->segment->log, group->out, group->out_size, group->segment->end_pos - (int64_t)group->out_size);
    if (rc == 0) group->out_size = 0;
    return rc;
}

/* A batch of the new segment. Small ones gather; one that is larger than the buffer is written alone. */
static int put_batch(struct pb_compact *compact, uint8_t *bytes, size_t size) {
    struct pb_compact_group *group = &compact->group;
    struct pb_segment *segment = group->segment;
    struct pb_batch batch;
    int64_t pos = segment->end_pos;
    int rc = pb__batch_parse(bytes, size, &batch);
    if (rc < 0) return rc;
    if (pos + (int64_t)size > INT32_MAX) return PB_E_LIMIT;
    if (group->out_size + size > PB_COMPACT_OUT_BYTES && (rc = flush(compact)) < 0) return rc;
    if (size > PB_COMPACT_OUT_BYTES) {
        rc = write_at(compact, segment->log, bytes, size, pos);
    } else {
        memcpy(group->out + group->out_size, bytes, size);
        group->out_size += size;
    }
    if (rc < 0) return rc;
    pb__segment_add_batch(segment, &batch);
    group->last_offset = pb__batch_last_offset(&batch);
    return pb__index_append(&compact->view, segment, &batch, (int32_t)pos);
}

static int put_txn_entry(struct pb_compact *compact, const struct pb_completed_txn *txn) {
    struct pb_compact_group *group = &compact->group;
    uint8_t bytes[PB_TXN_ENTRY_BYTES];
    int rc = group->txn_index != NULL ? 0 : new_file(compact, group->segment->base_offset, cleaned_suffixes[2], &group->txn_index);
    if (rc < 0) return rc;
    pb__txn_entry_write(txn, bytes);
    rc = write_at(compact, group->txn_index, bytes, sizeof bytes, (int64_t)group->segment->txn_count * PB_TXN_ENTRY_BYTES);
    if (rc == 0) group->segment->txn_count++;
    return rc;
}

/* ---- what stays */

/* Its sequence numbers are what the next batch of the producer is checked against. */
static bool is_last_of_producer(const struct pb_compact *compact, const struct pb_batch *batch) {
    int32_t low = 0, high = compact->last_count;
    if (batch->producer_id < 0) return false;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (compact->lasts[middle].producer_id < batch->producer_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == compact->last_count || compact->lasts[low].producer_id != batch->producer_id) return false;
    const struct pb_compact_last *last = &compact->lasts[low];
    if (last->last_offset >= 0) return pb__batch_last_offset(batch) == last->last_offset;
    return (batch->attributes & PB_ATTRIBUTE_CONTROL) && batch->producer_epoch == last->epoch;
}

/* The batch goes, but for its header when a producer needs that. */
static int drop_batch(struct pb_compact *compact, const struct pb_batch *batch) {
    uint8_t header[PB_BATCH_HEADER_BYTES];
    compact->done.records_dropped += batch->record_count;
    if (!is_last_of_producer(compact, batch)) return 0;
    pb__batch_retain_nothing(batch, header);
    return put_batch(compact, header, sizeof header);
}

static bool stays(const struct pb_compact *compact, const struct pb_batch *batch, const struct pb_record *record) {
    if (record->offset > compact->latest) return true;
    if (record->key == NULL) return false;                                  /* written before the topic was compacted: the Java broker drops it as well */
    if (record->offset < pb__key_map_find(&compact->map, record->key, (size_t)record->key_size)) return false;
    int64_t horizon = pb__batch_delete_horizon(batch);
    return record->value != NULL || horizon < 0 || compact->rules.now_ms < horizon;
}

int pb__compact_need_keep(struct pb_compact *compact, size_t count) {
    if (count <= compact->keep_size) return 0;
    pb__env_free(compact->view.env, compact->keep);
    compact->keep_size = 0;
    compact->keep = pb__env_alloc(compact->view.env, count);
    if (compact->keep == NULL) return PB_E_NOMEM;
    compact->keep_size = count;
    return 0;
}

/* Decide for each record. */
static int choose(struct pb_compact *compact, struct pb_batch_iter *iter, bool all, int32_t *kept_out, bool *tombstones_out) {
    struct pb_record record;
    if (iter->batch->record_count > iter->end - iter->pos) return PB_E_INVALID_RECORD;   /* a record has bytes */
    int rc = pb__compact_need_keep(compact, (size_t)iter->batch->record_count);
    if (rc < 0) return rc;
    *kept_out = 0;
    *tombstones_out = false;
    for (int32_t i = 0; (rc = pb__batch_iter_next(iter, &record)) > 0; i++) {
        compact->keep[i] = all || stays(compact, iter->batch, &record);
        *kept_out += compact->keep[i];
        *tombstones_out |= compact->keep[i] && record.value == NULL;
    }
    return rc;
}

static int64_t new_horizon(const struct pb_compact *compact) {
    int64_t delay_ms = pb__max_i64(compact->config.delete_retention_ms, 0), now_ms = pb__max_i64(compact->rules.now_ms, 0);
    return delay_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + delay_ms;
}

static int retain(struct pb_compact *compact, struct pb_batch_iter *iter, bool all, bool marker_is_needless) {
    const struct pb_batch *batch = iter->batch;
    int32_t kept;
    bool tombstones;
    int rc = choose(compact, iter, all, &kept, &tombstones);
    if (rc < 0) return rc;
    if (kept == 0) return drop_batch(compact, batch);
    compact->done.records_dropped += batch->record_count - kept;
    bool sets_horizon = (tombstones || marker_is_needless) && pb__batch_delete_horizon(batch) < 0;
    if (kept == batch->record_count && !sets_horizon) return put_batch(compact, batch->bytes, (size_t)batch->size_bytes);
    uint8_t *bytes;
    size_t size;
    rc = pb__batch_retain(iter, compact->keep, sets_horizon ? new_horizon(compact) : -1, compact->codec, &bytes, &size);
    if (rc < 0) return rc;
    rc = put_batch(compact, bytes, size);
    pb__env_free(compact->view.env, bytes);
    return rc;
}

int pb__compact_write_batch(struct pb_compact *compact, const struct pb_batch *batch) {
    const struct pb_completed_txn *entry = NULL;
    struct pb_batch_iter iter;
    bool is_marker = batch->attributes & PB_ATTRIBUTE_CONTROL;
    compact->done.records_read += batch->record_count;
    int needless = is_marker ? pb__compact_txns_marker(&compact->txns, batch, &entry) : pb__compact_txns_batch(&compact->txns, batch);
    if (needless < 0) return needless;
    int64_t horizon = pb__batch_delete_horizon(batch);
    bool may_go = needless && (!is_marker || batch->record_count == 0 || (horizon >= 0 && horizon <= compact->rules.now_ms));
    if (may_go || batch->record_count == 0) return drop_batch(compact, batch);
    int rc = entry != NULL ? put_txn_entry(compact, entry) : 0;
    if (rc == 0) rc = pb__batch_iter_open(&iter, batch, compact->view.env, compact->codec, PB_COMPACT_UNPACKED_BYTES_MAX);
    if (rc < 0) return rc;
    rc = retain(compact, &iter, is_marker, is_marker && needless);
    pb__batch_iter_close(&iter);
    return rc;
}

/* ---- the end of a group */

static int sync_files(struct pb_compact *compact) {
    struct pb_segment *segment = compact->group.segment;
    int rc = pb__file_datasync(segment->log);
    if (rc == 0) rc = pb__file_datasync(segment->index);
    if (rc == 0) rc = pb__file_datasync(segment->time_index);
    return rc == 0 && compact->group.txn_index != NULL ? pb__file_datasync(compact->group.txn_index) : rc;
}

/* .log last: while one of the group is named .cleaned, a restart throws all of them away. */
static int rename_to_swap(struct pb_compact *compact) {
    struct pb_compact_group *group = &compact->group;
    char path[PB_PATH_BYTES_MAX];
    struct pb_file *const files[] = { group->segment->index, group->segment->time_index, group->txn_index, group->segment->log };
    _Static_assert(PB_COUNT(files) == PB_COUNT(swap_suffixes) && PB_COUNT(files) == PB_COUNT(cleaned_suffixes), "a name for each file");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < PB_COUNT(files); i++) {
        if (files[i] == NULL) continue;
        rc = pb__log_path(&compact->view, group->segment->base_offset, swap_suffixes[i], path);
        if (rc == 0) rc = pb__file_rename(files[i], path);
    }
    return rc;
}

int pb__compact_end_group(struct pb_compact *compact) {
    struct pb_compact_group *group = &compact->group;
    const struct pb_env *env = compact->view.env;
    int rc = flush(compact), fd;
    if (rc == 0 && (rc = pb__file_pin(group->segment->log, &fd)) == 0) pb__file_unpin(group->segment->log);   /* there, though empty */
    if (rc == 0) rc = pb__index_seal(&compact->view, group->segment);
    if (rc == 0) rc = sync_files(compact);
    if (rc == 0) rc = rename_to_swap(compact);
    if (rc == 0 && env->dir_sync(env->context, compact->view.dir) < 0) rc = PB_E_IO;
    if (rc < 0) return rc;
    pb__env_free(env, group->segment->pending);
    group->segment->pending = NULL;
    group->swapping = true;
    return 0;
}
