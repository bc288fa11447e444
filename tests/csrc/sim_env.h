/* tests/csrc/sim_env.h — a world for the core that a test holds in its hand: files in memory, a clock that is set, faults on the n-th call, power cuts.
 *
 * A file has what was written and what was synced. sim_crash() drops the unsynced part, or keeps `keep_bytes` of it (a torn tail).
 * Faults: the fault_at-th call counted from sim_arm fails with fault_errno, once or from then on. Every call that touches a file, and alloc when
 * count_alloc, counts. Workers run at once, on the caller's thread. */
#ifndef PB_TEST_SIM_ENV_H
#define PB_TEST_SIM_ENV_H

#include "base/env.h"

enum { SIM_FILES_MAX = 256, SIM_FDS_MAX = 256, SIM_PATH_MAX = 256 };

struct sim_file { char path[SIM_PATH_MAX]; uint8_t *bytes; size_t size, synced, capacity; bool is_dir, used, linked; int opens; };
struct sim_env {
    struct pb_env env;
    struct sim_file files[SIM_FILES_MAX];
    int fds[SIM_FDS_MAX];                                                   /* index of file, -1: free */
    int64_t now_ns, wall_ms;
    int64_t calls, fault_at;                                                /* fault_at 0: none */
    int fault_errno;
    bool fault_forever, count_alloc, sync_fails;
    int64_t allocs_live, write_calls, sync_calls;
    uint64_t random;
};

void sim_init(struct sim_env *sim);
void sim_deinit(struct sim_env *sim);                                       /* frees files; checks nothing */
void sim_arm(struct sim_env *sim, int64_t fault_at, int fault_errno, bool forever);
void sim_crash(struct sim_env *sim, size_t keep_bytes);
struct sim_file *sim_find(struct sim_env *sim, const char *path);
int sim_open_count(const struct sim_env *sim);

#endif
