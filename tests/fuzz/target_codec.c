/* One codec (-DFUZZ_CODEC): any bytes are read within bounds or refused; what we write ourselves comes back. */
#include "tests/fuzz/fuzz.h"

enum { OUTPUT_MAX = 1 << 20 };

static int64_t unpack(struct pb_codec_workspace *workspace, const uint8_t *bytes, size_t size, const uint8_t *expected, size_t expected_size) {
    const uint8_t *piece;
    size_t piece_size = 1;
    int64_t total = 0;
    int rc = pb__codec_open(workspace, (enum pb_codec)FUZZ_CODEC, bytes, size, OUTPUT_MAX);
    while (rc == 0 && piece_size > 0 && (rc = pb__codec_next(workspace, &piece, &piece_size)) == 0) {
        if (expected != NULL) WRONG((size_t)total + piece_size > expected_size || memcmp(expected + total, piece, piece_size) != 0);
        total += (int64_t)piece_size;
        WRONG(total > OUTPUT_MAX);
    }
    return rc < 0 ? rc : total;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static struct sim_env sim;
    static struct pb_codec_workspace *workspace;
    const uint8_t *packed;
    size_t packed_size;
    if (workspace == NULL) {
        sim_init(&sim);
        WRONG(pb__codec_workspace_new(&sim.env, &workspace) < 0);
    }
    int64_t rc = unpack(workspace, bytes, size, NULL, 0);
    WRONG(rc < 0 && pb_error_kafka_code((int)rc) <= 0);                     /* refused by an error that a client can be told */
    if (size == 0 || pb__codec_compress(workspace, (enum pb_codec)FUZZ_CODEC, 1, bytes, size, &packed, &packed_size) < 0) return 0;
    uint8_t *copy = malloc(packed_size);
    memcpy(copy, packed, packed_size);
    WRONG(unpack(workspace, copy, packed_size, bytes, size) != (int64_t)size);
    free(copy);
    return 0;
}
