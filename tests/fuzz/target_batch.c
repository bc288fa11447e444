/* A batch of a client: header, CRC, records, four codecs, and what the topic makes of it. What passes can be read record by record. */
#include "tests/fuzz/fuzz.h"

#include "record/batch_iter.h"

static void check(uint8_t *bytes, size_t size, const struct pb_batch_rules *rules, struct pb_batch_workspace *workspace, const struct pb_env *env) {
    struct pb_batch batch;
    struct pb_batch_fault fault;
    struct pb_batch_iter iter;
    struct pb_record record;
    if (pb__batch_parse(bytes, size, &batch) < 0) return;
    WRONG(batch.size_bytes < PB_BATCH_HEADER_BYTES || (size_t)batch.size_bytes > size);
    if (pb__batch_check(&batch, rules, FUZZ_TIME, workspace, &fault) < 0) return;
    WRONG(pb__batch_check_crc(&batch) < 0);
    WRONG(pb__batch_iter_open(&iter, &batch, env, pb__batch_workspace_codec(workspace), rules->decompressed_bytes_max) < 0);
    int32_t count = 0;
    int rc;
    while ((rc = pb__batch_iter_next(&iter, &record)) > 0) {
        WRONG(record.offset != batch.base_offset + count);
        WRONG(rules->keys_required && record.key == NULL);
        count++;
    }
    WRONG(rc < 0 || count != batch.record_count);
    pb__batch_iter_close(&iter);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static struct sim_env sim;
    static struct pb_batch_workspace *workspace;
    if (workspace == NULL) {
        sim_init(&sim);
        WRONG(pb__batch_workspace_new(&sim.env, &workspace) < 0);
    }
    if (size < 2) return 0;
    struct pb_batch_rules rules = { .batch_bytes_max = 1 << 20, .decompressed_bytes_max = 1 << 22, .keys_required = input[0] & 1, .log_append_time = input[0] & 2,
                                    .timestamp_before_max_ms = INT64_MAX, .timestamp_after_max_ms = input[0] & 4 ? 3600000 : INT64_MAX, .codec_wanted = (int8_t)(input[0] / 8 % 6 - 1),
                                    .codec_level = 1 };
    bool sealed = input[1] & 1;                                             /* give it the CRC that belongs to it: what lies behind is to be seen too */
    size -= 2;
    uint8_t *bytes = malloc(size + 1);                                      /* of exactly its size, so that a byte too far is seen */
    memcpy(bytes, input + 2, size);
    if (sealed && size >= 61) {
        struct pb_batch batch;
        if (pb__batch_parse(bytes, size, &batch) == 0) pb__put_u32(bytes + 17, pb__crc32c(0, bytes + 21, (size_t)batch.size_bytes - 21));
    }
    uint8_t *exact = realloc(bytes, size > 0 ? size : 1);
    check(exact, size, &rules, workspace, &sim.env);
    free(exact);
    return 0;
}
