#include "record/batch_iter.h"

#include "base/err.h"
#include "record/batch_internal.h"
#include "record/varint.h"

int pb__batch_iter_open(struct pb_batch_iter *iter, const struct pb_batch *batch, const struct pb_env *env, struct pb_codec_workspace *codec, int64_t output_bytes_max) {
    *iter = (struct pb_batch_iter){ .batch = batch, .env = env, .pos = batch->bytes + PB_BATCH_HEADER_BYTES, .end = batch->bytes + batch->size_bytes };
    if (pb__batch_codec(batch) == PB_CODEC_NONE) return 0;
    if (codec == NULL || pb__batch_codec(batch) > PB_CODEC_ZSTD) return PB_E_CODEC;
    size_t size;
    int rc = pb__batch_unpack(batch, output_bytes_max, env, codec, &iter->unpacked, &size);
    if (rc < 0) return rc;
    iter->pos = iter->unpacked + PB_BATCH_HEADER_BYTES;
    iter->end = iter->unpacked + size;
    return 0;
}

void pb__batch_iter_close(struct pb_batch_iter *iter) {
    pb__env_free(iter->env, iter->unpacked);
    iter->unpacked = NULL;
}

/* A length and as many bytes; -1: null. false: not inside of the record. */
static bool read_bytes(const uint8_t **pos, const uint8_t *end, const uint8_t **bytes_out, int32_t *size_out) {
    int64_t size;
    if (pb__varlong_read(pos, end, PB_VARINT_BYTES_MAX, &size) < 0 || size < -1 || size > end - *pos) return false;
    *bytes_out = size < 0 ? NULL : *pos;
    *size_out = (int32_t)size;
    if (size > 0) *pos += size;
    return true;
}

int pb__batch_iter_next(struct pb_batch_iter *iter, struct pb_record *out) {
    const struct pb_batch *batch = iter->batch;
    if (iter->index == batch->record_count) return 0;
    int64_t size, timestamp_delta, offset_delta, header_count;
    const uint8_t *pos = iter->pos;
    if (pb__varlong_read(&pos, iter->end, PB_VARINT_BYTES_MAX, &size) < 0 || size < 1 || size > iter->end - pos) return PB_E_INVALID_RECORD;
    const uint8_t *end = pos + size;
    pos++;                                                                  /* attributes: none defined */
    if (pb__varlong_read(&pos, end, PB_VARLONG_BYTES_MAX, &timestamp_delta) < 0 || pb__varlong_read(&pos, end, PB_VARINT_BYTES_MAX, &offset_delta) < 0 ||
        !read_bytes(&pos, end, &out->key, &out->key_size) || !read_bytes(&pos, end, &out->value, &out->value_size) ||
        pb__varlong_read(&pos, end, PB_VARINT_BYTES_MAX, &header_count) < 0 || header_count < 0 || header_count > end - pos)
        return PB_E_INVALID_RECORD;
    out->offset = batch->base_offset + offset_delta;
    out->timestamp = batch->attributes & PB_ATTRIBUTE_LOG_APPEND_TIME ? batch->max_timestamp : batch->base_timestamp + timestamp_delta;
    out->headers = pos;
    out->headers_size = (int32_t)(end - pos);
    out->header_count = (int32_t)header_count;
    iter->pos = end;
    iter->index++;
    return 1;
}
