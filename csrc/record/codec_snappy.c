#include <snappy-c.h>
#include <string.h>

#include "base/endian.h"
#include "base/err.h"
#include "record/codec_internal.h"

/* Xerial framing: 8 bytes of magic, version int32, compatible version int32, then per block: size int32, block. */
enum { XERIAL_HEADER_BYTES = 16, XERIAL_BLOCK_BYTES = 32 * 1024 };
static const uint8_t magic[8] = { 0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0 };

static int snappy_open(struct pb_codec_workspace *workspace) {
    if (workspace->in_size < XERIAL_HEADER_BYTES || memcmp(workspace->in, magic, sizeof magic) != 0) return 0;
    workspace->in += XERIAL_HEADER_BYTES;
    workspace->in_size -= XERIAL_HEADER_BYTES;
    workspace->framed = true;
    return 0;
}

static int take_block(struct pb_codec_workspace *workspace, const uint8_t **block_out, size_t *size_out) {
    size_t size = workspace->in_size;
    if (workspace->framed) {
        if (size < 4) return PB_E_INVALID_RECORD;
        int32_t block = pb__get_i32(workspace->in);
        workspace->in += 4;
        workspace->in_size -= 4;
        if (block < 0 || (size_t)block > workspace->in_size) return PB_E_INVALID_RECORD;
        size = (size_t)block;
    }
    *block_out = workspace->in;
    *size_out = size;
    workspace->in += size;
    workspace->in_size -= size;
    return 0;
}

static int snappy_next(struct pb_codec_workspace *workspace, size_t *size_out) {
    const uint8_t *block;
    size_t block_size;
    for (*size_out = 0; *size_out == 0 && workspace->in_size > 0;) {        /* empty blocks are legal */
        int rc = take_block(workspace, &block, &block_size);
        if (rc < 0) return rc;
        size_t output;
        if (snappy_uncompressed_length((const char *)block, block_size, &output) != SNAPPY_OK) return PB_E_INVALID_RECORD;
        if (output > PB_CODEC_SNAPPY_BLOCK_BYTES_MAX || (int64_t)output > workspace->output_left) return PB_E_BATCH_TOO_LARGE;
        if ((rc = pb__codec_reserve(workspace->env, &workspace->piece, &workspace->piece_capacity, output)) < 0) return rc;
        *size_out = output;
        if (snappy_uncompress((const char *)block, block_size, (char *)workspace->piece, size_out) != SNAPPY_OK) return PB_E_INVALID_RECORD;
    }
    return 0;
}

static int snappy_compress_all(struct pb_codec_workspace *workspace, int level, const uint8_t *bytes, size_t size_bytes, size_t *size_out) {
    (void)level;                                                            /* snappy has none */
    size_t blocks = size_bytes / XERIAL_BLOCK_BYTES + 1, bound = XERIAL_HEADER_BYTES + blocks * (4 + snappy_max_compressed_length(XERIAL_BLOCK_BYTES));
    int rc = pb__codec_reserve(workspace->env, &workspace->packed, &workspace->packed_capacity, bound);
    if (rc < 0) return rc;
    uint8_t *to = workspace->packed;
    memcpy(to, magic, sizeof magic);
    pb__put_i32(to + 8, 1);
    pb__put_i32(to + 12, 1);
    to += XERIAL_HEADER_BYTES;
    while (size_bytes > 0) {
        size_t part = size_bytes < XERIAL_BLOCK_BYTES ? size_bytes : XERIAL_BLOCK_BYTES, packed = snappy_max_compressed_length(part);
        if (snappy_compress((const char *)bytes, part, (char *)to + 4, &packed) != SNAPPY_OK) return PB_E_INTERNAL;
        pb__put_i32(to, (int32_t)packed);
        to += 4 + packed;
        bytes += part;
        size_bytes -= part;
    }
    *size_out = (size_t)(to - workspace->packed);
    return 0;
}

static void snappy_free(struct pb_codec_workspace *workspace) { (void)workspace; /* no context */ }

const struct pb_codec_ops pb__codec_snappy = { snappy_open, snappy_next, snappy_compress_all, snappy_free };
