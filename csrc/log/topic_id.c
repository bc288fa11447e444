/* log/topic_id.c — partition.metadata: which topic the directory belongs to.
 *
 * On disk     "version: 0\ntopic_id: <22 characters of base64url>"; not synced when it is made: one that a power cut emptied is written anew
 * Thread      the partition's lock
 * Source      kafka:storage PartitionMetadataFile */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "log/log_internal.h"

enum { ID_BYTES = 22, TEXT_BYTES_MAX = 64, FILE_BYTES_MAX = 4096 };

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int text_of(const struct pb_log *log, char text[TEXT_BYTES_MAX]) {
    char id[ID_BYTES + 1];
    uint32_t bits = 0;
    int held = 0, at = 0;
    for (int i = 0; i < 16; i++) {
        bits = bits << 8 | log->topic_id[i];
        for (held += 8; held >= 6; held -= 6) id[at++] = base64url[bits >> (held - 6) & 63];
    }
    id[at++] = base64url[bits << (6 - held) & 63];
    id[at] = 0;
    return snprintf(text, TEXT_BYTES_MAX, "version: 0\ntopic_id: %s", id);
}

int pb__log_write_topic_id(struct pb_log *log) {
    char path[PB_PATH_BYTES_MAX], text[TEXT_BYTES_MAX];
    int size = text_of(log, text), rc = pb__log_path(log, -1, "partition.metadata", path);
    return rc < 0 ? rc : pb__file_put_whole(log->env, path, text, (size_t)size);
}

/* 0: ours; PB_E_NOENT: says nothing; PB_E_CORRUPT_FILE: another topic's, or of a version to come. Kafka ends the last line, or does not. */
static int compare(const struct pb_log *log, const char *text, size_t size) {
    static const char version[] = "version: ";
    char wanted[TEXT_BYTES_MAX];
    int wanted_size = text_of(log, wanted);
    if (strncmp(text, version, sizeof version - 1) != 0) return PB_E_NOENT;
    const char *number = text + sizeof version - 1, *behind = number + strspn(number, "0123456789");
    if (behind == number || *behind != '\n') return PB_E_NOENT;
    if (strncmp(number, "0\n", 2) != 0) return PB_E_CORRUPT_FILE;
    while (size > 0 && strchr("\r\n ", text[size - 1]) != NULL && text[size - 1] != 0) size--;
    if (size < (size_t)wanted_size || strlen(text) < size) return PB_E_NOENT;   /* cut short, or zeros */
    return size == (size_t)wanted_size && strncmp(text, wanted, size) == 0 ? 0 : PB_E_CORRUPT_FILE;
}

int pb__log_check_topic_id(struct pb_log *log) {
    char path[PB_PATH_BYTES_MAX], quoted[4 * TEXT_BYTES_MAX];
    uint8_t *text = NULL;
    size_t size;
    int rc = pb__log_path(log, -1, "partition.metadata", path);
    if (rc == 0) rc = pb__file_read_all(log->env, path, FILE_BYTES_MAX, &text, &size);
    if (rc == 0) rc = compare(log, (const char *)text, size);
    if (rc == PB_E_CORRUPT_FILE)
        pb__env_log(log->env, PB_LOG_ERROR, "event=partition-metadata-of-another path=%s text=\"%s\"", path, pb__env_quote(quoted, sizeof quoted, text, size));
    if (rc == PB_E_NOENT && text != NULL) pb__env_log(log->env, PB_LOG_WARNING, "event=partition-metadata-rewritten path=%s", path);
    pb__env_free(log->env, text);
    if (rc == PB_E_LIMIT) rc = PB_E_CORRUPT_FILE;
    return rc == PB_E_NOENT ? pb__log_write_topic_id(log) : rc;
}
