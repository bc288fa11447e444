/* api/k00_produce.c — Produce (API key 0, versions 3-13).
 *
 * The whole reply is encoded when the request arrives, with the places of error code, base offset, log append time and log start offset left to be
 * patched: nothing of the request is needed when the append, or the sync that acks=all waits for, is through.
 *   per partition   index int32 | errorCode int16 | baseOffset int64 | logAppendTimeMs int64 | logStartOffset int64 (5+) | …
 * Order of checks as the Java broker's: acks, topic and partition, then the batch (pb__batch_check), then producer state in the append. */
#include "api/api_table.h"
#include "api/produce.h"
#include "base/assert.h"
#include "base/endian.h"
#include "base/err.h"

enum { ACKS_ALL = -1, ACKS_NONE = 0, ACKS_LEADER = 1 };
enum { AT_BASE_OFFSET = 2, AT_APPEND_TIME = 10, AT_START_OFFSET = 18, RESULT_BYTES = 26 };
enum { ROOM_TOPIC = PB_TOPIC_NAME_BYTES_MAX + 64, ROOM_PARTITION = 96, ROOM_FAULT = 320 };

/* One partition's part of a request that waits for a sync. */
struct produce_wait {
    struct pb_waiter waiter;
    struct produce_wait *next;
    uint32_t result_at;
};

struct pb_produce {
    struct pb_parked parked;                                                /* first */
    struct pb_conn *conn;                                                   /* acks=0 only: to close it on an error */
    struct pb_reply *reply;                                                 /* NULL: acks=0 */
    struct produce_wait *waits;                                             /* first of them is first_wait */
    struct produce_wait first_wait;
    int32_t pending;                                                        /* staged and waiting parts, + 1 while being read */
    int32_t timeout_ms;
    int16_t version, acks;
    bool failed;
};

static struct pb_produce *produce_new(struct pb_api *api) {
    struct pb_list *node = pb__list_pop_front(&api->produce_pool);
    struct pb_produce *produce = node != NULL ? PB_LIST_ITEM(node, struct pb_produce, parked.node) : pb__env_alloc(api->env, sizeof *produce);
    if (produce == NULL) return NULL;
    if (node == NULL) api->net.stat_pool_growths++;
    pb__parked_init(api, &produce->parked, PB_PARKED_PRODUCE);
    produce->waits = NULL;
    produce->first_wait.waiter.partition = NULL;
    produce->pending = 1;
    produce->failed = false;
    return produce;
}

/* Back to the pool; one whose wake is still queued goes when the wake comes out. */
static void produce_free(struct pb_api *api, struct pb_produce *produce) {
    for (struct produce_wait *wait = produce->waits, *next; wait != NULL; wait = next) {
        next = wait->next;
        pb__partition_unwait(&wait->waiter);
        if (wait != &produce->first_wait) pb__env_free(api->env, wait);
    }
    produce->waits = NULL;
    pb__heap_remove(&api->deadlines, &produce->parked.deadline);
    pb__list_remove(&produce->parked.node);
    if (pb__wake_is_queued(&produce->parked.wake)) {
        produce->parked.dead = true;
        return;
    }
    pb__list_push_front(&api->produce_pool, &produce->parked.node);
}

void pb__produce_free_parked(struct pb_api *api, struct pb_parked *parked) { pb__list_push_front(&api->produce_pool, &parked->node); }

void pb__produce_pools_free(struct pb_api *api) {
    while (!pb__list_is_empty(&api->produces_out)) pb__produce_wake(api, PB_LIST_ITEM(api->produces_out.next, struct pb_parked, node), true);
    pb__purgatory_wake(api);                                                /* the cancelled ones come out of the queue */
    for (struct pb_list *node; (node = pb__list_pop_front(&api->produce_pool)) != NULL;)
        pb__env_free(api->env, PB_LIST_ITEM(node, struct pb_produce, parked.node));
}

/* One part less to wait for; the last one lets the reply go. */
static void part_done(struct pb_api *api, struct pb_produce *produce) {
    if (--produce->pending > 0) return;
    if (produce->reply != NULL) {
        pb__reply_ready(&api->net, produce->reply);
    } else if (produce->failed) {
        pb__conn_fail(produce->conn, PB_E_CLOSED);                          /* acks=0: closing is the only way to say it (as the Java broker) */
    }
    produce_free(api, produce);
}

void pb__produce_set_error(struct pb_produce *produce, uint32_t result_at, int error) {
    produce->failed = true;
    if (produce->reply == NULL) return;
    uint8_t *result = produce->reply->bytes + result_at;
    pb__put_i16(result, pb_error_kafka_code(error));
    pb__put_i64(result + AT_BASE_OFFSET, -1);
    pb__put_i64(result + AT_APPEND_TIME, -1);
    if (produce->version >= 5) pb__put_i64(result + AT_START_OFFSET, -1);
}

/* ---- after the append */

static struct produce_wait *wait_new(struct pb_api *api, struct pb_produce *produce) {
    struct produce_wait *wait = produce->waits == NULL ? &produce->first_wait : pb__env_alloc(api->env, sizeof *wait);
    if (wait == NULL) return NULL;
    wait->next = produce->waits;
    wait->waiter.partition = NULL;
    wait->waiter.wake = &produce->parked.wake;
    pb__list_init(&wait->waiter.node);
    produce->waits = wait;
    return wait;
}

/* true: the part now waits for the disk. */
static bool wait_for_sync(struct pb_api *api, struct pb_produce *produce, struct pb_partition *partition, int64_t end_offset, uint32_t result_at) {
    struct produce_wait *wait = wait_new(api, produce);
    if (wait == NULL) {
        pb__produce_set_error(produce, result_at, PB_E_NOMEM);
        return false;
    }
    wait->result_at = result_at;
    int rc = pb__partition_wait_sync(partition, &wait->waiter, end_offset);
    if (rc > 0) {
        if (produce->parked.deadline.index == PB_HEAP_OUTSIDE && produce->timeout_ms >= 0) {
            /* Without memory for the deadline the part waits without one: the sync ends it. */
            (void)pb__heap_push(&api->deadlines, &produce->parked.deadline, api->net.now_ns + (int64_t)produce->timeout_ms * 1000000);
        }
        if (!pb__list_is_linked(&produce->parked.node)) pb__list_push_back(&api->produces_out, &produce->parked.node);
        api->stat_produces_waiting++;
        return true;
    }
    produce->waits = wait->next;
    if (wait != &produce->first_wait) pb__env_free(api->env, wait);
    if (rc < 0) pb__produce_set_error(produce, result_at, rc);
    return false;
}

void pb__produce_staged_done(struct pb_api *api, struct pb_staged *staged, const struct pb_log_append *append, const struct pb_partition_append *result) {
    struct pb_produce *produce = staged->produce;
    if (append->error < 0) {
        pb__produce_set_error(produce, staged->result_at, append->error);
        part_done(api, produce);
        return;
    }
    api->stat_batches++;
    api->stat_batch_bytes += staged->batch.size_bytes;
    if (produce->reply != NULL && !staged->away) {
        uint8_t *at = produce->reply->bytes + staged->result_at;
        pb__put_i64(at + AT_BASE_OFFSET, append->base_offset);
        pb__put_i64(at + AT_APPEND_TIME, append->log_append_time_ms);
        if (produce->version >= 5) pb__put_i64(at + AT_START_OFFSET, result->start_offset);
    }
    bool sync = result->must_sync || (produce->acks == ACKS_ALL && staged->partition->topic->shared->sync_before_ack);
    if (sync && wait_for_sync(api, produce, staged->partition, result->end_offset, staged->result_at)) return;
    part_done(api, produce);
}

void pb__produce_wake(struct pb_api *api, struct pb_parked *parked, bool due) {
    struct pb_produce *produce = (struct pb_produce *)(void *)parked;
    int32_t done = 0;
    for (struct produce_wait **at = &produce->waits, *wait; (wait = *at) != NULL;) {
        if (due && !wait->waiter.done) {
            pb__partition_unwait(&wait->waiter);                            /* after it nobody touches the waiter */
            if (!wait->waiter.done) {
                wait->waiter.done = true;
                wait->waiter.error = PB_E_TIMED_OUT;
            }
        }
        if (!wait->waiter.done) {
            at = &wait->next;
            continue;
        }
        if (wait->waiter.error < 0) pb__produce_set_error(produce, wait->result_at, wait->waiter.error);
        pb__partition_unwait(&wait->waiter);
        *at = wait->next;
        if (wait != &produce->first_wait) pb__env_free(api->env, wait);
        done++;
        api->stat_produces_waiting--;
    }
    while (done-- > 0) part_done(api, produce);                             /* the last one may free produce: nothing behind it */
}

/* ---- the request */

void pb__produce_refusal_of(int error, const struct pb_batch_fault *fault, struct pb_refusal *out) {
    out->code = pb_error_kafka_code(error);
    out->text = fault != NULL ? fault->text : NULL;
    out->text_size = out->text != NULL ? (int32_t)__builtin_strlen(out->text) : 0;
    out->record_count = 0;
    if (fault == NULL || fault->record_index < 0) return;
    _Static_assert((int)PB_BATCH_FAULTS_MAX <= (int)PB_HOOK_RECORDS_MAX, "room for all");
    out->record_count = 1 + fault->further_count;
    for (int32_t i = 0; i < out->record_count; i++)
        out->records[i] = (struct pb_refused_record){ i == 0 ? fault->record_index : fault->further[i - 1], out->text_size, out->text };
}

static struct pb_str text_of(const char *text, int32_t size) { return (struct pb_str){ (const uint8_t *)text, text != NULL ? size : -1 }; }

static void put_record_errors(struct pb_produce_answer *answer, const struct pb_refusal *refusal) {
    for (int32_t i = 0; answer->version >= 8 && i < refusal->record_count; i++) {
        const struct pb_refused_record *record = &refusal->records[i];
        struct pb_produce_response_batch_index_and_error_message_out item = { .batch_index = record->index, .batch_index_error_message = text_of(record->text, record->text_size) };
        pb__produce_response_batch_index_and_error_message_put(&answer->writer, answer->version, &item);
    }
}

int pb__produce_put_result(struct pb_produce_answer *answer, int32_t index, const struct pb_refusal *refusal, bool away, uint32_t *result_at_out) {
    *result_at_out = 0;
    answer->produce->failed |= refusal != NULL;
    if (answer->reply == NULL) return 0;
    struct pb_writer *writer = &answer->writer;
    int rc = pb__answer_room(answer->api, answer->reply, writer, refusal == NULL ? ROOM_PARTITION : ROOM_FAULT * (size_t)(1 + refusal->record_count));
    if (rc < 0) return rc;
    struct pb_produce_response_partition_produce_response_out out = {
        .index = index, .error_code = refusal != NULL ? refusal->code : 0, .base_offset = refusal != NULL || away ? -1 : 0, .log_append_time_ms = -1, .log_start_offset = -1
    };
    *result_at_out = (uint32_t)(writer->pos - writer->start) + 4;
    pb__produce_response_partition_produce_response_put_until_record_errors(writer, answer->version, &out, refusal != NULL ? refusal->record_count : 0);
    out.error_message = (struct pb_str){ NULL, -1 };
    if (refusal != NULL) {
        put_record_errors(answer, refusal);
        out.error_message = text_of(refusal->text, refusal->text_size);
    }
    pb__produce_response_partition_produce_response_put_rest(writer, answer->version, &out);
    return 0;
}

int pb__produce_check(struct pb_api *api, const struct pb_bytes *records, const struct pb_topic_rules *rules, struct pb_batch *batch, struct pb_batch_fault *fault) {
    fault->record_index = -1;
    fault->text = NULL;
    fault->further_count = 0;
    if (records->size <= 0) {
        fault->text = "a partition needs exactly one record batch";
        return PB_E_INVALID_RECORD;
    }
    int rc = pb__batch_parse((uint8_t *)(uintptr_t)records->data, (size_t)records->size, batch);
    if (rc == PB_E_AGAIN) rc = PB_E_CORRUPT_BATCH;
    if (rc < 0) return rc;
    if (batch->size_bytes != records->size) {
        fault->text = "a partition needs exactly one record batch";
        return PB_E_INVALID_RECORD;
    }
    rc = pb__batch_check(batch, &rules->batch, api->wall_ms, api->batch_workspace, fault);
    if (rc == 0 && batch->attributes & PB_ATTRIBUTE_TRANSACTIONAL) return PB_E_INVALID_TXN_STATE;
    return rc;
}

int pb__produce_find(struct pb_api *api, const struct pb_produce_request_topic_produce_data *topic, int16_t version, int32_t index, struct pb_partition **partition_out,
                     struct pb_topic_rules *rules) {
    struct pb_partition_map *map = api->shared->map;
    int rc = version >= 13 ? pb__partition_map_find_id(map, topic->topic_id.b, index, partition_out, rules)
                           : pb__partition_map_find(map, topic->name.data, topic->name.size, index, partition_out, rules);
    if (rc < 0 || !rules->internal) return rc;
    pb__partition_put(*partition_out);
    pb__topic_hooks_put(rules->hooks);
    return PB_E_INVALID_TOPIC;                                              /* internal topics are written by the broker alone */
}

void pb__produce_stage(struct pb_produce_answer *answer, struct pb_partition *partition, const struct pb_batch *batch, uint8_t *rewritten, int64_t flush_messages,
                       uint32_t result_at, bool away) {
    struct pb_staged *staged = pb__stage_add(answer->api, partition);
    staged->produce = answer->produce;
    staged->batch = *batch;
    staged->rewritten = rewritten;
    staged->flush_messages = flush_messages;
    staged->result_at = result_at;
    staged->away = away;
    answer->api->stage->bytes += batch->size_bytes;
    answer->produce->pending++;
}

static int refuse(struct pb_produce_answer *answer, int32_t index, int error, const struct pb_batch_fault *fault) {
    struct pb_refusal refusal;
    uint32_t result_at;
    pb__produce_refusal_of(error, fault, &refusal);
    return pb__produce_put_result(answer, index, &refusal, false, &result_at);
}

static int stage_partition(struct pb_produce_answer *answer, const struct pb_produce_request_topic_produce_data *topic,
                           const struct pb_produce_request_partition_produce_data *data, int acks_error) {
    struct pb_api *api = answer->api;
    struct pb_partition *partition;
    struct pb_topic_rules rules;
    struct pb_batch batch;
    struct pb_batch_fault fault;
    struct pb_lane_item *item = pb__lane_item_of(answer->job, answer->ordinal++);
    int error = acks_error;
    if (error == 0) error = pb__produce_find(api, topic, answer->version, data->index, &partition, &rules);
    if (error < 0) return refuse(answer, data->index, error, NULL);
    if (PB_UNLIKELY(rules.hooks != NULL)) {
        int rc = pb__produce_stage_hooked(answer, data->index, partition, &rules, &data->records, item);
        pb__topic_hooks_put(rules.hooks);
        return rc;
    }
    error = pb__produce_check(api, &data->records, &rules, &batch, &fault);
    if (error < 0) {
        pb__partition_put(partition);
        return refuse(answer, data->index, error, &fault);
    }
    uint32_t result_at;
    int rc = pb__produce_put_result(answer, data->index, NULL, false, &result_at);
    if (rc < 0) {
        pb__partition_put(partition);
        return rc;
    }
    pb__produce_stage(answer, partition, &batch, pb__batch_workspace_take(api->batch_workspace), rules.flush_messages, result_at, false);
    return 0;
}

static int stage_topic(struct pb_produce_answer *answer, struct pb_produce_request_topic_produce_data *topic, int acks_error) {
    struct pb_produce *produce = answer->produce;
    if (answer->verdicts != NULL && !answer->verdicts[answer->topic_number++]) acks_error = PB_E_TOPIC_FORBIDDEN;   /* before anything else is said */
    if (produce->reply != NULL) {
        int rc = pb__answer_room(answer->api, answer->reply, &answer->writer, ROOM_TOPIC + (size_t)(topic->name.size > 0 ? topic->name.size : 0));
        if (rc < 0) return rc;
        struct pb_produce_response_topic_produce_response_out out = { .name = topic->name, .topic_id = topic->topic_id };
        pb__produce_response_topic_produce_response_put_until_partition_responses(&answer->writer, answer->version, &out, topic->partition_data.count);
    }
    struct pb_produce_request_partition_produce_data data;
    while (pb__produce_request_partition_produce_data_next(&topic->partition_data, answer->version, &data) > 0) {
        int rc = stage_partition(answer, topic, &data, acks_error);
        if (rc < 0) return rc;
    }
    if (produce->reply == NULL) return 0;
    struct pb_produce_response_topic_produce_response_out out = { .name = topic->name };
    int rc = pb__answer_room(answer->api, answer->reply, &answer->writer, ROOM_PARTITION);
    if (rc == 0) pb__produce_response_topic_produce_response_put_rest(&answer->writer, answer->version, &out);
    return rc;
}

static int stage_topics(struct pb_produce_answer *answer, struct pb_produce_request *request) {
    int acks_error = request->acks >= ACKS_ALL && request->acks <= ACKS_LEADER ? 0 : PB_E_INVALID_ACKS;
    struct pb_produce_response_out out = { .throttle_time_ms = 0 };
    struct pb_produce *produce = answer->produce;
    if (produce->reply != NULL) pb__produce_response_put_until_responses(&answer->writer, answer->version, &out, request->topic_data.count);
    struct pb_produce_request_topic_produce_data topic;
    while (pb__produce_request_topic_produce_data_next(&request->topic_data, answer->version, &topic) > 0) {
        int rc = stage_topic(answer, &topic, acks_error);
        if (rc < 0) return rc;
    }
    if (produce->reply == NULL) return 0;
    int rc = pb__answer_room(answer->api, answer->reply, &answer->writer, ROOM_PARTITION);
    if (rc == 0) pb__produce_response_put_rest(&answer->writer, answer->version, &out);
    return rc;
}

static int serve(struct pb_api *api, struct pb_request *request, struct pb_produce_request *message, const uint8_t *verdicts, struct pb_lane_job *job) {
    struct pb_produce *produce = produce_new(api);
    if (produce == NULL) return PB_E_NOMEM;
    produce->conn = request->conn;
    produce->reply = NULL;
    produce->version = request->header.api_version;
    produce->acks = message->acks;
    produce->timeout_ms = message->timeout_ms;
    struct pb_produce_answer answer = { .api = api, .produce = produce, .version = produce->version, .verdicts = verdicts, .job = job };
    int rc = message->acks != ACKS_NONE ? pb__answer_begin(request, &produce->reply, &answer.writer) : 0;
    answer.reply = produce->reply;
    if (rc == 0) rc = stage_topics(&answer, message);
    if (produce->reply != NULL) produce->reply->size_bytes = (uint32_t)(answer.writer.pos - answer.writer.start);
    if (rc < 0) request->conn->dead = true;                                 /* no memory for the answer: what was staged is stored, nobody hears of it */
    part_done(api, produce);
    return 0;
}

static void judge_topics(struct pb_judging *judging, const struct pb_request *request, const void *message) {
    struct pb_produce_request copy = *(const struct pb_produce_request *)message;   /* its arrays are cursors */
    struct pb_produce_request_topic_produce_data topic;
    uint8_t name[PB_TOPIC_NAME_BYTES_MAX];
    while (pb__produce_request_topic_produce_data_next(&copy.topic_data, request->header.api_version, &topic) > 0) {
        bool by_id = request->header.api_version >= 13;
        int32_t size = by_id ? pb__partition_map_name(judging->api->shared->map, topic.topic_id.b, name) : topic.name.size;
        pb__judge_next(judging, pb__judge(judging, PB_RIGHT_WRITE, PB_RIGHT_TOPIC, by_id ? name : topic.name.data, size));
    }
}

int pb__produce_handle(struct pb_api *api, struct pb_request *request) {
    struct pb_produce_request message;
    int rc = pb__produce_request_read(&request->body, request->header.api_version, &message);
    if (rc < 0) return rc;
    const uint8_t *verdicts = NULL;
    if (pb__rights_on(api)) {
        if ((rc = pb__rights_judge(api, request, judge_topics, &message)) < 0) return rc;
        verdicts = api->verdicts;
    }
    if (PB_UNLIKELY(atomic_load_explicit(&api->shared->lane_chains, memory_order_relaxed) > 0) && (rc = pb__produce_park(api, request, &message, verdicts)) != 0) return rc < 0 ? rc : 0;
    return serve(api, request, &message, verdicts, NULL);
}

int pb__produce_resume(struct pb_api *api, struct pb_conn *conn, struct pb_lane_job *job) {
    struct pb_produce_request message;
    struct pb_request request = { .conn = conn, .frame = job->frame, .frame_size = job->frame_size };
    request.body = (struct pb_reader){ .pos = job->frame, .end = job->frame + job->frame_size };
    request.flexible = pb__get_i16(job->frame + 2) >= pb__api_row(pb__get_i16(job->frame))->flexible_from;
    int rc = pb__request_header_read(&request.body, request.flexible, &request.header);
    if (rc == 0) rc = pb__produce_request_read(&request.body, request.header.api_version, &message);
    return rc < 0 ? rc : serve(api, &request, &message, job->verdicts, job);
}
