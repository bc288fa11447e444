#include <lz4frame.h>
#include <string.h>

#include "base/err.h"
#include "record/codec_internal.h"

static void lz4_free(struct pb_codec_workspace *workspace) {
    if (workspace->state[PB_CODEC_LZ4] != NULL) LZ4F_freeDecompressionContext(workspace->state[PB_CODEC_LZ4]);
    workspace->state[PB_CODEC_LZ4] = NULL;
}

/* A context that has not come to its frame's end is not used again: the library's reset (1.9.4) keeps the content size which the frame announced, and a good frame after it
 * would be refused. */
static int lz4_open(struct pb_codec_workspace *workspace) {
    if (workspace->lz4_torn) lz4_free(workspace);
    LZ4F_dctx *context = workspace->state[PB_CODEC_LZ4];
    if (context == NULL) {
        if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) return PB_E_NOMEM;
        workspace->state[PB_CODEC_LZ4] = context;
    }
    workspace->lz4_torn = true;
    LZ4F_frameInfo_t info;
    size_t size = workspace->in_size;
    if (LZ4F_isError(LZ4F_getFrameInfo(context, &info, workspace->in, &size)) || info.dictID != 0 || info.frameType != LZ4F_frame ||
        info.blockMode != LZ4F_blockIndependent)                            /* the Java clients cannot read blocks that lean on others */
        return PB_E_INVALID_RECORD;
    workspace->in += size;
    workspace->in_size -= size;
    return 0;
}

/* One frame per batch, as Kafka's reader has it: bytes behind its end are an error, and so is a frame without its end. */
static int lz4_next(struct pb_codec_workspace *workspace, size_t *size_out) {
    LZ4F_dctx *context = workspace->state[PB_CODEC_LZ4];
    *size_out = 0;
    while (!workspace->complete && *size_out == 0) {
        size_t out = PB_CODEC_PIECE_BYTES, in = workspace->in_size;
        size_t hint = LZ4F_decompress(context, workspace->piece, &out, workspace->in, &in, NULL);
        if (LZ4F_isError(hint)) return PB_E_INVALID_RECORD;
        workspace->in += in;
        workspace->in_size -= in;
        *size_out = out;
        workspace->complete = hint == 0;
        workspace->lz4_torn = !workspace->complete;
        if (!workspace->complete && in == 0 && out == 0) return PB_E_INVALID_RECORD;   /* cut */
    }
    return workspace->complete && workspace->in_size > 0 ? PB_E_INVALID_RECORD : 0;
}

static int lz4_compress(struct pb_codec_workspace *workspace, int level, const uint8_t *bytes, size_t size_bytes, size_t *size_out) {
    LZ4F_preferences_t preferences = { .frameInfo = { .blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent }, .compressionLevel = level };
    int rc = pb__codec_reserve(workspace->env, &workspace->packed, &workspace->packed_capacity, LZ4F_compressFrameBound(size_bytes, &preferences));
    if (rc < 0) return rc;
    size_t size = LZ4F_compressFrame(workspace->packed, workspace->packed_capacity, bytes, size_bytes, &preferences);
    if (LZ4F_isError(size)) return PB_E_INTERNAL;
    *size_out = size;
    return 0;
}

const struct pb_codec_ops pb__codec_lz4 = { lz4_open, lz4_next, lz4_compress, lz4_free };
