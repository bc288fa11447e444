/* net/transport.h — how bytes reach a socket: one table per kind of connection (plain now, TLS beside it later).
 *
 * Thread      the connection's loop
 * Errors      every call gives bytes moved, PB_E_AGAIN (the socket would block), PB_E_CLOSED (end of stream or reset) */
#ifndef PB_NET_TRANSPORT_H
#define PB_NET_TRANSPORT_H

#include <stdint.h>
#include <sys/uio.h>

struct pb_transport {
    int64_t (*receive)(void *state, int fd, uint8_t *bytes, size_t size_bytes);
    /* more: further bytes follow at once (the kernel may wait for them before it sends a packet). */
    int64_t (*send)(void *state, int fd, const struct iovec *iov, int iov_count, int more);
    /* Straight from a file. NULL: this transport needs the bytes in memory. PB_E_IO: the file is shorter than the slice said. */
    int64_t (*send_file)(void *state, int fd, int file_fd, int64_t pos, int64_t size_bytes);
};

extern const struct pb_transport pb__transport_plain;

#endif
