#include "net/peers.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"

void pb__peers_init(struct pb_peers *peers, const struct pb_env *env) {
    *peers = (struct pb_peers){ .env = env };
    pthread_mutex_init(&peers->lock, NULL);
}

void pb__peers_deinit(struct pb_peers *peers) {
    for (int i = 0; i < PB_PEERS_SLOTS; i++) PB_ASSERT(peers->slots[i] == NULL);
    pthread_mutex_destroy(&peers->lock);
}

static bool address_of(int fd, uint8_t address[16]) {
    struct sockaddr_storage peer = { 0 };
    socklen_t size = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0) return false;
    if (peer.ss_family == AF_INET6) {
        memcpy(address, &((struct sockaddr_in6 *)(void *)&peer)->sin6_addr, 16);
        return true;
    }
    if (peer.ss_family != AF_INET) return false;
    memset(address, 0, 10);
    address[10] = address[11] = 0xff;
    memcpy(address + 12, &((struct sockaddr_in *)(void *)&peer)->sin_addr, 4);
    return true;
}

static struct pb_peer **slot_of(struct pb_peers *peers, const uint8_t address[16]) {
    uint32_t h = 2166136261u;
    for (int i = 0; i < 16; i++) h = (h ^ address[i]) * 16777619u;
    struct pb_peer **at = &peers->slots[h % PB_PEERS_SLOTS];
    while (*at != NULL && memcmp((*at)->address, address, 16) != 0) at = &(*at)->next;
    return at;
}

int pb__peers_add(struct pb_peers *peers, int fd, struct pb_peer **peer_out) {
    uint8_t address[16];
    *peer_out = NULL;
    if (!address_of(fd, address)) return 0;
    int rc = 0;
    pthread_mutex_lock(&peers->lock);
    struct pb_peer **at = slot_of(peers, address), *peer = *at;
    if (peer != NULL && peer->count >= peers->per_address_max) {
        rc = PB_E_LIMIT;
    } else if (peer == NULL && peers->per_address_max <= 0) {
        rc = PB_E_LIMIT;
    } else if (peer == NULL && (peer = pb__env_zalloc(peers->env, sizeof *peer)) == NULL) {
        rc = PB_E_NOMEM;
    } else if (*at == NULL) {
        memcpy(peer->address, address, 16);
        *at = peer;
    }
    if (rc == 0) {
        peer->count++;
        *peer_out = peer;
    }
    pthread_mutex_unlock(&peers->lock);
    return rc;
}

bool pb__peers_may_log(struct pb_peers *peers, struct pb_peer *peer, int64_t now_ns) {
    if (peer == NULL) return true;
    pthread_mutex_lock(&peers->lock);
    if (now_ns - peer->second_ns >= 1000000000) {
        peer->second_ns = now_ns;
        peer->lines = 0;
    }
    bool may = peer->lines < PB_PEER_LOG_LINES_MAX;
    peer->lines += may;
    pthread_mutex_unlock(&peers->lock);
    return may;
}

void pb__peers_drop(struct pb_peers *peers, struct pb_peer *peer) {
    if (peer == NULL) return;
    pthread_mutex_lock(&peers->lock);
    if (--peer->count == 0) {
        *slot_of(peers, peer->address) = peer->next;
        pb__env_free(peers->env, peer);
    }
    pthread_mutex_unlock(&peers->lock);
}
