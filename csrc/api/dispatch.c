#include "api/api_table.h"
#include "api/lane.h"
#include "api/mailbox.h"
#include "api/members.h"
#include "base/assert.h"
#include "base/err.h"

/* Keys served on the loop; all others go to the control plane. */
static pb_handler_fn handler_of(int16_t key) {
    switch (key) {
        case 0: return pb__produce_handle;
        case 1: return pb__fetch_handle;
        case 2: return pb__list_offsets_handle;
        case 18: return pb__api_versions_handle;
        case 23: return pb__offset_for_leader_epoch_handle;
        default: return NULL;
    }
}

enum { KEY_PRODUCE = 0, KEY_HEARTBEAT = 12, KEY_SASL_HANDSHAKE = 17, KEY_API_VERSIONS = 18, KEY_SASL_AUTHENTICATE = 36, KEY_CONSUMER_GROUP_HEARTBEAT = 68 };

static bool is_for_strangers(int16_t key) { return key == KEY_API_VERSIONS || key == KEY_SASL_HANDSHAKE || key == KEY_SASL_AUTHENTICATE; }

/* The control plane's keys whose most frequent case is answered here: 1 answered, 0 not. */
static int take_short_cut(struct pb_api *api, struct pb_request *request) {
    switch (request->header.api_key) {
        case KEY_HEARTBEAT: return pb__heartbeat_short_cut(api, request);
        case KEY_CONSUMER_GROUP_HEARTBEAT: return pb__consumer_group_heartbeat_short_cut(api, request);
        default: return 0;
    }
}

int pb__dispatch(void *context, struct pb_conn *conn, uint8_t *frame, int32_t size_bytes) {
    struct pb_api *api = context;
    struct pb_request request = { .conn = conn, .frame = frame, .frame_size = size_bytes };
    request.body = (struct pb_reader){ .pos = frame, .end = frame + size_bytes };
    int16_t key = pb__get_i16(frame), version = pb__get_i16(frame + 2);
    const struct pb_api_row *row = pb__api_row(key);
    if (PB_UNLIKELY(conn->stranger) && !is_for_strangers(key)) return PB_E_NOT_AUTHENTICATED;
    if (PB_UNLIKELY(conn->login_until_ns != 0) && api->net.now_ns >= conn->login_until_ns && !is_for_strangers(key)) return PB_E_LOGIN_OVER;
    if (row == NULL) return PB_E_VERSION;
    bool served = version >= row->served_min && version <= row->version_max;
    if (!served && key != KEY_API_VERSIONS) return PB_E_VERSION;
    request.flexible = version >= row->flexible_from;
    /* The header of an ApiVersions version we do not know is read as the newest we do: key, version and correlation id never move. */
    int rc = pb__request_header_read(&request.body, request.flexible, &request.header);
    if (!served) return pb__api_versions_refuse(api, &request);
    if (rc < 0) return rc;
    api->stat_requests++;
    if (key != KEY_PRODUCE && api->stage->count > 0) pb__stage_flush(api);  /* what follows a produce sees it */
    if (row->plane == PB_PLANE_DATA) return handler_of(key)(api, &request);
    if ((rc = take_short_cut(api, &request)) != 0) return rc < 0 ? rc : 0;
    api->stat_requests_control++;
    return pb__mailbox_post(api, &request);
}

int pb__answer_begin(const struct pb_request *request, struct pb_reply **reply_out, struct pb_writer *writer) {
    struct pb_reply *reply = pb__reply_new(request->conn);
    if (reply == NULL) return PB_E_NOMEM;
    *writer = (struct pb_writer){ .start = reply->bytes, .pos = reply->bytes + reply->size_bytes, .end = reply->bytes + reply->capacity_bytes };
    pb__put_i32(writer->pos, request->header.correlation_id);
    writer->pos += 4;
    if (request->flexible && request->header.api_key != KEY_API_VERSIONS) *writer->pos++ = 0;   /* response header v1: no tagged field */
    reply->size_bytes = (uint32_t)(writer->pos - writer->start);
    *reply_out = reply;
    return 0;
}

int pb__answer_room(struct pb_api *api, struct pb_reply *reply, struct pb_writer *writer, size_t room) {
    size_t used = (size_t)(writer->pos - writer->start);
    if ((size_t)(writer->end - writer->pos) >= room) return 0;
    reply->size_bytes = (uint32_t)used;
    size_t wanted = used + room > 2 * used ? used + room : 2 * used;
    if (wanted > INT32_MAX || pb__reply_reserve(&api->net, reply, (uint32_t)wanted) == NULL) return PB_E_NOMEM;
    *writer = (struct pb_writer){ .start = reply->bytes, .pos = reply->bytes + used, .end = reply->bytes + reply->capacity_bytes };
    return 0;
}

void pb__answer_end(struct pb_api *api, struct pb_reply *reply, const struct pb_writer *writer) {
    PB_ASSERT(!writer->failed);                                             /* answer_room was asked for all of it */
    reply->size_bytes = (uint32_t)(writer->pos - writer->start);
    pb__reply_ready(&api->net, reply);
}

void pb__answer_finish(struct pb_api *api, struct pb_conn *conn, struct pb_reply *reply, const struct pb_writer *writer, int rc) {
    if (rc < 0) conn->dead = true;                                          /* no memory for the answer: it never leaves */
    pb__answer_end(api, reply, writer);
}

/* ---- one loop's data plane */

static void on_flush(void *context) {
    struct pb_api *api = context;
    pb__stage_flush(api);
    pb__purgatory_wake(api);
}

static void on_hang_up(void *context, struct pb_conn *conn) {
    pb__fetch_hang_up(context, conn);
    pb__mailbox_hang_up(context, conn);
}

static void on_close(void *context, struct pb_conn *conn) {
    pb__fetch_cancel(context, conn);
    pb__mailbox_cancel(context, conn);
    pb__lane_cancel(context, conn);
}

int pb__api_init(struct pb_api *api, struct pb_api_shared *shared, const struct pb_net_ops *ops, struct pb_net_shared *net_shared, void (*notify)(void *), void *notify_context,
                 int32_t loop_index, int32_t loop_count) {
    const struct pb_env *env = shared->env;
    *api = (struct pb_api){ .shared = shared, .env = env, .wakes = { .notify = notify, .context = notify_context } };
    pb__mpsc_init(&api->wakes.ready);
    pb__mpsc_init(&api->inbound);
    pb__heap_init(&api->deadlines, env);
    pb__list_init(&api->fetch_pool);
    pb__list_init(&api->produce_pool);
    pb__list_init(&api->target_pool);
    pb__list_init(&api->produces_out);
    pb__list_init(&api->lane_jobs);
    pb__list_init(&api->lane_staged);
    struct pb_net_upcalls up = { api, pb__dispatch, on_flush, on_hang_up, on_close };
    int rc = pb__net_init(&api->net, env, ops, &up, net_shared, loop_index, loop_count);
    if (rc < 0) return rc;
    api->stage = pb__env_zalloc(env, sizeof *api->stage);
    rc = api->stage == NULL ? PB_E_NOMEM : pb__batch_workspace_new(env, &api->batch_workspace);
    if (rc < 0) {
        pb__env_free(env, api->stage);
        pb__net_deinit(&api->net);
    }
    return rc;
}

void pb__api_deinit(struct pb_api *api) {
    pb__produce_pools_free(api);
    pb__fetch_pools_free(api);
    pb__net_deinit(&api->net);
    pb__heap_deinit(&api->deadlines);
    pb__batch_workspace_free(api->batch_workspace);
    pb__env_free(api->env, api->stage);
    pb__env_free(api->env, api->verdicts);
    pb__env_free(api->env, api->questions);
}
