/* Hook chains as the control plane makes them, step by step, and the topic that takes one. See hook/hook.h. */
#include <string.h>

#include "api/lane.h"
#include "base/assert.h"
#include "broker/broker.h"

static void on_unused(void *context, int64_t id) {
    struct pb_broker *broker = context;
    (void)pb__mailbox_note(&broker->mailbox, broker->env, PB_NOTE_UNUSED, (uint64_t)id);   /* without memory the plugin's objects stay alive, no more */
}

int pb_hook_chain_new(struct pb_broker *broker, int64_t id, struct pb_hook_chain **chain_out) {
    struct pb_hook_chain *chain = pb__hook_chain_new(broker->env, id);
    if (chain == NULL) return PB_E_NOMEM;
    chain->unused = on_unused;
    chain->unused_context = broker;
    chain->lane_put = pb__lane_put;
    chain->lane_chains = &broker->api.lane_chains;
    *chain_out = chain;
    return 0;
}

void pb_hook_chain_free(struct pb_hook_chain *chain) {
    if (chain != NULL) pb__topic_hooks_put(&chain->base);
}

void pb_hook_chain_keep(struct pb_hook_chain *chain) { atomic_fetch_add_explicit(&chain->base.refs, 1, memory_order_relaxed); }

static int check_native(const void *native) { return *(const uint32_t *)native < sizeof(struct pybroker_native_v1) ? PB_E_VERSION : 0; }

int pb_hook_chain_add_native(struct pb_hook_chain *chain, const void *native) {
    if (chain->native_count == PB_HOOK_NATIVES_MAX) return PB_E_LIMIT;
    int rc = check_native(native);
    if (rc == 0) chain->natives[chain->native_count++] = native;
    return rc;
}

int pb_hook_chain_add_rules(struct pb_hook_chain *chain, const struct pb_record_rules *rules) {
    if (chain->rule_count == PB_HOOK_RULES_MAX) return PB_E_LIMIT;
    chain->rules[chain->rule_count++] = (struct pb_hook_rules){
        .key_required = rules->key_required, .key_utf8 = rules->key_utf8, .value_required = rules->value_required, .value_utf8 = rules->value_utf8,
        .key_bytes_max = rules->key_bytes_max, .value_bytes_min = rules->value_bytes_min, .value_bytes_max = rules->value_bytes_max,
    };
    return 0;
}

static struct pb_hook_rules *last_rules(struct pb_hook_chain *chain) { return chain->rule_count > 0 ? &chain->rules[chain->rule_count - 1] : NULL; }

int pb_hook_chain_set_prefix(struct pb_hook_chain *chain, const uint8_t *prefix, int32_t size_bytes) {
    struct pb_hook_rules *rules = last_rules(chain);
    if (rules == NULL || size_bytes < 0 || (size_t)size_bytes > sizeof rules->prefix) return PB_E_LIMIT;
    memcpy(rules->prefix, prefix, (size_t)size_bytes);
    rules->prefix_size = size_bytes;
    return 0;
}

int pb_hook_chain_set_schema_ids(struct pb_hook_chain *chain, const uint32_t *ids, int32_t count) {
    struct pb_hook_rules *rules = last_rules(chain);
    if (rules == NULL || rules->schema_ids != NULL || count <= 0) return PB_E_LIMIT;
    rules->schema_ids = pb__env_alloc(chain->env, (size_t)count * sizeof *ids);
    if (rules->schema_ids == NULL) return PB_E_NOMEM;
    memcpy(rules->schema_ids, ids, (size_t)count * sizeof *ids);
    rules->schema_id_count = count;
    return 0;
}

static uint8_t *copy(const struct pb_env *env, const uint8_t *bytes, int32_t size_bytes) {
    uint8_t *made = pb__env_alloc(env, (size_t)size_bytes + 1);
    if (made != NULL && size_bytes > 0) memcpy(made, bytes, (size_t)size_bytes);
    return made;
}

int pb_hook_chain_add_header(struct pb_hook_chain *chain, const uint8_t *name, int32_t size_bytes) {
    struct pb_hook_rules *rules = last_rules(chain);
    if (rules == NULL) return PB_E_LIMIT;
    struct pb_hook_header *headers = pb__env_resize(chain->env, rules->headers, (size_t)(rules->header_count + 1) * sizeof *headers);
    if (headers == NULL) return PB_E_NOMEM;
    rules->headers = headers;
    uint8_t *own = copy(chain->env, name, size_bytes);
    if (own == NULL) return PB_E_NOMEM;
    headers[rules->header_count++] = (struct pb_hook_header){ .name = own, .name_size = size_bytes };
    return 0;
}

int pb_hook_chain_add_header_value(struct pb_hook_chain *chain, const uint8_t *value, int32_t size_bytes) {
    struct pb_hook_rules *rules = last_rules(chain);
    if (rules == NULL || rules->header_count == 0) return PB_E_LIMIT;
    struct pb_hook_header *header = &rules->headers[rules->header_count - 1];
    size_t count = (size_t)header->value_count + 1;
    uint8_t **values = pb__env_resize(chain->env, header->values, count * sizeof *values);
    if (values == NULL) return PB_E_NOMEM;
    header->values = values;
    int32_t *sizes = pb__env_resize(chain->env, header->value_sizes, count * sizeof *sizes);
    if (sizes == NULL) return PB_E_NOMEM;
    header->value_sizes = sizes;
    uint8_t *own = copy(chain->env, value, size_bytes);
    if (own == NULL) return PB_E_NOMEM;
    values[header->value_count] = own;
    sizes[header->value_count++] = size_bytes;
    return 0;
}

int pb_hook_chain_add_lane(struct pb_hook_chain *chain, struct pb_lane *lane, int64_t token, enum pb_hook_on_error on_error) {
    if (chain->lane_count == PB_HOOK_LANES_MAX) return PB_E_LIMIT;
    if (chain->lane_count == 0) atomic_fetch_add_explicit(chain->lane_chains, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&lane->refs, 1, memory_order_relaxed);
    chain->lanes[chain->lane_count++] = (struct pb_hook_lane){ lane, token, on_error };
    return 0;
}

void pb_hook_chain_partition_by_key(struct pb_hook_chain *chain) { chain->partitioner = PB_HOOK_BY_KEY; }
void pb_hook_chain_partition_by_lane(struct pb_hook_chain *chain) { chain->partitioner = PB_HOOK_BY_LANE; }

int pb_hook_chain_partition_by_native(struct pb_hook_chain *chain, const void *native) {
    int rc = check_native(native);
    if (rc < 0 || ((const struct pybroker_native_v1 *)native)->partition == NULL) return rc < 0 ? rc : PB_E_INVALID_ARGUMENT;
    chain->partitioner = PB_HOOK_BY_NATIVE;
    chain->native_partitioner = native;
    return 0;
}

int pb_hook_chain_set_dead_letter(struct pb_hook_chain *chain, const char *topic) {
    size_t size = strlen(topic);
    if (size > PB_TOPIC_NAME_BYTES_MAX) return PB_E_INVALID_ARGUMENT;
    memcpy(chain->dead_letter, topic, size + 1);
    return 0;
}

void pb_hook_chain_set_refusal(struct pb_hook_chain *chain, const char *text) {
    size_t size = strnlen(text, PB_HOOK_TEXT_BYTES_MAX);
    while (size > 0 && (text[size] & 0xc0) == 0x80) size--;                 /* cut between two characters of UTF-8 */
    memcpy(chain->refusal, text, size);
    chain->refusal[size] = 0;
}

int32_t pb_hook_chain_counts(const struct pb_hook_chain *chain, int64_t *out, int32_t pairs_max) {
    const struct { const struct pb_hook_counts *counts; int32_t count; } kinds[] = {
        { chain->native_counts, chain->native_count }, { chain->rule_counts, chain->rule_count }, { chain->lane_counts, chain->lane_count }
    };
    int32_t pairs = 0;
    for (size_t kind = 0; kind < PB_COUNT(kinds); kind++)
        for (int32_t i = 0; i < kinds[kind].count; i++, pairs++) {
            if (pairs >= pairs_max) continue;
            out[2 * pairs] = kinds[kind].counts[i].batches;
            out[2 * pairs + 1] = kinds[kind].counts[i].refused;
        }
    return pairs;
}
