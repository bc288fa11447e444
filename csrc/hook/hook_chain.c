#include <string.h>

#include "base/err.h"
#include "hook/hook.h"

static void chain_free(struct pb_topic_hooks *hooks) {
    struct pb_hook_chain *chain = pb__hook_chain_of(hooks);
    const struct pb_env *env = chain->env;
    for (int32_t i = 0; i < chain->rule_count; i++) pb__hook_rules_deinit(&chain->rules[i], env);
    for (int32_t i = 0; i < chain->lane_count; i++) chain->lane_put(chain->lanes[i].lane);
    if (chain->lane_count > 0) atomic_fetch_sub_explicit(chain->lane_chains, 1, memory_order_relaxed);
    if (chain->unused != NULL) chain->unused(chain->unused_context, chain->id);
    pb__env_free(env, chain);
}

struct pb_hook_chain *pb__hook_chain_new(const struct pb_env *env, int64_t id) {
    struct pb_hook_chain *chain = pb__env_zalloc(env, sizeof *chain);
    if (chain == NULL) return NULL;
    chain->base.refs = 1;
    chain->base.free = chain_free;
    chain->env = env;
    chain->id = id;
    return chain;
}

static struct pybroker_native_batch native_batch(const struct pb_batch *batch, const struct pb_hook_place *place) {
    return (struct pybroker_native_batch){
        .topic = place->topic, .topic_size = place->topic_size, .partition = place->partition, .partition_count = place->partition_count,
        .record_count = batch->record_count, .bytes = batch->bytes, .size_bytes = batch->size_bytes, .attributes = batch->attributes, .producer_id = batch->producer_id,
        .base_timestamp_ms = batch->base_timestamp, .max_timestamp_ms = batch->max_timestamp,
    };
}

static int refuse(struct pb_refusal *out, struct pb_hook_counts *counts, int16_t code, const char *text, int32_t index) {
    atomic_fetch_add_explicit(&counts->refused, 1, memory_order_relaxed);
    int32_t size = text != NULL ? (int32_t)strnlen(text, PB_HOOK_TEXT_BYTES_MAX) : 0;
    out->code = code;
    out->text = text;
    out->text_size = size;
    out->record_count = index >= 0;
    out->records[0] = (struct pb_refused_record){ index, size, text };
    return 1;
}

/* One record against everybody who looks at records. */
static int check_record(struct pb_hook_chain *chain, const struct pybroker_native_batch *batch, const struct pb_record *record, int32_t index, struct pb_refusal *out) {
    for (int32_t i = 0; i < chain->rule_count; i++) {
        const char *text = pb__hook_rules_check(&chain->rules[i], record);
        if (text != NULL) return refuse(out, &chain->rule_counts[i], pb_error_kafka_code(PB_E_INVALID_RECORD), text, index);
    }
    struct pybroker_native_record view = pb__hook_native_record(record, index);
    for (int32_t i = 0; i < chain->native_count; i++) {
        const struct pybroker_native_v1 *native = chain->natives[i];
        const char *text = NULL;
        int16_t code = native->check_record != NULL ? native->check_record(native->state, batch, &view, &text) : 0;
        if (code != 0) return refuse(out, &chain->native_counts[i], code, text, index);
    }
    return 0;
}

static bool wants_records(const struct pb_hook_chain *chain) {
    for (int32_t i = 0; i < chain->native_count; i++)
        if (chain->natives[i]->check_record != NULL) return true;
    return chain->rule_count > 0;
}

int pb__hook_check(struct pb_hook_chain *chain, const struct pb_batch *batch, const struct pb_hook_place *place, struct pb_codec_workspace *codec,
                   int64_t output_bytes_max, struct pb_refusal *refusal_out) {
    struct pybroker_native_batch view = native_batch(batch, place);
    if (chain->refusal[0] != 0) {
        *refusal_out = (struct pb_refusal){ .code = pb_error_kafka_code(PB_E_POLICY), .text = chain->refusal, .text_size = (int32_t)strlen(chain->refusal) };
        return 1;
    }
    for (int32_t i = 0; i < chain->native_count; i++) {
        const struct pybroker_native_v1 *native = chain->natives[i];
        struct pb_hook_counts *counts = &chain->native_counts[i];
        const char *text = NULL;
        atomic_fetch_add_explicit(&counts->batches, 1, memory_order_relaxed);
        int16_t code = native->check_batch != NULL ? native->check_batch(native->state, &view, &text) : 0;
        if (code != 0) return refuse(refusal_out, counts, code, text, -1);
    }
    for (int32_t i = 0; i < chain->rule_count; i++) atomic_fetch_add_explicit(&(&chain->rule_counts[i])->batches, 1, memory_order_relaxed);
    if (!wants_records(chain)) return 0;
    struct pb_batch_iter iter;
    struct pb_record record;
    int rc = pb__batch_iter_open(&iter, batch, chain->env, codec, output_bytes_max);
    if (rc < 0) return rc;
    for (int32_t index = 0; rc == 0 && (rc = pb__batch_iter_next(&iter, &record)) > 0; index++) rc = check_record(chain, &view, &record, index, refusal_out);
    pb__batch_iter_close(&iter);
    return rc;
}
