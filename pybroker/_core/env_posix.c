#include "env_posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/failpoint.h"

/* A call again and again while a signal interrupts it; -errno on failure. */
#define RETRY(result, call)                                                                                                                \
    do {                                                                                                                                   \
        result = (call);                                                                                                                   \
    } while (result < 0 && errno == EINTR);                                                                                                \
    if (result < 0) result = -errno

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t now_ns(void *context) { (void)context; return clock_ns(CLOCK_MONOTONIC); }
static int64_t wall_ms(void *context) { (void)context; return clock_ns(CLOCK_REALTIME) / 1000000; }

static void random_bytes(void *context, void *bytes, size_t size_bytes) {
    (void)context;
    for (char *at = bytes; size_bytes > 0;) {
        ssize_t got = getrandom(at, size_bytes, 0);
        if (got < 0 && errno != EINTR) abort();                             /* no kernel we run on can refuse */
        if (got > 0) {
            at += got;
            size_bytes -= (size_t)got;
        }
    }
}

static void *alloc_bytes(void *context, size_t size_bytes) { (void)context; return malloc(size_bytes); }
static void *resize_bytes(void *context, void *memory, size_t size_bytes) { (void)context; return realloc(memory, size_bytes); }
static void free_bytes(void *context, void *memory) { (void)context; free(memory); }

static void log_line(void *context, enum pb_log_level level, const char *line) {
    struct pb_env_posix *posix = context;
    posix->log(posix->log_context, (int)level, line);
}

/* ---- workers */

static void *work_loop(void *context) {
    struct pb_env_posix *posix = context;
    pthread_mutex_lock(&posix->lock);
    for (;;) {
        while (posix->count == 0 && !posix->stopping) {
            posix->idle_count++;
            pthread_cond_wait(&posix->wanted, &posix->lock);
            posix->idle_count--;
        }
        if (posix->count == 0) break;
        struct pb_work_item item = posix->queue[posix->head];
        posix->head = (posix->head + 1) % PB_WORK_QUEUE_MAX;
        posix->count--;
        pthread_mutex_unlock(&posix->lock);
        item.fn(item.work);
        pthread_mutex_lock(&posix->lock);
    }
    pthread_mutex_unlock(&posix->lock);
    return NULL;
}

/* One more worker; without one the queue is worked off by those there are. lock held. */
static void start_worker(struct pb_env_posix *posix) {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&posix->workers[posix->worker_count], NULL, work_loop, posix) == 0) {
        pthread_setname_np(posix->workers[posix->worker_count], "pb-worker");
        posix->worker_count++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static int submit_work(void *context, pb_work_fn fn, void *work) {
    struct pb_env_posix *posix = context;
    pthread_mutex_lock(&posix->lock);
    if (posix->idle_count <= posix->count && posix->worker_count < posix->worker_max && !posix->stopping) start_worker(posix);
    int rc = posix->count == PB_WORK_QUEUE_MAX || posix->worker_count == 0 || posix->stopping ? PB_E_LIMIT : 0;
    if (rc == 0) {
        posix->queue[(posix->head + posix->count++) % PB_WORK_QUEUE_MAX] = (struct pb_work_item){ fn, work };
        pthread_cond_signal(&posix->wanted);
    }
    pthread_mutex_unlock(&posix->lock);
    return rc;
}

/* ---- places to fail at (base/failpoint.h) */

#ifdef PB_DEBUG
static void failpoint(void *context, const char *name) {
    struct pb_env_posix *posix = context;
    if (strcmp(name, posix->failpoint) != 0 || atomic_fetch_sub(&posix->failpoint_left, 1) != 1) return;
    if (strcmp(posix->failpoint_action, "exit") == 0) _exit(PB_FAILPOINT_STATUS);
    if (strcmp(posix->failpoint_action, "stop") == 0) {
        raise(SIGSTOP);                                                     /* at this thread: it goes no further, and all others stop with it */
        return;
    }
    atomic_store(&posix->failing_error, strcmp(posix->failpoint_action, "eio") == 0 ? EIO : ENOSPC);
    atomic_store(&posix->failing_thread, gettid());
}

/* The errno that this thread's file call fails with, once; or 0. */
static int take_failure(struct pb_env_posix *posix) {
    int32_t self = gettid();
    return atomic_load(&posix->failing_thread) == self && atomic_compare_exchange_strong(&posix->failing_thread, &self, 0) ? atomic_load(&posix->failing_error) : 0;
}

#define FAIL_IF_TOLD(context)                                                                                                              \
    do {                                                                                                                                   \
        int told = take_failure(context);                                                                                                  \
        if (told != 0) return -told;                                                                                                       \
    } while (0)

/* name[:count][:action]. Returns 0, or PB_E_INVALID_ARGUMENT for what is none of that. */
static int read_failpoint(struct pb_env_posix *posix, const char *text) {
    static const char *const actions[] = { "exit", "stop", "eio", "enospc" };
    size_t size = strcspn(text, ":");
    if (size >= sizeof posix->failpoint) return PB_E_INVALID_ARGUMENT;
    memcpy(posix->failpoint, text, size);
    int32_t known = 0, count = 1;
    for (int i = 0; i < PB_FAILPOINT_COUNT; i++) known += strcmp(posix->failpoint, pb_failpoint_name((enum pb_failpoint)i)) == 0;
    char *rest = (char *)(uintptr_t)text + size;
    if (rest[0] == ':' && rest[1] >= '0' && rest[1] <= '9') count = (int32_t)strtol(rest + 1, &rest, 10);
    posix->failpoint_action = rest[0] == 0 ? actions[0] : NULL;
    for (size_t i = 0; rest[0] == ':' && i < sizeof actions / sizeof *actions; i++)
        if (strcmp(rest + 1, actions[i]) == 0) posix->failpoint_action = actions[i];
    atomic_store(&posix->failpoint_left, count);
    return known == 1 && count >= 1 && posix->failpoint_action != NULL ? 0 : PB_E_INVALID_ARGUMENT;
}
#else
#define FAIL_IF_TOLD(context) (void)(context)
#endif

/* ---- files */

static int file_open(void *context, const char *path, int flags) {
    int mode = O_CLOEXEC | O_NOFOLLOW, rc;
    FAIL_IF_TOLD(context);
    mode |= flags & PB_OPEN_WRITE ? flags & PB_OPEN_READ ? O_RDWR : O_WRONLY : O_RDONLY;
    if (flags & PB_OPEN_CREATE) mode |= O_CREAT;
    if (flags & PB_OPEN_TRUNCATE) mode |= O_TRUNC;
    if (flags & PB_OPEN_EXCLUSIVE) mode |= O_EXCL;
    if (flags & PB_OPEN_DIRECTORY) mode |= O_DIRECTORY;
    RETRY(rc, open(path, mode, 0600));
    return rc;
}

static int file_close(void *context, int fd) { (void)context; return close(fd) < 0 && errno != EINTR ? -errno : 0; }

static int64_t file_pwritev(void *context, int fd, const struct iovec *iov, int iov_count, int64_t pos) {
    ssize_t rc;
    FAIL_IF_TOLD(context);
    RETRY(rc, pwritev(fd, iov, iov_count, pos));
    return rc;
}

static int64_t file_pread(void *context, int fd, void *bytes, size_t size_bytes, int64_t pos) {
    ssize_t rc;
    FAIL_IF_TOLD(context);
    RETRY(rc, pread(fd, bytes, size_bytes, pos));
    return rc;
}

static int file_datasync(void *context, int fd) {
    FAIL_IF_TOLD(context);
    return fdatasync(fd) < 0 ? -errno : 0;                                  /* never again after a failure: the pages are gone */
}

static int file_truncate(void *context, int fd, int64_t size_bytes) {
    int rc;
    FAIL_IF_TOLD(context);
    RETRY(rc, ftruncate(fd, size_bytes));
    return rc;
}

static int file_allocate(void *context, int fd, int64_t pos, int64_t size_bytes) {
    int rc;
    FAIL_IF_TOLD(context);
    RETRY(rc, fallocate(fd, FALLOC_FL_KEEP_SIZE, pos, size_bytes));
    return rc;
}

static enum pb_file_kind kind_of(mode_t mode) { return S_ISREG(mode) ? PB_FILE_REGULAR : S_ISDIR(mode) ? PB_FILE_DIRECTORY : PB_FILE_OTHER; }

static int file_stat(void *context, const char *path, struct pb_file_stat *out) {
    struct stat status;
    (void)context;
    if (lstat(path, &status) < 0) return -errno;
    *out = (struct pb_file_stat){ status.st_size, (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000, kind_of(status.st_mode) };
    return 0;
}

static int file_size(void *context, int fd, int64_t *size_bytes_out) {
    struct stat status;
    (void)context;
    if (fstat(fd, &status) < 0) return -errno;
    *size_bytes_out = status.st_size;
    return 0;
}

static int file_rename(void *context, const char *from, const char *to) { FAIL_IF_TOLD(context); return rename(from, to) < 0 ? -errno : 0; }
static int file_unlink(void *context, const char *path) { FAIL_IF_TOLD(context); return unlink(path) < 0 ? -errno : 0; }
static int file_lock(void *context, int fd) { (void)context; return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0; }
static int dir_create(void *context, const char *path) { FAIL_IF_TOLD(context); return mkdir(path, 0700) < 0 ? -errno : 0; }
static int dir_remove(void *context, const char *path) { FAIL_IF_TOLD(context); return rmdir(path) < 0 ? -errno : 0; }

static int dir_sync(void *context, const char *path) {
    int fd = file_open(context, path, PB_OPEN_READ | PB_OPEN_DIRECTORY);
    if (fd < 0) return fd;
    int rc = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

static int dir_walk(void *context, const char *path, pb_dir_entry_fn each, void *each_context) {
    (void)context;
    DIR *dir = opendir(path);
    if (dir == NULL) return -errno;
    int rc = 0;
    for (struct dirent *entry; rc == 0;) {
        errno = 0;
        if ((entry = readdir(dir)) == NULL) {
            rc = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        struct stat status;
        enum pb_file_kind kind = entry->d_type == DT_REG ? PB_FILE_REGULAR : entry->d_type == DT_DIR ? PB_FILE_DIRECTORY : PB_FILE_OTHER;
        if (entry->d_type == DT_UNKNOWN && fstatat(dirfd(dir), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) kind = kind_of(status.st_mode);
        rc = each(each_context, entry->d_name, kind);
    }
    closedir(dir);
    return rc;
}

static int64_t disk_free_bytes(void *context, const char *path) {
    struct statvfs status;
    (void)context;
    return statvfs(path, &status) < 0 ? -errno : (int64_t)status.f_bavail * (int64_t)status.f_frsize;
}

int pb_env_posix_init(struct pb_env_posix *posix, int worker_count, pb_env_log_fn log, void *log_context) {
    if (worker_count < 1 || worker_count > PB_WORKERS_MAX) return PB_E_INVALID_ARGUMENT;
    *posix = (struct pb_env_posix){ .log = log, .log_context = log_context, .worker_max = worker_count };
    posix->queue = malloc(PB_WORK_QUEUE_MAX * sizeof *posix->queue);
    if (posix->queue == NULL) return PB_E_NOMEM;
    pthread_mutex_init(&posix->lock, NULL);
    pthread_cond_init(&posix->wanted, NULL);
    posix->env = (struct pb_env){
        .context = posix, .now_ns = now_ns, .wall_ms = wall_ms, .random = random_bytes, .alloc = alloc_bytes, .resize = resize_bytes, .free = free_bytes,
        .log = log_line, .submit_work = submit_work, .file_open = file_open, .file_close = file_close, .file_pwritev = file_pwritev, .file_pread = file_pread,
        .file_datasync = file_datasync, .file_truncate = file_truncate, .file_allocate = file_allocate, .file_stat = file_stat, .file_size = file_size,
        .file_rename = file_rename, .file_unlink = file_unlink, .file_lock = file_lock, .dir_create = dir_create, .dir_remove = dir_remove, .dir_sync = dir_sync,
        .dir_walk = dir_walk, .disk_free_bytes = disk_free_bytes,
    };
#ifdef PB_DEBUG
    const char *order = getenv("PYBROKER_FAILPOINT");
    if (order != NULL && read_failpoint(posix, order) < 0) {
        pb_env_posix_deinit(posix);
        return PB_E_INVALID_ARGUMENT;
    }
    if (order != NULL) posix->env.failpoint = failpoint;
#endif
    return 0;
}

void pb_env_posix_deinit(struct pb_env_posix *posix) {
    pthread_mutex_lock(&posix->lock);
    posix->stopping = 1;
    pthread_cond_broadcast(&posix->wanted);
    pthread_mutex_unlock(&posix->lock);
    for (int i = 0; i < posix->worker_count; i++) pthread_join(posix->workers[i], NULL);
    posix->worker_count = 0;
    free(posix->queue);
    posix->queue = NULL;
}
