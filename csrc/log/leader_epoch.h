/* log/leader_epoch.h — which leader epoch began at which offset (KIP-101).
 * On disk     leader-epoch-checkpoint: "0\n<count>\n<epoch> <start offset>\n…"
 * Invariants  E1 epochs and start offsets both rise
 * Thread      the partition's lock */
#ifndef PB_LOG_LEADER_EPOCH_H
#define PB_LOG_LEADER_EPOCH_H

#include <stdbool.h>

#include "base/env.h"

struct pb_epoch { int32_t epoch; int64_t start_offset; };
struct pb_epochs { struct pb_epoch *items; int32_t count, capacity; };

void pb__epochs_deinit(struct pb_epochs *epochs, const struct pb_env *env);
/* Epoch begins at offset, when it is newer than the last. 1: added, 0: not, PB_E_NOMEM. */
int pb__epochs_assign(struct pb_epochs *epochs, const struct pb_env *env, int32_t epoch, int64_t start_offset);
void pb__epochs_truncate_end(struct pb_epochs *epochs, int64_t end_offset); /* drop what begins at or behind */
void pb__epochs_truncate_start(struct pb_epochs *epochs, int64_t start_offset);
int pb__epochs_write(const struct pb_epochs *epochs, const struct pb_env *env, const char *path, bool durable);
/* PB_E_NOENT, PB_E_CORRUPT_FILE: epochs is empty then. */
int pb__epochs_read(struct pb_epochs *epochs, const struct pb_env *env, const char *path);

#endif
