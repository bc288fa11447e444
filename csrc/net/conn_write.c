#include "base/assert.h"
#include "base/err.h"
#include "net/net.h"

/* What one writev will carry: memory of replies, and small slices read into the loop's scratch. It ends before a slice for sendfile. */
struct load {
    struct iovec iov[PB_SEND_IOVECS_MAX];
    int count;
    int64_t size_bytes;
    size_t scratch_used;
    struct pb_reply_cut *file;                                              /* what comes right behind, by sendfile; NULL: nothing */
    bool more;                                                              /* further bytes wait behind this load */
};

static void load_add(struct load *load, void *bytes, size_t size_bytes) {
    if (size_bytes == 0) return;
    load->iov[load->count++] = (struct iovec){ bytes, size_bytes };
    load->size_bytes += (int64_t)size_bytes;
}

/* true: the slice is in the load, whole. false: the load ends here. */
static bool load_slice(struct pb_conn *conn, struct load *load, struct pb_reply_cut *cut) {
    struct pb_net *net = conn->net;
    size_t size_bytes = (size_t)cut->slice.size_bytes, room = PB_NET_SCRATCH_BYTES - load->scratch_used;
    if (cut->slice.size_bytes >= PB_SENDFILE_BYTES_MIN && conn->transport->send_file != NULL) {
        load->file = cut;
        return false;
    }
    bool whole = size_bytes <= room;
    if (!whole) size_bytes = room;
    int64_t got = size_bytes == 0 ? 0 : net->env->file_pread(net->env->context, cut->slice.fd, net->scratch + load->scratch_used, size_bytes, cut->slice.pos);
    if (got < 0 || (size_t)got < size_bytes) {                              /* file cut or damaged under us: the reply cannot be kept */
        conn->dead = true;
        return false;
    }
    load_add(load, net->scratch + load->scratch_used, size_bytes);
    load->scratch_used += size_bytes;
    if (!whole) load->more = true;
    net->stat_copied_slices++;
    return whole;
}

/* One reply into the load. false: the load is full or ends here. */
static bool load_reply(struct pb_conn *conn, struct load *load, struct pb_reply *reply) {
    uint32_t at = reply->sent_bytes;
    for (int32_t i = reply->cut_next; i <= reply->cut_count; i++) {
        if (load->count + 2 > PB_SEND_IOVECS_MAX) {
            load->more = true;
            return false;
        }
        uint32_t end = i < reply->cut_count ? reply->cuts[i].at : reply->size_bytes;
        load_add(load, reply->bytes + at, end - at);
        at = end;
        if (i < reply->cut_count && !load_slice(conn, load, &reply->cuts[i])) return false;
    }
    return true;
}

static void load_fill(struct pb_conn *conn, struct load *load) {
    *load = (struct load){ .count = 0 };
    PB_LIST_EACH(node, &conn->replies) {
        struct pb_reply *reply = PB_LIST_ITEM(node, struct pb_reply, node);
        if (reply->state != PB_REPLY_READY) return;
        if (!load_reply(conn, load, reply)) return;
    }
}

/* sent bytes have left: move on through replies and slices, free what is through. */
static void advance(struct pb_conn *conn, int64_t sent) {
    struct pb_net *net = conn->net;
    while (!pb__list_is_empty(&conn->replies)) {
        struct pb_reply *reply = PB_LIST_ITEM(conn->replies.next, struct pb_reply, node);
        if (reply->state != PB_REPLY_READY) break;
        bool cut = reply->cut_next < reply->cut_count;
        uint32_t end = cut ? reply->cuts[reply->cut_next].at : reply->size_bytes;
        int64_t step = pb__min_i64(sent, (int64_t)end - reply->sent_bytes);
        reply->sent_bytes += (uint32_t)step;
        sent -= step;
        if (reply->sent_bytes < end) break;
        if (cut) {
            struct pb_file_slice *slice = &reply->cuts[reply->cut_next].slice;
            step = pb__min_i64(sent, slice->size_bytes);
            slice->pos += step;
            slice->size_bytes -= step;
            sent -= step;
            if (slice->size_bytes > 0) break;
            pb__file_slice_deinit(slice);
            reply->cut_next++;
            continue;
        }
        pb__list_remove(&reply->node);
        conn->in_flight--;
        conn->out_bytes -= reply->size_bytes;
        pb__reply_free(net, reply);
    }
    PB_ASSERT(sent == 0);
}

/* One step of sending. true: go on, false: blocked, failed or nothing left. */
static bool send_step(struct pb_conn *conn, int64_t *file_bytes_left) {
    struct load load;
    load_fill(conn, &load);
    if (conn->dead) return false;
    int64_t rc = 0, want = load.size_bytes;
    if (want > 0) {
        rc = conn->transport->send(conn->transport_state, conn->fd, load.iov, load.count, load.more || load.file != NULL);
    } else if (load.file != NULL) {
        struct pb_file_slice *slice = &load.file->slice;
        want = pb__min_i64(slice->size_bytes, PB_SENDFILE_BYTES_MAX);
        rc = conn->transport->send_file(conn->transport_state, conn->fd, slice->fd, slice->pos, want);
        if (rc > 0) {
            *file_bytes_left -= rc;
            if (rc == slice->size_bytes) conn->net->stat_file_slices++;
        }
    } else {
        return false;
    }
    if (rc == PB_E_AGAIN) {
        conn->send_blocked = true;
        return false;
    }
    if (rc < 0) {
        conn->dead = true;
        return false;
    }
    pb__conn_touch(conn);
    conn->net->stat_bytes_out += rc;
    advance(conn, rc);
    if (rc < want) {                      /* the socket took a part: it is full */
        conn->send_blocked = true;
        return false;
    }
    return !pb__list_is_empty(&conn->replies);
}

void pb__conn_send(struct pb_conn *conn) {
    int64_t file_bytes_left = PB_SENDFILE_BYTES_MAX;
    if (conn->send_blocked) return;
    while (send_step(conn, &file_bytes_left)) {
        if (file_bytes_left <= 0) {                                         /* others first; writable brings us back */
            conn->send_blocked = true;
            return;
        }
    }
}
