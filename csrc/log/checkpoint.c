#include "log/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "io/file.h"

enum { FILE_BYTES_MAX = 256 * 1024 * 1024, LINE_BYTES_MIN = 6 };
static const int64_t OFFSET_MAX = 1LL << 53;                                /* a million records a second for 285 years: what is larger was no offset */

int pb__checkpoint_write(const struct pb_env *env, const char *path, const struct pb_checkpoint_entry *entries, int32_t count) {
    size_t capacity = 64, size = 0;
    for (int32_t i = 0; i < count; i++) capacity += strlen(entries[i].topic) + 48;
    char *text = pb__env_alloc(env, capacity);
    if (text == NULL) return PB_E_NOMEM;
    size += (size_t)snprintf(text, capacity, "0\n%d\n", count);
    for (int32_t i = 0; i < count; i++)
        size += (size_t)snprintf(text + size, capacity - size, "%s %d %lld\n", entries[i].topic, entries[i].partition, (long long)entries[i].offset);
    int rc = pb__file_replace(env, path, text, size);
    pb__env_free(env, text);
    return rc;
}

/* "<topic> <partition> <offset>" of [at, end); moves at behind the line. */
static bool parse_line(char **at, const char *end, struct pb_checkpoint_entry *entry) {
    char *newline = memchr(*at, '\n', (size_t)(end - *at)), *space = memchr(*at, ' ', (size_t)(end - *at));
    if (newline == NULL || space == NULL || space > newline || space == *at || space - *at > PB_TOPIC_NAME_BYTES_MAX) return false;
    char *after;
    *space = 0;
    entry->topic = *at;
    if (strlen(entry->topic) != (size_t)(space - *at)) return false;
    long long partition = strtoll(space + 1, &after, 10);
    if (after == space + 1 || *after != ' ' || partition < 0 || partition > INT32_MAX) return false;
    char *offset_at = after + 1;
    entry->partition = (int32_t)partition;
    entry->offset = strtoll(offset_at, &after, 10);
    if (after == offset_at || after != newline || entry->offset < 0 || entry->offset > OFFSET_MAX) return false;
    *at = newline + 1;
    return true;
}

static int by_name(const void *left, const void *right) {
    const struct pb_checkpoint_entry *a = left, *b = right;
    int order = strcmp(a->topic, b->topic);
    return order != 0 ? order : a->partition < b->partition ? -1 : a->partition > b->partition;
}

/* All lines, in order of name; a partition that is named twice makes the file worthless. */
static int parse(char *at, const char *end, struct pb_checkpoint_entry *entries, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (!parse_line(&at, end, &entries[i])) return PB_E_CORRUPT_FILE;
    if (at != end) return PB_E_CORRUPT_FILE;
    qsort(entries, (size_t)count, sizeof *entries, by_name);
    for (int64_t i = 1; i < count; i++)
        if (by_name(&entries[i - 1], &entries[i]) == 0) return PB_E_CORRUPT_FILE;
    return 0;
}

/* Nothing is given before all of it is known to be right. */
static int read_text(const struct pb_env *env, char *text, size_t size, pb_checkpoint_entry_fn each, void *context) {
    char *at;
    if (size < 4 || strncmp(text, "0\n", 2) != 0) return PB_E_CORRUPT_FILE;
    long long count = strtoll(text + 2, &at, 10);
    if (at == text + 2 || *at != '\n' || count < 0 || count > (long long)size / LINE_BYTES_MIN) return PB_E_CORRUPT_FILE;
    struct pb_checkpoint_entry *entries = pb__env_alloc(env, (size_t)(count + 1) * sizeof *entries);
    if (entries == NULL) return PB_E_NOMEM;
    int rc = parse(at + 1, text + size, entries, count);
    for (long long i = 0; rc == 0 && i < count; i++) each(context, entries[i].topic, entries[i].partition, entries[i].offset);
    pb__env_free(env, entries);
    return rc;
}

int pb__checkpoint_read(const struct pb_env *env, const char *path, pb_checkpoint_entry_fn each, void *context) {
    uint8_t *text;
    size_t size;
    int rc = pb__file_read_all(env, path, FILE_BYTES_MAX, &text, &size);
    if (rc < 0) return rc == PB_E_LIMIT ? PB_E_CORRUPT_FILE : rc;
    rc = read_text(env, (char *)text, size, each, context);
    pb__env_free(env, text);
    return rc;
}
