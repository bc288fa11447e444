/* api/k01_fetch.c — Fetch (API key 1, versions 4-18): records leave as slices of files, no byte is copied before send.
 *
 * evaluate    read every target (partition), until the bytes are used up; enough bytes, an error or the time-out: answer; else wait
 * wait        one waiter per target; an append wakes the fetch, which is evaluated anew at the end of its loop's turn
 * judge       each evaluation asks whether the targets may still be read: a right that is taken away ends a fetch that waits, and sessions (rights.h)
 * answer      full: every target. incremental (KIP-227): targets with records, an error, or changed offsets
 * Source      kafka:core ReplicaManager.fetchMessages, kafka:server FetchSession */
#include <string.h>

#include "api/api.h"
#include "api/fetch_session.h"
#include "api/rights.h"
#include "base/assert.h"
#include "base/err.h"

enum { ROOM_TOPIC = PB_TOPIC_NAME_BYTES_MAX + 64, ROOM_PARTITION = 128, ABORTED_BYTES = 20, ABORTED_MAX = 1 << 16, RESULTS_MIN = 64, RESULTS_KEPT_MAX = 1 << 14 };
enum { HELD_FOR_FETCH = 1 };
enum { RECORDS_BYTES_MAX = 1 << 30 };

struct pb_fetch {
    struct pb_parked parked;                                                /* first */
    struct pb_conn *conn;
    struct pb_reply *reply;
    struct pb_fetch_session *session;                                       /* one reference, or NULL */
    struct pb_list own_targets;                                             /* of a fetch without a session, from the pool */
    uint8_t *names;                                                         /* copy of the names while it waits */
    uint32_t names_capacity;
    int64_t deadline_ns;
    int32_t min_bytes, max_bytes, session_id;
    int16_t version;
    enum pb_isolation isolation;
    bool incremental;
    bool waits;
    bool asks;                                                              /* the control plane is asked whether it may */
    bool broker;                                                            /* another broker fetches, or says so */
};

struct pb_fetch_result {
    struct pb_partition_read read;
    int error;
    int32_t aborted_first, aborted_count;                                   /* in api->aborted; count -1: null */
    int32_t diverging_epoch;                                                /* -1: none */
    int64_t diverging_end;
    bool include;
};

/* ---- life */

static struct pb_fetch *fetch_new(struct pb_api *api) {
    struct pb_list *node = pb__list_pop_front(&api->fetch_pool);
    struct pb_fetch *fetch = node != NULL ? PB_LIST_ITEM(node, struct pb_fetch, parked.node) : pb__env_zalloc(api->env, sizeof *fetch);
    if (fetch == NULL) return NULL;
    if (node == NULL) api->net.stat_pool_growths++;
    pb__parked_init(api, &fetch->parked, PB_PARKED_FETCH);
    pb__list_init(&fetch->own_targets);
    fetch->session = NULL;
    fetch->waits = fetch->asks = false;
    return fetch;
}

static struct pb_list *targets_of(struct pb_fetch *fetch) { return fetch->session != NULL ? &fetch->session->targets : &fetch->own_targets; }

static struct pb_fetch_target *target_new(struct pb_api *api) {
    struct pb_list *node = pb__list_pop_front(&api->target_pool);
    struct pb_fetch_target *target = node != NULL ? PB_LIST_ITEM(node, struct pb_fetch_target, node) : pb__env_alloc(api->env, sizeof *target);
    if (target == NULL) return NULL;
    if (node == NULL) api->net.stat_pool_growths++;
    memset(target, 0, sizeof *target);
    pb__list_init(&target->waiter.node);
    return target;
}

static void stop_waiting(struct pb_api *api, struct pb_fetch *fetch) {
    if (!fetch->waits) return;
    PB_LIST_EACH(node, targets_of(fetch)) pb__partition_unwait(&PB_LIST_ITEM(node, struct pb_fetch_target, node)->waiter);
    pb__heap_remove(&api->deadlines, &fetch->parked.deadline);
    fetch->waits = false;
    fetch->conn->request_state = NULL;
    fetch->conn->request_kind = 0;
    api->stat_fetches_waiting--;
}

static void fetch_free(struct pb_api *api, struct pb_fetch *fetch) {
    stop_waiting(api, fetch);
    if (fetch->session != NULL) pb__session_end(fetch->session);
    fetch->session = NULL;
    for (struct pb_list *node; (node = pb__list_pop_front(&fetch->own_targets)) != NULL;) {
        struct pb_fetch_target *target = PB_LIST_ITEM(node, struct pb_fetch_target, node);
        if (target->partition != NULL) pb__partition_put(target->partition);
        pb__list_push_front(&api->target_pool, node);
    }
    if (pb__wake_is_queued(&fetch->parked.wake)) {
        fetch->parked.dead = true;
        return;
    }
    pb__list_push_front(&api->fetch_pool, &fetch->parked.node);
}

void pb__fetch_free_parked(struct pb_api *api, struct pb_parked *parked) { pb__list_push_front(&api->fetch_pool, &parked->node); }

void pb__fetch_pools_free(struct pb_api *api) {
    for (struct pb_list *node; (node = pb__list_pop_front(&api->fetch_pool)) != NULL;) {
        struct pb_fetch *fetch = PB_LIST_ITEM(node, struct pb_fetch, parked.node);
        pb__env_free(api->env, fetch->names);
        pb__env_free(api->env, fetch);
    }
    for (struct pb_list *node; (node = pb__list_pop_front(&api->target_pool)) != NULL;) pb__env_free(api->env, PB_LIST_ITEM(node, struct pb_fetch_target, node));
    pb__env_free(api->env, api->results);
    pb__env_free(api->env, api->aborted);
}

/* ---- evaluate */

static int resolve(struct pb_api *api, const struct pb_fetch *fetch, struct pb_fetch_target *target) {
    if (target->partition != NULL && !target->partition->deleted) return 0;
    if (target->partition != NULL) pb__partition_put(target->partition);
    target->partition = NULL;
    if (fetch->version >= 13) return pb__partition_map_find_id(api->shared->map, target->topic_id, target->index, &target->partition, NULL);
    return pb__partition_map_find(api->shared->map, target->name, target->name_size, target->index, &target->partition, NULL);
}

/* A fetcher whose last record belongs to an epoch that ended earlier here is told where (KIP-595). */
static void check_divergence(struct pb_fetch_target *target, struct pb_fetch_result *result) {
    int32_t epoch;
    int64_t end;
    if (target->last_fetched_epoch < 0) return;
    if (pb__partition_end_of_epoch(target->partition, target->leader_epoch, target->last_fetched_epoch, &epoch, &end) < 0) return;
    if (epoch < 0 || (epoch >= target->last_fetched_epoch && end >= target->offset)) return;
    result->diverging_epoch = epoch;
    result->diverging_end = end;
}

static int read_target(struct pb_api *api, const struct pb_fetch *fetch, struct pb_fetch_target *target, struct pb_fetch_result *result, int64_t bytes_left, bool first) {
    *result = (struct pb_fetch_result){ .aborted_count = -1, .diverging_epoch = -1 };
    result->read.high_watermark = result->read.last_stable_offset = result->read.start_offset = -1;
    int rc = resolve(api, fetch, target);
    if (rc < 0) return rc;
    check_divergence(target, result);
    result->read.offset = target->offset;
    result->read.bytes_max = result->diverging_epoch >= 0 ? 0 : pb__min_i64(target->bytes_max, bytes_left);
    result->read.leader_epoch = target->leader_epoch;
    result->read.whole_batch = first && result->diverging_epoch < 0;
    result->read.isolation = fetch->isolation;
    rc = pb__partition_read(target->partition, &result->read);
    if (rc == PB_E_OFFSET_OUT_OF_RANGE && result->diverging_epoch >= 0) rc = 0;   /* it is told where to cut first */
    if (rc < 0) result->read.high_watermark = result->read.last_stable_offset = result->read.start_offset = -1;
    return rc;
}

static int forbid(struct pb_fetch_result *result) {
    *result = (struct pb_fetch_result){ .aborted_count = -1, .diverging_epoch = -1 };
    result->read.high_watermark = result->read.last_stable_offset = result->read.start_offset = -1;
    return PB_E_TOPIC_FORBIDDEN;
}

struct aborted_list { struct pb_api *api; struct pb_fetch_result *result; };

static void add_aborted(void *context, int64_t producer_id, int64_t first_offset) {
    struct aborted_list *list = context;
    struct pb_api *api = list->api;
    int32_t at = list->result->aborted_first + list->result->aborted_count;
    if (at >= api->aborted_capacity) {
        int32_t capacity = api->aborted_capacity > 0 ? api->aborted_capacity * 2 : 64;
        struct pb_fetch_response_aborted_transaction_out *aborted =
            capacity <= ABORTED_MAX ? pb__env_resize(api->env, api->aborted, (size_t)capacity * sizeof *aborted) : NULL;
        if (aborted == NULL) {
            list->result->error = PB_E_LIMIT;                               /* without the whole list an aborted record would be shown */
            return;
        }
        api->aborted = aborted;
        api->aborted_capacity = capacity;
    }
    api->aborted[at] = (struct pb_fetch_response_aborted_transaction_out){ .producer_id = producer_id, .first_offset = first_offset };
    list->result->aborted_count++;
}

/* Aborted transactions a read_committed reader has to leave out, in order of their first offset. */
static void read_aborted(struct pb_api *api, struct pb_fetch_target *target, struct pb_fetch_result *result, int32_t *aborted_total) {
    result->aborted_first = *aborted_total;
    result->aborted_count = 0;
    if (result->read.read.slice.size_bytes == 0) return;
    struct aborted_list list = { api, result };
    int rc = pb__partition_aborted(target->partition, result->read.offset, result->read.readable_end, add_aborted, &list);
    if (rc < 0) result->error = rc;
    if (result->error < 0) {
        pb__file_slice_deinit(&result->read.read.slice);
        result->aborted_count = 0;
    }
    *aborted_total += result->aborted_count;
}

static int reserve_results(struct pb_api *api, struct pb_fetch *fetch) {
    int32_t count = 0;
    PB_LIST_EACH(node, targets_of(fetch)) count++;
    if (count <= api->result_capacity) return 0;
    int32_t capacity = RESULTS_MIN;
    while (capacity < count) capacity *= 2;
    struct pb_fetch_result *results = pb__env_resize(api->env, api->results, (size_t)capacity * sizeof *results);
    if (results == NULL) return PB_E_NOMEM;
    api->results = results;
    api->result_capacity = capacity;
    return 0;
}

static bool is_worth_telling(const struct pb_fetch *fetch, const struct pb_fetch_target *target, const struct pb_fetch_result *result) {
    return !fetch->incremental || result->error < 0 || result->read.read.slice.size_bytes > 0 || result->diverging_epoch >= 0 ||
           target->sent_high_watermark != result->read.high_watermark || target->sent_start_offset != result->read.start_offset;
}

/* ---- judge */

static bool same_topic(const struct pb_fetch_target *a, const struct pb_fetch_target *b) {
    return memcmp(a->topic_id, b->topic_id, 16) == 0 && a->name_size == b->name_size && (a->name_size <= 0 || memcmp(a->name, b->name, (size_t)a->name_size) == 0);
}

static void judge_targets(struct pb_judging *judging, struct pb_fetch *fetch) {
    const struct pb_fetch_target *last = NULL;
    bool broker = !fetch->broker || pb__judge(judging, PB_RIGHT_CLUSTER_ACTION, PB_RIGHT_CLUSTER, (const uint8_t *)PB_RIGHT_CLUSTER_NAME, sizeof PB_RIGHT_CLUSTER_NAME - 1);
    bool allowed = true;
    PB_LIST_EACH(node, targets_of(fetch)) {
        struct pb_fetch_target *target = PB_LIST_ITEM(node, struct pb_fetch_target, node);
        (void)resolve(judging->api, fetch, target);                         /* told when it is read */
        const struct pb_topic *topic = target->partition != NULL ? target->partition->topic : NULL;
        if (fetch->broker) {
            allowed = broker;
        } else if (last == NULL || !same_topic(last, target)) {
            allowed = topic != NULL ? pb__judge(judging, PB_RIGHT_READ, PB_RIGHT_TOPIC, (const uint8_t *)topic->name, (int32_t)topic->name_size)
                                    : pb__judge(judging, PB_RIGHT_READ, PB_RIGHT_TOPIC, target->name, target->name_size);
        }
        pb__judge_next(judging, allowed);
        last = target;
    }
}

/* 0: api->verdicts has one for each target; 1: the control plane is asked, and the fetch goes on with its answer. */
static int judge(struct pb_api *api, struct pb_fetch *fetch, const struct pb_mail *told) {
    struct pb_judging judging = { .api = api, .conn = fetch->conn, .told = told };
    judge_targets(&judging, fetch);
    if (judging.rc < 0 || !judging.missing || told != NULL) return judging.rc;
    stop_waiting(api, fetch);
    judging = (struct pb_judging){ .api = api, .conn = fetch->conn, .asks = true };
    judge_targets(&judging, fetch);
    int rc = pb__rights_ask(&judging, fetch);
    fetch->asks = rc == 0;
    return rc < 0 ? rc : 1;
}

/* ---- read */

/* Read all targets. Returns the bytes found; *urgent_out: something in it must not wait. */
static int64_t read_all(struct pb_api *api, struct pb_fetch *fetch, bool *urgent_out) {
    int64_t total = 0, bytes_left = fetch->max_bytes;
    int32_t i = 0, aborted_total = 0;
    *urgent_out = false;
    PB_LIST_EACH(node, targets_of(fetch)) {
        struct pb_fetch_target *target = PB_LIST_ITEM(node, struct pb_fetch_target, node);
        struct pb_fetch_result *result = &api->results[i++];
        result->error = 0;
        bool forbidden = pb__rights_on(api) && !api->verdicts[i - 1];
        int rc = forbidden ? forbid(result) : read_target(api, fetch, target, result, bytes_left, total == 0);
        result->error = rc;
        if (rc == 0 && fetch->isolation == PB_READ_COMMITTED) read_aborted(api, target, result, &aborted_total);
        int64_t bytes = result->read.read.slice.size_bytes;
        total += bytes;
        bytes_left = pb__max_i64(0, bytes_left - bytes);
        result->include = is_worth_telling(fetch, target, result);
        *urgent_out |= result->error < 0 || result->diverging_epoch >= 0;
    }
    return total;
}

static void drop_slices(struct pb_api *api, struct pb_fetch *fetch) {
    int32_t i = 0;
    PB_LIST_EACH(node, targets_of(fetch)) {
        (void)node;                                                         /* one result per target */
        pb__file_slice_deinit(&api->results[i++].read.read.slice);
    }
}

/* ---- answer */

/* How many groups of neighbours of one topic there are among what is told. */
static int32_t count_topics(struct pb_api *api, struct pb_fetch *fetch) {
    const struct pb_fetch_target *last = NULL;
    int32_t count = 0, i = 0;
    PB_LIST_EACH(node, targets_of(fetch)) {
        const struct pb_fetch_target *target = PB_LIST_ITEM(node, struct pb_fetch_target, node);
        if (!api->results[i++].include) continue;
        if (last == NULL || !same_topic(last, target)) count++;
        last = target;
    }
    return count;
}

/* Partitions told of the topic that begins at node (result number i). */
static int32_t count_partitions(struct pb_api *api, struct pb_list *head, struct pb_list *node, int32_t i) {
    const struct pb_fetch_target *first = PB_LIST_ITEM(node, struct pb_fetch_target, node);
    int32_t count = 0;
    for (; node != head; node = node->next, i++) {
        if (!api->results[i].include) continue;
        if (!same_topic(first, PB_LIST_ITEM(node, struct pb_fetch_target, node))) break;
        count++;
    }
    return count;
}

static int put_partition(struct pb_api *api, struct pb_fetch *fetch, struct pb_fetch_target *target, struct pb_fetch_result *result, struct pb_writer *writer) {
    int32_t aborted = result->aborted_count > 0 ? result->aborted_count : 0;
    int rc = pb__answer_room(api, fetch->reply, writer, ROOM_PARTITION + (size_t)aborted * ABORTED_BYTES);
    if (rc < 0) return rc;
    struct pb_fetch_response_partition_data_out out = {
        .partition_index = target->index,
        .error_code = pb_error_kafka_code(result->error),
        .high_watermark = result->read.high_watermark,
        .last_stable_offset = result->read.last_stable_offset,
        .log_start_offset = result->read.start_offset,
        .preferred_read_replica = -1,
        .has_diverging_epoch = result->diverging_epoch >= 0,
        .diverging_epoch = { .epoch = result->diverging_epoch, .end_offset = result->diverging_end },
    };
    pb__fetch_response_partition_data_put_until_aborted_transactions(writer, fetch->version, &out, result->aborted_count);
    for (int32_t i = 0; i < aborted; i++)
        pb__fetch_response_aborted_transaction_put(writer, fetch->version, &api->aborted[result->aborted_first + i]);
    struct pb_file_slice *slice = &result->read.read.slice;
    int64_t bytes = slice->size_bytes;
    pb__fetch_response_partition_data_put_until_records(writer, fetch->version, &out, (int32_t)bytes);
    if (bytes > 0 && (rc = pb__reply_add_slice(&api->net, fetch->reply, (uint32_t)(writer->pos - writer->start), slice)) < 0) return rc;
    pb__fetch_response_partition_data_put_rest(writer, fetch->version, &out);
    target->sent_high_watermark = result->error < 0 ? -2 : result->read.high_watermark;
    target->sent_start_offset = result->read.start_offset;
    api->stat_fetch_bytes += bytes;
    return 0;
}

static int put_topics(struct pb_api *api, struct pb_fetch *fetch, struct pb_writer *writer) {
    struct pb_list *head = targets_of(fetch);
    const struct pb_fetch_target *last = NULL;
    struct pb_fetch_response_fetchable_topic_response_out topic = { 0 };
    int32_t i = 0;
    int rc = 0;
    for (struct pb_list *node = head->next; rc == 0 && node != head; node = node->next, i++) {
        struct pb_fetch_target *target = PB_LIST_ITEM(node, struct pb_fetch_target, node);
        if (!api->results[i].include) continue;
        if (last == NULL || !same_topic(last, target)) {
            if ((rc = pb__answer_room(api, fetch->reply, writer, ROOM_TOPIC + (size_t)pb__max_i64(target->name_size, 0))) < 0) break;
            if (last != NULL) pb__fetch_response_fetchable_topic_response_put_rest(writer, fetch->version, &topic);
            topic.topic = (struct pb_str){ target->name, target->name_size };
            memcpy(topic.topic_id.b, target->topic_id, 16);
            pb__fetch_response_fetchable_topic_response_put_until_partitions(writer, fetch->version, &topic, count_partitions(api, head, node, i));
            last = target;
        }
        rc = put_partition(api, fetch, target, &api->results[i], writer);
    }
    if (rc == 0) rc = pb__answer_room(api, fetch->reply, writer, ROOM_TOPIC);
    if (rc == 0 && last != NULL) pb__fetch_response_fetchable_topic_response_put_rest(writer, fetch->version, &topic);
    return rc;
}

/* Targets that gave records go behind the others: those get the bytes first next time. */
static void rotate(struct pb_api *api, struct pb_fetch_session *session, int32_t count) {
    struct pb_list *node = session->targets.next;
    for (int32_t i = 0; i < count; i++) {
        struct pb_list *next = node->next;
        if (api->results[i].include && api->results[i].error == 0 && api->results[i].read.read.first_batch_bytes > 0) {
            pb__list_remove(node);
            pb__list_push_back(&session->targets, node);
        }
        node = next;
    }
}

static void writer_of(struct pb_reply *reply, struct pb_writer *writer) {
    *writer = (struct pb_writer){ .start = reply->bytes, .pos = reply->bytes + reply->size_bytes, .end = reply->bytes + reply->capacity_bytes };
}

/* Send what was read (top_error: nothing but that), let the fetch go. */
static void answer(struct pb_api *api, struct pb_fetch *fetch, int top_error) {
    struct pb_writer writer;
    struct pb_fetch_response_out out = { .error_code = pb_error_kafka_code(top_error), .session_id = fetch->session_id };
    struct pb_conn *conn = fetch->conn;
    writer_of(fetch->reply, &writer);
    int rc = pb__answer_room(api, fetch->reply, &writer, ROOM_TOPIC);
    if (rc == 0) {
        pb__fetch_response_put_until_responses(&writer, fetch->version, &out, top_error < 0 ? 0 : count_topics(api, fetch));
        if (top_error == 0) rc = put_topics(api, fetch, &writer);
    }
    if (rc == 0) {
        pb__fetch_response_put_rest(&writer, fetch->version, &out);
    } else {
        conn->dead = true;                                                  /* no memory for an answer */
        drop_slices(api, fetch);
    }
    if (top_error == 0 && rc == 0 && fetch->session != NULL) rotate(api, fetch->session, fetch->session->target_count);
    pb__answer_end(api, fetch->reply, &writer);
    fetch_free(api, fetch);
    pb__conn_release(conn);
}

/* ---- wait */

/* The names lie in the receive buffer, which goes: keep a copy. */
static int keep_names(struct pb_api *api, struct pb_fetch *fetch) {
    size_t size = 0;
    PB_LIST_EACH(node, &fetch->own_targets) size += (size_t)pb__max_i64(PB_LIST_ITEM(node, struct pb_fetch_target, node)->name_size, 0);
    if (size > fetch->names_capacity) {
        uint8_t *names = pb__env_resize(api->env, fetch->names, size);
        if (names == NULL) return PB_E_NOMEM;
        fetch->names = names;
        fetch->names_capacity = (uint32_t)size;
        api->net.stat_pool_growths++;
    }
    uint8_t *to = fetch->names;
    PB_LIST_EACH(node, &fetch->own_targets) {
        struct pb_fetch_target *target = PB_LIST_ITEM(node, struct pb_fetch_target, node);
        if (target->name_size <= 0) continue;
        memcpy(to, target->name, (size_t)target->name_size);
        target->name = to;
        to += target->name_size;
    }
    return 0;
}

static int wait(struct pb_api *api, struct pb_fetch *fetch) {
    int rc = fetch->session == NULL ? keep_names(api, fetch) : 0;
    if (rc < 0 || (rc = pb__heap_push(&api->deadlines, &fetch->parked.deadline, fetch->deadline_ns)) < 0) return rc;
    int32_t i = 0;
    PB_LIST_EACH(node, targets_of(fetch)) {
        struct pb_fetch_target *target = PB_LIST_ITEM(node, struct pb_fetch_target, node);
        target->waiter.wake = &fetch->parked.wake;
        /* Moved on since it was read, or deleted: look again at once. */
        if (pb__partition_wait_append(target->partition, &target->waiter, api->results[i++].read.high_watermark) <= 0) pb__wake_signal(&fetch->parked.wake, &api->wakes);
    }
    fetch->waits = true;
    fetch->conn->request_state = fetch;
    fetch->conn->request_kind = HELD_FOR_FETCH;
    pb__conn_hold(fetch->conn);
    api->stat_fetches_waiting++;
    return 0;
}

static void evaluate(struct pb_api *api, struct pb_fetch *fetch, bool final, const struct pb_mail *told) {
    bool urgent = false;
    struct pb_fetch_session *session = fetch->session;
    if (session != NULL) pthread_mutex_lock(&session->lock);
    int64_t bytes = 0;
    int rc = reserve_results(api, fetch);
    if (final) fetch->deadline_ns = api->net.now_ns;
    if (rc == 0 && pb__rights_on(api)) rc = judge(api, fetch, told);
    if (rc == 0) bytes = read_all(api, fetch, &urgent);
    if (session != NULL) pthread_mutex_unlock(&session->lock);
    if (rc > 0) return;                                                     /* asked: see pb__fetch_judged */
    bool enough = bytes >= fetch->min_bytes || urgent || pb__list_is_empty(targets_of(fetch)) || fetch->deadline_ns <= api->net.now_ns;
    if (rc == 0 && !enough) {
        drop_slices(api, fetch);
        if (fetch->waits || (rc = wait(api, fetch)) == 0) return;
        rc = 0;                                                             /* it cannot wait for lack of memory: answer empty */
        read_all(api, fetch, &urgent);
    }
    answer(api, fetch, rc);
}

void pb__fetch_wake(struct pb_api *api, struct pb_parked *parked, bool due) {
    struct pb_fetch *fetch = (struct pb_fetch *)(void *)parked;
    if (!fetch->asks) evaluate(api, fetch, due, NULL);
}

void pb__fetch_judged(struct pb_api *api, struct pb_fetch *fetch, struct pb_mail *mail) {
    fetch->asks = false;
    pb__conn_hold(fetch->conn);                                             /* released by the answer */
    evaluate(api, fetch, false, mail);
    pb__mail_free(mail);
}

void pb__fetch_unheard(struct pb_api *api, struct pb_fetch *fetch) {
    fetch->reply->size_bytes = 8;
    pb__reply_ready(&api->net, fetch->reply);                               /* the connection frees it unsent */
    fetch_free(api, fetch);
}

void pb__fetch_hang_up(struct pb_api *api, struct pb_conn *conn) {
    if (conn->request_kind == HELD_FOR_FETCH) evaluate(api, conn->request_state, true, NULL);
}

void pb__fetch_cancel(struct pb_api *api, struct pb_conn *conn) {
    if (conn->request_kind != HELD_FOR_FETCH) return;
    pb__fetch_unheard(api, conn->request_state);
}

/* ---- the request */

static void set_target(struct pb_fetch_target *target, const struct pb_fetch_request_fetch_partition *partition) {
    target->offset = partition->fetch_offset;
    target->bytes_max = partition->partition_max_bytes > 0 ? partition->partition_max_bytes : 0;
    target->leader_epoch = partition->current_leader_epoch;
    target->last_fetched_epoch = partition->last_fetched_epoch;
    target->start_offset_seen = partition->log_start_offset;
}

static struct pb_fetch_target *target_of(struct pb_api *api, struct pb_fetch *fetch, const struct pb_fetch_request_fetch_topic *topic, int32_t index) {
    static const uint8_t no_name[1];
    const uint8_t *name = topic->topic.data != NULL ? topic->topic.data : no_name;
    int32_t name_size = fetch->version >= 13 ? 0 : topic->topic.size;
    if (fetch->session != NULL) return pb__session_target(fetch->session, topic->topic_id.b, name, name_size, index);
    struct pb_fetch_target *target = target_new(api);
    if (target == NULL) return NULL;
    target->name = name;
    target->name_size = name_size;
    target->index = index;
    memcpy(target->topic_id, topic->topic_id.b, 16);
    pb__list_push_back(&fetch->own_targets, &target->node);
    return target;
}

static int add_targets(struct pb_api *api, struct pb_fetch *fetch, struct pb_array *topics) {
    struct pb_fetch_request_fetch_topic topic;
    struct pb_fetch_request_fetch_partition partition;
    int32_t count = 0;
    while (pb__fetch_request_fetch_topic_next(topics, fetch->version, &topic) > 0) {
        while (pb__fetch_request_fetch_partition_next(&topic.partitions, fetch->version, &partition) > 0) {
            if (++count > PB_REQUEST_PARTITIONS_MAX) return PB_E_LIMIT;
            struct pb_fetch_target *target = target_of(api, fetch, &topic, partition.partition);
            if (target == NULL) return PB_E_NOMEM;
            set_target(target, &partition);
        }
    }
    return 0;
}

static void forget_targets(struct pb_fetch *fetch, struct pb_array *topics) {
    struct pb_fetch_request_forgotten_topic topic;
    int32_t index;
    while (pb__fetch_request_forgotten_topic_next(topics, fetch->version, &topic) > 0)
        while (pb__array_next_i32(&topic.partitions, &index) > 0)
            pb__session_forget(fetch->session, topic.topic_id.b, topic.topic.data, fetch->version >= 13 ? 0 : topic.topic.size, index);
}

/* The session this fetch belongs to, if any, by the rules of KIP-227. */
static int find_session(struct pb_api *api, struct pb_fetch *fetch, const struct pb_fetch_request *message) {
    struct pb_session_cache *sessions = api->shared->sessions;
    fetch->incremental = false;
    fetch->session_id = 0;
    if (fetch->version < 7) return 0;
    if (message->session_epoch == PB_SESSION_FINAL_EPOCH || message->session_epoch == PB_SESSION_INITIAL_EPOCH) {
        if (message->session_id != 0) pb__session_remove(sessions, message->session_id);
        if (message->session_epoch == PB_SESSION_FINAL_EPOCH) return 0;
        fetch->session = pb__session_create(sessions, api->shared->fetch_sessions_max, fetch->version >= 13, api->net.now_ns);
    } else {
        int rc = pb__session_begin(sessions, message->session_id, message->session_epoch, api->net.now_ns, &fetch->session);
        if (rc < 0) return rc;
        fetch->incremental = true;
        if (fetch->session->by_id != (fetch->version >= 13)) return PB_E_SESSION_TOPIC_ID;
    }
    if (fetch->session != NULL) fetch->session_id = fetch->session->id;
    return 0;
}

static int prepare(struct pb_api *api, struct pb_fetch *fetch, struct pb_fetch_request *message) {
    int rc = find_session(api, fetch, message);
    if (rc < 0) return rc;
    if (fetch->session != NULL) pthread_mutex_lock(&fetch->session->lock);
    rc = add_targets(api, fetch, &message->topics);
    if (rc == 0 && fetch->session != NULL) forget_targets(fetch, &message->forgotten_topics_data);
    if (fetch->session != NULL) pthread_mutex_unlock(&fetch->session->lock);
    return rc;
}

int pb__fetch_handle(struct pb_api *api, struct pb_request *request) {
    struct pb_fetch_request message;
    int rc = pb__fetch_request_read(&request->body, request->header.api_version, &message);
    if (rc < 0) return rc;
    struct pb_fetch *fetch = fetch_new(api);
    if (fetch == NULL) return PB_E_NOMEM;
    api->stat_fetches++;
    fetch->conn = request->conn;
    fetch->version = request->header.api_version;
    fetch->isolation = message.isolation_level == PB_READ_COMMITTED ? PB_READ_COMMITTED : PB_READ_UNCOMMITTED;
    fetch->broker = (fetch->version >= 15 ? message.replica_state.replica_id : message.replica_id) >= 0;
    fetch->max_bytes = (int32_t)pb__max_i64(0, pb__min_i64(message.max_bytes, pb__min_i64(api->shared->fetch_bytes_max, RECORDS_BYTES_MAX)));
    fetch->min_bytes = (int32_t)pb__min_i64(message.min_bytes, fetch->max_bytes);
    fetch->deadline_ns = api->net.now_ns + pb__max_i64(message.max_wait_ms, 0) * 1000000;
    struct pb_writer writer;
    if ((rc = pb__answer_begin(request, &fetch->reply, &writer)) < 0) {
        fetch_free(api, fetch);
        return rc;
    }
    fetch->reply->size_bytes = (uint32_t)(writer.pos - writer.start);
    pb__conn_hold(request->conn);                                           /* released by the answer */
    rc = prepare(api, fetch, &message);
    if (rc < 0) {
        answer(api, fetch, rc);
    } else {
        evaluate(api, fetch, false, NULL);
        if (request->conn->request_kind == HELD_FOR_FETCH) api->stat_fetches_parked++;
    }
    return 0;
}
