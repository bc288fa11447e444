#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "net/net.h"

/* Errors of accept that concern the connection that was to be, not the listener (accept(2)). */
static bool is_of_the_peer(int error) {
    switch (error) {
        case ECONNABORTED: case EPROTO: case ENETDOWN: case ENETUNREACH: case EHOSTDOWN: case EHOSTUNREACH: case ENOPROTOOPT: case EOPNOTSUPP: case EINTR:
            return true;
        default:
            return false;
    }
}

static void on_ready(void *owner, int events) {
    struct pb_listener *listener = owner;
    (void)events;                                                           /* readable is all that is asked for */
    for (int i = 0; i < PB_ACCEPTS_PER_WAKE_UP_MAX; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener->accepted(listener->context, fd, listener->index);
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        if (is_of_the_peer(errno)) continue;
        pb__env_log(listener->net->env, PB_LOG_WARNING, "event=accept-failed errno=%d rest_ms=%d", errno, PB_ACCEPT_REST_MS);
        listener->rests_until_ns = listener->net->now_ns + (int64_t)PB_ACCEPT_REST_MS * 1000000;
        listener->net->ops->watch_set(listener->watch, 0);                  /* EMFILE stays readable: do not spin */
        return;
    }
}

int pb__listener_open(struct pb_listener *listener, struct pb_net *net, int fd, int32_t index, void (*accepted)(void *, int, int32_t), void *context) {
    *listener = (struct pb_listener){ .watched = { on_ready }, .net = net, .accepted = accepted, .context = context, .fd = fd, .index = index };
    return net->ops->watch_open(net->ops->context, fd, listener, PB_NET_READABLE, &listener->watch);
}

void pb__listener_close(struct pb_listener *listener) {
    if (listener->watch == NULL) return;
    listener->net->ops->watch_close(listener->watch);
    listener->watch = NULL;
    close(listener->fd);
}

int64_t pb__listener_tick(struct pb_listener *listener) {
    if (listener->rests_until_ns == 0 || listener->watch == NULL) return -1;
    int64_t left_ns = listener->rests_until_ns - listener->net->now_ns;
    if (left_ns > 0) return left_ns / 1000000 + 1;
    listener->rests_until_ns = 0;
    listener->net->ops->watch_set(listener->watch, PB_NET_READABLE);
    return -1;
}

/* ---- addresses */

static void address_text(const struct sockaddr_storage *address, char host[PB_ADDRESS_BYTES], int32_t *port_out) {
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        inet_ntop(AF_INET, &v4->sin_addr, host, PB_ADDRESS_BYTES);
        *port_out = ntohs(v4->sin_port);
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? v6->sin6_addr.s6_addr + 12 : v6->sin6_addr.s6_addr, host, PB_ADDRESS_BYTES);
        *port_out = ntohs(v6->sin6_port);
    }
}

void pb__conn_local_address(const struct pb_conn *conn, char host[PB_ADDRESS_BYTES], int32_t *port_out) {
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof address;
    host[0] = 0;
    *port_out = 0;
    if (getsockname(conn->fd, (struct sockaddr *)&address, &size) == 0) address_text(&address, host, port_out);
}

void pb__conn_peer_address(const struct pb_conn *conn, char host[PB_ADDRESS_BYTES], int32_t *port_out) {
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof address;
    host[0] = 0;
    *port_out = 0;
    if (getpeername(conn->fd, (struct sockaddr *)&address, &size) == 0) address_text(&address, host, port_out);
}
