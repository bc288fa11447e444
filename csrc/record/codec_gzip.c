#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "base/err.h"
#include "record/codec_internal.h"

enum { WINDOW_GZIP = 15 + 16, MEMORY_LEVEL = 8 };

static int gzip_open(struct pb_codec_workspace *workspace) {
    z_stream *stream = workspace->state[PB_CODEC_GZIP];
    if (stream != NULL) return inflateReset2(stream, WINDOW_GZIP) == Z_OK ? 0 : PB_E_INTERNAL;
    stream = pb__env_zalloc(workspace->env, sizeof *stream);
    if (stream == NULL || inflateInit2(stream, WINDOW_GZIP) != Z_OK) {
        pb__env_free(workspace->env, stream);
        return PB_E_NOMEM;
    }
    workspace->state[PB_CODEC_GZIP] = stream;
    return 0;
}

static int gzip_next(struct pb_codec_workspace *workspace, size_t *size_out) {
    z_stream *stream = workspace->state[PB_CODEC_GZIP];
    stream->next_out = workspace->piece;
    stream->avail_out = PB_CODEC_PIECE_BYTES;
    while (stream->avail_out > 0) {
        stream->next_in = (Bytef *)(uintptr_t)workspace->in;
        stream->avail_in = (uInt)workspace->in_size;
        int rc = inflate(stream, Z_NO_FLUSH);
        workspace->in += workspace->in_size - stream->avail_in;
        workspace->in_size = stream->avail_in;
        if (rc == Z_MEM_ERROR) return PB_E_NOMEM;
        if (rc != Z_OK && rc != Z_STREAM_END) return PB_E_INVALID_RECORD;   /* Z_BUF_ERROR: cut */
        if (rc == Z_STREAM_END) {
            if (workspace->in_size == 0) break;
            if (inflateReset(stream) != Z_OK) return PB_E_INTERNAL;         /* a further member; garbage fails its header */
        }
        if (rc == Z_OK && workspace->in_size == 0 && stream->avail_out > 0) return PB_E_INVALID_RECORD;
    }
    *size_out = PB_CODEC_PIECE_BYTES - stream->avail_out;
    return 0;
}

static int gzip_compress(struct pb_codec_workspace *workspace, int level, const uint8_t *bytes, size_t size_bytes, size_t *size_out) {
    z_stream *stream = workspace->pack_state[PB_CODEC_GZIP];
    if (stream != NULL && deflateReset(stream) != Z_OK) return PB_E_INTERNAL;
    if (stream == NULL) {
        stream = pb__env_zalloc(workspace->env, sizeof *stream);
        if (stream == NULL || deflateInit2(stream, level, Z_DEFLATED, WINDOW_GZIP, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
            pb__env_free(workspace->env, stream);
            return PB_E_NOMEM;
        }
        workspace->pack_state[PB_CODEC_GZIP] = stream;
    }
    size_t bound = deflateBound(stream, size_bytes);
    if (bound > UINT_MAX) return PB_E_BATCH_TOO_LARGE;
    int rc = pb__codec_reserve(workspace->env, &workspace->packed, &workspace->packed_capacity, bound);
    if (rc < 0) return rc;
    stream->next_in = (Bytef *)(uintptr_t)bytes;
    stream->avail_in = (uInt)size_bytes;
    stream->next_out = workspace->packed;
    stream->avail_out = (uInt)bound;
    if (deflateParams(stream, level, Z_DEFAULT_STRATEGY) != Z_OK) return PB_E_INTERNAL;   /* the level may differ from topic to topic */
    if (deflate(stream, Z_FINISH) != Z_STREAM_END) return PB_E_INTERNAL;
    *size_out = bound - stream->avail_out;
    return 0;
}

static void gzip_free(struct pb_codec_workspace *workspace) {
    z_stream *stream = workspace->state[PB_CODEC_GZIP], *pack = workspace->pack_state[PB_CODEC_GZIP];
    if (stream != NULL) inflateEnd(stream);
    if (pack != NULL) deflateEnd(pack);
    pb__env_free(workspace->env, stream);
    pb__env_free(workspace->env, pack);
}

const struct pb_codec_ops pb__codec_gzip = { gzip_open, gzip_next, gzip_compress, gzip_free };
