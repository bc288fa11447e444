/* record/codec.h — the four compressions of record batches, streamed and bounded, each by its library.
 *
 * Formats     gzip: RFC 1952, concatenated members accepted. snappy: xerial frames (header "\x82SNAPPY\0", two int32, then
 *             int32 length + block), a raw block accepted as well. lz4: frame format, content checksums verified, end mark needed,
 *             dictionary ids and linked blocks refused. zstd: frames, window at most PB_CODEC_ZSTD_WINDOW_LOG_MAX, dictionary ids refused.
 * Bounds      a reader never holds more than one block of output (64 KiB, one lz4/snappy block at most 4 MiB) beside the library's
 *             window; output is counted against a limit given at open.
 * Thread      one workspace belongs to one thread (a loop or a worker)
 * Owner       the workspace owns contexts and buffers and keeps them between batches: no allocation per batch in steady state
 * Source      KIP-98, KIP-110, KIP-390 (levels) */
#ifndef PB_RECORD_CODEC_H
#define PB_RECORD_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

enum pb_codec { PB_CODEC_NONE = 0, PB_CODEC_GZIP = 1, PB_CODEC_SNAPPY = 2, PB_CODEC_LZ4 = 3, PB_CODEC_ZSTD = 4 };
enum { PB_CODEC_ZSTD_WINDOW_LOG_MAX = 25 /* 32 MiB */ };

struct pb_codec_workspace;                                                  /* contexts and buffers, made lazily per codec */
int pb__codec_workspace_new(const struct pb_env *env, struct pb_codec_workspace **workspace_out);
void pb__codec_workspace_free(struct pb_codec_workspace *workspace);

/* Begin to decompress [bytes, +size_bytes), lent until close or the next open. output_bytes_max: PB_E_BATCH_TOO_LARGE beyond it. */
int pb__codec_open(struct pb_codec_workspace *workspace, enum pb_codec codec, const uint8_t *bytes, size_t size_bytes, int64_t output_bytes_max);
/* The next piece of output, lent until the next call. *size_out 0: the end, and the input ended exactly there (garbage after the end and a cut
 * end are PB_E_INVALID_RECORD). */
int pb__codec_next(struct pb_codec_workspace *workspace, const uint8_t **piece_out, size_t *size_out);

/* Compress whole [bytes, +size_bytes) into memory of the workspace, lent until the next call on it. level: Kafka's ranges; 0 for snappy. */
int pb__codec_compress(struct pb_codec_workspace *workspace, enum pb_codec codec, int level, const uint8_t *bytes, size_t size_bytes,
                       const uint8_t **out, size_t *out_size);

#endif
