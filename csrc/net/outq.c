#include <string.h>

#include "base/assert.h"
#include "base/endian.h"
#include "base/err.h"
#include "net/net.h"

/* Replies are made by the chunk and never given back before the loop ends: their number is bounded by connections x in-flight cap. */
enum { REPLIES_PER_CHUNK = 32 };
struct reply_chunk { struct pb_list node; struct pb_reply replies[REPLIES_PER_CHUNK]; };

static int grow_pool(struct pb_net *net) {
    struct reply_chunk *chunk = pb__env_alloc(net->env, sizeof *chunk);
    if (chunk == NULL) return PB_E_NOMEM;
    net->stat_pool_growths++;
    pb__list_push_back(&net->reply_chunks, &chunk->node);
    for (int i = 0; i < REPLIES_PER_CHUNK; i++) {
        chunk->replies[i].cuts = NULL;
        chunk->replies[i].cut_capacity = 0;
        pb__list_push_front(&net->reply_pool, &chunk->replies[i].node);
    }
    return 0;
}

struct pb_reply *pb__reply_new(struct pb_conn *conn) {
    struct pb_net *net = conn->net;
    if (pb__list_is_empty(&net->reply_pool) && grow_pool(net) < 0) return NULL;
    struct pb_reply *reply = PB_LIST_ITEM(pb__list_pop_front(&net->reply_pool), struct pb_reply, node);
    reply->conn = conn;
    reply->bytes = reply->inline_bytes;
    reply->capacity_bytes = PB_REPLY_INLINE_BYTES;
    reply->sent_bytes = 0;
    reply->state = PB_REPLY_WAITING;
    reply->cut_next = 0;
    reply->cut_count = 0;
    reply->slice_bytes = 0;
    reply->size_bytes = 4;
    pb__list_push_back(&conn->replies, &reply->node);
    conn->in_flight++;
    net->stat_replies++;
    return reply;
}

uint8_t *pb__reply_reserve(struct pb_net *net, struct pb_reply *reply, uint32_t size_bytes) {
    if (size_bytes <= reply->capacity_bytes) return reply->bytes;
    uint32_t capacity;
    uint8_t *buffer = pb__net_buffer_take(net, size_bytes, &capacity);
    if (buffer == NULL) return NULL;
    memcpy(buffer, reply->bytes, reply->size_bytes);
    if (reply->bytes != reply->inline_bytes) pb__net_buffer_give(net, reply->bytes, reply->capacity_bytes);
    reply->bytes = buffer;
    reply->capacity_bytes = capacity;
    return buffer;
}

int pb__reply_add_slice(struct pb_net *net, struct pb_reply *reply, uint32_t at, struct pb_file_slice *slice) {
    PB_ASSERT(reply->cut_count == 0 || reply->cuts[reply->cut_count - 1].at <= at);
    if (reply->cut_count == reply->cut_capacity) {
        int32_t capacity = reply->cut_capacity > 0 ? reply->cut_capacity * 2 : 4;
        struct pb_reply_cut *cuts = capacity <= UINT16_MAX ? pb__env_resize(net->env, reply->cuts, (size_t)capacity * sizeof *cuts) : NULL;
        if (cuts == NULL) return PB_E_NOMEM;
        reply->cuts = cuts;
        reply->cut_capacity = capacity;
        net->stat_pool_growths++;
    }
    reply->cuts[reply->cut_count++] = (struct pb_reply_cut){ at, *slice };
    reply->slice_bytes += slice->size_bytes;
    *slice = (struct pb_file_slice){ 0 };
    return 0;
}

void pb__reply_reset(struct pb_reply *reply) {
    for (int i = reply->cut_next; i < reply->cut_count; i++) pb__file_slice_deinit(&reply->cuts[i].slice);
    reply->cut_next = 0;
    reply->cut_count = 0;
    reply->slice_bytes = 0;
    reply->size_bytes = 4;
}

enum { CUTS_KEPT_MAX = 64 };

void pb__reply_free(struct pb_net *net, struct pb_reply *reply) {
    pb__reply_reset(reply);
    if (reply->bytes != reply->inline_bytes) pb__net_buffer_give(net, reply->bytes, reply->capacity_bytes);
    if (reply->cut_capacity > CUTS_KEPT_MAX) {
        pb__env_free(net->env, reply->cuts);
        reply->cuts = NULL;
        reply->cut_capacity = 0;
    }
    net->stat_replies--;
    pb__list_push_front(&net->reply_pool, &reply->node);
}

void pb__reply_ready(struct pb_net *net, struct pb_reply *reply) {
    PB_ASSERT(reply->state == PB_REPLY_WAITING && reply->size_bytes >= 8);
    reply->state = PB_REPLY_READY;
    if (reply->conn == NULL) {
        pb__reply_free(net, reply);
        return;
    }
    int64_t length = (int64_t)reply->size_bytes - 4 + reply->slice_bytes;
    PB_ASSERT(length <= INT32_MAX);
    pb__put_u32(reply->bytes, (uint32_t)length);
    reply->conn->out_bytes += reply->size_bytes;
    pb__conn_has_work(reply->conn);
}
