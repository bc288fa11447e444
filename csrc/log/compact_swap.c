/* log/compact_swap.c — a group of compaction takes the place of its segments: while the log is in use, and at start for what a crash interrupted.
 *
 * Order       1 the group's files are named .swap, and the directory is synced      (compact_write.c)
 *             2 the segments it stands for become .deleted; directory synced
 *             3 .swap becomes the final name, .log last; directory synced
 *             4 segments behind it of which nothing was left become .deleted, the oldest first, the directory synced after each
 *             At start, from .log.swap: the segments whose base offsets lie from its own to its last record's are those of 2. That is why those of 4 come
 *             later, each by itself: of them the group says nothing
 * Thread      the partition's lock; at start the only one
 * Source      kafka:storage LocalLog.replaceSegments, LogLoader */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "log/compact_internal.h"

static const char *const final_suffixes[] = { ".index", ".timeindex", ".txnindex", ".log" };
enum { SUFFIXES = PB_COUNT(final_suffixes), LOG = SUFFIXES - 1 };

/* ---- while the log is in use */

/* Where the sources of the group stand in the log, all of them, unchanged; -1: no longer. */
static int32_t find_sources(const struct pb_compact *compact, const struct pb_log *log) {
    const struct pb_compact_group *group = &compact->group;
    int32_t at = 0;
    while (at < log->segment_count && log->segments[at]->log != compact->view.segments[group->first]->log) at++;
    if (at + group->last - group->first + 1 >= log->segment_count) return -1;   /* one is active again, after a cut */
    for (int32_t i = group->first; i <= group->last; i++) {
        const struct pb_segment *segment = log->segments[at + i - group->first], *source = compact->view.segments[i];
        if (segment->log != source->log || segment->end_pos != source->end_pos) return -1;
    }
    return strcmp(log->dir, compact->view.dir) == 0 ? at : -1;
}

static int sync_dir(const struct pb_log *log) { return log->env->dir_sync(log->env->context, log->dir) < 0 ? PB_E_IO : 0; }

/* The last source with a record in the group; the first when there is none. */
static int32_t last_contributing(const struct pb_compact *compact) {
    const struct pb_compact_group *group = &compact->group;
    int32_t last = group->last;
    while (last > group->first && compact->view.segments[last]->base_offset > group->last_offset) last--;
    return last;
}

static int rename_to_final(struct pb_compact *compact) {
    struct pb_compact_group *group = &compact->group;
    struct pb_file *const files[] = { group->segment->index, group->segment->time_index, group->txn_index, group->segment->log };
    char path[PB_PATH_BYTES_MAX];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < SUFFIXES; i++) {
        if (files[i] == NULL) continue;
        rc = pb__log_path(&compact->view, group->segment->base_offset, final_suffixes[i], path);
        if (rc == 0) rc = pb__file_rename(files[i], path);
    }
    return rc;
}

/* Segments from..to, the last one first; a crash in between leaves those in front. */
static int doom(struct pb_log *log, int32_t from, int32_t to, int64_t base_offset) {
    int rc = 0;
    for (int32_t at = to; rc == 0 && at >= from; at--) rc = pb__log_doom(log, at, log->segments[at]->base_offset == base_offset);
    return rc;
}

/* The array has room: the segments it stands for have left it. */
static void put_segment(struct pb_compact *compact, struct pb_log *log, int32_t at, int64_t end_offset) {
    struct pb_segment *segment = compact->group.segment;
    segment->end_offset = end_offset;
    segment->synced_pos = segment->end_pos;
    memmove(log->segments + at + 1, log->segments + at, (size_t)(log->segment_count - at) * sizeof(struct pb_segment *));
    log->segments[at] = segment;
    log->segment_count++;
    log->size_bytes += segment->end_pos;
    log->sparse_to = pb__max_i64(log->sparse_to, end_offset);
    pb__log_forget_hints(log);
}

static void count_swap(struct pb_compact *compact) {
    struct pb_compact_group *group = &compact->group;
    for (int32_t i = group->first; i <= group->last; i++) compact->done.bytes_before += compact->view.segments[i]->end_pos;
    compact->done.bytes_after += group->segment->end_pos;
    compact->done.segments_before += group->last - group->first + 1;
    compact->done.segments_after++;
    pb__file_put(group->txn_index);
    pb__env_free(compact->view.env, group->out);
    group->txn_index = NULL;
    group->out = NULL;
    group->segment = NULL;                                                  /* the log's now */
    group->swapping = false;
}

/* Steps 2 and 3. The log in memory has the group in any case, so that what is readable stays so. */
static int replace(struct pb_compact *compact, struct pb_log *log, int32_t at, int32_t contributing) {
    const struct pb_compact_group *group = &compact->group;
    int64_t end = compact->view.segments[group->first + contributing]->end_offset;
    int32_t others = log->segment_count - contributing - 1;
    int rc = doom(log, at, at + contributing, group->segment->base_offset);
    if (rc == PB_E_NOMEM && log->segment_count == others + contributing + 1) return rc;   /* nothing was done */
    if (rc == 0) rc = sync_dir(log);
    if (rc == 0) rc = rename_to_final(compact);
    if (rc == 0) rc = sync_dir(log);
    while (log->segment_count > others) {
        log->size_bytes -= log->segments[at]->end_pos;
        pb__log_drop_segment(log, at);
    }
    put_segment(compact, log, at, end);
    count_swap(compact);
    return rc == PB_E_NOMEM ? PB_E_IO : rc;
}

int pb__compact_swap(struct pb_compact *compact, struct pb_log *log) {
    const struct pb_compact_group *group = &compact->group;
    PB_ASSERT(group->swapping && group->segment != NULL);
    int32_t count = group->last - group->first + 1, contributing = last_contributing(compact) - group->first, at = log->failed ? -1 : find_sources(compact, log);
    if (at < 0) return PB_E_AGAIN;
    /* A sync under way may open a file by its name, and its last name goes after file.delete.delay.ms. */
    for (int32_t i = 0; log->syncing && i < count; i++)
        if (log->segments[at + i]->synced_pos < log->segments[at + i]->end_pos) return PB_E_FULL;
    int rc = replace(compact, log, at, contributing);
    if (rc == PB_E_NOMEM) return rc;
    /* Step 4. The oldest first, each for good before the next: a tombstone may not go before what it hides. */
    for (int32_t left = count - contributing - 1; rc == 0 && left > 0; left--) {
        rc = pb__log_doom(log, at + 1, false);
        if (rc == 0) rc = sync_dir(log);
        if (rc == PB_E_NOMEM) return rc;                                    /* the next run has them again */
    }
    return rc == 0 ? 1 : pb__log_fail(log, PB_E_IO);
}

/* ---- at start */

struct name { int64_t base_offset; uint8_t suffix; bool is_cleaned; };
struct names { const struct pb_env *env; struct name *items; int64_t *bases; int32_t count, capacity, base_count, base_capacity; int rc; };
enum { DIGITS = 20, NAMES_MAX = 1 << 22 };

static int need_room(const struct pb_env *env, void **items, int32_t count, int32_t *capacity, size_t size) {
    if (count < *capacity) return 0;
    int32_t larger = *capacity > 0 ? 2 * *capacity : 16;
    void *memory = larger > NAMES_MAX ? NULL : pb__env_resize(env, *items, (size_t)larger * size);
    if (memory == NULL) return PB_E_NOMEM;
    *items = memory;
    *capacity = larger;
    return 0;
}

/* 20 digits, one of our suffixes, .cleaned or .swap. */
static bool parse_temporary(const char *name, struct name *out) {
    char suffix[32];
    for (uint8_t i = 0; i < SUFFIXES; i++)
        for (int cleaned = 0; cleaned < 2; cleaned++) {
            snprintf(suffix, sizeof suffix, "%s%s", final_suffixes[i], cleaned ? ".cleaned" : ".swap");
            if (!pb__log_parse_name(name, suffix, &out->base_offset)) continue;
            out->suffix = i;
            out->is_cleaned = cleaned;
            return true;
        }
    return false;
}

static int add_name(void *context, const char *name, enum pb_file_kind kind) {
    struct names *names = context;
    struct name found;
    int64_t base;
    if (kind != PB_FILE_REGULAR) return 0;
    if (parse_temporary(name, &found)) {
        names->rc = need_room(names->env, (void **)&names->items, names->count, &names->capacity, sizeof *names->items);
        if (names->rc == 0) names->items[names->count++] = found;
    } else if (pb__log_parse_name(name, ".log", &base)) {
        names->rc = need_room(names->env, (void **)&names->bases, names->base_count, &names->base_capacity, sizeof *names->bases);
        if (names->rc == 0) names->bases[names->base_count++] = base;
    }
    return names->rc;
}

static int temporary_path(const struct pb_log *log, const struct name *name, char path[PB_PATH_BYTES_MAX]) {
    char suffix[32];
    snprintf(suffix, sizeof suffix, "%s%s", final_suffixes[name->suffix], name->is_cleaned ? ".cleaned" : ".swap");
    return pb__log_path(log, name->base_offset, suffix, path);
}

static int unlink_temporary(const struct pb_log *log, const struct name *name) {
    char path[PB_PATH_BYTES_MAX];
    int rc = temporary_path(log, name, path);
    if (rc < 0) return rc;
    rc = log->env->file_unlink(log->env->context, path);
    return rc < 0 && rc != -ENOENT ? PB_E_IO : 0;
}

/* Offset behind the last record of a group's .log. */
static int end_of_group(struct pb_log *log, const struct name *name, int64_t *end_out) {
    char path[PB_PATH_BYTES_MAX];
    struct pb_segment segment = { .base_offset = name->base_offset };
    struct pb_scan scan = { 0 };
    struct pb_batch batch;
    *end_out = name->base_offset;
    int rc = temporary_path(log, name, path);
    if (rc == 0) rc = pb__file_new(log->files, path, PB_OPEN_READ | PB_OPEN_WRITE, &segment.log);
    if (rc < 0) return rc;
    rc = pb__file_size(segment.log, &segment.end_pos);
    if (rc == 0) rc = pb__scan_open(&scan, log, &segment, 0, segment.end_pos, false);
    while (rc >= 0 && (rc = pb__scan_next(&scan, &batch)) > 0) *end_out = pb__batch_last_offset(&batch) + 1;
    pb__scan_close(&scan);
    pb__file_put(segment.log);
    return rc == PB_E_CORRUPT_BATCH ? PB_E_CORRUPT_FILE : rc;
}

/* All of one group's files to their final names, .log last. */
static int rename_group(struct pb_log *log, const struct names *names, int64_t base_offset) {
    char from[PB_PATH_BYTES_MAX], to[PB_PATH_BYTES_MAX];
    for (uint8_t suffix = 0; suffix < SUFFIXES; suffix++)
        for (int32_t i = 0; i < names->count; i++) {
            const struct name *name = &names->items[i];
            if (name->base_offset != base_offset || name->suffix != suffix || name->is_cleaned) continue;
            int rc = temporary_path(log, name, from);
            if (rc == 0) rc = pb__log_path(log, base_offset, final_suffixes[suffix], to);
            if (rc < 0) return rc;
            if (log->env->file_rename(log->env->context, from, to) < 0) return PB_E_IO;
        }
    return 0;
}

static int finish_group(struct pb_log *log, const struct names *names, const struct name *swap) {
    int64_t end;
    int rc = end_of_group(log, swap, &end);
    if (rc < 0) {
        pb__env_log(log->env, PB_LOG_ERROR, "event=swap-unreadable topic=%s partition=%d segment=%lld error=%s", log->topic, log->partition, (long long)swap->base_offset,
                    pb_error_name(rc));
        return rc;
    }
    for (int32_t i = 0; rc == 0 && i < names->base_count; i++)
        if (names->bases[i] > swap->base_offset && names->bases[i] < end) rc = pb__log_unlink_segment(log, names->bases[i]);
    if (rc == 0) rc = sync_dir(log);
    if (rc == 0) rc = rename_group(log, names, swap->base_offset);
    if (rc == 0) rc = sync_dir(log);
    if (rc == 0)
        pb__env_log(log->env, PB_LOG_INFO, "event=swap-completed topic=%s partition=%d segment=%lld end_offset=%lld", log->topic, log->partition, (long long)swap->base_offset,
                    (long long)end);
    return rc;
}

static bool has_log_swap(const struct names *names, int64_t base_offset) {
    for (int32_t i = 0; i < names->count; i++)
        if (names->items[i].base_offset == base_offset && names->items[i].suffix == LOG && !names->items[i].is_cleaned) return true;
    return false;
}

/* A group is ready when no file is named .cleaned at or below its base offset's; all that is not ready goes. */
static int finish(struct pb_log *log, struct names *names) {
    int64_t unready = INT64_MAX;
    int rc = 0;
    for (int32_t i = 0; i < names->count; i++)
        if (names->items[i].is_cleaned) unready = pb__min_i64(unready, names->items[i].base_offset);
    for (int pass = 0; pass < 2; pass++)                                    /* .swap before .cleaned: else a stop in between would make it look ready */
        for (int32_t i = 0; rc == 0 && i < names->count; i++) {
            const struct name *name = &names->items[i];
            bool goes = name->is_cleaned ? pass == 1 : pass == 0 && (name->base_offset >= unready || !has_log_swap(names, name->base_offset));
            if (goes) rc = unlink_temporary(log, name);
        }
    if (rc == 0) rc = sync_dir(log);
    for (int32_t i = 0; rc == 0 && i < names->count; i++) {
        const struct name *name = &names->items[i];
        if (name->suffix == LOG && !name->is_cleaned && name->base_offset < unready) rc = finish_group(log, names, name);
    }
    return rc;
}

int pb__log_finish_swaps(struct pb_log *log) {
    struct names names = { .env = log->env };
    int rc = log->env->dir_walk(log->env->context, log->dir, add_name, &names);
    rc = names.rc < 0 ? names.rc : rc < 0 ? PB_E_IO : 0;
    if (rc == 0 && names.count > 0) rc = finish(log, &names);
    pb__env_free(log->env, names.items);
    pb__env_free(log->env, names.bases);
    return rc;
}
