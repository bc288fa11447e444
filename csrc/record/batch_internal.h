/* record/batch_internal.h — between the files of record/: places in the header, the workspace, the walk over records.
 * Thread      the workspace's */
#ifndef PB_RECORD_BATCH_INTERNAL_H
#define PB_RECORD_BATCH_INTERNAL_H

#include "record/batch.h"

enum {
    PB_AT_LENGTH = 8,
    PB_AT_LEADER_EPOCH = 12,
    PB_AT_MAGIC = 16,
    PB_AT_CRC = 17,
    PB_AT_ATTRIBUTES = 21,
    PB_AT_LAST_OFFSET_DELTA = 23,
    PB_AT_BASE_TIMESTAMP = 27,
    PB_AT_MAX_TIMESTAMP = 35,
    PB_AT_PRODUCER_ID = 43,
    PB_AT_PRODUCER_EPOCH = 51,
    PB_AT_BASE_SEQUENCE = 53,
    PB_AT_RECORD_COUNT = 57,
};

struct pb_batch_workspace {
    const struct pb_env *env;
    struct pb_codec_workspace *codec;
    uint8_t *rewritten;                                                     /* batch of the last rewrite, NULL: none */
};

/* CRC anew, in bytes and view. */
void pb__batch_seal(struct pb_batch *batch);

struct pb_batch_walk { int64_t max_timestamp; };
/* Every record checked by the rules; *walk_out: what was seen. */
int pb__batch_walk(const struct pb_batch *batch, const struct pb_batch_rules *rules, int64_t now_ms, struct pb_codec_workspace *codec, struct pb_batch_walk *walk_out,
                   struct pb_batch_fault *fault);
/* Records compressed as the rules want, in a new buffer of the workspace; batch becomes a view of it (without a valid CRC). */
int pb__batch_recompress(struct pb_batch *batch, const struct pb_batch_rules *rules, struct pb_batch_workspace *workspace);
/* All records of a compressed batch, behind PB_BATCH_HEADER_BYTES of room, in one buffer of env->alloc (owned by the caller). size includes the room. */
int pb__batch_unpack(const struct pb_batch *batch, int64_t output_bytes_max, const struct pb_env *env, struct pb_codec_workspace *codec, uint8_t **bytes_out,
                     size_t *size_out);

#endif
