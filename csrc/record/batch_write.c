#include "record/batch_write.h"

#include <string.h>

#include "base/assert.h"
#include "base/endian.h"
#include "base/err.h"
#include "base/limits.h"
#include "record/batch_internal.h"
#include "record/varint.h"

enum { FIRST_CAPACITY_BYTES = 512, RECORD_OVERHEAD_BYTES_MAX = 1 + 5 * PB_VARINT_BYTES_MAX + PB_VARLONG_BYTES_MAX };

void pb__batch_writer_init(struct pb_batch_writer *writer, const struct pb_env *env, int64_t timestamp_ms) {
    *writer = (struct pb_batch_writer){ .env = env, .size_bytes = PB_BATCH_HEADER_BYTES, .timestamp = timestamp_ms, .max_timestamp = timestamp_ms };
}

void pb__batch_writer_free(struct pb_batch_writer *writer) {
    pb__env_free(writer->env, writer->bytes);
    writer->bytes = NULL;
}

static int reserve(struct pb_batch_writer *writer, size_t more) {
    size_t wanted = writer->size_bytes + more;
    if (wanted > PB_OWN_BATCH_BYTES_MAX) return PB_E_BATCH_TOO_LARGE;
    if (wanted <= writer->capacity_bytes) return 0;
    size_t capacity = writer->capacity_bytes > 0 ? 2 * writer->capacity_bytes : FIRST_CAPACITY_BYTES;
    while (capacity < wanted) capacity *= 2;
    uint8_t *bytes = pb__env_resize(writer->env, writer->bytes, capacity);
    if (bytes == NULL) return PB_E_NOMEM;
    writer->bytes = bytes;
    writer->capacity_bytes = capacity;
    return 0;
}

static uint8_t *put_bytes(uint8_t *at, const uint8_t *bytes, int32_t size) {
    at = pb__varlong_write(at, size < 0 ? -1 : size);
    if (size > 0) memcpy(at, bytes, (size_t)size);
    return size > 0 ? at + size : at;
}

int pb__batch_writer_add_record(struct pb_batch_writer *writer, const struct pb_record *record) {
    int64_t contents = pb__max_i64(record->key_size, 0) + pb__max_i64(record->value_size, 0) + record->headers_size;
    int64_t after = record->timestamp - writer->timestamp;
    int rc = reserve(writer, (size_t)contents + RECORD_OVERHEAD_BYTES_MAX);
    if (rc < 0) return rc;
    int64_t body = 1 + pb__varlong_size(after) + pb__varlong_size(writer->record_count) + pb__varlong_size(record->key_size) + pb__varlong_size(record->value_size) +
                   pb__varlong_size(record->header_count) + contents;
    uint8_t *at = pb__varlong_write(writer->bytes + writer->size_bytes, body), *begin = at;
    *at++ = 0;                                                              /* attributes */
    at = pb__varlong_write(at, after);
    at = pb__varlong_write(at, writer->record_count);                       /* offset delta */
    at = put_bytes(at, record->key, record->key_size);
    at = put_bytes(at, record->value, record->value_size);
    at = pb__varlong_write(at, record->header_count);
    if (record->headers_size > 0) memcpy(at, record->headers, (size_t)record->headers_size);
    at += record->headers_size;
    PB_ASSERT(at - begin == body);
    writer->size_bytes = (size_t)(at - writer->bytes);
    writer->max_timestamp = writer->record_count == 0 ? record->timestamp : pb__max_i64(writer->max_timestamp, record->timestamp);
    writer->record_count++;
    return 0;
}

int pb__batch_writer_add(struct pb_batch_writer *writer, const uint8_t *key, int32_t key_size, const uint8_t *value, int32_t value_size) {
    struct pb_record record = { .timestamp = writer->timestamp, .key = key, .key_size = key_size, .value = value, .value_size = value_size };
    return pb__batch_writer_add_record(writer, &record);
}

void pb__batch_writer_end_as(struct pb_batch_writer *writer, const struct pb_batch *like, bool keep_producer, struct pb_batch *batch) {
    pb__batch_writer_end(writer, batch);
    uint8_t *bytes = writer->bytes;
    pb__put_i16(bytes + PB_AT_ATTRIBUTES, like->attributes & PB_ATTRIBUTE_LOG_APPEND_TIME);
    if (keep_producer) {
        pb__put_i64(bytes + PB_AT_PRODUCER_ID, like->producer_id);
        pb__put_i16(bytes + PB_AT_PRODUCER_EPOCH, like->producer_epoch);
        pb__put_i32(bytes + PB_AT_BASE_SEQUENCE, like->base_sequence);
    }
    int rc = pb__batch_parse(bytes, writer->size_bytes, batch);
    PB_ASSERT(rc == 0);
    pb__batch_seal(batch);
}

void pb__batch_writer_end(struct pb_batch_writer *writer, struct pb_batch *batch) {
    PB_ASSERT(writer->record_count > 0);
    uint8_t *bytes = writer->bytes;
    memset(bytes, 0, PB_BATCH_HEADER_BYTES);
    bytes[PB_AT_MAGIC] = PB_BATCH_MAGIC;
    pb__put_i32(bytes + PB_AT_LENGTH, (int32_t)writer->size_bytes - PB_BATCH_PREFIX_BYTES);
    pb__put_i32(bytes + PB_AT_LAST_OFFSET_DELTA, writer->record_count - 1);
    pb__put_i64(bytes + PB_AT_BASE_TIMESTAMP, writer->timestamp);
    pb__put_i64(bytes + PB_AT_MAX_TIMESTAMP, writer->max_timestamp);
    pb__put_i64(bytes + PB_AT_PRODUCER_ID, PB_NO_PRODUCER_ID);
    pb__put_i16(bytes + PB_AT_PRODUCER_EPOCH, -1);
    pb__put_i32(bytes + PB_AT_BASE_SEQUENCE, -1);
    pb__put_i32(bytes + PB_AT_RECORD_COUNT, writer->record_count);
    int rc = pb__batch_parse(bytes, writer->size_bytes, batch);
    PB_ASSERT(rc == 0);
    pb__batch_seal(batch);
}
