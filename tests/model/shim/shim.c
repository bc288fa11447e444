/* tests/model/shim/shim.c — a disk that fails and a clock that jumps, for a program that is started with this in LD_PRELOAD.
 *
 * PYBROKER_SHIM_DIR     the directory whose files fail; nothing outside of it does
 * PYBROKER_SHIM_FAULT   "CALL K ERRNO HOW": the K-th CALL (write, sync, truncate, rename, open, unlink, mkdir, allocate, read) fails with ERRNO; HOW is "once", or "ever":
 *                       so does every later one. ERRNO 0 is a short write: half of the bytes, at least one.
 * PYBROKER_SHIM_TRACE   a file that gets a line "MONOTONIC_NS CALL ERRNO PATH" for each call that was made to fail
 * PYBROKER_SHIM_CLOCK   a file of one int64 that is added to CLOCK_REALTIME, in nanoseconds; may change at any time
 *
 * Calls that do not go through libc are not seen: raw system calls, io_uring, sendfile's reads.
 * Thread                any */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SHORT = 0, PASS = -1 };

static struct {
    char dir[PATH_MAX], call[16];
    size_t dir_size;
    long k;
    int error;
    int ever;
    int trace_fd;
    _Atomic long count;
    _Atomic int64_t *clock;
} shim = { .trace_fd = -1 };

/* The function that this one stands before. */
#define NEXT(name)                                                                                                                         \
    static __typeof__(&name) next;                                                                                                         \
    if (next == NULL) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void read_orders(void) {
    const char *dir = getenv("PYBROKER_SHIM_DIR"), *fault = getenv("PYBROKER_SHIM_FAULT"), *trace = getenv("PYBROKER_SHIM_TRACE"), *clock = getenv("PYBROKER_SHIM_CLOCK");
    char how[8] = "";
    if (dir != NULL && fault != NULL && sscanf(fault, "%15s %ld %d %7s", shim.call, &shim.k, &shim.error, how) == 4) {
        shim.ever = strcmp(how, "ever") == 0;
        shim.dir_size = strlen(dir);
        memcpy(shim.dir, dir, shim.dir_size + 1);
    }
    if (trace != NULL) shim.trace_fd = (int)syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (clock != NULL) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, clock, O_RDONLY | O_CLOEXEC, 0);
        void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *shim.clock, PROT_READ, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED) shim.clock = map;
        if (fd >= 0) syscall(SYS_close, fd);
    }
}

/* What this call of a kind on a path shall come to: PASS, SHORT or an errno. */
static int order(const char *call, const char *path) {
    if (shim.dir_size == 0 || strcmp(call, shim.call) != 0 || strncmp(path, shim.dir, shim.dir_size) != 0 || (path[shim.dir_size] != '/' && path[shim.dir_size] != 0)) return PASS;
    long count = atomic_fetch_add(&shim.count, 1) + 1;
    if (count < shim.k || (count > shim.k && !shim.ever)) return PASS;
    char line[PATH_MAX + 64];
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    int size = snprintf(line, sizeof line, "%lld %s %d %s\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec, call, shim.error, path);
    if (shim.trace_fd >= 0 && size > 0) syscall(SYS_write, shim.trace_fd, line, (size_t)size);
    return shim.error;
}

static int order_fd(const char *call, int fd) {
    char link[32], path[PATH_MAX];
    if (shim.dir_size == 0 || strcmp(call, shim.call) != 0) return PASS;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int kept = errno;
    ssize_t size = readlink(link, path, sizeof path - 1);
    errno = kept;
    if (size < 0) return PASS;
    path[size] = 0;
    return order(call, path);
}

static int fails(int error) {
    if (error <= 0) return 0;
    errno = error;
    return 1;
}

static size_t half(size_t size) { return size > 1 ? size / 2 : size; }

/* ---- write */

ssize_t write(int fd, const void *bytes, size_t size) {
    NEXT(write);
    int what = order_fd("write", fd);
    return fails(what) ? -1 : next(fd, bytes, what == SHORT ? half(size) : size);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t pos) {
    NEXT(pwrite64);
    int what = order_fd("write", fd);
    return fails(what) ? -1 : next(fd, bytes, what == SHORT ? half(size) : size, pos);
}
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t pos) { return pwrite64(fd, bytes, size, pos); }

ssize_t writev(int fd, const struct iovec *iov, int count) {
    NEXT(writev);
    int what = order_fd("write", fd);
    if (what == SHORT) return write(fd, iov[0].iov_base, half(iov[0].iov_len));
    return fails(what) ? -1 : next(fd, iov, count);
}

ssize_t pwritev64(int fd, const struct iovec *iov, int count, off64_t pos) {
    NEXT(pwritev64);
    int what = order_fd("write", fd);
    if (what == SHORT) {
        struct iovec first = { iov[0].iov_base, half(iov[0].iov_len) };
        return next(fd, &first, 1, pos);
    }
    return fails(what) ? -1 : next(fd, iov, count, pos);
}
ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t pos) { return pwritev64(fd, iov, count, pos); }

/* ---- sync, truncate, allocate */

int fsync(int fd) {
    NEXT(fsync);
    return fails(order_fd("sync", fd)) ? -1 : next(fd);
}

int fdatasync(int fd) {
    NEXT(fdatasync);
    return fails(order_fd("sync", fd)) ? -1 : next(fd);
}

int ftruncate64(int fd, off64_t size) {
    NEXT(ftruncate64);
    return fails(order_fd("truncate", fd)) ? -1 : next(fd, size);
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fallocate64(int fd, int mode, off64_t pos, off64_t size) {
    NEXT(fallocate64);
    return fails(order_fd("allocate", fd)) ? -1 : next(fd, mode, pos, size);
}
int fallocate(int fd, int mode, off_t pos, off_t size) { return fallocate64(fd, mode, pos, size); }

/* ---- read */

ssize_t pread64(int fd, void *bytes, size_t size, off64_t pos) {
    NEXT(pread64);
    return fails(order_fd("read", fd)) ? -1 : next(fd, bytes, size, pos);
}
ssize_t pread(int fd, void *bytes, size_t size, off_t pos) { return pread64(fd, bytes, size, pos); }

/* ---- names */

int rename(const char *from, const char *to) {
    NEXT(rename);
    return fails(order("rename", from)) ? -1 : next(from, to);
}

int unlink(const char *path) {
    NEXT(unlink);
    return fails(order("unlink", path)) ? -1 : next(path);
}

int mkdir(const char *path, mode_t mode) {
    NEXT(mkdir);
    return fails(order("mkdir", path)) ? -1 : next(path, mode);
}

int open64(const char *path, int flags, ...) {
    NEXT(open64);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return fails(order("open", path)) ? -1 : next(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open64(path, flags, mode);
}

/* ---- the clock on the wall */

static int64_t ahead_ns(void) { return shim.clock != NULL ? atomic_load(shim.clock) : 0; }

int clock_gettime(clockid_t clock, struct timespec *out) {
    NEXT(clock_gettime);
    int rc = next(clock, out);
    if (rc != 0 || shim.clock == NULL || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return rc;
    int64_t now = (int64_t)out->tv_sec * 1000000000 + out->tv_nsec + ahead_ns();
    *out = (struct timespec){ now / 1000000000, now % 1000000000 };
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    NEXT(gettimeofday);
    int rc = next(out, zone);
    if (rc == 0 && shim.clock != NULL) out->tv_sec += ahead_ns() / 1000000000;
    return rc;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) *out = now.tv_sec;
    return now.tv_sec;
}
