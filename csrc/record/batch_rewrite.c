#include <string.h>

#include "base/endian.h"
#include "base/err.h"
#include "record/batch_internal.h"
#include "record/codec_internal.h"

int pb__batch_unpack(const struct pb_batch *batch, int64_t output_bytes_max, const struct pb_env *env, struct pb_codec_workspace *codec, uint8_t **bytes_out,
                  size_t *size_out) {
    uint8_t *bytes = NULL;
    size_t capacity = 0, size = PB_BATCH_HEADER_BYTES;
    int rc = pb__codec_open(codec, pb__batch_codec(batch), batch->bytes + PB_BATCH_HEADER_BYTES, (size_t)(batch->size_bytes - PB_BATCH_HEADER_BYTES), output_bytes_max);
    for (size_t piece_size = 1; rc == 0 && piece_size > 0; size += piece_size) {
        const uint8_t *piece;
        rc = pb__codec_next(codec, &piece, &piece_size);
        if (rc == 0 && size + piece_size > capacity) rc = pb__codec_reserve(env, &bytes, &capacity, 2 * (size + piece_size));
        if (rc < 0) break;
        memcpy(bytes + size, piece, piece_size);
    }
    if (rc < 0) {
        pb__env_free(env, bytes);
        return rc;
    }
    *bytes_out = bytes;
    *size_out = size;
    return 0;
}

static int pack(struct pb_batch_workspace *workspace, const struct pb_batch_rules *rules, const uint8_t *records, size_t size, uint8_t **bytes_out, size_t *size_out) {
    const uint8_t *packed;
    size_t packed_size;
    int rc = pb__codec_compress(workspace->codec, (enum pb_codec)rules->codec_wanted, rules->codec_level, records, size, &packed, &packed_size);
    if (rc < 0) return rc;
    uint8_t *bytes = pb__env_alloc(workspace->env, PB_BATCH_HEADER_BYTES + packed_size);
    if (bytes == NULL) return PB_E_NOMEM;
    memcpy(bytes + PB_BATCH_HEADER_BYTES, packed, packed_size);
    *bytes_out = bytes;
    *size_out = PB_BATCH_HEADER_BYTES + packed_size;
    return 0;
}

int pb__batch_recompress(struct pb_batch *batch, const struct pb_batch_rules *rules, struct pb_batch_workspace *workspace) {
    const struct pb_env *env = workspace->env;
    uint8_t *plain = NULL, *bytes = NULL;
    const uint8_t *records = batch->bytes + PB_BATCH_HEADER_BYTES;
    size_t size = (size_t)batch->size_bytes;
    int rc = 0;
    if (pb__batch_codec(batch) != PB_CODEC_NONE) {
        rc = pb__batch_unpack(batch, rules->decompressed_bytes_max, env, workspace->codec, &plain, &size);
        if (rc < 0) return rc;
        records = plain + PB_BATCH_HEADER_BYTES;
    }
    if (rules->codec_wanted == PB_CODEC_NONE) {
        bytes = plain;                                                      /* the header goes into the room before the records */
        plain = NULL;
    } else {
        rc = pack(workspace, rules, records, size - PB_BATCH_HEADER_BYTES, &bytes, &size);
    }
    pb__env_free(env, plain);
    if (rc == 0 && size > INT32_MAX) rc = PB_E_BATCH_TOO_LARGE;
    if (rc < 0) {
        pb__env_free(env, bytes);
        return rc;
    }
    memcpy(bytes, batch->bytes, PB_BATCH_HEADER_BYTES);
    batch->bytes = workspace->rewritten = bytes;
    batch->size_bytes = (int32_t)size;
    batch->attributes = (int16_t)((batch->attributes & ~PB_ATTRIBUTE_CODEC) | rules->codec_wanted);
    pb__put_i32(bytes + PB_AT_LENGTH, batch->size_bytes - PB_BATCH_PREFIX_BYTES);
    pb__put_i16(bytes + PB_AT_ATTRIBUTES, batch->attributes);
    return 0;
}
