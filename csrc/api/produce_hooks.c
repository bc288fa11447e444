/* api/produce_hooks.c — what plugins make of produced batches: refuse, replace, send elsewhere, spread over partitions; and requests that wait for them. */
#include <string.h>

#include "api/produce.h"
#include "base/assert.h"
#include "base/err.h"

/* One batch on its way through the hooks. */
struct way {
    struct pb_produce_answer *answer;
    struct pb_partition *partition;                                         /* borrowed */
    const struct pb_topic_rules *rules;
    struct pb_hook_chain *chain;                                            /* by which it is judged */
    const struct pb_lane_item *item;
    struct pb_batch batch;
    uint8_t *owned;                                                         /* memory of the batch, NULL: the input's or the job's */
    int32_t index;
};

static int refuse(struct way *way, const struct pb_refusal *refusal) {
    uint32_t result_at;
    return pb__produce_put_result(way->answer, way->index, refusal, false, &result_at);
}

static int refuse_with(struct way *way, int error, const char *text) {
    struct pb_batch_fault fault = { .record_index = -1, .text = text };
    struct pb_refusal refusal;
    pb__produce_refusal_of(error, &fault, &refusal);
    return refuse(way, &refusal);
}

static uint8_t *take_owned(struct way *way) {
    uint8_t *owned = way->owned;
    way->owned = NULL;
    return owned;
}

static int store_here(struct way *way) {
    uint32_t result_at;
    int rc = pb__produce_put_result(way->answer, way->index, NULL, false, &result_at);
    if (rc < 0) return rc;
    pb__produce_stage(way->answer, pb__partition_get(way->partition), &way->batch, take_owned(way), way->rules->flush_messages, result_at, false);
    return 0;
}

/* ---- elsewhere */

/* A topic that a plugin names, by name; internal ones are none. */
static int find_place(struct pb_api *api, const char *topic, int32_t partition, struct pb_partition **partition_out, struct pb_topic_rules *rules_out) {
    struct pb_produce_request_topic_produce_data name = { .name = { (const uint8_t *)topic, (int32_t)strlen(topic) } };
    return pb__produce_find(api, &name, 0, partition, partition_out, rules_out);
}

/* Its producer's sequence belongs to the partition that the producer named. */
static void forget_producer(struct pb_batch *batch) { pb__batch_set_producer(batch, PB_NO_PRODUCER_ID, -1, -1); }

static int store_away(struct way *way, const char *topic, int32_t partition) {
    struct pb_partition *place;
    struct pb_topic_rules rules;
    int error = find_place(way->answer->api, topic, partition, &place, &rules);
    if (error < 0) return refuse_with(way, PB_E_POLICY, "a plugin sends this batch to a partition that is not there");
    pb__topic_hooks_put(rules.hooks);
    uint32_t result_at;
    int rc;
    if (way->batch.size_bytes > rules.batch.batch_bytes_max) {
        rc = refuse_with(way, PB_E_BATCH_TOO_LARGE, "the batch is too large for the topic that a plugin sends it to");
    } else if ((rc = pb__produce_put_result(way->answer, way->index, NULL, true, &result_at)) == 0) {
        forget_producer(&way->batch);
        pb__produce_stage(way->answer, place, &way->batch, take_owned(way), rules.flush_messages, result_at, true);
        return 0;
    }
    pb__partition_put(place);
    return rc;
}

static int drop(struct way *way) {
    uint32_t result_at;
    return pb__produce_put_result(way->answer, way->index, NULL, true, &result_at);
}

static int store_dead(struct way *way, const char *topic) {
    if (topic[0] == 0) topic = way->chain->dead_letter;
    if (topic[0] == 0) return refuse_with(way, PB_E_POLICY, "the batch is one for the dead letters, and pybroker.dead.letter.topic names no topic");
    return store_away(way, topic, 0);
}

/* ---- over partitions */

static int stage_part(struct way *way, struct pb_hook_part *part, uint32_t result_at) {
    struct pb_api *api = way->answer->api;
    struct pb_topic_rules rules;
    struct pb_batch_fault fault = { .record_index = -1 };
    struct pb_partition *place;
    int rc = pb__partition_map_find_id(api->shared->map, way->partition->topic->id, part->partition, &place, &rules);
    if (rc < 0) return rc;
    pb__topic_hooks_put(rules.hooks);
    if (rules.batch.codec_wanted < 0) rules.batch.codec_wanted = (int8_t)pb__batch_codec(&way->batch);
    rc = pb__batch_check(&part->batch, &rules.batch, api->wall_ms, api->batch_workspace, &fault);
    if (rc < 0) {
        pb__partition_put(place);
        return rc;
    }
    uint8_t *packed = pb__batch_workspace_take(api->batch_workspace), *plain = part->bytes;
    part->bytes = NULL;
    if (packed != NULL) pb__env_free(api->env, plain);
    pb__produce_stage(way->answer, place, &part->batch, packed != NULL ? packed : plain, rules.flush_messages, result_at, true);
    return 0;
}

static int store_spread(struct way *way, const int32_t *targets) {
    struct pb_api *api = way->answer->api;
    int32_t count, partition_count = way->item != NULL ? way->item->partition_count : way->rules->partition_count;
    struct pb_hook_part *parts;
    int rc = pb__hook_split(&way->batch, targets, partition_count, api->env, pb__batch_workspace_codec(api->batch_workspace), way->rules->batch.decompressed_bytes_max, &parts, &count);
    if (rc < 0) return refuse_with(way, rc, "the batch cannot be spread over partitions");
    uint32_t result_at;
    rc = pb__produce_put_result(way->answer, way->index, NULL, true, &result_at);
    for (int32_t i = 0; rc == 0 && i < count; i++) {
        int error = stage_part(way, &parts[i], result_at);
        if (error < 0) pb__produce_set_error(way->answer->produce, result_at, error);   /* other parts may be stored: at least once, as a producer that repeats it */
    }
    pb__hook_parts_free(parts, count, api->env);
    return rc;
}

/* Each record to the partition that the partitioner chooses; one that is given by a lane has been asked already. */
static int store_partitioned(struct way *way) {
    struct pb_hook_chain *chain = way->chain;
    const int32_t *given = way->item != NULL && way->item->verdict != NULL && way->item->verdict->kind == PB_VERDICT_SPLIT ? way->item->verdict->targets : NULL;
    if (chain->partitioner == PB_HOOK_NO_PARTITIONER) return store_here(way);
    if (way->batch.producer_id >= 0) return refuse_with(way, PB_E_POLICY, "this topic chooses partitions itself (pybroker.repartition): produce without idempotence");
    if (given != NULL) return store_spread(way, given);
    if (chain->partitioner == PB_HOOK_BY_LANE) return refuse_with(way, PB_E_POLICY, "the partitioner of this topic gave no partitions");
    struct pb_api *api = way->answer->api;
    const struct pb_topic *topic = way->partition->topic;
    struct pb_hook_place place = { topic->name, topic->name_size, way->index, way->rules->partition_count };
    int32_t *targets = pb__env_alloc(api->env, (size_t)way->batch.record_count * sizeof *targets);
    if (targets == NULL) return PB_E_NOMEM;
    int error = pb__hook_partition(chain, &way->batch, &place, pb__batch_workspace_codec(api->batch_workspace), way->rules->batch.decompressed_bytes_max, targets);
    int rc = error < 0 ? refuse_with(way, error, "the partitioner of this topic gave no partition") : store_spread(way, targets);
    pb__env_free(api->env, targets);
    return rc;
}

/* ---- what lanes said */

static int refuse_as_said(struct way *way, const struct pb_lane_verdict *verdict) {
    struct pb_refusal refusal = { .code = verdict->code, .text = verdict->text_size > 0 ? verdict->text : NULL, .text_size = verdict->text_size, .record_count = verdict->record_count };
    for (int32_t i = 0; i < verdict->record_count; i++)
        refusal.records[i] = (struct pb_refused_record){ verdict->records[i].index, verdict->records[i].text_size, verdict->records[i].text };
    if (refusal.code == 0) refusal.code = pb_error_kafka_code(PB_E_INVALID_RECORD);
    return refuse(way, &refusal);
}

static int act_on(struct way *way, const struct pb_lane_verdict *verdict) {
    switch (verdict->kind) {
        case PB_VERDICT_REFUSE: return refuse_as_said(way, verdict);
        case PB_VERDICT_DROP: return drop(way);
        case PB_VERDICT_DEAD_LETTER: return store_dead(way, verdict->topic);
        case PB_VERDICT_SPLIT: return store_partitioned(way);
        case PB_VERDICT_ROUTE:
            return way->batch.producer_id >= 0 ? refuse_with(way, PB_E_POLICY, "a plugin sends this batch elsewhere: produce without idempotence") : store_away(way, verdict->topic, verdict->partition);
        case PB_VERDICT_FAILED:
            if (verdict->on_error == PB_HOOK_OPEN) return store_partitioned(way);
            return verdict->on_error == PB_HOOK_DEAD_LETTER ? store_dead(way, "") : refuse_as_said(way, verdict);
        case PB_VERDICT_REPLACE: break;
    }
    PB_ASSERT(false);                                                       /* it changed the bytes and is no end */
    return 0;
}

static int judge(struct way *way) {
    struct pb_api *api = way->answer->api;
    const struct pb_topic *topic = way->partition->topic;
    if (way->item != NULL) return way->item->verdict != NULL ? act_on(way, way->item->verdict) : store_partitioned(way);
    struct pb_hook_place place = { topic->name, topic->name_size, way->index, way->rules->partition_count };
    struct pb_refusal refusal;
    int rc = pb__hook_check(way->chain, &way->batch, &place, pb__batch_workspace_codec(api->batch_workspace), way->rules->batch.decompressed_bytes_max, &refusal);
    if (rc > 0) return refuse(way, &refusal);
    if (rc < 0) return refuse_with(way, rc, NULL);
    /* Lanes that came after the request was looked through: the producer comes again. */
    if (way->chain->lane_count > 0) return refuse_with(way, PB_E_TIMED_OUT, "plugins of this topic have just changed");
    return store_partitioned(way);
}

/* The bytes to judge: the producer's, or those in their place. A lane that was given up may still read the job's, which the append writes to. */
static int bytes_of(struct way *way, const struct pb_bytes *records, struct pb_bytes *out) {
    struct pb_lane_item *item = (struct pb_lane_item *)(uintptr_t)way->item;
    *out = *records;
    if (item == NULL) return 0;
    if (item->replaced != NULL) *out = (struct pb_bytes){ item->replaced->bytes, item->replaced->size_bytes };
    if (!item->job->given_up) return 0;
    way->owned = pb__env_alloc(way->answer->api->env, (size_t)out->size);
    if (way->owned == NULL) return PB_E_NOMEM;
    memcpy(way->owned, out->data, (size_t)out->size);
    out->data = way->owned;
    return 0;
}

/* It was checked before it went to the lanes, by the same rules but for what would have it written anew. */
static bool stays_as_it_is(const struct pb_lane_item *item, const struct pb_topic_rules *rules) {
    bool same_codec = rules->batch.codec_wanted < 0 || rules->batch.codec_wanted == (int8_t)item->codec;
    return item->replaced == NULL && same_codec && !rules->batch.log_append_time && item->size_bytes <= rules->batch.batch_bytes_max;
}

int pb__produce_stage_hooked(struct pb_produce_answer *answer, int32_t index, struct pb_partition *partition, const struct pb_topic_rules *rules, const struct pb_bytes *records,
                             struct pb_lane_item *item) {
    struct pb_api *api = answer->api;
    struct pb_topic_rules own = *rules;
    struct way way = { .answer = answer, .partition = partition, .rules = rules, .chain = item != NULL ? item->chain : pb__hook_chain_of(rules->hooks), .item = item, .index = index };
    struct pb_batch_fault fault = { .record_index = -1 };
    struct pb_bytes bytes;
    if (item != NULL && item->replaced != NULL && own.batch.codec_wanted < 0) own.batch.codec_wanted = (int8_t)item->codec;
    int rc = bytes_of(&way, records, &bytes);
    if (rc == 0) {
        int error = item != NULL && stays_as_it_is(item, &own) ? pb__batch_parse((uint8_t *)(uintptr_t)bytes.data, (size_t)bytes.size, &way.batch)
                                                               : pb__produce_check(api, &bytes, &own, &way.batch, &fault);
        uint8_t *rewritten = error == 0 ? pb__batch_workspace_take(api->batch_workspace) : NULL;
        if (rewritten != NULL) {
            pb__env_free(api->env, way.owned);
            way.owned = rewritten;
        }
        struct pb_refusal refusal;
        if (error < 0) pb__produce_refusal_of(error, &fault, &refusal);
        rc = error < 0 ? refuse(&way, &refusal) : judge(&way);
    }
    pb__env_free(api->env, way.owned);
    pb__partition_put(partition);
    return rc;
}

/* ---- requests that wait for lanes */

struct looking { struct pb_api *api; struct pb_request *request; struct pb_lane_job *job; int32_t ordinal; };

/* The batch as it came is whole, nobody in C objects to it, and a lane must see it: 1. 0: it needs no lane, or is refused without. */
static int needs_lane(struct pb_api *api, const struct pb_partition *partition, const struct pb_topic_rules *rules, const struct pb_bytes *records, struct pb_batch *batch) {
    struct pb_hook_chain *chain = pb__hook_chain_of(rules->hooks);
    if (chain == NULL || chain->lane_count == 0) return 0;
    struct pb_topic_rules as_it_is = *rules;
    as_it_is.batch.codec_wanted = -1;                                       /* rewritten when it is stored */
    as_it_is.batch.log_append_time = false;
    as_it_is.batch.timestamp_before_max_ms = rules->batch.log_append_time ? INT64_MAX : rules->batch.timestamp_before_max_ms;
    as_it_is.batch.timestamp_after_max_ms = rules->batch.log_append_time ? INT64_MAX : rules->batch.timestamp_after_max_ms;
    struct pb_batch_fault fault;
    struct pb_refusal refusal;
    struct pb_hook_place place = { partition->topic->name, partition->topic->name_size, partition->index, rules->partition_count };
    if (pb__produce_check(api, records, &as_it_is, batch, &fault) < 0) return 0;
    return pb__hook_check(chain, batch, &place, pb__batch_workspace_codec(api->batch_workspace), rules->batch.decompressed_bytes_max, &refusal) == 0;
}

static int look_at(struct looking *looking, const struct pb_produce_request_topic_produce_data *topic, const struct pb_produce_request_partition_produce_data *data) {
    struct pb_api *api = looking->api;
    struct pb_partition *partition;
    struct pb_topic_rules rules;
    struct pb_batch batch;
    int32_t ordinal = looking->ordinal++;
    if (pb__produce_find(api, topic, looking->request->header.api_version, data->index, &partition, &rules) < 0) return 0;
    struct pb_lane_item *item = NULL;
    int rc = needs_lane(api, partition, &rules, &data->records, &batch);
    if (rc > 0) {
        if (looking->job == NULL) looking->job = pb__lane_job_new(api);
        item = looking->job != NULL ? pb__lane_job_add(looking->job) : NULL;
        rc = item == NULL ? PB_E_NOMEM : 0;
    }
    if (item == NULL) {
        pb__partition_put(partition);
        pb__topic_hooks_put(rules.hooks);
        return rc;
    }
    *item = (struct pb_lane_item){ .chain = pb__hook_chain_of(rules.hooks), .partition = partition, .ordinal = ordinal, .partition_count = rules.partition_count,
                                   .data = batch.bytes, .size_bytes = batch.size_bytes, .record_count = batch.record_count, .codec = pb__batch_codec(&batch),
                                   .output_bytes_max = rules.batch.decompressed_bytes_max };
    return 0;
}

/* What was decided about the request's topics goes with it. */
static int keep_verdicts(struct pb_lane_job *job, const uint8_t *verdicts, int32_t count) {
    if (verdicts == NULL || count == 0) return 0;
    job->verdicts = pb__env_alloc(job->api->env, (size_t)count);
    if (job->verdicts == NULL) return PB_E_NOMEM;
    memcpy(job->verdicts, verdicts, (size_t)count);
    return 0;
}

int pb__produce_park(struct pb_api *api, struct pb_request *request, const struct pb_produce_request *message, const uint8_t *verdicts) {
    struct looking looking = { .api = api, .request = request };
    struct pb_produce_request copy = *message;                              /* its arrays are cursors */
    struct pb_produce_request_topic_produce_data topic;
    struct pb_produce_request_partition_produce_data data;
    int rc = 0;
    int32_t number = 0;
    while (rc == 0 && pb__produce_request_topic_produce_data_next(&copy.topic_data, request->header.api_version, &topic) > 0) {
        bool forbidden = verdicts != NULL && !verdicts[number];
        number++;
        if (forbidden) looking.ordinal += topic.partition_data.count;
        while (rc == 0 && !forbidden && pb__produce_request_partition_produce_data_next(&topic.partition_data, request->header.api_version, &data) > 0)
            rc = look_at(&looking, &topic, &data);
    }
    if (rc == 0 && looking.job != NULL) rc = keep_verdicts(looking.job, verdicts, number);
    if (rc < 0 && looking.job != NULL) pb__lane_job_put(looking.job);
    if (rc < 0 || looking.job == NULL) return rc;
    rc = pb__lane_post(api, looking.job, request);
    return rc < 0 ? rc : 1;
}
