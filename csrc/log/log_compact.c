#include "log/log_compact.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "log/compact_internal.h"
#include "record/batch_iter.h"

/* ---- is it worth it */

static int first_timestamp(struct pb_segment *segment, int64_t *timestamp_out) {
    struct pb_batch batch;
    *timestamp_out = segment->first_timestamp;
    if (segment->first_timestamp >= 0 || segment->end_pos == 0) return 0;
    int rc = pb__segment_header(segment, 0, &batch);
    if (rc > 0) *timestamp_out = segment->first_timestamp = batch.max_timestamp;
    return rc < 0 ? rc : 0;
}

/* Whether the segment may be cleaned as it is now. 1, 0 or an error. */
static int is_cleanable(struct pb_log *log, struct pb_segment *segment, int64_t stable_offset, int64_t now_ms) {
    int64_t timestamp;
    if (segment == pb__log_active(log) || segment->end_offset > stable_offset) return 0;
    if (log->config->compaction_lag_min_ms <= 0 || segment->end_pos == 0) return 1;
    int rc = pb__segment_max_timestamp(log, segment, &timestamp);
    return rc < 0 ? rc : timestamp <= now_ms - log->config->compaction_lag_min_ms;
}

int pb__log_compact_look(struct pb_log *log, int64_t cleaned_to, int64_t stable_offset, int64_t now_ms, struct pb_compact_facts *facts_out) {
    const int64_t lag_max_ms = log->config->compaction_lag_max_ms;
    int64_t first_dirty = cleaned_to < log->start_offset || cleaned_to > log->end_offset ? log->start_offset : cleaned_to;
    *facts_out = (struct pb_compact_facts){ .first_dirty = first_dirty, .first_uncleanable = first_dirty };
    int64_t oldest = INT64_MAX, timestamp;
    for (int32_t i = 0; i < log->segment_count; i++) {
        struct pb_segment *segment = log->segments[i];
        if (segment->end_offset <= first_dirty) {
            facts_out->clean_bytes += segment->end_pos;
            continue;
        }
        int rc = is_cleanable(log, segment, stable_offset, now_ms);
        if (rc <= 0) return rc;
        facts_out->dirty_bytes += segment->end_pos;
        facts_out->first_uncleanable = segment->end_offset;
        if (lag_max_ms == INT64_MAX) continue;
        if ((rc = first_timestamp(segment, &timestamp)) < 0) return rc;
        if (timestamp > 0) oldest = pb__min_i64(oldest, timestamp);
        facts_out->overdue = oldest < now_ms - lag_max_ms;
    }
    return 0;
}

double pb__compact_ratio(const struct pb_compact_facts *facts) {
    return facts->dirty_bytes == 0 ? 0 : (double)facts->dirty_bytes / (double)(facts->clean_bytes + facts->dirty_bytes);
}

bool pb__compact_is_due(const struct pb_compact_facts *facts, const struct pb_log_config *config) {
    return facts->dirty_bytes > 0 && (facts->overdue || pb__compact_ratio(facts) > config->cleanable_ratio_min);
}

/* ---- begin */

static int by_producer(const void *left, const void *right) {
    int64_t a = ((const struct pb_compact_last *)left)->producer_id, b = ((const struct pb_compact_last *)right)->producer_id;
    return a < b ? -1 : a > b;
}

static int copy_lasts(struct pb_compact *compact, const struct pb_producers *producers) {
    if (producers->count == 0) return 0;
    compact->lasts = pb__env_alloc(compact->view.env, (size_t)producers->count * sizeof *compact->lasts);
    if (compact->lasts == NULL) return PB_E_NOMEM;
    for (int32_t i = 0; i < producers->capacity && compact->last_count < producers->count; i++) {
        const struct pb_producer *producer = &producers->slots[i];
        if (producer->producer_id < 0) continue;
        int64_t last = producer->batch_count > 0 ? producer->batches[producer->batch_count - 1].last_offset : -1;
        compact->lasts[compact->last_count++] = (struct pb_compact_last){ producer->producer_id, last, producer->epoch };
    }
    qsort(compact->lasts, (size_t)compact->last_count, sizeof *compact->lasts, by_producer);
    return 0;
}

/* References to the files, and the numbers that say what of them is meant. */
static int copy_sources(struct pb_compact *compact, const struct pb_log *log) {
    struct pb_log *view = &compact->view;
    int32_t count = 0;
    while (count < log->segment_count && log->segments[count]->end_offset <= compact->facts.first_uncleanable) count++;
    view->segments = pb__env_zalloc(view->env, (size_t)(count + 1) * sizeof *view->segments);
    if (view->segments == NULL) return PB_E_NOMEM;
    for (; view->segment_count < count; view->segment_count++) {
        const struct pb_segment *from = log->segments[view->segment_count];
        struct pb_segment *source = pb__env_zalloc(view->env, sizeof *source);
        if (source == NULL) return PB_E_NOMEM;
        *source = (struct pb_segment){ .base_offset = from->base_offset, .end_offset = from->end_offset, .end_pos = from->end_pos, .log = pb__file_get(from->log) };
        view->segments[view->segment_count] = source;
    }
    return 0;
}

static int copy_names(struct pb_compact *compact, const struct pb_log *log) {
    struct pb_log *view = &compact->view;
    compact->config = *log->config;
    view->env = log->env;
    view->files = log->files;
    view->config = &compact->config;
    view->partition = log->partition;
    view->stop = compact->rules.stop;
    view->dir = pb__env_strdup(log->env, log->dir);
    view->topic = pb__env_strdup(log->env, log->topic);
    return view->dir == NULL || view->topic == NULL ? PB_E_NOMEM : 0;
}

int pb__compact_new(struct pb_log *log, const struct pb_compact_facts *facts, const struct pb_compact_rules *rules, struct pb_compact **compact_out) {
    struct pb_compact *compact = pb__env_zalloc(log->env, sizeof *compact);
    if (compact == NULL) return PB_E_NOMEM;
    compact->facts = *facts;
    compact->rules = *rules;
    compact->latest = compact->group.last_offset = -1;
    compact->done.cleaned_to = facts->first_dirty;
    int rc = copy_names(compact, log);
    if (rc == 0) rc = copy_sources(compact, log);
    if (rc == 0) rc = copy_lasts(compact, &log->producers);
    if (rc == 0) rc = pb__log_aborted_collect(log, 0, facts->first_uncleanable, &compact->aborted, &compact->aborted_count);
    if (rc == 0) rc = pb__codec_workspace_new(log->env, &compact->codec);
    if (rc == 0) rc = pb__key_map_init(&compact->map, log->env, rules->map_bytes_max, rules->load_factor, facts->first_uncleanable - facts->first_dirty);
    if (rc < 0) {
        pb__compact_free(compact);
        return rc;
    }
    pb__compact_txns_init(&compact->txns, log->env, compact->aborted, compact->aborted_count);
    while (compact->map_at < compact->view.segment_count && compact->view.segments[compact->map_at]->end_offset <= facts->first_dirty) compact->map_at++;
    *compact_out = compact;
    return 0;
}

void pb__compact_free(struct pb_compact *compact) {
    if (compact == NULL) return;
    const struct pb_env *env = compact->view.env;
    pb__compact_drop_group(compact);
    if (compact->scanning) pb__scan_close(&compact->scan);
    for (int32_t i = 0; i < compact->view.segment_count; i++) {
        pb__file_put(compact->view.segments[i]->log);
        pb__env_free(env, compact->view.segments[i]);
    }
    pb__env_free(env, compact->view.segments);
    pb__env_free(env, compact->view.dir);
    pb__env_free(env, compact->view.topic);
    pb__env_free(env, compact->lasts);
    pb__env_free(env, compact->aborted);
    pb__env_free(env, compact->keep);
    pb__compact_txns_deinit(&compact->txns);
    pb__key_map_deinit(&compact->map);
    if (compact->codec != NULL) pb__codec_workspace_free(compact->codec);
    pb__env_free(env, compact);
}

const struct pb_compact_done *pb__compact_done(const struct pb_compact *compact) { return &compact->done; }

/* ---- the walk */

/* 1: the next batch of source `at`; 0: it has no more. What can no more be parsed was good once: the disk lost it. */
static int next_batch(struct pb_compact *compact, int32_t at, struct pb_batch *batch) {
    struct pb_segment *source = compact->view.segments[at];
    int rc = compact->scanning ? 0 : pb__scan_open(&compact->scan, &compact->view, source, 0, source->end_pos, true);
    if (rc < 0) return rc;
    compact->scanning = true;
    if ((rc = pb__scan_next(&compact->scan, batch)) > 0) {
        compact->done.bytes_read += batch->size_bytes;
        return 1;
    }
    pb__scan_close(&compact->scan);
    compact->scanning = false;
    return rc == PB_E_CORRUPT_BATCH ? PB_E_CORRUPT_FILE : rc;
}

/* ---- the map of keys */

/* Keys of one batch. PB_E_FULL: the map has room for those up to compact->latest. */
static int map_records(struct pb_compact *compact, const struct pb_batch *batch) {
    struct pb_batch_iter iter;
    struct pb_record record;
    int rc = pb__batch_iter_open(&iter, batch, compact->view.env, compact->codec, PB_COMPACT_UNPACKED_BYTES_MAX);
    if (rc < 0) return rc;
    while ((rc = pb__batch_iter_next(&iter, &record)) > 0) {
        if (record.key == NULL || record.offset < compact->facts.first_dirty) continue;
        if ((rc = pb__key_map_put(&compact->map, record.key, (size_t)record.key_size, record.offset)) < 0) break;
        compact->latest = record.offset;
    }
    pb__batch_iter_close(&iter);
    return rc;
}

static int map_batch(struct pb_compact *compact, const struct pb_batch *batch) {
    const struct pb_completed_txn *entry;
    int rc;
    if (pb__batch_last_offset(batch) < compact->facts.first_dirty) return 0;
    if (batch->attributes & PB_ATTRIBUTE_CONTROL) {
        rc = pb__compact_txns_marker(&compact->txns, batch, &entry);
    } else {
        rc = pb__compact_txns_batch(&compact->txns, batch);
        if (rc == 0) rc = map_records(compact, batch);
    }
    if (rc < 0) return rc;
    compact->latest = pb__batch_last_offset(batch);
    return 0;
}

/* The map is done: from here on segments are written, from the log's begin. */
static int end_map(struct pb_compact *compact, bool is_full) {
    if (compact->scanning) pb__scan_close(&compact->scan);
    compact->scanning = false;
    compact->mapped = true;
    if (!is_full) compact->latest = compact->facts.first_uncleanable - 1;
    if (is_full)
        pb__env_log(compact->view.env, PB_LOG_INFO, "event=key-map-full topic=%s partition=%d keys=%llu up_to=%lld", compact->view.topic, compact->view.partition,
                    (unsigned long long)compact->map.used, (long long)compact->latest);
    pb__compact_txns_deinit(&compact->txns);
    pb__compact_txns_init(&compact->txns, compact->view.env, compact->aborted, compact->aborted_count);
    compact->group.first = compact->group.last = -1;
    return 1;
}

static int step_map(struct pb_compact *compact) {
    struct pb_batch batch;
    if (compact->map_at == compact->view.segment_count) return end_map(compact, false);
    int rc = next_batch(compact, compact->map_at, &batch);
    if (rc == 0) compact->map_at++;
    if (rc <= 0) return rc < 0 ? rc : 1;
    rc = map_batch(compact, &batch);
    return rc == PB_E_FULL ? end_map(compact, true) : rc < 0 ? rc : 1;
}

/* ---- writing anew */

static int step_write(struct pb_compact *compact) {
    struct pb_compact_group *group = &compact->group;
    struct pb_batch batch;
    if (group->segment == NULL) {
        int32_t first = group->last + 1;
        if (first == compact->view.segment_count || compact->view.segments[first]->base_offset > compact->latest) {
            compact->done.cleaned_to = compact->latest + 1;
            return 0;
        }
        int rc = pb__compact_begin_group(compact, first);
        return rc < 0 ? rc : 1;
    }
    if (group->at > group->last) {
        int rc = pb__compact_end_group(compact);
        return rc < 0 ? rc : PB_COMPACT_SWAP;
    }
    int rc = next_batch(compact, group->at, &batch);
    if (rc == 0) group->at++;
    if (rc > 0) rc = pb__compact_write_batch(compact, &batch);
    return rc < 0 ? rc : 1;
}

int pb__compact_step(struct pb_compact *compact, int64_t bytes_max) {
    const struct pb_compact_done *done = &compact->done;
    int64_t end = done->bytes_read + done->bytes_written + bytes_max;
    PB_ASSERT(!compact->group.swapping);
    int rc = 1;
    while (rc == 1 && done->bytes_read + done->bytes_written < end) {
        if (compact->rules.stop != NULL && atomic_load_explicit(compact->rules.stop, memory_order_relaxed)) return PB_E_AGAIN;
        rc = compact->mapped ? step_write(compact) : step_map(compact);
    }
    return rc;
}
