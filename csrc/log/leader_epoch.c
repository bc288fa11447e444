#include "log/leader_epoch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "io/file.h"

enum { LINE_BYTES_MAX = 40, FILE_BYTES_MAX = 16 * 1024 * 1024 };

void pb__epochs_deinit(struct pb_epochs *epochs, const struct pb_env *env) {
    pb__env_free(env, epochs->items);
    *epochs = (struct pb_epochs){ 0 };
}

int pb__epochs_assign(struct pb_epochs *epochs, const struct pb_env *env, int32_t epoch, int64_t start_offset) {
    const struct pb_epoch *last = epochs->count > 0 ? &epochs->items[epochs->count - 1] : NULL;
    if (epoch < 0 || (last != NULL && (epoch <= last->epoch || start_offset < last->start_offset))) return 0;
    if (epochs->count == epochs->capacity) {
        int32_t capacity = epochs->capacity > 0 ? epochs->capacity * 2 : 2;
        struct pb_epoch *items = pb__env_resize(env, epochs->items, (size_t)capacity * sizeof *items);
        if (items == NULL) return PB_E_NOMEM;
        epochs->items = items;
        epochs->capacity = capacity;
    }
    epochs->items[epochs->count++] = (struct pb_epoch){ epoch, start_offset };
    return 1;
}

void pb__epochs_truncate_end(struct pb_epochs *epochs, int64_t end_offset) {
    while (epochs->count > 0 && epochs->items[epochs->count - 1].start_offset >= end_offset) epochs->count--;
}

void pb__epochs_truncate_start(struct pb_epochs *epochs, int64_t start_offset) {
    int32_t first = 0;
    while (first + 1 < epochs->count && epochs->items[first + 1].start_offset <= start_offset) first++;
    if (first > 0) memmove(epochs->items, epochs->items + first, (size_t)(epochs->count - first) * sizeof *epochs->items);
    epochs->count -= first;
    if (epochs->count > 0 && epochs->items[0].start_offset < start_offset) epochs->items[0].start_offset = start_offset;
}

int pb__epochs_write(const struct pb_epochs *epochs, const struct pb_env *env, const char *path, bool durable) {
    size_t capacity = (size_t)(epochs->count + 2) * LINE_BYTES_MAX;
    char *text = pb__env_alloc(env, capacity);
    if (text == NULL) return PB_E_NOMEM;
    size_t size = (size_t)snprintf(text, capacity, "0\n%d\n", epochs->count);
    for (int32_t i = 0; i < epochs->count; i++)
        size += (size_t)snprintf(text + size, capacity - size, "%d %lld\n", epochs->items[i].epoch, (long long)epochs->items[i].start_offset);
    /* Without a sync: epochs stand in the batches as well, recovery reads them there. */
    int rc = durable ? pb__file_replace(env, path, text, size) : pb__file_put_whole(env, path, text, size);
    pb__env_free(env, text);
    return rc;
}

static int parse(struct pb_epochs *epochs, const struct pb_env *env, const char *text) {
    char *at;
    long version = strtol(text, &at, 10);
    if (at == text || version != 0 || *at != '\n') return PB_E_CORRUPT_FILE;
    const char *from = at;
    long long count = strtoll(from, &at, 10);
    if (at == from || count < 0) return PB_E_CORRUPT_FILE;
    for (; count > 0; count--) {
        from = at;
        long long epoch = strtoll(from, &at, 10);
        if (at == from || epoch < 0 || epoch > INT32_MAX) return PB_E_CORRUPT_FILE;
        from = at;
        long long start = strtoll(from, &at, 10);
        if (at == from || start < 0) return PB_E_CORRUPT_FILE;
        int rc = pb__epochs_assign(epochs, env, (int32_t)epoch, start);
        if (rc <= 0) return rc < 0 ? rc : PB_E_CORRUPT_FILE;                /* in no order: the batches know better */
    }
    return at[strspn(at, " \n")] == 0 ? 0 : PB_E_CORRUPT_FILE;
}

int pb__epochs_read(struct pb_epochs *epochs, const struct pb_env *env, const char *path) {
    uint8_t *text;
    size_t size;
    epochs->count = 0;
    int rc = pb__file_read_all(env, path, FILE_BYTES_MAX, &text, &size);
    if (rc < 0) return rc == PB_E_LIMIT ? PB_E_CORRUPT_FILE : rc;
    rc = parse(epochs, env, (const char *)text);
    pb__env_free(env, text);
    if (rc < 0) epochs->count = 0;
    return rc;
}
