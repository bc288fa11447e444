#include "log/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "io/file.h"

enum { LINE_BYTES_MAX = PB_TOPIC_NAME_BYTES_MAX + 48, FILE_BYTES_MAX = 256 * 1024 * 1024 };

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
static bool parse_line(char **at, char *end, struct pb_checkpoint_entry *entry) {
    char *newline = memchr(*at, '\n', (size_t)(end - *at)), *space = memchr(*at, ' ', (size_t)(end - *at));
    if (newline == NULL || space == NULL || space > newline || space == *at || space - *at > PB_TOPIC_NAME_BYTES_MAX) return false;
    char *after;
    *space = 0;
    entry->topic = *at;
    long long partition = strtoll(space + 1, &after, 10);
    if (after == space + 1 || *after != ' ' || partition < 0 || partition > INT32_MAX) return false;
    char *offset_at = after + 1;
    entry->partition = (int32_t)partition;
    entry->offset = strtoll(offset_at, &after, 10);
    if (after == offset_at || after != newline || entry->offset < 0) return false;
    *at = newline + 1;
    return true;
}

/* Twice over the text: nothing is given before all of it is known to be right. */
static int parse(char *text, size_t size, pb_checkpoint_entry_fn each, void *context) {
    char *at, *end = text + size;
    if (size < 4 || strncmp(text, "0\n", 2) != 0 || memchr(text, 0, size) != NULL) return PB_E_CORRUPT_FILE;
    long long count = strtoll(text + 2, &at, 10);
    if (at == text + 2 || *at != '\n' || count < 0 || count > (long long)size) return PB_E_CORRUPT_FILE;
    char *first = ++at;
    struct pb_checkpoint_entry entry;
    for (long long i = 0; i < count; i++)
        if (!parse_line(&at, end, &entry)) return PB_E_CORRUPT_FILE;
    if (at != end) return PB_E_CORRUPT_FILE;
    for (long long i = 0; i < count; i++) {
        first[strlen(first)] = ' ';                                         /* the space that parse_line took away */
        if (!parse_line(&first, end, &entry)) return PB_E_CORRUPT_FILE;
        each(context, entry.topic, entry.partition, entry.offset);
    }
    return 0;
}

int pb__checkpoint_read(const struct pb_env *env, const char *path, pb_checkpoint_entry_fn each, void *context) {
    uint8_t *text;
    size_t size;
    int rc = pb__file_read_all(env, path, FILE_BYTES_MAX, &text, &size);
    if (rc < 0) return rc == PB_E_LIMIT ? PB_E_CORRUPT_FILE : rc;
    rc = parse((char *)text, size, each, context);
    pb__env_free(env, text);
    return rc;
}
