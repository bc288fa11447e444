/* record/codec_internal.h — between codec.c and the four codecs.
 * Thread      the workspace's */
#ifndef PB_RECORD_CODEC_INTERNAL_H
#define PB_RECORD_CODEC_INTERNAL_H

#include <stdbool.h>

#include "record/codec.h"

enum {
    PB_CODEC_PIECE_BYTES = 64 * 1024,                                       /* output handed on at once */
    PB_CODEC_SNAPPY_BLOCK_BYTES_MAX = 32 * 1024 * 1024,                     /* announced output of one snappy block: it cannot be streamed */
};

struct pb_codec_workspace {
    const struct pb_env *env;
    const struct pb_codec_ops *ops;                                         /* of the open stream */
    const uint8_t *in;                                                      /* what of the input is left */
    size_t in_size;
    int64_t output_left;
    bool ended;                                                             /* next gave its last piece */
    bool complete;                                                          /* lz4, zstd: between frames */
    bool lz4_torn;                                                          /* lz4: the context stands inside of a frame */
    bool framed;                                                            /* snappy: xerial framing, else one raw block */
    uint8_t *piece;                                                         /* PB_CODEC_PIECE_BYTES, or a larger snappy block */
    size_t piece_capacity;
    uint8_t *packed;                                                        /* result of compress */
    size_t packed_capacity;
    void *state[5];                                                         /* contexts for reading, by codec, made on first use */
    void *pack_state[5];                                                    /* for writing */
};

struct pb_codec_ops {
    /* Ready to read from the first byte. 0 or PB_E_*. */
    int (*open)(struct pb_codec_workspace *workspace);
    /* Next piece into workspace->piece; 0 bytes: ended, and the input with it. */
    int (*next)(struct pb_codec_workspace *workspace, size_t *size_out);
    int (*compress)(struct pb_codec_workspace *workspace, int level, const uint8_t *bytes, size_t size_bytes, size_t *size_out);
    void (*free)(struct pb_codec_workspace *workspace);
};

extern const struct pb_codec_ops pb__codec_gzip, pb__codec_snappy, pb__codec_lz4, pb__codec_zstd;

/* Room in piece or packed. 0 or PB_E_NOMEM. */
int pb__codec_reserve(const struct pb_env *env, uint8_t **buffer, size_t *capacity, size_t size_bytes);

#endif
