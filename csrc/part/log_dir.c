#include "part/log_dir.h"

#include "base/assert.h"
#include "base/err.h"
#include "part/partition.h"

static int32_t state_of(const struct pb_part_shared *shared, int32_t dir) { return atomic_load_explicit(&shared->dirs[dir].state, memory_order_acquire); }
bool pb__log_dir_is_offline(const struct pb_part_shared *shared, int32_t dir) { return PB_UNLIKELY(state_of(shared, dir) == PB_LOG_DIR_OFFLINE); }
bool pb__log_dir_is_full(const struct pb_part_shared *shared, int32_t dir) { return PB_UNLIKELY(state_of(shared, dir) == PB_LOG_DIR_FULL); }

/* From `from` alone; OFFLINE is left by nothing. */
static bool move(struct pb_part_shared *shared, int32_t dir, int32_t from, int32_t to) { return atomic_compare_exchange_strong(&shared->dirs[dir].state, &from, to); }

static void go_offline(struct pb_part_shared *shared, int32_t dir) {
    if (atomic_exchange(&shared->dirs[dir].state, PB_LOG_DIR_OFFLINE) == PB_LOG_DIR_OFFLINE) return;
    atomic_fetch_add_explicit(&shared->offline_changes, 1, memory_order_relaxed);
    pb__env_log(shared->env, PB_LOG_ERROR, "event=log-dir-offline path=%s until=restart", shared->log_dirs[dir]);
    for (int32_t i = 0; i < shared->log_dir_count; i++)
        if (state_of(shared, i) != PB_LOG_DIR_OFFLINE) return;
    pb__env_log(shared->env, PB_LOG_ERROR, "event=all-log-dirs-offline count=%d until=restart", shared->log_dir_count);
}

void pb__log_dir_failed(struct pb_part_shared *shared, int32_t dir, int error) {
    if (error == PB_E_IO) go_offline(shared, dir);
    if (error == PB_E_NOSPACE && move(shared, dir, PB_LOG_DIR_GOOD, PB_LOG_DIR_FULL))
        pb__env_log(shared->env, PB_LOG_ERROR, "event=log-dir-full path=%s writes=refused", shared->log_dirs[dir]);
}

void pb__log_dir_look(struct pb_part_shared *shared, int32_t dir) {
    const struct pb_env *env = shared->env;
    const char *path = shared->log_dirs[dir];
    if (pb__log_dir_is_offline(shared, dir)) return;
    int64_t free_bytes = env->disk_free_bytes(env->context, path), least = shared->disk_free_bytes_min;
    if (free_bytes < 0) {                                                   /* a disk that cannot be asked is judged by its writes */
        pb__env_log(env, PB_LOG_WARNING, "event=disk-space-unknown path=%s errno=%d", path, (int)-free_bytes);
        return;
    }
    shared->dirs[dir].free_bytes = free_bytes;
    if (free_bytes < least && move(shared, dir, PB_LOG_DIR_GOOD, PB_LOG_DIR_FULL))
        pb__env_log(env, PB_LOG_ERROR, "event=log-dir-full path=%s writes=refused free_bytes=%lld least_bytes=%lld", path, (long long)free_bytes, (long long)least);
    if (free_bytes >= least && move(shared, dir, PB_LOG_DIR_FULL, PB_LOG_DIR_GOOD))
        pb__env_log(env, PB_LOG_WARNING, "event=log-dir-has-space path=%s writes=accepted free_bytes=%lld", path, (long long)free_bytes);
}
