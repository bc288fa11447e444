#include "record/batch_retain.h"

#include <string.h>

#include "base/assert.h"
#include "base/endian.h"
#include "base/err.h"
#include "record/batch_internal.h"
#include "record/varint.h"

int64_t pb__batch_delete_horizon(const struct pb_batch *batch) { return batch->attributes & PB_ATTRIBUTE_DELETE_HORIZON ? batch->base_timestamp : -1; }

void pb__batch_iter_rewind(struct pb_batch_iter *iter) {
    iter->pos = (iter->unpacked != NULL ? iter->unpacked : iter->batch->bytes) + PB_BATCH_HEADER_BYTES;
    iter->index = 0;
}

struct out { uint8_t *bytes; size_t size; int64_t base_timestamp, max_timestamp; int32_t count; };

/* The record between begin and end, its timestamp counted from the new base. */
static int put_record(struct out *out, const struct pb_record *record, const uint8_t *begin, const uint8_t *end) {
    int64_t size, old_delta, offset_delta, delta = (int64_t)((uint64_t)record->timestamp - (uint64_t)out->base_timestamp);
    const uint8_t *pos = begin;
    if (pb__varlong_read(&pos, end, PB_VARINT_BYTES_MAX, &size) < 0) return PB_E_INVALID_RECORD;
    uint8_t attributes = *pos++, *at = out->bytes + out->size;
    if (pb__varlong_read(&pos, end, PB_VARLONG_BYTES_MAX, &old_delta) < 0) return PB_E_INVALID_RECORD;
    const uint8_t *rest = pos;                                              /* offset delta and all behind it stay as they are */
    if (pb__varlong_read(&pos, end, PB_VARINT_BYTES_MAX, &offset_delta) < 0) return PB_E_INVALID_RECORD;
    at = pb__varlong_write(at, 1 + pb__varlong_size(delta) + (end - rest));
    *at++ = attributes;
    at = pb__varlong_write(at, delta);
    memcpy(at, rest, (size_t)(end - rest));
    out->size = (size_t)(at + (end - rest) - out->bytes);
    out->count++;
    out->max_timestamp = pb__max_i64(out->max_timestamp, record->timestamp);
    return 0;
}

static int put_records(struct pb_batch_iter *iter, const uint8_t *keep, struct out *out, bool base_is_set) {
    struct pb_record record;
    int rc;
    for (;;) {
        int32_t index = iter->index;
        const uint8_t *begin = iter->pos;
        if ((rc = pb__batch_iter_next(iter, &record)) <= 0) return rc;
        if (!keep[index]) continue;
        if (out->count == 0 && !base_is_set) out->base_timestamp = record.timestamp;
        if ((rc = put_record(out, &record, begin, iter->pos)) < 0) return rc;
    }
}

/* As the Java broker, whatever the topic's own level. */
static int default_level(enum pb_codec codec) { return codec == PB_CODEC_GZIP ? -1 : codec == PB_CODEC_ZSTD ? 3 : 0; }

static int pack(const struct pb_batch *batch, const struct pb_env *env, struct pb_codec_workspace *codec, struct out *out) {
    const uint8_t *packed;
    size_t packed_size;
    if (pb__batch_codec(batch) == PB_CODEC_NONE) return 0;
    int rc = pb__codec_compress(codec, pb__batch_codec(batch), default_level(pb__batch_codec(batch)), out->bytes + PB_BATCH_HEADER_BYTES, out->size - PB_BATCH_HEADER_BYTES, &packed,
                                &packed_size);
    if (rc < 0) return rc;
    uint8_t *bytes = pb__env_alloc(env, PB_BATCH_HEADER_BYTES + packed_size);
    if (bytes == NULL) return PB_E_NOMEM;
    memcpy(bytes + PB_BATCH_HEADER_BYTES, packed, packed_size);
    pb__env_free(env, out->bytes);
    out->bytes = bytes;
    out->size = PB_BATCH_HEADER_BYTES + packed_size;
    return 0;
}

static void put_header(const struct pb_batch *batch, const struct out *out, bool sets_horizon) {
    uint8_t *bytes = out->bytes;
    struct pb_batch view;
    memcpy(bytes, batch->bytes, PB_BATCH_HEADER_BYTES);
    pb__put_i32(bytes + PB_AT_LENGTH, (int32_t)out->size - PB_BATCH_PREFIX_BYTES);
    if (sets_horizon) pb__put_i16(bytes + PB_AT_ATTRIBUTES, (int16_t)(batch->attributes | PB_ATTRIBUTE_DELETE_HORIZON));
    pb__put_i64(bytes + PB_AT_BASE_TIMESTAMP, out->base_timestamp);
    if (!(batch->attributes & PB_ATTRIBUTE_LOG_APPEND_TIME)) pb__put_i64(bytes + PB_AT_MAX_TIMESTAMP, out->max_timestamp);
    pb__put_i32(bytes + PB_AT_RECORD_COUNT, out->count);
    int rc = pb__batch_parse(bytes, out->size, &view);
    PB_ASSERT(rc == 0);
    pb__batch_seal(&view);
}

int pb__batch_retain(struct pb_batch_iter *iter, const uint8_t *keep, int64_t horizon_ms, struct pb_codec_workspace *codec, uint8_t **bytes_out, size_t *size_out) {
    const struct pb_batch *batch = iter->batch;
    pb__batch_iter_rewind(iter);
    /* A timestamp may take its most instead of its least, and the record's length a byte more with it. */
    size_t capacity = PB_BATCH_HEADER_BYTES + (size_t)(iter->end - iter->pos) + (size_t)batch->record_count * (PB_VARLONG_BYTES_MAX + 1);
    if (capacity > INT32_MAX) return PB_E_BATCH_TOO_LARGE;
    int64_t horizon = horizon_ms >= 0 ? horizon_ms : pb__batch_delete_horizon(batch);
    struct out out = { .bytes = pb__env_alloc(iter->env, capacity), .size = PB_BATCH_HEADER_BYTES, .base_timestamp = horizon, .max_timestamp = PB_NO_TIMESTAMP };
    if (out.bytes == NULL) return PB_E_NOMEM;
    int rc = put_records(iter, keep, &out, horizon >= 0);
    PB_ASSERT(rc < 0 || out.count > 0);
    if (rc == 0) rc = pack(batch, iter->env, codec, &out);
    if (rc < 0) {
        pb__env_free(iter->env, out.bytes);
        return rc;
    }
    put_header(batch, &out, horizon_ms >= 0);
    *bytes_out = out.bytes;
    *size_out = out.size;
    return 0;
}

void pb__batch_retain_nothing(const struct pb_batch *batch, uint8_t bytes[PB_BATCH_HEADER_BYTES]) {
    struct pb_batch view;
    memcpy(bytes, batch->bytes, PB_BATCH_HEADER_BYTES);
    pb__put_i32(bytes + PB_AT_LENGTH, PB_BATCH_HEADER_BYTES - PB_BATCH_PREFIX_BYTES);
    pb__put_i16(bytes + PB_AT_ATTRIBUTES, (int16_t)(batch->attributes & (PB_ATTRIBUTE_LOG_APPEND_TIME | PB_ATTRIBUTE_TRANSACTIONAL | PB_ATTRIBUTE_CONTROL)));
    pb__put_i64(bytes + PB_AT_BASE_TIMESTAMP, PB_NO_TIMESTAMP);
    pb__put_i32(bytes + PB_AT_RECORD_COUNT, 0);
    int rc = pb__batch_parse(bytes, PB_BATCH_HEADER_BYTES, &view);
    PB_ASSERT(rc == 0);
    pb__batch_seal(&view);
}
