/* part/log_dir.h — the state of each directory of log.dirs, read by every append.
 *
 *      GOOD <-> FULL      less than pybroker.disk.min.free.bytes are free, or a write found no space. Appends give PB_E_NOSPACE, all else goes on. Housekeeping
 *        \        /       looks every second and opens it again
 *         OFFLINE         a write or sync failed. Final until the next start: every use of its partitions gives PB_E_OFFLINE, as in Kafka
 *
 * Thread      any; two atomics
 * Owner       struct pb_part_shared, one for each directory */
#ifndef PB_PART_LOG_DIR_H
#define PB_PART_LOG_DIR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"

enum pb_log_dir_state { PB_LOG_DIR_GOOD, PB_LOG_DIR_FULL, PB_LOG_DIR_OFFLINE };
struct pb_log_dir { _Atomic int32_t state; _Atomic int64_t free_bytes; };

struct pb_part_shared;

bool pb__log_dir_is_offline(const struct pb_part_shared *shared, int32_t dir);
bool pb__log_dir_is_full(const struct pb_part_shared *shared, int32_t dir);
/* A write to the directory met this error: PB_E_NOSPACE makes it full, PB_E_IO takes it off-line. Told in the log when that is news. */
void pb__log_dir_failed(struct pb_part_shared *shared, int32_t dir, int error);
/* Look how much is free. */
void pb__log_dir_look(struct pb_part_shared *shared, int32_t dir);

#endif
