#include <zstd.h>

#include "base/err.h"
#include "record/codec_internal.h"

static int zstd_open(struct pb_codec_workspace *workspace) {
    ZSTD_DCtx *context = workspace->state[PB_CODEC_ZSTD];
    if (context == NULL) {
        context = ZSTD_createDCtx();
        if (context == NULL) return PB_E_NOMEM;
        workspace->state[PB_CODEC_ZSTD] = context;
    }
    ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
    return ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, PB_CODEC_ZSTD_WINDOW_LOG_MAX)) ? PB_E_INTERNAL : 0;
}

static int zstd_next(struct pb_codec_workspace *workspace, size_t *size_out) {
    ZSTD_outBuffer out = { workspace->piece, PB_CODEC_PIECE_BYTES, 0 };
    ZSTD_inBuffer in = { workspace->in, workspace->in_size, 0 };
    while (out.pos < out.size && !(workspace->complete && in.pos == in.size)) {
        size_t before = in.pos + out.pos, hint = ZSTD_decompressStream(workspace->state[PB_CODEC_ZSTD], &out, &in);
        if (ZSTD_isError(hint)) return PB_E_INVALID_RECORD;
        workspace->complete = hint == 0;
        if (hint > 0 && in.pos + out.pos == before) return PB_E_INVALID_RECORD;   /* cut */
    }
    workspace->in += in.pos;
    workspace->in_size -= in.pos;
    *size_out = out.pos;
    return 0;
}

static int zstd_compress(struct pb_codec_workspace *workspace, int level, const uint8_t *bytes, size_t size_bytes, size_t *size_out) {
    ZSTD_CCtx *context = workspace->pack_state[PB_CODEC_ZSTD];
    if (context == NULL) {
        context = ZSTD_createCCtx();
        if (context == NULL) return PB_E_NOMEM;
        workspace->pack_state[PB_CODEC_ZSTD] = context;
    }
    int rc = pb__codec_reserve(workspace->env, &workspace->packed, &workspace->packed_capacity, ZSTD_compressBound(size_bytes));
    if (rc < 0) return rc;
    size_t size = ZSTD_compressCCtx(context, workspace->packed, workspace->packed_capacity, bytes, size_bytes, level);
    if (ZSTD_isError(size)) return PB_E_INTERNAL;
    *size_out = size;
    return 0;
}

static void zstd_free(struct pb_codec_workspace *workspace) {
    ZSTD_freeDCtx(workspace->state[PB_CODEC_ZSTD]);
    ZSTD_freeCCtx(workspace->pack_state[PB_CODEC_ZSTD]);
}

const struct pb_codec_ops pb__codec_zstd = { zstd_open, zstd_next, zstd_compress, zstd_free };
