/* log/txn_index.c — aborted transactions of a segment, for read_committed.
 * On disk     .txnindex: version int16 (0) | producer id int64 | first offset int64 | last offset int64 | last stable offset int64, in order of last offset */
#include <stdlib.h>

#include "base/endian.h"
#include "base/err.h"
#include "log/log_internal.h"

enum { ENTRY_BYTES = 34, FILE_BYTES_MAX = 64 * 1024 * 1024 };

struct aborted { int64_t producer_id, first_offset; };
struct found { struct aborted *items; int32_t count, capacity; };

static int add(struct found *found, const struct pb_env *env, int64_t producer_id, int64_t first_offset) {
    if (found->count == found->capacity) {
        int32_t capacity = found->capacity > 0 ? found->capacity * 2 : 16;
        struct aborted *items = pb__env_resize(env, found->items, (size_t)capacity * sizeof *items);
        if (items == NULL) return PB_E_NOMEM;
        found->items = items;
        found->capacity = capacity;
    }
    found->items[found->count++] = (struct aborted){ producer_id, first_offset };
    return 0;
}

static int read_segment(struct pb_log *log, int64_t base_offset, int64_t from, int64_t to, struct found *found) {
    char path[PB_PATH_BYTES_MAX];
    uint8_t *bytes;
    size_t size;
    int rc = pb__log_path(log, base_offset, ".txnindex", path);
    if (rc == 0) rc = pb__file_read_all(log->env, path, FILE_BYTES_MAX, &bytes, &size);
    if (rc < 0) return rc == PB_E_NOENT ? 0 : rc;
    for (size_t at = 0; rc == 0 && at + ENTRY_BYTES <= size; at += ENTRY_BYTES) {
        int64_t first = pb__get_i64(bytes + at + 10), last = pb__get_i64(bytes + at + 18);
        if (first < to && last >= from) rc = add(found, log->env, pb__get_i64(bytes + at + 2), first);
    }
    pb__env_free(log->env, bytes);
    return rc;
}

static int by_first_offset(const void *left, const void *right) {
    const struct aborted *a = left, *b = right;
    return a->first_offset < b->first_offset ? -1 : a->first_offset > b->first_offset;
}

int pb__log_aborted_between(struct pb_log *log, int64_t from, int64_t to, pb_log_aborted_fn each, void *context) {
    struct found found = { 0 };
    int rc = 0;
    if (!log->has_txn_index) return 0;
    /* An aborted transaction stands in the segment of its marker, which is at or behind the segment of `from`. */
    for (int32_t i = 0; rc == 0 && i < log->segment_count; i++)
        if (log->segments[i]->end_offset > from) rc = read_segment(log, log->segments[i]->base_offset, from, to, &found);
    if (rc == 0 && found.count > 0) qsort(found.items, (size_t)found.count, sizeof *found.items, by_first_offset);
    for (int32_t i = 0; rc == 0 && i < found.count; i++) each(context, found.items[i].producer_id, found.items[i].first_offset);
    pb__env_free(log->env, found.items);
    return rc;
}
