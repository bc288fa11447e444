#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/err.h"
#include "net/net.h"

int pb__net_init(struct pb_net *net, const struct pb_env *env, const struct pb_net_ops *ops, const struct pb_net_upcalls *up, struct pb_net_shared *shared,
                 int32_t loop_index, int32_t loop_count) {
    *net = (struct pb_net){ .env = env, .ops = ops, .up = *up, .shared = shared };
    net->conn_id_next = (uint64_t)loop_index + 1;
    net->conn_id_step = (uint64_t)loop_count;
    pb__list_init(&net->conns);
    pb__list_init(&net->strangers);
    pb__list_init(&net->work);
    pb__list_init(&net->reply_pool);
    pb__list_init(&net->reply_chunks);
    net->arena = pb__env_alloc(env, PB_LOOP_ARENA_BYTES);
    net->scratch = pb__env_alloc(env, PB_NET_SCRATCH_BYTES);
    if (net->arena != NULL && net->scratch != NULL) return 0;
    pb__env_free(env, net->arena);
    pb__env_free(env, net->scratch);
    net->arena = net->scratch = NULL;
    return PB_E_NOMEM;
}

static void free_spare(struct pb_net *net) {
    for (int i = 0; i < PB_SPARE_CLASSES; i++) {
        for (void *buffer; (buffer = net->spare[i]) != NULL;) {
            net->spare[i] = *(void **)buffer;
            pb__env_free(net->env, buffer);
        }
    }
    net->spare_bytes = 0;
}

void pb__net_deinit(struct pb_net *net) {
    PB_ASSERT(pb__list_is_empty(&net->conns) && pb__list_is_empty(&net->strangers) && net->stat_replies == 0);
    free_spare(net);
    for (struct pb_list *chunk; (chunk = pb__list_pop_front(&net->reply_chunks)) != NULL;) pb__env_free(net->env, chunk);
    pb__env_free(net->env, net->arena);
    pb__env_free(net->env, net->scratch);
}

/* ---- buffers: powers of two from 4 KiB; the link of a spare one lies in its first bytes */

static int class_of(size_t size_bytes) {
    int class_index = 0;
    while (class_index < PB_SPARE_CLASSES && ((size_t)PB_SPARE_CLASS0_BYTES << class_index) < size_bytes) class_index++;
    return class_index;
}

uint8_t *pb__net_buffer_take(struct pb_net *net, size_t size_bytes, uint32_t *capacity_out) {
    int class_index = class_of(size_bytes);
    size_t capacity = class_index < PB_SPARE_CLASSES ? (size_t)PB_SPARE_CLASS0_BYTES << class_index : size_bytes;
    if (capacity > UINT32_MAX) return NULL;
    *capacity_out = (uint32_t)capacity;
    if (class_index < PB_SPARE_CLASSES && net->spare[class_index] != NULL) {
        void *buffer = net->spare[class_index];
        net->spare[class_index] = *(void **)buffer;
        net->spare_bytes -= capacity;
        return buffer;
    }
    net->stat_pool_growths++;
    return pb__env_alloc(net->env, capacity);
}

void pb__net_buffer_give(struct pb_net *net, uint8_t *buffer, uint32_t capacity) {
    if (buffer == NULL) return;
    int class_index = class_of(capacity);
    bool whole_class = class_index < PB_SPARE_CLASSES && ((size_t)PB_SPARE_CLASS0_BYTES << class_index) == capacity;
    if (!whole_class || net->spare_bytes + capacity > PB_LOOP_SPARE_BYTES_MAX) {
        pb__env_free(net->env, buffer);
        return;
    }
    *(void **)(void *)buffer = net->spare[class_index];
    net->spare[class_index] = buffer;
    net->spare_bytes += capacity;
}

/* ---- life of a connection */

static void on_ready(void *owner, int events);

static void set_options(struct pb_net *net, int fd) {
    int one = 1, size;
    /* Not a TCP socket (tests use socket pairs): the option does not apply and its absence harms nothing. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    if ((size = (int)net->shared->send_buffer_bytes) > 0) (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if ((size = (int)net->shared->receive_buffer_bytes) > 0) (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

int pb__conn_new(struct pb_net *net, int fd, int32_t listener, struct pb_conn **conn_out) {
    struct pb_conn *conn = pb__env_zalloc(net->env, sizeof *conn);
    if (conn == NULL) {
        close(fd);
        return PB_E_NOMEM;
    }
    int rc = pb__peers_add(&net->shared->peers, fd, &conn->peer);
    if (rc < 0) {
        close(fd);
        pb__env_free(net->env, conn);
        return rc;
    }
    set_options(net, fd);
    conn->watched.on_ready = on_ready;
    conn->net = net;
    conn->fd = fd;
    conn->listener = listener;
    conn->transport = &pb__transport_plain;
    conn->id = net->conn_id_next;
    conn->active_ns = net->now_ns;
    conn->events = PB_NET_READABLE | PB_NET_HANGUP;
    pb__list_init(&conn->replies);
    pb__list_init(&conn->work_node);
    rc = net->ops->watch_open(net->ops->context, fd, conn, conn->events, &conn->watch);
    if (rc < 0) {
        pb__peers_drop(&net->shared->peers, conn->peer);
        close(fd);
        pb__env_free(net->env, conn);
        return rc;
    }
    net->conn_id_next += net->conn_id_step;
    conn->stranger = net->shared->asks_login[listener];
    pb__list_push_back(conn->stranger ? &net->strangers : &net->conns, &conn->node);
    net->conn_count++;
    net->stat_accepted++;
    atomic_fetch_add_explicit(&net->shared->connections_open, 1, memory_order_relaxed);
    if (conn_out != NULL) *conn_out = conn;
    return 0;
}

static void destroy(struct pb_conn *conn) {
    struct pb_net *net = conn->net;
    if (net->input_lent) net->up.on_flush(net->up.context);                 /* frames in conn->in may be staged */
    net->up.on_close(net->up.context, conn);
    for (struct pb_list *node; (node = pb__list_pop_front(&conn->replies)) != NULL;) {
        struct pb_reply *reply = PB_LIST_ITEM(node, struct pb_reply, node);
        reply->conn = NULL;
        if (reply->state == PB_REPLY_READY) pb__reply_free(net, reply);     /* a waiting one is freed by whoever completes it */
    }
    net->ops->watch_close(conn->watch);
    close(conn->fd);
    pb__peers_drop(&net->shared->peers, conn->peer);
    pb__conn_drop_in(conn);
    pb__list_remove(&conn->node);
    pb__list_remove(&conn->work_node);
    net->conn_count--;
    atomic_fetch_sub_explicit(&net->shared->connections_open, 1, memory_order_relaxed);
    pb__env_free(net->env, conn);
}

void pb__conn_has_work(struct pb_conn *conn) {
    if (!pb__list_is_linked(&conn->work_node)) pb__list_push_back(&conn->net->work, &conn->work_node);
}

void pb__conn_release(struct pb_conn *conn) {
    conn->held = false;
    pb__conn_has_work(conn);
}

void pb__conn_touch(struct pb_conn *conn) {
    if (conn->stranger) return;                                             /* its time counts from the beginning */
    conn->active_ns = conn->net->now_ns;
    pb__list_remove(&conn->node);
    pb__list_push_back(&conn->net->conns, &conn->node);
}

void pb__conn_trust(struct pb_conn *conn) {
    conn->stranger = false;
    pb__conn_touch(conn);
}

static void log_failure(const struct pb_conn *conn, int error) {
    char host[PB_ADDRESS_BYTES];
    int32_t port;
    if (!pb__peers_may_log(&conn->net->shared->peers, conn->peer, conn->net->now_ns)) return;
    pb__conn_peer_address(conn, host, &port);
    pb__env_log(conn->net->env, PB_LOG_WARNING, "event=connection-failed peer=%s port=%d error=%s", host, port, pb_error_name(error));
}

void pb__conn_fail(struct pb_conn *conn, int error) {
    if (conn->closing) return;
    conn->closing = true;
    if (error != PB_E_CLOSED) {
        conn->net->stat_failed++;
        log_failure(conn, error);
    }
    pb__conn_has_work(conn);
}

bool pb__conn_may_serve(const struct pb_conn *conn) {
    return !conn->held && !conn->closing && !conn->dead && conn->in_flight < PB_CONN_IN_FLIGHT_MAX &&
           conn->out_bytes < (conn->stranger ? PB_STRANGER_BYTES_MAX : PB_CONN_OUT_BYTES_MAX);
}

/* Readable is left armed while a connection is busy and taken away only when it fires then: most waits end before it does. */
void pb__conn_watch_update(struct pb_conn *conn) {
    int events = conn->events & PB_NET_HANGUP;
    if (!conn->eof && !conn->closing && (pb__conn_may_serve(conn) || conn->events & PB_NET_READABLE)) events |= PB_NET_READABLE;
    if (conn->send_blocked) events |= PB_NET_WRITABLE;
    if (events == conn->events) return;
    conn->events = (uint8_t)events;
    conn->net->ops->watch_set(conn->watch, events);
}

static void stop_event(struct pb_conn *conn, int event) {
    conn->events &= (uint8_t)~event;
    conn->net->ops->watch_set(conn->watch, conn->events);
}

static void on_ready(void *owner, int events) {
    struct pb_conn *conn = owner;
    if (events & PB_NET_WRITABLE) {
        conn->send_blocked = false;
        pb__conn_has_work(conn);
    }
    if (events & PB_NET_READABLE) {
        if (pb__conn_may_serve(conn) && !conn->eof) {
            pb__conn_receive(conn);
        } else {
            stop_event(conn, PB_NET_READABLE);
        }
    }
    if (events & PB_NET_HANGUP) {
        stop_event(conn, PB_NET_HANGUP);                                    /* level-triggered: said once is enough */
        if (conn->held) {
            conn->net->up.on_hang_up(conn->net->up.context, conn);
        } else if (!(events & PB_NET_READABLE) && !conn->eof && pb__conn_may_serve(conn)) {
            pb__conn_receive(conn);
        }
    }
}

/* ---- end of a turn */

static void finish(struct pb_conn *conn) {
    if (!conn->dead && !pb__list_is_empty(&conn->replies)) pb__conn_send(conn);
    bool left = pb__list_is_empty(&conn->replies), served = false;
    if (conn->dead || (conn->closing && left)) {
        destroy(conn);
        return;
    }
    if (conn->in_size > 0 && pb__conn_may_serve(conn)) served = pb__conn_serve_buffered(conn);
    if (conn->eof && conn->held) conn->net->up.on_hang_up(conn->net->up.context, conn);
    if (conn->eof && left && !served && !conn->held) {                      /* all is answered; a cut frame may be left */
        destroy(conn);
        return;
    }
    pb__conn_watch_update(conn);
}

enum { TURN_PASSES_MAX = 4 };

bool pb__net_turn_end(struct pb_net *net) {
    for (int pass = 0; pass < TURN_PASSES_MAX; pass++) {
        net->up.on_flush(net->up.context);
        if (pb__list_is_empty(&net->work)) return false;
        struct pb_list batch;
        pb__list_init(&batch);
        pb__list_move_all(&batch, &net->work);
        for (struct pb_list *node; (node = pb__list_pop_front(&batch)) != NULL;) finish(PB_LIST_ITEM(node, struct pb_conn, work_node));
    }
    net->up.on_flush(net->up.context);
    return !pb__list_is_empty(&net->work);
}

/* N1: a connection that was busy with big frames gives its buffer back once it is quiet. */
static void drop_quiet_buffers(struct pb_net *net) {
    PB_LIST_EACH(node, &net->conns) {
        struct pb_conn *conn = PB_LIST_ITEM(node, struct pb_conn, node);
        if (net->now_ns - conn->active_ns < 1000000000) return;             /* in order of activity: the rest is busier */
        if (conn->in_size > 0) continue;
        pb__conn_drop_in(conn);
        conn->big = false;
    }
}

enum { EXPIRE_MS_MIN = 50, EXPIRE_MS_MAX = 60000 };

/* Close those of a list, in order of active_ns, whose time is over. Time until the next one's is, ms, at most next_ms. */
static int64_t expire(struct pb_net *net, struct pb_list *conns, int64_t ns_max, int64_t next_ms) {
    PB_LIST_EACH(node, conns) {
        struct pb_conn *conn = PB_LIST_ITEM(node, struct pb_conn, node);
        int64_t left_ns = conn->active_ns + ns_max - net->now_ns;
        if (left_ns > 0) return pb__min_i64(next_ms, left_ns / 1000000 + 1);
        if (conn->held) continue;                                           /* it waits for us, not we for it */
        conn->dead = true;
        pb__conn_has_work(conn);
    }
    return next_ms;
}

/* How often to look, for connections yet to come count too. */
static int64_t look_ms(int64_t ms_max) { return ms_max <= 0 ? EXPIRE_MS_MAX : pb__max_i64(ms_max / 4, EXPIRE_MS_MIN); }

int64_t pb__net_expire(struct pb_net *net) {
    struct pb_net_shared *shared = net->shared;
    int64_t idle_ms_max = shared->connection_idle_ms_max, next_ms = pb__min_i64(EXPIRE_MS_MAX, look_ms(idle_ms_max));
    if (net->own_buffers > 0) drop_quiet_buffers(net);
    free_spare(net);
    if (net->own_buffers > 0) next_ms = pb__min_i64(next_ms, 1000);
    if (shared->has_strangers) next_ms = expire(net, &net->strangers, shared->stranger_ms_max * 1000000, pb__min_i64(next_ms, look_ms(shared->stranger_ms_max)));
    return idle_ms_max > 0 ? expire(net, &net->conns, idle_ms_max * 1000000, next_ms) : next_ms;
}

static void drain(struct pb_net *net, struct pb_list *conns) {
    PB_LIST_EACH(node, conns) {
        struct pb_conn *conn = PB_LIST_ITEM(node, struct pb_conn, node);
        if (conn->held) net->up.on_hang_up(net->up.context, conn);
        pb__conn_fail(conn, PB_E_CLOSED);
    }
}

void pb__net_drain(struct pb_net *net) {
    drain(net, &net->strangers);
    drain(net, &net->conns);
}

bool pb__net_is_sending(const struct pb_net *net) {
    PB_LIST_EACH(node, &net->conns) {
        const struct pb_conn *conn = PB_LIST_ITEM(node, struct pb_conn, node);
        if (!conn->dead && !pb__list_is_empty(&conn->replies) && PB_LIST_ITEM(conn->replies.next, struct pb_reply, node)->state == PB_REPLY_READY) return true;
    }
    return false;
}

void pb__net_close_all(struct pb_net *net) {
    while (!pb__list_is_empty(&net->strangers)) destroy(PB_LIST_ITEM(net->strangers.next, struct pb_conn, node));
    PB_LIST_EACH(node, &net->conns) {
        struct pb_conn *conn = PB_LIST_ITEM(node, struct pb_conn, node);
        if (!conn->dead && !pb__list_is_empty(&conn->replies)) pb__conn_send(conn);   /* what is ready may still leave */
    }
    while (!pb__list_is_empty(&net->conns)) destroy(PB_LIST_ITEM(net->conns.next, struct pb_conn, node));
}
