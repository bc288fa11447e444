#include <string.h>

#include "base/err.h"
#include "hook/hook.h"

int32_t pb__hook_partition_of_key(const uint8_t *key, int32_t key_size, int32_t partition_count) {
    const uint32_t m = 0x5bd1e995u;
    uint32_t h = 0x9747b28cu ^ (uint32_t)key_size;
    int32_t at = 0;
    for (; at + 4 <= key_size; at += 4) {
        uint32_t k = (uint32_t)key[at] | (uint32_t)key[at + 1] << 8 | (uint32_t)key[at + 2] << 16 | (uint32_t)key[at + 3] << 24;
        k *= m;
        k ^= k >> 24;
        h = (h * m) ^ (k * m);
    }
    int32_t left = key_size - at;
    if (left > 2) h ^= (uint32_t)key[at + 2] << 16;
    if (left > 1) h ^= (uint32_t)key[at + 1] << 8;
    if (left > 0) h = (h ^ key[at]) * m;
    h = (h ^ (h >> 13)) * m;
    h ^= h >> 15;
    return (int32_t)(h & 0x7fffffffu) % partition_count;
}

static int32_t partition_of(const struct pb_hook_chain *chain, const struct pb_record *record, int32_t index, const struct pb_hook_place *place) {
    if (chain->partitioner == PB_HOOK_BY_NATIVE) {
        struct pybroker_native_record view = pb__hook_native_record(record, index);
        return chain->native_partitioner->partition(chain->native_partitioner->state, &view, place->partition_count);
    }
    return record->key_size < 0 ? place->partition : pb__hook_partition_of_key(record->key, record->key_size, place->partition_count);
}

int pb__hook_partition(const struct pb_hook_chain *chain, const struct pb_batch *batch, const struct pb_hook_place *place, struct pb_codec_workspace *codec,
                       int64_t output_bytes_max, int32_t *targets) {
    struct pb_batch_iter iter;
    struct pb_record record;
    int rc = pb__batch_iter_open(&iter, batch, chain->env, codec, output_bytes_max);
    if (rc < 0) return rc;
    for (int32_t index = 0; (rc = pb__batch_iter_next(&iter, &record)) > 0; index++) {
        targets[index] = partition_of(chain, &record, index, place);
        if (targets[index] < 0 || targets[index] >= place->partition_count) {
            rc = PB_E_INVALID_RECORD;
            break;
        }
    }
    pb__batch_iter_close(&iter);
    return rc;
}

void pb__hook_parts_free(struct pb_hook_part *parts, int32_t count, const struct pb_env *env) {
    for (int32_t i = 0; i < count; i++) pb__env_free(env, parts[i].bytes);
    pb__env_free(env, parts);
}

/* Number of parts, and in part_of[partition] which one is a partition's (-1: none). */
static int32_t number_parts(const int32_t *targets, int32_t record_count, int32_t *part_of, int32_t partition_count) {
    int32_t count = 0;
    for (int32_t i = 0; i < partition_count; i++) part_of[i] = -1;
    for (int32_t i = 0; i < record_count; i++)
        if (part_of[targets[i]] < 0) part_of[targets[i]] = count++;
    return count;
}

static int write_parts(const struct pb_batch *batch, const int32_t *targets, const int32_t *part_of, const struct pb_env *env, struct pb_codec_workspace *codec,
                       int64_t output_bytes_max, struct pb_batch_writer *writers) {
    struct pb_batch_iter iter;
    struct pb_record record;
    int rc = pb__batch_iter_open(&iter, batch, env, codec, output_bytes_max);
    if (rc < 0) return rc;
    for (int32_t index = 0; (rc = pb__batch_iter_next(&iter, &record)) > 0; index++)
        if ((rc = pb__batch_writer_add_record(&writers[part_of[targets[index]]], &record)) < 0) break;
    pb__batch_iter_close(&iter);
    return rc;
}

int pb__hook_split(const struct pb_batch *batch, const int32_t *targets, int32_t partition_count, const struct pb_env *env, struct pb_codec_workspace *codec,
                   int64_t output_bytes_max, struct pb_hook_part **parts_out, int32_t *part_count_out) {
    int32_t *part_of = pb__env_alloc(env, (size_t)partition_count * sizeof *part_of), count = 0;
    if (part_of == NULL) return PB_E_NOMEM;
    count = number_parts(targets, batch->record_count, part_of, partition_count);
    struct pb_hook_part *parts = pb__env_zalloc(env, (size_t)count * sizeof *parts);
    struct pb_batch_writer *writers = pb__env_alloc(env, (size_t)count * sizeof *writers);
    int rc = parts == NULL || writers == NULL ? PB_E_NOMEM : 0;
    for (int32_t i = 0; rc == 0 && i < count; i++) pb__batch_writer_init(&writers[i], env, batch->base_timestamp);
    for (int32_t i = 0; rc == 0 && i < partition_count; i++)
        if (part_of[i] >= 0) parts[part_of[i]].partition = i;
    if (rc == 0) {
        rc = write_parts(batch, targets, part_of, env, codec, output_bytes_max, writers);
        for (int32_t i = 0; i < count; i++) {
            if (rc == 0) pb__batch_writer_end_as(&writers[i], batch, false, &parts[i].batch);
            parts[i].bytes = writers[i].bytes;
        }
    }
    pb__env_free(env, writers);
    pb__env_free(env, part_of);
    if (rc < 0) {
        if (parts != NULL) pb__hook_parts_free(parts, count, env);
        return rc;
    }
    *parts_out = parts;
    *part_count_out = count;
    return 0;
}
