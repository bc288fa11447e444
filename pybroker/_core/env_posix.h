/* _core/env_posix.h — the real world behind struct pb_env: files, clocks, random numbers, memory, and a few worker threads.
 * Thread      init and deinit: control thread, no other use at that time; all calls of env: any
 * Owner       whoever embeds the struct; env.context points into it, so it must not move */
#ifndef PB_CORE_ENV_POSIX_H
#define PB_CORE_ENV_POSIX_H

#include <pthread.h>

#include "base/env.h"

enum { PB_WORKERS_MAX = 32, PB_WORK_QUEUE_MAX = 16384 };

typedef void (*pb_env_log_fn)(void *context, int level, const char *line);

struct pb_work_item { pb_work_fn fn; void *work; };
struct pb_env_posix {
    struct pb_env env;
    pb_env_log_fn log;
    void *log_context;
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    struct pb_work_item *queue;                                             /* ring */
    int32_t head, count;
    int32_t worker_max, worker_count, idle_count;
    int stopping;
    pthread_t workers[PB_WORKERS_MAX];
#ifdef PB_DEBUG
    char failpoint[64];                                                     /* name of the place to fail at, or nothing */
    const char *failpoint_action;
    _Atomic int32_t failpoint_left;                                         /* times until it is the one */
    _Atomic int32_t failing_thread, failing_error;                          /* whose next file call fails, and how */
#endif
};

/* Workers are started when there is work. 0 or PB_E_NOMEM, PB_E_INVALID_ARGUMENT. */
int pb_env_posix_init(struct pb_env_posix *posix, int worker_count, pb_env_log_fn log, void *log_context);
/* Work that waits is done, then the workers end. alloc and free go on working. May be called twice. */
void pb_env_posix_deinit(struct pb_env_posix *posix);

#endif
