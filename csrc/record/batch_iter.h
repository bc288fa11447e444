/* record/batch_iter.h — the records of one batch, one by one, with their contents.
 *
 * Record       length varint | attributes int8 | timestampDelta varlong | offsetDelta varint | keyLength varint (-1 null) | key |
 *              valueLength varint (-1 null) | value | headerCount varint | headers (keyLength varint | key | valueLength varint | value)
 * Thread       one; the workspace belongs to it
 * Owner        batch bytes lent until the end of the walk; key, value and headers of a record lent until close */
#ifndef PB_RECORD_BATCH_ITER_H
#define PB_RECORD_BATCH_ITER_H

#include "record/batch.h"

struct pb_record {
    int64_t offset;
    int64_t timestamp;                                                      /* ms; LogAppendTime: the batch's max timestamp */
    const uint8_t *key;                                                     /* NULL: null */
    int32_t key_size;
    const uint8_t *value;                                                   /* NULL: null */
    int32_t value_size;
    const uint8_t *headers;                                                 /* headerCount already read */
    int32_t headers_size;
    int32_t header_count;
};

struct pb_batch_iter {
    const struct pb_batch *batch;
    const uint8_t *pos, *end;
    uint8_t *unpacked;                                                      /* owned: the records of a compressed batch */
    const struct pb_env *env;
    int32_t index;                                                          /* of the next record */
};

/* Begin a walk over a batch whose CRC is known to be right. codec: NULL is fine for uncompressed batches. */
int pb__batch_iter_open(struct pb_batch_iter *iter, const struct pb_batch *batch, const struct pb_env *env, struct pb_codec_workspace *codec, int64_t output_bytes_max);
void pb__batch_iter_close(struct pb_batch_iter *iter);
/* Next record: 1 one given, 0 end, or PB_E_INVALID_RECORD and the like. */
int pb__batch_iter_next(struct pb_batch_iter *iter, struct pb_record *out);

#endif
