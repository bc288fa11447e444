/* log/checkpoint.h — Kafka's checkpoint files of a log directory: "0\n<count>\n<topic> <partition> <offset>\n…".
 *
 * Files       recovery-point-offset-checkpoint, log-start-offset-checkpoint, replication-offset-checkpoint; also the clean-shutdown mark
 *             (.kafka_cleanshutdown: JSON {"version":0,"brokerEpoch":N}) and meta.properties.
 * Thread      control or a worker
 * Source      kafka:storage OffsetCheckpointFile, CleanShutdownFileHandler, kafka:metadata MetaProperties */
#ifndef PB_LOG_CHECKPOINT_H
#define PB_LOG_CHECKPOINT_H

#include "base/env.h"

struct pb_checkpoint_entry { const char *topic; int32_t partition; int64_t offset; };
typedef void (*pb_checkpoint_entry_fn)(void *context, const char *topic, int32_t partition, int64_t offset);

/* Replace path atomically. Topic names are borrowed. */
int pb__checkpoint_write(const struct pb_env *env, const char *path, const struct pb_checkpoint_entry *entries, int32_t count);
/* Each entry of path; PB_E_NOENT; PB_E_CORRUPT_FILE when any line is wrong (then no entry was given): the caller goes on as if absent and logs it. */
int pb__checkpoint_read(const struct pb_env *env, const char *path, pb_checkpoint_entry_fn each, void *context);

#endif
