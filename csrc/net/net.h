/* net/net.h — the connections of one loop: receive, cut into requests, keep replies in order, send.
 *
 * Knows no API: complete requests go up by on_request, replies come down by pb__reply_*.
 *
 * Input       A small frame is received into the loop's arena, shared by all its connections, and is used where it lies; a batch in it stays there until
 *             on_flush. What is left of a cut frame moves to a buffer of the connection's own, as does a frame above PB_CONN_BIG_FRAME_BYTES.
 * Output      A reply takes its place in the connection's queue when its request is dispatched; bytes leave in that order.
 * Invariants  N1 an idle connection owns no buffer
 *             N2 receive memory grows with bytes received, never with bytes announced
 *             N3 a connection is destroyed at the end of a turn only, so that pointers to it stay good within a turn
 *             N4 reading stops while: held, in_flight at its cap, out_bytes above its cap, closing
 * Thread      the loop's
 * Source      Kafka protocol: request order per connection; kafka:network SocketServer for limits */
#ifndef PB_NET_NET_H
#define PB_NET_NET_H

#include <stdatomic.h>

#include "base/limits.h"
#include "base/list.h"
#include "io/file_slice.h"
#include "net/peers.h"
#include "net/transport.h"

struct pb_conn;
struct pb_net;

enum pb_net_events { PB_NET_READABLE = 1, PB_NET_WRITABLE = 2, PB_NET_HANGUP = 4 };   /* as pb.h has them */

/* What the owner of the loop gives (libuv), see pb_loop_ops in pb.h. */
struct pb_net_ops {
    void *context;
    int (*watch_open)(void *context, int fd, void *owner, int events, void **watch_out);
    void (*watch_set)(void *watch, int events);
    void (*watch_close)(void *watch);
    void (*wake)(void *context);
};

/* What the layer above gives. */
struct pb_net_upcalls {
    void *context;
    /* One whole request; frame is lent until the next on_flush. Error: the connection is closed once what was answered before has left. PB_E_AGAIN: it is not served yet,
     * the connection is held, and the same request comes again once it is released. */
    int (*on_request)(void *context, struct pb_conn *conn, uint8_t *frame, int32_t size_bytes);
    void (*on_flush)(void *context);                                        /* the arena is needed: let go of frames */
    void (*on_hang_up)(void *context, struct pb_conn *conn);                /* the peer of a held connection has gone or half-closed */
    void (*on_close)(void *context, struct pb_conn *conn);                  /* last sign of life: let go of it */
};

/* Limits and counters shared by the loops of a broker. */
struct pb_net_shared {
    _Atomic int64_t stranger_ms_max;
    bool asks_login[PB_LISTENERS_MAX];                                      /* by listener: connections begin as strangers. Set before the loops run */
    bool has_strangers;                                                     /* some listener does */
    _Atomic int64_t request_bytes_max, connection_idle_ms_max, receive_bytes_total_max, send_buffer_bytes, receive_buffer_bytes;
    _Atomic int64_t receive_bytes_held;
    _Atomic int32_t connections_open;
    struct pb_peers peers;
};

struct pb_reply_cut { uint32_t at; struct pb_file_slice slice; };           /* the slice leaves after bytes[0, at) */

enum pb_reply_state { PB_REPLY_WAITING, PB_REPLY_READY };
enum { PB_REPLY_INLINE_BYTES = 208 };
struct pb_reply {
    struct pb_list node;                                                    /* in conn->replies, or the pool's free list */
    struct pb_conn *conn;                                                   /* NULL: the connection is gone */
    uint8_t *bytes;                                                         /* inline_bytes or a buffer of the net */
    uint32_t size_bytes, capacity_bytes;
    uint32_t sent_bytes;                                                    /* of bytes */
    uint16_t state;
    uint16_t cut_next;
    int32_t cut_count, cut_capacity;
    struct pb_reply_cut *cuts;
    int64_t slice_bytes;                                                    /* sum of all cuts, for the length prefix */
    uint8_t inline_bytes[PB_REPLY_INLINE_BYTES];
};

/* Whatever a watch is opened for begins with this. */
struct pb_watched { void (*on_ready)(void *owner, int events); };

struct pb_conn {
    struct pb_watched watched;                                              /* first */
    struct pb_list node;                                                    /* net->conns, least recently active first; a stranger: net->strangers, oldest first */
    struct pb_list work_node;                                               /* net->work when something is to be done at the end of the turn */
    struct pb_net *net;
    void *watch;
    struct pb_peer *peer;
    const struct pb_transport *transport;
    void *transport_state;
    void *request_state;                                                    /* the layer above: what the connection is held for, */
    int request_kind;                                                       /* and which kind of thing that is; 0: nothing */
    void *farewell;                                                         /* the layer above: news of its end, NULL: nobody waits for it */
    uint64_t id;
    int64_t login_until_ns;                                                 /* the login holds until then; 0: for good */
    int64_t active_ns;                                                      /* last whole request received, or bytes sent */
    struct pb_list replies;                                                 /* in request order */
    uint8_t *in;                                                            /* bytes received and not yet served; NULL: none */
    uint32_t in_size, in_capacity;
    uint32_t in_flight;                                                     /* replies in the queue */
    uint32_t out_bytes;                                                     /* memory in the queue */
    int32_t fd, listener;
    uint32_t subject;                                                       /* who it is, and from where, as the control plane counts them; 0: nobody has said */
    uint8_t events;                                                         /* what the watch is set to */
    bool held;                                                              /* no further request is served until released */
    bool big;                                                               /* frames of late were big: receive into `in` directly */
    bool eof;                                                               /* peer sends no more */
    bool closing;                                                           /* destroy when the queue has left */
    bool dead;                                                              /* destroy at the end of the turn whatever waits */
    bool send_blocked;                                                      /* the socket is full */
    bool stranger;                                                          /* has yet to authenticate: small frames, few keys, little time */
};

enum { PB_SPARE_CLASSES = 10, PB_SPARE_CLASS0_BYTES = 4096 };               /* 4 KiB … 2 MiB */
struct pb_net {
    const struct pb_env *env;
    const struct pb_net_ops *ops;
    struct pb_net_upcalls up;
    struct pb_net_shared *shared;
    int64_t now_ns;                                                         /* of this turn */
    uint8_t *arena;
    size_t arena_used;
    bool input_lent;                                                        /* frames in arena or `in` buffers are lent until on_flush */
    uint8_t *scratch;                                                       /* small slices on their way out */
    struct pb_list conns, strangers, work;
    struct pb_list reply_pool;
    struct pb_list reply_chunks;                                            /* memory of the pool */
    void *spare[PB_SPARE_CLASSES];
    size_t spare_bytes;
    uint64_t conn_id_next;
    uint64_t conn_id_step;
    int32_t conn_count, own_buffers;                                        /* own_buffers: connections with an `in` */
    int64_t stat_accepted, stat_failed, stat_bytes_in, stat_bytes_out, stat_file_slices, stat_copied_slices, stat_pool_growths, stat_replies;
};

enum { PB_NET_SCRATCH_BYTES = 256 * 1024 };

int pb__net_init(struct pb_net *net, const struct pb_env *env, const struct pb_net_ops *ops, const struct pb_net_upcalls *up, struct pb_net_shared *shared,
                 int32_t loop_index, int32_t loop_count);
void pb__net_deinit(struct pb_net *net);                                    /* all connections must be gone */

/* A connected socket becomes a connection; fd is taken in every case. */
int pb__conn_new(struct pb_net *net, int fd, int32_t listener, struct pb_conn **conn_out);
/* Authenticated: no stranger any more. */
void pb__conn_trust(struct pb_conn *conn);
/* No further request is served until pb__conn_release. */
static inline void pb__conn_hold(struct pb_conn *conn) { conn->held = true; }
void pb__conn_release(struct pb_conn *conn);
/* Close once the replies before have left; error is logged when it tells of a mistake of the peer. */
void pb__conn_fail(struct pb_conn *conn, int error);
/* Something is to be done for it at the end of the turn. */
void pb__conn_has_work(struct pb_conn *conn);

/* Send, resume, destroy: all that the turn left to do. true: more is left than one turn should take, come back at once. */
bool pb__net_turn_end(struct pb_net *net);
/* Close what was idle too long; gives the time until the next look, ms, at most 1,000 while buffers are spare. */
int64_t pb__net_expire(struct pb_net *net);
/* No further request is served. A connection is destroyed once all that it was owed has left; one that waits for nothing of ours (held) is told so by on_hang_up. */
void pb__net_drain(struct pb_net *net);
/* Whether some answer that is ready has not left. */
bool pb__net_is_sending(const struct pb_net *net);
void pb__net_close_all(struct pb_net *net);

/* Buffers of the loop: *capacity_out >= size_bytes. NULL when there is no memory. */
uint8_t *pb__net_buffer_take(struct pb_net *net, size_t size_bytes, uint32_t *capacity_out);
void pb__net_buffer_give(struct pb_net *net, uint8_t *buffer, uint32_t capacity);

/* A reply in its place behind all others. NULL when there is no memory. 4 bytes of length prefix are reserved in bytes, size_bytes is 4. */
struct pb_reply *pb__reply_new(struct pb_conn *conn);
/* Room for size_bytes in all; what is there stays. NULL when there is no memory (the reply is as before). */
uint8_t *pb__reply_reserve(struct pb_net *net, struct pb_reply *reply, uint32_t size_bytes);
/* The slice (taken on success) leaves behind bytes[0, at); cuts come in ascending order. */
int pb__reply_add_slice(struct pb_net *net, struct pb_reply *reply, uint32_t at, struct pb_file_slice *slice);
/* Back to size_bytes 4 without slices: built anew. */
void pb__reply_reset(struct pb_reply *reply);
/* Complete: writes the length prefix; leaves when all before it are. A reply whose connection is gone is freed. */
void pb__reply_ready(struct pb_net *net, struct pb_reply *reply);

/* Address and port of both ends, as texts; IPv4-mapped IPv6 addresses as IPv4. What cannot be told is "" and 0. */
enum { PB_ADDRESS_BYTES = 64 };
void pb__conn_local_address(const struct pb_conn *conn, char host[PB_ADDRESS_BYTES], int32_t *port_out);
void pb__conn_peer_address(const struct pb_conn *conn, char host[PB_ADDRESS_BYTES], int32_t *port_out);

/* A listening socket: accepts all that waits, hands each to `accepted` (fd taken). Without descriptors it rests PB_ACCEPT_REST_MS. */
enum { PB_ACCEPT_REST_MS = 100, PB_ACCEPTS_PER_WAKE_UP_MAX = 64 };
struct pb_listener {
    struct pb_watched watched;                                              /* first */
    struct pb_net *net;
    void *watch;
    void (*accepted)(void *context, int fd, int32_t listener);
    void *context;
    int32_t fd, index;
    int64_t rests_until_ns;                                                 /* 0: listens */
};
int pb__listener_open(struct pb_listener *listener, struct pb_net *net, int fd, int32_t index, void (*accepted)(void *, int, int32_t), void *context);
void pb__listener_close(struct pb_listener *listener);
/* Listen again when it has rested enough; gives ms left, -1: it listens. */
int64_t pb__listener_tick(struct pb_listener *listener);

/* net/conn_read.c, conn_write.c: between the files of this folder only. */
/* Alive. The idle limit counts from the last whole request received or bytes sent, so that a byte now and then does not hold a connection. */
void pb__conn_touch(struct pb_conn *conn);
void pb__conn_receive(struct pb_conn *conn);
bool pb__conn_serve_buffered(struct pb_conn *conn);                          /* true: something was served */
void pb__conn_drop_in(struct pb_conn *conn);
void pb__conn_send(struct pb_conn *conn);
void pb__conn_watch_update(struct pb_conn *conn);
bool pb__conn_may_serve(const struct pb_conn *conn);
void pb__reply_free(struct pb_net *net, struct pb_reply *reply);

#endif
