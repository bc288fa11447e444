/* hook/hook.h — what plugins have to say about the produced batches of one topic, compiled: read-only tables that loops go by without asking Python.
 *
 * Order       native checks (L1), record rules (L2), lanes (L3: Python, on threads of its own; see api/lane.h), then the partitioner
 * Cost        a topic without plugins has no chain: one test of a pointer
 * Lifetime    by references: the topic has one, and so has each batch on its way. A swap needs no grace period, since what still runs by the old chain keeps it; a
 *             batch that waits on a lane outlives the turn it came in, so that turns could not tell when an old chain is free
 * Thread      made and swapped by the control thread, read and freed by any */
#ifndef PB_HOOK_HOOK_H
#define PB_HOOK_HOOK_H

#include <pybroker_native.h>

#include "base/limits.h"
#include "base/verdict.h"
#include "part/partition_map.h"
#include "record/batch_iter.h"
#include "record/batch_write.h"

enum { PB_HOOK_NATIVES_MAX = 8, PB_HOOK_RULES_MAX = 8, PB_HOOK_LANES_MAX = 8, PB_HOOK_TEXT_BYTES_MAX = 255, PB_HOOK_RECORDS_MAX = 32 };

/* ---- record rules: pybroker/hooks/programs.py says what they mean */
struct pb_hook_header { uint8_t *name; int32_t name_size, value_count; uint8_t **values; int32_t *value_sizes; };
struct pb_hook_rules {
    bool key_required, key_utf8, value_required, value_utf8;
    int32_t key_bytes_max, value_bytes_min, value_bytes_max;                /* -1: no limit */
    uint8_t prefix[64];
    int32_t prefix_size;
    uint32_t *schema_ids;                                                   /* ascending */
    int32_t schema_id_count;
    struct pb_hook_header *headers;
    int32_t header_count;
};
/* NULL, or why the record must not be stored. Static text. */
const char *pb__hook_rules_check(const struct pb_hook_rules *rules, const struct pb_record *record);
void pb__hook_rules_deinit(struct pb_hook_rules *rules, const struct pb_env *env);

/* ---- chain */
struct pb_lane;
struct pb_hook_lane { struct pb_lane *lane; int64_t token; enum pb_hook_on_error on_error; };   /* lane has one reference; token: what Python calls, by number */
struct pb_hook_counts { _Atomic int64_t batches, refused; };

enum pb_hook_partitioner { PB_HOOK_NO_PARTITIONER, PB_HOOK_BY_KEY, PB_HOOK_BY_NATIVE, PB_HOOK_BY_LANE };
struct pb_hook_chain {
    struct pb_topic_hooks base;                                             /* first */
    const struct pb_env *env;
    int64_t id;                                                             /* told to `unused` when nobody goes by it any more */
    void (*unused)(void *context, int64_t id);                              /* any thread */
    void *unused_context;
    void (*lane_put)(struct pb_lane *lane);
    _Atomic int32_t *lane_chains;                                           /* counts the chains that have a lane */
    int32_t native_count, rule_count, lane_count;
    const struct pybroker_native_v1 *natives[PB_HOOK_NATIVES_MAX];          /* kept alive by the control plane until unused */
    struct pb_hook_rules rules[PB_HOOK_RULES_MAX];
    struct pb_hook_lane lanes[PB_HOOK_LANES_MAX];
    enum pb_hook_partitioner partitioner;
    const struct pybroker_native_v1 *native_partitioner;
    char dead_letter[PB_TOPIC_NAME_BYTES_MAX + 1];                          /* "": refuse instead */
    char refusal[PB_HOOK_TEXT_BYTES_MAX + 1];                               /* why every batch is refused; "": it is not */
    struct pb_hook_counts native_counts[PB_HOOK_NATIVES_MAX], rule_counts[PB_HOOK_RULES_MAX], lane_counts[PB_HOOK_LANES_MAX];
};
struct pb_hook_chain *pb__hook_chain_new(const struct pb_env *env, int64_t id);   /* one reference; NULL: no memory */
static inline struct pb_hook_chain *pb__hook_chain_of(struct pb_topic_hooks *hooks) { return (struct pb_hook_chain *)(void *)hooks; }

/* ---- what becomes of a batch */
struct pb_refused_record { int32_t index, text_size; const char *text; };
struct pb_refusal {
    int16_t code;                                                           /* Kafka's; 0: not refused */
    const char *text;                                                       /* borrowed, NULL: none */
    int32_t text_size, record_count;
    struct pb_refused_record records[PB_HOOK_RECORDS_MAX];
};
struct pb_hook_place { const char *topic; int32_t topic_size, partition, partition_count; };
/* Native checks and record rules over a checked batch. 0: nobody objects; 1: *refusal_out says who and why; PB_E_NOMEM and the like. */
int pb__hook_check(struct pb_hook_chain *chain, const struct pb_batch *batch, const struct pb_hook_place *place, struct pb_codec_workspace *codec,
                   int64_t output_bytes_max, struct pb_refusal *refusal_out);

/* A record as functions in C of plugins see it. */
static inline struct pybroker_native_record pb__hook_native_record(const struct pb_record *record, int32_t index) {
    return (struct pybroker_native_record){
        .index = index, .timestamp_ms = record->timestamp, .key = record->key, .value = record->value, .headers = record->headers,
        .key_size = record->key_size, .value_size = record->value_size, .headers_size = record->headers_size, .header_count = record->header_count,
    };
}

/* Partition of each record by the chain's partitioner (not a lane's), into targets[record_count]. place->partition: where the producer sent it. PB_E_INVALID_RECORD: it gave
 * one that is none. */
int pb__hook_partition(const struct pb_hook_chain *chain, const struct pb_batch *batch, const struct pb_hook_place *place, struct pb_codec_workspace *codec,
                       int64_t output_bytes_max, int32_t *targets);
/* A batch's records by partition, each part a batch of its own: uncompressed, same kind of timestamp, no producer. *parts_out and the bytes of each are owned by the caller. */
struct pb_hook_part { int32_t partition; struct pb_batch batch; uint8_t *bytes; };
int pb__hook_split(const struct pb_batch *batch, const int32_t *targets, int32_t partition_count, const struct pb_env *env, struct pb_codec_workspace *codec,
                   int64_t output_bytes_max, struct pb_hook_part **parts_out, int32_t *part_count_out);
void pb__hook_parts_free(struct pb_hook_part *parts, int32_t count, const struct pb_env *env);
/* Kafka's murmur2 of a key, made positive, modulo partition_count: where its clients put it. */
int32_t pb__hook_partition_of_key(const uint8_t *key, int32_t key_size, int32_t partition_count);

#endif
