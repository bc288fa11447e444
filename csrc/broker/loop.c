#include <unistd.h>

#include "api/lane.h"
#include "base/assert.h"
#include "broker/broker.h"

/* The first event of a turn reads the clocks; all of the turn uses them. */
static void turn_begin(struct pb_loop *loop) {
    if (loop->in_turn) return;
    loop->in_turn = true;
    loop->api.net.now_ns = pb__env_now_ns(loop->broker->env);
    loop->api.wall_ms = pb__env_wall_ms(loop->broker->env);
}

static void notify(void *context) {
    struct pb_loop *loop = context;
    loop->ops.wake(loop->ops.context);
}

int pb_loop_new(struct pb_broker *broker, int32_t index, const struct pb_loop_ops *ops, struct pb_loop **loop_out) {
    if (index < 0 || index >= broker->loop_count || broker->loops[index] != NULL) return PB_E_INVALID_ARGUMENT;
    struct pb_loop *loop = pb__env_zalloc(broker->env, sizeof *loop);
    if (loop == NULL) return PB_E_NOMEM;
    loop->broker = broker;
    loop->index = index;
    loop->ops = *ops;
    loop->net_ops = (struct pb_net_ops){ ops->context, ops->watch_open, ops->watch_set, ops->watch_close, ops->wake };
    pb__mpsc_init(&loop->accepted);
    int rc = pb__api_init(&loop->api, &broker->api, &loop->net_ops, &broker->net, notify, loop, index, broker->loop_count);
    if (rc < 0) {
        pb__env_free(broker->env, loop);
        return rc;
    }
    pb__log_dirs_forget_checkpointed(broker);                               /* all topics are known by now */
    broker->loops[index] = loop;
    *loop_out = loop;
    return 0;
}

/* ---- new connections */

static void adopt(struct pb_loop *loop, int fd, int32_t listener) {
    int rc = pb__conn_new(&loop->api.net, fd, listener, NULL);
    if (rc < 0) atomic_fetch_add_explicit(&loop->broker->stat_refused, 1, memory_order_relaxed);
    if (rc < 0 && rc != PB_E_LIMIT) pb__env_log(loop->broker->env, PB_LOG_WARNING, "event=connection-refused error=%s", pb_error_name(rc));
}

static void accepted(void *context, int fd, int32_t listener) {
    struct pb_loop *loop = context;
    struct pb_broker *broker = loop->broker;
    if (broker->net.connections_open >= broker->connections_max) {
        atomic_fetch_add_explicit(&broker->stat_refused, 1, memory_order_relaxed);
        close(fd);
        return;
    }
    struct pb_loop *target = broker->loops[atomic_fetch_add_explicit(&broker->accept_next, 1, memory_order_relaxed) % (uint32_t)broker->loop_count];
    if (target == loop) {
        adopt(loop, fd, listener);
        return;
    }
    struct pb_accepted *message = pb__env_alloc(broker->env, sizeof *message);
    if (message == NULL) {
        close(fd);
        return;
    }
    *message = (struct pb_accepted){ .fd = fd, .listener = listener };
    if (pb__mpsc_push(&target->accepted, &message->node)) notify(target);
}

static void adopt_all(struct pb_loop *loop) {
    for (struct pb_mpsc_node *node = pb__mpsc_take_all(&loop->accepted), *next; node != NULL; node = next) {
        struct pb_accepted *message = (struct pb_accepted *)(void *)node;
        next = node->next;
        if (loop->closed || loop->drained_until_ns != 0) {
            close(message->fd);
        } else {
            adopt(loop, message->fd, message->listener);
        }
        pb__env_free(loop->broker->env, message);
    }
}

int pb_loop_listen(struct pb_loop *loop, int fd, int32_t listener, bool asks_login) {
    if (loop->listener_count == PB_LISTENERS_MAX || listener < 0 || listener >= PB_LISTENERS_MAX) {
        close(fd);
        return PB_E_LIMIT;
    }
    int rc = pb__listener_open(&loop->listeners[loop->listener_count], &loop->api.net, fd, listener, accepted, loop);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    loop->listener_count++;
    loop->broker->net.asks_login[listener] = asks_login;
    loop->broker->net.has_strangers |= asks_login;
    return 0;
}

/* ---- events */

void pb_watch_ready(struct pb_loop *loop, void *owner, int events) {
    turn_begin(loop);
    ((struct pb_watched *)owner)->on_ready(owner, events);
}

enum { SENT_MS_MAX = 1000, DRAINED_MS_MAX = 5000 };

/* Until the next time at which pb_loop_is_drained may change its mind by itself. */
static int64_t drain_left_ms(const struct pb_loop *loop) {
    int64_t now_ns = loop->api.net.now_ns, until_ns = now_ns < loop->sent_until_ns ? loop->sent_until_ns : loop->drained_until_ns;
    return pb__max_i64((until_ns - now_ns + 999999) / 1000000, 0);
}

/* The timer is moved only forward in time by itself firing: most deadlines are lifted before they come. */
static void set_timer(struct pb_loop *loop) {
    struct pb_api *api = &loop->api;
    int64_t in_ms = pb__max_i64((loop->expire_at_ns - api->net.now_ns) / 1000000, 0), next_ms = pb__purgatory_next_ms(api);
    if (next_ms >= 0) in_ms = pb__min_i64(in_ms, next_ms);
    if (loop->drained_until_ns != 0) in_ms = pb__min_i64(in_ms, drain_left_ms(loop));
    for (int32_t i = 0; i < loop->listener_count; i++)
        if ((next_ms = pb__listener_tick(&loop->listeners[i])) >= 0) in_ms = pb__min_i64(in_ms, next_ms);
    int64_t at_ns = api->net.now_ns + in_ms * 1000000;
    if (loop->timer_at_ns != 0 && loop->timer_at_ns <= at_ns) return;
    loop->timer_at_ns = at_ns;
    loop->ops.timer_set(loop->ops.context, in_ms);
}

enum { WAKE_ROUNDS_MAX = 8 };

void pb_loop_on_turn_end(struct pb_loop *loop) {
    if (!loop->in_turn) return;
    struct pb_api *api = &loop->api;
    bool more = true;
    for (int round = 0; round < WAKE_ROUNDS_MAX && more; round++) more = pb__net_turn_end(&api->net) || !pb__mpsc_is_empty(&api->wakes.ready);
    if (more) loop->ops.wake(loop->ops.context);
    if (!loop->closed) set_timer(loop);
    loop->in_turn = false;
}

void pb_loop_on_wake(struct pb_loop *loop) {
    turn_begin(loop);
    adopt_all(loop);
    pb__mailbox_serve(&loop->api);
}

void pb_loop_on_timer(struct pb_loop *loop) {
    turn_begin(loop);
    loop->timer_at_ns = 0;
    pb__purgatory_expire(&loop->api);
    if (loop->api.net.now_ns < loop->expire_at_ns) return;
    loop->expire_at_ns = loop->api.net.now_ns + pb__net_expire(&loop->api.net) * 1000000;
}

/* ---- the end */

static void stop_listening(struct pb_loop *loop) {
    for (int32_t i = 0; i < loop->listener_count; i++) pb__listener_close(&loop->listeners[i]);
    loop->listener_count = 0;
}

void pb_loop_drain(struct pb_loop *loop) {
    turn_begin(loop);
    loop->sent_until_ns = loop->api.net.now_ns + SENT_MS_MAX * INT64_C(1000000);
    loop->drained_until_ns = loop->api.net.now_ns + DRAINED_MS_MAX * INT64_C(1000000);
    stop_listening(loop);
    adopt_all(loop);
    pb__net_drain(&loop->api.net);
}

bool pb_loop_is_drained(struct pb_loop *loop) {
    struct pb_api *api = &loop->api;
    int64_t now_ns = pb__env_now_ns(loop->broker->env);
    if (loop->drained_until_ns == 0 || now_ns >= loop->drained_until_ns) return true;
    if (!pb__list_is_empty(&api->produces_out) || !pb__list_is_empty(&api->lane_jobs) || !pb__list_is_empty(&api->lane_staged)) return false;
    return now_ns >= loop->sent_until_ns || !pb__net_is_sending(&api->net);
}

void pb_loop_close(struct pb_loop *loop) {
    turn_begin(loop);
    loop->closed = true;
    stop_listening(loop);
    adopt_all(loop);
    pb__mailbox_serve(&loop->api);
    pb__lanes_close(&loop->api);
    pb__stage_flush(&loop->api);
    pb__purgatory_wake(&loop->api);
    pb__stage_flush(&loop->api);                                            /* of requests that came back from lanes at last */
    pb__net_close_all(&loop->api.net);
    loop->in_turn = false;
}

void pb_loop_free(struct pb_loop *loop) {
    adopt_all(loop);
    pb__mailbox_drop_all(&loop->broker->mailbox);                           /* what nobody took: back to the loops, unanswered */
    pb__mailbox_serve(&loop->api);                                          /* mails that came back for connections that are gone */
    loop->broker->loops[loop->index] = NULL;
    pb__api_deinit(&loop->api);
    pb__env_free(loop->broker->env, loop);
}
