#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "record/codec_internal.h"

static const struct pb_codec_ops *const table[] = { NULL, &pb__codec_gzip, &pb__codec_snappy, &pb__codec_lz4, &pb__codec_zstd };

int pb__codec_workspace_new(const struct pb_env *env, struct pb_codec_workspace **workspace_out) {
    struct pb_codec_workspace *workspace = pb__env_zalloc(env, sizeof *workspace);
    if (workspace == NULL) return PB_E_NOMEM;
    workspace->env = env;
    *workspace_out = workspace;
    return 0;
}

void pb__codec_workspace_free(struct pb_codec_workspace *workspace) {
    if (workspace == NULL) return;
    for (size_t i = 1; i < PB_COUNT(table); i++) table[i]->free(workspace);
    pb__env_free(workspace->env, workspace->piece);
    pb__env_free(workspace->env, workspace->packed);
    pb__env_free(workspace->env, workspace);
}

int pb__codec_reserve(const struct pb_env *env, uint8_t **buffer, size_t *capacity, size_t size_bytes) {
    if (*capacity >= size_bytes) return 0;
    uint8_t *bigger = pb__env_resize(env, *buffer, size_bytes);
    if (bigger == NULL) return PB_E_NOMEM;
    *buffer = bigger;
    *capacity = size_bytes;
    return 0;
}

int pb__codec_open(struct pb_codec_workspace *workspace, enum pb_codec codec, const uint8_t *bytes, size_t size_bytes, int64_t output_bytes_max) {
    PB_ASSERT(codec > PB_CODEC_NONE && codec < (int)PB_COUNT(table));
    workspace->ops = table[codec];
    workspace->in = bytes;
    workspace->in_size = size_bytes;
    workspace->output_left = output_bytes_max;
    workspace->ended = workspace->complete = workspace->framed = false;
    int rc = pb__codec_reserve(workspace->env, &workspace->piece, &workspace->piece_capacity, PB_CODEC_PIECE_BYTES);
    return rc < 0 ? rc : workspace->ops->open(workspace);
}

int pb__codec_next(struct pb_codec_workspace *workspace, const uint8_t **piece_out, size_t *size_out) {
    *size_out = 0;
    *piece_out = workspace->piece;
    if (workspace->ended) return 0;
    int rc = workspace->ops->next(workspace, size_out);
    if (rc < 0) return rc;
    *piece_out = workspace->piece;
    if (*size_out == 0) workspace->ended = true;
    workspace->output_left -= (int64_t)*size_out;
    return workspace->output_left < 0 ? PB_E_BATCH_TOO_LARGE : 0;
}

int pb__codec_compress(struct pb_codec_workspace *workspace, enum pb_codec codec, int level, const uint8_t *bytes, size_t size_bytes, const uint8_t **out,
                       size_t *out_size) {
    PB_ASSERT(codec > PB_CODEC_NONE && codec < (int)PB_COUNT(table));
    int rc = table[codec]->compress(workspace, level, bytes, size_bytes, out_size);
    if (rc < 0) return rc;
    *out = workspace->packed;
    return 0;
}
