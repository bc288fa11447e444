#include "base/err.h"
#include "batch_build.h"
#include "harness.h"
#include "record/batch_iter.h"
#include "sim_env.h"

static const int64_t NOW = 1700000000000;
static struct pb_batch_rules rules_default(void) {
    return (struct pb_batch_rules){ .batch_bytes_max = 1 << 20, .decompressed_bytes_max = 1 << 26, .timestamp_before_max_ms = INT64_MAX, .timestamp_after_max_ms = 3600000, .codec_wanted = -1 };
}

struct bench { struct sim_env sim; struct pb_batch_workspace *workspace; struct pb_batch_fault fault; struct pb_batch batch; };
static void bench_init(struct bench *bench) {
    sim_init(&bench->sim);
    CHECK_EQ(pb__batch_workspace_new(&bench->sim.env, &bench->workspace), 0);
}
static void bench_end(struct bench *bench) {
    pb__batch_workspace_free(bench->workspace);
    CHECK_EQ(bench->sim.allocs_live, 0);
    sim_deinit(&bench->sim);
}
static int check(struct bench *bench, const uint8_t *bytes, size_t size, const struct pb_batch_rules *rules) {
    uint8_t *at = harness_guarded(bytes, size);
    int rc = pb__batch_parse(at, size, &bench->batch);
    return rc < 0 ? rc : pb__batch_check(&bench->batch, rules, NOW, bench->workspace, &bench->fault);
}

TEST(a_good_batch_passes_and_stays_as_it_was) {
    struct bench bench;
    uint8_t bytes[4096];
    size_t size = build_batch(bytes, 10, 20, NOW, -1, -1, -1);
    struct pb_batch_rules rules = rules_default();
    bench_init(&bench);
    CHECK_EQ(check(&bench, bytes, size, &rules), 0);
    CHECK(memcmp(bench.batch.bytes, bytes, size) == 0);
    CHECK_EQ(bench.batch.record_count, 10);
    CHECK(pb__batch_workspace_take(bench.workspace) == NULL);
    bench_end(&bench);
}

TEST(a_cut_batch_is_not_yet_one) {
    uint8_t bytes[4096];
    size_t size = build_batch(bytes, 3, 5, NOW, -1, -1, -1);
    struct pb_batch batch;
    for (size_t cut = 0; cut < size; cut++) CHECK_EQ(pb__batch_parse(harness_guarded(bytes, cut), cut, &batch), PB_E_AGAIN);
}

/* W18-W22: one field made wrong at a time, the CRC right. */
TEST(each_wrong_field_gets_its_error) {
    static const struct { const char *what; int at, size; int64_t value; int error; } cases[] = {
        { "magic 1", 16, 1, 1, PB_E_MAGIC }, { "magic 3", 16, 1, 3, PB_E_MAGIC }, { "codec 5", 21, 2, 5, PB_E_CODEC }, { "codec 7", 21, 2, 7, PB_E_CODEC },
        { "control", 21, 2, 0x20, PB_E_INVALID_RECORD }, { "reserved bit", 21, 2, 0x100, PB_E_INVALID_RECORD },
        { "transactional without id", 21, 2, 0x10, PB_E_INVALID_TXN_STATE }, { "count 0", 57, 4, 0, PB_E_INVALID_RECORD },
        { "count -1", 57, 4, -1, PB_E_INVALID_RECORD }, { "count huge", 57, 4, INT32_MAX, PB_E_INVALID_RECORD }, { "count 2", 57, 4, 2, PB_E_INVALID_RECORD },
        { "delta wrong", 23, 4, 7, PB_E_INVALID_RECORD }, { "id without epoch", 43, 8, 5, PB_E_INVALID_RECORD }, { "id -2", 43, 8, -2, PB_E_INVALID_RECORD },
        { "timestamp -2", 27, 8, -2, PB_E_INVALID_TIMESTAMP }, { "timestamp far", 27, 8, INT64_MAX, PB_E_INVALID_TIMESTAMP },
        { "timestamp late", 27, 8, 1700000000000 + 3600001, PB_E_INVALID_TIMESTAMP },
    };
    struct pb_batch_rules rules = rules_default();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench bench;
        uint8_t bytes[4096];
        size_t size = build_batch(bytes, 3, 5, NOW, -1, -1, -1);
        for (int b = 0; b < cases[i].size; b++) bytes[cases[i].at + b] = (uint8_t)(cases[i].value >> 8 * (cases[i].size - 1 - b));
        build_seal(bytes, size);
        bench_init(&bench);
        int rc = check(&bench, bytes, size, &rules);
        if (rc != cases[i].error) fprintf(stderr, "%s: %s\n", cases[i].what, pb_error_name(rc));
        CHECK_EQ(rc, cases[i].error);
        bench_end(&bench);
    }
}

TEST(every_flipped_byte_is_seen) {
    uint8_t bytes[512];
    size_t size = build_batch(bytes, 3, 5, NOW, -1, -1, -1);
    struct pb_batch_rules rules = rules_default();
    for (size_t i = 16; i < size; i++) {
        struct bench bench;
        bench_init(&bench);
        bytes[i] ^= 0x41;
        CHECK(check(&bench, bytes, size, &rules) < 0);
        bytes[i] ^= 0x41;
        bench_end(&bench);
    }
}

/* Any bytes behind a right CRC: an error, or a batch that iterates; never a byte too far (the guard page says). */
TEST(random_damage_with_a_right_crc_never_reads_too_far) {
    struct pb_batch_rules rules = rules_default();
    struct bench bench;
    uint64_t random = 7;
    bench_init(&bench);
    for (int round = 0; round < 3000; round++) {
        uint8_t bytes[1024];
        size_t size = build_batch(bytes, 5, 20, NOW, -1, -1, -1);
        for (int k = 0; k < 3; k++) {
            random = random * 6364136223846793005u + 1;
            bytes[61 + (random >> 33) % (size - 61)] = (uint8_t)(random >> 24);
        }
        if (round % 3 == 0) bytes[22] = (uint8_t)(1 + round / 3 % 4);        /* as if compressed */
        build_seal(bytes, size);
        int rc = check(&bench, bytes, size, &rules);
        if (rc != 0) continue;
        struct pb_batch_iter iter;
        struct pb_record record;
        int count = 0;
        CHECK_EQ(pb__batch_iter_open(&iter, &bench.batch, &bench.sim.env, pb__batch_workspace_codec(bench.workspace), 1 << 20), 0);
        while (pb__batch_iter_next(&iter, &record) > 0) count++;
        CHECK_EQ(count, bench.batch.record_count);
        pb__batch_iter_close(&iter);
    }
    bench_end(&bench);
}

TEST(size_limit_holds_to_the_byte) {
    struct bench bench;
    uint8_t bytes[4096];
    size_t size = build_batch(bytes, 3, 5, NOW, -1, -1, -1);
    struct pb_batch_rules rules = rules_default();
    bench_init(&bench);
    rules.batch_bytes_max = (int32_t)size;
    CHECK_EQ(check(&bench, bytes, size, &rules), 0);
    rules.batch_bytes_max--;
    CHECK_EQ(check(&bench, bytes, size, &rules), PB_E_BATCH_TOO_LARGE);
    bench_end(&bench);
}

TEST(a_wrong_max_timestamp_is_put_right) {
    struct bench bench;
    uint8_t bytes[4096];
    size_t size = build_batch(bytes, 3, 5, NOW, -1, -1, -1);
    struct pb_batch_rules rules = rules_default();
    pb__put_i64(bytes + 35, 5);
    build_seal(bytes, size);
    bench_init(&bench);
    CHECK_EQ(check(&bench, bytes, size, &rules), 0);
    CHECK_EQ(bench.batch.max_timestamp, NOW + 2);
    CHECK_EQ(pb__batch_check_crc(&bench.batch), 0);
    bench_end(&bench);
}

TEST(log_append_time_is_stamped) {
    struct bench bench;
    uint8_t bytes[4096];
    size_t size = build_batch(bytes, 3, 5, 42, -1, -1, -1);
    struct pb_batch_rules rules = rules_default();
    rules.log_append_time = true;
    bench_init(&bench);
    CHECK_EQ(check(&bench, bytes, size, &rules), 0);
    CHECK_EQ(bench.batch.max_timestamp, NOW);
    CHECK(bench.batch.attributes & PB_ATTRIBUTE_LOG_APPEND_TIME);
    CHECK_EQ(pb__batch_check_crc(&bench.batch), 0);
    bench_end(&bench);
}

/* Each codec there and back, through every other codec, with the records unchanged. */
TEST(every_codec_recompresses_into_every_other) {
    struct bench bench;
    uint8_t bytes[65536];
    struct pb_batch_rules rules = rules_default();
    bench_init(&bench);
    size_t size = build_batch(bytes, 200, 200, NOW, -1, -1, -1);
    uint8_t *held = malloc(size);
    memcpy(held, bytes, size);
    size_t held_size = size;
    static const int8_t path[] = { 1, 2, 3, 4, 1, 3, 2, 4, 0 };
    for (size_t i = 0; i < sizeof path; i++) {
        rules.codec_wanted = path[i];
        rules.codec_level = path[i] == 1 ? 6 : path[i] == 4 ? 3 : 0;
        CHECK_EQ(check(&bench, held, held_size, &rules), 0);
        CHECK_EQ(bench.batch.attributes & 7, path[i]);
        CHECK_EQ(pb__batch_check_crc(&bench.batch), 0);
        uint8_t *rewritten = pb__batch_workspace_take(bench.workspace);
        CHECK(rewritten == bench.batch.bytes);
        free(held);
        held_size = (size_t)bench.batch.size_bytes;
        held = malloc(held_size);
        memcpy(held, rewritten, held_size);
        pb__env_free(&bench.sim.env, rewritten);
    }
    CHECK_EQ(held_size, size);
    CHECK(memcmp(held, bytes, size) == 0);
    free(held);
    bench_end(&bench);
}

/* W24: a small batch that unpacks to more than the limit ends at the limit. */
TEST(a_bomb_is_stopped_at_the_limit) {
    for (int8_t codec = 1; codec <= 4; codec++) {
        struct bench bench;
        static uint8_t bytes[1 << 20];
        struct pb_batch_rules rules = rules_default();
        bench_init(&bench);
        size_t size = build_batch(bytes, 2000, 400, NOW, -1, -1, -1);
        rules.codec_wanted = codec;
        rules.codec_level = codec == 1 ? 6 : 0;
        CHECK_EQ(check(&bench, bytes, size, &rules), 0);
        uint8_t *small = pb__batch_workspace_take(bench.workspace);
        rules.codec_wanted = -1;
        rules.decompressed_bytes_max = 100000;
        CHECK_EQ(check(&bench, small, (size_t)bench.batch.size_bytes, &rules), PB_E_BATCH_TOO_LARGE);
        rules.decompressed_bytes_max = 1 << 26;
        CHECK_EQ(check(&bench, small, (size_t)pb__get_i32(small + 8) + 12, &rules), 0);
        pb__env_free(&bench.sim.env, small);
        bench_end(&bench);
    }
}

TEST(compressed_records_that_are_cut_or_have_garbage_behind_are_refused) {
    for (int8_t codec = 1; codec <= 4; codec++) {
        struct bench bench;
        static uint8_t bytes[1 << 17], packed[1 << 17];
        struct pb_batch_rules rules = rules_default();
        bench_init(&bench);
        size_t size = build_batch(bytes, 100, 100, NOW, -1, -1, -1);
        rules.codec_wanted = codec;
        rules.codec_level = codec == 1 ? 6 : 0;
        CHECK_EQ(check(&bench, bytes, size, &rules), 0);
        size_t packed_size = (size_t)bench.batch.size_bytes;
        memcpy(packed, bench.batch.bytes, packed_size);
        rules.codec_wanted = -1;
        for (size_t cut = 61; cut < packed_size; cut += cut < 100 ? 1 : 61) {
            static uint8_t shorter[1 << 17];
            memcpy(shorter, packed, cut);
            build_seal(shorter, cut);
            CHECK(check(&bench, shorter, cut, &rules) < 0);
        }
        memcpy(packed + packed_size, "garbage", 7);
        build_seal(packed, packed_size + 7);
        CHECK(check(&bench, packed, packed_size + 7, &rules) < 0);
        bench_end(&bench);
    }
}

TEST(a_compacted_topic_wants_keys) {
    struct bench bench;
    uint8_t bytes[512];
    struct pb_batch_rules rules = rules_default();
    rules.keys_required = true;
    bench_init(&bench);
    size_t size = build_batch(bytes, 2, 5, NOW, -1, -1, -1);
    CHECK_EQ(check(&bench, bytes, size, &rules), 0);
    static const uint8_t no_key[] = { 14, 0, 0, 0, 1, 2, 'v', 0 };          /* length 7, key length -1 */
    memcpy(bytes + 61, no_key, sizeof no_key);
    pb__put_i32(bytes + 23, 0);
    pb__put_i32(bytes + 57, 1);
    pb__put_i64(bytes + 35, NOW);
    build_seal(bytes, 61 + sizeof no_key);
    CHECK_EQ(check(&bench, bytes, 61 + sizeof no_key, &rules), PB_E_INVALID_RECORD);
    CHECK_EQ(bench.fault.record_index, 0);
    rules.keys_required = false;
    CHECK_EQ(check(&bench, bytes, 61 + sizeof no_key, &rules), 0);
    bench_end(&bench);
}
