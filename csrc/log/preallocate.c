/* log/preallocate.c — segments that have their length from the start (preallocate=true), so that a sync has no length to write.
 *
 * Blocks alone do not help: what a sync writes besides the data is the file's length. Zeros behind the last batch are no batch; they are cut at a roll, at a
 * clean stop, and by recovery, as the Java broker does.
 * Thread      the partition's lock */
#include "base/err.h"
#include "log/log_internal.h"

void pb__segment_preallocate(struct pb_log *log, struct pb_segment *segment) {
    const struct pb_env *env = log->env;
    int fd, rc = pb__file_pin(segment->log, &fd);
    if (rc < 0) return;
    rc = env->file_allocate(env->context, fd, 0, log->config->segment_bytes_max);
    if (rc >= 0) rc = env->file_truncate(env->context, fd, log->config->segment_bytes_max);
    pb__file_unpin(segment->log);
    segment->has_rest = rc >= 0;
    if (rc < 0) pb__env_log(env, PB_LOG_WARNING, "event=segment-not-preallocated topic=%s partition=%d segment=%lld errno=%d", log->topic, log->partition, (long long)segment->base_offset, -rc);
}

int pb__segment_trim(struct pb_segment *segment) {
    if (!segment->has_rest) return 0;
    int rc = pb__file_truncate(segment->log, segment->end_pos);
    if (rc < 0) return rc == PB_E_NOSPACE ? rc : PB_E_IO;
    segment->has_rest = false;
    segment->length_dirty = true;
    return 0;
}
