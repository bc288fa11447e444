/* Plugin lanes as their threads see them: what waits is taken, judged and given back. See api/lane.h. */
#include <string.h>

#include "api/lane.h"
#include "base/assert.h"
#include "broker/broker.h"
#include "record/varint.h"

int pb_lane_new(struct pb_broker *broker, int32_t deadline_ms, void (*notify)(void *context), void *context, struct pb_lane **lane_out) {
    const struct pb_env *env = broker->env;
    struct pb_lane *lane = pb__env_zalloc(env, sizeof *lane);
    if (lane == NULL) return PB_E_NOMEM;
    *lane = (struct pb_lane){ .refs = 1, .env = env, .notify = notify, .notify_context = context, .deadline_ns = (int64_t)deadline_ms * 1000000 };
    pb__mpsc_init(&lane->posted);
    *lane_out = lane;
    return 0;
}

/* Who waits and who comes is decided by on_error. Jobs in the queue are let go of; their loops give them up when their time is over. */
void pb_lane_close(struct pb_lane *lane) {
    atomic_store(&lane->closed, true);
    for (struct pb_lane_view view; pb_lane_take(lane, &view);) pb_lane_done(view.job);
    pb__lane_put(lane);
}

void pb_lane_stats(const struct pb_lane *lane, int64_t *batches_out, int64_t *failed_out) {
    *batches_out = lane->stat_batches;
    *failed_out = lane->stat_failed;
}

void pb_lane_call_begins(struct pb_lane *lane) { atomic_store_explicit(&lane->call_began_ns, pb__env_now_ns(lane->env), memory_order_relaxed); }
void pb_lane_call_ended(struct pb_lane *lane) { atomic_store_explicit(&lane->call_began_ns, 0, memory_order_relaxed); }

bool pb_lane_take(struct pb_lane *lane, struct pb_lane_view *view) {
    if (lane->taken == NULL) lane->taken = pb__mpsc_take_all(&lane->posted);
    if (lane->taken == NULL) return false;
    *view = (struct pb_lane_view){ .job = PB_CONTAINER_OF(lane->taken, struct pb_lane_job, node) };
    lane->taken = lane->taken->next;
    if (atomic_load(&view->job->state) != PB_LANE_OUT) view->item_at = INT32_MAX;   /* given up while it waited: nobody is asked about it */
    return true;
}

bool pb_lane_next(struct pb_lane *lane, struct pb_lane_view *view) {
    struct pb_lane_job *job = view->job;
    while (view->item_at < job->item_count && !pb__lane_asks(lane, &job->items[view->item_at])) view->item_at++;
    if (view->item_at >= job->item_count) return false;
    atomic_fetch_add_explicit(&lane->stat_batches, 1, memory_order_relaxed);
    struct pb_lane_item *item = &job->items[view->item_at++];
    view->item = item;
    view->token = pb__lane_step_of(item, lane)->token;
    view->topic = item->partition->topic->name;
    view->topic_size = item->partition->topic->name_size;
    view->partition = item->partition->index;
    view->partition_count = item->partition_count;
    view->bytes = item->data;
    view->size_bytes = item->size_bytes;
    view->output_bytes_max = item->output_bytes_max;
    view->client_id = job->client_id.data;
    view->client_id_size = job->client_id.size;
    view->subject = job->subject;
    return true;
}

void pb_lane_job_keep(struct pb_lane_job *job) { atomic_fetch_add_explicit(&job->refs, 1, memory_order_relaxed); }
void pb_lane_job_let_go(struct pb_lane_job *job) { pb__lane_job_put(job); }

void pb_lane_accept(struct pb_lane_item *item) { item->accepted = true; }

/* As much as fits, cut between two characters of UTF-8. */
static int32_t copy_text(char *to, size_t size_max, const char *text, int32_t size) {
    size_t taken = (size_t)pb__min_i64(size, (int64_t)size_max - 1);
    while (taken > 0 && taken < (size_t)size && (text[taken] & 0xc0) == 0x80) taken--;
    memcpy(to, text, taken);
    to[taken] = 0;
    return (int32_t)taken;
}

int pb_lane_say(struct pb_lane_item *item, enum pb_lane_verdict_kind kind, int16_t code, const char *text, int32_t text_size) {
    struct pb_lane_verdict *verdict = pb__env_zalloc(item->job->api->env, sizeof *verdict);
    if (verdict == NULL) return PB_E_NOMEM;
    verdict->kind = kind;
    verdict->code = code;
    verdict->text_size = copy_text(verdict->text, sizeof verdict->text, text, text_size);
    pb__lane_verdict_free(item->given, item->job->api->env);
    item->given = verdict;
    return 0;
}

int pb_lane_say_record(struct pb_lane_item *item, int32_t index, const char *text, int32_t text_size) {
    struct pb_lane_verdict *verdict = item->given;
    if (verdict->record_count == PB_HOOK_RECORDS_MAX) return 0;             /* the client is told of the first ones */
    if (verdict->records == NULL) verdict->records = pb__env_alloc(item->job->api->env, PB_HOOK_RECORDS_MAX * sizeof *verdict->records);
    if (verdict->records == NULL) return PB_E_NOMEM;
    struct pb_lane_refused *record = &verdict->records[verdict->record_count++];
    record->index = index;
    record->text_size = copy_text(record->text, sizeof record->text, text, text_size);
    return 0;
}

void pb_lane_say_place(struct pb_lane_item *item, const char *topic, int32_t topic_size, int32_t partition) {
    (void)copy_text(item->given->topic, sizeof item->given->topic, topic, topic_size);
    item->given->partition = partition;
}

int pb_lane_say_targets(struct pb_lane_item *item, const int32_t *targets, int32_t count) {
    if (count != item->record_count) return PB_E_INVALID_ARGUMENT;
    for (int32_t i = 0; i < count; i++)
        if (targets[i] < 0 || targets[i] >= item->partition_count) return PB_E_INVALID_ARGUMENT;
    item->given->targets = pb__env_alloc(item->job->api->env, (size_t)count * sizeof *targets);
    if (item->given->targets == NULL) return PB_E_NOMEM;
    memcpy(item->given->targets, targets, (size_t)count * sizeof *targets);
    return 0;
}

/* ---- records in place of a batch's */

struct pb_lane_records {
    struct pb_lane_item *item;
    struct pb_batch like;
    struct pb_batch_writer writer;
    uint8_t *headers;                                                       /* of the next record */
    size_t headers_size, headers_capacity;
    int32_t header_count;
};

int pb_lane_records_new(struct pb_lane_item *item, struct pb_lane_records **records_out) {
    const struct pb_env *env = item->job->api->env;
    struct pb_lane_records *records = pb__env_zalloc(env, sizeof *records);
    if (records == NULL) return PB_E_NOMEM;
    records->item = item;
    int rc = pb__batch_parse(item->data, (size_t)item->size_bytes, &records->like);
    PB_ASSERT(rc == 0);                                                     /* the loop has checked it */
    pb__batch_writer_init(&records->writer, env, records->like.base_timestamp);
    *records_out = records;
    return 0;
}

int pb_lane_records_header(struct pb_lane_records *records, const struct pb_header_view *header) {
    int32_t name_size = header->name_size, value_size = header->value_size;
    size_t wanted = records->headers_size + (size_t)name_size + (size_t)pb__max_i64(value_size, 0) + 2 * PB_VARINT_BYTES_MAX;
    if (wanted > PB_OWN_BATCH_BYTES_MAX) return PB_E_BATCH_TOO_LARGE;
    if (wanted > records->headers_capacity) {
        uint8_t *headers = pb__env_resize(records->writer.env, records->headers, 2 * wanted);
        if (headers == NULL) return PB_E_NOMEM;
        records->headers = headers;
        records->headers_capacity = 2 * wanted;
    }
    uint8_t *at = pb__varlong_write(records->headers + records->headers_size, name_size);
    memcpy(at, header->name, (size_t)name_size);
    at = pb__varlong_write(at + name_size, value_size < 0 ? -1 : value_size);
    if (value_size > 0) memcpy(at, header->value, (size_t)value_size);
    records->headers_size = (size_t)(at + pb__max_i64(value_size, 0) - records->headers);
    records->header_count++;
    return 0;
}

int pb_lane_records_add(struct pb_lane_records *records, const struct pb_record_view *view) {
    struct pb_record record = { .timestamp = view->timestamp_ms, .key = view->key, .key_size = view->key_size, .value = view->value, .value_size = view->value_size,
                                .headers = records->headers, .headers_size = (int32_t)records->headers_size, .header_count = records->header_count };
    records->headers_size = 0;
    records->header_count = 0;
    return pb__batch_writer_add_record(&records->writer, &record);
}

int pb_lane_records_end(struct pb_lane_records *records, bool abandon) {
    struct pb_lane_item *item = records->item;
    const struct pb_env *env = item->job->api->env;
    bool has_producer = records->like.producer_id >= 0;
    int32_t count = records->writer.record_count;
    int rc = !abandon && (count == 0 || (has_producer && count != records->like.record_count)) ? PB_E_INVALID_ARGUMENT : 0;
    if (rc == 0 && !abandon) rc = pb_lane_say(item, PB_VERDICT_REPLACE, 0, "", 0);
    if (rc == 0 && !abandon) {
        struct pb_batch batch;
        pb__batch_writer_end_as(&records->writer, &records->like, has_producer, &batch);
        item->given->bytes = batch.bytes;
        item->given->size_bytes = batch.size_bytes;
    } else {
        pb__batch_writer_free(&records->writer);
    }
    pb__env_free(env, records->headers);
    pb__env_free(env, records);
    return rc;
}

void pb_lane_done(struct pb_lane_job *job) {
    int32_t out = PB_LANE_OUT;
    if (atomic_compare_exchange_strong(&job->state, &out, PB_LANE_BACK)) pb__wake_signal(&job->parked.wake, NULL);
    pb__lane_job_put(job);
}
