/* net/peers.h — how many connections each address has (max.connections.per.ip), and how often the log spoke of it.
 *
 * Bounds      one entry per address that has a connection now, so at most as many as connections
 * Locks       its own mutex, held for a look-up in a chain
 * Thread      any loop
 * Owner       struct pb_broker; a connection holds one count of its entry */
#ifndef PB_NET_PEERS_H
#define PB_NET_PEERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/env.h"

enum { PB_PEERS_SLOTS = 1024 };

struct pb_peer {
    struct pb_peer *next;
    uint8_t address[16];                                                    /* IPv4 as IPv4-mapped IPv6 */
    int32_t count;
    int32_t lines;                                                          /* of the log, in the second that began at second_ns */
    int64_t second_ns;
};
struct pb_peers {
    const struct pb_env *env;
    pthread_mutex_t lock;
    _Atomic int64_t per_address_max;
    struct pb_peer *slots[PB_PEERS_SLOTS];
};

void pb__peers_init(struct pb_peers *peers, const struct pb_env *env);
void pb__peers_deinit(struct pb_peers *peers);                              /* all connections are gone */
/* One connection more of the socket's peer. *peer_out NULL: a socket without an address, not counted. PB_E_LIMIT, PB_E_NOMEM. */
int pb__peers_add(struct pb_peers *peers, int fd, struct pb_peer **peer_out);
void pb__peers_drop(struct pb_peers *peers, struct pb_peer *peer);          /* NULL is fine */
/* Whether one more line about this peer may be logged: PB_PEER_LOG_LINES_MAX a second. */
bool pb__peers_may_log(struct pb_peers *peers, struct pb_peer *peer, int64_t now_ns);

#endif
