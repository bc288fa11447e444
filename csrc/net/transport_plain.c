#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "base/err.h"
#include "net/transport.h"

static int64_t result(ssize_t rc) {
    if (rc >= 0) return rc;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? PB_E_AGAIN : PB_E_CLOSED;
}

static int64_t plain_receive(void *state, int fd, uint8_t *bytes, size_t size_bytes) {
    (void)state; /* a plain socket has none */
    ssize_t rc = recv(fd, bytes, size_bytes, 0);
    return rc == 0 ? PB_E_CLOSED : result(rc);
}

static int64_t plain_send(void *state, int fd, const struct iovec *iov, int iov_count, int more) {
    (void)state;
    /* sendmsg does not write to the iovecs; its struct has no const for them. */
    struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)iov_count };
    return result(sendmsg(fd, &message, MSG_NOSIGNAL | (more ? MSG_MORE : 0)));
}

static int64_t plain_send_file(void *state, int fd, int file_fd, int64_t pos, int64_t size_bytes) {
    (void)state;
    off_t at = pos;
    ssize_t rc = sendfile(fd, file_fd, &at, (size_t)size_bytes);
    if (rc == 0) return PB_E_IO;
    return rc < 0 && errno == EIO ? PB_E_IO : result(rc);
}

const struct pb_transport pb__transport_plain = { plain_receive, plain_send, plain_send_file };
