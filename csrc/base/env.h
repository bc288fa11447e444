/* base/env.h — all that the core asks of the world outside: clock, files, memory, random numbers, workers, log lines.
 *
 * The core reads no clock, opens no file, starts no thread except through here. Two sets exist: pybroker/_core/env_posix.c (the
 * real one) and tests/csrc/sim_env.c (virtual time, faults on the n-th call, torn writes). Sockets go through net/transport.h.
 *
 * Thread      every call may come from any thread at any time
 * Owner       whoever made the struct keeps it until the broker is freed */
#ifndef PB_BASE_ENV_H
#define PB_BASE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum pb_log_level { PB_LOG_DEBUG = 10, PB_LOG_INFO = 20, PB_LOG_WARNING = 30, PB_LOG_ERROR = 40 };

/* How a file is opened. All are close-on-exec; created files are 0600, created directories 0700. */
enum pb_open_flags { PB_OPEN_READ = 1, PB_OPEN_WRITE = 2, PB_OPEN_CREATE = 4, PB_OPEN_TRUNCATE = 8, PB_OPEN_EXCLUSIVE = 16, PB_OPEN_DIRECTORY = 32 };

enum pb_file_kind { PB_FILE_REGULAR = 1, PB_FILE_DIRECTORY = 2, PB_FILE_OTHER = 3 };
struct pb_file_stat { int64_t size_bytes; int64_t mtime_ms; enum pb_file_kind kind; };

typedef void (*pb_work_fn)(void *work);
/* One name of a directory, without "." and "..". Returns 0 to go on, anything else ends the walk and is returned. */
typedef int (*pb_dir_entry_fn)(void *context, const char *name, enum pb_file_kind kind);

/* All file calls return >= 0, or -errno as read on the spot. No call is retried inside except on EINTR. Symbolic links are never
 * followed for the last part of a path. */
struct pb_env {
    void *context;                                                          /* first argument of every call */
    int64_t (*now_ns)(void *context);                                       /* CLOCK_MONOTONIC */
    int64_t (*wall_ms)(void *context);                                      /* milliseconds since 1970, may jump */
    void (*random)(void *context, void *bytes, size_t size_bytes);
    void *(*alloc)(void *context, size_t size_bytes);                       /* NULL when there is none; not zeroed */
    void *(*resize)(void *context, void *memory, size_t size_bytes);        /* as realloc */
    void (*free)(void *context, void *memory);
    void (*log)(void *context, enum pb_log_level level, const char *line);  /* "key=value key=value"; copied before return */
    /* Run work.fn(work) once on a worker thread, soon. 0, or PB_E_LIMIT when the queue is full (the caller runs it itself). */
    int (*submit_work)(void *context, pb_work_fn fn, void *work);

    int (*file_open)(void *context, const char *path, int flags);           /* fd */
    int (*file_close)(void *context, int fd);
    int64_t (*file_pwritev)(void *context, int fd, const struct iovec *iov, int iov_count, int64_t pos);   /* bytes, may be short */
    int64_t (*file_pread)(void *context, int fd, void *bytes, size_t size_bytes, int64_t pos);             /* bytes, 0 at the end */
    int (*file_datasync)(void *context, int fd);
    int (*file_truncate)(void *context, int fd, int64_t size_bytes);
    int (*file_allocate)(void *context, int fd, int64_t pos, int64_t size_bytes);   /* blocks reserved, size kept (FALLOC_FL_KEEP_SIZE) */
    int (*file_stat)(void *context, const char *path, struct pb_file_stat *out);    /* lstat */
    int (*file_size)(void *context, int fd, int64_t *size_bytes_out);
    int (*file_rename)(void *context, const char *from, const char *to);
    int (*file_unlink)(void *context, const char *path);
    int (*file_lock)(void *context, int fd);                                /* exclusive flock, without waiting: -EWOULDBLOCK */
    int (*dir_create)(void *context, const char *path);
    int (*dir_remove)(void *context, const char *path);                     /* an empty one */
    int (*dir_sync)(void *context, const char *path);
    int (*dir_walk)(void *context, const char *path, pb_dir_entry_fn each, void *each_context);
    int64_t (*disk_free_bytes)(void *context, const char *path);
    void (*failpoint)(void *context, const char *name);                     /* debug builds (base/failpoint.h); NULL: nothing is done there */
};

static inline int64_t pb__env_now_ns(const struct pb_env *env) { return env->now_ns(env->context); }
static inline int64_t pb__env_wall_ms(const struct pb_env *env) { return env->wall_ms(env->context); }
static inline void *pb__env_alloc(const struct pb_env *env, size_t size_bytes) { return env->alloc(env->context, size_bytes); }
static inline void *pb__env_resize(const struct pb_env *env, void *memory, size_t size_bytes) { return env->resize(env->context, memory, size_bytes); }
static inline void pb__env_free(const struct pb_env *env, void *memory) {
    if (memory != NULL) env->free(env->context, memory);
}
/* As alloc, every byte 0. */
void *pb__env_zalloc(const struct pb_env *env, size_t size_bytes);
/* A copy of a text, from alloc. NULL when there is no memory. */
char *pb__env_strdup(const struct pb_env *env, const char *text);
/* One log line by printf rules; cut at PB_LOG_LINE_BYTES_MAX. Values from outside are escaped by the caller (pb__env_quote). */
void pb__env_log(const struct pb_env *env, enum pb_log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Bytes from outside as a text for a log line: printable ASCII stays, the rest is \xNN; cut with "…" to size_max. Returns out. */
char *pb__env_quote(char *out, size_t size_max, const void *bytes, size_t size_bytes);

#endif
