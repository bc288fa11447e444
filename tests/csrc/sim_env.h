/* tests/csrc/sim_env.h — a world for the core that a test holds in its hand: files in memory, a clock that is set, faults on the n-th call, power cuts.
 *
 * Files       have what was written and what a sync brought to the disk, names as well: a name is on the disk once its directory was synced
 * Power cut   sim_crash() keeps what was synced and `keep_bytes` of the rest (a torn tail). sim_crash_badly() lets chance decide for every 512 bytes
 *             whether the old, the new or (behind the old end) nothing but zeros is found, and up to which change of a name the journal came: those before
 *             are on the disk, those after are not (file systems keep the order of names; of bytes they do not)
 * Faults      the fault_at-th call counted from sim_arm fails with fault_errno, once or from then on. Every call that touches a file counts, of the kinds and
 *             on the names that sim_arm_on says; memory when count_alloc
 * Workers     run at once, on the caller's thread */
#ifndef PB_TEST_SIM_ENV_H
#define PB_TEST_SIM_ENV_H

#include "base/env.h"

enum { SIM_FILES_MAX = 256, SIM_FDS_MAX = 256, SIM_PATH_MAX = 256, SIM_PAGE_BYTES = 512, SIM_LINE_MAX = 256 };
enum sim_call { SIM_OPEN = 1, SIM_WRITE = 2, SIM_READ = 4, SIM_SYNC = 8, SIM_TRUNCATE = 16, SIM_NAMES = 32, SIM_OTHER = 64, SIM_MEMORY = 128 };

struct sim_file {
    char path[SIM_PATH_MAX];
    char disk_path[SIM_PATH_MAX];                                           /* the name that is on the disk; empty: none */
    uint8_t *bytes, *disk;
    size_t size, synced, capacity, disk_size;
    bool is_dir, used, linked;
    int opens;
    int64_t named_at;                                                       /* number of the last change of the name */
};
struct sim_env {
    struct pb_env env;
    struct sim_file files[SIM_FILES_MAX];
    int fds[SIM_FDS_MAX];                                                   /* index of file, -1: free */
    int64_t now_ns, wall_ms;
    int64_t calls, fault_at;                                                /* fault_at 0: none */
    int fault_errno;
    unsigned fault_kinds;                                                   /* of enum sim_call; 0: all */
    const char *fault_suffix;                                               /* names that end so; NULL: all */
    bool fault_forever, count_alloc, sync_fails;
    size_t write_bytes_max;                                                 /* a write takes no more; 0: all of it */
    int64_t allocs_live, write_calls, sync_calls, read_calls, read_bytes;
    int64_t name_changes;
    uint64_t random;
    char last_line[SIM_LINE_MAX];                                           /* that was logged as a warning or an error */
};

void sim_init(struct sim_env *sim);
void sim_deinit(struct sim_env *sim);                                       /* frees files; checks nothing */
void sim_arm(struct sim_env *sim, int64_t fault_at, int fault_errno, bool forever);
void sim_arm_on(struct sim_env *sim, unsigned kinds, const char *suffix, int64_t fault_at, int fault_errno, bool forever);
void sim_disarm(struct sim_env *sim);
void sim_crash(struct sim_env *sim, size_t keep_bytes);
void sim_crash_badly(struct sim_env *sim);
struct sim_file *sim_find(struct sim_env *sim, const char *path);
int sim_open_count(const struct sim_env *sim);
uint64_t sim_random(struct sim_env *sim, uint64_t below);

#endif
