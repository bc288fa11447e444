#include <string.h>

#include "base/assert.h"
#include "base/endian.h"
#include "base/err.h"
#include "net/net.h"

enum { FRAME_PREFIX_BYTES = 4, FRAME_BYTES_MIN = 8 /* key, version, correlation id */ };

/* Length of the frame that begins at bytes, prefix included, or PB_E_FRAME_*. */
static int64_t frame_bytes(const struct pb_conn *conn, const uint8_t *bytes) {
    int32_t length = pb__get_i32(bytes);
    if (length < FRAME_BYTES_MIN) return PB_E_FRAME_INVALID;
    if (length > (conn->stranger ? PB_STRANGER_BYTES_MAX : conn->net->shared->request_bytes_max)) return PB_E_FRAME_TOO_LARGE;
    return (int64_t)length + FRAME_PREFIX_BYTES;
}

/* Serve the whole frames in [bytes, +size). Returns how many bytes were used. */
static size_t serve(struct pb_conn *conn, uint8_t *bytes, size_t size_bytes) {
    struct pb_net *net = conn->net;
    size_t at = 0;
    while (size_bytes - at >= FRAME_PREFIX_BYTES && pb__conn_may_serve(conn)) {
        int64_t frame = frame_bytes(conn, bytes + at);
        if (frame < 0) {
            pb__conn_fail(conn, (int)frame);
            break;
        }
        if ((size_t)frame > size_bytes - at) break;
        conn->big = frame > PB_CONN_BIG_FRAME_BYTES;
        pb__conn_touch(conn);
        net->input_lent = true;
        int rc = net->up.on_request(net->up.context, conn, bytes + at + FRAME_PREFIX_BYTES, (int32_t)(frame - FRAME_PREFIX_BYTES));
        if (PB_UNLIKELY(rc == PB_E_AGAIN)) break;                           /* held: it comes again */
        at += (size_t)frame;
        if (rc < 0) {
            pb__conn_fail(conn, rc);
            break;
        }
    }
    return at;
}

void pb__conn_drop_in(struct pb_conn *conn) {
    if (conn->in == NULL) return;
    conn->net->own_buffers--;
    atomic_fetch_sub_explicit(&conn->net->shared->receive_bytes_held, conn->in_capacity, memory_order_relaxed);
    pb__net_buffer_give(conn->net, conn->in, conn->in_capacity);
    conn->in = NULL;
    conn->in_size = conn->in_capacity = 0;
}

/* Room for capacity bytes in conn->in. 0, PB_E_NOMEM, or PB_E_LIMIT when all connections together hold too much. */
static int reserve_in(struct pb_conn *conn, size_t capacity) {
    struct pb_net *net = conn->net;
    if (conn->in_capacity >= capacity) return 0;
    if (net->shared->receive_bytes_held + (int64_t)capacity > net->shared->receive_bytes_total_max) return PB_E_LIMIT;
    uint32_t got;
    uint8_t *buffer = pb__net_buffer_take(net, capacity, &got);
    if (buffer == NULL) return PB_E_NOMEM;
    if (conn->in_size > 0) memcpy(buffer, conn->in, conn->in_size);
    uint32_t size = conn->in_size;
    pb__conn_drop_in(conn);
    net->own_buffers++;
    conn->in = buffer;
    conn->in_size = size;
    conn->in_capacity = got;
    atomic_fetch_add_explicit(&net->shared->receive_bytes_held, got, memory_order_relaxed);
    return 0;
}

static int keep_rest(struct pb_conn *conn, const uint8_t *bytes, size_t size_bytes) {
    int rc = reserve_in(conn, size_bytes);
    if (rc < 0) return rc;
    memcpy(conn->in, bytes, size_bytes);
    conn->in_size = (uint32_t)size_bytes;
    return 0;
}

static void receive_failed(struct pb_conn *conn, int64_t rc) {
    if (rc == PB_E_AGAIN) return;
    conn->eof = true;
    pb__conn_has_work(conn);
}

static void received(struct pb_conn *conn, int64_t bytes) {
    struct pb_net *net = conn->net;
    net->stat_bytes_in += bytes;
}

/* Receive behind what is left of the last receive, in the loop's arena. */
static void receive_into_arena(struct pb_conn *conn) {
    struct pb_net *net = conn->net;
    if (PB_LOOP_ARENA_BYTES - net->arena_used < conn->in_size + PB_LOOP_RECV_BYTES_MIN) net->up.on_flush(net->up.context);
    if (!net->input_lent) net->arena_used = 0;
    uint8_t *start = net->arena + net->arena_used;
    size_t room = PB_LOOP_ARENA_BYTES - net->arena_used, had = conn->in_size;
    PB_ASSERT(room >= had + PB_LOOP_RECV_BYTES_MIN);
    size_t most = conn->stranger ? PB_STRANGER_BYTES_MAX + FRAME_PREFIX_BYTES - had : PB_LOOP_ARENA_BYTES / 2;
    size_t want = room - had < most ? room - had : most;
    int64_t rc = conn->transport->receive(conn->transport_state, conn->fd, start + had, want);
    if (rc < 0) {
        receive_failed(conn, rc);
        return;
    }
    received(conn, rc);
    if (had > 0) memcpy(start, conn->in, had);
    pb__conn_drop_in(conn);
    size_t size = had + (size_t)rc, used = serve(conn, start, size);
    if (net->input_lent) net->arena_used += (used + 63) & ~(size_t)63;
    if (used == size || conn->closing) return;
    if (!net->input_lent) net->arena_used = 0;
    if ((rc = keep_rest(conn, start + used, size - used)) < 0) pb__conn_fail(conn, (int)rc);
}

/* How much room the next receive of a big frame gets: never past the frame's end, and at most twice what has arrived. */
static int64_t big_want(struct pb_conn *conn) {
    if (conn->in_size < FRAME_PREFIX_BYTES) return PB_LOOP_RECV_BYTES_MIN;
    int64_t frame = frame_bytes(conn, conn->in);
    if (frame < 0) return frame;
    int64_t left = frame - conn->in_size, room = (int64_t)conn->in_capacity - conn->in_size;
    return pb__min_i64(left, pb__max_i64(room, pb__max_i64(conn->in_size, PB_LOOP_RECV_BYTES_MIN)));
}

static void receive_into_own(struct pb_conn *conn) {
    int64_t want = big_want(conn), rc = want < 0 ? want : reserve_in(conn, conn->in_size + (size_t)want);
    if (rc < 0) {
        pb__conn_fail(conn, (int)rc);
        return;
    }
    rc = conn->transport->receive(conn->transport_state, conn->fd, conn->in + conn->in_size, (size_t)want);
    if (rc < 0) {
        receive_failed(conn, rc);
        return;
    }
    received(conn, rc);
    conn->in_size += (uint32_t)rc;
    pb__conn_serve_buffered(conn);
}

bool pb__conn_serve_buffered(struct pb_conn *conn) {
    struct pb_net *net = conn->net;
    size_t used = serve(conn, conn->in, conn->in_size);
    if (used > 0) {
        if (net->input_lent) net->up.on_flush(net->up.context);             /* frames lie in the buffer that moves now */
        conn->in_size -= (uint32_t)used;
        if (conn->in_size > 0) memmove(conn->in, conn->in + used, conn->in_size);
    }
    if (conn->in_size == 0 && !conn->big) pb__conn_drop_in(conn);
    if (used > 0) pb__conn_has_work(conn);
    return used > 0;
}

void pb__conn_receive(struct pb_conn *conn) {
    bool big = conn->big && conn->in_size == 0;
    if (conn->in_size >= FRAME_PREFIX_BYTES) {
        int64_t frame = frame_bytes(conn, conn->in);
        if (frame >= 0 && frame <= conn->in_size) {                         /* whole frames wait: they come first */
            pb__conn_serve_buffered(conn);
            return;
        }
        big = frame < 0 || frame > PB_CONN_BIG_FRAME_BYTES;
    } else if (conn->big) {
        big = true;
    }
    if (big) {
        receive_into_own(conn);
    } else {
        receive_into_arena(conn);
    }
}
