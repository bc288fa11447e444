#include "api/lane.h"

#include <string.h>

#include "base/assert.h"
#include "base/err.h"

enum { HELD_FOR_LANE = 3, FIRST_ITEMS = 4 };

/* ---- lanes */

void pb__lane_put(struct pb_lane *lane) {
    if (atomic_fetch_sub_explicit(&lane->refs, 1, memory_order_acq_rel) == 1) pb__env_free(lane->env, lane);
}

static bool hangs(const struct pb_lane *lane, int64_t now_ns) {
    int64_t began_ns = atomic_load_explicit(&lane->call_began_ns, memory_order_relaxed);
    return lane->closed || (began_ns != 0 && now_ns - began_ns > lane->deadline_ns);
}

/* ---- jobs */

struct pb_lane_job *pb__lane_job_new(struct pb_api *api) {
    struct pb_lane_job *job = pb__env_zalloc(api->env, sizeof *job);
    if (job == NULL) return NULL;
    pb__parked_init(api, &job->parked, PB_PARKED_LANE);
    pb__list_init(&job->staged);
    job->refs = 1;
    job->api = api;
    return job;
}

void pb__lane_verdict_free(struct pb_lane_verdict *verdict, const struct pb_env *env) {
    if (verdict == NULL) return;
    pb__env_free(env, verdict->records);
    pb__env_free(env, verdict->targets);
    pb__env_free(env, verdict->bytes);
    pb__env_free(env, verdict);
}

static void job_free(struct pb_lane_job *job) {
    struct pb_api_shared *shared = job->api->shared;
    const struct pb_env *env = shared->env;
    for (int32_t i = 0; i < job->item_count; i++) {
        struct pb_lane_item *item = &job->items[i];
        pb__lane_verdict_free(item->given, env);
        pb__lane_verdict_free(item->verdict, env);
        pb__lane_verdict_free(item->replaced, env);
        pb__partition_put(item->partition);
        pb__topic_hooks_put(&item->chain->base);
    }
    for (int32_t i = 0; i < job->lane_count; i++) pb__lane_put(job->lanes[i]);
    atomic_fetch_sub_explicit(&shared->lane_bytes, job->frame_size, memory_order_relaxed);
    pb__env_free(env, job->items);
    pb__env_free(env, job->verdicts);
    pb__env_free(env, job->frame);
    pb__env_free(env, job);
}

void pb__lane_job_put(struct pb_lane_job *job) {
    if (atomic_fetch_sub_explicit(&job->refs, 1, memory_order_acq_rel) == 1) job_free(job);
}

struct pb_lane_item *pb__lane_job_add(struct pb_lane_job *job) {
    if (job->item_count == job->item_capacity) {
        int32_t capacity = job->item_capacity > 0 ? 2 * job->item_capacity : FIRST_ITEMS;
        struct pb_lane_item *items = pb__env_resize(job->api->env, job->items, (size_t)capacity * sizeof *items);
        if (items == NULL) return NULL;
        job->items = items;
        job->item_capacity = capacity;
    }
    struct pb_lane_item *item = &job->items[job->item_count++];
    *item = (struct pb_lane_item){ 0 };
    return item;
}

struct pb_lane_item *pb__lane_item_of(struct pb_lane_job *job, int32_t ordinal) {
    if (job == NULL || job->item_next == job->item_count || job->items[job->item_next].ordinal != ordinal) return NULL;
    return &job->items[job->item_next++];
}

const struct pb_hook_lane *pb__lane_step_of(const struct pb_lane_item *item, const struct pb_lane *lane) {
    for (int32_t i = 0; i < item->chain->lane_count; i++)
        if (item->chain->lanes[i].lane == lane) return &item->chain->lanes[i];
    return NULL;
}

bool pb__lane_asks(const struct pb_lane *lane, const struct pb_lane_item *item) { return item->verdict == NULL && pb__lane_step_of(item, lane) != NULL; }

/* ---- a job's way: on the loop */

static struct pb_lane_verdict *failure(const struct pb_env *env, int error, const char *text) {
    struct pb_lane_verdict *verdict = pb__env_zalloc(env, sizeof *verdict);
    if (verdict == NULL) return NULL;
    verdict->kind = PB_VERDICT_FAILED;
    verdict->code = pb_error_kafka_code(error);
    verdict->text_size = (int32_t)strnlen(text, PB_HOOK_TEXT_BYTES_MAX);
    memcpy(verdict->text, text, (size_t)verdict->text_size);
    return verdict;
}

/* What the lane said becomes what holds. Only after the state left OUT. */
static void take_verdicts(struct pb_lane_job *job, const struct pb_lane *lane, bool given_up) {
    const struct pb_env *env = job->api->env;
    for (int32_t i = 0; i < job->item_count; i++) {
        struct pb_lane_item *item = &job->items[i];
        if (!pb__lane_asks(lane, item)) continue;
        struct pb_hook_counts *counts = &item->chain->lane_counts[pb__lane_step_of(item, lane) - item->chain->lanes];
        atomic_fetch_add_explicit(&counts->batches, 1, memory_order_relaxed);
        if (given_up) {
            item->verdict = failure(env, PB_E_TIMED_OUT, "a plugin that must see this batch takes too long");
        } else if (item->given == NULL && !item->accepted) {
            item->verdict = failure(env, PB_E_POLICY, "a plugin that must see this batch failed");
        } else if (item->given != NULL && item->given->kind == PB_VERDICT_REPLACE) {
            pb__lane_verdict_free(item->replaced, env);
            item->replaced = item->given;
            item->data = item->given->bytes;
            item->size_bytes = item->given->size_bytes;
            item->given = NULL;
        } else {
            item->verdict = item->given;
            item->given = NULL;
        }
        item->accepted = false;
        if (item->verdict != NULL) item->verdict->on_error = pb__lane_step_of(item, lane)->on_error;
        if (item->verdict != NULL && item->verdict->kind != PB_VERDICT_SPLIT) atomic_fetch_add_explicit(&counts->refused, 1, memory_order_relaxed);
    }
}

/* Served with the verdicts that there are; the loop's reference waits for the stage. */
static void serve(struct pb_api *api, struct pb_lane_job *job) {
    struct pb_conn *conn = job->conn;
    pb__heap_remove(&api->deadlines, &job->parked.deadline);
    pb__list_remove(&job->parked.node);
    if (conn == NULL) {
        pb__lane_job_put(job);
        return;
    }
    conn->request_state = NULL;
    conn->request_kind = 0;
    int rc = pb__produce_resume(api, conn, job);
    pb__list_push_back(&api->lane_staged, &job->staged);                    /* not before: a full stage is flushed while the request is served, and that lets go of these */
    if (rc < 0) pb__conn_fail(conn, rc);
    pb__conn_release(conn);
}

/* To the next lane that has something to say, or home. */
static void advance(struct pb_api *api, struct pb_lane_job *job) {
    for (; job->lane_at < job->lane_count; job->lane_at++) {
        struct pb_lane *lane = job->lanes[job->lane_at];
        bool asked = false;
        for (int32_t i = 0; i < job->item_count; i++) asked |= pb__lane_asks(lane, &job->items[i]);
        if (!asked) continue;
        if (hangs(lane, api->net.now_ns) || pb__heap_push(&api->deadlines, &job->parked.deadline, api->net.now_ns + lane->deadline_ns) < 0) {
            atomic_fetch_add_explicit(&lane->stat_failed, 1, memory_order_relaxed);
            take_verdicts(job, lane, true);
            continue;
        }
        job->posted_ns = api->net.now_ns;
        atomic_store_explicit(&job->state, PB_LANE_OUT, memory_order_relaxed);
        atomic_fetch_add_explicit(&job->refs, 1, memory_order_relaxed);     /* the lane's */
        if (pb__mpsc_push(&lane->posted, &job->node)) lane->notify(lane->notify_context);
        return;
    }
    serve(api, job);
}

int pb__lane_post(struct pb_api *api, struct pb_lane_job *job, struct pb_request *request) {
    uint8_t *frame = pb__env_alloc(api->env, (size_t)request->frame_size);
    if (frame == NULL) {
        pb__lane_job_put(job);
        return PB_E_NOMEM;
    }
    memcpy(frame, request->frame, (size_t)request->frame_size);
    job->frame = frame;
    job->frame_size = request->frame_size;
    job->client_id = request->header.client_id;
    job->subject = request->conn->subject;
    if (job->client_id.data != NULL) job->client_id.data = frame + (job->client_id.data - request->frame);
    int64_t held = atomic_fetch_add_explicit(&api->shared->lane_bytes, job->frame_size, memory_order_relaxed) + job->frame_size;
    for (int32_t i = 0; i < job->item_count; i++) {
        struct pb_lane_item *item = &job->items[i];
        item->job = job;
        item->data = frame + (item->data - request->frame);
        for (int32_t k = 0; k < item->chain->lane_count; k++) {
            struct pb_lane *lane = item->chain->lanes[k].lane;
            int32_t at = 0;
            while (at < job->lane_count && job->lanes[at] != lane) at++;
            if (at < job->lane_count || job->lane_count == PB_HOOK_LANES_MAX) continue;
            atomic_fetch_add_explicit(&lane->refs, 1, memory_order_relaxed);
            job->lanes[job->lane_count++] = lane;
        }
    }
    job->conn = request->conn;
    request->conn->request_state = job;
    request->conn->request_kind = HELD_FOR_LANE;
    pb__conn_hold(request->conn);
    pb__list_push_back(&api->lane_jobs, &job->parked.node);
    if (held > PB_LANE_BYTES_MAX)
        for (; job->lane_at < job->lane_count; job->lane_at++) take_verdicts(job, job->lanes[job->lane_at], true);
    advance(api, job);
    return 0;
}

/* false: it was on its way back already. */
static bool give_up(struct pb_lane_job *job) {
    int32_t out = PB_LANE_OUT;
    return atomic_compare_exchange_strong(&job->state, &out, PB_LANE_GIVEN_UP);
}

void pb__lane_wake(struct pb_api *api, struct pb_parked *parked, bool due) {
    struct pb_lane_job *job = (struct pb_lane_job *)(void *)parked;
    struct pb_lane *lane = job->lanes[job->lane_at];
    if (due) {
        int64_t now_ns = api->net.now_ns;
        bool patient = !hangs(lane, now_ns) && now_ns - job->posted_ns < PB_LANE_WAIT_NS_MAX;
        if (patient && pb__heap_push(&api->deadlines, &parked->deadline, now_ns + lane->deadline_ns) == 0) return;
        if (!give_up(job)) return;                                          /* its wake comes */
        atomic_fetch_add_explicit(&lane->stat_failed, 1, memory_order_relaxed);
        job->given_up = true;
    }
    take_verdicts(job, lane, due);
    job->lane_at++;
    advance(api, job);
}

void pb__lane_free_parked(struct pb_api *api, struct pb_parked *parked) {
    (void)api;
    (void)parked;
    PB_ASSERT(false);                                                       /* a job is never dead while its wake is queued */
}

void pb__lane_cancel(struct pb_api *api, struct pb_conn *conn) {
    (void)api;
    if (conn->request_kind == HELD_FOR_LANE) ((struct pb_lane_job *)conn->request_state)->conn = NULL;
}

void pb__lane_staged_done(struct pb_api *api) {
    for (struct pb_list *node; (node = pb__list_pop_front(&api->lane_staged)) != NULL;) pb__lane_job_put(PB_LIST_ITEM(node, struct pb_lane_job, staged));
}

void pb__lanes_close(struct pb_api *api) {
    PB_LIST_EACH_SAFE(node, &api->lane_jobs) {
        struct pb_lane_job *job = PB_LIST_ITEM(node, struct pb_lane_job, parked.node);
        if (!give_up(job)) continue;                                        /* its wake is queued: served, or let go of, when it comes out */
        if (job->conn != NULL) {
            job->conn->request_state = NULL;
            job->conn->request_kind = 0;
        }
        pb__heap_remove(&api->deadlines, &job->parked.deadline);
        pb__list_remove(&job->parked.node);
        pb__lane_job_put(job);
    }
}
